"""Identifiers of what the provenance store holds: IVOIDs, package URLs, and the qualified names of W3C PROV.

PROV-JSON and PROV-N write an IVOID as a prefix and the rest, unchanged but for characters that a PROV-N local name
cannot hold. PROV-XML allows only XML names (`xs:QName`): there the namespace is cut so that the rest is one, and where
that is impossible (a number after the last slash) characters are escaped. Escapes are `_xHHHH_`, as in SQL/XML.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from django.conf import settings

PROV = "http://www.w3.org/ns/prov#"
VOPROV = "http://www.ivoa.net/documents/ProvenanceDM/index.html#"
UWS = "http://www.ivoa.net/xml/UWS/v1.0#"
SCHEMA_ORG = "https://schema.org/"

LOOSE_PREFIX = "id"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?(?=.)")
_ESCAPE = re.compile(r"_x([0-9A-F]{4,6})_")
_UNWRITABLE = re.compile(r"[^\w@~&+*?#$!/='(),:;\[\].-]|_(?=x[0-9A-F]{4,6}_)", re.ASCII)
_XML_NAME_TAIL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")


def authority() -> str:
    """The authority part of the identifiers that this archive gives."""
    return str(settings.DISTILLER_AUTHORITY)


def job_id(job: str) -> str:
    """Identifier of the activity that the UWS job of that job id is."""
    return f"ivo://{authority()}/jobs?{job}"


def software_id(name: str, version: str) -> str:
    """Package URL (ECMA-427) of a release of a Python distribution, or of Python itself."""
    kind = "generic" if name.lower() == "python" else "pypi"
    return f"pkg:{kind}/{quote(name.lower().replace('_', '-'), safe='')}@{quote(version, safe='')}"


def description_id(*parts: str) -> str:
    """Key of a description: parts percent-encoded and joined by slashes."""
    return "/".join(quote(part, safe="") for part in parts)


def spellings(text: str) -> list[str]:
    """The identifiers that a client may mean: as it stands, a qualified name of our documents, or a UWS job id."""
    text = text.strip()
    names = [text, unescape(text)]
    for name in list(names):
        prefix, colon, rest = name.partition(":")
        if not colon:
            names.append(job_id(name))
        elif prefix == LOOSE_PREFIX:
            names.append(rest)
        elif not rest.startswith("//"):
            names.append(f"{prefix}://{rest}")
    return list(dict.fromkeys(name for name in names if name and "\0" not in name))


def unescape(text: str) -> str:
    """What `_xHHHH_` escapes stand for."""
    return _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text)


def namespace_of(identifier: str) -> tuple[str, str]:
    """Suggested prefix, and the namespace, of an identifier: the scheme of a URI, with the slashes after it.

    So `ivo:distiller.example/x` is `ivo://distiller.example/x`. What is no URI is put under a namespace of our own.
    """
    match = _SCHEME.match(identifier)
    if match:
        return re.sub(r"[^a-z0-9-]", "", match.group(1).lower()), match.group()
    return LOOSE_PREFIX, f"ivo://{authority()}/provenance#"


def local_name(identifier: str, namespace: str) -> str:
    """The rest of an identifier in a namespace, with what PROV-N cannot write escaped."""
    return _UNWRITABLE.sub(_escape, identifier.removeprefix(namespace))


def xml_name(uri: str) -> tuple[str, str]:
    """Namespace and local part, an XML name, of a URI; see the module's description."""
    tail = re.split(r"[^A-Za-z0-9_.-]", uri)[-1]
    name = _XML_NAME_TAIL.search(tail)
    if name:
        return uri[: len(uri) - len(name.group())], name.group()
    tail = tail or uri[-1]
    return uri[: len(uri) - len(tail)], re.sub(r"\A.", _escape, tail)


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match.group()):04X}_"
