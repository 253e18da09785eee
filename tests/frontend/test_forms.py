"""The search form: what it takes, and what it says beside which field."""

from __future__ import annotations

import pytest

from frontend.forms import SearchForm
from frontend.queries import Cone, Criteria

COLLECTIONS = ("hess-dl3-dr1", "demo")

WRONG = [
    ({"ra": "400", "dec": "0"}, "ra", "Right ascension must be within 0 and 360 deg, not 400."),
    ({"ra": "10", "dec": "-95"}, "dec", "Declination must be within −90 and 90 deg, not -95."),
    ({"ra": "10"}, "dec", "A position needs a declination too."),
    ({"dec": "10"}, "ra", "A position needs a right ascension too."),
    ({"ra": "ten", "dec": "10"}, "ra", "“ten” is not a number."),
    ({"target": "Crab", "radius": "-1"}, "radius", "The radius must be above 0 and at most 180 deg, not -1."),
    ({"target": "Crab", "radius": "0"}, "radius", "The radius must be above 0 and at most 180 deg, not 0."),
    ({"target": "Crab", "radius": "inf"}, "radius", "“inf” is not a number."),
    ({"radius": "2"}, "radius", "A radius needs a target name or a position."),
    ({"target": "Crab", "ra": "1", "dec": "1"}, "target", "Give a target name or a position, not both."),
    ({"time_min": "2005-01-01", "time_max": "2004-01-01"}, "time_max", "The time range is upside down"),
    ({"time_min": "last week"}, "time_min", "neither a date"),
    ({"energy_min": "10", "energy_max": "1"}, "energy_max", "The energy range is upside down"),
    ({"energy_min": "-1"}, "energy_min", "An energy must be above 0 (in TeV), not -1."),
    ({"energy_max": "1e300"}, "energy_max", "No photon has that energy."),
    (
        {"collection": "x' OR 1=1"},
        "collection",
        "There is no collection “x' OR 1=1” here. Collections: hess-dl3-dr1, demo.",
    ),
    ({"target": "x" * 101}, "target", "at most 100 characters"),
    ({"target": "Crab\x00"}, "target", "Null characters"),
]


@pytest.mark.parametrize(("given", "field", "message"), WRONG)
def test_wrong_input_is_told_beside_its_field(given: dict[str, str], field: str, message: str) -> None:
    form = SearchForm(given, COLLECTIONS)
    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert any(message in error for error in form.errors[field])


RIGHT = [
    ({}, None, Criteria()),
    ({"target": "Crab"}, (83.6, 22.0), Criteria(cone=Cone(83.6, 22.0, 2.0))),
    ({"target": "Crab", "radius": "0.5"}, (83.6, 22.0), Criteria(cone=Cone(83.6, 22.0, 0.5))),
    ({"ra": "05:34:32", "dec": "22"}, None, Criteria(cone=Cone(83.63333333333333, 22.0, 2.0))),
    ({"ra": "0", "dec": "0"}, None, Criteria(cone=Cone(0.0, 0.0, 2.0))),
    ({"time_min": "2004-12-06", "time_max": "2004-12-06"}, None, Criteria(time_min=53345.0, time_max=53346.0)),
    ({"energy_min": "1", "energy_max": "1"}, None, Criteria(energy_min=1.0, energy_max=1.0)),
    ({"collection": "demo", "unknown": "x"}, None, Criteria(collection="demo")),
]


@pytest.mark.parametrize(("given", "position", "criteria"), RIGHT)
def test_criteria(given: dict[str, str], position: tuple[float, float] | None, criteria: Criteria) -> None:
    form = SearchForm(given, COLLECTIONS)
    assert form.is_valid(), form.errors
    assert form.criteria(position) == criteria


def test_given_is_what_a_permalink_carries() -> None:
    form = SearchForm({"target": " Crab Nebula ", "radius": "2", "ra": "", "other": "x"}, COLLECTIONS)
    assert form.given == {"target": "Crab Nebula", "radius": "2"}
