"""The parameters of a TAP query, checked (TAP 1.1 section 2.7)."""

from __future__ import annotations

from dataclasses import dataclass

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
    """A query as asked for: text, most rows, format of the result, the client's name for the run, tables to come."""

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
        format = choose(parameters.response_format(), FORMATS)
        language = parameters.one("LANG")
        if language is not None and language.strip().upper() not in _LANGUAGES:
            raise UsageFault(f"LANG {language[:40]!r} is not spoken here; {', '.join(_LANGUAGES)} are")
        uploads = sources(parameters.all("UPLOAD"))
        query = parameters.one("QUERY")
        if query is None or not query.strip():
            raise UsageFault("QUERY is missing: give the ADQL query in the parameter QUERY")
        limits = limits_of(viewer)
        maxrec = parameters.maxrec()
        if maxrec is None:
            maxrec = limits.default_maxrec
        return cls(query, min(maxrec, limits.hard_maxrec), format, parameters.run_id(), uploads)
