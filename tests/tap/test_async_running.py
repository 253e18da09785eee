"""Asynchronous queries run by a real worker, asked for over HTTP at a real server."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from astropy.io.votable import parse
from django.db import connection
from psycopg import connect

from tests.worker import eventually
from uws.models import Job

LONG = "SELECT COUNT(*) AS n FROM tap_schema.columns AS a, " + ", ".join(
    f"tap_schema.columns AS {name}" for name in "bcdefg"
)
"""A count that takes days."""
Ask = Callable[..., str]


@pytest.fixture
def ask(async_url: str) -> Ask:
    """`ask(QUERY=..., MAXREC=...)`: URL of a new job that has been started."""

    def post(**parameters: Any) -> str:
        response = requests.post(async_url, {"LANG": "ADQL", "PHASE": "RUN", **parameters}, timeout=30)
        assert response.url.startswith(f"{async_url}/"), response.text
        return response.url

    return post


def ended(url: str) -> str:
    """The phase in which the job ends."""
    final = ("COMPLETED", "ERROR", "ABORTED")

    def look() -> str | None:
        now = phase(url)
        return now if now in final else None

    return str(eventually(look, what="the end of the job"))


def phase(url: str) -> str:
    return requests.get(f"{url}/phase", timeout=30).text


def statements() -> list[str]:
    """Statements of TAP queries that the database is working on."""
    if connection.vendor != "postgresql":
        return []
    params = connection.get_connection_params()
    with connect(dbname=params["dbname"], user=params["user"], host=params["host"]) as own:
        rows = own.execute(
            "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
            "AND (query LIKE '%tap_schema_columns%' OR query LIKE 'FETCH%')"
        )
        return [str(query) for (query,) in rows]


def executing(url: str) -> None:
    """Return when the job's statement runs."""
    job = eventually(lambda: Job.objects.filter(public_id=url.rpartition("/")[2], phase="EXECUTING").first())
    if connection.vendor == "postgresql":
        eventually(statements, what="the start of the statement")
    else:
        eventually(lambda: Job.objects.get(pk=job.pk).progress_message == "Querying", what="the start of the statement")


def test_result(ask: Ask, async_url: str) -> None:
    """TAP 1.1 section 2.2 (TAP-43): the result is `result`, the same as that of a synchronous query."""
    query = "SELECT TOP 3 obs_id, access_url FROM ivoa.obscore ORDER BY obs_id"
    url = ask(QUERY=query)
    assert ended(url) == "COMPLETED"
    result = requests.get(f"{url}/results/result", timeout=30)
    assert result.headers["Content-Type"] == "application/x-votable+xml"
    table = parse(io.BytesIO(result.content), verify="exception").get_first_table()
    same = requests.post(async_url.replace("async", "sync"), {"QUERY": query, "LANG": "ADQL"}, timeout=30)
    assert result.content == same.content
    assert str(table.array["access_url"][0]).startswith(async_url.partition("/tap/")[0])
    assert f'href="{url}/results/result"' in requests.get(f"{url}/results", timeout=30).text


def test_formats_and_no_rows(ask: Ask) -> None:
    """The content type of the format that was asked for; a result without rows is one (TAP-43)."""
    url = ask(QUERY="SELECT obs_id FROM ivoa.obscore WHERE 1 = 0", RESPONSEFORMAT="csv")
    assert ended(url) == "COMPLETED"
    result = requests.get(f"{url}/results/result", timeout=30)
    assert (result.headers["Content-Type"], result.text.strip()) == ("text/csv;header=present", "obs_id")


def test_error(ask: Ask) -> None:
    """TAP 1.1 section 3.3 (TAP-61): status 200, and what is wrong where."""
    url = ask(QUERY="SELECT\n no_such_column FROM ivoa.obscore")
    assert ended(url) == "ERROR"
    error = requests.get(f"{url}/error", timeout=30)
    assert error.status_code == 200
    info = parse(io.BytesIO(error.content), verify="exception").resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    assert "line 2 column 2" in str(info.content)
    assert "no_such_column" in str(info.content)
    assert requests.get(f"{url}/results/result", timeout=30).status_code == 404


def test_the_same_query_is_run_again(ask: Ask) -> None:
    """Tables change: a query is never answered from the result store."""
    urls = [ask(QUERY="SELECT COUNT(*) AS n FROM ivoa.obscore") for _ in range(2)]
    assert [ended(url) for url in urls] == ["COMPLETED"] * 2
    assert list(Job.objects.values_list("answered_from", "cache_key")) == [("", "")] * 2


def test_provenance(ask: Ask, async_url: str) -> None:
    """Recorded as of any job: query, software, result; found by the job's id, which stands nowhere (decision 015)."""
    url = ask(QUERY="SELECT COUNT(*) AS n FROM ivoa.obscore")
    assert ended(url) == "COMPLETED"
    base = async_url.partition("/tap/")[0]
    identifier = url.rpartition("/")[2]
    query = {"ID": identifier, "DIRECTION": "FORTH", "RESPONSEFORMAT": "PROV-JSON"}
    answer = requests.get(f"{base}/provenance/provsap", query, timeout=30)
    assert answer.status_code == 200
    assert "COUNT(*) AS n FROM ivoa.obscore" in answer.text
    name = Job.objects.get(public_id=identifier).activity
    assert f"jobs?{name}/result" in answer.text
    assert identifier not in answer.text


def test_abort_ends_the_statement(ask: Ask) -> None:
    """UWS 1.1 section 2.1.4: the database stops too."""
    url = ask(QUERY=LONG)
    executing(url)
    begin = time.monotonic()
    requests.post(f"{url}/phase", {"PHASE": "ABORT"}, timeout=30)
    assert phase(url) == "ABORTED"
    eventually(lambda: not statements(), 5, "the end of the statement")
    assert time.monotonic() - begin < 8


def test_execution_duration_ends_the_statement(ask: Ask) -> None:
    """UWS 1.1 section 2.1.4 (UWS-33): ABORTED, and the reason."""
    url = ask(QUERY=LONG)
    executing(url)
    requests.post(f"{url}/executionduration", {"EXECUTIONDURATION": "1"}, timeout=30)
    assert ended(url) == "ABORTED"
    assert "ended after 1 s, its execution duration" in requests.get(url, timeout=30).text
    eventually(lambda: not statements(), 5, "the end of the statement")


def test_deletion_ends_the_statement(ask: Ask) -> None:
    """UWS 1.1 section 2.1.5."""
    url = ask(QUERY=LONG)
    executing(url)
    assert requests.delete(url, allow_redirects=False, timeout=30).status_code == 303
    assert requests.get(url, timeout=30).status_code == 404
    eventually(lambda: not statements(), 5, "the end of the statement")
