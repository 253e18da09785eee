"""What strangers cannot do: read other tables, write, run for ever, hold memory, or see the database's own words."""

from __future__ import annotations

import logging
import resource
import sqlite3
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from sqlalchemy import column, select
from sqlalchemy import table as sql_table

from tap.admission import AdmittedRows
from tap.adql.translate import LIMIT, Statement
from tap.engine import engine, rolesetup
from tap.engine.batches import BatchMaker
from tap.registry import PublishedTable, find, publish
from tap.service import prepare
from tests.tap.sky import CONTEXT, SKY, SkyRow, answer
from tests.worker import eventually
from vo.columns import ColumnMeta
from vo.errors import FatalFault, TransientFault, UsageFault

pytestmark = pytest.mark.django_db

FOREVER = "SELECT COUNT(*) FROM test.sky a, test.sky b, test.sky c, test.sky d WHERE a.ra + b.ra + c.ra + d.ra = 1"


def run(sql: str, read: frozenset[str] = frozenset({"test_sky"}), column: ColumnMeta = SKY.columns[0]) -> list[Any]:
    """The one column of SQL as if the translator had made it."""
    statement = Statement(sql, {}, read, None)
    with engine.Rows(statement, BatchMaker((column,)), None, 10) as rows:
        return [r for b in rows for r in b.to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE test_sky; --",
        "x' OR '1'='1",
        "\\'; DELETE FROM test_sky; --",
        "%(p1)s :p1 ? $1 {0} %s",
        "'' UNION SELECT password FROM auth_user --",
        "\u2019 OR 1=1 --",
        "a\nb\tc\u0000d".replace("\u0000", ""),
        "🔭 ünï çødé",
    ],
)
def test_texts_are_values_and_nothing_else(sky: list[SkyRow], text: str) -> None:
    """Every literal is a bound parameter; names of results never reach the SQL."""
    quoted = text.replace("'", "''")
    assert answer(f"SELECT TOP 1 '{quoted}' FROM test.sky") == [(text,)]
    assert answer(f"SELECT obs_id FROM test.sky WHERE name = '{quoted}' OR name LIKE '{quoted}'") == []
    alias = text.replace('"', '""')
    query = prepare(f'SELECT TOP 1 q."{alias}" FROM (SELECT 1 AS "{alias}" FROM test.sky) AS q', CONTEXT)
    assert query.columns[0].name == text
    assert text not in query.statement.sql
    with query.run() as rows:
        assert [r for b in rows for r in b.to_pylist()] == [{text: 1}]
    assert len(answer("SELECT obs_id FROM test.sky")) == len(sky)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM auth_user",
        "SELECT * FROM public_x.auth_user",
        'SELECT * FROM "test"."sky""; DROP TABLE test_sky"',
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT * FROM sqlite_master",
        "SELECT pg_sleep(10) FROM test.sky",
        "SELECT load_extension('x') FROM test.sky",
        "SELECT tap_fault('x') FROM test.sky",
        "SELECT rowid FROM test.sky",
        "SELECT xmin FROM test.sky",
        "SELECT test_sky.id FROM test.sky",
        "SELECT a FROM test.sky; SELECT 1",
        "INSERT INTO test.sky VALUES (1)",
        "PRAGMA writable_schema=1",
        "WITH x AS (DELETE FROM test.sky) SELECT 1 FROM x",
    ],
)
def test_only_published_things_can_be_named(sky: list[SkyRow], query: str) -> None:
    with pytest.raises(UsageFault, match=r"line 1 column \d+: "):
        prepare(query, CONTEXT)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM auth_user",
        "SELECT (SELECT password FROM auth_user) FROM test_sky",
        "SELECT obs_id FROM test_sky WHERE id IN (SELECT id FROM auth_user)",
        "SELECT name FROM sqlite_master",
        "SELECT load_extension('x')",
        "SELECT random()",
        "SELECT * FROM pragma_table_info('auth_user')",
        "DELETE FROM test_sky",
        "UPDATE test_sky SET obs_id = 1",
        "INSERT INTO test_sky (id) VALUES (-1)",
        "CREATE TABLE x (a int)",
        "DROP TABLE test_sky",
        "ATTACH DATABASE ':memory:' AS x",
        "PRAGMA query_only=OFF",
        "BEGIN IMMEDIATE",
    ],
)
def test_the_authoriser_refuses_what_a_translation_would_never_say(
    sky: list[SkyRow], sql: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The second line of defence on SQLite: read-only, the tables of the statement, our functions."""
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's authoriser")
    with caplog.at_level(logging.CRITICAL), pytest.raises(FatalFault, match="internal error"):
        run(sql)
    assert len(answer("SELECT obs_id FROM test.sky")) == len(sky)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT id FROM auth_user", "auth_user"),
        ("SELECT COUNT(*) FROM auth_user", "auth_user"),
        ("SELECT flux FROM test_sky", "test_sky"),
        ("SELECT id FROM test_sky WHERE flux > 0", "test_sky"),
        ("SELECT id FROM test_sky ORDER BY (SELECT MAX(flux) FROM test_sky)", "test_sky"),
    ],
)
def test_only_what_is_published_of_a_table_is_read(
    sky: list[SkyRow], caplog: pytest.LogCaptureFixture, sql: str, read: str
) -> None:
    """Even if a translation said otherwise: by the role on PostgreSQL, by the authoriser on SQLite."""
    columns = tuple(c for c in SKY.columns if c.name != "flux")
    table = find("test.sky")
    assert table is not None
    published(replace(table, meta=replace(SKY, columns=columns)))
    try:
        assert run("SELECT n FROM test_sky WHERE id = 1") == [{"obs_id": sky[0].n}]
        with caplog.at_level(logging.CRITICAL), pytest.raises(FatalFault, match="internal error"):
            run(sql, frozenset({read}))
    finally:
        published(table)


@pytest.mark.django_db(transaction=True)
def test_a_policy_may_look_at_unpublished_tables(sky: list[SkyRow], caplog: pytest.LogCaptureFixture) -> None:
    """Rows of a viewer that depend on another table, as an embargo does: what it looks at is readable, no more."""
    Group.objects.create(name="TeV")
    groups = sql_table("auth_group", column("id"), column("name"))
    table = find("test.sky")
    assert table is not None
    published(replace(table, rows=lambda from_, viewer: from_.c.band.in_(select(groups.alias().c.name))))
    try:
        assert answer("SELECT COUNT(*) FROM test.sky") == [(sum(r.band == "TeV" for r in sky),)]
        assert run("SELECT name FROM auth_group", frozenset({"auth_group"}), SKY.column("name")) == [{"name": "TeV"}]
        with caplog.at_level(logging.CRITICAL), pytest.raises(FatalFault, match="internal error"):
            run("SELECT id FROM auth_group", frozenset({"auth_group"}))
    finally:
        published(table)


def published(table: PublishedTable) -> None:
    publish(table)
    if connection.vendor == "postgresql":
        rolesetup.grant()


@pytest.mark.parametrize(
    "sql", ["DELETE FROM test_sky RETURNING 1", "CREATE TABLE x (a int)", "SELECT set_config('a', 'b')"]
)
def test_transactions_are_read_only(sky: list[SkyRow], sql: str, caplog: pytest.LogCaptureFixture) -> None:
    """The second line of defence on PostgreSQL."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's transactions")
    with caplog.at_level(logging.CRITICAL), pytest.raises(FatalFault, match="internal error"):
        run(sql)
    assert len(answer("SELECT obs_id FROM test.sky")) == len(sky)


def test_errors_of_the_database_stay_in_the_log(sky: list[SkyRow], caplog: pytest.LogCaptureFixture) -> None:
    """ADQL checklist ADQL-92: a reference for the user, the text for the operator."""
    with pytest.raises(FatalFault) as caught:
        run("SELECT nonsense FROM test_sky")
    assert "nonsense" not in caught.value.message
    reference = caught.value.message.rpartition(" ")[2]
    (record,) = [r for r in caplog.records if reference in r.getMessage()]
    assert record.exc_info is not None
    assert "nonsense" in str(record.exc_info[1])


def test_a_query_that_takes_too_long_is_stopped(sky: list[SkyRow]) -> None:
    started = time.monotonic()
    with (
        pytest.raises(TransientFault, match=r"took longer than 0\.3 s"),
        prepare(FOREVER, CONTEXT).run(timeout=0.3) as rows,
    ):
        list(rows)
    assert time.monotonic() - started < 5


def test_closing_early_ends_the_statement(sky: list[SkyRow]) -> None:
    """Leaving the context does not wait for the rest, and the next query is served at once."""
    query = prepare("SELECT a.obs_id, b.name FROM test.sky a, test.sky b, test.sky c", CONTEXT)
    started = time.monotonic()
    with query.run() as rows:
        next(iter(rows))
    assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]
    assert time.monotonic() - started < 5
    if connection.vendor == "postgresql":
        eventually(lambda: _running_statements() == 0, 20, "the end of the statement")


def _running_statements() -> int:
    """Statements on the table that the server is working on, without what it does of its own accord."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction is told the same again otherwise
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%test_sky%%' "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_a_running_statement_can_be_ended_from_another_thread(sky: list[SkyRow]) -> None:
    """A client that goes away while the database is still busy."""
    running = prepare(FOREVER, CONTEXT).run(timeout=60)
    assert isinstance(running, AdmittedRows)
    timer = threading.Timer(0.5, running.cancel)
    timer.daemon = True
    timer.start()
    started = time.monotonic()
    with pytest.raises(TransientFault, match="the query was stopped"), running as rows:
        list(rows)
    timer.join()
    assert time.monotonic() - started < 10


def test_memory_does_not_grow_with_rows(sky: list[SkyRow]) -> None:
    """Nothing holds a whole result: 1,200,000 rows pass, batch by batch."""
    query = prepare("SELECT a.obs_id, b.name, b.flux FROM test.sky a, test.sky b", CONTEXT)
    count, first = 0, 0
    with query.run(maxrec=1_200_000) as rows:
        for batch in rows:
            assert batch.nbytes <= 4 * 2**20
            count += batch.num_rows
            if not first and count >= 100_000:
                first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert rows.overflow
    assert count == 1_200_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first < 60_000  # kB


def test_connections_are_used_again_and_survive_the_servers_restart(sky: list[SkyRow]) -> None:
    """An idle connection that the server has closed is replaced without a word."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    for _ in range(3):
        assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]


def test_integers_that_do_not_fit_their_column(sky: list[SkyRow]) -> None:
    """Published types are promises: a value beyond them is told, not cut."""
    statement = Statement(
        f"SELECT n * 1000000000000 FROM test_sky LIMIT {placeholder()}", {}, frozenset({"test_sky"}), None
    )
    with (
        pytest.raises(UsageFault, match="obs_id: a value is out of range"),
        engine.Rows(statement, BatchMaker(SKY.columns[:1]), None, 10) as rows,
    ):
        list(rows)


def placeholder() -> str:
    return f"%({LIMIT})s" if connection.vendor == "postgresql" else f":{LIMIT}"


SKY_RA = "SELECT ra FROM test.sky"


@pytest.mark.parametrize(
    "query",
    [
        SKY_RA + f" UNION {SKY_RA}" * 140,
        "SELECT " + "+".join(["n"] * 140) + " FROM test.sky",
        "SELECT " + "(1+" * 95 + "1" + ")" * 95 + " FROM test.sky",
        "SELECT " + "ABS(" * 95 + "1" + ")" * 95 + " FROM test.sky",
        "SELECT " + "COALESCE(1," * 95 + "1" + ")" * 95 + " FROM test.sky",
        "SELECT " + "||".join(["name"] * 3000) + " FROM test.sky",
        SKY_RA + " WHERE ra IN (SELECT ra FROM test.sky" * 95 + ")" * 95,
        SKY_RA + " WHERE EXISTS (SELECT 1 FROM test.sky" * 95 + ")" * 95,
        "SELECT ra FROM (" * 95 + SKY_RA + "".join(f") AS q{i}" for i in range(95)),
        SKY_RA + " WHERE " + "(ra=1 AND (ra=2 OR " * 45 + "ra=1" + "))" * 45,
        "WITH a AS (SELECT ra FROM test.sky)"
        + "".join(f", a{i} AS (SELECT ra FROM a{i - 1 if i else ''})" for i in range(200))
        + " SELECT ra FROM a199",
        "SELECT 1 FROM test.bands a" + "".join(f", test.bands a{i}" for i in range(58)) + " WHERE a.ra < 0",
    ],
    ids=lambda q: q[:30],
)
def test_deep_queries_run_or_are_refused(sky: list[SkyRow], query: str) -> None:
    """Whatever is nested how deeply: rows, or a clean error of the user's kind."""
    said = ""
    try:
        with prepare(query, CONTEXT).run(maxrec=1, timeout=2) as rows:
            list(rows)
    except (UsageFault, TransientFault) as error:
        said = error.message
    assert said == "" or "nested too deeply" in said or "took longer" in said


def test_other_files_are_not_touched(sky: list[SkyRow]) -> None:
    """SQLite: a missing database is an error, not a new empty file."""
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's files")
    from tap.engine.sqlite import SqliteRun

    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        SqliteRun("/nonexistent/file.sqlite3", "SELECT 1", {}, frozenset(), 1)


def test_contexts_do_not_leak(sky: list[SkyRow]) -> None:
    """The computed column of one request is not that of the next."""
    other = replace(CONTEXT, base_url="https://archive.example")
    assert answer("SELECT link FROM test.sky WHERE band = 'TeV'")[0] == ("http://127.0.0.1:8000/TeV",)
    assert answer("SELECT link FROM test.sky WHERE band = 'TeV'", context=other)[0] == ("https://archive.example/TeV",)
