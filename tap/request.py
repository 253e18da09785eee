"""The parameters of a TAP query, checked (TAP 1.1 section 2.7)."""

from __future__ import annotations

from dataclasses import dataclass

from tap import outputs
from tap.limits import limits_of
from tap.registry import ANONYMOUS, Viewer
from tap.uploads.parameter import Source, sources
from vo.dali import Parameters
from vo.errors import UsageFault
from vo.formats import Format, choose

FORMATS = ("votable", "csv", "tsv", "fits", "json", "parquet", "arrow")
_LANGUAGES = ("ADQL", "ADQL-2.0", "ADQL-2.1")


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A query as asked for: text (empty in a protocol without), most rows, format of the result, the client's name for
    the run, tables to come."""

    query: str
    maxrec: int
    format: Format
    run_id: str | None
    uploads: tuple[Source, ...] = ()

    @classmethod
    def of(cls, parameters: Parameters, viewer: Viewer = ANONYMOUS) -> QueryRequest:
        """Check the parameters; REQUEST, VERSION and unknown ones are ignored. Raises UsageFault.

        A MAXREC above the viewer's limit is lowered to it (section 2.7.4).
        """
        format = choose(parameters.response_format(), FORMATS, further=outputs.media_types())
        language = parameters.one("LANG")
        if language is not None and language.strip().upper() not in _LANGUAGES:
            raise UsageFault(f"LANG {language[:40]!r} is not spoken here; {', '.join(_LANGUAGES)} are")
        uploads = sources(parameters.all("UPLOAD"))
        query = parameters.one("QUERY")
        if query is None or not query.strip():
            raise UsageFault("QUERY is missing: give the ADQL query in the parameter QUERY")
        return cls(query, _maxrec(parameters, viewer), format, parameters.run_id(), uploads)

    @classmethod
    def without_query(cls, parameters: Parameters, default: str, viewer: Viewer = ANONYMOUS) -> QueryRequest:
        """What DALI says of a request in a protocol without QUERY; `default` is its RESPONSEFORMAT where none is given.

        FORMAT is no older name of RESPONSEFORMAT there. Raises UsageFault.
        """
        format = choose((parameters.one("RESPONSEFORMAT") or "").strip() or default, FORMATS)
        return cls("", _maxrec(parameters, viewer), format, parameters.run_id())


def _maxrec(parameters: Parameters, viewer: Viewer) -> int:
    asked, limits = parameters.maxrec(), limits_of(viewer)
    return min(limits.default_maxrec if asked is None else asked, limits.hard_maxrec)
