"""The ObsCore rows: every value against the data themselves, and the metadata against the standard."""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from django.apps import apps
from django.db import connection

from archive.identifiers import make_did
from archive.models import ObsCore, ObsCoreHEA
from archive.obscore.columns import OBSCORE
from archive.obscore.hea_columns import OBSCORE_HEA
from archive.obscore.mapping import hea_values, obscore_values, wavelength
from archive.readers.gadf import GADFReader
from tests.archive import samples
from tests.archive.eventfiles import compare_counts
from tests.archive.test_gadf_reader import read
from vo.columns import ColumnMeta, TableMeta
from vo.timescales import mjd_tcb
from vo.tmoc import decode

RUNS = ("20275", "23523", "47829")
pytestmark = pytest.mark.django_db


def header_and_files(shared: Path, obs_id: str) -> tuple[Path, dict[str, Any], np.ndarray]:
    path = shared / "data" / "hess-dl3-dr1" / "data" / f"hess_dl3_dr1_obs_id_{int(obs_id):06d}.fits.gz"
    with fits.open(path) as hdus:
        header = dict(hdus["EVENTS"].header) | {
            "COUNT": len(hdus["EVENTS"].data),
            "LO": hdus["AEFF"].header["LO_THRES"],
        }
        header["HI"] = hdus["AEFF"].header["HI_THRES"]
        header["THETA"] = float(hdus["AEFF"].data["THETA_HI"].max())
        gti = np.array([hdus["GTI"].data["START"], hdus["GTI"].data["STOP"]], dtype=float).T
    return path, header, gti


def test_all_runs_are_there(hess_archive: str) -> None:
    rows = ObsCore.objects.filter(obs_collection=hess_archive)
    assert rows.filter(dataproduct_type="event").count() == 48
    assert rows.filter(dataproduct_type=None).count() == 4 * 48
    assert ObsCoreHEA.objects.filter(obscore__in=rows).count() == 5 * 48
    assert {r.obs_publisher_did for r in rows} == {
        h.obs_publisher_did for h in ObsCoreHEA.objects.filter(obscore__in=rows)
    }


@pytest.mark.parametrize("obs_id", RUNS)
def test_values_of_real_runs(hess_archive: str, shared: Path, obs_id: str) -> None:
    """ObsCore 1.1 section 2 (obscore.md OC-10 to OC-25): each mandatory column, from the FITS file with astropy."""
    path, header, gti = header_and_files(shared, obs_id)
    row = ObsCore.objects.get(obs_collection=hess_archive, obs_id=obs_id, dataproduct_type="event")
    assert (row.dataproduct_type, row.dataproduct_subtype, row.calib_level) == ("event", "event-bundle", 2)
    assert row.obs_publisher_did == f"ivo://distiller.example/{hess_archive}?r1/{obs_id}"
    assert row.access_estsize == -(-len(gzip.decompress(path.read_bytes())) // 1000)
    assert row.target_name == header["OBJECT"]
    pointing = SkyCoord(header["RA_PNT"], header["DEC_PNT"], unit="deg")
    assert SkyCoord(row.s_ra, row.s_dec, unit="deg").separation(pointing).arcsec < 1e-6
    assert (row.s_fov, header["THETA"]) == (5.0, 2.5)
    assert row.s_region == f"CIRCLE ICRS {header['RA_PNT']!r} {header['DEC_PNT']!r} 2.5"
    assert 300 < row.s_resolution < 900
    zero = Time(header["MJDREFI"], header["MJDREFF"], format="mjd", scale="tt")
    start, stop = (zero + gti[0, 0] * u.s).utc, (zero + gti[-1, 1] * u.s).utc
    assert abs(row.t_min - start.mjd) * 86400 < 1e-4
    assert abs(row.t_max - stop.mjd) * 86400 < 1e-4
    # The header says the same in civil time.
    assert (
        start.isot[:19] == f"{header['DATE-OBS']}T{header['TIME-OBS'][:8]}"
        or abs((Time(f"{header['DATE-OBS']}T{header['TIME-OBS']}", scale="tt") - start).sec) < 1
    )
    assert row.t_exptime == header["LIVETIME"]
    planck = (constants.h * constants.c).to_value("eV m")
    # LO_THRES of the header is a double, the index repeats it in single precision.
    assert row.em_max == pytest.approx(planck / (header["LO"] * 1e12), rel=1e-6)
    assert row.em_min == pytest.approx(planck / (header["HI"] * 1e12), rel=1e-6)
    assert 0 < row.em_min < row.em_max < 1e-17
    assert 2 < row.em_res_power < 12
    assert (row.s_xel1, row.s_xel2, row.t_xel, row.em_xel, row.pol_xel) == (-1, -1, -1, -1, 0)
    assert (row.o_ucd, row.pol_states, row.t_resolution) == (None, None, None)
    assert (row.facility_name, row.instrument_name) == (header["TELESCOP"], header["INSTRUME"])
    assert (row.obs_id, row.obs_collection) == (obs_id, hess_archive)
    vector = SkyCoord(row.s_ra, row.s_dec, unit="deg").cartesian.xyz.value
    assert np.abs(np.array([row.pos_x, row.pos_y, row.pos_z]) - vector).max() < 1e-12
    assert row.region_xmin < row.pos_x < row.region_xmax


@pytest.mark.parametrize("obs_id", RUNS)
def test_high_energy_values_of_real_runs(hess_archive: str, shared: Path, obs_id: str) -> None:
    """High-energy extension draft section 4 (obscore.md OC-60 to OC-65)."""
    _, header, gti = header_and_files(shared, obs_id)
    row = ObsCore.objects.get(obs_collection=hess_archive, obs_id=obs_id, dataproduct_type="event")
    hea = row.hea
    assert hea.obs_publisher_did == row.obs_publisher_did
    assert hea.ev_xel == header["COUNT"]
    assert row.em_max * hea.energy_min == pytest.approx(1.239841984332e-6, rel=1e-12)
    assert row.em_min * hea.energy_max == pytest.approx(1.239841984332e-6, rel=1e-12)
    assert (hea.s_ref_energy, hea.s_ref_oaa, hea.em_ref_energy, hea.em_ref_oaa) == (1e12, 0.5, 1e12, 0.5)
    assert (hea.obs_mode, hea.tracking_mode, hea.scan_mode) == ("WOBBLE", "sidereal", "on-the-fly-cross-map")
    assert (hea.pointing_mode, hea.event_type) == ("parallel", "std")
    assert (hea.messenger_name, hea.messenger_pdgid) == ("photon", "+22")
    # MOC 2.0: microseconds since JD 0 in TCB.
    zero = Time(header["MJDREFI"], header["MJDREFF"], format="mjd", scale="tt")
    (interval,) = decode(hea.t_intervals)
    for found, when, sense in ((interval[0], gti[0, 0], 1), (interval[1], gti[-1, 1], -1)):
        tcb = (zero + when * u.s).tcb
        expected = (tcb.jd1 * 86400e6) + (tcb.jd2 * 86400e6)
        assert -2e3 < sense * (expected - found) < 2**20 + 2e3


def test_rows_of_the_demo_data_have_the_gap(demo_archive: str) -> None:
    """Good time of a run with a gap is two intervals of time coverage."""
    hea = ObsCoreHEA.objects.get(obs_publisher_did=make_did(demo_archive, "r1", "2004"))
    first, second = decode(hea.t_intervals)
    assert (second[0] - first[1]) / 1e6 == pytest.approx(240, abs=3)
    assert hea.t_coverage == (first, second)
    assert (hea.t_first, hea.t_last) == (mjd_tcb(first[0]), mjd_tcb(second[1]))


def test_coverage_of_rows_from_before(demo_archive: str) -> None:
    """The migration that added the intervals makes them of the texts."""
    columns = ("pk", "t_coverage", "t_first", "t_last")
    before = sorted(ObsCoreHEA.objects.values_list(*columns))
    ObsCoreHEA.objects.update(t_coverage=None, t_first=None, t_last=None)
    migration = importlib.import_module("archive.migrations.0003_time_coverage")
    migration.fill(apps, SimpleNamespace(connection=connection))
    assert sorted(ObsCoreHEA.objects.values_list(*columns)) == before


def test_wavelength_is_a_double() -> None:
    """ObsCore 1.1 section 2.17: 1 TeV is 1.2398e-18 m, which no "%f" may turn to zero."""
    assert wavelength(1.0) == pytest.approx(1.239841984332e-18, rel=1e-12)
    assert wavelength(None) is None


@pytest.mark.parametrize(
    ("mode", "tracking", "scan"),
    [
        ("POINTING", "sidereal", None),
        ("DRIFT", "fixed-az-el-transit", None),
        ("RASTER", "sidereal", "raster-map"),
        ("SCAN", "sidereal", "on-the-fly-cross-scan"),
        ("SLEW", "none", "slew"),
        ("", None, None),
    ],
)
def test_modes(tmp_path: Path, mode: str, tracking: str | None, scan: str | None) -> None:
    """obscore.md OC-63, OC-64."""
    changes: dict[str, Any] = {"OBS_MODE": mode or None}
    if mode == "DRIFT":
        changes |= {"RA_PNT": None, "DEC_PNT": None}
    record = read(samples.write(tmp_path / "run.fits", samples.events(**changes), samples.gti()))
    hea = hea_values(record, did="x")
    assert (hea["tracking_mode"], hea["scan_mode"]) == (tracking, scan)
    values = obscore_values(record, collection="c", did="x", publisher="p", main_size=1, released=Time.now().datetime)
    assert (values["s_region"] is None) == (mode == "DRIFT")
    assert (values["pos_x"] is None) == (mode == "DRIFT")
    assert (values["region_xmin"] is None) == (mode == "DRIFT")


# --- metadata ---


def standard(shared: Path, key: str) -> dict[str, Any]:
    content = json.loads((shared / "standards" / "obscore_columns.json").read_text())
    return {column["name"]: column for column in content[key]}


def check_column(column: ColumnMeta, expected: dict[str, Any]) -> None:
    votable = expected["votable"]
    assert column.datatype == votable["datatype"], column.name
    assert column.arraysize == votable["arraysize"], column.name
    assert column.xtype == votable.get("xtype"), column.name
    assert (column.unit, column.ucd) == (expected["unit"], expected["ucd"]), column.name


def test_obscore_metadata(shared: Path) -> None:
    """ObsCore 1.1 appendix C: types, units, UCDs, utypes; all mandatory columns (obscore.md OC-02 to OC-05)."""
    expected = standard(shared, "obscore")
    assert {name for name, c in expected.items() if c["mandatory"]} <= {c.name for c in OBSCORE.columns}
    for column in OBSCORE.columns:
        check_column(column, expected[column.name])
        assert column.utype == expected[column.name]["utype"]
        assert column.std


def test_high_energy_metadata(shared: Path) -> None:
    """High-energy extension draft section 4: all its columns, and no other name in common with ObsCore."""
    expected = standard(shared, "high_energy_extension")
    own = [c for c in OBSCORE_HEA.columns if c.name != "obs_publisher_did"]
    assert {c.name for c in own} == set(expected)
    for column in own:
        check_column(column, expected[column.name])
    common = {c.name for c in OBSCORE.columns} & {c.name for c in OBSCORE_HEA.columns}
    assert common == {"obs_publisher_did"}


@pytest.mark.parametrize(("table", "model"), [(OBSCORE, ObsCore), (OBSCORE_HEA, ObsCoreHEA)])
def test_published_columns_exist_and_say_the_truth(table: TableMeta, model: Any) -> None:
    """A published column is a database column or computed; one that is said to be indexed is."""
    fields = {f.column: f for f in model._meta.get_fields() if hasattr(f, "column")}
    computed = {"access_url", "access_format"}
    indexed = {name for f, c in ((f, f.column) for f in fields.values()) if f.unique or f.db_index for name in [c]}
    indexed |= {fields[n].column for i in model._meta.indexes for n in i.fields}
    for column in table.columns:
        if column.name not in computed:
            assert column.name in fields, column.name
            if column.indexed:
                assert column.name in indexed | {"s_region", "t_intervals"}, column.name


def test_values_stay_within_the_allowed_ones(demo_archive: str, shared: Path) -> None:
    """ObsCore 1.1: enumerations (obscore.md OC-10, OC-11, OC-23, OC-24), and NULL only where it may be (OC-03)."""
    expected = standard(shared, "obscore")
    hea_expected = standard(shared, "high_energy_extension")
    for row in ObsCore.objects.all().select_related("hea"):
        for name, column in expected.items():
            if hasattr(row, name):
                value = getattr(row, name)
                if column["not_null"]:
                    assert value is not None, name
                if "values" in column and value is not None:
                    assert value in column["values"], name
        for name, column in hea_expected.items():
            if "values" in column and getattr(row.hea, name) is not None:
                assert getattr(row.hea, name) in column["values"], name


def test_reader_and_rows_agree_for_every_run(hess_archive: str, shared: Path) -> None:
    """No row got another run's numbers."""
    reader = GADFReader()
    events = ObsCore.objects.filter(obs_collection=hess_archive, dataproduct_type="event")
    rows = {r.obs_id: r for r in events.select_related("hea")}
    folder = shared / "data" / "hess-dl3-dr1"
    for candidate in reader.indexed(folder, [folder / "hdu-index.fits.gz"])[0][::6]:
        record = reader.read(candidate)
        row = rows[record.obs_id]
        assert (row.s_ra, row.s_dec, row.t_exptime, row.hea.ev_xel) == (
            record.ra_pnt, record.dec_pnt, record.livetime, record.event_count,
        )  # fmt: skip


def test_events_of_real_runs_are_counted(hess_archive: str, shared: Path) -> None:
    """ADQL counts in gadf.events what NumPy counts in the original files, exactly."""
    compare_counts(shared / "data" / "hess-dl3-dr1", hess_archive, 16)
