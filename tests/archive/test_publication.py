"""Results of jobs as products: their ObsCore rows, links, provenance, and who may publish them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from archive.identifiers import make_did
from archive.models import ObsCore, Product
from archive.publication.content import NotPublishable
from archive.publication.publish import publish
from archive.store import local_path
from provenance.models import WasDerivedFrom
from tests.archive.lint import complaints
from tests.archive.test_datalink import Document
from uws import jobtypes, results
from uws.models import Job, Result
from uws.phases import Phase

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
HC_TEV_M = 1.239841984332e-18
RUNS = ("1001", "1002")


def points(path: Path, times: bool = False) -> None:
    """Flux points, or a light curve of three times, as the analyses write them."""
    low, high = np.array([1.0, 2.0, 5.0]), np.array([2.0, 5.0, 10.0])
    columns = [fits.Column("flux", "D", "s-1 cm-2", array=np.ones(3))]
    header = fits.Header()
    if times:
        columns += [
            fits.Column("time_min", "D", array=53000 + np.arange(3.0)),
            fits.Column("time_max", "D", array=53000.5 + np.arange(3.0)),
        ]
        header.update({"MJDREFI": 0, "MJDREFF": 0.0, "TIMESYS": "tt", "TIMEUNIT": "d"})
        low, high = np.ones(3), np.full(3, 10.0)
    columns += [fits.Column("e_min", "D", "TeV", array=low), fits.Column("e_max", "D", "TeV", array=high)]
    table = fits.BinTableHDU.from_columns(columns, header=header, name="FLUXPOINTS")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def maps(path: Path) -> None:
    """A map of 40 by 20 pixels of 0.1 deg."""
    header = fits.Header()
    for axis, kind, size, value in ((1, "RA---TAN", 40, 83.6), (2, "DEC--TAN", 20, 22.0)):
        header.update({f"CTYPE{axis}": kind, f"CRVAL{axis}": value, f"CRPIX{axis}": (size + 1) / 2})
        header.update({f"CDELT{axis}": -0.1 if axis == 1 else 0.1, f"CUNIT{axis}": "deg"})
    header["RADESYS"] = "ICRS"
    fits.HDUList([fits.PrimaryHDU(np.zeros((20, 40), "f4"), header)]).writeto(path)


def ogip(path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("COUNTS", "J", array=np.zeros(24))], name="SPECTRUM")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path.with_suffix(".fits"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".fits"), "pha_obs1001.fits")


FILES = {
    ("spectrum", "flux_points"): points,
    ("spectrum", "ogip"): ogip,
    ("countmap", "maps"): maps,
    ("lightcurve", "lightcurve"): lambda path: points(path, times=True),
}


@pytest.fixture
def completed(demo_archive: str, tmp_path: Path) -> Any:
    """`completed("spectrum", "flux_points", owner=None)`: a job of two demo runs with that result and a picture."""

    def make(kind_name: str, name: str, owner: User | None = None, **used: str) -> Job:
        kind = jobtypes.job_type(kind_name)
        dids = [make_did(demo_archive, "r1", run) for run in RUNS]
        now = timezone.now()
        job = Job.objects.create(
            job_type=kind_name, type_version=kind.version, phase=Phase.COMPLETED, owner=owner, started=now, ended=now,
            inputs=[{"role": "observations", "id": did, "sha256": "", "media_type": ""} for did in dids],
            normalised=[[key, [value]] for key, value in used.items()], destruction=now, execution_duration=60,
            queue=kind.queue,
        )  # fmt: skip
        roles = {role.name: role for role in kind.outputs}
        made = tmp_path / roles[name].filename
        FILES[kind_name, name](made)
        picture = tmp_path / roles["plot"].filename
        picture.write_bytes(b"\x89PNG " + job.activity.encode())
        outputs = [(roles[name], made), (roles["plot"], picture)]
        results.publish(job, results.put(job, 1, outputs))
        return job

    return make


EXPECTED: dict[tuple[str, str], dict[str, Any]] = {
    ("spectrum", "flux_points"): {
        "dataproduct_type": "sed", "dataproduct_subtype": "flux-points", "calib_level": 4, "em_xel": 3,
        "o_ucd": "phot.flux.density", "em_min": HC_TEV_M / 10, "em_max": HC_TEV_M, "s_xel1": -1, "t_xel": -1,
    },
    ("spectrum", "ogip"): {
        "dataproduct_type": "spectrum", "dataproduct_subtype": "counts-spectrum", "calib_level": 3, "em_xel": 24,
        "o_ucd": "phot.count",
    },
    ("countmap", "maps"): {
        "dataproduct_type": "image", "dataproduct_subtype": "counts-map", "calib_level": 3, "s_xel1": 40, "s_xel2": 20,
        "o_ucd": "phot.count", "s_ra": 83.6, "s_dec": 22.0, "s_fov": np.hypot(4, 2),
    },
    ("lightcurve", "lightcurve"): {
        "dataproduct_type": "timeseries", "dataproduct_subtype": "light-curve", "calib_level": 4, "t_xel": 3,
        "o_ucd": "phot.flux", "t_min": Time(53000, format="mjd", scale="tt").utc.mjd,
        "t_max": Time(53002.5, format="mjd", scale="tt").utc.mjd, "em_min": HC_TEV_M / 10, "em_max": HC_TEV_M,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", EXPECTED, ids="-".join)
def test_rows(completed: Any, case: tuple[str, str]) -> None:
    """obscore.md, "A gamma-ray archive in ObsCore": the file gives axes and coverage, the job's inputs the rest."""
    job = completed(*case, on_radius="0.11")
    made = publish(job, case[1], "results")
    stored = ObsCore.objects.select_related("hea").get(product=made.product)
    row = {**vars(stored.hea), **vars(stored)}
    for name, value in EXPECTED[case].items():
        exact = isinstance(value, int | str)
        assert row[name] == (value if exact else pytest.approx(value, rel=1e-3 if name == "s_fov" else 1e-9)), name
    inputs = ObsCore.objects.filter(obs_collection="demo", obs_id__in=RUNS, dataproduct_type="event")
    assert row["target_name"] == inputs[0].target_name
    assert row["t_exptime"] == pytest.approx(sum(r.t_exptime or 0 for r in inputs))
    assert (row["obs_collection"], row["data_rights"]) == ("results", "public")
    assert row["energy_min"] * row["em_max"] == pytest.approx(HC_TEV_M * 1e12)
    assert row["instrument_name"] == inputs[0].instrument_name
    if case[0] != "countmap":
        assert row["s_fov"] == pytest.approx(0.22)
        assert row["s_ra"] == pytest.approx(83.633, abs=0.01)


def test_links_both_ways(completed: Any, client: Client) -> None:
    """DataLink: the result leads to what it was made from, and that to the result, for everybody."""
    made = publish(completed("spectrum", "flux_points"), "flux_points", "results")
    document = Document(client.get("/datalink/links", {"ID": made.product.did}).content)
    this = document.one("#this")
    assert (this["content_qualifier"], this["content_type"]) == ("#sed", "application/fits")
    assert len(b"".join(client.get(this["access_url"]).streaming_content)) == this["content_length"]  # type: ignore[attr-defined]
    assert document.one("#preview-plot")["content_type"] == "image/png"
    assert len(document.of("#progenitor")) == 2
    run = Document(client.get(document.of("#progenitor")[0]["access_url"]).content)
    derived = [row for row in run.of("#derivation") if row["content_qualifier"] == "#sed"]
    assert [row["access_url"] for row in derived] == [
        f"http://testserver/datalink/links?ID={ObsCore.objects.get(product=made.product).did_encoded}"
    ]


def test_datalinklint(completed: Any, client: Client, need: Callable[[str], str], tmp_path: Path) -> None:
    """STILTS finds no error in the links of each kind of result, but for terms newer than its list (DL-22)."""
    dids = [publish(completed(*case), case[1], "results").product.did for case in EXPECTED]
    content = client.get("/datalink/links", {"ID": dids}).content
    assert complaints(need("stilts"), content, tmp_path) == []


def test_own_results_are_linked(completed: Any, client: Client) -> None:
    """#derivation leads to one's own results, and to nobody else's."""
    owner = User.objects.create_user("karl", password="secret")
    job = completed("spectrum", "flux_points", owner)
    did = make_did("demo", "r1", "1001")
    assert not Document(client.get("/datalink/links", {"ID": did}).content).of("#derivation")
    client.force_login(owner)
    row = Document(client.get("/datalink/links", {"ID": did}).content).one("#derivation")
    assert row["access_url"].endswith(f"/uws/spectrum/{job.public_id}/results/flux_points")
    assert (row["link_auth"], row["link_authorized"]) == ("true", True)


def test_provenance_leads_to_the_photons(completed: Any, client: Client) -> None:
    """The publication, the job and its inputs are one chain, which everybody may see once it is published."""
    from provenance.recorder import record
    from uws.activity import activity_id, activity_record, result_entity_id

    owner = User.objects.create_user("karl")
    job = completed("spectrum", "flux_points", owner)
    record(activity_record(job, Result.objects.filter(job=job)))
    shown = {"ID": activity_id(job), "DEPTH": "1"}
    assert client.get("/provenance/provsap", shown).status_code == 404
    made = publish(job, "flux_points", "results", has_consent=True)
    origins = set(
        WasDerivedFrom.objects.filter(generated_entity_id=made.product.did).values_list("used_entity_id", flat=True)
    )
    assert origins == {result_entity_id(job, "flux_points"), *(make_did("demo", "r1", run) for run in RUNS)}
    answer = client.get("/provenance/provsap", {"ID": made.product.did, "DEPTH": "ALL"})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert job.activity in text
    assert "demo?r1/1001" in text
    assert client.get("/provenance/provsap", shown).status_code == 200


def test_publishing_again_changes_nothing(completed: Any) -> None:
    job = completed("countmap", "maps")
    first = publish(job, "maps", "results")
    before = Product.objects.count()
    again = publish(job, "maps", "results")
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.product.pk, Product.objects.count()) == (first.product.pk, before)
    use = first.product.files.get(position=0)
    assert local_path(use.file.path).stat().st_size == use.file.size


def test_consent(completed: Any) -> None:
    """A user's job is published by that user, or when the user has agreed."""
    owner = User.objects.create_user("karl")
    job = completed("spectrum", "flux_points", owner)
    with pytest.raises(NotPublishable, match="belongs to karl: ask for consent"):
        publish(job, "flux_points", "results", curator=User.objects.create_user("curator", is_staff=True))
    assert not Product.objects.filter(release__collection__name="results").exists()
    assert publish(job, "flux_points", "results", curator=owner).is_new


@pytest.mark.parametrize(
    ("result", "collection", "words"),
    [
        ("plot", "results", "kind 'preview-plot' cannot be published"),
        ("nothing", "results", "no result 'nothing'; it has flux_points, plot"),
        ("flux_points", "no name!", "cannot name a collection"),
    ],
)
def test_refusals(completed: Any, result: str, collection: str, words: str) -> None:
    with pytest.raises(NotPublishable, match=words):
        publish(completed("spectrum", "flux_points"), result, collection)


def test_refused_while_it_runs_and_when_damaged(completed: Any) -> None:
    job = completed("spectrum", "flux_points")
    Job.objects.filter(pk=job.pk).update(phase=Phase.EXECUTING)
    job.refresh_from_db()
    with pytest.raises(NotPublishable, match="completed jobs"):
        publish(job, "flux_points", "results")
    Job.objects.filter(pk=job.pk).update(phase=Phase.COMPLETED)
    job.refresh_from_db()
    name = Result.objects.get(job=job, name="flux_points").file.storage_name
    Path(results.store().path(name)).write_bytes(b"something else")
    with pytest.raises(NotPublishable, match="damaged"):
        publish(job, "flux_points", "results")


def test_command(completed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = completed("countmap", "maps", User.objects.create_user("karl"))
    with pytest.raises(CommandError, match="belongs to karl"):
        call_command("publish", job.public_id, "maps", collection="results")
    for _ in range(2):
        call_command("publish", job.public_id, "maps", collection="results", owner_agrees=True)
    first, again = capsys.readouterr().out.splitlines()
    assert again == f"{first} (published before)"
    assert first.endswith("/maps")
    with pytest.raises(CommandError, match="there is no job"):
        call_command("publish", "none", "maps", collection="results")


def test_admin_action(completed: Any, client: Client, settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.force_login(User.objects.create_superuser("admin"))
    job = completed("spectrum", "flux_points", User.objects.create_user("karl"))
    page = "/admin/uws/result/"
    assert "flux_points" in client.get(page).content.decode()
    chosen = str(Result.objects.get(job=job, name="flux_points").pk)
    sent = {"action": "publish", "_selected_action": chosen, "collection": "results", "release": "r1"}
    assert "ask for consent" in client.post(page, sent, follow=True).content.decode()
    assert "is published" in client.post(page, {**sent, "owner_agrees": "on"}, follow=True).content.decode()
    assert Product.objects.filter(subtype="flux-points").count() == 1
