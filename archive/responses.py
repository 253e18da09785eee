"""Kinds of instrument responses: GADF's HDU_TYPE or our own word, the high-energy draft's term, and words for people.

The terms are those of `content_qualifier` in DataLink and of `dataproduct_subtype` in ObsCore (high-energy ObsCore
extension, draft of 2026-08-03, section 5.1). Some kinds have none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponseKind:
    """A kind of response; `term` is None where no vocabulary has one."""

    hdu_type: str
    term: str | None
    title: str


RESPONSES = {
    kind.hdu_type: kind
    for kind in (
        ResponseKind("aeff", "aeff", "Effective area"),
        ResponseKind("edisp", "edisp", "Energy dispersion"),
        ResponseKind("psf", "psf", "Point spread function"),
        ResponseKind("bkg", "bkgrate", "Background rate"),
        ResponseKind("rad_max", None, "Directional cut (RAD_MAX)"),
        ResponseKind("arf", "arf", "Effective area (ARF)"),
        ResponseKind("rmf", "rmf", "Redistribution of energies (RMF)"),
        ResponseKind("background", None, "Background spectrum"),
        ResponseKind("exposure", None, "Exposure"),
        ResponseKind("gtpsf", "psf", "Point spread function (gtpsf)"),
    )
}
"""By HDU_TYPE."""
