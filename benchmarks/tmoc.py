"""Searches by time coverage in the configured database: by the index, and by reading every text.

    python -m benchmarks.tmoc [rows]

Half-hour runs of one to three good time intervals in the nights of 20 years, in a table of its own, which is dropped
when all is measured. Milliseconds, the median of some runs; the statements are those that ADQL becomes.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")

FIRST_NIGHT, NIGHTS = 53000, 7300
QUERIES = {
    "one run by its number": ("a.obs_id = 1000", 9, 0),
    "good time in one hour": ("1 = distiller_tmoc_overlaps({0}, 56000.9, 56000.94)", 9, 1),
    "good time in a season of 90 nights": ("1 = distiller_tmoc_overlaps({0}, 56000, 56090)", 5, 0),
    "good time at an instant": ("1 = distiller_tmoc_contains({0}, 56000.92)", 9, 0),
    "simultaneous with one of 100 runs": (
        "b.obs_id BETWEEN 1000 AND 1099 AND 1 = distiller_tmoc_overlaps({0}, b.coverage)",
        5,
        0,
    ),
}
"""Condition, and how often it is measured by the index and by the text."""


def main() -> None:
    """Measure, print."""
    import django

    django.setup()
    from django.db import connection

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    sys.stdout.write(f"{rows} rows, {connection.vendor}\n")
    made = _create(rows)
    try:
        sys.stdout.write(f"made, filled and indexed in {made:.1f} s\n")
        for title, (condition, often, seldom) in QUERIES.items():
            joined = "bench.times AS a" + (", bench.times AS b" if "b." in condition else "")
            shown = []
            for column, times in (("a.coverage", often), ("a.text", seldom)):
                query = f"SELECT COUNT(*) AS n FROM {joined} WHERE {condition.format(column)}"
                shown.append(_measure(query, times) if times else "")
            sys.stdout.write(f"{title:40} index {shown[0]:>22}  text {shown[1]:>22}\n")
    finally:
        _drop()


def _measure(query: str, times: int) -> str:
    from tap.registry import QueryContext, Viewer
    from tap.service import prepare

    taken, found = [], 0
    for _ in range(times):
        start = time.perf_counter()
        with prepare(query, QueryContext(Viewer(), "")).run(timeout=600) as batches:
            found = sum(batch["n"][0].as_py() for batch in batches)
        taken.append(time.perf_counter() - start)
    return f"{statistics.median(taken) * 1000:.1f} ms, {found} rows"


def _create(rows: int) -> float:
    from django.db import connection
    from django.db.migrations.state import ProjectState

    from tap.coverage.field import CoverageField
    from tap.coverage.schema import index_operation
    from tap.registry import CoverageIndex, PublishedTable, publish, publish_schema
    from vo.columns import ColumnMeta, SchemaMeta, TableMeta
    from vo.timescales import mjd_tcb, tcb_microseconds
    from vo.tmoc import degrade, encode

    index, field = CoverageIndex("coverage", "ranges", ("first", "last")), CoverageField()
    columns = (ColumnMeta("obs_id", "int"), ColumnMeta("coverage", "char", "*"), ColumnMeta("text", "char", "*"))
    publish_schema(SchemaMeta("bench"))
    publish(PublishedTable(TableMeta("bench.times", columns), "bench_times", coverages=(index,)))
    start = time.perf_counter()
    random = np.random.default_rng(20251120)
    starts = FIRST_NIGHT + random.integers(0, NIGHTS, rows) + random.uniform(0.75, 1.2, rows)
    parts = random.choice((1, 2, 3), rows, p=(0.8, 0.15, 0.05))
    values = []
    for number, (begin, count) in enumerate(zip(starts.tolist(), parts.tolist(), strict=True)):
        at, length, gap = tcb_microseconds(begin), 1_680_000_000 // count, 60_000_000
        good = [(at + i * (length + gap), at + i * (length + gap) + length) for i in range(count)]
        ranges, text = degrade(good, 41), encode(good, 41)
        stored = field.get_db_prep_value(ranges, connection)
        values.append((number, number, text, text, stored, mjd_tcb(ranges[0][0]), mjd_tcb(ranges[-1][1])))
    double = "double precision" if connection.vendor == "postgresql" else "real"
    operation = index_operation("bench_times", index)
    with connection.schema_editor() as editor:
        editor.execute(
            f"CREATE TABLE bench_times (id integer PRIMARY KEY, obs_id integer, coverage text, "
            f'"text" text, ranges {field.db_type(connection)}, first {double}, last {double})'
        )
        with connection.cursor() as cursor:
            holder = field.get_placeholder(None, None, connection)
            cursor.executemany(f"INSERT INTO bench_times VALUES (%s, %s, %s, %s, {holder}, %s, %s)", values)
        editor.execute("CREATE INDEX bench_times_obs_id ON bench_times (obs_id)")
        operation.database_forwards("tap", editor, ProjectState(), ProjectState())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bench_times")
    return time.perf_counter() - start


def _drop() -> None:
    from django.db import connection

    from tap.engine.engine import close_idle

    close_idle()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_times")
        if connection.vendor == "sqlite":
            cursor.execute("DROP TABLE bench_times_ranges_times")


if __name__ == "__main__":
    main()
