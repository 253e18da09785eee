"""`gadf.events`: what ingest puts into it, what ADQL counts in it, and that it follows the archive."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from django.core.management import call_command
from django.db import connection

from archive import recording
from archive.eventtable.cells import CELL_SIZE, box, divide
from archive.eventtable.tables import Event, EventCell
from archive.ingest import Report, Status
from archive.models import ObsCore
from tap.scs.catalogues import catalogue_of
from tests.archive import samples
from tests.archive.eventfiles import ask, compare_counts, event_files
from vo.regions import separation, unit_vectors

pytestmark = pytest.mark.django_db
TakeIn = Callable[..., Report]


def table() -> list[tuple[Any, ...]]:
    """Rows of this test's transaction, which queries of ADQL do not see; of what `take_in` took in."""
    fields = ("cell__obscore__obs_id", "event_id", "mjd", "ra", "dec", "energy", "event_type")
    own = Event.objects.filter(cell__obscore__obs_collection="c")
    return list(own.order_by("cell__obscore__obs_id", "event_id").values_list(*fields))


def event_list(obs_id: str) -> ObsCore:
    """The ObsCore row of an event list that `take_in` took in."""
    return ObsCore.objects.get(obs_collection="c", obs_id=obs_id, dataproduct_type="event")


@pytest.fixture
def alone(db: None) -> None:
    """Until the test ends, the archive has no event list but its own."""
    ObsCore.objects.filter(dataproduct_type="event").delete()


@pytest.mark.parametrize("count", [0, 1, CELL_SIZE, CELL_SIZE + 1, 5000])
def test_cells(count: int) -> None:
    """Every event is in one cell; no cell is larger than it may be, or smaller than half of it if it need not be."""
    rng = np.random.default_rng(count)
    ra, dec = rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    cells = divide(ra, dec)
    assert sorted(np.concatenate([*cells, np.empty(0, int)])) == list(range(count))
    assert all(cell.size <= CELL_SIZE for cell in cells)
    assert len(cells) < 2 or min(cell.size for cell in cells) >= CELL_SIZE // 2
    for cell in cells:
        low, high = np.split(np.array(box(ra[cell], dec[cell])), 2)
        vectors = unit_vectors(ra[cell], dec[cell])
        assert (vectors >= low).all()
        assert (vectors <= high).all()


def test_cells_of_equal_positions() -> None:
    """Events without a direction of their own are divided too."""
    assert sum(cell.size for cell in divide(np.full(2000, 83.63), np.full(2000, 22.01))) == 2000


def test_cells_are_compact() -> None:
    """A small circle in a field of view touches few of its cells."""
    rng = np.random.default_rng(3)
    ra, dec = rng.normal(83.63, 1, 50_000), rng.normal(22.01, 1, 50_000)
    touched = sum(separation(ra[cell], dec[cell], 83.63, 22.01).min() < 0.2 for cell in divide(ra, dec))
    assert touched < 15


def test_events_go_in_as_they_are(take_in: TakeIn, tmp_path: Path) -> None:
    """Numbers of the file, exactly; times as MJD in UTC; a bit field as a number whose last bit counts 1."""
    hdu = samples.events(OBS_ID=7)
    bits = np.zeros((50, 32), dtype=bool)
    bits[:, 31], bits[::2, 0] = True, True
    columns = [*hdu.columns, fits.Column("EVENT_TYPE", "32X", array=bits)]
    typed = fits.BinTableHDU.from_columns(columns, header=samples.events(OBS_ID=7).header)
    samples.write(tmp_path / "run.fits", typed, samples.gti(), samples.aeff(), samples.edisp())
    assert take_in(tmp_path / "run.fits").exit_status == 0
    found = table()
    data = hdu.data
    assert [row[:2] for row in found] == [("7", int(n)) for n in data["EVENT_ID"]]
    reference = samples.TIME
    seconds = reference["MJDREFF"] + data["TIME"] / 86400
    utc = Time(reference["MJDREFI"], seconds, format="mjd", scale="tt").utc.mjd
    assert [row[2] for row in found] == utc.tolist()
    for place, name in ((3, "RA"), (4, "DEC"), (5, "ENERGY")):
        assert [row[place] for row in found] == data[name].astype(float).tolist(), name
    assert [row[6] for row in found] == [2**31 + 1 if n % 2 == 0 else 1 for n in range(50)]


def test_longitudes_are_within_a_turn(take_in: TakeIn, tmp_path: Path) -> None:
    ra = np.full(50, -10.0)
    samples.write(tmp_path / "run.fits", samples.events({"RA": ra}), samples.gti(), samples.aeff(), samples.edisp())
    take_in(tmp_path / "run.fits")
    assert {row[3] for row in table()} == {350.0}


def test_an_empty_list_has_no_events(take_in: TakeIn, tmp_path: Path) -> None:
    none = {name: np.empty(0) for name in ("EVENT_ID", "TIME", "RA", "DEC", "ENERGY")}
    samples.write(tmp_path / "run.fits", samples.events(none), samples.gti(), samples.aeff(), samples.edisp())
    assert [o.status for o in take_in(tmp_path / "run.fits").outcomes] == [Status.ADDED]
    assert not EventCell.objects.filter(obscore__obs_collection="c").exists()


def test_nothing_stays_of_an_observation_that_failed(
    take_in: TakeIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are written in the transaction of their observation."""

    def fail(*args: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(recording, "record", fail)
    assert take_in(folder).exit_status != 0
    assert not table()
    assert not EventCell.objects.filter(obscore__obs_collection="c").exists()


@pytest.mark.parametrize(("setting", "taken"), [([], 0), (["other", "hess-*"], 0), (["c"], 3), (["other", "?"], 3)])
def test_collections_are_chosen_by_a_setting(
    take_in: TakeIn, folder: Path, settings: Any, setting: list[str], taken: int
) -> None:
    settings.DISTILLER_EVENT_COLLECTIONS = setting
    take_in(folder)
    assert EventCell.objects.filter(obscore__obs_collection="c").values("obscore").distinct().count() == taken


@pytest.mark.usefixtures("alone")
def test_the_command_makes_it_so(take_in: TakeIn, folder: Path, settings: Any) -> None:
    """`manage.py eventtable` takes in what is missing, removes what is not wanted, reads anew if told to."""

    def run(**options: Any) -> str:
        out = io.StringIO()
        call_command("eventtable", stdout=out, **options)
        return out.getvalue()

    take_in(folder)
    expected = table()
    assert len(expected) == 150
    assert run() == "0 event lists done with 0 events, 0 not readable.\n"
    settings.DISTILLER_EVENT_COLLECTIONS = []
    assert run().startswith("3 event lists done with 0 events")
    assert not table()
    settings.DISTILLER_EVENT_COLLECTIONS = ["c"]
    assert run().startswith("3 event lists done with 150 events")
    assert table() == expected
    assert run(refresh=True).startswith("3 event lists done with 150 events")
    assert table() == expected


@pytest.mark.usefixtures("alone")
def test_the_command_tells_what_it_cannot_read(take_in: TakeIn, folder: Path, settings: Any, store: Path) -> None:
    settings.DISTILLER_EVENT_COLLECTIONS = []
    take_in(folder)
    settings.DISTILLER_EVENT_COLLECTIONS = ["*"]
    use = event_list("2").product.files.get(position=0)
    (store / use.file.path).write_bytes(b"SIMPLE")
    said = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("eventtable", stderr=said, stdout=io.StringIO())
    assert said.getvalue().startswith(f"{event_list('2').obs_publisher_did}: ")
    assert {row[0] for row in table()} == {"1", "3"}


def test_events_go_with_their_list(take_in: TakeIn, folder: Path) -> None:
    take_in(folder)
    event_list("2").delete()
    assert [row[0] for row in table()] == ["1"] * 50 + ["3"] * 50


def test_it_is_a_catalogue_for_cone_searches() -> None:
    """Simple Cone Search 1.03 section 2: a main position, an identifier, and the time of an event."""
    from tap.registry import find

    published = find("gadf.events")
    assert published is not None
    catalogue = catalogue_of(published)
    assert catalogue is not None
    found = (catalogue.identifier, catalogue.ra, catalogue.dec, catalogue.start)
    assert [column.name for column in found if column] == ["event_id", "ra", "dec", "mjd"]


def test_counts_are_those_of_the_files(demo_archive: str, demo_store: Path) -> None:
    """ADQL counts what NumPy counts in the original files, exactly."""
    compare_counts(demo_store, demo_archive, 4)


def test_values_match_the_files(demo_archive: str, demo_store: Path) -> None:
    """Each event of a run with its energy, and the list that it is in."""
    events = event_files(demo_store)["1001"]
    found = ask(
        "SELECT e.mjd, e.energy, o.target_name FROM gadf.events AS e JOIN ivoa.obscore AS o "
        "ON e.obs_publisher_did = o.obs_publisher_did WHERE o.obs_id = '1001' ORDER BY e.mjd, e.energy"
    )
    expected = sorted(zip(events["MJD"].tolist(), events["ENERGY"].tolist(), strict=True))
    assert found == [(mjd, energy, "Crab Nebula") for mjd, energy in expected]


def test_both_databases_write_in_bulk() -> None:
    """The table has no constraint that would be checked row by row; of indexes, those of decision 022."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, Event._meta.db_table)
    assert not [name for name, found in constraints.items() if found["foreign_key"] or found["check"]]
    indexes = {name for name, found in constraints.items() if found["index"] and not found["primary_key"]}
    expected = {"gadf_event_mjd"}
    if connection.vendor == "postgresql":
        expected |= {"gadf_event_in_cell", "gadf_event_high"}
    assert indexes == expected
