"""What a reader hands to ingest: plain values, no Django, no open files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from archive.readers.sketches import Sketch


class Refused(Exception):
    """A file or observation cannot be taken in; `reason` is one sentence for the curator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be stored, and the HDUs of the data set in it: name by kind and form by kind.

    For GADF files these are HDU_NAME and HDU_CLASS by HDU_TYPE, from which index tables are made again. Other kinds
    (`spectrum`, `arf`, `rmf`, `exposure`, ...) are those of `archive.links`.
    """

    path: Path
    name: str
    hdus: Mapping[str, str] = field(default_factory=dict)
    hdu_classes: Mapping[str, str] = field(default_factory=dict)
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A data set that a reader found, not yet read: the main file first, then those that belong to it."""

    label: str
    files: tuple[SourceFile, ...]
    hints: Mapping[str, object] = field(default_factory=dict)
    """The reader's own (rows of the index)."""
    refusal: str | None = None
    """Why it cannot even be read (file missing, outside the folder)."""
    notes: tuple[str, ...] = ()
    """How the files were found to belong together, where the files do not say so themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A data set as read and validated: what every kind has.

    Angles deg (ICRS), energies TeV, times MJD in UTC, durations s. None stands for what is not known, or makes no sense
    for this kind of data.
    """

    obs_id: str
    part: str = ""
    """What tells it from other data sets with the same obs_id; empty for an observation's event list."""
    files: tuple[SourceFile, ...]
    product_type: str | None
    """`dataproduct_type` of ObsCore 1.1 (section 2.1)."""
    subtype: str
    calib_level: int
    title: str
    """What it is, for people: "H.E.S.S. run 23523"."""
    description: str
    """The kind in words: "Counts spectrum with responses"."""
    sketch: Sketch
    target_name: str = ""
    ra_obj: float | None = None
    dec_obj: float | None = None
    ra: float | None = None
    """Centre of what the data cover: of the field of view, the source, or the region they were taken from."""
    dec: float | None = None
    fov_radius: float | None = None
    gti: tuple[tuple[float, float], ...] = ()
    """Good time intervals, sorted."""
    gti_tcb: tuple[tuple[int, int], ...] = ()
    """The same in microseconds since JD 0, TCB: what time coverage (MOC 2.0) is made of."""
    livetime: float | None = None
    """Live exposure (`t_exptime`)."""
    time_resolution: float | None = None
    energy_min: float | None = None
    energy_max: float | None = None
    energy_unit: str | None = None
    """Unit of the energies in the data."""
    energy_bins: int | None = None
    time_bins: int | None = None
    o_ucd: str | None = None
    """UCD of the observable; None for event lists and tables."""
    facility_name: str = ""
    instrument_name: str = ""
    creator_name: str = ""
    creation_date: datetime | None = None
    notes: tuple[str, ...] = ()
    """What is odd but tolerated, one sentence each."""


@dataclass(frozen=True, slots=True)
class PointedRun:
    """What the GADF observation index tells of a run beyond the rest (GADF 0.3, "Observation index table").

    Angles deg; `tstart` and `tstop` seconds since the reference time, which is an MJD in `timesys`.
    """

    tstart: float
    tstop: float
    mjdrefi: int
    mjdreff: float
    timesys: str
    alt_pnt: float | None = None
    az_pnt: float | None = None
    deadc: float | None = None
    n_tels: int | None = None
    tellist: str = ""
    geolon: float | None = None
    geolat: float | None = None
    altitude: float | None = None
    """m"""


@dataclass(frozen=True, slots=True)
class EventColumns:
    """What ADQL can ask of each event: arrays of one length, in the order of the file."""

    event_id: np.ndarray
    """int64"""
    mjd: np.ndarray
    """UTC"""
    ra: np.ndarray
    """deg, 0 to 360"""
    dec: np.ndarray
    """deg"""
    energy: np.ndarray
    """TeV"""
    event_type: np.ndarray | None = None
    """int64: EVENT_TYPE, a bit field as a number; None if the list has none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRecord(ProductRecord):
    """An event list, with or without its instrument responses."""

    ra_pnt: float | None
    """Pointing; None for drift scans and surveys."""
    dec_pnt: float | None
    zen_pnt: float | None
    ontime: float
    event_count: int
    events: EventColumns
    """For ADQL."""
    quality: int = -1
    obs_mode: str = ""
    point_like: bool = False
    """Whether the responses hold for one size of the on region only (HDUCLAS3)."""
    n_tels: int | None = None
    convergence: float | None = None
    analysis_mode: str = ""
    event_class: str = ""
    psf_fwhm: float | None = None
    """FWHM of the point spread function (deg) at the reference energy and off-axis angle."""
    energy_resolution: float | None = None
    """Half width of the 68 % interval of E_reco/E_true, divided by its median, there."""
    reference_energy: float = 1.0
    reference_offset: float | None = 0.5
    run: PointedRun | None = None
    """For the observation index."""
    response_energies: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Range of the energy axis (TeV) of each response, by HDU_TYPE."""
