"""gammapy observations from the files of a job: read once, checked, refused with the reason.

What a file holds is known from the archive (`InputFile.metadata`), so no index tables are needed: `hdus` names the HDU
of each GADF HDU type, `hdu_classes` its class, and `files` the file of a type that lies outside the main one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import warnings
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from astropy.io import fits
from astropy.io.fits.verify import VerifyError
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from gammapy.data import GTI, EventList, FixedPointingInfo, Observation, ObservationMetaData
from gammapy.data.io import EventListReader
from gammapy.irf import IRF_REGISTRY

from uws.context import InputFile
from uws.errors import UserJobError

NAMES = {
    "events": "event list",
    "gti": "good time intervals",
    "aeff": "effective area",
    "edisp": "energy dispersion",
    "psf": "point spread function",
    "bkg": "background model",
}
"""GADF HDU types that an analysis in full enclosure reads."""

_CLASSES = {
    "aeff": "aeff_2d",
    "edisp": "edisp_2d",
    "psf": "psf_table",
    "bkg": "bkg_3d",
    "rad_max": "rad_max_2d",
}
_DAMAGE = (OSError, EOFError, zlib.error, VerifyError, AstropyUserWarning, LookupError, ValueError, TypeError)
"""What astropy and gammapy raise over files that are not what they should be."""
_GZIP = b"\x1f\x8b"


MAX_RUNS = 500
"""Observations that a job takes, whatever it does with them: as many as are reduced to spectra (0.4 s each) well within
the time limit of a job, and as stay together in its memory.
"""


class UnusableObservation(Exception):
    """The observation is sound but gives nothing to this analysis; the message is a clause that says why."""


def name_of(file: InputFile) -> str:
    """The obs_id of a file's observation, or its publisher DID."""
    return str(file.metadata.get("obs_id") or file.id)


def check_number(files: Sequence[InputFile], most: int = MAX_RUNS, purpose: str = "a job", instead: str = "") -> None:
    """Raises UserJobError above `most` observations; `instead` is what else than their number can be changed."""
    if len(files) > most:
        raise UserJobError(
            f"{len(files)} observations are selected; {purpose} takes {most} at most: select fewer, for example with "
            f"`time`, and make several jobs{instead}."
        )


def check_distinct(files: Sequence[InputFile]) -> None:
    """Raises UserJobError when an observation comes twice (two releases, two collections): each event counts once."""
    names = [name_of(file) for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserJobError(
            f"Observation {', '.join(twice)} is selected more than once, from several releases or collections: "
            "choose one."
        )


def load(file: InputFile, needed: Collection[str], point_like: bool = False) -> Observation:
    """Read the HDU types `needed` (keys of `NAMES`; events and GTI are always read) of an observation.

    With `point_like`, responses for one on region will do: they need no point spread function, but have the size of
    the region (`Observation.rad_max`). Raises UserJobError when the file is gone, changed or damaged, lacks something
    needed, or has point-like responses where they will not do.
    """
    obs_id = name_of(file)
    hdus = file.metadata.get("hdus") or {}
    kinds = [kind for kind in NAMES if kind in {"events", "gti", *needed}] + (["rad_max"] if point_like else [])
    opened: dict[Path, fits.HDUList] = {}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="File may have been truncated", category=AstropyUserWarning)
            tables = {}
            for kind in kinds:
                if kind in hdus:
                    path = Path((file.metadata.get("files") or {}).get(kind, file.path))
                    if path not in opened:
                        opened[path] = _open(path, file)
                    tables[kind] = opened[path][hdus[kind]]
            _check(obs_id, kinds, tables, point_like)
            return _observation(obs_id, tables, file.metadata.get("hdu_classes") or {})
    except FileNotFoundError as error:
        raise UserJobError(f"The file of observation {obs_id} is missing from the archive.") from error
    except _DAMAGE as error:
        raise UserJobError(f"The file of observation {obs_id} is damaged and cannot be read.") from error
    finally:
        for hdulist in opened.values():
            hdulist.close()


def _check(obs_id: str, kinds: Sequence[str], tables: Mapping[str, fits.BinTableHDU], point_like: bool) -> None:
    required = [kind for kind in kinds if kind in NAMES]
    if any(str(hdu.header.get("HDUCLAS3", "")).strip().upper() == "POINT-LIKE" for hdu in tables.values()):
        if not point_like:
            raise UserJobError(
                f"Observation {obs_id} has point-like responses, valid for one size of the on region only; this "
                "analysis needs full-enclosure responses. Choose spectrum, lightcurve or stack for it."
            )
        required = [kind for kind in required if kind != "psf"]
        if "aeff" in tables and "rad_max" not in tables and "RAD_MAX" not in tables["aeff"].header:
            raise UserJobError(
                f"Observation {obs_id} has point-like responses that do not say for which on region they are valid "
                "(RAD_MAX): leave it out."
            )
    missing = [NAMES[kind] for kind in required if kind not in tables]
    if missing:
        raise UserJobError(f"Observation {obs_id} has no {' and no '.join(missing)}, which this analysis needs.")


def _open(path: Path, file: InputFile) -> fits.HDUList:
    content = path.read_bytes()
    if path == file.path and hashlib.sha256(content).hexdigest() != file.sha256:
        raise UserJobError(f"The file of observation {name_of(file)} is not the one that was archived: it has changed.")
    if content.startswith(_GZIP):
        content = gzip.decompress(content)
    return fits.open(io.BytesIO(content))


def _observation(obs_id: str, tables: Mapping[str, fits.BinTableHDU], classes: Mapping[str, str]) -> Observation:
    header = tables["events"].header
    irfs = {
        kind: IRF_REGISTRY.get_cls(classes.get(kind, _CLASSES[kind])).from_table(Table.read(hdu))
        for kind, hdu in tables.items()
        if kind in _CLASSES
    }
    events: EventList = EventListReader.from_gadf_hdu(tables["events"])
    return Observation(
        obs_id=int(obs_id) if obs_id.isdecimal() else obs_id,
        meta=ObservationMetaData.from_header(header),
        pointing=FixedPointingInfo.from_fits_header(header),
        gti=GTI.from_table_hdu(tables["gti"]),
        events=events,
        **irfs,
    )
