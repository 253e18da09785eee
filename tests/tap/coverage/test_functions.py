"""Functions of time coverage on the configured database: against intervals counted one by one, by the index."""

from __future__ import annotations

import json
import re
from typing import Any

import erfa  # type: ignore[import-untyped]
import numpy as np
import pytest
from astropy.time import Time
from django.db import connection

from archive.readers.mjdref import tcb_microseconds as by_astropy
from tap.coverage.sqlite import decoded, unpack
from tap.service import prepare
from tests.tap.coverage.conftest import TimesRow
from tests.tap.engine.test_geometry import plan
from tests.tap.sky import CONTEXT, answer
from vo.errors import UsageFault
from vo.timescales import FIRST_DAY, LAST_DAY, LEAP_DAYS, tcb_microseconds
from vo.tmoc import Ranges, encode

pytestmark = pytest.mark.django_db


def shared(one: Ranges, other: Ranges) -> int:
    """Microseconds in common, each interval against each."""
    return sum(max(0, min(b, d) - max(a, c)) for a, b in one for c, d in other)


def value(expression: str) -> Any:
    ((found,),) = answer(f"SELECT TOP 1 {expression} AS res FROM test.times")
    return found


INTERVALS = [
    (59010.9, 59010.95),
    (59010.0, 59013.0),
    (59005.93, 59005.93),
    (0, 1e12),
    (-1e300, 59003.9),
    (59400, 59500),
    (59011, 59010),
]


@pytest.mark.parametrize(("start", "stop"), INTERVALS)
@pytest.mark.parametrize("column", ["coverage", "text", "coverage || ''"])
def test_overlap_with_an_interval(times: list[TimesRow], column: str, start: float, stop: float) -> None:
    """Indexed, read from the text, and of an expression; NULL is in neither answer."""
    asked = (tcb_microseconds(start), max(tcb_microseconds(stop), tcb_microseconds(start) + 1))
    expected = {r.obs_id for r in times if r.ranges and stop >= start and shared(r.ranges, (asked,))}
    others = {r.obs_id for r in times if r.ranges is not None} - expected
    for form, wanted in (
        (f"1 = distiller_tmoc_overlaps({column}, {start}, {stop})", expected),
        (f"distiller_tmoc_overlaps({column}, {start}, {stop}) > 0", expected),
        (f"distiller_tmoc_overlaps({column}, {start}, {stop}) <> 1", others),
        (f"NOT 1 = distiller_tmoc_overlaps({column}, {start}, {stop})", others),
    ):
        assert {n for (n,) in answer(f"SELECT obs_id FROM test.times WHERE {form}")} == wanted, form


def test_a_time_is_within(times: list[TimesRow]) -> None:
    row = times[10]
    assert row.text is not None
    middle = sum(row.intervals[0]) / 2
    found = answer(f"SELECT obs_id FROM test.times WHERE distiller_tmoc_contains(coverage, {middle}) = 1")
    at = tcb_microseconds(middle)
    assert {n for (n,) in found} == {r.obs_id for r in times if any(a <= at < b for a, b in r.ranges or ())}
    inside = answer(f"SELECT distiller_tmoc_contains(coverage, {middle - 1}) FROM test.times WHERE obs_id <= 10")
    assert [n for (n,) in inside][:2] == [None, 0]


def test_dates_of_columns(times: list[TimesRow]) -> None:
    """t_min and t_max in UTC, coverages in TCB: a run covers itself."""
    found = answer(
        "SELECT obs_id, distiller_tmoc_common(coverage, t_min, t_max), distiller_tmoc_duration(coverage) "
        "FROM test.times WHERE t_min IS NOT NULL AND distiller_tmoc_overlaps(coverage, t_min, t_max) = 1"
    )
    assert {n for n, _, _ in found} == {r.obs_id for r in times if r.intervals}
    by_id = {r.obs_id: r for r in times}
    for number, common, duration in found:
        row = by_id[number]
        assert row.ranges is not None
        asked = (tcb_microseconds(row.intervals[0][0]), tcb_microseconds(row.intervals[-1][1]))
        assert common == shared(row.ranges, (asked,)) / 1e6
        assert duration == sum(b - a for a, b in row.ranges) / 1e6
        assert duration >= 0.02 * 86400 - 0.001


@pytest.mark.parametrize("right", ["coverage", "text"])
def test_simultaneous(times: list[TimesRow], right: str) -> None:
    """A join of the table with itself, and the time in common."""
    found = answer(
        f"SELECT a.obs_id, b.obs_id, distiller_tmoc_common(a.coverage, b.{right}) FROM test.times AS a "
        f"JOIN test.times AS b ON distiller_tmoc_overlaps(a.coverage, b.{right}) = 1 WHERE a.obs_id < b.obs_id"
    )
    expected = {
        (a.obs_id, b.obs_id): shared(a.ranges, b.ranges) / 1e6
        for i, a in enumerate(times)
        for b in times[i + 1 :]
        if a.ranges and b.ranges and shared(a.ranges, b.ranges)
    }
    assert len(expected) > 50
    assert {(a, b): seconds for a, b, seconds in found} == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " \n", "41/", "t61/1 2 3", "61/1-3 6", "61/1,3, 5", "31/1 32/4 35/", "0/0", "61/2305843009213693951",
        "30/5 30/4-6 29/1", "{}", '{"41": [1, 3, 4]}', '{ "1":[0] ,"61":[2305843009213693951] }', '{"5":[]}', "5/1-\t2",
        "x", "1", "3/9", "3/2-1", "62/1", "70/1", "5/-1", "2/1 a", "tt5/1", "s3/1", "61/2305843009213693952", "١/0",
        "61/99999999999999999999", "00000/1", '{"41": [1}', '{"a": [1]}', "{41: [1]}", '{"41": [1], }', '{"41": [[1]]}',
        "9" * 50, "41/1\xa02", "41 /1", "41/1 - 2", "[1]",
    ],
)  # fmt: skip
def test_texts_mean_the_same_everywhere(times: list[TimesRow], text: str) -> None:
    """MOC 2.0, ASCII and JSON serialisations: PostgreSQL reads what vo.tmoc reads; what is none is NULL in a column."""
    blob = decoded(text)
    expected = None if blob is None else sum(b - a for a, b in unpack(blob)) / 1e6
    assert value(f"distiller_tmoc_duration('{text}' || '')") == expected
    if blob is not None:
        assert value(f"distiller_tmoc_duration('{text}')") == expected


@pytest.mark.parametrize(
    ("arguments", "said", "column"),
    [
        ("'x 41/1', 59000, 59001", "'x' is no cell of a time coverage", 32),
        ("coverage, '41/1 4-2'", "'4-2' is no range of cells of order 41", 42),
        ("coverage, '62/1'", "order of a time coverage is 0 to 61, not 62", 42),
        ("""coverage, '{"41": 1}'""", "this JSON is no time coverage", 42),
        ("coverage, 59000", "argument 2 of distiller_tmoc_overlaps must be a time coverage", 42),
        ("59000, 59001", "must be a time coverage", 32),
    ],
)
def test_wrong_arguments_are_told_with_their_place(
    times: list[TimesRow], arguments: str, said: str, column: int
) -> None:
    with pytest.raises(UsageFault, match=re.escape(said)) as caught:
        prepare(f"SELECT distiller_tmoc_overlaps({arguments}) FROM test.times", CONTEXT)
    assert f"line 1 column {column}:" in str(caught.value)


def test_null(times: list[TimesRow]) -> None:
    for call in (
        "overlaps(NULL, 1, 2)",
        "overlaps('41/1', NULL, 2)",
        "contains('41/1', NULL)",
        "common(NULL, '41/1')",
        "duration(NULL)",
    ):
        assert value(f"distiller_tmoc_{call}") is None


def test_leap_seconds_are_those_of_the_iers() -> None:
    """IERS Bulletin C as erfa has it: each step is a second."""
    table = erfa.leap_seconds.get()
    known = {round(Time(f"{y}-{m:02d}-01").mjd): s for y, m, s in table.tolist() if y >= 1972}
    assert known == {day: 10 + n for n, day in enumerate(LEAP_DAYS)}


def test_dates_become_tcb(times: list[TimesRow]) -> None:
    """UTC to TCB against astropy, to the 2 ms of TDB - TT; on leap seconds' days; equal in both databases."""
    rng = np.random.default_rng(11)
    days = [*LEAP_DAYS[1:], *(day - 1 for day in LEAP_DAYS[1:])]
    dates = np.concatenate([rng.uniform(41318, 62000, 100), np.array(days) + 0.25, np.array(days) + 0.999999])
    made = [tcb_microseconds(float(date)) for date in dates]
    assert np.abs(np.array(made) - by_astropy(Time(dates, format="mjd", scale="utc"))).max() < 2000
    if connection.vendor == "postgresql":
        extremes = [-1e300, float(FIRST_DAY), -0.5, 0.0, 41316.9, float(LAST_DAY), 1e300]
        with connection.cursor() as cursor:
            cursor.execute("SELECT tap_tcb(d) FROM unnest(%s::float8[]) AS d", [[*map(float, dates), *extremes]])
            found = [row[0] for row in cursor.fetchall()]
        assert found == made + [tcb_microseconds(date) for date in extremes]


@pytest.mark.parametrize(
    "condition",
    [
        "1 = distiller_tmoc_overlaps(coverage, 59010.9, 59010.95)",
        "distiller_tmoc_contains(coverage, 59010.9) = 1 AND obs_id > 3",
        f"1 = distiller_tmoc_overlaps(coverage, '{encode([(212_000_000_000_000_000, 212_000_000_001_000_000)], 41)}')",
        "1 = distiller_tmoc_overlaps('41/1', coverage)",
    ],
)
def test_searches_use_the_index(times: list[TimesRow], condition: str) -> None:
    found = plan(f"SELECT obs_id FROM test.times WHERE {condition}")
    if connection.vendor == "postgresql":
        assert "test_times_ranges_times" in json.dumps(found)
    else:
        assert "VIRTUAL TABLE INDEX 2:" in found
        assert "USING INTEGER PRIMARY KEY" in found


def test_simultaneous_by_the_index(times: list[TimesRow]) -> None:
    found = plan(
        "SELECT a.obs_id FROM test.times AS a JOIN test.times AS b "
        "ON distiller_tmoc_overlaps(a.coverage, b.coverage) = 1 WHERE b.obs_id = 5"
    )
    assert ("test_times_ranges_times" if connection.vendor == "postgresql" else "VIRTUAL TABLE INDEX 2:") in found
