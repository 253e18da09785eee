"""The ProvSAP endpoint."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from provenance import policy
from provenance.provsap import Request, answer
from vo.dali import Parameters
from vo.http import base_url, vo_endpoint


@vo_endpoint()
def provsap(request: HttpRequest) -> HttpResponse:
    """Provenance of entities, activities and agents as PROV-JSON, PROV-N, PROV-XML or a picture (ProvSAP)."""
    asked = Request.of(Parameters.of(request))
    result = answer(asked, policy.viewer_of(request), base_url(request))
    response = HttpResponse(result.text, content_type=result.media_type)
    response["Vary"] = "Cookie, Authorization"
    if result.truncated:
        response["X-Overflow"] = "the answer was cut at a limit"
    return response
