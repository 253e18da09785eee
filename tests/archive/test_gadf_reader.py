"""The GADF reader: what it reads, what it refuses and why, what it notes."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from archive.readers.gadf import GADFReader
from archive.readers.records import Candidate, ObservationRecord, Refused
from archive.readers.scanning import scan
from tests.archive import samples


def candidates(path: Path) -> list[Candidate]:
    """What the reader finds in a folder, or what is refused there."""
    return [found.candidate for found in scan(path, known=(GADFReader(),))]


def read(path: Path) -> ObservationRecord:
    (candidate,) = candidates(path)
    if candidate.refusal is not None:
        raise Refused(candidate.refusal)
    return GADFReader().read(candidate)


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read(path)
    return caught.value.reason


def test_a_whole_bundle(tmp_path: Path) -> None:
    """GADF 0.3 EVENTS, GTI, IRFs: each number is the one that was put in."""
    record = read(samples.write(tmp_path / "run.fits"))
    assert (record.obs_id, record.subtype, record.target_name) == ("42", "event-bundle", "Crab Nebula")
    assert (record.ra_pnt, record.dec_pnt, record.ra_obj, record.dec_obj) == (83.63, 22.51, 83.63, 22.01)
    assert record.zen_pnt == 30.0
    assert (record.ontime, record.livetime, record.event_count) == (900.0, 810.0, 50)
    assert (record.energy_min, record.energy_max) == (0.5, 80.0)
    assert record.fov_radius == 3.0
    seconds = np.array([[1000.0, 1400.0], [1500.0, 2000.0]])
    expected = Time(51910, 0.000742870370370241 + seconds / 86400, format="mjd", scale="tt").utc.mjd
    assert np.abs(np.array(record.gti) - expected).max() * 86400 < 1e-5
    # A Gaussian of sigma 0.05 deg: r68 = sigma sqrt(-2 ln 0.32), FWHM = 2.3548 sigma.
    assert record.psf_fwhm == pytest.approx(2.3548 * 0.05, rel=0.01)
    assert record.energy_resolution == pytest.approx(0.1, rel=0.01)
    assert record.files[0].hdus == {"events": "EVENTS", "gti": "GTI", "aeff": "AEFF", "edisp": "EDISP", "psf": "PSF"}
    assert record.files[0].hdu_classes["psf"] == "psf_3gauss"
    assert record.notes == ()


def test_compressed_and_uncompressed_read_alike(tmp_path: Path) -> None:
    plain = samples.write(tmp_path / "run.fits")
    packed = tmp_path / "packed.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(plain).gti == read(packed).gti


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncated_in_a_header(path: Path) -> None:
    with fits.open(path) as hdus:
        begin = hdus["EDISP"].fileinfo()["hdrLoc"]
    path.write_bytes(path.read_bytes()[: begin + 500])


def _truncated_gz(path: Path) -> None:
    content = gzip.compress(path.read_bytes())
    path.write_bytes(content[: len(content) * 2 // 3])


def _flipped_gz(path: Path) -> None:
    content = bytearray(gzip.compress(path.read_bytes()))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("not FITS at all\n" * 500), "not a FITS file"),
        (lambda path: path.write_bytes(b"\x00" * 5000), "not a FITS file"),
        (_truncated, "truncated"),
        (_truncated_in_a_header, "truncated or damaged: what follows HDU AEFF"),
        (_truncated_gz, "truncated"),
        (_flipped_gz, "damaged|truncated"),
        (lambda path: path.write_bytes(b"SIMPLE  =                    T" + b"x" * 4000), "not a readable FITS file"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, break_it: Callable[[Path], None], reason: str) -> None:
    path = samples.write(tmp_path / "run.fits")
    break_it(path)
    with pytest.raises(Refused, match=reason):
        read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"OBS_ID": None}, "no OBS_ID"),
        ({"OBS_ID": "../../etc"}, "no identifier"),
        ({"MJDREFI": None}, "no MJDREFI"),
        ({"MJDREFF": None}, "no MJDREFF"),
        ({"TIMESYS": None}, "no TIMESYS"),
        ({"TIMESYS": "moon"}, "no known time scale"),
        ({"TIMEUNIT": "fortnight"}, "no known unit"),
        ({"TSTART": None}, "TSTART"),
        ({"TSTOP": 900.0}, "not after"),
        ({"RA_PNT": None}, "no pointing"),
        ({"DEC_PNT": 95.0}, "not on the sky"),
        ({"LIVETIME": None, "DEADC": None}, "neither LIVETIME nor DEADC"),
        ({"LIVETIME": -1.0}, "negative"),
        ({"DEADC": 1.5}, "between 0 and 1"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    """GADF 0.3 "EVENTS" and "Time": mandatory keywords that nothing can stand in for (gadf.md GA-02, GA-22, GA-23)."""
    path = samples.write(
        tmp_path / "run.fits", samples.events(**change), samples.gti(), samples.aeff(), samples.edisp()
    )
    assert reason in refusal(path)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"ENERGY": None}, "no column ENERGY"),
        ({"TIME": None}, "no column TIME"),
        ({"RA": np.full(50, np.nan)}, "not finite"),
        ({"ENERGY": np.r_[np.ones(49), -1.0]}, "zero or below"),
        ({"DEC": np.full(50, 91.0)}, "outside the sky"),
    ],
)
def test_events_that_cannot_be_used(tmp_path: Path, columns: dict[str, object], reason: str) -> None:
    """GADF 0.3 "EVENTS": mandatory columns, finite, positive energies (gadf.md GA-20, GA-25)."""
    path = samples.write(tmp_path / "run.fits", samples.events(columns), samples.gti(), samples.aeff(), samples.edisp())
    assert reason in refusal(path)


@pytest.mark.parametrize(
    ("gti", "reason"),
    [
        (samples.gti((), ()), "empty"),
        (samples.gti((1000.0,), (1000.0,)), "ends before it starts"),
        (samples.gti((1000.0, 1100.0), (1200.0, 1300.0)), "overlap"),
        (samples.gti((1500.0, 1000.0), (1600.0, 1100.0)), "not sorted"),
        (samples.gti((np.nan,), (1100.0,)), "not finite"),
    ],
)
def test_good_time_that_cannot_be_used(tmp_path: Path, gti: fits.BinTableHDU, reason: str) -> None:
    """GADF 0.3 "GTI": at least one row, sorted, not overlapping (gadf.md GA-30)."""
    path = samples.write(tmp_path / "run.fits", samples.events(), gti, samples.aeff(), samples.edisp())
    assert reason in refusal(path)


def test_missing_tables(tmp_path: Path) -> None:
    assert "no EVENTS" in refusal(samples.write(tmp_path / "a.fits", samples.gti(), samples.aeff()))
    assert "no GTI" in refusal(samples.write(tmp_path / "b.fits", samples.events(), samples.aeff()))
    record = read(samples.write(tmp_path / "c.fits", samples.events(), samples.gti()))
    assert record.subtype == "event-list"
    assert any("No aeff" in note for note in record.notes)


def test_responses_that_cannot_be_used(tmp_path: Path) -> None:
    """GADF 0.3 "IRFs": axis edges increase (gadf.md GA-41)."""
    broken = samples.aeff()
    broken.data["ENERG_LO"] = broken.data["ENERG_LO"][:, ::-1].copy()
    path = samples.write(tmp_path / "run.fits", samples.events(), samples.gti(), broken, samples.edisp())
    assert refusal(path) == "axis ENERG of HDU AEFF does not increase"


def test_units_of_responses_are_read(tmp_path: Path) -> None:
    """GADF 0.3 asks for TeV; a file that says GeV means it, and one that says metres is refused."""
    for unit, scale in (("TeV", 1.0), ("GeV", 1e-3)):
        aeff = samples.aeff(LO_THRES=None, HI_THRES=None)
        for name in ("ENERG_LO", "ENERG_HI"):
            aeff.columns[name].unit = unit
        path = samples.write(tmp_path / "run.fits", samples.events(), samples.gti(), aeff, samples.edisp())
        assert read(path).energy_max == pytest.approx(100.0 * scale, rel=1e-6)
    aeff = samples.aeff()
    aeff.columns["ENERG_LO"].unit = "m"
    path = samples.write(tmp_path / "run.fits", samples.events(), samples.gti(), aeff, samples.edisp())
    assert refusal(path) == "the unit 'm' of axis ENERG is not understood: TeV or the like is expected"


def test_without_thresholds_the_axis_of_the_area_counts(tmp_path: Path) -> None:
    aeff = samples.aeff(LO_THRES=None, HI_THRES=None)
    record = read(samples.write(tmp_path / "run.fits", samples.events(), samples.gti(), aeff, samples.edisp()))
    assert record.energy_min == pytest.approx(samples.ENERGY_EDGES[samples.ENERGY_EDGES >= 0.199][0], rel=1e-6)
    assert record.energy_max == pytest.approx(100.0, rel=1e-6)


def test_an_empty_response_gives_no_resolution(tmp_path: Path) -> None:
    """Zeros in PSF and EDISP are usual at the edges and no defect (gadf.md GA-43)."""
    psf = samples.psf(0.0)
    edisp = samples.edisp()
    edisp.data["MATRIX"] = 0.0
    record = read(samples.write(tmp_path / "run.fits", samples.events(), samples.gti(), samples.aeff(), edisp, psf))
    assert (record.psf_fwhm, record.energy_resolution) == (None, None)


def test_oddities_are_noted(tmp_path: Path) -> None:
    events = samples.events({"TIME": np.full(50, 3000.0)}, OBS_MODE="WOBBLE", EQUINOX=None)
    record = read(samples.write(tmp_path / "run.fits", events, samples.gti(), samples.aeff(), samples.edisp()))
    assert record.notes == (
        "EVENTS lacks the mandatory header keywords EQUINOX.",
        "OBS_MODE WOBBLE is none of GADF's.",
        "50 of 50 events lie outside TSTART and TSTOP.",
    )


def test_leading_zeros_of_obs_id_are_dropped(tmp_path: Path) -> None:
    """gadf.md GA-27."""
    path = samples.write(tmp_path / "run.fits", samples.events(OBS_ID="0020136"), samples.gti())
    assert read(path).obs_id == "20136"


def test_drift_scans_have_no_pointing_on_the_sky(tmp_path: Path) -> None:
    """GADF 0.3: ALT_PNT and AZ_PNT in place of RA_PNT and DEC_PNT when OBS_MODE is DRIFT (gadf.md GA-22)."""
    events = samples.events(OBS_MODE="DRIFT", RA_PNT=None, DEC_PNT=None)
    record = read(samples.write(tmp_path / "run.fits", events, samples.gti(), samples.aeff(), samples.edisp()))
    assert (record.ra_pnt, record.dec_pnt, record.obs_mode) == (None, None, "DRIFT")


def test_the_time_scale_is_believed(tmp_path: Path) -> None:
    """A list in UTC and one in TT with the same numbers are 64.184 s apart in 2004 (gadf.md GA-03)."""
    later = {"TSTART": 1.2e8, "TSTOP": 1.2e8 + 2000}
    columns = {"TIME": np.full(50, 1.2e8 + 1)}
    ends = []
    for scale in ("utc", "TT"):
        path = samples.write(
            tmp_path / f"{scale}.fits",
            samples.events(columns, TIMESYS=scale, **later),
            samples.gti((1.2e8,), (1.2e8 + 2000,), TIMESYS=scale),
        )
        ends.append(read(path).gti[0][0])
    assert (ends[0] - ends[1]) * 86400 == pytest.approx(64.184, abs=1e-3)


# --- data stores ---


def make_store(folder: Path, rows: list[dict[str, object]], obs: list[dict[str, object]], **header: object) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME", "MD5")
    table = Table({n: [r.get(n, "") for r in rows] for n in names}, meta=header)
    table.write(folder / "hdu-index.fits.gz")
    Table({n: [o[n] for o in obs] for n in obs[0]}).write(folder / "obs-index.fits.gz")
    return folder


def row(obs_id: int, kind: str, name: str, hdu: str, folder: str = "", **more: object) -> dict[str, object]:
    where = {"FILE_DIR": folder, "FILE_NAME": name, "HDU_NAME": hdu}
    return {"OBS_ID": obs_id, "HDU_TYPE": kind, "HDU_CLASS": kind, **where, **more}


def test_responses_in_a_file_of_their_own(tmp_path: Path) -> None:
    """GADF 0.3 "HDU index table": an observation may lie in several files (gadf.md GA-53)."""
    samples.write(tmp_path / "events.fits", samples.events(), samples.gti())
    samples.write(tmp_path / "irfs.fits", samples.aeff(), samples.edisp(), samples.psf())
    rows = [row(42, "events", "events.fits", "EVENTS"), row(42, "gti", "events.fits", "GTI")]
    rows += [row(42, kind, "irfs.fits", kind.upper()) for kind in ("aeff", "edisp", "psf")]
    store = make_store(tmp_path, rows, [{"OBS_ID": 42, "QUALITY": 1, "SAFE_ENERGY_LO": 0.7}])
    record = read(store)
    assert [f.name for f in record.files] == ["events.fits", "irfs.fits"]
    assert record.files[1].hdus == {"aeff": "AEFF", "edisp": "EDISP", "psf": "PSF"}
    assert (record.quality, record.subtype) == (1, "event-bundle")
    assert record.energy_min == pytest.approx(0.7)


def test_the_index_is_checked_against_the_files(tmp_path: Path) -> None:
    samples.write(tmp_path / "a.fits")
    samples.write(tmp_path / "b.fits", samples.events(OBS_ID=43), samples.gti())
    rows = [
        row(42, "events", "a.fits", "EVENTS", MD5="0" * 32),
        row(44, "events", "b.fits", "EVENTS"),
        row(45, "events", "b.fits", "NO SUCH HDU"),
        row(46, "events", "missing.fits", "EVENTS"),
        row(47, "events", "passwd", "EVENTS", "../../../../../../../etc"),
        row(48, "events", "passwd", "EVENTS", "/etc"),
        row(49, "aeff", "a.fits", "AEFF"),
    ]
    obs = [{"OBS_ID": n} for n in (42, 44, 45, 46, 47, 48, 49, 50)]
    reader = GADFReader()
    found = {}
    for candidate in candidates(make_store(tmp_path, rows, obs)):
        obs_id = str(candidate.hints["OBS_ID"])
        if candidate.refusal is not None:
            found[obs_id] = candidate.refusal
            continue
        with pytest.raises(Refused) as caught:
            reader.read(candidate)
        found[obs_id] = caught.value.reason
    assert found["42"] == "the MD5 of a.fits is not the one in hdu-index"
    assert found["44"] == "the index lists it as observation 44, its header says 43"
    assert "no HDU NO SUCH HDU" in found["45"]
    assert "does not exist" in found["46"]
    assert "lies outside" in found["47"]
    assert "lies outside" in found["48"]
    assert "no events" in found["49"]
    assert "no events" in found["50"]


def test_symbolic_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = samples.write(tmp_path / "outside.fits")
    store = tmp_path / "store"
    store.mkdir()
    (store / "link.fits").symlink_to(outside)
    make_store(store, [row(42, "events", "link.fits", "EVENTS")], [{"OBS_ID": 42}])
    listed, link = candidates(store)
    assert "lies outside" in (listed.refusal or "")
    assert link.refusal == "it is a link that leads out of store"


def test_broken_indexes(tmp_path: Path) -> None:
    (tmp_path / "hdu-index.fits.gz").write_bytes(b"\x1f\x8bnothing")
    (tmp_path / "obs-index.fits.gz").write_bytes(b"")
    samples.write(tmp_path / "run.fits")
    (broken,) = candidates(tmp_path)
    assert re.search(r"hdu-index\.fits\.gz cannot be used.*; its files are left alone", broken.refusal or "")
    (tmp_path / "obs-index.fits.gz").unlink()
    (broken,) = candidates(tmp_path)
    assert "no obs-index" in (broken.refusal or "")


def test_what_is_no_gadf_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (found,) = scan(tmp_path)
    assert (found.reader, found.candidate.refusal) == (None, "not a FITS file")
    assert [found.candidate.label for found in scan(tmp_path / "notes.txt")] == ["notes.txt"]


# --- real data ---


def test_real_stores(shared: Path) -> None:
    """H.E.S.S. (one file a run), MAGIC (point-like), FACT (shared responses, UTC), CTA 1DC (no class keywords)."""
    reader = GADFReader()
    expected = {
        "hess-dl3-dr1": (48, "event-bundle"),
        "magic-rad-max": (2, "event-bundle"),
        "fact-crab": (125, "event-bundle"),
        "cta-1dc": (2, "event-bundle"),
    }
    for name, (count, subtype) in expected.items():
        listed, _ = reader.indexed(shared / "data" / name, sorted((shared / "data" / name).rglob("*.fits*")))
        assert len(listed) == count, name
        record = reader.read(listed[-1])
        assert record.subtype == subtype
        assert record.event_count > 50
        assert record.point_like == (name in ("magic-rad-max", "fact-crab"))
    gps = candidates(shared / "data" / "cta-1dc" / "index" / "gps")
    assert all("ingest the folder that holds both" in (c.refusal or "") for c in gps)


def test_resolutions_agree_with_gammapy(shared: Path) -> None:
    """68 % containment radius at 1 TeV and 0.5 deg, by gammapy on the same files."""
    runs = ("20326", "23523", "47829")
    # In a process of its own: gammapy does not import where warnings are errors.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _GAMMAPY, str(shared / "data" / "hess-dl3-dr1"), *runs],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    r68 = json.loads(done.stdout)
    reader = GADFReader()
    by_id = {c.hints.get("OBS_ID"): c for c in candidates(shared / "data" / "hess-dl3-dr1")}
    for obs_id in runs:
        fwhm = reader.read(by_id[obs_id]).psf_fwhm
        assert fwhm == pytest.approx(1.56 * r68[obs_id], rel=0.05), obs_id


_GAMMAPY = """
import json, sys
import astropy.units as u
from gammapy.data import DataStore
store = DataStore.from_dir(sys.argv[1])
radius = {}
for obs_id in sys.argv[2:]:
    psf = store.obs(int(obs_id)).psf
    radius[obs_id] = psf.containment_radius(0.68, energy_true=1 * u.TeV, offset=0.5 * u.deg).to_value("deg").item()
print(json.dumps(radius))
"""
