"""RESPONSEFORMAT=gadf: a query's observations as a data store that gammapy reads, or a DALI error that says why not."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from django.conf import LazySettings
from django.test import Client

from archive.datastore import contents as contents_module
from archive.datastore.output import GADF, _pieces
from archive.models import Observation, Product, ProductFile
from archive.policy import Policy
from tap.registry import Viewer
from tests.analysis import science
from vo.errors import FatalFault

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_archive")]
ALL = "SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event' ORDER BY obs_id"

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client) -> Ask:
    """`ask(query, ...)`: the answer of /tap/sync with RESPONSEFORMAT=gadf."""

    def run(query: str, **parameters: Any) -> Any:
        return client.post("/tap/sync", {"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "gadf", **parameters})

    return run


def unpacked(response: Any, folder: Path) -> Path:
    assert response.status_code == 200, response.getvalue()
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def observations() -> list[Observation]:
    return list(Observation.objects.filter(release__collection__name="demo").order_by("obs_id"))


def test_gammapy_reads_it(ask: Ask, tmp_path: Path) -> None:
    """GADF 0.3 "Data storage" (gadf.md GA-55): every run with its responses, without a warning."""
    science.load()
    from gammapy.data import DataStore

    response = ask(ALL)
    assert response["Content-Type"] == GADF.media_type
    assert response["Content-Disposition"] == 'attachment; filename="datastore.zip"'
    store = DataStore.from_dir(unpacked(response, tmp_path))
    known = observations()
    assert sorted(store.obs_ids) == [int(o.obs_id) for o in known]
    for row, wanted in zip(store.get_observations(), known, strict=True):
        assert len(row.events.table) == wanted.event_count
        assert row.available_irfs == ["aeff", "edisp", "psf", "bkg"]
        assert row.gti.time_sum.to_value("s") == pytest.approx(wanted.ontime)
    index = store.obs_table
    assert np.all(np.abs(index["RA_PNT"] - [o.ra_pnt for o in known]) < 1e-5)
    assert (index.time_ref + index["TSTART"].quantity).utc.mjd == pytest.approx([o.t_start for o in known], abs=1e-6)


def test_files_are_the_archives_own(ask: Ask, tmp_path: Path) -> None:
    """Nothing is written anew; files that several observations share are there once; identifiers count once."""
    folder = unpacked(ask(f"{ALL.partition(' ORDER')[0]} UNION ALL {ALL.partition(' ORDER')[0]}"), tmp_path)
    uses = ProductFile.objects.filter(product__observation__in=observations(), product__subtype="event-bundle")
    wanted = sorted({use.file.sha256 for use in uses.select_related("file")})
    data = [path for path in (folder / "data").rglob("*") if path.is_file()]
    assert sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in data) == wanted
    rows = Table.read(folder / "hdu-index.fits.gz")
    for row in rows:
        with fits.open(folder / row["FILE_DIR"] / row["FILE_NAME"]) as hdus:
            assert row["HDU_NAME"] in hdus
    assert {"obs-index.fits.gz", "hdu-index.fits.gz", "README.txt"} <= {path.name for path in folder.iterdir()}


def test_media_type(ask: Ask) -> None:
    """DALI 1.1 section 3.4.3: the declared media type asks for the same."""
    response = ask(ALL, RESPONSEFORMAT=GADF.media_type)
    assert (response.status_code, response["Content-Type"]) == (200, GADF.media_type)
    assert response.getvalue() == ask(ALL).getvalue()


def test_readme(ask: Ask, tmp_path: Path) -> None:
    """The query, and what is left out with the reason: unknown identifiers, other products, a number taken."""
    preview = Product.objects.filter(subtype="preview-image").order_by("pk")[0].did
    others = " ".join(f"UNION SELECT '{did}' FROM ivoa.obscore" for did in (preview, "ivo://x/y?z"))
    query = f"SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event'\n{others}"
    told = (unpacked(ask(query), tmp_path) / "README.txt").read_text()
    assert "\n".join(f"    {line}" for line in query.splitlines()) in told
    assert f"{preview}: it is a preview-image, not an event list with its responses" in told
    assert "ivo://x/y?z: this archive has no such data set" in told
    assert "MAXREC" not in told
    assert "MAXREC" in (unpacked(ask(ALL, MAXREC=1), tmp_path / "cut") / "README.txt").read_text()


@pytest.mark.parametrize(
    ("query", "parameters", "message"),
    [
        ("SELECT obs_id FROM ivoa.obscore", {}, "the result has none: select it"),
        (ALL.replace("'event'", "'nothing'"), {}, "the query finds no row"),
        (ALL, {"MAXREC": 0}, "the query finds no row"),
        ("SELECT TOP 1 'ivo://x/y' AS obs_publisher_did FROM ivoa.obscore", {}, "this archive has no such data set"),
        ("SELECT obs_publisher_did, 1/0 AS x FROM ivoa.obscore", {}, "division by zero"),
    ],
)
def test_errors(ask: Ask, query: str, parameters: dict[str, Any], message: str) -> None:
    """DALI 1.1 section 4.2: an error VOTable with status 400."""
    response = ask(query, **parameters)
    assert (response.status_code, response["Content-Type"]) == (400, "application/x-votable+xml")
    assert b'value="ERROR"' in response.content
    assert message in response.content.decode()


def test_size_limit(ask: Ask, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much: the limit and the asynchronous way are named."""
    settings.DISTILLER_BUNDLE_SYNC = (1, 1, 1)
    monkeypatch.setattr(contents_module, "_ALWAYS", 3 * 2**20)
    response = ask(ALL)
    assert response.status_code == 400
    assert "1 MiB is the limit at once; ask for it as a job at http://testserver/tap/async" in response.content.decode()


def test_rights(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Decision 8: what the viewer may not read is left out, and named."""
    secret = observations()[0]
    monkeypatch.setattr(Policy, "may_read", lambda self, product, viewer: product.observation_id != secret.pk)
    folder = unpacked(ask(ALL), tmp_path)
    told = (folder / "README.txt").read_text()
    assert f"{secret.obs_id}: it is not public, and not yours" in told
    assert int(secret.obs_id) not in Table.read(folder / "obs-index.fits.gz")["OBS_ID"]


def test_a_missing_file(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told before anything is sent."""
    monkeypatch.setattr("archive.datastore.output.is_present", lambda file: False)
    response = ask(ALL)
    assert (response.status_code, response["Content-Type"]) == (500, "application/x-votable+xml")
    assert "is missing from the archive" in response.content.decode()


def test_a_failure_in_mid_stream_leaves_no_archive(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The list of entries comes last: what breaks off is no archive (and the connection is not ended well)."""

    def broken(file: Any, path: str) -> Iterator[bytes]:
        yield bytes(400_000)
        raise FatalFault("the disk is gone")

    monkeypatch.setattr("archive.datastore.output._content", broken)
    response = ask(ALL)
    assert response.streaming
    sent = []
    with pytest.raises(FatalFault):
        sent += list(response)
    assert not zipfile.is_zipfile(io.BytesIO(b"".join(sent)))


def some_of(source: Path, obs_ids: list[int], folder: Path) -> Path:
    """A data store with some observations of a real one."""
    index = Table.read(source / "hdu-index.fits.gz")
    rows = index[np.isin(index["OBS_ID"], obs_ids)]
    for row in rows:
        target = folder / str(row["FILE_DIR"]).strip() / str(row["FILE_NAME"]).strip()
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(source / target.relative_to(folder), target)
    rows.write(folder / "hdu-index.fits.gz")
    observations = Table.read(source / "obs-index.fits.gz")
    observations[np.isin(observations["OBS_ID"], obs_ids)].write(folder / "obs-index.fits.gz")
    return folder


def test_real_runs_of_two_instruments(shared: Path, take_in: Callable[..., Any], tmp_path: Path) -> None:
    """Runs of H.E.S.S. and of FACT in one data store: one reference of times, shared responses once."""
    science.load()
    from gammapy.data import DataStore

    wanted = {"hess-dl3-dr1": [23523, 23526], "fact-crab": [20131103093, 20131103103]}
    for name, obs_ids in wanted.items():
        report = take_in(some_of(shared / "data" / name, obs_ids, tmp_path / name), name)
        assert [outcome.reason for outcome in report.outcomes if outcome.reason] == []
    products = Product.objects.filter(release__collection__name__in=wanted, subtype="event-bundle")
    chosen = contents_module.contents(products.order_by("pk").values_list("did", flat=True), Viewer())
    assert len(chosen.files) == 5
    with zipfile.ZipFile(io.BytesIO(b"".join(_pieces(chosen, "")))) as archive:
        archive.extractall(tmp_path / "bundle")
    store = DataStore.from_dir(tmp_path / "bundle")
    assert sorted(store.obs_ids) == sorted(number for numbers in wanted.values() for number in numbers)
    starts = dict(
        zip(store.obs_ids, (store.obs_table.time_ref + store.obs_table["TSTART"].quantity).utc.mjd, strict=True)
    )
    for product in products:
        observation = product.observation
        assert observation is not None
        (found,) = store.get_observations([int(observation.obs_id)], required_irf=["aeff", "edisp"])
        assert len(found.events.table) == observation.event_count
        assert starts[found.obs_id] == pytest.approx(observation.t_start, abs=1e-4)
