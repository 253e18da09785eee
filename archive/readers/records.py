"""What a reader hands to ingest: plain values, no Django, no open files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np


class Refused(Exception):
    """A file or observation cannot be taken in; `reason` is one sentence for the curator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be stored, and the HDUs of the observation in it: name by HDU_TYPE and HDU_CLASS by HDU_TYPE."""

    path: Path
    name: str
    hdus: Mapping[str, str] = field(default_factory=dict)
    hdu_classes: Mapping[str, str] = field(default_factory=dict)
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An observation that a reader found, not yet read. `hints` is the reader's own (rows of the index)."""

    label: str
    files: tuple[SourceFile, ...]
    hints: Mapping[str, object] = field(default_factory=dict)
    refusal: str | None = None
    """Why it cannot even be read (file missing, outside the folder)."""


@dataclass(frozen=True, slots=True)
class EventSketch:
    """What the preview needs: events in the field of view (deg from the pointing, east and north), energies (TeV)."""

    east: np.ndarray
    north: np.ndarray
    energy: np.ndarray


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


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """An observation as read and validated. Angles deg (ICRS), energies TeV, times MJD in UTC, durations s."""

    obs_id: str
    files: tuple[SourceFile, ...]
    subtype: str
    target_name: str
    ra_obj: float | None
    dec_obj: float | None
    ra_pnt: float | None
    dec_pnt: float | None
    zen_pnt: float | None
    fov_radius: float | None
    gti: tuple[tuple[float, float], ...]
    """Good time intervals, sorted."""
    gti_tcb: tuple[tuple[int, int], ...]
    """The same in microseconds since JD 0, TCB: what time coverage (MOC 2.0) is made of."""
    ontime: float
    livetime: float
    energy_min: float | None
    energy_max: float | None
    event_count: int
    sketch: EventSketch
    quality: int = -1
    obs_mode: str = ""
    facility_name: str = ""
    instrument_name: str = ""
    creator_name: str = ""
    creation_date: datetime | None = None
    n_tels: int | None = None
    convergence: float | None = None
    analysis_mode: str = ""
    event_class: str = ""
    psf_fwhm: float | None = None
    """FWHM of the point spread function (deg) at the reference energy and off-axis angle."""
    energy_resolution: float | None = None
    """Half width of the 68 % interval of E_reco/E_true, divided by its median, there."""
    reference_energy: float = 1.0
    reference_offset: float = 0.5
    run: PointedRun | None = None
    """For the observation index."""
    response_energies: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Range of the energy axis (TeV) of each response, by HDU_TYPE."""
    notes: tuple[str, ...] = ()
    """What is odd but tolerated, one sentence each."""
    events: EventColumns | None = None
    """The events for ADQL, if it has any that are like photons."""
