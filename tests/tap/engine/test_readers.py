"""The two ways to read a result of PostgreSQL give the same; statements end with their client."""

from __future__ import annotations

import logging
import math
import socket
import time
from datetime import datetime
from typing import Any

import adbc_driver_manager
import pytest
from django.db import connection
from django.test import RequestFactory

from tap.engine import engine
from tap.engine.bycopy import CopyRun, with_literals
from tap.engine.byrow import RowsRun
from tap.service import Query, prepare
from tests.tap.engine.test_safety import FOREVER
from tests.tap.sky import CONTEXT, SkyRow, answer
from vo.errors import TransientFault, UsageFault
from vo.http import departed

pytestmark = pytest.mark.django_db
LONG, SHORT = None, 20_000
"""MAXREC of results that are read by COPY, and row by row."""


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM test.sky ORDER BY obs_id",
        "SELECT COUNT(*), AVG(n), SUM(n), AVG(flux), MIN(seen), MAX(name) FROM test.sky",
        "SELECT POINT(ra, dec), CIRCLE(ra, dec, 0.5), flag FROM test.sky ORDER BY obs_id",
        "SELECT n, CAST(n AS SMALLINT), CAST(flux AS REAL), CAST(seen AS VARCHAR) FROM test.sky ORDER BY obs_id",
        "SELECT 'it''s \\ 100% %(p1)s', 5e-324, 1.7e308, -9223372036854775807 - 1, NULL FROM test.bands",
        "SELECT obs_id FROM test.sky WHERE name = 'it''s' OR name LIKE '100%' ORDER BY obs_id",
        "SELECT obs_id FROM test.sky WHERE seen > '2020-01-01T00:00:00' ORDER BY obs_id",
        "SELECT obs_id FROM test.sky WHERE 1 = 2",
    ],
)
def test_both_readers_give_the_same(sky: list[SkyRow], query: str) -> None:
    assert answer(query, LONG) == answer(query, SHORT)


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_errors_between_rows(sky: list[SkyRow], maxrec: int | None) -> None:
    """An error that the database meets after it has sent rows is told in the same words."""
    with pytest.raises(UsageFault, match="division by zero"):
        answer("SELECT a.flux / (a.n + 49) FROM test.sky a, test.sky b WHERE a.n IS NOT NULL", maxrec)
    assert len(answer("SELECT obs_id FROM test.sky", maxrec)) == len(sky)


def _read_while_sessions_end(query: Query, maxrec: int | None) -> None:
    """Read a result; after its first batch the server ends all sessions but that of the test."""
    with query.run(maxrec=maxrec) as rows:
        batches = iter(rows)
        next(batches)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        list(batches)


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_a_server_that_is_not_there(sky: list[SkyRow], monkeypatch: pytest.MonkeyPatch, maxrec: int | None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    monkeypatch.setattr(engine, "session_address", lambda address: "host=/nowhere dbname=x")
    with pytest.raises(TransientFault, match="the database of the service is away"):
        answer("SELECT obs_id FROM test.sky", maxrec)


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_a_server_that_goes_away_between_rows(sky: list[SkyRow], maxrec: int | None) -> None:
    """The client is told to try again, nothing hangs, and the next query has a session of its own."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    query = prepare("SELECT a.obs_id, b.name, b.band FROM test.sky a, test.sky b", CONTEXT)
    with pytest.raises(TransientFault, match="the database of the service is away"):
        _read_while_sessions_end(query, maxrec)
    assert answer("SELECT COUNT(*) FROM test.sky", maxrec) == [(len(sky),)]


def test_a_statement_that_cannot_be_cancelled(sky: list[SkyRow], monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving it does not fail, as it must not when the server is away: the session is closed all the same."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's COPY")

    def fail(run: CopyRun) -> None:
        raise adbc_driver_manager.OperationalError("away", status_code=adbc_driver_manager.AdbcStatusCode.IO)

    monkeypatch.setattr(CopyRun, "cancel", fail)
    with prepare("SELECT a.obs_id, b.name FROM test.sky a, test.sky b", CONTEXT).run() as rows:
        next(iter(rows))
    assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_a_statement_ends_with_its_client(sky: list[SkyRow], maxrec: int | None) -> None:
    started = time.monotonic()
    running = prepare(FOREVER, CONTEXT).run(maxrec=maxrec, departed=lambda: True)
    with pytest.raises(TransientFault, match="the query was stopped"), running as rows:
        list(rows)
    assert time.monotonic() - started < 5
    assert answer("SELECT COUNT(*) FROM test.sky", maxrec) == [(len(sky),)]


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_a_cancellation_that_comes_too_early(
    sky: list[SkyRow], monkeypatch: pytest.MonkeyPatch, maxrec: int | None
) -> None:
    """A server that has not read the statement yet takes no notice: it is told again until the statement has ended."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")
    reader: Any = CopyRun if maxrec is LONG else RowsRun
    cancel, early = reader.cancel, [True, True]
    monkeypatch.setattr(reader, "cancel", lambda run: early.pop() if early else cancel(run))
    with (
        pytest.raises(TransientFault, match=r"took longer than 0\.2 s"),
        prepare(FOREVER, CONTEXT).run(maxrec=maxrec, timeout=0.2) as rows,
    ):
        list(rows)
    assert early == []


def test_a_statement_is_told_to_end_until_it_does(sky: list[SkyRow], monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving it in the middle too: what is read ahead ends, though the first cancellation had no effect."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's COPY")
    cancel, early = CopyRun.cancel, [True]
    monkeypatch.setattr(CopyRun, "cancel", lambda run: early.pop() if early else cancel(run))
    started = time.monotonic()
    with prepare("SELECT a.obs_id, b.name FROM test.sky a, test.sky b, test.sky c, test.sky d", CONTEXT).run() as rows:
        next(iter(rows))
    assert early == []
    assert time.monotonic() - started < 5


def test_a_client_whose_state_cannot_be_told(sky: list[SkyRow], caplog: pytest.LogCaptureFixture) -> None:
    """The thread that watches over all statements survives it: the time limit holds for the next one too."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server")

    def fail() -> bool:
        raise ValueError("no socket")

    query = prepare(FOREVER, CONTEXT)
    for state in (fail, None):
        with (
            caplog.at_level(logging.CRITICAL),
            pytest.raises(TransientFault, match="took longer than 1 s"),
            query.run(timeout=1, departed=state) as rows,
        ):
            list(rows)


@pytest.mark.parametrize("maxrec", [LONG, SHORT])
def test_time_is_limited(sky: list[SkyRow], maxrec: int | None) -> None:
    with (
        pytest.raises(TransientFault, match=r"took longer than 0\.2 s"),
        prepare(FOREVER, CONTEXT).run(maxrec=maxrec, timeout=0.2) as rows,
    ):
        list(rows)
    assert answer("SELECT COUNT(*) FROM test.sky", maxrec) == [(len(sky),)]


@pytest.mark.parametrize(
    "value",
    [0, -(2**63), 2**63 - 1, 0.1, -5e-324, 1.7976931348623157e308, math.inf, "", "it's", "\\", "a\nb%s", "Ångström"],
)
def test_literals_are_the_values(django_db_blocker: object, db: None, value: object) -> None:
    """COPY takes no parameters: what is written into the statement is what a parameter would be."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's literals")
    with connection.cursor() as cursor:
        cursor.execute(with_literals("SELECT %(p1)s, 100 %% 7", {"p1": value}).replace("%", "%%"), ())
        assert cursor.fetchone() == (value, 2)


def test_times_are_literals(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's literals")
    moment = datetime(2004, 3, 22, 12, 30, 0, 500_000)
    with connection.cursor() as cursor:
        cursor.execute(with_literals("SELECT %(p1)s", {"p1": moment}))
        assert cursor.fetchone() == (moment,)


def test_a_closed_connection_is_noticed() -> None:
    here, there = socket.socketpair()
    request = RequestFactory().get("/", **{"gunicorn.socket": here})
    gone = departed(request)
    assert gone is not None
    assert not gone()
    there.send(b"GET / HTTP/1.1")  # the next request, already
    assert not gone()
    here.recv(100)
    there.close()
    assert gone()
    here.close()
    assert departed(RequestFactory().get("/")) is None
