"""JSON interface of the archive (`/api/`): collections, observations, names. Read-only, under the archive's policy."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, pagination, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from archive.models import Collection, Observation, Product
from archive.names import resolve, target_key
from archive.policy import POLICY, viewer_of
from vo.dali import Parameters
from vo.errors import UsageFault


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection and how many observations it has."""

    observations = serializers.IntegerField()

    class Meta:
        model = Collection
        fields = ["name", "title", "description", "facility_name", "observations"]


class ProductSerializer(serializers.ModelSerializer[Product]):
    """A product of an observation; `did` is what DataLink and retrieval take as ID."""

    class Meta:
        model = Product
        fields = ["did", "subtype", "semantics", "description"]


class ObservationSerializer(serializers.ModelSerializer[Observation]):
    """An observation. Positions ICRS deg, times MJD UTC and s, energies TeV."""

    collection = serializers.CharField(source="release.collection.name")
    release = serializers.CharField(source="release.name")
    products = ProductSerializer(many=True)

    class Meta:
        model = Observation
        exclude = ["id", "target_key"]


class Page(pagination.LimitOffsetPagination):
    """`limit` and `offset`."""

    default_limit = 100
    max_limit = 1000


class Collections(generics.ListAPIView[Collection]):
    """The collections of this archive."""

    serializer_class = CollectionSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Any]:
        return Collection.objects.annotate(observations=Count("releases__observations")).order_by("name")


@extend_schema(
    parameters=[
        OpenApiParameter("collection", OpenApiTypes.STR, description="name of a collection"),
        OpenApiParameter("target", OpenApiTypes.STR, description="target as the observatory named it"),
        OpenApiParameter("obs_id", OpenApiTypes.STR, many=True, description="identifiers of observations"),
    ]
)
class Observations(generics.ListAPIView[Observation]):
    """Observations by collection, target or identifier, in the order of time."""

    serializer_class = ObservationSerializer
    pagination_class = Page

    def get_queryset(self) -> QuerySet[Observation]:
        parameters = Parameters.of(self.request)
        found = POLICY.observations(viewer_of(self.request))
        if collection := parameters.one("collection"):
            found = found.filter(release__collection__name=collection)
        if target := parameters.one("target"):
            found = found.filter(target_key=target_key(target))
        if identifiers := parameters.all("obs_id"):
            found = found.filter(obs_id__in=identifiers)
        return found.select_related("release__collection").prefetch_related("products").order_by("t_start", "id")


class Resolve(APIView):
    """The position of a target: the archive's own names first, then Sesame."""

    @extend_schema(
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, required=True)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        name = Parameters.of(request).one("name")
        if not name:
            raise UsageFault("give the name of a target: name")
        found = resolve(name)
        return Response({"name": found.name, "ra": found.ra, "dec": found.dec, "source": found.source})
