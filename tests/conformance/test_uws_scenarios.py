"""The scenarios of uws-validator on queries and on a science job, by a signed-in user, on a running server and worker.

What that validator asks of a service is stated here in our own words, as of its later state: earlier ones order and
filter job lists by start time, as drafts of UWS 1.1 did, where the standard has creation times (section 2.2.2.1).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import pyvo
import requests
from django.contrib.auth.models import User

from tests.examples import NIGHTLY
from uws.jobtypes import job_types

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
LISTED = {"PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR", "ABORTED", "HELD", "SUSPENDED", "UNKNOWN"}
FINAL = {"COMPLETED", "ERROR", "ABORTED"}
AT_ONCE = 3.0
"""Seconds within which an answer that does not wait must be there, on a busy machine."""
LONG_QUERY = "SELECT COUNT(*) FROM " + ", ".join(f"ivoa.obscore AS {name}" for name in "abcdefghij")
QUERIES = {
    "short": {"LANG": "ADQL", "QUERY": "SELECT TOP 5 obs_id FROM ivoa.obscore"},
    "error": {"LANG": "ADQL", "QUERY": "SELECT no_such_column FROM ivoa.obscore"},
    "long": {"LANG": "ADQL", "QUERY": LONG_QUERY},
}
MAPS = {
    "short": {"obs_id": "1001", "width": "1", "binsz": "0.05"},
    "error": {"obs_id": "999999"},
    "long": {"obs_id": ["1001", "1002", "1003"], "width": "20", "binsz": "0.01"},
}


class Service:
    """A job list as a user's program sees it."""

    def __init__(self, url: str, jobs: dict[str, dict[str, Any]]) -> None:
        self.url = url
        self._jobs = jobs
        self.session = requests.Session()
        self.session.auth = ("anna", "secret")

    def get(self, path: str = "", **query: Any) -> requests.Response:
        return self.session.get(f"{self.url}{path}", params=query, timeout=70)

    def post(self, path: str = "", **data: Any) -> requests.Response:
        """The answer after the redirect, as browsers and the validator follow it."""
        return self.session.post(f"{self.url}{path}", data=data, timeout=60)

    def create(self, kind: str, **control: str) -> str:
        """Path of a new job, below the list."""
        answer = self.post(**self._jobs[kind], **control)
        assert answer.status_code == 200
        root = ElementTree.fromstring(answer.content)
        assert (root.tag, root.get("version")) == (f"{UWS}job", "1.1")
        assert root.find(f"{UWS}ownerId").text == "anna"  # type: ignore[union-attr]
        assert root.find(f"{UWS}executionDuration") is not None
        assert control or phase_of(answer) == "PENDING"
        return f"/{root.findtext(f'{UWS}jobId')}"

    def ended(self, job: str) -> ElementTree.Element:
        """The job once it is in a final phase, waited for as section 2.2.1.2 has it."""
        deadline = time.monotonic() + 200
        while (answer := self.get(job, WAIT="20")) and phase_of(answer) not in FINAL:
            assert time.monotonic() < deadline, answer.text
        return ElementTree.fromstring(answer.content)


def phase_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(ElementTree.fromstring(answer.content).findtext(f"{UWS}phase"))


def listed(answer: requests.Response) -> list[tuple[str, str]]:
    """Identifier and phase of each job of a list, in its order."""
    assert answer.status_code == 200, answer.text
    assert "xml" in answer.headers["Content-Type"]
    root = ElementTree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == (f"{UWS}jobs", "1.1")
    assert {child.tag for child in root} <= {f"{UWS}jobref"}
    return [(str(ref.get("id")), str(ref.findtext(f"{UWS}phase"))) for ref in root]


def created_times(answer: requests.Response) -> list[str]:
    """When the jobs of a list were created, as it says, in its order."""
    return [str(ref.findtext(f"{UWS}creationTime")) for ref in ElementTree.fromstring(answer.content)]


DRIVEN = job_types() if NIGHTLY else [kind for kind in job_types() if kind.name == "countmap"]
"""All take a minute or two: each loads the science packages and fits models."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_pyvo_drives_every_job_type(async_url: str) -> None:
    """pyvo's job class from creation to deletion, with the defaults of each type (uws.md, on what clients do)."""
    for kind in DRIVEN:
        data = {"group": ["first: 1001", "second: 1002"]} if kind.name == "stack" else {"obs_id": ["1001", "1002"]}
        answer = requests.post(
            async_url.replace("tap/async", kind.location), data=data, allow_redirects=False, timeout=30
        )
        job = pyvo.dal.AsyncTAPJob(answer.headers["Location"], delete=False)
        assert (job.phase, job.job.version) == ("PENDING", "1.1"), kind.name
        job.run()
        job.wait(timeout=240.0)
        job.raise_if_error()
        assert job.phase == "COMPLETED", kind.name
        made = {result.id_: result.href for result in job.job.results}
        assert {output.name for output in kind.outputs if output.required} <= set(made)
        assert requests.get(next(iter(made.values())), timeout=30).content
        job.delete()
        assert requests.get(answer.headers["Location"], timeout=30).status_code == 404
    gc.collect()


@pytest.fixture(params=["tap/async", "uws/countmap"])
def service(request: pytest.FixtureRequest, async_url: str) -> Iterator[Service]:
    User.objects.create_user("anna", password="secret")
    url = async_url.replace("tap/async", request.param)
    found = Service(url, QUERIES if request.param == "tap/async" else MAPS)
    yield found
    found.session.close()


@pytest.mark.slow
def test_scenarios(service: Service) -> None:
    """UWS 1.1 sections 2.1.3, 2.2.1.2, 2.2.2 and 2.2.3."""
    assert listed(service.get()) == []
    created_and_removed(service)
    created_and_aborted(service)
    waiting_where_there_is_nothing_to_wait_for(service)
    run_to_the_end(service)
    error(service)
    started_at_once_and_aborted(service)
    lists(service)


def created_and_removed(service: Service) -> None:
    job = service.create("short")
    gone = service.session.delete(f"{service.url}{job}", timeout=30)
    assert job[1:] not in dict(listed(gone))
    assert service.get(job).status_code == 404


def created_and_aborted(service: Service) -> None:
    job = service.create("short")
    answer = service.post(f"{job}/phase", PHASE="ABORT")
    assert phase_of(answer) == "ABORTED"
    assert ElementTree.fromstring(answer.content).findtext(f"{UWS}endTime")
    begin = time.monotonic()
    service.get(job, WAIT="100")
    assert time.monotonic() - begin < AT_ONCE


def waiting_where_there_is_nothing_to_wait_for(service: Service) -> None:
    job = service.create("short")
    begin = time.monotonic()
    others = ["COMPLETED", "ERROR", "ABORTED", "ARCHIVED", "HELD", "SUSPENDED", "UNKNOWN", "EXECUTING", "QUEUED"]
    for phase in others:
        assert phase_of(service.get(job, WAIT="50", PHASE=phase)) == "PENDING"
    assert time.monotonic() - begin < AT_ONCE
    for query in ({"WAIT": "2"}, {"WAIT": "2", "PHASE": "PENDING"}):
        begin = time.monotonic()
        assert phase_of(service.get(job, **query)) == "PENDING"
        assert 2 <= time.monotonic() - begin < 2 + AT_ONCE


def run_to_the_end(service: Service) -> None:
    job = service.create("short")
    assert phase_of(service.post(f"{job}/phase", PHASE="RUN")) in ("QUEUED", "EXECUTING", "COMPLETED")
    for phase in ("QUEUED", "EXECUTING"):
        service.get(job, WAIT="30", PHASE=phase)
    ended = service.ended(job)
    assert ended.findtext(f"{UWS}phase") == "COMPLETED"
    assert ended.findtext(f"{UWS}startTime")
    assert ended.findtext(f"{UWS}endTime")
    assert ended.findall(f"{UWS}results/{UWS}result")


def error(service: Service) -> None:
    job = service.create("error")
    service.post(f"{job}/phase", PHASE="RUN")
    ended = service.ended(job)
    assert ended.findtext(f"{UWS}phase") == "ERROR"
    assert ended.findtext(f"{UWS}startTime")
    assert ended.findtext(f"{UWS}endTime")
    assert ended.findtext(f"{UWS}errorSummary/{UWS}message")


def started_at_once_and_aborted(service: Service) -> None:
    job = service.create("long", PHASE="RUN")
    service.get(job, WAIT="30", PHASE="QUEUED")
    assert service.get(f"{job}/phase").text == "EXECUTING"
    begin = time.monotonic()
    answer = service.post(f"{job}/phase", PHASE="ABORT")
    assert phase_of(answer) == "ABORTED"
    assert time.monotonic() - begin < AT_ONCE + 1
    assert ElementTree.fromstring(answer.content).findtext(f"{UWS}endTime")


def lists(service: Service) -> None:
    """Filters of the list, which has the newest first; what means nothing is refused."""
    everything = listed(service.get())
    assert {phase for _, phase in everything} == {"PENDING", "COMPLETED", "ERROR", "ABORTED"}
    created = created_times(service.get())
    assert created == sorted(created, reverse=True)
    for phases in (
        *([phase] for phase in (*sorted(LISTED), "ARCHIVED")),
        *(["PENDING", "QUEUED"], ["EXECUTING", "COMPLETED"], ["COMPLETED", "ERROR"], ["ERROR", "ABORTED"]),
        *(["PENDING", "QUEUED", "EXECUTING"], ["EXECUTING", "COMPLETED", "ARCHIVED"]),
    ):
        assert listed(service.get(PHASE=phases)) == [job for job in everything if job[1] in phases]
    for count in (1, 3, 120, 254, 3423):
        assert listed(service.get(LAST=count)) == everything[:count]
    aborted = [job for job in everything if job[1] == "ABORTED"]
    assert listed(service.get(PHASE="ABORTED", LAST="1")) == aborted[:1]
    for after in ("2015-10-26T09:15:35", "2015-10-26T09:00", "2015-10-26 09:00", "2015-10-26", "20151026", "2015"):
        assert listed(service.get(AFTER=after)) == everything
        assert listed(service.get(AFTER=after, LAST="2")) == everything[:2]
        assert listed(service.get(AFTER=after, PHASE="ABORTED")) == aborted
    for shown in created:
        assert created_times(service.get(AFTER=shown)) == [other for other in created if other > shown]
    for name, values in {
        "PHASE": ["SUCCESS", "pending", "somenonsense", "1345"],
        "LAST": ["-1", "-254", "sometext"],
        "AFTER": ["2015-10-26T09", "2015-26-10", "sometext", "2015-10-26T09:00+01:00"],
    }.items():
        assert [service.get(**{name: value}).status_code for value in values] == [400] * len(values), name
