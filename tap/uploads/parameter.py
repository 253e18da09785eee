"""The parameter UPLOAD: which tables come, and where from (TAP 1.1 section 2.7.6, DALI 1.1 section 3.4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.files.uploadedfile import UploadedFile

from tap.adql.lexer import RESERVED
from vo.dali import Parameters
from vo.errors import UsageFault

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_JOINED = re.compile(r";(?=\s*[A-Za-z][A-Za-z0-9_]*\s*,\s*[A-Za-z][A-Za-z0-9+.-]*:)", re.ASCII)
"""Between `name,uri` pairs in one value, as TAP 1.0 had it; a URI may hold both signs itself."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_MAX_NAME = 128
MAX_TABLES = 20
"""Most tables of a query."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table wanted: its name without schema, and the URI it is at (`param:`, `http:` or `https:`)."""

    name: str
    uri: str

    @property
    def part(self) -> str | None:
        """Name of the part of the request that holds the table, None if it is elsewhere."""
        scheme, _, rest = self.uri.partition(":")
        return rest if scheme.lower() == "param" else None


@dataclass(frozen=True, slots=True)
class Part:
    """Content sent along with a query: its size in bytes is known before it is read."""

    size: int
    read: Callable[[], bytes]
    media_type: str = ""
    filename: str = ""


def sources(values: Iterable[str]) -> tuple[Source, ...]:
    """The tables that the values of UPLOAD name. Raises UsageFault for names and URIs that are not acceptable."""
    found: dict[str, Source] = {}
    for value in values:
        for pair in _JOINED.split(value) if value.strip() else ():
            source = _source(pair)
            if source.name.lower() in found:
                raise UsageFault(f"UPLOAD: two tables are named {source.name}; names are compared ignoring case")
            found[source.name.lower()] = source
    if len(found) > MAX_TABLES:
        raise UsageFault(f"UPLOAD: {len(found)} tables; at most {MAX_TABLES} may come with a query")
    return tuple(found.values())


def part_names(values: Iterable[str]) -> tuple[str, ...]:
    """The parts that values of UPLOAD refer to; what is wrong with the values is not looked at."""
    pairs = (pair for value in values for pair in _JOINED.split(value))
    found = (Source(name, uri).part for name, _, uri in map(_pieces, pairs))
    return tuple(dict.fromkeys(name for name in found if name))


def _pieces(pair: str) -> tuple[str, str, str]:
    """Name, comma (empty if there is none), and URI, which may hold commas itself."""
    name, comma, uri = pair.partition(",")
    return name.strip(), comma, uri.strip()


def _source(pair: str) -> Source:
    name, comma, uri = _pieces(pair)
    if not comma or not uri:
        raise UsageFault(f"UPLOAD: {pair[:60]!r} is not written name,uri")
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise UsageFault(
            f"UPLOAD: {name[:60]!r} is no table name: a letter, then letters, digits and underscores, without a schema"
        )
    if name.upper() in RESERVED:
        raise UsageFault(f"UPLOAD: {name} is a reserved word of ADQL; give the table another name")
    scheme = _SCHEME.match(uri)
    if scheme is None or scheme.group(1).lower() not in ("param", "http", "https"):
        raise UsageFault(
            f"UPLOAD: table {name} cannot be read from {uri[:60]!r}; give param:part, or an http or https URL"
        )
    return Source(name, uri)


def parts(parameters: Parameters) -> Callable[[str], Part | None]:
    """Gives the part of that name, of a request's parameters: a file, or a plain field of the form."""

    def find(name: str) -> Part | None:
        file = parameters.part(name)
        if file is None:
            return None
        return Part(int(file.size or 0), lambda: _whole(file), file.content_type or "", file.name or "")

    return find


def _whole(file: UploadedFile) -> bytes:
    file.seek(0)  # two tables may be made of one part
    return bytes(file.read())
