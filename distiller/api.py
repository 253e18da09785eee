"""URLs of the JSON interface, and its OpenAPI description."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from archive.api import Collections, Observations, Resolve
from uws.api import JobTypeDetail, JobTypes

urlpatterns = [
    path("collections", Collections.as_view(), name="api-collections"),
    path("observations", Observations.as_view(), name="api-observations"),
    path("resolve", Resolve.as_view(), name="api-resolve"),
    path("job-types", JobTypes.as_view(), name="api-job-types"),
    path("job-types/<str:name>", JobTypeDetail.as_view(), name="api-job-type"),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
]
