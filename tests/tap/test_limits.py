"""Limits by class of user: anonymous, signed-in, curator."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import pytest
from astropy.io.votable import parse
from defusedxml.ElementTree import fromstring
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pydantic import ValidationError

from distiller.settings.environment import Environment
from tap.jobs import JOB_TYPE
from tap.limits import limits_of, widest
from tap.registry import ANONYMOUS, Viewer
from tests.tap.queries import ScriptedQuery
from tests.tap.sky import SkyRow
from uws import jobtypes

pytestmark = pytest.mark.django_db
CLASSES = ("anonymous", "user", "curator")
TAGS = ("executionDuration", "outputLimit", "uploadLimit")
FOREVER = "SELECT COUNT(*) FROM test.sky a, test.sky b, test.sky c, test.sky d WHERE a.ra + b.ra + c.ra + d.ra = 1"


@pytest.fixture(params=range(3), ids=CLASSES)
def rank(request: pytest.FixtureRequest, client: Client) -> int:
    """Place of the class in the settings; `client` is signed in as one of it."""
    number: int = request.param
    if number:
        client.force_login(User.objects.create_user(CLASSES[number], is_staff=number == 2))
    return number


def test_capabilities_tell_the_limits_of_whoever_asks(client: Client, rank: int, settings: LazySettings) -> None:
    """TAPRegExt 1.0 section 2.6 (TAP-94): the declared limits are the true ones."""
    settings.DISTILLER_TAP_ASYNC_TIMEOUT = (1, 2, 3)
    settings.DISTILLER_TAP_DEFAULT_MAXREC = (11, 12, 13)
    settings.DISTILLER_TAP_HARD_MAXREC = (21, 22, 23)
    settings.DISTILLER_UPLOAD_MAX_BYTES = (31, 32, 33)
    response = client.get("/tap/capabilities")
    found = {e.tag: [int(str(limit.text)) for limit in e] for e in fromstring(response.content).iter() if e.tag in TAGS}
    assert found["executionDuration"] == [1 + rank] * 2
    assert found["outputLimit"] == [11 + rank, 21 + rank]
    assert found["uploadLimit"] == [31 + rank] * 2
    assert ("Last-Modified" in response) == (rank == 0)  # who signs in is not told that nothing has changed
    assert "Cookie" in response["Vary"]


@pytest.mark.parametrize(("maxrec", "rows"), [(None, 4), (5, 5), (10**9, 7)])
def test_rows(
    client: Client, rank: int, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, maxrec: int | None, rows: int
) -> None:
    """TAP 1.1 section 2.7.4 (TAP-19): the default without MAXREC; a MAXREC above the limit is lowered to it."""
    settings.DISTILLER_TAP_DEFAULT_MAXREC = (4, 14, 24)
    settings.DISTILLER_TAP_HARD_MAXREC = (7, 17, 27)
    monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): ScriptedQuery(batches=4))
    given = {} if maxrec is None else {"MAXREC": maxrec}
    body = client.post("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL", **given}).getvalue()
    table = parse(io.BytesIO(body)).get_first_table().array
    assert len(table) == rows + (0 if maxrec == 5 else 10 * rank)


def test_uploads(client: Client, rank: int, settings: LazySettings) -> None:
    """TAP 1.1 section 2.7.6 (TAP-36)."""
    table = b"id\n" + b"1\n" * 10
    query = {"QUERY": "SELECT COUNT(*) FROM TAP_UPLOAD.t", "LANG": "ADQL", "UPLOAD": "t,param:t"}

    def status() -> int:
        part = SimpleUploadedFile("t.csv", table, content_type="text/csv")
        return client.post("/tap/sync", {**query, "t": part}).status_code

    too_small, enough = [len(table) - 1] * 3, [len(table) - 1] * 3
    enough[rank] = len(table)
    settings.DISTILLER_UPLOAD_MAX_BYTES = tuple(too_small)
    assert status() == 400
    settings.DISTILLER_UPLOAD_MAX_BYTES = tuple(enough)
    assert status() == 200
    settings.DISTILLER_UPLOAD_MAX_ROWS = tuple(9 if n == rank else 10 for n in range(3))
    assert status() == 400


def test_execution_duration_of_a_job(client: Client, rank: int, settings: LazySettings) -> None:
    """UWS 1.1 section 2.1.4 (UWS-33): the default, and the most that may be asked for."""
    settings.DISTILLER_TAP_ASYNC_TIMEOUT = (100, 200, 300)
    url = client.post("/tap/async", {"QUERY": "SELECT 1", "LANG": "ADQL"})["Location"]
    seconds = str(100 * (rank + 1)).encode()
    assert client.get(f"{url}/executionduration").content == seconds
    for asked, taken in (("5", b"5"), ("0", seconds), ("99999", seconds)):
        client.post(f"{url}/executionduration", {"EXECUTIONDURATION": asked})
        assert client.get(f"{url}/executionduration").content == taken


def test_job_type_allows_what_the_widest_class_may() -> None:
    assert jobtypes.job_type(JOB_TYPE).execution_duration == widest().async_timeout
    assert limits_of(ANONYMOUS).async_timeout < widest().async_timeout
    assert limits_of(Viewer("x")).timeout < limits_of(Viewer("x", is_curator=True)).timeout


def test_time_out_tells_what_to_do(sky: list[SkyRow], client: Client, rank: int, settings: LazySettings) -> None:
    """DALI 1.1 section 4.2, TAP 1.1 section 3.3: an error document with status 503, and no Retry-After: the same query
    would take as long again."""
    settings.DISTILLER_TAP_TIMEOUT = tuple(0.2 if n == rank else 600 for n in range(3))
    response = client.get("/tap/sync", {"QUERY": FOREVER, "LANG": "ADQL"})
    assert response.status_code == 503
    assert "Retry-After" not in response
    (status,) = [e for e in fromstring(response.content).iter() if e.get("name") == "QUERY_STATUS"]
    assert status.get("value") == "ERROR"
    assert status.text == (
        "the query took longer than 0.2 s: narrow it down, or ask for fewer rows; "
        "or send it to http://testserver/tap/async, where queries may take longer"
    )


def test_time_out_on_the_way_is_told_in_the_document(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """DALI 1.1 section 4.4.2: ERROR after the table, with the same advice."""
    from tap.engine.faults import TookTooLong

    query = ScriptedQuery(batches=3, size=1000, error=TookTooLong.after(60), fails_at=2)
    monkeypatch.setattr("tap.views.prepare", lambda text, context, uploads=(): query)
    body = client.get("/tap/sync", {"QUERY": "SELECT", "LANG": "ADQL"}).getvalue()
    after: ET.Element = fromstring(body).findall(".//{*}RESOURCE/{*}INFO")[-1]
    assert after.get("value") == "ERROR"
    assert "narrow it down" in str(after.text)
    assert "http://testserver/tap/async" in str(after.text)


@pytest.mark.parametrize(
    ("given", "meant"), [("30", (30, 30, 30)), ("10,20,30", (10, 20, 30)), (" 10, 20 ,30 ", (10, 20, 30))]
)
def test_settings(monkeypatch: pytest.MonkeyPatch, given: str, meant: tuple[int, int, int]) -> None:
    """One number for all, or three."""
    monkeypatch.setenv("DISTILLER_TAP_TIMEOUT", given)
    assert Environment().distiller_tap_timeout == meant


@pytest.mark.parametrize("given", ["", "0", "1,2", "1,2,3,4", "a", "1,-2,3"])
def test_settings_that_mean_nothing(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("DISTILLER_TAP_TIMEOUT", given)
    with pytest.raises(ValidationError, match="distiller_tap_timeout"):
        Environment()
