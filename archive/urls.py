"""URLs of the room `archive`, from the root of the service."""

from django.urls import re_path

from archive.views import links, retrieve

urlpatterns = [
    re_path(r"^datalink/links/?$", links, name="links"),
    re_path(r"^retrieve/?$", retrieve, name="retrieve"),
]
