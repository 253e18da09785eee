"""Column metadata of `ivoa.obscore` (ObsCore 1.1 appendices B and C)."""

from __future__ import annotations

from vo.columns import ColumnMeta, TableMeta

DATALINK_TYPE = "application/x-votable+xml;content=datalink"
"""Exactly so, without a blank: clients compare it as text (datalink_soda.md DL-07)."""


def _text(
    name: str, utype: str, ucd: str, description: str, xtype: str | None = None, indexed: bool = False
) -> ColumnMeta:
    return ColumnMeta(name, "char", "*", xtype, None, ucd, f"obscore:{utype}", description, std=True, indexed=indexed)


def _number(
    name: str, datatype: str, unit: str | None, utype: str, ucd: str, description: str, indexed: bool = False
) -> ColumnMeta:
    return ColumnMeta(name, datatype, None, None, unit, ucd, f"obscore:{utype}", description, std=True, indexed=indexed)


_PRINCIPAL = {
    "dataproduct_type",
    "calib_level",
    "obs_collection",
    "obs_id",
    "obs_publisher_did",
    "access_url",
    "access_format",
    "target_name",
    "s_ra",
    "s_dec",
    "s_fov",
    "t_min",
    "t_max",
    "t_exptime",
    "em_min",
    "em_max",
    "facility_name",
    "instrument_name",
}

_MANDATORY = (
    _text(
        "dataproduct_type",
        "ObsDataset.dataProductType",
        "meta.code.class",
        "Kind of data: event, spectrum, timeseries, sed, measurements; NULL for what is none of ObsCore's",
        indexed=True,
    ),
    _number(
        "calib_level",
        "int",
        None,
        "ObsDataset.calibLevel",
        "meta.code;obs.calib",
        "Calibration level: 2 for DL3 event lists, 3 for counts spectra, 4 for flux points, light curves, catalogues",
    ),
    _text("obs_collection", "DataID.collection", "meta.id", "Collection that the data belong to", indexed=True),
    _text(
        "obs_id",
        "DataID.observationID",
        "meta.id",
        "Observation (run) identifier; without leading zeros for event lists of GADF",
        indexed=True,
    ),
    _text(
        "obs_publisher_did",
        "Curation.publisherDID",
        "meta.ref.ivoid",
        "Identifier of the data set given by this archive",
        indexed=True,
    ),
    _text(
        "access_url",
        "Access.reference",
        "meta.ref.url",
        "DataLink document: the files of the data set, responses, previews, services",
    ),
    _text("access_format", "Access.format", "meta.code.mime", "Media type of what access_url gives: DataLink"),
    _number(
        "access_estsize",
        "long",
        "kbyte",
        "Access.size",
        "phys.size;meta.file",
        "Size of the main file behind access_url, in units of 1000 bytes",
    ),
    _text("target_name", "Target.name", "meta.id;src", "Name of the target as the observers wrote it", indexed=True),
    _number(
        "s_ra",
        "double",
        "deg",
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1",
        "pos.eq.ra",
        "Right ascension of the centre (ICRS): pointing, source, or region that the data were taken from",
        True,
    ),
    _number(
        "s_dec",
        "double",
        "deg",
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2",
        "pos.eq.dec",
        "Declination of the centre (ICRS): pointing, source, or region that the data were taken from",
        True,
    ),
    _number(
        "s_fov",
        "double",
        "deg",
        "Char.SpatialAxis.Coverage.Bounds.Extent.diameter",
        "phys.angSize;instr.fov",
        "Diameter of the field of view (twice the largest offset that the effective area covers) or of the region",
    ),
    _text(
        "s_region",
        "Char.SpatialAxis.Coverage.Support.Area",
        "pos.outline;obs.field",
        "Field of view, or region that the data were taken from, as a circle (STC-S, ICRS)",
        "adql:REGION",
        True,
    ),
    _number(
        "s_resolution",
        "double",
        "arcsec",
        "Char.SpatialAxis.Resolution.Refval.value",
        "pos.angResolution",
        "FWHM of the point spread function as 1.56 times its 68 % containment radius, at s_ref_energy and s_ref_oaa",
    ),
    _number(
        "s_xel1",
        "long",
        None,
        "Char.SpatialAxis.numBins1",
        "meta.number",
        "Pixels along the first spatial axis; -1 for event lists",
    ),
    _number(
        "s_xel2",
        "long",
        None,
        "Char.SpatialAxis.numBins2",
        "meta.number",
        "Pixels along the second spatial axis; -1 for event lists",
    ),
    _number(
        "t_min",
        "double",
        "d",
        "Char.TimeAxis.Coverage.Bounds.Limits.StartTime",
        "time.start;obs.exposure",
        "Start of the first good time interval (MJD, UTC); NULL where the data do not tell it",
        True,
    ),
    _number(
        "t_max",
        "double",
        "d",
        "Char.TimeAxis.Coverage.Bounds.Limits.StopTime",
        "time.end;obs.exposure",
        "End of the last good time interval (MJD, UTC)",
        True,
    ),
    _number(
        "t_exptime",
        "double",
        "s",
        "Char.TimeAxis.Coverage.Support.Extent",
        "time.duration;obs.exposure",
        "Live time: good time corrected for dead time; NULL where the data do not tell it",
    ),
    _number(
        "t_resolution",
        "double",
        "s",
        "Char.TimeAxis.Resolution.Refval.value",
        "time.resolution",
        "Time resolution; NULL where the data do not tell it",
    ),
    _number(
        "t_xel", "long", None, "Char.TimeAxis.numBins", "meta.number", "Bins along the time axis; -1 for event lists"
    ),
    _number(
        "em_min",
        "double",
        "m",
        "Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit",
        "em.wl;stat.min",
        "Shortest vacuum wavelength, that of the upper end of the safe or covered energy range",
        True,
    ),
    _number(
        "em_max",
        "double",
        "m",
        "Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit",
        "em.wl;stat.max",
        "Longest vacuum wavelength, that of the energy threshold",
        True,
    ),
    _number(
        "em_res_power",
        "double",
        None,
        "Char.SpectralAxis.Resolution.ResolPower.refVal",
        "spect.resolution",
        "E/dE at 1 TeV and 0.5 deg off axis; dE is half the width of the central 68 % of the energy dispersion",
    ),
    _number(
        "em_xel",
        "long",
        None,
        "Char.SpectralAxis.numBins",
        "meta.number",
        "Bins along the spectral axis; -1 for event lists",
    ),
    _text("o_ucd", "Char.ObservableAxis.ucd", "meta.ucd", "UCD of the observable; NULL for event lists"),
    _text(
        "pol_states",
        "Char.PolarizationAxis.stateList",
        "meta.code;phys.polarization",
        "Polarisation states; NULL without polarisation",
    ),
    _number(
        "pol_xel",
        "long",
        None,
        "Char.PolarizationAxis.numBins",
        "meta.number",
        "Number of polarisation states; 0 without polarisation",
    ),
    _text("facility_name", "Provenance.ObsConfig.Facility.name", "meta.id;instr.tel", "Observatory (TELESCOP)"),
    _text("instrument_name", "Provenance.ObsConfig.Instrument.name", "meta.id;instr", "Instrument (INSTRUME)"),
)

_OPTIONAL = (
    _text(
        "dataproduct_subtype",
        "ObsDataset.dataProductSubtype",
        "meta.code.class",
        "event-bundle: event list with its responses; event-list: without; counts-spectrum, light-curve, flux-points",
    ),
    _text("obs_title", "DataID.title", "meta.title;obs", "Title for people"),
    _text("obs_creation_date", "DataID.date", "time;meta.dataset", "When the data set was made (UTC)", "timestamp"),
    _text("obs_creator_name", "DataID.creator", "meta.id", "Who made the data set (ORIGIN)"),
    _text("publisher_id", "Curation.publisherID", "meta.ref.ivoid", "IVOA identifier of the publisher"),
    _text("data_rights", "Curation.rights", "meta.code", "public, secure or proprietary"),
    _text(
        "obs_release_date", "Curation.releaseDate", "time.release", "Since when the data are public (UTC)", "timestamp"
    ),
    _text("s_ucd", "Char.SpatialAxis.ucd", "meta.ucd", "UCD of the spatial axis"),
    _text("s_unit", "Char.SpatialAxis.unit", "meta.unit", "Unit of the spatial axis in the data"),
    _text("s_calib_status", "Char.SpatialAxis.calibrationStatus", "meta.code.qual", "Calibration of the spatial axis"),
    _text("t_calib_status", "Char.TimeAxis.calibrationStatus", "meta.code.qual", "Calibration of the time axis"),
    _text("em_ucd", "Char.SpectralAxis.ucd", "meta.ucd", "UCD of the spectral axis in the data"),
    _text("em_unit", "Char.SpectralAxis.unit", "meta.unit", "Unit of the spectral axis in the data"),
    _text(
        "em_calib_status", "Char.SpectralAxis.calibrationStatus", "meta.code.qual", "Calibration of the spectral axis"
    ),
)

OBSCORE = TableMeta(
    name="ivoa.obscore",
    columns=tuple(c.but(principal=c.name in _PRINCIPAL) for c in _MANDATORY + _OPTIONAL),
    description="Observations and data products of this archive (ObsCore 1.1)",
    utype="ivo://ivoa.net/std/obscore#table-1.1",
)
