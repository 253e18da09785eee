"""JSON interface of the job types (`/api/job-types`): what a client needs to make a form or check parameters."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from uws import offers
from uws.describe import description
from uws.jobtypes import job_types
from vo.errors import NotFoundFault
from vo.http import base_url


class InputSerializer(serializers.Serializer[dict[str, object]]):
    """Data that a job type uses."""

    role = serializers.CharField()
    description = serializers.CharField()
    product_types = serializers.ListField(child=serializers.CharField())
    multiple = serializers.BooleanField()


class OutputSerializer(serializers.Serializer[dict[str, object]]):
    """A result of a job type."""

    role = serializers.CharField(help_text="result id of UWS")
    description = serializers.CharField()
    filename = serializers.CharField()
    media_type = serializers.CharField()
    optional = serializers.BooleanField(help_text="it may be absent")


class JobTypeSerializer(serializers.Serializer[dict[str, object]]):
    """A job type: its service, the JSON schema of its parameters, its inputs and outputs by role."""

    name = serializers.CharField()
    version = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    service = serializers.URLField(help_text="a UWS 1.1 job list")
    parameters = serializers.DictField(help_text="JSON schema, 2020-12")
    inputs = InputSerializer(many=True)
    outputs = OutputSerializer(many=True)
    execution_duration = serializers.IntegerField(help_text="s, at most")


class JobTypes(APIView):
    """The job types of this installation."""

    @extend_schema(responses=JobTypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response([description(kind, base_url(request)) for kind in offers.offered()])


class JobTypeDetail(APIView):
    """One job type."""

    @extend_schema(responses=JobTypeSerializer)
    def get(self, request: Request, name: str) -> Response:
        for kind in job_types():
            if kind.name == name:
                return Response(description(kind, base_url(request)))
        raise NotFoundFault(f"there is no job type {name!r}")
