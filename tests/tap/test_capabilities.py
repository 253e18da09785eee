"""The capabilities document declares what works, no more and no less."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from defusedxml.ElementTree import fromstring
from django.conf import settings
from django.test import Client
from pyvo.io.vosi import parse_capabilities

from tap import outputs
from tap.adql.functions import features
from tap.request import FORMATS
from vo.formats import choose

pytestmark = pytest.mark.django_db
PREFIX = "ivo://ivoa.net/std/"


@pytest.fixture
def document(client: Client) -> ET.Element:
    return fromstring(client.get("/tap/capabilities").content)  # type: ignore[no-any-return]


def test_capabilities_of_the_endpoints(client: Client, document: ET.Element) -> None:
    """TAP 1.1 section 2.4 (TAP-06, 104), VOSI 1.1 section 4 (VR-05): each endpoint once, at a URL that answers."""
    found = {c.get("standardID"): c for c in document.iter("capability")}
    assert list(found) == [
        f"{PREFIX}{name}"
        for name in ("TAP", "VOSI#capabilities", "VOSI#availability", "VOSI#tables-1.1", "DALI#examples")
    ]
    interface = found[f"{PREFIX}TAP"].find("interface")
    assert interface is not None
    assert (interface.get("role"), interface.get("version")) == ("std", "1.1")
    assert interface.find("accessURL").attrib == {"use": "base"}  # type: ignore[union-attr]
    urls = [str(c.findtext("interface/accessURL")) for c in found.values()]
    assert urls[0] == "http://testserver/tap"
    assert [client.get(url).status_code for url in urls] == [200] * 5


def test_urls_are_those_of_the_request(client: Client) -> None:
    body = client.get("/tap/capabilities", headers={"host": "127.0.0.1:9999"}).content
    assert b">http://127.0.0.1:9999/tap<" in body


def test_language(document: ET.Element) -> None:
    """TAPRegExt 1.0 section 2.3 (TAP-90), ADQL 2.1 section 4.1 (ADQL-50, 51)."""
    language = document.find(".//language")
    assert language is not None
    assert [(v.get("ivo-id"), v.text) for v in language.iter("version")] == [
        (f"{PREFIX}ADQL#v2.0", "2.0"),
        (f"{PREFIX}ADQL#v2.1", "2.1"),
    ]
    declared = {str(f.get("type")): [x.text for x in f.iter("form")] for f in language.iter("languageFeatures")}
    for group, members in features().items():
        assert declared.pop(f"{PREFIX}tapregext#features-{group}") == [form for form, _ in members]
    camel = {group.rpartition("features-")[2] for group in declared}
    assert camel == {"udf", "adqlgeo"} & set(features())
    assert all(group.startswith(f"{PREFIX}TAPRegExt#features-") for group in declared)


def test_formats_are_offered(document: ET.Element) -> None:
    """TAPRegExt 1.0 section 2.4 (TAP-91): every declared media type and alias is taken; the default comes first."""
    formats = list(document.iter("outputFormat"))
    assert formats[0].findtext("mime") == "application/x-votable+xml"
    names = [str(e.text) for f in formats for e in f if e.tag in ("mime", "alias")]
    assert len(set(names)) == len(names)
    further = outputs.media_types()
    assert {choose(name, FORMATS, further=further).kind for name in names} == {*FORMATS, *further}
    serializations = {str(f.get("ivo-id")): choose(str(f.findtext("mime"))).serialization for f in formats[:3]}
    assert serializations == {
        f"{PREFIX}TAPRegExt#output-votable-binary2": "binary2",
        f"{PREFIX}TAPRegExt#output-votable-td": "tabledata",
        f"{PREFIX}TAPRegExt#output-votable-binary": "binary",
    }


def test_uploads(document: ET.Element) -> None:
    """TAPRegExt 1.0 section 2.5 (TAP-91, 92): in the request, and by the schemes that are fetched; between formats and
    limits."""
    methods = [m.get("ivo-id") for m in document.iter("uploadMethod")]
    assert methods == [f"{PREFIX}TAPRegExt#upload-{way}" for way in ("inline", "http", "https")]
    (limit,) = document.iter("uploadLimit")
    assert {e.get("unit") for e in limit} == {"byte"}
    access = next(c for c in document.iter("capability") if c.get("standardID") == f"{PREFIX}TAP")
    tags = [e.tag for e in access]
    assert tags == sorted(tags, key=lambda tag: _ORDER.index(tag))


_ORDER = (
    *("interface", "dataModel", "language", "outputFormat", "uploadMethod"),
    *("retentionPeriod", "executionDuration", "outputLimit", "uploadLimit"),
)


def test_limits_are_the_true_ones(document: ET.Element) -> None:
    """TAPRegExt 1.0 section 2.6 (TAP-94)."""
    limits = {
        e.tag: {limit.tag: int(str(limit.text)) for limit in e}
        for e in document.iter()
        if e.tag.endswith(("Limit", "Duration", "Period"))
    }
    assert limits == {
        "executionDuration": dict.fromkeys(("default", "hard"), settings.DISTILLER_TAP_ASYNC_TIMEOUT[0]),
        "retentionPeriod": dict.fromkeys(("default", "hard"), settings.DISTILLER_JOB_RETENTION_DAYS * 86400),
        "outputLimit": {
            "default": settings.DISTILLER_TAP_DEFAULT_MAXREC[0],
            "hard": settings.DISTILLER_TAP_HARD_MAXREC[0],
        },
        "uploadLimit": dict.fromkeys(("default", "hard"), settings.DISTILLER_UPLOAD_MAX_BYTES[0]),
    }


def test_nothing_is_promised_that_is_not_there(document: ET.Element) -> None:
    """TAPRegExt 1.0: the data model is declared with its table (TAP-93)."""
    assert [m.get("ivo-id") for m in document.iter("dataModel")] == [f"{PREFIX}ObsCore#core-1.1"]


def test_from_memory_with_last_modified(client: Client, django_assert_num_queries: object) -> None:
    """VOSI 1.1 (VR-06), DALI-47: Last-Modified, HEAD, not modified; no database."""
    with django_assert_num_queries(0):  # type: ignore[operator]
        whole = client.get("/tap/capabilities")
    head = client.head("/tap/capabilities")
    assert (head.status_code, head.content, head["Last-Modified"]) == (200, b"", whole["Last-Modified"])
    again = client.get("/tap/capabilities", headers={"if-modified-since": whole["Last-Modified"]})
    assert again.status_code == 304


def test_pyvo_reads_it(client: Client) -> None:
    """pyvo finds the TAP capability, its geometry and its limits."""
    import io

    tap = next(
        c
        for c in parse_capabilities(io.BytesIO(client.get("/tap/capabilities").content).read)
        if c.standardid == f"{PREFIX}TAP"
    )
    geometry = {f.form for f in tap.get_adql().get_feature_list(f"{PREFIX}TAPRegExt#features-adqlgeo")}
    assert {"POINT", "CIRCLE", "CONTAINS"} <= geometry
    assert tap.outputlimit.hard.content >= tap.outputlimit.default.content > 0
