"""Selections from columnar copies are those of NumPy and astropy on the original files, event by event."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from events.copies import BLOCK_ROWS
from events.selecting import Selector
from events.selection import Selection
from events.sky import Circle, Moc, Polygon, Range, SkyRegion, contains
from events.store import EventFile, EventStore
from tests.events import samples
from tests.events.samples import EventList
from tests.examples import examples
from vo.healpix import cells
from vo.regions import BOUNDARY, check_area, separation, signed_distance

MAKERS = (samples.tevatron, samples.polar, samples.whole_sky)
Copied = tuple[EventList, EventFile]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> list[Copied]:
    folder = tmp_path_factory.mktemp("events")
    store = EventStore(folder / "copies")
    lists = [EventList.read(make(folder / f"{make.__name__}.fits")) for make in MAKERS]
    return [(one, store.prepare(one.source)) for one in lists]


# --- the oracle -------------------------------------------------------------------------------------------------------


def in_region(events: EventList, region: SkyRegion) -> np.ndarray:
    ra, dec = events.ra.astype(float), events.dec.astype(float)
    if isinstance(region, Circle):
        return separation(ra, dec, region.lon, region.lat) <= region.radius
    if isinstance(region, Polygon):
        return signed_distance(region, ra, dec) <= math.degrees(BOUNDARY)
    if isinstance(region, Range):
        inside = (dec >= region.south) & (dec <= region.north)
        ra = ra % 360
        if region.west <= region.east:
            return inside & (((ra >= region.west) & (ra <= region.east)) | ((ra == 0) & (region.east == 360)))
        return inside & ((ra >= region.west) | (ra <= region.east))
    order = 8
    chosen = {cell for low, high in region.ranges for cell in range(low >> 42, -(-high >> 42))}
    return np.isin(cells(ra, dec, order), list(chosen))


def selected(events: EventList, selection: Selection) -> np.ndarray:
    mask = np.ones(len(events.rows), dtype=bool)
    if selection.regions:
        mask &= np.any([in_region(events, region) for region in selection.regions], axis=0)
    if selection.energies:
        energy, tev = events.energy, events.tev
        mask &= np.any([(energy >= low * tev) & (energy <= high * tev) for low, high in selection.energies], axis=0)
    if selection.times:
        inside = np.zeros(len(mask), dtype=bool)
        for low, high in selection.times:
            within = np.ones(len(mask), dtype=bool)
            if math.isfinite(low):
                within &= (events.utc - Time(low, format="mjd", scale="utc")).sec >= 0
            if math.isfinite(high):
                within &= (events.utc - Time(high, format="mjd", scale="utc")).sec <= 0
            inside |= within
        mask &= inside
    if selection.event_types and events.types is not None:
        if events.types.ndim == 2:
            mask &= np.any([events.types[:, 31 - bit] for bit in selection.event_types], axis=0)
        else:
            mask &= np.isin(events.types, selection.event_types)
    return mask


def check(copied: Copied, selection: Selection) -> int:
    events, file = copied
    expected = events.rows[selected(events, selection)]
    rows = list(Selector(selection).rows(file))
    assert b"".join(part.tobytes() for part in rows) == expected.tobytes()
    assert Selector(selection).count(file) == len(expected)
    assert Selector(selection).at_most(file) >= len(expected)
    return len(expected)


# --- generated selections ---------------------------------------------------------------------------------------------

PLACES = {"tevatron": (0.3, 22.0), "polar": (77.0, 89.5), "whole_sky": (200.0, -60.0)}
sizes = st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.0, 30.0, 90.0, 180.0]) | st.floats(0, 5)


@st.composite
def regions(draw: st.DrawFn, events: EventList) -> SkyRegion:
    ra, dec = PLACES[events.source.path.stem]
    at = draw(st.none() | st.integers(0, len(events.ra) - 1))
    if at is not None and math.isfinite(events.ra[at] + events.dec[at]):
        # On an event, so that it lies at the centre, a vertex or an edge.
        ra, dec = float(events.ra[at]), float(events.dec[at])
    kind = draw(st.sampled_from(["circle", "polygon", "range", "moc"]))
    size = draw(sizes)
    if kind == "circle":
        other = draw(st.integers(0, len(events.ra) - 1))
        edge = float(separation(ra, dec, float(events.ra[other]), float(events.dec[other])))
        return Circle(ra, dec, edge if math.isfinite(edge) and draw(st.booleans()) else size)
    if kind == "polygon":
        size = min(max(size, 0.01), 30.0)
        count = draw(st.integers(3, 6))
        turn = draw(st.floats(0, 360))
        corners = []
        for n in range(count):
            angle = math.radians(turn + 360 * n / count)
            lat = max(-89.9, min(89.9, dec + size * math.sin(angle)))
            corners.append((ra + size * math.cos(angle) / math.cos(math.radians(lat)) % 360, lat))
        try:
            polygon = Polygon(tuple(corners))
            check_area(polygon)
        except ValueError:
            return Circle(ra, dec, size)
        return polygon
    if kind == "range":
        west, east = (ra - size) % 360, (ra + draw(sizes)) % 360
        return Range(west, draw(st.sampled_from([east, 360.0, math.inf])), max(-90, dec - size), min(90, dec + size))
    center = int(cells(ra, dec, 8))
    chosen = draw(st.lists(st.integers(-300, 300), min_size=1, max_size=8))
    numbers = sorted({min(max(center + step, 0), 12 * 4**8 - 1) for step in chosen})
    return Moc.parse(f"8/{' '.join(map(str, numbers))}")


@st.composite
def selections(draw: st.DrawFn, events: EventList) -> Selection:
    def some(strategy: st.SearchStrategy) -> tuple:
        return tuple(draw(st.lists(strategy, max_size=2))) if draw(st.booleans()) else ()

    values = st.sampled_from(events.energy[np.isfinite(events.energy)].tolist()).map(lambda e: e / events.tev)
    energy = values | st.sampled_from([0.0, 0.1, 0.5, 1.0, 10.0, math.inf])
    times = st.sampled_from(events.utc.mjd.tolist()) | st.sampled_from([-math.inf, math.inf])
    # An MJD is known to 0.6 microseconds only: no limit falls on an event.
    time = st.tuples(times, st.sampled_from([-3e-9, 3e-9, 0.01])).map(sum)

    def interval(ends: st.SearchStrategy) -> st.SearchStrategy:
        ordered = st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))
        return ordered.filter(lambda pair: pair[1] > 0 and pair[0] < math.inf and pair[1] > -math.inf)

    types = st.integers(0, 31) if events.types is not None else st.nothing()
    return Selection(
        some(regions(events)),
        some(interval(energy)),
        some(interval(time)),
        some(types) if events.types is not None else (),
    )


@examples(1000, 20000)
@given(data=st.data())
def test_selection_is_that_of_numpy(copied: list[Copied], data: st.DataObject) -> None:
    """Issue "Distil", must hold: counts, and the bytes of the rows, equal those of NumPy on the original files."""
    one = data.draw(st.sampled_from(copied), label="file")
    check(one, data.draw(selections(one[0]), label="selection"))


# --- single ones ------------------------------------------------------------------------------------------------------

INF = math.inf
CASES = {
    "everything": (Selection(), (5000, 3000, 4500)),
    "nowhere": (Selection((Circle(120, -40, 0.1),)), (0, 0, 0)),
    "an energy that events have exactly, from": (Selection(energies=((1.0, INF),)), None),
    "an energy that events have exactly, to": (Selection(energies=((0.0, 1.0),)), None),
    "that energy alone": (Selection(energies=((1.0, 1.0),)), (30, 0, 0)),
    "hardly more than the pole": (Selection((Circle(0.0, 90.0, 1e-9),)), (0, 5, 0)),
    "the whole sky": (Selection((Circle(10.0, 10.0, 180.0),)), (5000, 3000, 4499)),
    "the southern pole": (Selection((Range(0, 360, -90, -90),)), (0, 0, 1)),
    "all longitudes": (Selection((Range(-INF, INF, -INF, INF),)), (5000, 3000, 4499)),
    "a latitude that single precision rounds": (Selection((Range(76.95, 360.0, 89.45, 89.55),)), None),
    "through longitude 0": (Selection((Range(359, 1, -90, 90),)), None),
    "all cells": (Selection((Moc.parse("0/0-11"),)), (5000, 3000, 4499)),
    "no cell": (Selection((Moc.parse(""),)), (0, 0, 0)),
    "all times": (Selection(times=((-INF, INF),)), (5000, 3000, 4500)),
    "the leap second's day": (Selection(times=((57754.0, 57754.01),)), None),
    "the day before": (Selection(times=((57753.0, 57754.0),)), None),
    "two energies": (Selection(energies=((0.5, 0.6), (2.0, 3.0))), None),
    "two circles": (Selection((Circle(0, 22, 0.5), Circle(77, 89.5, 0.5), Circle(200, -60, 20))), None),
}


@pytest.mark.parametrize("case", CASES)
def test_special_selections(copied: list[Copied], case: str) -> None:
    selection, counts = CASES[case]
    found = tuple(check(one, selection) for one in copied)
    assert counts is None or found == counts


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("lat", [0.0, -45.0, 89.99999, 90.0, -90.0])
def test_circle_is_exact_on_its_edge(kind: str, lat: float) -> None:
    """Circles through a position each, from nearly nothing to the antipode, and over longitude 0: as in float64."""
    rng = np.random.default_rng(7)
    scale = 10.0 ** rng.uniform(-13, 2.3, (2, 400))
    sign = rng.choice([-1, 1], (2, 400))
    lon = (sign[0] * scale[0] + rng.choice([0, 360, -180], 400)).astype(kind)
    dec = np.clip(lat + sign[1] * scale[1], -90, 90).astype(kind)
    apart = separation(lon.astype(float), dec.astype(float), 0.0, lat)
    for radius in (*apart.tolist(), *np.nextafter(apart, 0).tolist(), 0.0, 180.0):
        assert (contains(Circle(0.0, lat, radius), lon, dec) == (apart <= radius)).all()


def test_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of several chunks and many blocks comes in its order, and only the blocks that matter are candidates."""
    for module in ("copies", "selecting", "store", "runs"):
        for name, value in (("BLOCK_ROWS", 16), ("CHUNK_ROWS", 1024), ("_BLOCKS", 64)):
            if hasattr(__import__(f"events.{module}", fromlist=["x"]), name):
                monkeypatch.setattr(f"events.{module}.{name}", value)
    events = EventList.read(samples.whole_sky(tmp_path / "whole_sky.fits"))
    file = EventStore(tmp_path / "copies").prepare(events.source)
    assert len(file.blocks) == -(-4500 // 16)
    for selection in (
        Selection(),
        Selection((Circle(200, -60, 9.0),)),
        Selection((Circle(200, -60, 40.0),), ((0.1, INF),), ((51911.0, 51912.0),)),
    ):
        assert check((events, file), selection) > 0
    assert Selector(Selection((Circle(200, -60, 9.0),))).at_most(file) < 1000


def test_rows_of_a_block_stand_by_energy(copied: list[Copied]) -> None:
    """What a lowest energy takes of a block stands together at its beginning; what is no number comes last."""
    for events, file in copied:
        number = file.find("ENERGY")
        assert number is not None
        energy = file.stored(0, number)
        assert np.array_equal(events.energy[file.original_rows(0)], energy, equal_nan=True)
        for first in range(0, file.rows, BLOCK_ROWS):
            block = energy[first : first + BLOCK_ROWS]
            known = np.flatnonzero(np.isfinite(block))
            assert known[-1] == len(known) - 1
            assert (np.diff(block[known]) <= 0).all()


# --- what is no condition ---------------------------------------------------------------------------------------------

REFUSED = {
    "reversed energies": lambda: Selection(energies=((2.0, 1.0),)),
    "a negative energy": lambda: Selection(energies=((-1.0, 1.0),)),
    "no energy": lambda: Selection(energies=((math.nan, 1.0),)),
    "reversed times": lambda: Selection(times=((54001.0, 54000.0),)),
    "later than all": lambda: Selection(times=((INF, INF),)),
    "a negative type": lambda: Selection(event_types=(-1,)),
    "a longitude of 400": lambda: Range(0, 400, 0, 1),
    "reversed latitudes": lambda: Range(0, 1, 2, 1),
    "an order of 30": lambda: Moc.parse("30/1"),
    "a cell too many": lambda: Moc.parse("0/12"),
    "a reversed range of cells": lambda: Moc.parse("3/5-4"),
    "no order": lambda: Moc.parse("5 6"),
    "a list": lambda: Moc.parse('{"3": 5}'),
    "broken JSON": lambda: Moc.parse('{"3": [5}'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_condition_is_refused(case: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        REFUSED[case]()


def test_canonical_text() -> None:
    """One text for one selection; a MOC comes in its largest cells (MOC 2.0 section 4.3.1)."""
    first = Selection((Circle(1, 2, 3), Moc.parse("1/0-3 8")), ((1.0, 2.0), (1.5, INF)), ((54000, 54001),), (3, 1))
    second = Selection((Moc.parse("0/0 1/8"), Circle(1, 2, 3)), ((1.0, INF),), ((54000.0, 54001.0),), (1, 3, 3))
    assert first.canonical() == second.canonical()
    assert "MOC 0/0 1/8" in first.canonical()
    assert Selection().canonical() == "all events"


def test_moc_forms() -> None:
    """ASCII and JSON are two forms of one coverage (MOC 2.0 section 4)."""
    assert Moc.parse("s3/1-4 8 5/900") == Moc.parse('{"3": [1, 2, 3, 4, 8], "5": [900]}')
