"""What a cone search declares, as its VOSI endpoint and a registry record show it (SimpleDALRegExt 1.1 section 3.1)."""

from __future__ import annotations

from tap.limits import limits_of
from tap.registry import ANONYMOUS
from tap.scs.catalogues import Catalogue
from vo.vosi import Capability, capabilities
from vo.xmltext import text_element

STANDARD_ID = "ivo://ivoa.net/std/ConeSearch"


def capability(catalogue: Catalogue, base_url: str) -> Capability:
    """The cone search on a catalogue. There is no largest radius, so none is told (section 3.1.2)."""
    return Capability(
        STANDARD_ID,
        url(catalogue, base_url),
        "base",
        xsi_type="cs:ConeSearch",
        body=text_element("maxRecords", str(limits_of(ANONYMOUS).hard_maxrec)) + text_element("verbosity", "true"),
    )


def document(catalogue: Catalogue, base_url: str) -> bytes:
    """The capabilities document of the cone search on a catalogue (VOSI 1.1 section 3.1)."""
    service = url(catalogue, base_url)
    return capabilities(
        [
            capability(catalogue, base_url),
            Capability("ivo://ivoa.net/std/VOSI#capabilities", f"{service}/capabilities"),
            Capability("ivo://ivoa.net/std/VOSI#availability", f"{service}/availability"),
            Capability("ivo://ivoa.net/std/VOSI#tables-1.1", f"{base_url}/tap/tables/{catalogue.name}", version="1.1"),
        ]
    )


def url(catalogue: Catalogue, base_url: str) -> str:
    """Where the cone search on a catalogue is, without the `?` that its parameters follow."""
    return f"{base_url}/scs/{catalogue.name}"
