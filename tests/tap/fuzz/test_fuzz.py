"""Whatever comes in: a result or a clear error, in time, and never more than a SELECT of published tables."""

from __future__ import annotations

import gc
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from tap import registry
from tap.adql.translate import LIMIT, Statement
from tap.engine.sqlite import SqliteRun
from tap.service import prepare
from tests.examples import examples
from tests.tap.differential.databases import Databases
from tests.tap.fuzz.inputs import HOSTILE, SEEDS, mutated, seeds
from tests.tap.sky import CONTEXT
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db

AT_ONCE = 20
"""Queries of one example."""
SECONDS = 1.0
_OF_THE_DATABASE = re.compile(r"sqlstate|psycopg|sqlite3|Traceback|OperationalError|near \"|syntax error at", re.I)
"""What our own messages never say."""


@pytest.fixture(autouse=True)
def _quiet(settings: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Queries of long duration are stopped soon."""
    settings.DISTILLER_TAP_TIMEOUT = (1,) * 3
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True, scope="module")
def _without_the_tests_own_memory() -> Iterator[None]:
    """What is timed is the compiler, and not a look for garbage in what all the tests before have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def compiled(query: str) -> Statement | None:
    """The statement of a query, None if it is refused; in time, and with words of our own."""
    statement, said = None, ""
    started = time.process_time()
    try:
        statement = prepare(query, CONTEXT).statement
    except UsageFault as fault:
        said = fault.message
    assert not _OF_THE_DATABASE.search(said), query[:1000]
    assert time.process_time() - started < SECONDS, query[:1000]
    return statement


@examples(60, 4_500)
@given(seed=st.integers(0, 2**64))
def test_mutated_queries_are_compiled_or_refused(seed: int) -> None:
    random = Random(seed)
    for _ in range(AT_ONCE):
        compiled(mutated(random, seeds()))


@examples(100, 10_000)
@given(text=st.text(max_size=300) | st.text(st.sampled_from("SELECTFROMWHERE*(),.'\"-+ 0159kdiff.a\n"), max_size=200))
@example(text="")
@example(text="SELECT '\ud800' FROM diff.a")
def test_any_text_is_compiled_or_refused(text: str) -> None:
    compiled(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_queries_are_compiled_or_refused_soon(databases: Databases, client: Client, name: str) -> None:
    """ADQL checklist ADQL-93: no parse and translation longer than a second, and then a clean answer."""
    compiled(HOSTILE[name])
    check_answer(client, HOSTILE[name])


def check_answer(client: Client, query: str) -> int:
    """The status of the answer of /tap/sync, which is a document in any case, and no 500."""
    response = client.post("/tap/sync", {"LANG": "ADQL", "QUERY": query, "MAXREC": "3"})
    body = response.getvalue().decode("utf-8", "replace")
    assert response.status_code in (200, 400, 503), (response.status_code, query[:1000], body[:1000])
    assert body.startswith("<?xml"), query[:1000]
    told = re.search(r'<INFO name="QUERY_STATUS" value="ERROR">(.*?)</INFO>', body, re.S)
    if told:
        assert not _OF_THE_DATABASE.search(told[1]), (query[:1000], told[1])
        assert "internal error" not in told[1], (query[:1000], told[1])
    return response.status_code


@examples(30, 2_000)
@given(seed=st.integers(0, 2**64))
def test_mutated_queries_are_answered(databases: Databases, client: Client, seed: int) -> None:
    """DALI 1.1 section 4.2: never a 500, never text of the database."""
    random = Random(seed)
    for _ in range(5):
        check_answer(client, mutated(random, SEEDS))


@examples(30, 2_000)
@given(seed=st.integers(0, 2**64))
def test_statements_only_read_published_tables(databases: Databases, seed: int) -> None:
    """Whatever is compiled is one SELECT of published tables, says the database itself."""
    random = Random(seed)
    for _ in range(AT_ONCE):
        query = mutated(random, SEEDS)
        statement = compiled(query)
        if statement is not None:
            read = relations(statement)
            known = {t.sql_name for t in registry.tables()}
            unknown = {r for r in read if r not in known and not r.startswith(tuple(f"{k}_" for k in known))}
            assert not unknown, (query, statement.sql)


def relations(statement: Statement) -> set[str]:
    """The tables that a statement reads, as its database tells; an error if it does anything else."""
    parameters = {**statement.parameters, LIMIT: 1}
    if connection.vendor == "sqlite":
        return _relations_of_sqlite(statement, parameters)
    state, found = "", None
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        cursor.execute("SAVEPOINT explained")
        try:
            found = cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.sql}", parameters).fetchone()
        except psycopg.Error as error:
            state = error.sqlstate or "none"
        cursor.execute("ROLLBACK TO SAVEPOINT explained")
    # Constants are evaluated now, and may have no value.
    assert state[:2] in ("", "22", "TA", "54"), (state, statement.sql)
    return set() if found is None else set(_nodes(found[0][0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[str]:
    assert node["Node Type"] not in ("ModifyTable", "LockRows")
    if "Relation Name" in node:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _relations_of_sqlite(statement: Statement, parameters: dict[str, Any]) -> set[str]:
    actions: list[tuple[int, str | None, str | None]] = []

    def record(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        actions.append((action, first, database))
        return sqlite3.SQLITE_OK

    path = str(connection.settings_dict["NAME"])
    said = "too large"
    run = SqliteRun(path, f"EXPLAIN {statement.sql}", parameters, statement.read, 10)
    try:
        run._prepare(statement.read)
        run.connection.set_authorizer(record)
        run.connection.execute(run.sql, parameters)
    except sqlite3.OperationalError as error:
        said = str(error)
    finally:
        run.close()
    assert "too" in said or "at most" in said, (said, statement.sql)
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
    assert {action for action, _, _ in actions} <= set(allowed), statement.sql
    read = {str(first) for action, first, database in actions if action == sqlite3.SQLITE_READ and database}
    return read - {"json_each"}


def test_the_statements_of_the_seeds_are_seen_through(databases: Databases) -> None:
    """The check above sees what is read."""
    statement = compiled("SELECT a.k FROM diff.a AS a JOIN diff.b AS b ON a.k = b.k")
    assert statement is not None
    assert relations(statement) == {"diff_a", "diff_b"}
    with pytest.raises(AssertionError):
        relations(
            Statement(
                "DELETE FROM diff_a WHERE k = :row_limit"
                if connection.vendor == "sqlite"
                else "DELETE FROM diff_a WHERE k = %(row_limit)s",
                {},
                frozenset({"diff_a"}),
                None,
            )
        )
