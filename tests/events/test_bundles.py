"""Data stores and merged lists: gammapy loads them without warnings; what broke off is none; nothing varies."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from gammapy.data import GTI, DataStore, EventList

from events.distillation import Distillation, Origin
from events.errors import Undistillable
from events.selection import Selection
from events.sky import Circle
from events.sources import Source
from events.store import EventStore
from tests.archive import samples as archive_samples
from tests.events import samples
from tests.events.test_files import utc
from vo.regions import separation

CRAB = Circle(83.63, 22.01, 0.7)
TEV = ((1.0, np.inf),)
ALL = Selection()


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(tmp_path / "copies")


@pytest.fixture
def runs(tmp_path: Path) -> list[Source]:
    """Three runs; the second one an hour later, the third one with events that are elsewhere."""
    later = {"TSTART": 4600.0, "TSTOP": 5600.0, "OBS_ID": 43}
    moved = archive_samples.events(columns={"TIME": np.linspace(4601, 5599, 50)}, **later)
    away = archive_samples.events(columns={"RA": np.full(50, 10.0)}, OBS_ID=44)
    rest = (archive_samples.aeff(), archive_samples.edisp(), archive_samples.psf(), samples.background())
    paths = [
        samples.bundle(tmp_path / "42.fits"),
        archive_samples.write(tmp_path / "43.fits", moved, archive_samples.gti((4600.0,), (5600.0,)), *rest),
        archive_samples.write(tmp_path / "44.fits", away, archive_samples.gti(), *rest),
    ]
    return [samples.source(path, path.stem, samples.BUNDLE, index={"QUALITY": 0}) for path in paths]


def distillation(store: EventStore, sources: list[Source], selection: Selection = ALL, **more: Any) -> Distillation:
    origin = Origin("A test", {"circle": "83.63 22.01 0.7"}, "https://example.org", "job 7", {"distiller": "1"})
    return Distillation(store, sources, selection, origin=origin, **more)


def unpacked(content: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def loaded(folder: Path, counts: Mapping[str, int], irfs: Any = "full-enclosure") -> None:
    """gammapy reads every HDU of every run that has events or good time; the counts are those told."""
    observations = DataStore.from_dir(folder).get_observations(required_irf=irfs)
    found = {}
    for observation in observations:
        found[str(observation.obs_id)] = len(observation.events.table)
        assert observation.gti.time_sum.value > 0
        for kind in observation.available_irfs:
            assert getattr(observation, kind) is not None
        with fits.open(folder / "events" / f"{observation.obs_id}.fits", checksum=True) as hdus:
            hdus.verify("exception")
    assert found == counts


def test_bundle_is_a_data_store(store: EventStore, runs: list[Source], tmp_path: Path) -> None:
    """Issue "Distil", must hold: bundles load in gammapy without warnings (GA-55)."""
    made = distillation(store, runs, Selection((CRAB,), ((0.5, np.inf),)))
    counts = made.counts()
    assert counts["42"] > 0 == counts["44"]
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    loaded(folder, counts)
    told = (folder / "README.txt").read_text()
    assert f"{sum(counts.values())} of 150 events of 3 observations" in told
    for one in runs:
        assert one.did in told
        assert one.sha256 in told
    table = Table.read(folder / "obs-index.fits.gz")
    assert list(table["EVENT_COUNT"]) == list(counts.values())
    assert list(table["QUALITY"]) == [0, 0, 0]
    assert table.meta["MJDREFI"] == 51910


@pytest.mark.parametrize("responses", ["trim", "none"])
def test_bundle_with_other_responses(store: EventStore, runs: list[Source], tmp_path: Path, responses: Any) -> None:
    made = distillation(store, runs, Selection((CRAB,), TEV), responses=responses)
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    loaded(folder, made.counts(), "full-enclosure" if responses == "trim" else [])


def test_zip_and_tar_hold_the_same(store: EventStore, runs: list[Source]) -> None:
    made = distillation(store, runs)
    packed = {form: b"".join(made.archive(form)) for form in ("zip", "tar")}
    assert packed == {form: b"".join(made.archive(form)) for form in ("zip", "tar")}
    with zipfile.ZipFile(io.BytesIO(packed["zip"])) as one, tarfile.open(fileobj=io.BytesIO(packed["tar"])) as two:
        assert one.namelist() == two.getnames()
        for name in one.namelist():
            member = two.extractfile(name)
            assert member is not None
            assert one.read(name) == member.read()


def test_what_broke_off_looks_incomplete(store: EventStore, runs: list[Source]) -> None:
    """Issue "Distil", must hold: a crash in mid-stream never yields a file that looks complete."""
    made = distillation(store, runs)
    whole = b"".join(made.archive("zip"))
    for size in range(0, len(whole), len(whole) // 50):
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(whole[:size]))
    whole = b"".join(made.archive("tar"))
    for size in range(0, len(whole) - 2 * tarfile.RECORDSIZE, 5120):
        with tarfile.open(fileobj=io.BytesIO(whole[:size] or b"\0" * 1024), ignore_zeros=False) as archive:
            try:
                names = archive.getnames()
            except tarfile.ReadError:
                continue
            # No index, no data store.
            assert "hdu-index.fits.gz" not in names[:-1]


def test_empty_bundle_says_so(store: EventStore, runs: list[Source], tmp_path: Path) -> None:
    made = distillation(store, runs, Selection((Circle(200, -60, 1),)))
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    assert "No event fulfils the selection" in (folder / "README.txt").read_text()
    loaded(folder, {"42": 0, "43": 0, "44": 0})


def test_runs_without_good_time_are_left_out_by_name(store: EventStore, runs: list[Source], tmp_path: Path) -> None:
    made = distillation(store, runs, Selection(times=((utc(1100), utc(1300)),)))
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    counts = made.counts()
    assert counts["43"] == 0
    loaded(folder, {name: count for name, count in counts.items() if name != "43"})
    told = (folder / "README.txt").read_text()
    assert "1 observations have no good time" in told
    assert f"    43  0  50  {runs[1].did}" in told.partition("Left out")[2]


def test_bundle_in_which_nothing_is_left(store: EventStore, runs: list[Source], tmp_path: Path) -> None:
    """Index tables without a row are valid FITS, and gammapy reads them."""
    made = distillation(store, runs, Selection(times=((40000.0, 40001.0),)))
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    assert len(DataStore.from_dir(folder).obs_table) == 0


def test_shared_responses_are_in_it_once(store: EventStore, tmp_path: Path) -> None:
    """Files of responses that several observations share (FACT) are one file of the store."""
    rest = (archive_samples.aeff(), archive_samples.edisp(), archive_samples.psf(), samples.background())
    responses = archive_samples.write(tmp_path / "irf.fits", *rest)
    sources = []
    for obs_id in ("1", "2"):
        table = archive_samples.events(OBS_ID=int(obs_id))
        path = archive_samples.write(tmp_path / f"{obs_id}.fits", table, archive_samples.gti())
        files = dict.fromkeys(("aeff", "edisp", "psf", "bkg"), responses)
        sources.append(samples.source(path, obs_id, samples.BUNDLE, files=files))
    made = distillation(store, sources)
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    assert [path.name for path in (folder / "responses").iterdir()] == ["responses_001.fits"]
    assert (folder / "responses" / "responses_001.fits").read_bytes() == responses.read_bytes()
    loaded(folder, {"1": 50, "2": 50})
    merged = fits.open(io.BytesIO(b"".join(made.merged())), checksum=True)
    assert [hdu.name for hdu in merged] == ["PRIMARY", "EVENTS", "GTI", "AEFF", "EDISP", "PSF", "BKG"]


def test_estimate_is_an_upper_limit(store: EventStore, runs: list[Source]) -> None:
    for selection in (Selection(), Selection((CRAB,), TEV), Selection((Circle(200, -60, 1),))):
        for responses in ("keep", "trim", "none"):
            made = distillation(store, runs, selection, responses=responses)
            estimate = made.estimate()
            assert sum(made.counts().values()) <= estimate.events
            assert len(b"".join(made.archive("zip"))) <= estimate.size
    assert distillation(store, runs, Selection((Circle(200, -60, 1),))).estimate().events == 0


def test_selections_of_several_runs_are_refused_where_they_make_no_sense(store: EventStore, runs: list[Source]) -> None:
    with pytest.raises(Undistillable, match="of one observation, not of 3"):
        distillation(store, runs).event_file()
    with pytest.raises(Undistillable, match="observation 42 is selected twice"):
        distillation(store, [runs[0], runs[0]])
    with pytest.raises(Undistillable, match="no observation is selected"):
        distillation(store, [])


# --- merged lists -----------------------------------------------------------------------------------------------------


def test_merged_list(store: EventStore, runs: list[Source], tmp_path: Path) -> None:
    """One list: rows of all runs, OBS_ID beside them, good time together, LIVETIME their sum."""
    made = distillation(store, runs, Selection(energies=TEV))
    path = tmp_path / "merged.fits"
    path.write_bytes(b"".join(made.merged()))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        data, header = hdus["EVENTS"].data, hdus["EVENTS"].header
        assert [int((data["OBS_ID"] == int(name)).sum()) for name in made.counts()] == list(made.counts().values())
        first = fits.getdata(runs[0].path, "EVENTS")
        first = first[first["ENERGY"] >= 1]
        for name in first.names:
            assert np.array_equal(data[name][: len(first)], first[name])
        assert (header["TSTART"], header["TSTOP"]) == (1000.0, 5600.0)
        assert header["ONTIME"] == 900 + 1000
        assert header["LIVETIME"] == 3 * 810.0
        assert header["RA_PNT"] == 83.63
        assert header["OBS_ID"] == 42
        assert "the event list" not in str(header["HISTORY"])
    assert len(EventList.read(path).table) == sum(made.counts().values())
    assert GTI.read(path).time_sum.to_value("s") == pytest.approx(1900)


def test_merged_times_are_by_one_reference(store: EventStore, tmp_path: Path) -> None:
    """Times counted from another zero, and in another scale, are moved to the reference of the first."""
    first = archive_samples.write(tmp_path / "1.fits", archive_samples.events(), archive_samples.gti())
    other = {"MJDREFI": 51000, "MJDREFF": 0.25, "TIMESYS": "UTC"}
    # TT is 64.184 s ahead of UTC then.
    shift = (910 + 0.000742870370370241 - 0.25) * 86400 - 64.184
    times = np.linspace(1001, 1999, 50) + shift
    table = archive_samples.events(columns={"TIME": times}, OBS_ID=43, TSTART=1000 + shift, TSTOP=2000 + shift, **other)
    second = archive_samples.write(
        tmp_path / "2.fits", table, archive_samples.gti([1000 + shift], [2000 + shift], **other)
    )
    made = distillation(store, [samples.source(first, "42"), samples.source(second, "43")])
    with fits.open(io.BytesIO(b"".join(made.merged()))) as hdus:
        data = hdus["EVENTS"].data
        moved = data["TIME"][50:]
        expected = Time(51000, 0.25 + times / 86400, format="mjd", scale="utc").tt
        found = Time(51910, 0.000742870370370241 + moved / 86400, format="mjd", scale="tt")
        assert np.abs((found - expected).sec).max() < 1e-6
        assert np.allclose(moved, np.linspace(1001, 1999, 50), rtol=0, atol=1e-6)
        assert hdus["EVENTS"].header["ONTIME"] == pytest.approx(1000)
        assert hdus["EVENTS"].header["TIMESYS"] == "TT"


# --- real data --------------------------------------------------------------------------------------------------------


def test_hess_bundle(shared: Path, store: EventStore, tmp_path: Path) -> None:
    """0.5 deg around the Crab Nebula above 1 TeV from runs of the H.E.S.S. release, as gammapy masks them itself."""
    release = shared / "data" / "hess-dl3-dr1"
    kinds = {**samples.BUNDLE}
    classes = {**samples.CLASSES, "psf": "psf_table", "bkg": "bkg_3d"}
    sources = []
    for obs_id in (23523, 20275):
        path = release / "data" / f"hess_dl3_dr1_obs_id_{obs_id:06d}.fits.gz"
        one = samples.source(path, str(obs_id), kinds)
        sources.append(Source(one.did, one.obs_id, path, one.sha256, kinds, classes))
    made = distillation(store, sources, Selection((Circle(83.63, 22.01, 0.5),), TEV), responses="trim")
    folder = unpacked(b"".join(made.archive("zip")), tmp_path / "zip")
    original = DataStore.from_dir(release).obs(23523).events.table
    near = separation(original["RA"].data, original["DEC"].data, 83.63, 22.01) <= 0.5
    kept = original[near & (original["ENERGY"].data >= 1)]
    assert made.counts() == {"23523": len(kept), "20275": 0}
    loaded(folder, made.counts())
    found = DataStore.from_dir(folder).obs(23523).events.table
    for name in kept.colnames:
        assert np.all(found[name] == kept[name])
