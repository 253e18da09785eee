"""How a result leaves: errors before and after the first rows, clients that go away, MAXREC, headers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from django.conf import LazySettings
from django.test import Client

from tests.tap.queries import ScriptedQuery
from vo.errors import TransientFault, UsageFault

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`ask(query, MAXREC=...)`: the answer of /tap/sync when the text was prepared as that query."""

    def run(query: ScriptedQuery, **parameters: Any) -> Any:
        monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): query)
        return client.post("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL", **parameters})

    return run


pytestmark = pytest.mark.django_db


def rows(document: bytes) -> int:
    return len(parse(io.BytesIO(document), verify="exception").get_first_table().array)


def test_small_result_has_its_length(ask: Ask) -> None:
    """DALI 1.1 section 4.1."""
    response = ask(ScriptedQuery())
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-votable+xml")
    assert rows(response.getvalue()) == 10
    assert not response.streaming


def test_large_result_is_streamed(ask: Ask) -> None:
    query = ScriptedQuery(batches=50, size=1000, width=50)
    response = ask(query)
    assert response.streaming
    assert query.closed == 0
    assert rows(response.getvalue()) == 20_000  # the default MAXREC
    assert (query.opened, query.closed) == (1, 1)


def test_client_that_goes_away_ends_the_statement(ask: Ask) -> None:
    query = ScriptedQuery(batches=10**6, size=1000, width=50)
    response = ask(query, MAXREC=10**9)
    next(iter(response))
    response.close()
    assert (query.opened, query.closed) == (1, 1)


@pytest.mark.parametrize(("error", "status"), [(UsageFault("division by zero"), 400), (TransientFault("slow"), 503)])
def test_error_before_the_first_rows_has_its_status(ask: Ask, error: Exception, status: int) -> None:
    """TAP 1.1 section 3.3: an error document with a fitting status."""
    query = ScriptedQuery(error=error)
    response = ask(query)
    assert response.status_code == status
    assert f'value="ERROR">{error}</INFO>'.encode() in response.content
    assert query.closed == 1


def test_error_after_the_first_rows_is_told_in_the_document(ask: Ask) -> None:
    """DALI 1.1 section 4.4.2."""
    query = ScriptedQuery(batches=3, size=1000, error=UsageFault("it broke"), fails_at=1)
    response = ask(query)
    document = response.getvalue()
    assert response.status_code == 200
    assert b'value="ERROR">it broke</INFO>' in document.partition(b"</TABLE>")[2]
    assert rows(document) == 1000
    assert query.closed == 1


def test_error_after_the_first_rows_of_csv_breaks_the_connection(ask: Ask) -> None:
    """TAP 1.1 section 3.4: CSV cannot tell, so the server must not end the answer well."""
    query = ScriptedQuery(batches=30, size=1000, width=100, error=UsageFault("it broke"), fails_at=5)
    response = ask(query, RESPONSEFORMAT="csv")
    with pytest.raises(UsageFault):
        response.getvalue()
    assert query.closed == 1


def test_error_after_the_first_rows_of_fits_has_its_status(ask: Ask) -> None:
    """TAP 1.1 section 3.3: a file is made whole before it is sent, so an error is answered with an error document."""
    query = ScriptedQuery(batches=30, size=1000, width=100, error=UsageFault("it broke"), fails_at=5)
    response = ask(query, RESPONSEFORMAT="fits", MAXREC=30_000)
    assert (response.status_code, response["Content-Type"]) == (400, "application/x-votable+xml")
    assert b'value="ERROR">it broke</INFO>' in response.content
    assert query.closed == 1


def test_error_after_the_first_rows_of_parquet_breaks_the_connection(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent has no footer: no reader takes it for a file."""
    monkeypatch.setattr("vo.parquet._GROUP_ROWS", 2000)
    monkeypatch.setattr("vo.http._SMALL", 100)
    query = ScriptedQuery(batches=30, size=1000, width=1000, error=UsageFault("it broke"), fails_at=5)
    response = ask(query, RESPONSEFORMAT="parquet", MAXREC=30_000)
    sent = []
    with pytest.raises(UsageFault):
        sent += list(response)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(b"".join(sent)))
    assert query.closed == 1


def test_error_after_the_first_rows_of_json_is_told_in_the_document(ask: Ask) -> None:
    query = ScriptedQuery(batches=30, size=1000, width=100, error=UsageFault("it broke"), fails_at=5)
    response = ask(query, RESPONSEFORMAT="json", MAXREC=30_000)
    told = json.loads(response.getvalue())
    assert (response.status_code, len(told["data"]), told["error"]) == (200, 5000, "it broke")
    assert query.closed == 1


def test_error_before_the_first_rows_of_json_is_plain_text(ask: Ask) -> None:
    response = ask(ScriptedQuery(error=UsageFault("it broke")), RESPONSEFORMAT="json")
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (400, "text/plain")
    assert b"it broke" in response.content


def test_error_after_the_first_rows_of_an_arrow_stream_breaks_the_connection(ask: Ask) -> None:
    query = ScriptedQuery(batches=30, size=1000, width=100, error=UsageFault("it broke"), fails_at=5)
    response = ask(query, RESPONSEFORMAT="arrow", MAXREC=30_000)
    with pytest.raises(UsageFault):
        response.getvalue()
    assert query.closed == 1


@pytest.mark.parametrize("form", ["fits", "json", "parquet", "arrow"])
@pytest.mark.parametrize(
    ("maxrec", "wanted", "overflow"), [(0, 0, True), (7, 7, True), (1500, 1500, True), (9000, 3000, False)]
)
def test_maxrec_of_other_formats(ask: Ask, form: str, maxrec: int, wanted: int, overflow: bool) -> None:
    """DALI 1.1 section 3.4.4: MAXREC rows; each of these formats has a place of its own for an overflow."""
    query = ScriptedQuery(batches=3, size=1000)
    response = ask(query, MAXREC=maxrec, RESPONSEFORMAT=form)
    assert response.status_code == 200
    assert _READERS[form](response.getvalue()) == (wanted, overflow)
    assert query.opened == (0 if maxrec == 0 else 1)


def _fits(document: bytes) -> tuple[int, bool]:
    header = fits.getheader(io.BytesIO(document), 1)
    return header["NAXIS2"], header["QSTATUS"] == "OVERFLOW"


def _json(document: bytes) -> tuple[int, bool]:
    told = json.loads(document)
    return len(told["data"]), told["overflow"]


def _parquet(document: bytes) -> tuple[int, bool]:
    metadata = pq.ParquetFile(io.BytesIO(document)).metadata
    return metadata.num_rows, b'value="OVERFLOW"' in metadata.metadata[b"IVOA.VOTable-Parquet.content"]


def _arrow(document: bytes) -> tuple[int, bool]:
    batches = list(pa.ipc.open_stream(document).iter_batches_with_custom_metadata())
    return sum(b.batch.num_rows for b in batches), any(b.custom_metadata for b in batches)


_READERS = {"fits": _fits, "json": _json, "parquet": _parquet, "arrow": _arrow}


@pytest.mark.parametrize(
    ("maxrec", "wanted", "overflow"), [(None, 20_000, True), (0, 0, True), (7, 7, True), (40_000, 30_000, False)]
)
def test_maxrec(ask: Ask, maxrec: int | None, wanted: int, overflow: bool) -> None:
    """TAP 1.1 section 2.7.4, DALI 1.1 section 4.4.1: MAXREC rows, and an OVERFLOW after the table if it cut."""
    query = ScriptedQuery(batches=30, size=1000)
    response = ask(query, **({} if maxrec is None else {"MAXREC": maxrec}))
    document = response.getvalue()
    assert rows(document) == wanted
    assert (b'value="OVERFLOW"' in document.partition(b"</TABLE>")[2]) is overflow
    assert query.opened == (0 if maxrec == 0 else 1)


def test_maxrec_above_the_limit_is_lowered(ask: Ask, settings: LazySettings) -> None:
    """TAP 1.1 section 2.7.4 (TAP-19)."""
    settings.DISTILLER_TAP_HARD_MAXREC = (50, 60, 70)
    response = ask(ScriptedQuery(batches=10), MAXREC=20_000_000)
    assert response.status_code == 200
    assert rows(response.getvalue()) == 50


def test_overflow_of_csv_is_a_plain_success(ask: Ask) -> None:
    """TAP 1.1 section 3.4 (TAP-47): nothing is invented in the body."""
    response = ask(ScriptedQuery(), MAXREC=3, FORMAT="csv")
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv;header=present")
    assert response.content.decode().splitlines() == ["n,name", "0,x", "1,x", "2,x"]


def test_head_does_not_run_the_query(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """DALI-47: HEAD has the headers of GET; the statement is spared."""
    query = ScriptedQuery()
    monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): query)
    response = client.head("/tap/sync?QUERY=SELECT&FORMAT=tsv")
    assert (response.status_code, response["Content-Type"]) == (200, "text/tab-separated-values")
    assert (response.content, query.opened) == (b"", 0)


def test_timeout_is_the_setting(ask: Ask, settings: LazySettings) -> None:
    settings.DISTILLER_TAP_TIMEOUT = (17, 18, 19)
    query = ScriptedQuery()
    ask(query)
    assert query.timeout == 17


def test_result_says_where_it_comes_from(ask: Ask) -> None:
    """DALI 1.1 section 4.4.3: standardID, the query, the run."""
    document = parse(io.BytesIO(ask(ScriptedQuery(), RUNID="run 1").content))
    infos = {info.name: info.value for info in document.resources[0].infos}
    assert infos["standardID"] == "ivo://ivoa.net/std/TAP"
    assert infos["query"] == "SELECT"
    assert infos["service"] == "http://testserver/tap"
    assert infos["RUNID"] == "run 1"


def test_viewer_and_base_url_reach_the_query(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    """TAP-05: users share the URL; who asks decides what is seen, and links are absolute as the client sees them."""
    contexts = []

    def prepare(text: str, context: Any, uploads: Any = ()) -> ScriptedQuery:
        contexts.append(context)
        return ScriptedQuery()

    monkeypatch.setattr("tap.views.prepare", prepare)
    settings.DISTILLER_BASE_URL = "https://archive.example"
    admin_client.get("/tap/sync?QUERY=1")
    Client().get("/tap/sync?QUERY=1")
    signed_in, anonymous = contexts
    assert (signed_in.viewer.name, signed_in.viewer.is_curator) == ("admin", True)
    assert (anonymous.viewer.name, anonymous.viewer.is_curator) == (None, False)
    assert anonymous.base_url == "https://archive.example"
