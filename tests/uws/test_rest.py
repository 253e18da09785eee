"""The REST binding of UWS 1.1, without a worker: resources, methods, filters, errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from astropy.io.votable import parse_single_table
from django.test import Client
from django.utils import timezone
from pyvo.io.vosi import parse_capabilities
from vo_models.uws import Jobs

from accounts import tokens
from tests.uws.jobs import ECHO
from uws.descriptors import descriptor
from uws.models import Job
from uws.phases import Phase
from uws.reconciler import Reconciler
from uws.xml import JobDocument

pytestmark = pytest.mark.django_db
Validate = Callable[[bytes], None]
BASE = "http://testserver/uws/echo"


def create(client: Client, **parameters: object) -> str:
    response = client.post("/uws/echo", parameters)
    assert response.status_code == 303, response.content
    location = str(response["Location"])
    assert location.startswith(BASE + "/")
    return location.removeprefix("http://testserver")


def job_of(client: Client, url: str) -> JobDocument:
    response = client.get(url)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/xml"
    return JobDocument.from_xml(response.content)


def error_text(response: Any) -> str:
    """The message of a DALI error VOTable (DALI 1.1 section 4.2)."""
    root = ElementTree.fromstring(response.content)
    infos = [i for i in root.iter() if i.tag.endswith("INFO") and i.get("name") == "QUERY_STATUS"]
    assert [i.get("value") for i in infos] == ["ERROR"]
    return infos[0].text or ""


def test_created_job(client: Client, validate: Validate) -> None:
    """UWS 1.1 section 2.2.2.2: a created job is PENDING and keeps parameters and RUNID as given."""
    url = create(client, TEXT="a<b", Source=["beta", "alpha"], RUNID="my run")
    response = client.get(url)
    validate(response.content)
    job = JobDocument.from_xml(response.content)
    assert job.version is not None
    assert job.version.value == "1.1"
    assert url.endswith(f"/{job.job_id}")
    assert (job.phase.value, job.run_id, job.owner_id) == ("PENDING", "my run", None)
    assert (job.quote, job.start_time, job.end_time, job.error_summary) == (None, None, None, None)
    assert job.creation_time is not None
    assert job.destruction is not None
    assert job.parameters is not None
    given = [(p.id, p.value) for p in job.parameters.parameter]
    assert given == [("text", "a<b"), ("source", "beta"), ("source", "alpha")]
    assert job.execution_duration == 90
    assert b'nil="true"' in response.content


def test_text_resources_agree_with_the_document(client: Client, validate: Validate) -> None:
    """UWS 1.1 section 2.2.2: text/plain, empty where nothing is known; with and without a slash at the end."""
    url = create(client, text="x")
    job = Job.objects.get()
    document = ElementTree.fromstring(client.get(url).content)
    texts = {child.tag.partition("}")[2]: child.text or "" for child in document}
    for resource, element in [
        ("phase", "phase"), ("executionduration", "executionDuration"), ("destruction", "destruction"),
        ("quote", "quote"), ("owner", "ownerId"),
    ]:  # fmt: skip
        for slash in ("", "/"):
            response = client.get(f"{url}/{resource}{slash}")
            assert response.status_code == 200
            assert response["Content-Type"].startswith("text/plain")
            assert response.content.decode() == texts[element]
    assert texts["destruction"].endswith("Z")
    for resource in ("parameters", "results"):
        response = client.get(f"{url}/{resource}")
        validate(response.content)
        assert client.head(f"{url}/{resource}").status_code == 200
    assert client.get(f"{url}/parameters/text").content == b"x"
    assert job.phase == Phase.PENDING


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"colour": "red"}, "no such parameter"),
        ({"seconds": "-1"}, "must be at least 0, not -1"),
        ({"seconds": "1,5"}, "'1,5' is not a number"),
        ({"seconds": "1_0"}, "is not a number"),
        ({"seconds": "inf"}, "is not a number"),
        ({"seconds": "NaN"}, "finite"),
        ({"text": ["a", "b"]}, "takes one value"),
        ({"energy": "10 1"}, "upside down"),
        ({"energy": "1"}, "2 numbers"),
        ({"circle": "400 0 1"}, "right ascension must be within 0 and 360"),
        ({"circle": "83 22 -1"}, "radius must be above 0"),
        ({"times": "1.5"}, "not a whole number"),
        ({"times": "99999999999999999999999"}, "must be at most 9"),
        ({"loud": "perhaps"}, "neither true nor false"),
        ({"behave": "WELL"}, "must be one of"),
        ({"text": "nul\x00"}, "cannot be used"),
        ({"text": "x" * 101}, "at most 100"),
        ({"PHASE": "ABORT"}, "PHASE"),
        ({"RUNID": "r" * 65}, "RUNID"),
        ({"EXECUTIONDURATION": "-5"}, "EXECUTIONDURATION"),
        ({"EXECUTIONDURATION": "soon"}, "EXECUTIONDURATION"),
        ({"DESTRUCTION": "2001-01-01T00:00:00Z"}, "past"),
        ({"DESTRUCTION": "tomorrow"}, "DESTRUCTION"),
    ],
)
def test_wrong_creation_is_refused(client: Client, parameters: dict[str, Any], words: str) -> None:
    """DALI 1.1 sections 3 and 4.2: status 400, a DALI error document, and nothing is created."""
    response = client.post("/uws/echo", parameters)
    assert response.status_code == 400
    assert words in error_text(response)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"energy": "1 2", "circle": "1 2 3"}, "give energy or circle, not both"),
        ({"source": "gamma"}, "there is no source 'gamma'"),
        ({"source": "vanished"}, "the file of ivo://distiller.example/test?vanished is missing from the archive"),
        ({"source": "private"}, "private is proprietary"),
        (
            {"source": "vanished.png"},
            "ivo://distiller.example/test?vanished.png is a product of the type picture; this ",
        ),
    ],
)
def test_contradictions_end_in_error(
    client: Client, validate: Validate, parameters: dict[str, str], message: str
) -> None:
    """UWS 1.1 section 2.2.2.5: what only the whole selection shows is told in the job's error summary."""
    url = create(client, **parameters)
    assert client.post(f"{url}/phase", {"PHASE": "RUN"}).status_code == 303
    response = client.get(url)
    validate(response.content)
    job = JobDocument.from_xml(response.content)
    assert job.phase.value == "ERROR"
    assert job.error_summary is not None
    assert job.error_summary.message.startswith(message)
    assert job.error_summary.has_detail
    assert job.error_summary.type.value == "fatal"
    assert job.end_time is not None
    document = client.get(f"{url}/error")
    assert document.status_code == 200
    assert error_text(document).startswith(message)


def test_create_and_run_in_one_step(client: Client) -> None:
    """UWS-16: PHASE=RUN at creation starts the job and is no parameter of it; the value may be in lower case."""
    for command in ("RUN", "run"):
        job = job_of(client, create(client, text="x", PHASE=command))
        assert job.phase.value == "QUEUED"
        assert job.parameters is not None
        assert [p.id for p in job.parameters.parameter] == ["text"]


def test_datalink_clients_ask_by_get(client: Client, django_user_model: Any) -> None:
    """DataLink 1.1 section 4: what a descriptor says, as pyvo and TOPCAT send it; of nobody, or of their user."""
    anna = django_user_model.objects.create_user("anna")
    client.force_login(anna)
    filled = {name: text for name, text in descriptor(ECHO, "http://testserver").values.items() if text}
    assert filled["PHASE"] == "RUN"
    answer = client.get("/uws/echo", {**filled, "text": "from a client"})
    assert answer.status_code == 303
    job = Job.objects.get()
    assert (job.phase, job.owner, job.session) == (Phase.QUEUED, None, "")
    assert client.get("/uws/echo", {"PHASE": "RUN", "times": "100"}).status_code == 400
    assert client.head("/uws/echo", {"PHASE": "RUN"}).status_code == 400
    _, token = tokens.make(anna, "script")
    client.get("/uws/echo", {"PHASE": "RUN"}, headers={"authorization": f"Bearer {token}"})
    assert Job.objects.latest("pk").owner == anna
    assert Job.objects.count() == 2


def test_parameters_of_a_pending_job(client: Client) -> None:
    """UWS 1.1 section 2.2.3.1: set while PENDING at /parameters; later refused with 403, and nothing changes."""
    url = create(client, text="x", times="2")
    response = client.post(f"{url}/parameters", {"TEXT": "y", "source": "alpha"})
    assert (response.status_code, response["Location"]) == (303, f"http://testserver{url}")
    assert Job.objects.get().parameters == {"text": ["y"], "times": ["2"], "source": ["alpha"]}
    assert client.post(f"{url}/parameters", {"times": "100"}).status_code == 400
    assert client.post(url, {"text": "z"}).status_code == 403
    client.post(f"{url}/phase", {"PHASE": "RUN"})
    response = client.post(f"{url}/parameters", {"text": "z"})
    assert response.status_code == 403
    assert "PENDING" in error_text(response)
    assert Job.objects.get().parameters["text"] == ["y"]


def test_phase_changes(client: Client) -> None:
    """UWS 1.1 section 2.2.3.3: 303 to the job; a second RUN and the ABORT of a finished job do nothing."""
    url = create(client)
    assert client.post(f"{url}/phase", {"PHASE": "WAIT"}).status_code == 400
    assert client.post(f"{url}/phase").status_code == 400
    response = client.post(f"{url}/phase", {"phase": "RUN"})
    assert (response.status_code, response["Location"]) == (303, f"http://testserver{url}")
    assert client.post(url, {"PHASE": "RUN"}).status_code == 303
    assert client.get(f"{url}/phase").content == b"QUEUED"
    assert client.post(f"{url}/phase", {"PHASE": "ABORT"}).status_code == 303
    job = job_of(client, url)
    assert job.phase.value == "ABORTED"
    assert job.end_time is not None
    client.post(f"{url}/phase", {"PHASE": "RUN"})
    client.post(f"{url}/phase", {"PHASE": "ABORT"})
    assert job_of(client, url).end_time == job.end_time


def test_limits(client: Client) -> None:
    """UWS 1.1 sections 2.1.4 and 2.1.5: the service may lower what is asked, and reports what it took."""
    url = create(client)
    for asked, taken in [("5", "5"), ("0", "90"), ("100000", "90")]:
        assert client.post(f"{url}/executionduration", {"EXECUTIONDURATION": asked}).status_code == 303
        assert client.get(f"{url}/executionduration").content.decode() == taken
    for wrong in ("-1", "abc", "1.5", ""):
        assert client.post(f"{url}/executionduration", {"EXECUTIONDURATION": wrong}).status_code == 400
    day = timezone.now() + timedelta(days=1)
    for text in (f"{day:%Y-%m-%dT%H:%M:%SZ}", f"{day:%Y-%m-%dT%H:%M:%S}", f"{day:%Y-%m-%dT%H:%M:%S.5}"):
        assert client.post(f"{url}/destruction", {"DESTRUCTION": text}).status_code == 303
        assert client.get(f"{url}/destruction").content.decode().startswith(f"{day:%Y-%m-%dT%H:%M:%S}")
    before = client.get(f"{url}/destruction").content
    for wrong in ("1999-01-01", "2015-26-10", "soon", f"{day:%Y-%m-%dT%H:%M:%S}+01:00", ""):
        assert client.post(f"{url}/destruction", {"DESTRUCTION": wrong}).status_code == 400
    assert client.get(f"{url}/destruction").content == before
    client.post(f"{url}/destruction", {"DESTRUCTION": "2999-01-01T00:00:00Z"})
    assert Job.objects.get().destruction < timezone.now() + timedelta(days=31)


@pytest.mark.parametrize("how", ["DELETE", "ACTION"])
def test_destruction(client: Client, how: str) -> None:
    """UWS 1.1 section 2.2.3.2: 303 to the list, then 404."""
    url = create(client)
    response = client.delete(url) if how == "DELETE" else client.post(url, {"action": "DELETE"})
    assert (response.status_code, response["Location"]) == (303, BASE)
    for resource in ("", "/phase", "/parameters", "/results", "/error"):
        assert client.get(url + resource).status_code == 404
    assert not Job.objects.exists()


def test_absent_things(client: Client) -> None:
    """DALI 1.1 section 4.2: 404 as a VOTable, never a page."""
    url = create(client)
    for path in ("/uws/nothing", "/uws/echo/unknown", f"/uws/countmap/{url.rpartition('/')[2]}", f"{url}/error",
                 f"{url}/results/text", f"{url}/parameters/text"):  # fmt: skip
        response = client.get(path)
        assert response.status_code == 404, path
        assert error_text(response)
    assert client.put(url).status_code == 405
    assert "GET" in client.put(url)["Allow"]


def test_whose_jobs(client: Client, django_user_model: Any) -> None:
    """UWS 1.1 section 3: only own jobs are listed; jobs of others are 403; those of nobody go by their identifier."""
    anna, karl = Client(), Client()
    anna.force_login(django_user_model.objects.create_user("anna"))
    karl.force_login(django_user_model.objects.create_user("karl"))
    token = {"HTTP_X_CSRFTOKEN": "unused"}
    url = create(anna, **{})
    assert job_of(anna, url).owner_id == "anna"
    assert anna.get(f"{url}/owner").content == b"anna"
    for request in (karl.get, karl.delete, client.get):
        assert request(url, **token).status_code == 403  # type: ignore[operator]
    assert len(listed(anna)) == 1
    assert listed(karl) == listed(client) == []
    anonymous = create(client)
    assert karl.get(anonymous).status_code == 200
    assert listed(client) == listed(karl) == []


def test_jobs_of_a_browser_session(client: Client) -> None:
    session = client.session
    session["uws_jobs"] = "token"
    session.save()
    url = create(client)
    assert listed(client) == [url.rpartition("/")[2]]
    assert listed(Client()) == []


def test_forged_requests_are_refused(django_user_model: Any) -> None:
    """A request that is somebody's by a cookie only needs the token of our pages; programs need none."""
    user = django_user_model.objects.create_user("anna")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    response = browser.post("/uws/echo", {"text": "x"})
    assert response.status_code == 403
    assert "pages" in error_text(response)
    assert not Job.objects.exists()
    assert Client(enforce_csrf_checks=True).post("/uws/echo", {"text": "x"}).status_code == 303


def listed(client: Client, **query: object) -> list[str]:
    response = client.get("/uws/echo", query)
    assert response.status_code == 200, response.content
    return [j.job_id for j in Jobs.from_xml(response.content).jobref or []]


def test_list_filters(client: Client, validate: Validate) -> None:
    """UWS 1.1 section 2.2.2.1: PHASE is a union, AFTER is strict, LAST comes last, newest first.

    Creation times are shown to the millisecond: a job is not listed after the time that it shows itself.
    """
    session = client.session
    session["uws_jobs"] = "token"
    session.save()
    begin = datetime(2026, 1, 1, microsecond=400, tzinfo=UTC)
    phases = [Phase.PENDING, Phase.COMPLETED, Phase.ERROR, Phase.ARCHIVED, Phase.COMPLETED]
    ids = []
    for number, phase in enumerate(phases):
        ids.append(create(client, RUNID=f"r{number}").rpartition("/")[2])
        Job.objects.filter(public_id=ids[-1]).update(phase=phase, created=begin + timedelta(milliseconds=number + 1))
    validate(client.get("/uws/echo/").content)
    a, b, c, d, e = ids
    assert listed(client) == [e, c, b, a]
    assert listed(client, PHASE="ARCHIVED") == [d]
    assert listed(client, phase=["COMPLETED", "ERROR"]) == [e, c, b]
    for shown in (".002Z", ".002", ".0020001", ".002000Z", ".002999"):
        assert listed(client, AFTER=f"2026-01-01T00:00:00{shown}") == [e, c]
    assert listed(client, AFTER="2026-01-01T00:00:00.001999") == [e, c, b]
    newest = (Jobs.from_xml(client.get("/uws/echo").content).jobref or [])[0]
    assert newest.job_id == e
    assert listed(client, AFTER=str(newest.creation_time)) == []
    assert listed(client, AFTER="9999-12-31T23:59:59.999999") == []
    assert listed(client, LAST="2") == [e, c]
    assert listed(client, LAST="1", PHASE="COMPLETED", AFTER="2026-01-01") == [e]
    assert listed(client, LAST="1000000000000") == [e, c, b, a]
    references = Jobs.from_xml(client.get("/uws/echo").content).jobref or []
    assert references[0].href == f"{BASE}/{e}"
    assert references[0].run_id == "r4"
    for shortened in (
        "2026",
        "2026-01",
        "2026-01-01",
        "20260101",
        "2026-01-01T00:00",
        "2026-01-01 00:00",
        "2026-01-01T00:00:00Z",
    ):
        assert listed(client, AFTER=shortened) == [e, c, b, a]
    for name, wrong in [
        ("PHASE", ["DONE", "pending", ""]),
        ("LAST", ["0", "abc", "-1", "", ["1", "2"]]),
        ("AFTER", ["2015-26-10", "2015-10-26T09:00+01:00", "2026-01-01T09", "2026-13", "20260", "sometext", ""]),
    ]:
        for value in wrong:
            response = client.get("/uws/echo", {name: value})
            assert response.status_code == 400, (name, value)
            assert error_text(response)


def test_wait_returns_at_once_where_there_is_nothing_to_wait_for(client: Client) -> None:
    """UWS 1.1 section 2.2.1.2: in final phases, in another phase than the one named, and for WAIT=0."""
    url = create(client)
    assert client.get(url, {"WAIT": "55", "PHASE": "QUEUED"}).status_code == 200
    assert client.get(url, {"WAIT": "0"}).status_code == 200
    client.post(f"{url}/phase", {"PHASE": "ABORT"})
    assert client.get(url, {"WAIT": "-1"}).status_code == 200
    assert client.get(url, {"WAIT": "soon"}).status_code == 400
    assert client.get(url, {"WAIT": "1", "PHASE": "DONE"}).status_code == 400


XML, JSON, HTML = "application/xml", "application/json", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", XML),
        ("application/xml", XML),
        ("text/xml", XML),
        ("text/html, application/xml", XML),
        ("application/json, */*", XML),
        ("text/csv", XML),
        ("application/json", JSON),
        ("application/json, */*;q=0.1", JSON),
        ("application/json, text/html;q=0.9", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("text/html", HTML),
        ("*/*;q=0.9, application/xml;q=0.1, text/xml;q=0.1, application/json;q=0.2", JSON),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", XML),  # Java's default: STILTS, TOPCAT
    ],
)
@pytest.mark.parametrize("service_type", ["uws/echo", "tap/async"])
def test_forms_of_an_answer(client: Client, accept: str, media_type: str, service_type: str) -> None:
    """UWS 1.1 section 2.2.2: XML wherever it will do; JSON and pages at the same URLs for who prefers them."""
    location = str(client.post(f"/{service_type}", {})["Location"])
    job_id = location.rpartition("/")[2]
    for url in (f"/{service_type}", location):
        response = client.get(url, headers={"accept": accept})
        assert (response.status_code, response["Content-Type"]) == (200, media_type)
        assert "Accept" in response["Vary"]
        assert url != location or job_id in response.content.decode()
    wrong = client.get(f"/{service_type}/unknown", headers={"accept": accept})
    assert wrong.status_code == 404
    assert wrong["Content-Type"] == (media_type if media_type != XML else "application/x-votable+xml")
    assert client.get(f"{location}/phase", headers={"accept": accept}).content == b"PENDING"


def test_json_says_what_xml_says(client: Client) -> None:
    """The same names and values; lists where XML repeats, null where it is nil."""
    session = client.session
    session["uws_jobs"] = "token"
    session.save()
    url = create(client, text="a<b", source=["beta", "gamma"], RUNID="my run", PHASE="RUN")
    told = client.get(url, headers={"accept": JSON}).json()
    root = ElementTree.fromstring(client.get(url).content)
    elements = {e.tag.partition("}")[2]: e for e in root}
    assert told["version"] == "1.1"
    assert set(told) == {*elements, "version"}
    for name in ("jobId", "runId", "phase", "creationTime", "endTime", "destruction"):
        assert told[name] == elements[name].text
    assert told["executionDuration"] == int(elements["executionDuration"].text or "")
    assert (told["quote"], told["ownerId"]) == (None, None)
    given = [("text", "a<b"), ("source", "beta"), ("source", "gamma")]
    assert [(p["id"], p["value"]) for p in told["parameters"]] == given
    assert told["errorSummary"]["message"] == "there is no source 'gamma'"
    assert told["jobInfo"]["jobType"] == "echo"
    (reference,) = client.get("/uws/echo", headers={"accept": JSON}).json()["jobref"]
    assert (reference["jobId"], reference["phase"], reference["runId"]) == (told["jobId"], "ERROR", "my run")
    assert reference["href"] == f"http://testserver{url}"
    results = client.get(f"{url}/results", headers={"accept": JSON}).json()
    assert results == {"results": []}


@pytest.mark.parametrize("phase", [Phase.HELD, Phase.SUSPENDED, Phase.ARCHIVED, Phase.UNKNOWN])
def test_rare_phases(client: Client, validate: Validate, phase: Phase) -> None:
    """UWS 1.1 section 2.1.3: shown as they are; a held job can be run and aborted, an archived one stays."""
    url = create(client)
    Job.objects.update(phase=phase)
    validate(client.get(url, {"WAIT": "-1"}).content)
    assert phase.lower() in client.get(url, headers={"accept": "text/html"}).content.decode()
    client.post(f"{url}/phase", {"PHASE": "RUN"})
    assert client.get(f"{url}/phase").content.decode() == ("QUEUED" if phase == Phase.HELD else phase)
    Job.objects.update(phase=phase)
    client.post(f"{url}/phase", {"PHASE": "ABORT"})
    aborted = phase in (Phase.HELD, Phase.SUSPENDED)
    assert client.get(f"{url}/phase").content.decode() == ("ABORTED" if aborted else phase)


def test_archived_jobs_are_not_destroyed_again(client: Client, tmp_path: Path) -> None:
    url = create(client)
    Job.objects.update(phase=Phase.ARCHIVED, destruction=timezone.now() - timedelta(days=1))
    Reconciler(tmp_path).destroy_expired()
    assert client.get(f"{url}/phase").content == b"ARCHIVED"


def test_capabilities(client: Client, validate: Validate) -> None:
    """UWS-70: a job list of its own declares that it is one."""
    response = client.get("/uws/echo/capabilities")
    validate(response.content)
    (uws, _) = parse_capabilities(BytesIO(response.content).read)
    assert uws.standardid == "ivo://ivoa.net/std/UWS#rest-1.1"
    assert {i.accessurls[0].content for i in uws.interfaces} == {BASE}
    assert client.get("/uws/nothing/capabilities").status_code == 404


def test_errors_are_votables_for_astropy(client: Client) -> None:
    with pytest.raises(IndexError):  # a document that astropy reads, without a table
        parse_single_table(BytesIO(client.get("/uws/echo/unknown").content))
