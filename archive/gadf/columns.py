"""Column metadata of `gadf.obs_index` and `gadf.hdu_index`: the index tables of GADF 0.3 ("Data storage").

Names are GADF's in small letters, so that they are a tool's own once in capitals. Columns that `ivoa.obscore` and
`ivoa.obscore_hea` have too (obs_id, obs_publisher_did, t_min, t_max, obs_mode) hold the same values: NATURAL JOIN gives
one row for each event list. Nothing else has a name of theirs: the URLs are file_url and hdu_url, not access_url.
"""

from __future__ import annotations

from typing import Any

from archive.obscore.columns import OBSCORE
from vo.columns import ColumnMeta, ForeignKeyMeta, SchemaMeta, TableMeta

GADF = SchemaMeta("gadf", "Index tables as gamma-ray analysis tools read them (gamma-astro-data-formats 0.3)")


def _text(name: str, description: str, ucd: str | None = None, **more: Any) -> ColumnMeta:
    return ColumnMeta(name, "char", "*", ucd=ucd, description=description, **more)


def _number(name: str, description: str, unit: str | None, ucd: str | None, **more: Any) -> ColumnMeta:
    return ColumnMeta(name, "double", unit=unit, ucd=ucd, description=description, **more)


def _integer(name: str, description: str, ucd: str | None, datatype: str = "int", **more: Any) -> ColumnMeta:
    return ColumnMeta(name, datatype, ucd=ucd, description=description, **more)


def _shared(name: str) -> ColumnMeta:
    """A column of `ivoa.obscore`, with the values it has there."""
    return OBSCORE.column(name).but(std=False, principal=True, utype=None)


_KEYS = (_shared("obs_id"), _shared("obs_publisher_did"))
_FOREIGN_KEY = ForeignKeyMeta(
    "ivoa.obscore", (("obs_publisher_did", "obs_publisher_did"),), "The same data set in ivoa.obscore"
)

OBS_INDEX = TableMeta(
    name="gadf.obs_index",
    columns=(
        *_KEYS,
        _text("obs_mode", "Observation mode (OBS_MODE)", "meta.code;obs.param", principal=True),
        _number("ra_pnt", "Right ascension of the pointing (ICRS)", "deg", "pos.eq.ra;meta.main", principal=True),
        _number("dec_pnt", "Declination of the pointing (ICRS)", "deg", "pos.eq.dec;meta.main", principal=True),
        _number("glon_pnt", "Galactic longitude of the pointing", "deg", "pos.galactic.lon"),
        _number("glat_pnt", "Galactic latitude of the pointing", "deg", "pos.galactic.lat"),
        _number("alt_pnt", "Mean altitude of the pointing above the horizon", "deg", "pos.az.alt", principal=True),
        _number("az_pnt", "Mean azimuth of the pointing, from north over east", "deg", "pos.az.azi", principal=True),
        _number("zen_pnt", "Mean zenith distance of the pointing", "deg", "pos.az.zd"),
        _number("tstart", "Start of the run, since the reference time", "s", "time.start", principal=True),
        _number("tstop", "End of the run, since the reference time", "s", "time.end", principal=True),
        _integer("mjdrefi", "Reference time: MJD in timesys, its whole days", "time.epoch"),
        _number("mjdreff", "Reference time: the rest of the MJD", "d", "time.epoch"),
        _text("timesys", "Time scale of tstart, tstop and the reference time", "meta.code"),
        _shared("t_min"),
        _shared("t_max"),
        _number("ontime", "Sum of the good time intervals, dead time included", "s", "time.duration"),
        _number("livetime", "Good time corrected for dead time", "s", "time.duration;obs.exposure", principal=True),
        _number("deadc", "livetime / ontime, as the header says (DEADC)", None, "arith.factor"),
        _integer("n_tels", "Number of telescopes", "meta.number;instr.tel"),
        _text("tellist", "Telescopes (TELLIST)", "meta.id;instr.tel"),
        _text("object", "Target as the observers wrote it (OBJECT)", "meta.id;src", principal=True),
        _number("ra_obj", "Right ascension of the target", "deg", "pos.eq.ra"),
        _number("dec_obj", "Declination of the target", "deg", "pos.eq.dec"),
        _integer("quality", "-1 unknown, 0 best, 1 medium, 2 bad", "meta.code.qual", "short", principal=True),
        _integer("event_count", "Number of events", "meta.number;phot.count", "long", principal=True),
        _number("geolon", "Longitude of the telescopes, east positive", "deg", "pos.earth.lon"),
        _number("geolat", "Latitude of the telescopes", "deg", "pos.earth.lat"),
        _number("altitude", "Height of the telescopes above the sea", "m", "pos.earth.altitude"),
    ),
    description="Observation index: one row for each event list of ivoa.obscore, to be joined by NATURAL JOIN",
    foreign_keys=(_FOREIGN_KEY,),
)

HDU_INDEX = TableMeta(
    name="gadf.hdu_index",
    columns=(
        *_KEYS,
        _text(
            "hdu_type",
            "Kind of HDU: events, gti, aeff, edisp, psf, bkg, rad_max",
            "meta.code.class",
            principal=True,
            indexed=True,
        ),
        _text("hdu_class", "Its format: events, gti, aeff_2d, edisp_2d, psf_table, bkg_3d, ...", "meta.code.class"),
        _text("file_dir", "Folder to put the file in, so that no two files are in one place", "meta.id;meta.file"),
        _text("file_name", "Name of the file that holds it", "meta.id;meta.file", principal=True),
        _text("hdu_name", "Name of the HDU in that file", "meta.id", principal=True),
        ColumnMeta(
            "size", "long", unit="byte", ucd="phys.size;meta.file", description="Size of the file as it is stored"
        ),
        _text("file_url", "Where to fetch the file", "meta.ref.url;meta.file"),
        ColumnMeta(
            "hdu_size", "long", unit="byte", ucd="phys.size", description="Size of the HDU as a file of its own"
        ),
        _text("hdu_url", "Where to fetch the HDU as a file of its own", "meta.ref.url"),
    ),
    description="HDU index: one row for each HDU of the event lists in gadf.obs_index",
    foreign_keys=(
        _FOREIGN_KEY,
        ForeignKeyMeta(
            "gadf.obs_index", (("obs_publisher_did", "obs_publisher_did"),), "The observation in gadf.obs_index"
        ),
    ),
)
