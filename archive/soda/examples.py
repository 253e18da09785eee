"""Example requests of the SODA service, of an observation that is there (SODA 1.0 and DALI 1.1, sections 2.3)."""

from __future__ import annotations

from urllib.parse import urlencode

from archive.models import Product
from archive.policy import POLICY
from archive.soda.capabilities import SYNC_STANDARD, sync_url
from tap.registry import Viewer
from vo.xmltext import DECLARATION, content, element

_VOCABULARY = "http://www.ivoa.net/rdf/examples#"
_RADIUS = 0.5
"""deg"""


def document(base_url: str, viewer: Viewer) -> bytes:
    """The page, in XHTML with RDFa; without observations it has no example."""
    found = [_example(base_url, product) for product in _shown(viewer)]
    page = element(
        "html",
        {"xmlns": "http://www.w3.org/1999/xhtml", "lang": "en", "xml:lang": "en"},
        element("head", {}, element("title", {}, "Example cut-outs")),
        element(
            "body", {}, element("h1", {}, "Example cut-outs"), element("div", {"vocab": _VOCABULARY}, *found)
        ),
    )  # fmt: skip
    return f"{DECLARATION}<!DOCTYPE html>\n{page}\n".encode()


def _shown(viewer: Viewer) -> list[Product]:
    """One observation that anybody may read."""
    products = POLICY.products(viewer).filter(
        semantics="#this", subtype="event-bundle", observation__ra_pnt__isnull=False
    )
    product = products.select_related("observation").order_by("pk").first()
    return [product] if product is not None and POLICY.may_read(product, Viewer()) else []


def _example(base_url: str, product: Product) -> str:
    observation = product.observation
    assert observation is not None
    given = {
        "ID": product.did,
        "CIRCLE": f"{observation.ra_pnt!r} {observation.dec_pnt!r} {_RADIUS}",
        "ENERGY": "1 +Inf",
        "IRFS": "trim",
    }
    url = f"{sync_url(base_url)}?{urlencode(given)}"
    return element(
        "div",
        {"typeof": "example", "id": "events", "resource": "#events"},
        element("h2", {"property": "name"}, "Events above 1 TeV around the pointing of a run"),
        element("p", {}, "Capability: ", element("em", {"property": "capability"}, content(SYNC_STANDARD))),
        element("ul", {}, *(_parameter(name, value) for name, value in given.items())),
        element("p", {}, element("a", {"href": url}, content(url))),
    )


def _parameter(name: str, value: str) -> str:
    return element(
        "li",
        {"property": "generic-parameter", "typeof": "keyval"},
        element("span", {"property": "key"}, content(name)),
        " = ",
        element("span", {"property": "value"}, content(value)),
    )
