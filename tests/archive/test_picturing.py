"""Pictures of data sets as products: which there are, what they count, and those that came later."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from archive import migrations, preview
from archive.eventpictures import rates
from archive.identifiers import make_did
from archive.ingest import Report
from archive.models import Product
from provenance.models import WasDerivedFrom
from tests.archive import products, samples
from tests.archive.test_datalink import LINKS, Document
from tests.archive.test_retrieve import body
from tests.archive.undrawn import undrawn

pytestmark = pytest.mark.django_db
TakeIn = Callable[..., Report]
PHOTONS, SPECTRUM, RUN = (make_did("c", "r1", *names) for names in (("lat",), ("0123", "src.fits"), ("42",)))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A run, photons of Fermi-LAT and a spectrum."""
    root = tmp_path / "mixed"
    products.ogip(root / "spectra")
    products.write(root / "lat.fits", products.photons(), products.lat_gti())
    samples.write(root / "run.fits")
    return root


@pytest.fixture
def without_plots(mixed: Path, take_in: TakeIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """They came in when each data set had one picture."""
    with monkeypatch.context() as before:
        before.setattr(preview, "render", lambda record: undrawn(record)[:1])
        assert take_in(mixed).exit_status == 0


def pictures() -> dict[str, str]:
    """Kinds of the pictures of what was taken in, by identifier."""
    found = Product.objects.filter(release__collection__name="c", semantics__startswith="#preview")
    assert all(each.semantics == f"#{each.subtype}" for each in found)
    return dict(found.values_list("did", "subtype"))


EXPECTED = {
    f"{RUN}/preview": "preview-image", f"{RUN}/plot": "preview-plot", f"{PHOTONS}/preview": "preview-image",
    f"{PHOTONS}/plot": "preview-plot", f"{SPECTRUM}/preview": "preview-plot",
}  # fmt: skip


def test_links_to_pictures(take_in: TakeIn, mixed: Path, client: Client) -> None:
    """DataLink vocabulary: preview-image is the sky, preview-plot a spectrum, a curve; each with type and length."""
    assert take_in(mixed).exit_status == 0
    assert pictures() == EXPECTED
    for did in (RUN, PHOTONS, SPECTRUM):
        rows = Document(client.get(LINKS, {"ID": did}).content).rows
        shown = [row for row in rows if row["semantics"].startswith("#preview")]
        assert [row["semantics"] for row in shown] == [f"#{v}" for k, v in EXPECTED.items() if k.startswith(did)]
        for row in shown:
            content = body(client.get(row["access_url"]))
            assert (row["content_type"], row["content_length"]) == ("image/png", len(content))


@pytest.mark.usefixtures("without_plots")
def test_reindex_draws_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """With the reader of each format; provenance leads back to the data set. What is there stays as it is."""
    kept = set(Product.objects.filter(did__in=EXPECTED).values_list("pk", flat=True))
    assert len(kept) == 3
    call_command("reindex")
    call_command("reindex")
    assert capsys.readouterr().out.splitlines() == [
        f"0 event lists indexed, {drawn} data sets drawn, 0 failed." for drawn in (2, 0)
    ]
    assert pictures() == EXPECTED
    assert kept < set(Product.objects.filter(did__in=EXPECTED).values_list("pk", flat=True))
    for did in (RUN, PHOTONS):
        plot = Product.objects.get(did=f"{did}/plot").files.get().file
        made = WasDerivedFrom.objects.get(generated_entity=f"{did}/plot")
        assert (made.used_entity_id, made.generated_entity.sha256) == (did, plot.sha256)


@pytest.mark.usefixtures("without_plots")
def test_reindex_tells_what_cannot_be_drawn(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / Product.objects.get(did=RUN).files.get().file.path).write_bytes(b"SIMPLE")
    with pytest.raises(SystemExit):
        call_command("reindex")
    said = capsys.readouterr()
    assert said.out == "0 event lists indexed, 1 data sets drawn, 1 failed.\n"
    assert said.err.startswith(f"{RUN}: ")


def test_pictures_of_old_that_are_plots(take_in: TakeIn, mixed: Path) -> None:
    """The migration: what was drawn of spectra and the like was called an image."""
    take_in(mixed)
    old = Product.objects.filter(did__in=EXPECTED, did__endswith="/preview")
    old.update(subtype="preview-image", semantics="#preview-image")
    (name,) = (path.stem for path in Path(migrations.__path__[0]).glob("*_pictures_that_are_plots.py"))
    import_module(f"{migrations.__name__}.{name}").to_plots(apps, None)
    assert pictures() == EXPECTED


def test_rates_are_those_of_good_time() -> None:
    """Events within good time only, over as much of it as each bin has: an oracle that looks at every interval."""
    rng = np.random.default_rng(5)
    ends = 55_000 + np.sort(rng.uniform(0, 1, 14))
    good = ends.reshape(7, 2)
    mjd = 55_000 + rng.uniform(-0.1, 1.1, 5000)
    edges, counts, lasting = rates(mjd, good, 9)
    assert (edges[0], edges[-1]) == (good[0, 0], good[-1, 1])
    inside = [t for t in mjd if any(start <= t <= stop for start, stop in good)]
    assert counts.tolist() == np.histogram(inside, edges)[0].tolist()
    for low, high, days in zip(edges[:-1], edges[1:], lasting, strict=True):
        shared = sum(max(0.0, min(high, stop) - max(low, start)) for start, stop in good)
        assert days == pytest.approx(shared, abs=1e-10)


def test_as_many_pictures_as_in_other_tests(mixed: Path) -> None:
    """The pictures that tests use in place of drawn ones are of the same kinds."""
    from archive.readers.scanning import scan

    for found in scan(mixed / "lat.fits"):
        assert found.reader is not None
        record = found.reader.read(found.candidate)
        names = [[(p.ending, p.kind) for p in made(record)] for made in (preview.render, undrawn)]
        assert names[0] == names[1]
