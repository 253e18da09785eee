"""The ADQL of a search: what it says, and that nothing typed can change what it does."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import queries
from frontend.queries import Cone, Criteria


def test_no_criteria_select_all_event_lists() -> None:
    adql = queries.observations(Criteria())
    assert "WHERE dataproduct_type = 'event'\nORDER BY t_min, obs_id" in adql
    assert queries.SEPARATION not in adql


def test_cone_selects_by_pointing_and_gives_the_separation() -> None:
    adql = queries.observations(Criteria(cone=Cone(83.633, 22.014, 2)))
    assert "1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(83.633, 22.014, 2.0))" in adql
    assert "DISTANCE(POINT(s_ra, s_dec), POINT(83.633, 22.014)) AS separation" in adql


def test_times_overlap() -> None:
    adql = queries.observations(Criteria(time_min=53345.5, time_max=53346.0))
    assert "t_max >= 53345.5" in adql
    assert "t_min <= 53346.0" in adql


def test_energies_are_wavelengths_and_turn_around() -> None:
    """ObsCore 1.1 B.6.2: em_min and em_max are wavelengths in metres; 1 TeV is 1.2398e-18 m."""
    adql = queries.observations(Criteria(energy_min=1.0, energy_max=10.0))
    longest = float(re.search(r"em_min <= (\S+)", adql)[1])  # type: ignore[index]
    shortest = float(re.search(r"em_max >= (\S+)", adql)[1])  # type: ignore[index]
    assert math.isclose(longest, 1.239841984e-18, rel_tol=1e-9)
    assert math.isclose(shortest, 1.239841984e-19, rel_tol=1e-9)
    assert math.isclose(queries.energy(queries.wavelength(3.7)), 3.7, rel_tol=1e-15)


def test_collection_is_a_literal() -> None:
    adql = queries.observations(Criteria(collection="x' OR '1'='1"))
    assert "obs_collection = 'x'' OR ''1''=''1'" in adql


@given(st.text(max_size=60))
def test_any_text_stays_one_literal(value: str) -> None:
    """ADQL 2.1 section 2.1.3: within a literal a quote is doubled; nothing else ends it."""
    literal = queries.text(value)
    assert re.fullmatch(r"'(?:[^']|'')*'", literal, re.DOTALL)
    assert literal[1:-1].replace("''", "'") == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_back_the_same(value: float) -> None:
    literal = queries.number(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", literal)
    assert float(literal) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_adql_cannot_write_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="ADQL"):
        queries.number(value)


@pytest.mark.parametrize("sort", ["obs_id; DROP TABLE x", "em_min", "", "T_MIN"])
def test_only_known_columns_sort(sort: str) -> None:
    with pytest.raises(ValueError, match="sort"):
        queries.observations(Criteria(), sort=sort)


def test_order() -> None:
    assert queries.observations(Criteria(), "t_exptime", True).endswith("ORDER BY t_exptime DESC, obs_id")
    assert queries.observations(Criteria(), "obs_id").endswith("ORDER BY obs_id")
    # Without a cone there is no separation to sort by.
    assert queries.observations(Criteria(), queries.SEPARATION).endswith("ORDER BY t_min, obs_id")
