"""Asynchronous queries without a worker: the job list at /tap/async, and the work itself, called directly."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from astropy.io.votable import parse
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tap import worker
from tap.adql import parser
from tap.jobs import JOB_TYPE, TapParameters
from tap.registry import QueryContext, Viewer
from tap.uploads.table import Upload
from tests.tap.queries import ScriptedQuery
from uws import jobtypes, service
from uws.context import InputFile, Origin
from uws.errors import FatalJobError, JobError, UserJobError
from uws.models import Job, Part
from vo.errors import TransientFault

pytestmark = pytest.mark.django_db
BASE = "http://testserver/tap/async"
QUERY = "SELECT table_name FROM tap_schema.tables"


def create(client: Client, **parameters: object) -> str:
    """Path of a new job."""
    response = client.post("/tap/async", parameters)
    assert response.status_code == 303, response.content
    location = str(response["Location"])
    assert location.startswith(BASE + "/")
    return location.removeprefix("http://testserver")


def phase(client: Client, url: str) -> str:
    return str(client.get(f"{url}/phase").content.decode())


def told(document: bytes) -> str:
    """The message of a DALI error document."""
    resource = parse(io.BytesIO(document), verify="exception").resources[0]
    assert [(i.name, i.value) for i in resource.infos] == [("QUERY_STATUS", "ERROR")]
    return str(resource.infos[0].content)


def test_a_job_of_nothing_is_pending(client: Client, validate: Callable[[bytes], Any]) -> None:
    """TAP 1.1 section 2.7 (TAP-12), UWS 1.1: URLs of the job are below /tap/async."""
    url = create(client)
    assert phase(client, url) == "PENDING"
    document = client.get(url)
    assert document["Content-Type"] == "application/xml"
    validate(document.content)
    assert client.get(f"{url}/phase/").content == b"PENDING"


def test_parameters_are_kept_as_given(client: Client, validate: Callable[[bytes], Any]) -> None:
    """DALI-01, TAP-10: names ignore case, unknown ones are ignored; REQUEST too. The query keeps its white space."""
    url = create(client, query=f"\n  {QUERY}\n", lang="ADQL", REQUEST="doQuery", NOSUCH="x", RUNID="mine")
    assert client.get(f"{url}/parameters/QUERY").content.decode() == f"\n  {QUERY}\n"
    assert client.post(f"{url}/parameters", {"MAXREC": "7", "other": "y"}).status_code == 303
    document = ElementTree.fromstring(client.get(url).content)
    given = {p.get("id"): p.text for p in document.iter() if p.tag.endswith("parameter")}
    assert set(given) == {"QUERY", "LANG", "MAXREC"}
    assert given["MAXREC"] == "7"
    assert [e.text for e in document.iter() if e.tag.endswith("runId")] == ["mine"]
    validate(client.get(f"{url}/parameters").content)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "QUERY is missing"),
        ({"QUERY": QUERY, "LANG": "PQL"}, "LANG 'PQL' is not spoken here"),
        ({"QUERY": QUERY, "MAXREC": "many"}, "MAXREC: 'many' is not an integer"),
        ({"QUERY": QUERY, "MAXREC": "-1"}, "MAXREC: must not be negative"),
        ({"QUERY": QUERY, "RESPONSEFORMAT": "image/gif"}, "format 'image/gif' is not offered"),
        ({"QUERY": [QUERY, QUERY]}, "QUERY: takes one value, 2 were given"),
    ],
)
def test_wrong_parameters_are_told_when_the_job_runs(
    client: Client, parameters: dict[str, Any], words: str, validate: Callable[[bytes], Any]
) -> None:
    """TAP 1.1 section 2.7 (TAP-12), DALI-42: the job is made, and ends in ERROR."""
    url = create(client, **parameters)
    assert phase(client, url) == "PENDING"
    assert client.get(f"{url}/error").status_code == 404
    assert client.post(f"{url}/phase", {"PHASE": "RUN"}).status_code == 303
    assert phase(client, url) == "ERROR"
    error = client.get(f"{url}/error")
    assert (error.status_code, error["Content-Type"]) == (200, "application/x-votable+xml")
    assert told(error.content).startswith(words)
    validate(client.get(url).content)
    assert client.get(f"{url}/results/result").status_code == 404


def test_what_cannot_be_stored_is_refused(client: Client) -> None:
    """A NUL would be lost on one database and an error of the other."""
    response = client.post("/tap/async", {"QUERY": "SELECT '\0'"})
    assert (response.status_code, Job.objects.count()) == (400, 0)
    assert "NUL" in told(response.content)


def test_a_job_can_be_run_aborted_and_deleted(client: Client) -> None:
    """UWS 1.1 sections 2.1.3 to 2.1.5."""
    url = create(client, QUERY=QUERY)
    assert client.post(f"{url}/phase", {"PHASE": "RUN"})["Location"] == f"http://testserver{url}"
    assert phase(client, url) == "QUEUED"
    client.post(f"{url}/phase", {"PHASE": "ABORT"})
    assert phase(client, url) == "ABORTED"
    gone = client.delete(url)
    assert (gone.status_code, gone["Location"]) == (303, BASE)
    assert client.get(url).status_code == 404


def test_limits(client: Client, settings: Any) -> None:
    """UWS 1.1 section 2.1.4, TAP-94: the execution duration is that of the setting, and can be made shorter."""
    url = create(client, QUERY=QUERY)
    assert client.get(f"{url}/executionduration").content.decode() == str(settings.DISTILLER_TAP_ASYNC_TIMEOUT[0])
    client.post(f"{url}/executionduration", {"EXECUTIONDURATION": "10"})
    assert client.get(f"{url}/executionduration").content == b"10"
    client.post(f"{url}/executionduration", {"EXECUTIONDURATION": "999999999"})
    assert client.get(f"{url}/executionduration").content.decode() == str(settings.DISTILLER_TAP_ASYNC_TIMEOUT[0])


def test_lists_are_apart(client: Client) -> None:
    """A query is no job type on offer: not at /uws, not among the forms, not on the page of jobs."""
    karl = User.objects.create_user("karl")
    client.force_login(karl)
    job = service.create(JOB_TYPE, {"QUERY": [QUERY]}, service.Requester(karl))
    assert job.public_id in client.get("/tap/async").content.decode()
    assert client.get("/uws/tap").status_code == 404
    assert client.get(f"/uws/tap/{job.public_id}").status_code == 404
    assert client.get("/jobs/new/tap").status_code == 404
    assert job.public_id not in client.get("/jobs").content.decode()
    assert "Query" in client.get(f"/jobs/{job.public_id}").content.decode()
    assert JOB_TYPE not in {kind["name"] for kind in client.get("/api/job-types").json()}


def test_others_see_no_job_of_a_user(client: Client) -> None:
    """UWS 1.1 section 2.2.2.1: a list shows one's own jobs; another's job is refused."""
    job = service.create(JOB_TYPE, {"QUERY": [QUERY]}, service.Requester(User.objects.create_user("karl")))
    assert job.public_id not in client.get("/tap/async").content.decode()
    assert client.get(f"/tap/async/{job.public_id}").status_code == 403


def test_a_job_of_another_type_is_not_here(client: Client) -> None:
    kind = jobtypes.job_types()[0]
    job = service.create(kind.name, {}, service.Requester())
    assert client.get(f"/tap/async/{job.public_id}").status_code == 404


class Context:
    """A job's context that keeps what the worker function reports."""

    job_id = "test"

    def __init__(
        self, folder: Path, parameters: TapParameters, origin: Origin, inputs: Mapping[str, Sequence[InputFile]]
    ) -> None:
        self.parameters, self.origin, self.inputs = parameters, origin, inputs
        self.workdir = self.cache_dir = folder
        self.outputs: dict[str, tuple[Path, str | None]] = {}

    def progress(self, message: str, fraction: float) -> None:
        pass

    def output(self, role: str, path: Path, media_type: str | None = None) -> None:
        self.outputs[role] = (path, media_type)


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., tuple[Path, str | None]]:
    """`work(origin, {"part": b"content"}, QUERY=...)`: file and media type of the result."""

    def run(origin: Origin, parts: Mapping[str, bytes] | None = None, **parameters: Any) -> tuple[Path, str | None]:
        files = [sent_along(tmp_path / f"part{n}", *part) for n, part in enumerate((parts or {}).items())]
        context = Context(tmp_path, TapParameters(**parameters), origin, {"uploads": files})
        worker.run(context)
        return context.outputs["result"]

    return run


Work = Callable[..., tuple[Path, str | None]]


def sent_along(path: Path, name: str, content: bytes) -> InputFile:
    """A part of that name, as a worker gets it."""
    path.write_bytes(content)
    return InputFile(f"ivo://x/{name}", path, "", "", {"part": name, "filename": name})


@pytest.mark.parametrize(
    ("format", "media_type", "name"),
    [
        (None, "application/x-votable+xml", "result.vot"),
        ("text/xml", "text/xml", "result.vot"),
        ("votable/td", "application/x-votable+xml", "result.vot"),
        ("csv", "text/csv;header=present", "result.csv"),
        ("tsv", "text/tab-separated-values", "result.tsv"),
    ],
)
def test_formats(work: Work, client: Client, format: str | None, media_type: str, name: str) -> None:
    """TAP 1.1 section 2.7.3: the file is what a synchronous query gives, with its media type."""
    asked = {"QUERY": f"{QUERY} ORDER BY 1"} | ({"RESPONSEFORMAT": format} if format else {})
    path, told_type = work(Origin(base_url="http://testserver"), **asked)
    assert (path.name, told_type) == (name, media_type)
    assert path.read_bytes() == client.post("/tap/sync", {**asked, "LANG": "ADQL"}).content


def test_maxrec_and_run_id(work: Work) -> None:
    """TAP 1.1 section 2.7.4 (TAP-17, 18), DALI 1.1 section 4.4.1: OVERFLOW; the run's name is told."""
    path, _ = work(Origin(run_id="mine"), QUERY=QUERY, MAXREC="2")
    document = parse(str(path), verify="exception")
    assert len(document.get_first_table().array) == 2
    infos = [(i.name, i.value) for i in document.resources[0].infos]
    assert ("QUERY_STATUS", "OVERFLOW") in infos
    assert ("RUNID", "mine") in infos
    path, _ = work(Origin(), QUERY=QUERY, MAXREC="0")
    assert len(parse(str(path)).get_first_table().array) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("values", [("t,param:one.csv", "u,param:two.csv"), ("t,param:one.csv;u,param:two.csv",)])
def test_tables_sent_along(work: Work, values: tuple[str, ...]) -> None:
    """TAP 1.1 section 2.7.6: two tables are joined."""
    query = "SELECT t.id, u.name FROM TAP_UPLOAD.t JOIN TAP_UPLOAD.u ON t.id = u.id"
    parts = {"one.csv": b"id\n1\n2\n", "two.csv": b"id,name\n2,b\n3,c\n"}
    path, _ = work(Origin(), parts, QUERY=query, UPLOAD=values, RESPONSEFORMAT="csv")
    assert path.read_text().split() == ["id,name", "2,b"]


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        ("t,param:missing", "no part named 'missing' was sent"),
        ("t,param:empty", "table t: "),
        ("t,param:bad", "table t: .*VOTable"),
        ("t,param:bomb", "table t: "),
        ("t,http://127.0.0.1:9/x.vot", r"127\.0\.0\.1"),
    ],
)
def test_tables_that_cannot_be_read(work: Work, upload: str, words: str) -> None:
    """TAP 1.1 section 2.7.6, DALI-36: the job's owner is told which table, and what is wrong with it."""
    parts = {"empty": b"", "bad": b"<VOTABLE><RESOURCE><TABLE></RESOURCE>", "bomb": b"<!DOCTYPE x><VOTABLE/>"}
    with pytest.raises(UserJobError, match=words):
        work(Origin(), parts, QUERY="SELECT * FROM TAP_UPLOAD.t", UPLOAD=(upload,))


def test_uploads_of_a_job(client: Client, validate: Callable[[bytes], Any]) -> None:
    """TAP 1.1 section 2.7.6 (TAP-32): they add up over requests and are listed; one name for two is told at the run."""
    url = create(client, QUERY="SELECT 1 FROM TAP_UPLOAD.t", UPLOAD="t,param:x", x=SimpleUploadedFile("a.csv", b"a"))
    client.post(f"{url}/parameters", {"UPLOAD": "T,param:y", "y": SimpleUploadedFile("b.csv", b"b")})
    document = client.get(f"{url}/parameters").content
    validate(document)
    found = [(p.get("id"), p.text) for p in ElementTree.fromstring(document)]
    given = [("QUERY", "SELECT 1 FROM TAP_UPLOAD.t"), ("UPLOAD", "t,param:x"), ("UPLOAD", "T,param:y")]
    assert found == [*given, *((name, f"http://testserver{url}/parameters/{name}") for name in ("x", "y"))]
    assert Part.objects.count() == 2
    client.post(f"{url}/phase", {"PHASE": "RUN"})
    assert "two tables are named T" in told(client.get(f"{url}/error").content)
    client.delete(url)
    assert Part.objects.count() == 0


def test_the_query_runs_with_the_rights_of_the_owner(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[QueryContext] = []

    def prepared(text: str, context: QueryContext, uploads: Sequence[Upload] = ()) -> ScriptedQuery:
        contexts.append(context)
        return ScriptedQuery()

    monkeypatch.setattr("tap.worker.prepare", prepared)
    work(Origin("karl", is_curator=True, base_url="http://a.example"), QUERY="q")
    work(Origin(), QUERY="q")
    assert contexts == [QueryContext(Viewer("karl", is_curator=True), "http://a.example"), QueryContext(Viewer(), "")]


@pytest.mark.parametrize("format", ["votable", "csv"])
@pytest.mark.parametrize("fails_at", [0, 2])
@pytest.mark.parametrize(
    ("error", "raised"), [(TransientFault("the query was stopped"), UserJobError), (ValueError("x"), ValueError)]
)
def test_an_error_of_the_rows_is_the_jobs(
    work: Work, monkeypatch: pytest.MonkeyPatch, format: str, fails_at: int, error: Exception, raised: type[Exception]
) -> None:
    """DALI 1.1 section 4.2: no half result passes for a whole one."""
    query = ScriptedQuery(batches=5, error=error, fails_at=fails_at)
    monkeypatch.setattr("tap.worker.prepare", lambda text, context, uploads=(): query)
    with pytest.raises(raised, match=str(error)):
        work(Origin(), QUERY="q", RESPONSEFORMAT=format)
    assert query.closed == query.opened == 1


def test_a_defect_of_the_writer_is_the_jobs(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    query = ScriptedQuery(batches=5)
    monkeypatch.setattr("tap.worker.prepare", lambda text, context, uploads=(): query)
    monkeypatch.setattr("vo.votable._BinaryRows.push", lambda self, batch: 1 / 0)
    with pytest.raises(FatalJobError, match="internal error, reference"):
        work(Origin(), QUERY="q")


def test_errors_have_their_place(work: Work) -> None:
    """TAP 1.1 section 3.3: line and column of the query as it was sent."""
    with pytest.raises(JobError, match=r"line 3 column 8: .*no_such_column"):
        work(Origin(), QUERY="\n\nSELECT no_such_column FROM tap_schema.tables")


def test_a_warm_worker_has_its_parser() -> None:
    """Building it would be most of the time of a simple query, in the process of each job anew."""
    parser._parser.cache_clear()
    worker.warm_up()
    assert parser._parser.cache_info().currsize == 1
