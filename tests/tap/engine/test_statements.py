"""Statements on a session of PostgreSQL: prepared when they come again, and never a wrong answer for it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tap.engine import role, statements
from tap.engine.batches import ROWS
from tap.engine.statements import Session
from tests.environment import DATABASE

if DATABASE != "postgresql":
    pytest.skip("sessions of PostgreSQL", allow_module_level=True)
pytestmark = pytest.mark.django_db

SUM = "SELECT %(a)s::BIGINT + %(b)s::BIGINT AS n, '100%%' AS t, %(a)s::BIGINT AS again"


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session(psycopg.connect(role.service_address(), autocommit=True))
    yield made
    made.close()


def prepared(session: Session) -> int:
    found = session.connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert found is not None
    return int(str(found[0]))


def test_a_statement_is_prepared_when_it_comes_again(session: Session) -> None:
    """One of another type of value is another statement."""
    for count, a in ((0, 1), (1, 2), (1, 3), (1, 2**40), (2, 2**41)):
        assert session.start(SUM, {"a": a, "b": 1}, keep=True) == [(a + 1, "100%", a)]
        assert session.next() == []
        assert prepared(session) == count


def test_one_that_must_not_be_kept_is_not(session: Session) -> None:
    for _ in range(3):
        assert session.start(SUM, {"a": 1, "b": 1}, keep=False)[0][0] == 2
    assert prepared(session) == 0


def test_the_number_of_prepared_statements_is_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that has not come for the longest time goes."""
    monkeypatch.setattr(statements, "_PREPARED", 2)
    for _ in range(3):
        for number in range(4):
            assert session.start(f"SELECT %(a)s::INTEGER + {number}", {"a": 1}, keep=True) == [(1 + number,)]
    assert prepared(session) == 2


@pytest.mark.parametrize("change", ["DEALLOCATE ALL", "ALTER TABLE pg_temp.kept ALTER COLUMN x TYPE text"])
def test_a_prepared_statement_that_is_lost_is_sent_anew(session: Session, change: str) -> None:
    """By a pooler that gives the session to others, or by a change of its tables."""
    session.connection.execute("CREATE TEMP TABLE kept AS SELECT 1 AS x")
    for _ in range(2):
        assert session.start("SELECT x FROM pg_temp.kept", {}, keep=True) == [(1,)]
    session.connection.execute(change)
    for _ in range(3):
        assert str(session.start("SELECT x FROM pg_temp.kept", {}, keep=True)[0][0]) == "1"


def test_rows_come_in_chunks(session: Session) -> None:
    """All of them, once, in order; the last chunk may be empty."""
    for count in (0, 1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS):
        rows = session.start("SELECT * FROM generate_series(1, %(n)s)", {"n": count}, keep=True)
        sizes = [len(rows)]
        while len(more := session.next()) == ROWS:
            rows += more
            sizes.append(len(more))
        assert [n for (n,) in rows + more] == list(range(1, count + 1))
        assert set(sizes[:-1]) <= {ROWS}


def test_an_error_leaves_the_session_in_order(session: Session) -> None:
    """Before the first row and after it."""
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.start("SELECT 1 / %(n)s::INTEGER", {"n": 0}, keep=True)
        rows = session.start(f"SELECT 1 / (n - {ROWS + 10}) FROM generate_series(1, 2 * {ROWS}) AS n", {}, keep=True)
        assert len(rows) == ROWS
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.next()
    assert session.start("SELECT 1", {}, keep=True) == [(1,)]


def test_a_statement_can_be_left(session: Session) -> None:
    """It is cancelled, and the session is free for the next."""
    assert len(session.start("SELECT n FROM generate_series(1, 100000000) AS n", {}, keep=True)) == ROWS
    session.end()
    session.end()
    assert session.start("SELECT 1", {}, keep=True) == [(1,)]
