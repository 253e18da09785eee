"""A table of generated time coverages, published for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tap.coverage.field import CoverageField
from tap.coverage.schema import index_operation
from tap.engine import rolesetup
from tap.engine.engine import close_idle
from tap.registry import CoverageIndex, PublishedTable, publish, publish_schema, withdraw
from tests.tap.sky import migrate
from vo.columns import ColumnMeta, SchemaMeta, TableMeta
from vo.timescales import mjd_tcb, tcb_microseconds
from vo.tmoc import Ranges, decode, encode

INDEX = CoverageIndex("coverage", "ranges", ("first", "last"))
TIMES = TableMeta(
    "test.times",
    (
        ColumnMeta("obs_id", "int"),
        ColumnMeta("t_min", "double", unit="d"),
        ColumnMeta("t_max", "double", unit="d"),
        ColumnMeta("coverage", "char", "*"),
        ColumnMeta("text", "char", "*", description="The same as coverage, not indexed"),
    ),
)


@dataclass(frozen=True)
class TimesRow:
    """`intervals` are (start, end) in MJD (UTC); `ranges` what is covered, None where the coverage is NULL."""

    obs_id: int
    intervals: tuple[tuple[float, float], ...]
    text: str | None
    ranges: Ranges | None


def rows(count: int = 200) -> list[TimesRow]:
    """Runs of half an hour in a few nights, with gaps; one coverage is empty, one NULL."""
    rng = np.random.default_rng(7)
    made = []
    for number in range(count):
        start = 59000 + int(rng.integers(0, 20)) + float(rng.uniform(0.8, 1.1))
        gap = float(rng.uniform(0.001, 0.01))
        intervals: tuple[tuple[float, float], ...] = ((start, start + 0.01), (start + 0.01 + gap, start + 0.02 + gap))
        order = int(rng.choice([30, 36, 41, 61]))
        text: str | None = encode([(tcb_microseconds(a), tcb_microseconds(b)) for a, b in intervals], order)
        if number in (0, 1):
            intervals, text = (), ("41/" if number else None)
        made.append(TimesRow(number, intervals, text, None if text is None else decode(text)))
    return made


def create(made: list[TimesRow]) -> None:
    """Make, index and fill the table in the configured database."""
    field = CoverageField()
    double = "double precision" if connection.vendor == "postgresql" else "real"
    placeholder = field.get_placeholder(None, None, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE test_times (id integer PRIMARY KEY, obs_id integer, t_min {double}, t_max {double}, "
            f'coverage text, "text" text, ranges {field.db_type(connection)}, first {double}, last {double})'
        )
    migrate([index_operation("test_times", INDEX)])
    with connection.cursor() as cursor:
        for row in made:
            span = (row.intervals[0][0], row.intervals[-1][1]) if row.intervals else (None, None)
            bounds = (mjd_tcb(row.ranges[0][0]), mjd_tcb(row.ranges[-1][1])) if row.ranges else (None, None)
            stored = field.get_db_prep_value(row.ranges, connection)
            cursor.execute(
                f"INSERT INTO test_times VALUES (%s, %s, %s, %s, %s, %s, {placeholder}, %s, %s)",
                (row.obs_id + 1, row.obs_id, *span, row.text, row.text, stored, *bounds),
            )


@pytest.fixture(scope="module")
def times(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[TimesRow]]:
    """The table exists and is published."""
    made = rows()
    with django_db_blocker.unblock():
        create(made)
        publish_schema(SchemaMeta("test"))
        publish(PublishedTable(TIMES, "test_times", coverages=(INDEX,)))
        if connection.vendor == "postgresql":
            rolesetup.grant()
        try:
            yield made
        finally:
            withdraw("test.times")
            close_idle()
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE test_times")
                if connection.vendor == "sqlite":
                    cursor.execute("DROP TABLE test_times_ranges_times")
