"""RESPONSEFORMAT: which serialisation was asked for, and what Content-Type the answer has (DALI 1.1 section 3.4.3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vo import arrowstream, fitstable, jsontable, parquet
from vo.errors import UsageFault
from vo.votable import MEDIA_TYPE

_MEDIA_TYPES = {
    MEDIA_TYPE: "votable",
    "text/xml": "votable",
    "application/xml": "votable",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    fitstable.MEDIA_TYPE: "fits",
    jsontable.MEDIA_TYPE: "json",
    parquet.MEDIA_TYPE: "parquet",
    arrowstream.MEDIA_TYPE: "arrow",
}
_SHORT: dict[str, tuple[str, dict[str, str]]] = {
    "votable": ("votable", {}),
    "votable/b2": ("votable", {"serialization": "binary2"}),
    "votable/td": ("votable", {"serialization": "tabledata"}),
    "votable/b": ("votable", {"serialization": "binary"}),
    "csv": ("csv", {}),
    "tsv": ("tsv", {}),
    "fits": ("fits", {}),
    "json": ("json", {}),
    "parquet": ("parquet", {}),
    "arrow": ("arrow", {}),
}
_PARAMETERS: dict[str, dict[str, tuple[str, ...]]] = {
    "votable": {
        "serialization": ("binary2", "tabledata", "binary"),
        "version": ("1.4",),
        "charset": ("utf-8",),
    },
    "csv": {"header": ("present", "absent"), "charset": ("utf-8",)},
    "tsv": {"charset": ("utf-8",)},
    "fits": {},
    "json": {"charset": ("utf-8",)},
    "parquet": {},
    "arrow": {},
}
_DEFAULT_TYPES = {
    "votable": MEDIA_TYPE,
    "csv": "text/csv;header=present",
    "tsv": "text/tab-separated-values",
    "fits": fitstable.MEDIA_TYPE,
    "json": jsontable.MEDIA_TYPE,
    "parquet": parquet.MEDIA_TYPE,
    "arrow": arrowstream.MEDIA_TYPE,
}
_MEDIA_TYPE = re.compile(r'([\w.+-]+/[\w.+-]+)((?:\s*;\s*[\w-]+=(?:[\w.+/-]+|"[^"]*"))*)\s*;?', re.ASCII)
_PARAMETER = re.compile(r'([\w-]+)=(?:"([^"]*)"|([^;\s]*))', re.ASCII)


@dataclass(frozen=True, slots=True)
class Format:
    """A chosen serialisation: `kind` is its plain short form; `options` its media type parameters, in lower case."""

    kind: str
    options: Mapping[str, str]
    content_type: str

    @property
    def serialization(self) -> str:
        """Of a VOTable; BINARY2 unless another was asked for."""
        return self.options.get("serialization", "binary2")


def choose(
    asked: str | None,
    offered: Collection[str] = ("votable",),
    default: str = "votable",
    further: Mapping[str, str] | None = None,
) -> Format:
    """The format that was asked for: a media type with parameters, or a short form, in any case.

    A media type that the client named comes back as Content-Type; a default or short form gets the canonical one.
    `further` are formats that this module does not write: media types by short form. Raises UsageFault for what is not
    offered.
    """
    further = further or {}
    if asked is None:
        return Format(default, {}, _DEFAULT_TYPES[default])
    word = asked.strip().lower()
    for short, media_type in further.items():
        if word in (short, media_type) or "".join(word.split()) == media_type:
            return Format(short, {}, media_type)
    if word in _SHORT:
        kind, options = _SHORT[word]
        if kind in offered:
            return Format(kind, options, _DEFAULT_TYPES[kind])
    match = _MEDIA_TYPE.fullmatch(word.replace("x-votable xml", "x-votable+xml"))  # a plus that a URL made a space
    if match:
        media_type, rest = match.groups()
        kind = _MEDIA_TYPES.get(media_type, "")
        given = {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        if kind in offered and all(value in _PARAMETERS[kind].get(name, ()) for name, value in given.items()):
            if media_type == "text/csv":
                given.setdefault("header", "present")
            content_type = "".join([media_type, *(f";{name}={value}" for name, value in given.items())])
            return Format(kind, given, content_type)
    shorts = [*(short for short, (kind, _) in _SHORT.items() if kind in offered), *further]
    types = [*(media_type for media_type, kind in _MEDIA_TYPES.items() if kind in offered), *further.values()]
    raise UsageFault(f"format {asked[:80]!r} is not offered; offered are {', '.join(shorts + types)}")
