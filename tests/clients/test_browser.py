"""Chromium through the whole house: search, results, spectrum, provenance, with JavaScript and without.

The service is the one that `manage.py serve` starts, with a worker of its own, on the generated demo data. Set
DISTILLER_SCREENSHOTS to a folder to keep the pictures.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from frontend import build
from tests.environment import DATABASE
from tests.server import own_port

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
JOB_SECONDS = 150
expect.set_options(timeout=30_000)  # a page is drawn in one second, but not on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _database(home: Path) -> str:
    """A database of its own for the service, of the kind that this run of the tests is for."""
    if DATABASE != "postgresql":
        return f"sqlite:///{home}/distiller.sqlite3"
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS distiller_browser")
        connection.execute("CREATE DATABASE distiller_browser")
    parts = urlsplit(url)
    return parts._replace(path="/distiller_browser").geturl()


@pytest.fixture(scope="module")
def service(demo_store: Path) -> Iterator[str]:
    """Base URL of a running service with the demo data and one worker."""
    # A short path: the sockets of queue and worker lie below it.
    with own_port() as port, tempfile.TemporaryDirectory(prefix="distiller-b-") as folder:
        home = Path(folder)
        environment = os.environ | {
            "DISTILLER_HOME": folder,
            "DATABASE_URL": _database(home),
            "DISTILLER_PORT": str(port),
            "CELERY_BROKER_URL": "",
        }
        build.build()
        run = {"cwd": ROOT, "env": environment, "check": True}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], **run)
        subprocess.run([sys.executable, "manage.py", "ingest", str(demo_store), "--collection", "demo"], **run)
        log = (home / "serve.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, home / "serve.log")
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the service did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def chromium(need: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("DISTILLER_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Visit:
    """A browser context that watches what a page says and where it reaches."""

    def __init__(self, browser: Browser, base: str, **options: object) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=base, viewport={"width": 1280, "height": 900}, **options
        )
        self.base = base
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._look)

    def _look(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def shoot(self, folder: Path, name: str) -> None:
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert self.strangers == []


def _search(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Target name").fill("Crab Nebula")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("of Crab Nebula")


def _start_spectrum(page: Page, on_radius: str = "0.11") -> None:
    page.get_by_role("button", name="Fit spectrum").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fit spectrum")
    ids = page.get_by_label("Observations", exact=True).input_value().split()
    assert len(ids) >= 3
    page.get_by_label("On radius").fill(on_radius)
    page.get_by_role("button", name="Run").click()
    expect(page).to_have_url(re.compile(r"/jobs/[a-z0-9]+$"))


def _check_result(page: Page) -> None:
    """The fit of the demo's Crab-like source, read from the page, is near what was injected."""
    expect(page.get_by_role("heading", name="Fitted power law")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="index")
    expect(row).to_be_visible()
    value, error = (float(cell) for cell in row.get_by_role("cell").all_inner_texts()[0:2])
    assert abs(value - 2.6) < 5 * error + 0.2


def _check_provenance(page: Page, service: str) -> None:
    page.get_by_role("link", name="Provenance", exact=True).last.click()
    expect(page.get_by_role("heading", name="Where it comes from")).to_be_visible()
    expect(page.locator("main")).to_contain_text(re.compile(r"\b[0-9a-f]{64}\b"), use_inner_text=True)
    expect(page.locator("main")).to_contain_text("gammapy")
    expect(page.locator("figure.lineage svg")).to_be_visible()


def test_from_a_name_to_a_spectrum_and_back_to_the_events(chromium: Browser, service: str, pictures: Path) -> None:
    visit = Visit(chromium, service)
    page = visit.page
    page.goto("/")
    visit.shoot(pictures, "1-search")
    _search(page)
    visit.shoot(pictures, "2-results")
    page.get_by_role("button", name="Fit spectrum").click()
    visit.shoot(pictures, "3-form")
    page.go_back()
    _start_spectrum(page)
    visit.shoot(pictures, "4-running")
    expect(page.locator("#status .phase")).to_have_text("completed", timeout=JOB_SECONDS * 1000)
    _check_result(page)
    expect(page.locator("#plot .main-svg").first).to_be_visible()
    expect(page.locator("figure.picture")).to_be_hidden()
    visit.shoot(pictures, "5-spectrum")
    job = page.url
    _check_provenance(page, service)
    visit.shoot(pictures, "6-provenance")
    page.goto(job)
    page.get_by_text(re.compile(r"\d+ input files?")).click()
    page.get_by_role("link", name="ivo://").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Crab Nebula")
    for shown in ("field of view", "rate over time"):
        expect(page.get_by_role("img", name=re.compile(f"Preview of .*{shown}"))).to_be_visible()
    visit.shoot(pictures, "7-observation")
    visit.close()


def test_the_same_without_javascript(chromium: Browser, service: str, pictures: Path) -> None:
    visit = Visit(chromium, service, java_script_enabled=False)
    page = visit.page
    _search(page)
    _start_spectrum(page, on_radius="0.12")  # another job than before: it has to be run
    job = page.url
    # The page loads itself again (meta refresh) until the job has ended.
    expect(page.locator("#status .phase")).to_have_text("completed", timeout=JOB_SECONDS * 1000)
    assert page.url == job
    _check_result(page)
    picture = page.locator("figure.picture img")
    expect(picture).to_be_visible()
    size = urllib.request.urlopen(f"{service}{picture.get_attribute('src')}", timeout=30).read()
    assert size[:8] == b"\x89PNG\r\n\x1a\n"
    visit.shoot(pictures, "8-spectrum-without-javascript")
    _check_provenance(page, service)
    visit.close()


def test_same_job_is_answered_from_the_store(chromium: Browser, service: str, pictures: Path) -> None:
    visit = Visit(chromium, service)
    for _ in range(2):
        _search(visit.page)
        _start_spectrum(visit.page)
        expect(visit.page.locator("#status .phase")).to_have_text("completed", timeout=JOB_SECONDS * 1000)
    expect(visit.page.locator("#status")).to_contain_text("Answered at once from the result store")
    visit.close()


def test_count_map(chromium: Browser, service: str, pictures: Path) -> None:
    visit = Visit(chromium, service)
    _search(visit.page)
    visit.page.get_by_role("button", name="Count map").click()
    visit.page.get_by_role("button", name="Run").click()
    expect(visit.page.locator("#status .phase")).to_have_text("completed", timeout=JOB_SECONDS * 1000)
    expect(visit.page.locator("figure.picture img")).to_be_visible()
    expect(visit.page.get_by_text("Significance (Li & Ma)")).to_be_visible()
    visit.shoot(pictures, "9-countmap")
    visit.close()


def test_adql_can_be_changed_and_mistakes_are_shown(chromium: Browser, service: str, pictures: Path) -> None:
    visit = Visit(chromium, service)
    page = visit.page
    _search(page)
    area = page.get_by_label(re.compile("^ADQL"))
    area.fill(area.input_value().replace("ORDER BY t_min", "ORDER BY t_exptime"))
    page.get_by_role("button", name="Run this ADQL").click()
    expect(page.get_by_role("heading", name=re.compile(r"\d+ rows"))).to_be_visible()
    visit.shoot(pictures, "10-query")
    page.goto("/query?adql=SELECT+obs_id%0AFRM+ivoa.obscore")
    expect(page.get_by_role("alert")).to_contain_text("line 2")
    visit.shoot(pictures, "11-mistake")
    # The browser itself complains of the status 400, which is right.
    visit.complaints = [c for c in visit.complaints if "400 (Bad Request)" not in c]
    visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_and_dark_mode(chromium: Browser, service: str, pictures: Path, scheme: str) -> None:
    """No page is wider than a telephone, whatever the colours."""
    visit = Visit(chromium, service, color_scheme=scheme)
    visit.page.set_viewport_size({"width": 375, "height": 800})
    for name, path in [
        ("search", "/"),
        ("results", "/results?target=Crab+Nebula"),
        ("query", "/query"),
        ("docs", "/docs"),
        ("columns", "/docs/reference/columns"),
        ("form", "/jobs/new/spectrum"),
        ("observation", "/observations/ivo://distiller.example/demo%3Fr1/1001"),
        ("provenance", "/provenance?ID=ivo://distiller.example/demo%3Fr1/1001"),
    ]:
        visit.page.goto(path)
        wide = visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 375, f"{path} is {wide} pixels wide"
        visit.shoot(pictures, f"12-narrow-{scheme}-{name}")
    visit.close()
