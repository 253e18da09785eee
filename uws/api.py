"""JSON interface of the job types (`/api/job-types`): what a client needs to make a form or check parameters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from uws.jobtypes import JobType, job_type, job_types
from vo.errors import NotFoundFault
from vo.http import base_url


def described(kind: JobType, base: str) -> dict[str, Any]:
    """A job type as JSON: its service, the JSON schema of its parameters, its inputs and outputs by role."""
    return {
        "name": kind.name,
        "version": kind.version,
        "title": kind.title,
        "description": kind.description,
        "service": f"{base}/uws/{kind.name}",
        "parameters": kind.parameters.model_json_schema(),
        "inputs": [
            {"role": i.name, "description": i.description, "product_types": i.product_types} for i in kind.inputs
        ],
        "outputs": [{"role": o.name, "description": o.description, "media_type": o.media_type} for o in kind.outputs],
    }


class JobTypes(APIView):
    """The job types of this installation."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        return Response([described(kind, base_url(request)) for kind in job_types()])


class JobTypeDetail(APIView):
    """One job type."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, name: str) -> Response:
        try:
            kind = job_type(name)
        except KeyError:
            raise NotFoundFault(f"there is no job type {name!r}") from None
        return Response(described(kind, base_url(request)))
