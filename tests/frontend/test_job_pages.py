"""Pages of jobs: forms, lists, phases, results, and who sees them."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analysis.spectrum.job import JOB as SPECTRUM
from tests.frontend.html import text, tree
from tests.frontend.test_outcomes import FIT
from uws import results, service
from uws.models import Job, JobLog, JobTypeSetting
from uws.phases import Phase
from uws.service import Requester

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
PNG = b"\x89PNG\r\n\x1a\n"


def new_job(who: Requester | None = None, **parameters: Sequence[str]) -> Job:
    return service.create("spectrum", parameters or {"obs_id": ["1001", "1002"]}, who or Requester())


def in_phase(phase: Phase, **changes: Any) -> Job:
    job = new_job()
    Job.objects.filter(pk=job.pk).update(phase=phase, **changes)
    job.refresh_from_db()
    return job


def completed(folder: Path, **contents: bytes) -> Job:
    """A finished job with these results."""
    job = in_phase(Phase.COMPLETED, started=timezone.now(), ended=timezone.now() + timedelta(seconds=3))
    roles = {role.name: role for role in SPECTRUM.outputs}
    outputs = []
    for name, content in contents.items():
        path = folder / roles[name].filename
        path.write_bytes(content)
        outputs.append((roles[name], path))
    results.publish(job, results.put(job, 1, outputs))
    return job


def page_of(client: Client, job: Job) -> Any:
    return tree(client.get(reverse("job", args=[job.public_id])))


def test_choice_of_job_types_takes_the_selection_along(client: Client) -> None:
    root = tree(client.get("/jobs/new", {"obs_id": ["1", "2"]}))
    links = root.xpath("//main//a/@href")
    assert "/jobs/new/spectrum?obs_id=1&obs_id=2" in links
    assert "/jobs/new/countmap?obs_id=1&obs_id=2" in links


@pytest.mark.parametrize("name", ["spectrum", "countmap"])
def test_form_of_a_job_type(client: Client, name: str) -> None:
    root = tree(client.get(f"/jobs/new/{name}"))
    assert root.xpath("//form//fieldset/legend")
    assert root.xpath("//form/details//input[@name='quality_max']/@value") == [""]
    assert root.xpath("//form//input[@name='on_radius']/@value") == [{"spectrum": "0.11", "countmap": "0.1"}[name]]
    assert root.xpath("//form[@enctype='multipart/form-data']//input[@type='file']/@name") == ["obs_list.file"]
    assert root.xpath("//button[normalize-space()='Run']")


@pytest.mark.usefixtures("demo_archive")
def test_sent_form_makes_a_job_of_this_browser(client: Client) -> None:
    given = {"obs_id": "1001\n1002", "model": "log-parabola", "on_radius": "0.1", "energy.low": "1", "quality_max": "0"}
    response = client.post("/jobs/new/spectrum", given)
    assert response.status_code == 302
    job = Job.objects.get(public_id=response["Location"].removeprefix("/jobs/"))
    assert job.phase == Phase.QUEUED
    assert job.parameters["obs_id"] == ["1001", "1002"]
    assert job.parameters["energy"] == ["1 +Inf"]
    assert len(job.inputs) == 2
    assert job.public_id in client.get("/jobs").content.decode()
    assert job.public_id not in Client().get("/jobs").content.decode()
    again = page_of(client, job).xpath("//a[normalize-space()='Change and run again']/@href")[0]
    filled = tree(client.get(again))
    assert filled.xpath("//select[@name='model']/option[@selected]/@value") == ["log-parabola"]
    assert filled.xpath("//input[@name='energy.low']/@value") == ["1"]


WRONG = [
    ({"obs_id": "1001", "on_radius": "-1"}, "on_radius", "On radius must be above 0, not -1."),
    ({"obs_id": "9999"}, "obs_id", "There is no observation 9999"),
    ({"obs_id": "1001", "position.ra": "400", "position.dec": "0"}, "position", "within 0 and 360 deg, not 400"),
    ({"obs_id": "1001", "energy.low": "10", "energy.high": "1"}, "energy", "upside down"),
    ({"obs_id": "1001", "quality_max": "9"}, "quality_max", "must be at most 2, not 9"),
    ({"obs_id": "1001", "collection": "nowhere"}, "obs_id", "no collection named"),
    ({"obs_id": "1001\x00"}, "obs_id", "cannot be used"),
    ({"circle.ra": "1", "circle.dec": "1", "circle.radius": "0.1"}, "", "No observation points into"),
    ({}, "", "Select observations with obs_id, obs_list or circle."),
]


@pytest.mark.usefixtures("demo_archive")
@pytest.mark.parametrize(("given", "field", "message"), WRONG)
def test_wrong_form_is_told_where_and_makes_no_job(
    client: Client, given: dict[str, str], field: str, message: str
) -> None:
    response = client.post("/jobs/new/spectrum", given)
    assert response.status_code == 400
    root = tree(response)
    place = f"//*[@id='id_{field}_error']" if field else "//form/div[@role='alert']"
    assert message in text(root, place)
    assert not Job.objects.exists()
    for name, value in given.items():
        (box,) = root.xpath(f"//*[@name='{name}']")
        kept = box.text_content() if box.tag == "textarea" else box.get("value")
        assert kept.strip() == value.replace("\x00", "�").strip() or "\x00" in value


def test_form_from_elsewhere_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/jobs/new/spectrum", {"obs_id": "1"}, headers=HTML)
    assert response.status_code == 403
    assert "could not be trusted" in text(tree(response))
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("phase", "changes", "words", "follows", "buttons"),
    [
        (Phase.PENDING, {}, "Not started yet.", False, {"Run", "Abort"}),
        (Phase.QUEUED, {}, "Waiting for a worker: number 1 in the line.", True, {"Abort"}),
        (
            Phase.EXECUTING,
            {"progress_message": "Reducing run 1002 (2 of 4)", "progress_fraction": 0.25},
            "Reducing run 1002 (2 of 4) …",
            True,
            {"Abort"},
        ),
        (Phase.ABORTED, {"error_message": "took longer than 1800 s"}, "Took longer than 1800 s.", False, set()),
        (
            Phase.ERROR,
            {"error_message": "no events in range", "error_kind": "fatal"},
            "No events in range.",
            False,
            set(),
        ),
        (Phase.ERROR, {"error_message": "x", "error_kind": "transient"}, "try again later", False, set()),
        (Phase.COMPLETED, {}, "Done", False, set()),
        (Phase.COMPLETED, {"answered_from": "abcdefghijkl"}, "Answered at once from the result store", False, set()),
    ],
)
def test_job_page_in_each_phase(
    client: Client, phase: Phase, changes: dict[str, Any], words: str, follows: bool, buttons: set[str]
) -> None:
    job = in_phase(phase, **changes)
    root = page_of(client, job)
    assert words in text(root, "//*[@id='status']")
    assert bool(root.xpath("//*[@id='status']/@hx-get")) is follows
    assert bool(root.xpath("//head//meta[@http-equiv='refresh']")) is follows
    shown = {b.text_content().strip() for b in root.xpath("//form[@method='post']//button")}
    assert shown - {"Delete this job and its results"} == buttons
    assert ("Delete this job and its results" in shown) is not follows
    if phase is Phase.EXECUTING:
        assert root.xpath("//progress/@value") == ["0.25"]


@pytest.mark.parametrize(("phase", "ended"), [(Phase.EXECUTING, False), (Phase.COMPLETED, True), (Phase.ERROR, True)])
def test_part_that_changes(client: Client, phase: Phase, ended: bool) -> None:
    """The part asks for itself again until the job has ended, then for the whole page."""
    job = in_phase(phase)
    response = client.get(reverse("job", args=[job.public_id]), {"part": "status"})
    assert "<html" not in response.content.decode()
    assert ("hx-get" in response.content.decode()) is not ended
    assert (response.get("HX-Refresh") == "true") is ended
    assert "no-store" in response["Cache-Control"]


def test_the_log_is_shown_while_the_job_runs_and_after(client: Client) -> None:
    job = in_phase(Phase.EXECUTING)
    JobLog.objects.create(job=job, text="begin\n" + "a line\n" * 1000 + "<last> words\n")
    for url in (f"/jobs/{job.public_id}?part=status", f"/jobs/{job.public_id}"):
        page = client.get(url).content.decode()
        assert "&lt;last&gt; words" in page
        assert "begin" not in page
    Job.objects.update(phase=Phase.ERROR)
    (shown,) = page_of(client, job).xpath("//pre[@id='log']")
    assert shown.text_content().startswith("begin")
    assert shown.text_content().endswith("<last> words\n")


def test_a_type_as_programs_see_it(client: Client) -> None:
    """The form's page has what a program sends: every parameter, every result, lines that are valid as they stand."""
    root = tree(client.get("/jobs/new/spectrum", {"obs_id": ["1001", "it's"]}))
    rows = root.xpath("//section[@aria-labelledby='program-title']//table[1]/tbody/tr/th/code/text()")
    parameters = list(SPECTRUM.parameters.model_fields)
    assert [name for name in rows if name in parameters][: len(parameters)] == parameters  # "model" is a result too
    assert {role.name for role in SPECTRUM.outputs} <= set(rows)
    code = root.xpath("string(//pre[@id='python'])")
    compile(code, "recipe", "exec")
    assert """data={'obs_id': ['1001', "it's"]}""" in code
    shell = root.xpath("string(//pre[@id='curl'])")
    subprocess.run(["sh", "-n"], input=shell, text=True, check=True)
    words = shlex.split(shell.replace("$(", "").replace("\\\n", " "))
    assert [word for word in words if word.startswith("obs_id=")] == ["obs_id=1001", "obs_id=it's"]


def test_a_type_that_is_switched_off(client: Client) -> None:
    cache.clear()
    JobTypeSetting.objects.create(job_type="spectrum", enabled=False)
    assert "switched them off" in text(tree(client.get("/jobs/new/spectrum")))
    links = tree(client.get("/jobs/new")).xpath("//main//a/@href")
    assert "/jobs/new/countmap" in links
    assert "/jobs/new/spectrum" not in links
    cache.clear()


def test_lists_of_a_type(client: Client) -> None:
    """The UWS list as a page: the jobs of the type, chosen by phase."""
    owner = User.objects.create_user("owner")
    client.force_login(owner)
    job = new_job(Requester(owner))
    accept = {"accept": "text/html"}
    assert job.public_id in client.get("/uws/spectrum", headers=accept).content.decode()
    assert job.public_id not in client.get("/uws/countmap", headers=accept).content.decode()
    held = tree(client.get("/uws/spectrum", {"PHASE": "HELD"}, headers=accept))
    assert held.xpath("//nav[@aria-label='Phases']//strong/text()") == ["held"]
    assert job.public_id not in text(held)
    Job.objects.update(phase=Phase.ARCHIVED)
    assert job.public_id not in client.get("/jobs").content.decode()
    assert client.get("/uws/spectrum", {"LAST": "x"}, headers=accept).status_code == 400


def test_results_of_a_spectrum(client: Client, tmp_path: Path) -> None:
    job = completed(tmp_path, fit=json.dumps(FIT).encode(), plot=PNG, plot_data=b"{}")
    root = page_of(client, job)
    words = text(root)
    assert "index = 2.613 ± 0.044" in words
    assert "amplitude = (4.31 ± 0.15) × 10−11 cm−2 s−1 TeV−1 at 1 TeV" in words
    assert "Livetime105.2 min" in words.replace(" Livetime ", "Livetime")
    assert root.xpath("//*[@id='plot']/@data-plot") == [f"/uws/spectrum/{job.public_id}/results/plot_data"]
    picture = client.get(root.xpath("//figure//img/@src")[0])
    assert b"".join(picture) == PNG
    files = root.xpath("//section[@aria-labelledby='files-title']//th/a/@download")
    assert files == ["fit.json", "spectrum.png", "plot.json"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"parameters": [{}]}', b"\xff"])
def test_result_that_cannot_be_read_can_still_be_downloaded(client: Client, tmp_path: Path, content: bytes) -> None:
    root = page_of(client, completed(tmp_path, fit=content))
    assert root.xpath("//section[@aria-labelledby='files-title']//th/a/@download") == ["fit.json"]


def test_parameters_and_recipe(client: Client) -> None:
    root = page_of(client, in_phase(Phase.ERROR, normalised=[["obs_id", ["1001", "1002"]], ["on_radius", ["0.11"]]]))
    rows = {row.xpath("string(th/span/code)"): text(row, "td") for row in root.xpath("//tr[th/span/code]")}
    assert rows == {"obs_id": "1001, 1002", "on_radius": "0.11 deg (default)"}
    recipe = root.xpath("string(//pre[@id='recipe'])")
    compile(recipe, "recipe", "exec")
    assert '"http://testserver/uws/spectrum"' in recipe
    assert "data={'obs_id': ['1001', '1002']}" in recipe


def test_abort_and_delete(client: Client) -> None:
    job = in_phase(Phase.QUEUED)
    assert client.get(f"/jobs/{job.public_id}/abort").status_code == 405
    assert client.post(f"/jobs/{job.public_id}/abort")["Location"] == f"/jobs/{job.public_id}"
    job.refresh_from_db()
    assert job.phase == Phase.ABORTED
    assert client.post(f"/jobs/{job.public_id}/delete")["Location"] == "/jobs"
    assert client.get(f"/jobs/{job.public_id}").status_code == 404


def test_jobs_of_others_are_not_there(client: Client) -> None:
    owner = User.objects.create_user("owner", password="x")
    job = new_job(Requester(owner))
    for method, path in (("get", ""), ("post", "/run"), ("post", "/abort"), ("post", "/delete")):
        assert getattr(client, method)(f"/jobs/{job.public_id}{path}").status_code == 404
    assert Job.objects.get(pk=job.pk).phase == Phase.PENDING
    client.force_login(owner)
    assert "Spectrum" in text(page_of(client, job))
    assert job.public_id in client.get("/jobs").content.decode()


def test_admin_link_is_for_staff(client: Client) -> None:
    client.force_login(User.objects.create_user("curator", password="x", is_staff=True))
    assert "/admin/" in tree(client.get("/jobs")).xpath("//header//a/@href")
    assert "/admin/" not in tree(Client().get("/jobs")).xpath("//header//a/@href")


def test_pages_of_many_jobs(client: Client) -> None:
    owner = User.objects.create_user("owner", password="x")
    for _ in range(31):
        new_job(Requester(owner))
    client.force_login(owner)
    assert len(tree(client.get("/jobs")).xpath("//tbody/tr")) == 30
    assert len(tree(client.get("/jobs", {"page": "2"})).xpath("//tbody/tr")) == 1
    assert len(tree(client.get("/jobs", {"page": "9"})).xpath("//tbody/tr")) == 1
