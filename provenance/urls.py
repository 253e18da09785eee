"""URLs of the room `provenance`."""

from django.urls import re_path

from provenance.views import provsap

urlpatterns = [re_path(r"^provsap/?$", provsap, name="provsap")]
