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

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/")
_ESCAPE = re.compile(r"_x([0-9A-F]{4,6})_")
_UNWRITABLE = re.compile(r"[^\w@~&+*?#$!/='(),:;\[\].-]|_(?=x[0-9A-F]{4,6}_)|\A·", re.ASCII)
_NOT_NAME = re.compile(r"[^A-Za-z0-9_.-]|_(?=x[0-9A-F]{4,6}_)")
_NAME_TAIL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")


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


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match.group()):04X}_"


def unescape(text: str) -> str:
    """What `_xHHHH_` escapes stand for."""
    return _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text)


def namespace_of(identifier: str) -> tuple[str, str]:
    """Suggested prefix, and the namespace, of an identifier: everything up to the path of a URI.

    The namespace of our own IVOIDs has the prefix `ivo`; what is no URI is put under our own namespace.
    """
    home = f"ivo://{authority()}/"
    if identifier.startswith(home):
        return "ivo", home
    match = _AUTHORITY.match(identifier)
    if match:
        return "ns", match.group()
    match = _SCHEME.match(identifier)
    if match:
        return match.group(1).lower().replace("+", "").replace(".", ""), match.group()
    return "id", f"{home}provenance#"


def local_name(identifier: str, namespace: str) -> str:
    """The rest of an identifier in a namespace, with what PROV-N cannot write escaped."""
    rest = identifier.removeprefix(namespace)
    return _UNWRITABLE.sub(_escape, rest)


def xml_name(uri: str) -> tuple[str, str]:
    """Namespace and local part, an XML name, of the URI of a qualified name; see the module's description."""
    tail = re.split(r"[^A-Za-z0-9_.-]", uri)[-1]
    match = _NAME_TAIL.search(tail)
    if match:
        return uri[: len(uri) - len(match.group())], match.group()
    return uri[: len(uri) - len(tail)], re.sub(r"\A.", _escape, tail) or "_"


def identifier_of(uri: str) -> str:
    """The identifier that the URI of a qualified name (namespace and local part) stands for."""
    return unescape(uri).removeprefix(f"ivo://{authority()}/provenance#")
