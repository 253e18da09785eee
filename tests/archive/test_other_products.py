"""Data sets that are no event lists, in the archive: rows, links, pages, documents, pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from archive import preview
from archive.acceptance import takes
from archive.identifiers import make_did
from archive.ingest import Report, Status
from archive.models import ObsCore, Observation, Product
from archive.readers.scanning import scan
from frontend import queries
from tests.archive import products, samples
from tests.archive.test_datalink import LINKS, Document
from uws.jobtypes import job_types

TakeIn = Callable[..., Report]
SPECTRUM = make_did("c", "r1", "0123", "src.fits")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Data sets of five kinds, a run with the spectrum's obs_id, and documents beside and apart from them."""
    root = tmp_path / "mixed"
    products.ogip(root / "spectra")
    products.write(root / "curves" / "lc.fits", products.curve())
    products.write(root / "fp.fits", products.flux_points())
    products.write(root / "cat.fits", products.catalogue())
    products.write(root / "lat" / "photons3.fits", products.photons(), products.lat_gti())
    samples.write(root / "run.fits", samples.events(OBS_ID="0123"), samples.gti(), samples.aeff(), samples.edisp())
    for folder in ("", "spectra", "texts"):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "README.md").write_text(f"About {folder}.\n")
    return root


def test_a_mixed_folder_goes_in(take_in: TakeIn, mixed: Path) -> None:
    report = take_in(mixed)
    assert {o.label for o in report.of(Status.ADDED)} == {
        "spectra/src.fits", "curves/lc.fits", "fp.fits", "cat.fits", "lat/photons3.fits", "run.fits", "README.md",
        "spectra/README.md",
    }  # fmt: skip
    (refused,) = report.of(Status.REFUSED)
    assert (refused.label, report.exit_status) == ("texts/README.md", 1)
    again = take_in(mixed)
    assert len(again.of(Status.KNOWN)) == 8
    assert not again.of(Status.ADDED)


def test_obscore_rows(take_in: TakeIn, mixed: Path) -> None:
    """ObsCore 1.1 sections 2.1, 2.2, 2.20, 2.21; obscore.md "A gamma-ray archive in ObsCore"; NULL where senseless."""
    take_in(mixed)
    columns = ("dataproduct_type", "dataproduct_subtype", "calib_level", "em_xel", "t_xel", "s_xel1", "o_ucd")
    own = ObsCore.objects.filter(obs_collection="c").exclude(dataproduct_type=None)
    found = own.values_list("obs_publisher_did", *columns)
    rows = {row[0]: row[1:] for row in found}
    assert rows == {
        SPECTRUM: ("spectrum", "counts-spectrum", 3, 50, -1, -1, "phot.count"),
        make_did("c", "r1", "lc"): ("timeseries", "light-curve", 4, -1, 20, -1, "phot.count"),
        make_did("c", "r1", "fp"): ("sed", "flux-points", 4, 5, -1, -1, "phot.flux.density"),
        make_did("c", "r1", "cat"): ("measurements", None, 4, -1, -1, -1, None),
        make_did("c", "r1", "photons3"): ("event", "event-list", 2, -1, -1, -1, None),
        make_did("c", "r1", "123"): ("event", "event-bundle", 2, -1, -1, -1, None),
    }
    spectrum = ObsCore.objects.select_related("hea").get(obs_publisher_did=SPECTRUM)
    assert (spectrum.obs_id, spectrum.obs_title) == ("0123", "EX CAM spectrum 0123, Crab")
    assert (spectrum.s_ra, spectrum.s_region, spectrum.s_ucd) == (83.63, None, None)
    assert spectrum.em_min == pytest.approx(1.239841984332e-6 / 10.5e3)
    assert spectrum.em_max == pytest.approx(1.239841984332e-6 / 1.5e3)
    assert spectrum.hea.energy_min == pytest.approx(1500.0)
    assert (spectrum.hea.ev_xel, spectrum.hea.t_first is not None) == (None, True)
    catalogue = ObsCore.objects.select_related("hea").get(dataproduct_type="measurements")
    assert (catalogue.t_min, catalogue.em_min, catalogue.t_exptime, catalogue.hea.t_intervals) == (None,) * 4
    assert catalogue.s_region is not None


def test_the_run_and_its_spectrum_have_one_obs_id(take_in: TakeIn, mixed: Path) -> None:
    """ObsCore 1.1 section 2.4: obs_id groups the products of one observation. GADF numbers have no leading zeros."""
    products.ogip(mixed / "spectra", products.pha(OBS_ID="123"))
    take_in(mixed)
    rows = Observation.objects.filter(obs_id="123").order_by("part")
    assert [(row.part, row.event_count) for row in rows] == [("", 50), ("src.fits", None)]
    other = products.pha(OBS_ID="123", EXPOSURE=2000.0)
    products.ogip(mixed / "more", other)
    (refused,) = [o for o in take_in(mixed).of(Status.REFUSED) if o.label == "more/src.fits"]
    assert refused.reason.startswith("release r1 of c has src.fits of observation 123 with other bytes")


def links_of(client: Client, *identifiers: str) -> list[dict[str, Any]]:
    return Document(client.get(LINKS, {"ID": list(identifiers)}).content).rows


def test_links_of_a_spectrum(take_in: TakeIn, mixed: Path, client: Client) -> None:
    """DataLink 1.1: the spectrum is #this, its responses are #calibration; no job is offered that cannot take it."""
    take_in(mixed)
    rows = links_of(client, SPECTRUM)
    this = [row for row in rows if row["semantics"] == "#this"]
    assert [(row["content_qualifier"], row["description"]) for row in this] == [
        ("#spectrum", "Counts spectrum with ARF and RMF")
    ]
    calibration = {row["description"]: row["content_qualifier"] for row in rows if row["semantics"] == "#calibration"}
    assert calibration == {
        "Effective area (ARF) (HDU SPECRESP of area.fits)": "#arf",
        "Redistribution of energies (RMF) (HDU MATRIX of matrix.fits)": "#rmf",
        "Background spectrum (HDU SPECTRUM of back.fits)": None,
    }
    assert not [row for row in rows if row["semantics"] == "#proc"]
    assert [row["description"] for row in rows if row["semantics"] == "#preview-plot"] == ["Drawn for a test"]


@pytest.mark.django_db(transaction=True)
def test_every_page(take_in: TakeIn, mixed: Path, client: Client) -> None:
    take_in(mixed)
    for row in ObsCore.objects.all():
        page = client.get(reverse("observation", args=[row.obs_publisher_did])).content.decode()
        assert ("Observation" in page.partition("<h1>")[2][:20]) == (row.dataproduct_type == "event")
        for offered in ("Fit spectrum", "Distil these events"):
            assert (offered in page) == (row.dataproduct_subtype == "event-bundle")
    page = client.get(reverse("observation", args=[SPECTRUM])).content.decode()
    assert "FILE=matrix.fits" in page
    assert "1.5 – 10.5 keV" in page
    assert '<p class="trail"><a href="/query?adql=SELECT+obs_id' in page
    front = client.get(reverse("search")).content.decode()
    for kind in ("event lists", "spectra", "light curves", "flux points", "tables"):
        assert f"<td>{kind}</td>" in front
    adql = queries.products("c", "spectrum")
    listed = client.get("/tap/sync", {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv"})
    assert SPECTRUM in b"".join(listed).decode()
    answer = client.get("/api/observations", {"obs_id": "0123"}).json()
    assert [each["livetime"] for each in answer["results"]] == [1000.0]


def test_the_newer_release_of_a_spectrum(take_in: TakeIn, mixed: Path, client: Client) -> None:
    """A spectrum is replaced by the spectrum of the same name, not by another of the same observation."""
    second = products.write(mixed / "spectra" / "other.fits", products.pha(EXPOSURE=500.0))
    take_in(mixed)
    second.unlink()
    take_in(mixed, release="r2")
    rows = links_of(client, make_did("c", "r1", "0123", "other.fits"), SPECTRUM)
    newer = [(row["ID"], row["access_url"]) for row in rows if row["semantics"] == "#coderived"]
    assert [each for each, _ in newer] == [SPECTRUM]


def test_jobs_are_offered_for_what_they_can_take(take_in: TakeIn, tmp_path: Path, client: Client) -> None:
    """Point-like responses are none for a job that needs the whole field of view, and do for one that needs no more."""
    irfs = [made(HDUCLAS3="POINT-LIKE") for made in (samples.aeff, samples.edisp)]
    samples.write(tmp_path / "full.fits")
    samples.write(tmp_path / "point.fits", samples.events(OBS_ID=43), samples.gti(), *irfs)
    take_in(tmp_path)
    full, point = (Product.objects.get(did=make_did("c", "r1", obs_id)) for obs_id in ("42", "43"))
    countmap, spectrum = (next(job for job in job_types() if job.name == name) for name in ("countmap", "spectrum"))
    role = replace(countmap.inputs[0], product_types=("event-bundle", "event-list"))
    assert [takes(countmap, product, ()) for product in (full, point)] == [True, False]
    assert [takes(replace(countmap, inputs=(role,)), product, ()) for product in (full, point)] == [True, True]
    assert [takes(spectrum, product, ()) for product in (full, point)] == [True, True]
    offered = {row["service_def"] for row in links_of(client, point.did)}
    assert "job_spectrum" in offered
    assert "job_countmap" not in offered


def test_documents_know_their_folder(take_in: TakeIn, mixed: Path) -> None:
    take_in(mixed)
    names = Product.objects.filter(subtype="document").values_list("did", flat=True)
    assert set(names) == {
        make_did("c", "r1", "documents", "README.md"), make_did("c", "r1", "documents", "spectra/README.md"),
    }  # fmt: skip


def test_pictures_are_small_and_the_same_each_time(mixed: Path) -> None:
    drawn: dict[str, list[str]] = {}
    for found in scan(mixed):
        if found.reader is None or found.reader.name == "gadf":
            continue
        record = found.reader.read(found.candidate)
        pictures = preview.render(record)
        for picture in pictures:
            assert picture.content.startswith(b"\x89PNG")
            assert 5_000 < len(picture.content) <= preview.SIZE_LIMIT
            assert picture.description
        drawn[found.reader.name] = [picture.kind for picture in pictures]
    assert drawn == {
        "catalogue": ["preview-image"], "fermi": ["preview-image", "preview-plot"], "integral": ["preview-plot"],
        "ogip": ["preview-plot"], "sed": ["preview-plot"],
    }  # fmt: skip
    assert preview.render(record) == pictures
