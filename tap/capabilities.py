"""What this service declares that it can do: exactly what works (VOSI 1.1 section 3.1, TAPRegExt 1.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings

from tap import outputs
from tap.adql.functions import features
from tap.limits import Limits
from tap.registry import find
from tap.results import STANDARD_ID
from vo.vosi import Capability, capabilities
from vo.xmltext import element, text_element

_TAPREGEXT = "ivo://ivoa.net/std/TAPRegExt"
_LOWER = _TAPREGEXT.lower()
_CAMEL = ("udf", "adqlgeo")
"""Feature groups that TOPCAT up to 4.8 finds in camel case only; ADQL 2.1 section 4.1 wants lower case: say both."""
_FORMATS: tuple[tuple[str | None, str, tuple[str, ...]], ...] = (
    ("output-votable-binary2", "application/x-votable+xml", ("votable", "votable/b2", "text/xml")),
    ("output-votable-td", "application/x-votable+xml;serialization=tabledata", ("votable/td",)),
    ("output-votable-binary", "application/x-votable+xml;serialization=binary", ("votable/b",)),
    (None, "text/csv;header=present", ("csv", "text/csv")),
    (None, "text/tab-separated-values", ("tsv",)),
    (None, "application/fits", ("fits",)),
    (None, "application/json", ("json",)),
    (None, "application/vnd.apache.parquet", ("parquet",)),
    (None, "application/vnd.apache.arrow.stream", ("arrow",)),
)
_UPLOADS = ("inline", "http", "https")
_DATA_MODELS = (("ivoa.obscore", f"{_TAPREGEXT.rpartition('/')[0]}/ObsCore#core-1.1", "ObsCore 1.1"),)
"""Data models by the table that makes them true."""

Features = Mapping[str, Sequence[tuple[str, str]]]


def document(base_url: str, limits: Limits) -> bytes:
    """The capabilities document of the service at that base URL, for somebody who has these limits."""
    tap = f"{base_url}/tap"
    return capabilities(
        [
            Capability(STANDARD_ID, tap, "base", "1.1", "tr:TableAccess", _table_access(limits), signing_in=True),
            Capability("ivo://ivoa.net/std/VOSI#capabilities", f"{tap}/capabilities"),
            Capability("ivo://ivoa.net/std/VOSI#availability", f"{tap}/availability"),
            Capability("ivo://ivoa.net/std/VOSI#tables-1.1", f"{tap}/tables", version="1.1"),
            Capability("ivo://ivoa.net/std/DALI#examples", f"{tap}/examples", version="1.1"),
        ]
    )


def _table_access(limits: Limits) -> str:
    models = "".join(
        text_element("dataModel", name, {"ivo-id": ivo_id}) for table, ivo_id, name in _DATA_MODELS if find(table)
    )
    seconds = str(limits.async_timeout)
    retention = str(settings.DISTILLER_JOB_RETENTION_DAYS * 86400)
    return "".join(
        [
            models,
            _language(features()),
            *(_output_format(*form) for form in _FORMATS),
            *(_output_format(None, media_type, (kind,)) for kind, media_type in outputs.media_types().items()),
            *(element("uploadMethod", {"ivo-id": f"{_TAPREGEXT}#upload-{way}"}) for way in _UPLOADS),
            element("retentionPeriod", {}, text_element("default", retention), text_element("hard", retention)),
            element("executionDuration", {}, text_element("default", seconds), text_element("hard", seconds)),
            element(
                "outputLimit",
                {},
                text_element("default", str(limits.default_maxrec), {"unit": "row"}),
                text_element("hard", str(limits.hard_maxrec), {"unit": "row"}),
            ),
            element(
                "uploadLimit",
                {},
                text_element("default", str(limits.upload_bytes), {"unit": "byte"}),
                text_element("hard", str(limits.upload_bytes), {"unit": "byte"}),
            ),
        ]
    )


def _language(offered: Features) -> str:
    groups = [(f"{_LOWER}#features-{group}", members) for group, members in offered.items()]
    groups += [(f"{_TAPREGEXT}#features-{group}", offered[group]) for group in _CAMEL if group in offered]
    return element(
        "language",
        {},
        text_element("name", "ADQL"),
        text_element("version", "2.0", {"ivo-id": "ivo://ivoa.net/std/ADQL#v2.0"}),
        text_element("version", "2.1", {"ivo-id": "ivo://ivoa.net/std/ADQL#v2.1"}),
        text_element("description", "Astronomical Data Query Language"),
        *(element("languageFeatures", {"type": kind}, *map(_feature, members)) for kind, members in groups if members),
    )


def _feature(member: tuple[str, str]) -> str:
    form, description = member
    return element("feature", {}, text_element("form", form), text_element("description", description))


def _output_format(standard: str | None, media_type: str, aliases: Sequence[str]) -> str:
    return element(
        "outputFormat",
        {"ivo-id": f"{_TAPREGEXT}#{standard}" if standard else None},
        text_element("mime", media_type),
        *(text_element("alias", alias) for alias in aliases),
    )
