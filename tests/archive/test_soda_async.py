"""SODA 1.0 at /soda/async, and the descriptors of both services in links documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from django.conf import LazySettings
from django.test import Client

from archive.models import Product
from archive.soda import worker
from archive.soda.capabilities import ASYNC_STANDARD, SYNC_STANDARD
from archive.soda.descriptors import ASYNC_ID, SYNC_ID
from archive.soda.jobs import JOB_TYPE, SodaParameters
from tests.archive.test_datalink import Document
from tests.archive.test_soda import observation, product
from uws import inputs
from uws.context import InputFile, Origin
from uws.jobtypes import Owner, job_type
from uws.values import parse
from vo.regions import Circle, contains, from_array

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_archive")]


@dataclass
class Context:
    """A job's context that keeps what the worker says."""

    parameters: SodaParameters
    inputs: dict[str, tuple[InputFile, ...]]
    workdir: Path
    job_id: str = "test-job"
    origin: Origin = field(default_factory=lambda: Origin(base_url="http://testserver"))
    outputs: dict[str, tuple[Path, str | None]] = field(default_factory=dict)

    def progress(self, message: str, fraction: float, *, stage: str = "") -> None:
        assert 0 <= fraction <= 1

    def output(self, role: str, path: Path, media_type: str | None = None) -> None:
        assert job_type(JOB_TYPE).role_of(role) is not None
        self.outputs[role] = (path, media_type)

    @property
    def results(self) -> list[tuple[str, str | None, bytes]]:
        """Name, media type and content of each."""
        return [(path.name, media_type, path.read_bytes()) for path, media_type in self.outputs.values()]


@pytest.fixture
def ended(tmp_path: Path) -> Callable[..., Context]:
    """`ended(ID=[...], ...)`: the context of such a job when its worker has done it."""

    def run(**given: Any) -> Context:
        kind = job_type(JOB_TYPE)
        texts = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
        parameters = parse(kind.parameters, texts)
        assert isinstance(parameters, SodaParameters)
        context = Context(parameters, inputs.resolve(kind, parameters, Owner()), tmp_path)
        worker.run(context)  # type: ignore[arg-type]
        return context

    return run


def test_one_result_for_each_observation(ended: Callable[..., Context]) -> None:
    """SODA 1.0 section 6 (SD-11): also where it failed; that is a text that begins with a label."""
    ids = [product("1001").did, "ivo://x/y?z", product("1002").did]
    context = ended(ID=ids, ENERGY="1 +Inf", IRFS="none")
    first, second, third = context.results
    for name, (path, media_type, content) in {"demo_1001": first, "demo_1002": third}.items():
        assert media_type == "application/fits"
        assert path.endswith(f"_{name}.fits")
        with fits.open(io.BytesIO(content)) as found:
            assert found["EVENTS"].data["ENERGY"].min() >= 1
    assert second[1] == "text/plain"
    assert second[2].startswith(b"UsageError: this archive has no data set with the identifier ivo://x/y?z")
    assert list(context.outputs) == ["result-1", "result-2", "result-3"]
    assert {file.id for file in context.inputs["observations"]} == {ids[0], ids[2]}


def test_one_archive_of_all(ended: Callable[..., Context]) -> None:
    """Our extension: several observations as a data store."""
    ((name, media_type, content),) = ended(ID=[product("1001").did, product("1002").did], RESPONSEFORMAT="zip").results
    assert (name, media_type) == ("1_events.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None


def test_what_fails_is_told(ended: Callable[..., Context], settings: LazySettings) -> None:
    """SD-11: nothing observed there, and too much, are results."""
    ((_, media_type, content),) = ended(ID=product().did, TIME="50000 50001").results
    assert media_type == "text/plain"
    assert content.startswith(b"UsageError: the region or the time asked for is outside of what was observed")
    settings.DISTILLER_BUNDLE_ASYNC = (0, 0, 0)
    ((_, _, content),) = ended(ID=product().did, IRFS="trim").results
    assert b"0 MiB is the limit of a job" in content


def test_wrong_parameters_end_the_job(client: Client) -> None:
    """UWS 1.1 and DALI 1.1: as with queries, they are told when the job runs."""
    response = client.post("/soda/async", {"ID": product().did, "CIRCLE": "1 2", "PHASE": "RUN"})
    path = response["Location"].removeprefix("http://testserver")
    assert path.startswith("/soda/async/")
    assert client.get(f"{path}/phase").content == b"ERROR"
    assert b"CIRCLE: a circle takes 3 numbers separated by spaces, not 2" in client.get(f"{path}/error").content


def links(client: Client, *ids: str) -> Document:
    return Document(client.get("/datalink/links", {"ID": list(ids)}).content)


def described(document: Document, service: str) -> dict[str, Any]:
    (group,) = (g for g in document.services[service].groups if g.name == "inputParams")
    return {param.name: param for param in group.entries}


@pytest.mark.parametrize(("service", "standard"), [(SYNC_ID, SYNC_STANDARD), (ASYNC_ID, ASYNC_STANDARD)])
def test_descriptors(client: Client, service: str, standard: str) -> None:
    """SODA 1.0 sections 2.5 and 4 (SD-04, SD-12, SD-13), DataLink 1.1 section 4 (DL-40, DL-41, DL-44)."""
    document = links(client, product().did)
    (row,) = (row for row in document.rows if row["service_def"] == service)
    assert (row["semantics"], row["link_auth"], row["link_authorized"]) == ("#cutout", "false", True)
    params = {param.name: str(param.value) for param in document.services[service].params}
    assert params["standardID"] == standard
    assert params["accessURL"] == f"http://testserver/soda/{'sync' if service == SYNC_ID else 'async'}"
    found = described(document, service)
    identified = {name: (p.ucd, str(p.unit or "") or None, p.datatype, p.xtype) for name, p in found.items()}
    assert identified["ID"][0] == "meta.id;meta.main"
    assert found["ID"].ref == "ID"
    assert identified["POS"][0] == "pos.outline;obs"
    assert identified["CIRCLE"] == ("pos.outline;obs", "deg", "double", "circle")
    assert identified["POLYGON"] == ("pos.outline;obs", "deg", "double", "polygon")
    assert identified["BAND"] == ("em.wl;stat.interval", "m", "double", "interval")
    assert identified["ENERGY"] == ("em.energy;stat.interval", "TeV", "double", "interval")
    assert identified["TIME"] == ("time.interval;obs.exposure", "d", "double", "interval")
    assert "POL" not in found
    o = observation()
    assert list(found["CIRCLE"].values.max) == [o.ra_pnt, o.dec_pnt, o.fov_radius]
    assert (float(found["TIME"].values.min), float(found["TIME"].values.max)) == (o.t_start, o.t_stop)
    assert (float(found["ENERGY"].values.min), float(found["ENERGY"].values.max)) == (o.energy_min, o.energy_max)
    assert float(found["BAND"].values.max) == pytest.approx(1.239841984332e-18 / float(o.energy_min or 0))
    covering = from_array([float(v) for v in found["POLYGON"].values.max])
    circle = Circle(float(o.ra_pnt or 0), float(o.dec_pnt or 0), float(o.fov_radius or 0) * 0.9999)
    assert contains(covering, circle)
    assert {"keep", "trim", "none"} == {value for _, value in found["IRFS"].values.options}


def test_limits_are_of_one_observation(client: Client) -> None:
    """SD-12: a document of several data sets has one descriptor, which does not tell the limits of one of them."""
    document = links(client, product("1001").did, product("1002").did)
    assert described(document, SYNC_ID)["CIRCLE"].values.max is None
    assert min(str(row["service_def"]) for row in document.rows if row["service_def"]) == SYNC_ID
    assert sum(row["service_def"] == SYNC_ID for row in document.rows) == 2


def test_what_has_no_events_has_no_descriptor(client: Client) -> None:
    preview = Product.objects.filter(subtype="preview-image").order_by("pk")[0].did
    assert not {SYNC_ID, ASYNC_ID} & set(links(client, preview).services)
