"""The GADF index tables, responses as products, and HDUs as files of their own."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from django.core.management import call_command
from django.test import Client

from archive.gadf.columns import HDU_INDEX, OBS_INDEX
from archive.gadf.tables import HDUIndex, ObservationIndex
from archive.identifiers import make_did
from archive.models import ObsCore, Product, ProductFile
from archive.store import local_path
from tests.archive import samples
from tests.archive.test_ingest import TakeIn
from tests.archive.test_published import ask
from vo.columns import TableMeta

pytestmark = pytest.mark.django_db
HC_EV_M = 1.239841984332e-6


def body(client: Client, headers: dict[str, str] | None = None, **parameters: str) -> tuple[Any, bytes]:
    response = client.get("/retrieve", parameters, headers=headers)
    return response, b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]


# --- the tables ---


RUN = "23523"


@pytest.fixture
def real_run(take_in: TakeIn, shared: Path) -> Path:
    """A run of the H.E.S.S. data release, in the collection `c`."""
    path = shared / "data" / "hess-dl3-dr1" / "data" / f"hess_dl3_dr1_obs_id_{int(RUN):06d}.fits.gz"
    assert take_in(path).exit_status == 0
    return path


def one(model: Any) -> dict[str, Any]:
    """The row of the real run."""
    row = model.objects.get(obs_publisher_did=make_did("c", "r1", RUN))
    return {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}


def test_observation_index_of_a_real_run(real_run: Path) -> None:
    """GADF 0.3, observation index table: every column, from the EVENTS header."""
    header = fits.getheader(real_run, "EVENTS")
    row = one(ObservationIndex)
    for name in (
        "obs_mode", "ra_pnt", "dec_pnt", "alt_pnt", "az_pnt", "tstart", "tstop", "mjdrefi", "mjdreff", "timesys",
        "livetime", "deadc", "n_tels", "tellist", "object", "ra_obj", "dec_obj", "geolon", "geolat", "altitude",
    ):  # fmt: skip
        assert row[name] == header[name.upper()], name
    assert row["event_count"] == header["NAXIS2"]
    assert row["zen_pnt"] == pytest.approx(90 - header["ALT_PNT"])
    assert row["ontime"] == pytest.approx(header["ONTIME"], abs=1)
    pointing = SkyCoord(row["glon_pnt"], row["glat_pnt"], unit="deg", frame="galactic")
    assert pointing.separation(SkyCoord(header["RA_PNT"], header["DEC_PNT"], unit="deg")).arcsec < 1e-6
    stored = ObsCore.objects.get(obs_publisher_did=row["obs_publisher_did"])
    assert (row["t_min"], row["t_max"], row["obs_mode"]) == (stored.t_min, stored.t_max, stored.hea.obs_mode)


def test_hdu_index_of_a_real_run(real_run: Path) -> None:
    """GADF 0.3, HDU index table: type, class and name of each HDU as the release's own index has them."""
    theirs = fits.getdata(real_run.parents[1] / "hdu-index.fits.gz")
    names = ("HDU_TYPE", "HDU_CLASS", "FILE_NAME", "HDU_NAME")
    expected = {tuple(str(row[n]).strip().lower() for n in names) for row in theirs if row["OBS_ID"] == int(RUN)}
    rows = HDUIndex.objects.filter(obs_publisher_did=make_did("c", "r1", RUN))
    assert {tuple(getattr(row, n.lower()).lower() for n in names) for row in rows} == expected
    assert {(row.size, row.file_dir) for row in rows} == {(real_run.stat().st_size, f"c/r1/{RUN}")}


def test_columns_as_published(demo_archive: str) -> None:
    for table in (OBS_INDEX, HDU_INDEX):
        (row,) = ask(f"SELECT TOP 1 * FROM {table.name}")
        assert list(row) == [column.name for column in table.columns]


@pytest.mark.parametrize(
    ("tables", "rows"),
    [
        ("ivoa.obscore NATURAL JOIN gadf.obs_index", 10),
        ("ivoa.obscore NATURAL JOIN ivoa.obscore_hea NATURAL JOIN gadf.obs_index", 10),
        ("gadf.obs_index NATURAL JOIN gadf.hdu_index", 60),
        ("ivoa.obscore NATURAL JOIN gadf.hdu_index", 60),
    ],
)
def test_natural_joins(demo_archive: str, tables: str, rows: int) -> None:
    """They join on the identifiers: common columns have the same values in both tables."""
    assert len(ask(f"SELECT obs_publisher_did FROM {tables} WHERE obs_publisher_did LIKE '%/demo?%'")) == rows


@pytest.mark.parametrize("table", [OBS_INDEX, HDU_INDEX], ids=lambda t: t.name)
def test_column_metadata(table: TableMeta) -> None:
    for column in table.columns:
        assert column.description, column.name
        assert column.ucd, column.name


# --- responses in ObsCore ---


def test_responses_are_rows_of_their_own(real_run: Path) -> None:
    """obscore.md, "IRF file alone": no type of 1.1, the term in the subtype, an energy axis and nothing else."""
    rows = {row["dataproduct_subtype"]: row for row in ObsCore.objects.filter(obs_collection="c").values()}
    assert set(rows) == {"event-bundle", "aeff", "edisp", "psf", "bkgrate"}
    run = rows["event-bundle"]
    with fits.open(real_run) as hdus:
        for term, name in (("aeff", "AEFF"), ("edisp", "EDISP"), ("psf", "PSF"), ("bkgrate", "BKG")):
            row, data = rows[term], hdus[name].data
            assert row["obs_publisher_did"] == f"{run['obs_publisher_did']}/{term}"
            assert (row["dataproduct_type"], row["calib_level"]) == (None, 2)
            low, high = float(data["ENERG_LO"].min()) * 1e12, float(data["ENERG_HI"].max()) * 1e12
            assert (row["em_min"] * high, row["em_max"] * low) == pytest.approx((HC_EV_M, HC_EV_M), rel=1e-12)
            length = (
                hdus[name].fileinfo()["datLoc"] + hdus[name].fileinfo()["datSpan"] - hdus[name].fileinfo()["hdrLoc"]
            )
            assert row["access_estsize"] == -(-(2880 + length) // 1000)
            for column in ("s_ra", "s_dec", "s_region", "t_min", "t_max", "t_exptime", "target_name", "o_ucd"):
                assert row[column] is None, column
            assert {row[column] for column in ("s_xel1", "s_xel2", "t_xel", "em_xel")} == {-1}
            assert (row["obs_id"], row["instrument_name"]) == (run["obs_id"], run["instrument_name"])


def test_responses_in_the_extension(demo_archive: str) -> None:
    """OC-60: a row for each row of ivoa.obscore; OC-62: energies are those of the wavelengths; no events."""
    rows = ask(
        "SELECT * FROM ivoa.obscore NATURAL JOIN ivoa.obscore_hea "
        "WHERE dataproduct_type IS NULL AND obs_collection = 'demo'"
    )
    assert len(rows) == 40
    for row in rows:
        assert row["ev_xel"] is None
        assert row["energy_min"] * row["em_max"] == pytest.approx(HC_EV_M, rel=1e-12)
        assert row["energy_max"] * row["em_min"] == pytest.approx(HC_EV_M, rel=1e-12)
        assert (row["messenger_name"], row["messenger_pdgid"]) == ("photon", "+22")


def test_searches_by_position_find_observations(demo_archive: str) -> None:
    """Responses have no position, no time and no target: what counts and sums by these is not confused by them."""
    types = ask("SELECT DISTINCT dataproduct_type FROM ivoa.obscore WHERE s_dec > -91 OR t_min > 0 OR t_exptime > 0")
    assert types == [{"dataproduct_type": "event"}]


def test_page_of_a_response(demo_archive: str, client: Client) -> None:
    response = client.get(f"/observations/{make_did(demo_archive, 'r1', '1001')}/aeff")
    assert response.status_code == 200
    assert "Effective area" in response.content.decode()


# --- HDUs as files ---


@pytest.mark.parametrize(
    ("asked", "hdu"), [("aeff", "AEFF"), ("AEFF", "AEFF"), ("bkg", "BKG"), ("bkgrate", "BKG"), ("Events", "EVENTS")]
)
def test_one_hdu(demo_archive: str, client: Client, asked: str, hdu: str) -> None:
    """By its kind, its term or its name: a FITS file with every byte of the HDU, and its checksums."""
    did = make_did(demo_archive, "r1", "1001")
    use = ProductFile.objects.select_related("file").get(product__did=did)
    original = local_path(use.file.path).read_bytes()
    original = gzip.decompress(original) if original.startswith(b"\x1f\x8b") else original
    response, content = body(client, ID=did, HDU=asked)
    assert response.status_code == 200
    assert content[2880:] in original
    with fits.open(io.BytesIO(content), checksum=True) as alone, fits.open(io.BytesIO(original)) as whole:
        alone.verify("exception")
        assert [h.name for h in alone] == ["PRIMARY", hdu]
        assert repr(alone[1].header) == repr(whole[hdu].header)
        assert alone[1].data.tobytes() == whole[hdu].data.tobytes()


def test_http_of_one_hdu(demo_archive: str, client: Client) -> None:
    """RFC 9110: length, validators, ranges and HEAD are those of the small file."""
    did = make_did(demo_archive, "r1", "1001")
    response, content = body(client, ID=did, HDU="psf")
    (row,) = ask(f"SELECT hdu_size, hdu_url FROM gadf.hdu_index WHERE hdu_type = 'psf' AND obs_publisher_did = '{did}'")
    assert int(response["Content-Length"]) == len(content) == row["hdu_size"]
    assert row["hdu_url"] == f"http://127.0.0.1:8000/retrieve?ID={quote(did, safe='')}&HDU=psf"
    assert response["Content-Disposition"].endswith('_psf.fits"')
    part, some = body(client, {"Range": "bytes=2880-2889"}, ID=did, HDU="psf")
    assert (part.status_code, some) == (206, content[2880:2890])
    assert body(client, {"If-None-Match": response["ETag"]}, ID=did, HDU="psf")[0].status_code == 304
    head = client.head("/retrieve", {"ID": did, "HDU": "psf"})
    assert (head["Content-Length"], head["ETag"]) == (response["Content-Length"], response["ETag"])
    assert response["ETag"] != client.head("/retrieve", {"ID": did})["ETag"]


def test_an_hdu_that_is_not_there(demo_archive: str, client: Client) -> None:
    response, content = body(client, ID=make_did(demo_archive, "r1", "1001"), HDU="rad_max")
    assert response.status_code == 404
    assert b"it has events, gti, aeff, edisp, psf, bkg" in content
    assert body(client, ID=make_did(demo_archive, "r1", "1001", "aeff"), HDU="psf")[0].status_code == 404


def test_a_damaged_file(take_in: TakeIn, folder: Path, client: Client) -> None:
    """What is not as it was recorded is not given out."""
    take_in(folder)
    did = make_did("c", "r1", "1")
    row = HDUIndex.objects.get(product__did=did, hdu_type="aeff")
    path = local_path(row.file.file.path)
    content = bytearray(path.read_bytes())
    assert row.hdu_offset is not None
    content[row.hdu_offset + 100] ^= 1
    path.write_bytes(content)
    response, text = body(client, ID=did, HDU="aeff")
    assert response.status_code == 500
    assert b"damaged" in text
    assert body(client, ID=did, HDU="psf")[0].status_code == 200


# --- archives from before ---


@pytest.fixture
def three_runs(take_in: TakeIn, folder: Path) -> None:
    take_in(folder)


def state() -> tuple[list[Any], ...]:
    def rows(model: Any, *left_out: str) -> list[Any]:
        names = [f.attname for f in model._meta.concrete_fields if f.attname not in ("id", *left_out)]
        return sorted(model.objects.values_list(*names), key=repr)

    return rows(ObservationIndex), rows(HDUIndex), rows(ObsCore), rows(Product)


def test_reindex(three_runs: None, capsys: pytest.CaptureFixture[str]) -> None:
    """It makes what ingest makes, once; identifiers and products stay."""
    Product.objects.exclude(did__contains="/c?").update(subtype="not looked at")
    before = state()
    ObsCore.objects.filter(dataproduct_type=None, obs_collection="c").delete()
    HDUIndex.objects.filter(file_dir__startswith="c/").delete()
    ObservationIndex.objects.filter(obs_publisher_did__contains="/c?").delete()
    call_command("reindex")
    assert state() == before
    call_command("reindex")
    call_command("reindex", all=True)
    assert state() == before
    assert capsys.readouterr().out.splitlines() == [
        f"{n} event lists indexed, 0 data sets drawn, 0 failed." for n in (3, 0, 3)
    ]


def test_reindex_goes_on_after_a_bad_file(take_in: TakeIn, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take_in(folder)
    ObservationIndex.objects.all().delete()
    HDUIndex.objects.all().delete()
    path = local_path(ProductFile.objects.get(name="run2.fits").file.path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SystemExit):
        call_command("reindex")
    shown = capsys.readouterr()
    assert "c?r1/2: " in shown.err
    assert ObservationIndex.objects.filter(obs_publisher_did__contains="/c?").count() == 2


# --- what headers lack ---


def test_a_sparse_header(take_in: TakeIn, tmp_path: Path) -> None:
    """Unknown is NULL; the place of the telescopes may be written as OBSGEO."""
    events = samples.events(
        ALT_PNT=None, AZ_PNT=None, DEADC=None, N_TELS=None, GEOLON=None, GEOLAT=None, ALTITUDE=None,
        **{"OBSGEO-L": 16.5, "OBSGEO-B": -23.3, "OBSGEO-H": 1800.0},
    )  # fmt: skip
    samples.write(tmp_path / "run.fits", events, samples.gti(), samples.aeff(), samples.edisp())
    take_in(tmp_path)
    row = ObservationIndex.objects.get(obs_publisher_did=make_did("c", "r1", "42"))
    assert {row.alt_pnt, row.az_pnt, row.zen_pnt, row.deadc, row.n_tels, row.tellist} == {None}
    assert (row.geolon, row.geolat, row.altitude) == (16.5, -23.3, 1800.0)
    assert np.isclose(row.mjdreff, samples.TIME["MJDREFF"])
    assert set(HDUIndex.objects.filter(product=row.product).values_list("hdu_type", flat=True)) == {
        "events", "gti", "aeff", "edisp",
    }  # fmt: skip
