"""URLs of the room `archive`, from the root of the service."""

from django.urls import re_path

from archive.retrieval import views as retrieval
from archive.sia2 import views as sia2
from archive.soda import views as soda
from archive.soda.jobs import JOB_TYPE
from archive.views import links
from tap.views import missing
from uws.urls import job_list_urls

urlpatterns = [
    re_path(r"^datalink/links/?$", links, name="links"),
    re_path(r"^soda/sync/?$", soda.sync, name="soda-sync"),
    *job_list_urls("soda/async", JOB_TYPE, "soda-async-"),
    re_path(r"^soda/capabilities/?$", soda.capabilities, name="soda-capabilities"),
    re_path(r"^soda/availability/?$", soda.availability, name="soda-availability"),
    re_path(r"^soda/examples/?$", soda.examples, name="soda-examples"),
    re_path(r"^soda/?$", missing),
    re_path(r"^soda/.*$", missing),
    re_path(r"^retrieve/?$", retrieval.retrieve, name="retrieve"),
    re_path(r"^retrieve/bundle/?$", retrieval.bundle, name="retrieve-bundle"),
    re_path(r"^retrieve/script/?$", retrieval.script, name="retrieve-script"),
    re_path(r"^retrieve/urls/?$", retrieval.urls, name="retrieve-urls"),
    re_path(r"^retrieve/checksums/?$", retrieval.checksums, name="retrieve-checksums"),
    re_path(r"^sia2/query/?$", sia2.query, name="sia2-query"),
    re_path(r"^sia2/capabilities/?$", sia2.capabilities, name="sia2-capabilities"),
    re_path(r"^sia2/availability/?$", sia2.availability, name="sia2-availability"),
    re_path(r"^sia2/?$", missing),
    re_path(r"^sia2/.*$", missing),
]
