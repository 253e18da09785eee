"""Distilled files: everything as it was but for what the selection changes; valid GADF; provenance inside."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from gammapy.data import GTI, DataStore, EventList, Observation
from gammapy.irf import Background2D

from events.distillation import Distillation, Origin
from events.errors import Undistillable
from events.selection import Selection
from events.sky import Circle
from events.sources import Source
from events.store import EventStore
from tests.archive import samples as archive_samples
from tests.events import samples

ORIGIN = Origin(
    "Events around the Crab", {"CIRCLE": "83.63 22.01 0.5"}, "https://example.org", "job 7", {"distiller": "1.2"}
)
CARDS_OF_CHECKSUMS = ("CHECKSUM", "DATASUM", "HISTORY")


def distilled(
    path: Path, selection: Selection, hdus: dict[str, str] = samples.BUNDLE, **more: Any
) -> tuple[fits.HDUList, bytes]:
    """The distilled file of a source, checksums verified (warnings are errors), and its bytes."""
    store = EventStore(path.parent / "copies")
    distillation = Distillation(store, [samples.source(path, hdus=hdus)], selection, origin=ORIGIN, **more)
    content = b"".join(distillation.event_file())
    assert len(content) == distillation.length()
    assert len(content) % 2880 == 0
    hdulist = fits.open(io.BytesIO(content), checksum=True)
    hdulist.verify("exception")
    return hdulist, content


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return samples.bundle(tmp_path / "run.fits")


def cards(header: fits.Header) -> list[tuple[str, Any, str]]:
    return [tuple(card) for card in header.cards if card.keyword not in CARDS_OF_CHECKSUMS]


def test_everything_else_is_as_it_was(bundle: Path) -> None:
    """Header cards with their order and comments, all other HDUs byte by byte; only NAXIS2 of the events follows."""
    made, content = distilled(bundle, Selection((Circle(83.63, 22.51, 0.4),)))
    with fits.open(bundle) as original:
        assert [hdu.name for hdu in made] == [hdu.name for hdu in original]
        whole = bundle.read_bytes()
        for hdu in list(original)[2:]:
            start = hdu.fileinfo()["hdrLoc"]
            assert whole[start : hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"]] in content
        expected = cards(original["EVENTS"].header)
        count = len(made["EVENTS"].data)
        assert 0 < count < 50
        assert cards(made["EVENTS"].header) == [
            ("NAXIS2", count, comment) if key == "NAXIS2" else (key, value, comment) for key, value, comment in expected
        ]
        assert cards(made[0].header) == cards(original[0].header)


@pytest.mark.parametrize("make", [samples.tevatron, samples.polar, samples.whole_sky])
def test_all_events_are_the_same_bytes(tmp_path: Path, make: Any) -> None:
    """Any type of column: bit fields, vectors, text, scaled integers, NaN."""
    path = make(tmp_path / "run.fits")
    made, content = distilled(path, Selection(), samples.EVERYWHERE)
    with fits.open(path) as original:
        info = original["EVENTS"].fileinfo()
    data = path.read_bytes()[info["datLoc"] : info["datLoc"] + info["datSpan"]]
    info = made["EVENTS"].fileinfo()
    assert content[info["datLoc"] : info["datLoc"] + info["datSpan"]] == data


def test_provenance_is_inside(bundle: Path) -> None:
    """What was asked for, of whom, by which software, from which file: as results of jobs tell it."""
    selection = Selection((Circle(83.63, 22.01, 0.5),), ((1.0, np.inf),))
    made, _ = distilled(bundle, selection)
    history = "".join(str(line).ljust(72) for line in made[0].header["HISTORY"])
    for told in (
        "Events around the Crab",
        "Activity: job 7",
        "Service: https://example.org",
        'Parameter CIRCLE: "83.63 22.01 0.5"',
        "Selection: CIRCLE ICRS 83.63 22.01 0.5; ENERGY 1.0 inf TeV",
        "Software distiller 1.2",
        "Input events: ivo://example/test?42",
        samples.source(bundle).sha256,
    ):
        assert told in history.replace("  ", ""), told
    assert "of 50 events selected" in str(made["EVENTS"].header["HISTORY"])


def test_no_event_is_a_valid_empty_list_that_says_so(bundle: Path, tmp_path: Path) -> None:
    """Issue "Distil", must hold: a selection with no event gives a valid empty bundle and says so."""
    made, content = distilled(bundle, Selection((Circle(200, -60, 0.1),)))
    assert len(made["EVENTS"].data) == 0
    assert "the event list is empty" in str(made["EVENTS"].header["HISTORY"])
    path = tmp_path / "made.fits"
    path.write_bytes(content)
    assert len(EventList.read(path).table) == 0
    assert len(Observation.read(path).gti.table) == 2


# --- cuts in time -----------------------------------------------------------------------------------------------------


def utc(seconds: float) -> float:
    """MJD (UTC) of a time of the samples."""
    header = archive_samples.TIME
    return float(Time(header["MJDREFI"], header["MJDREFF"] + seconds / 86400, format="mjd", scale="tt").utc.mjd)


TIMES = {
    # Intervals of the selection; GTIs of the file; what is left of them; TSTART, TSTOP.
    "within one": ([(1100, 1200)], None, [(1100, 1200)], (1100, 1200)),
    "over the gap": ([(1300, 1600)], None, [(1300, 1400), (1500, 1600)], (1300, 1600)),
    "all": ([(0, 9999)], None, [(1000, 1400), (1500, 2000)], (1000, 2000)),
    "two intervals": ([(1100, 1200), (1700, 1800)], None, [(1100, 1200), (1700, 1800)], (1100, 1800)),
    "intervals that overlap": ([(1100, 1300), (1200, 1350)], None, [(1100, 1350)], (1100, 1350)),
    "good times that overlap": (
        [(1100, 1900)],
        ((1000, 1300, 1250), (1400, 1500, 1700)),
        [(1100, 1700)],
        (1100, 1900),
    ),
    "good times that are not sorted": (
        [(1300, 1600)],
        ((1500, 1000), (2000, 1400)),
        [(1300, 1400), (1500, 1600)],
        None,
    ),
    "within the gap": ([(1420, 1480)], None, [], (1420, 1480)),
    "before all": ([(10, 20)], None, [], (1000, 1000)),
}


@pytest.mark.parametrize("case", TIMES)
def test_good_time_follows_a_cut_in_time(tmp_path: Path, case: str) -> None:
    """GADF 0.3, "GTI" and "EVENTS": ONTIME is the sum of the intervals, LIVETIME = ONTIME DEADC."""
    times, gti, left, ends = TIMES[case]
    table = archive_samples.gti() if gti is None else archive_samples.gti(*map(np.array, gti))
    path = archive_samples.write(tmp_path / "run.fits", archive_samples.events(), table)
    selection = Selection(times=tuple((utc(low), utc(high)) for low, high in times))
    made, content = distilled(path, selection, samples.EVERYWHERE)
    found = [(row["START"], row["STOP"]) for row in made["GTI"].data]
    assert np.allclose(np.array(found).reshape(-1, 2), np.array(left).reshape(-1, 2), rtol=0, atol=2e-6)
    header = made["EVENTS"].header
    assert header["ONTIME"] == pytest.approx(sum(high - low for low, high in left), abs=1e-5)
    assert header["LIVETIME"] == pytest.approx(0.9 * header["ONTIME"])
    if ends is not None:
        assert (header["TSTART"], header["TSTOP"]) == pytest.approx(ends, abs=2e-6)
    events = made["EVENTS"].data["TIME"]
    assert np.all((events >= header["TSTART"]) & (events <= header["TSTOP"]))
    (tmp_path / "made.fits").write_bytes(content)
    assert GTI.read(tmp_path / "made.fits").time_sum.to_value("s") == pytest.approx(header["ONTIME"])
    if not left:
        assert "No good time is left" in str(header["HISTORY"])


def test_ends_that_are_not_cut_stay_bit_by_bit(tmp_path: Path) -> None:
    start, stop = (1000.1, 1500.3), (1400.7, 1999.9)
    path = archive_samples.write(tmp_path / "run.fits", archive_samples.events(), archive_samples.gti(start, stop))
    made, _ = distilled(path, Selection(times=((utc(1200), utc(3000)),)), samples.EVERYWHERE)
    assert list(made["GTI"].data["STOP"]) == list(stop)
    assert made["GTI"].data["START"][1] == start[1]
    assert made["EVENTS"].header["TSTOP"] == 2000.0


def test_dates_follow_a_cut_in_time(tmp_path: Path) -> None:
    """GA-04: dates are in the time scale of the file; they stay in the form that they had."""
    dates = {"DATE-OBS": "2001-01-01", "TIME-OBS": "00:17:44", "DATE-END": "2001-01-01T00:34:24", "TELAPSE": 1000.0}
    path = archive_samples.write(tmp_path / "run.fits", archive_samples.events(**dates), archive_samples.gti())
    made, _ = distilled(path, Selection(times=((utc(1100), utc(1200)),)), samples.EVERYWHERE)
    header = made["EVENTS"].header
    start, stop = (Time(51910, 0.000742870370370241 + s / 86400, format="mjd", scale="tt").isot for s in (1100, 1200))
    assert f"{header['DATE-OBS']}T{header['TIME-OBS']}" == start
    assert header["DATE-END"] == stop
    assert header["TELAPSE"] == pytest.approx(100)
    assert "TIME-END" not in header


def elsewhere(folder: Path, *, packed: bool = False, decoy: bool = False) -> Source:
    """An observation whose good time stands in another file, and, as a decoy, an HDU of that name beside its events."""
    decoys = [archive_samples.gti((0.0,), (1.0,))] if decoy else []
    path = archive_samples.write(folder / "run.fits", archive_samples.events(), *decoys)
    good = archive_samples.write(folder / "good.fits", archive_samples.aeff(), archive_samples.gti())
    if packed:
        good = good.rename(folder / "good.fits.gz")
        good.write_bytes(gzip.compress(good.read_bytes()))
    return samples.source(path, hdus=samples.EVERYWHERE, files={"gti": good})


@pytest.mark.parametrize("case", ["plain", "packed", "decoy"])
def test_good_time_of_another_file_comes_along(tmp_path: Path, case: str) -> None:
    """GADF 0.3, "HDU index table": the good time is what the index says, and is cut as if it stood with the events."""
    source = elsewhere(tmp_path, **({} if case == "plain" else {case: True}))
    store = EventStore(tmp_path / "copies")
    for times, left in (((), [(1000, 1400), (1500, 2000)]), (((utc(1300), utc(1600)),), [(1300, 1400), (1500, 1600)])):
        made = Distillation(store, [source], Selection(times=times), origin=ORIGIN)
        content = b"".join(made.event_file())
        assert len(content) == made.length() <= made.estimate().size
        with fits.open(io.BytesIO(content), checksum=True) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "EVENTS", "GTI"]
            found = [(row["START"], row["STOP"]) for row in hdus["GTI"].data]
            assert np.allclose(found, left, rtol=0, atol=2e-6)
            if times:
                assert hdus["EVENTS"].header["ONTIME"] == pytest.approx(200, abs=1e-5)
        with fits.open(io.BytesIO(b"".join(made.merged())), checksum=True) as hdus:
            assert np.allclose([tuple(row) for row in hdus["GTI"].data], left, rtol=0, atol=2e-6)
    with zipfile.ZipFile(io.BytesIO(b"".join(made.archive("zip")))) as archive:
        archive.extractall(tmp_path / "store")
    (observation,) = DataStore.from_dir(tmp_path / "store").get_observations(required_irf=[])
    assert observation.gti.time_sum.to_value("s") == pytest.approx(200)
    assert not (tmp_path / "store" / "responses").exists()


@pytest.mark.parametrize(
    ("hdu", "reason"), [("LOST", "not in the file .* HDU LOST"), ("GTI", "missing from the archive")]
)
def test_good_time_that_is_not_there_is_told(tmp_path: Path, hdu: str, reason: str) -> None:
    source = elsewhere(tmp_path)
    if hdu == "GTI":
        source.files["gti"].unlink()
    source = replace(source, hdus={"events": "EVENTS", "gti": hdu})
    made = Distillation(EventStore(tmp_path / "copies"), [source], Selection(), origin=ORIGIN)
    with pytest.raises(Undistillable, match=f"observation 42 cannot be distilled: .*{reason}"):
        next(made.event_file())


# --- responses --------------------------------------------------------------------------------------------------------


def test_without_responses(bundle: Path) -> None:
    made, _ = distilled(bundle, Selection(), responses="none")
    assert [hdu.name for hdu in made] == ["PRIMARY", "EVENTS", "GTI", "NOTES"]


def test_trimmed_background_has_the_same_values_inside(bundle: Path) -> None:
    """Energies and offsets that the selection can use: gammapy interpolates the same values there."""
    selection = Selection((Circle(83.63, 22.01, 0.3),), ((1.0, 5.0),))
    made, _ = distilled(bundle, selection, responses="trim")
    with fits.open(bundle) as original:
        whole, cut = (Background2D.from_hdulist(hdus, "BKG") for hdus in (original, made))
    assert cut.axes["energy"].nbin < whole.axes["energy"].nbin
    assert cut.axes["offset"].nbin < whole.axes["offset"].nbin
    assert cut.unit == whole.unit
    energy, offset = np.geomspace(1, 5, 50) * u.TeV, np.linspace(0.2, 0.8, 40)[:, None] * u.deg
    expected = whole.evaluate(energy=energy, offset=offset)
    assert np.array_equal(cut.evaluate(energy=energy, offset=offset), expected)
    assert "energies and offsets" in str(made["BKG"].header["HISTORY"])
    with fits.open(bundle) as original:
        for name in ("AEFF", "EDISP", "PSF"):
            assert original[name].data.tobytes() == made[name].data.tobytes()


def test_responses_of_another_file_come_along(tmp_path: Path, bundle: Path) -> None:
    """A single file holds the responses too that many observations share."""
    responses = archive_samples.write(tmp_path / "irf.fits", archive_samples.aeff(), archive_samples.edisp())
    path = archive_samples.write(tmp_path / "events.fits", archive_samples.events(), archive_samples.gti())
    hdus = {**samples.EVERYWHERE, "aeff": "AEFF"}
    source = samples.source(path, hdus=hdus, files={"aeff": responses})
    distillation = Distillation(EventStore(tmp_path / "copies"), [source], Selection(), origin=ORIGIN)
    content = b"".join(distillation.event_file())
    assert len(content) == distillation.length()
    with fits.open(io.BytesIO(content), checksum=True) as made:
        assert [hdu.name for hdu in made] == ["PRIMARY", "EVENTS", "GTI", "AEFF"]


def test_lists_without_events_or_good_time(tmp_path: Path) -> None:
    """An empty event list stays one; without good time the times of the header are what a cut changes."""
    table = archive_samples.events()
    empty = fits.BinTableHDU(table.data[:0], header=table.header)
    path = archive_samples.write(tmp_path / "empty.fits", empty, archive_samples.gti())
    made, _ = distilled(path, Selection((Circle(83, 22, 5),), times=((utc(1100), utc(1200)),)), samples.EVERYWHERE)
    assert len(made["EVENTS"].data) == 0
    assert made["EVENTS"].header["ONTIME"] == pytest.approx(100)
    path = archive_samples.write(tmp_path / "alone.fits", archive_samples.events(DEADC=None))
    made, _ = distilled(path, Selection(times=((utc(1100), utc(1200)),)), {"events": "EVENTS"})
    header = made["EVENTS"].header
    assert (header["ONTIME"], header["LIVETIME"]) == pytest.approx((100, 81))
    assert (header["TSTART"], header["TSTOP"]) == pytest.approx((1100, 1200))


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSED = {
    "no time reference": ({"MJDREFI": None}, Selection(times=((54000, 54001),)), "times have no reference"),
    "no positions": ({}, Selection((Circle(1, 2, 3),)), "no column RA"),
    "a type that is not there": ({}, Selection(event_types=(1,)), "no column EVENT_TYPE"),
    "energies in ergs": ({}, Selection(energies=((1, 2),)), "energies in 'erg' are not understood"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_selection_that_a_list_cannot_meet_is_refused(tmp_path: Path, case: str) -> None:
    changes, selection, reason = REFUSED[case]
    table = archive_samples.events(**changes)
    if "RA" in reason:
        table.columns["RA"].name = "RAAN"
    if "erg" in reason:
        table.columns["ENERGY"].unit = "erg"
    path = archive_samples.write(tmp_path / "run.fits", table, archive_samples.gti())
    with pytest.raises(Undistillable, match=f"observation 42 cannot be distilled: .*{reason}"):
        distilled(path, selection, samples.EVERYWHERE)
