"""Finding data in folders: which reader gets a file, what is refused there, and how often a file is opened."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from archive.readers import scanning
from archive.readers.gadf import GADFReader
from archive.readers.outline import outline
from archive.readers.records import Refused
from archive.readers.registry import readers
from archive.readers.scanning import scan
from tests.archive import products, samples


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a data set of every format, and things that are none."""
    root = tmp_path / "mixed"
    products.ogip(root / "spectra")
    products.write(root / "curves" / "lc.fits", products.curve())
    products.write(root / "fp.fits", products.flux_points())
    products.write(root / "cat.fits", products.catalogue())
    products.write(root / "lat" / "ph.fits", products.photons(), products.lat_gti())
    samples.write(root / "run.fits")
    products.write(root / "map.fits", products.table("SKY", {"PIXEL": ("J", None, [1])}))
    (root / "alert.xml").write_text("<VOEvent/>")
    (root / ".hidden").write_text("x")
    return root


def test_each_file_goes_to_its_reader(mixed: Path) -> None:
    found = {f.candidate.label: f.reader.name if f.reader else f.candidate.refusal for f in scan(mixed)}
    unknown = found.pop("map.fits")
    assert found == {
        "spectra/src.fits": "ogip", "curves/lc.fits": "integral", "fp.fits": "sed", "cat.fits": "catalogue",
        "lat/ph.fits": "fermi", "run.fits": "gadf", "alert.xml": "not a FITS file",
    }  # fmt: skip
    assert unknown is not None
    assert unknown.startswith("no reader knows it (")
    for reader in readers():
        assert f"{reader.name}: it has no" in unknown


def test_a_file_is_opened_once_to_see_what_it_is(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()

    def counted(path: Path, where: str) -> object:
        opened[where] += 1
        return outline(path, where)

    monkeypatch.setattr(scanning, "outline", counted)
    list(scan(mixed))
    assert set(opened.values()) == {1}
    assert len(opened) == 10


def test_files_of_a_data_store_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index says what they are; what it does not list is not taken for good data."""
    store(tmp_path / "store", "")
    samples.write(tmp_path / "store" / "rejected.fits", samples.events(OBS_ID=43), samples.gti())
    opened = []
    monkeypatch.setattr(scanning, "outline", lambda path, where: (opened.append(where), outline(path, where))[1])
    found = {f.candidate.label: f.candidate.refusal for f in scan(tmp_path)}
    assert found == {
        "run.fits (observation 42)": None,
        "store/rejected.fits": "hdu-index.fits beside it does not list it",
    }
    assert opened == ["store/rejected.fits"]


def store(folder: Path, responses: str) -> None:
    """A data store of one run; its responses in the folder `responses`."""
    samples.write(
        folder / "run.fits" if folder.mkdir(parents=True) is None else folder, samples.events(), samples.gti()
    )
    rows = [("events", "", "run.fits", "EVENTS"), ("gti", "", "run.fits", "GTI")]
    if responses:
        rows += [(kind, responses, "irf_file.fits", kind.upper()) for kind in ("aeff", "edisp", "psf")]
    table = Table(rows=[(42, kind, kind, where, name, hdu) for kind, where, name, hdu in rows],
                  names=("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"))  # fmt: skip
    table.write(folder / "hdu-index.fits")
    Table({"OBS_ID": [42]}).write(folder / "obs-index.fits")


@pytest.mark.parametrize("written", ["$CALDB/data/cta/irf", "${CALDB}/data/cta/irf", "$CALDB//data/cta/irf"])
def test_the_calibration_database_is_found_within_the_folder(tmp_path: Path, written: str) -> None:
    """CTA 1DC: the HDU index names responses below $CALDB (cta-1dc/README.md)."""
    store(tmp_path / "cta" / "index" / "gps", written)
    responses = tmp_path / "cta" / "caldb" / "data" / "cta" / "irf" / "irf_file.fits"
    responses.parent.mkdir(parents=True)
    samples.write(responses, samples.aeff(), samples.edisp(), samples.psf())
    (found,) = scan(tmp_path / "cta")
    assert [source.path for source in found.candidate.files][1] == responses
    record = GADFReader().read(found.candidate)
    assert (record.subtype, record.files[1].hdus["psf"]) == ("event-bundle", "PSF")


def test_the_calibration_database_is_not_sought_outside(tmp_path: Path) -> None:
    store(tmp_path / "cta" / "gps", "$CALDB/../../outside")
    samples.write(tmp_path / "irf_file.fits")
    refusals = [found.candidate.refusal or "" for found in scan(tmp_path / "cta")]
    assert any("does not exist" in each or "lies outside" in each for each in refusals)


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "in"
    products.write(root / "cat.fits", products.catalogue())
    outside = products.write(tmp_path / "secret.fits", products.catalogue())
    (root / "link.fits").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path, target_is_directory=True)
    found = {f.candidate.label: f.candidate.refusal for f in scan(root)}
    assert found == {"cat.fits": None, "link.fits": "it is a link that leads out of in"}


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    products.write(tmp_path / "cat.fits", products.catalogue())
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path: object) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", closed)
    found = {f.candidate.label: f.candidate.refusal for f in scan(tmp_path)}
    assert found == {"cat.fits": None, "closed": "cannot be opened: Permission denied"}


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, settings: Any) -> None:
    settings.DISTILLER_UNPACKED_MAX = 2
    (tmp_path / "bomb.fits.gz").write_bytes(gzip.compress(b"SIMPLE  =" + bytes(2**22)))
    (found,) = scan(tmp_path)
    assert "unpacks to more than" in (found.candidate.refusal or "")


def reason_of(path: Path) -> str | None:
    """Why a file is refused, None if it is not; anything but a refusal fails the test."""
    (found,) = scan(path)
    if found.reader is None:
        return found.candidate.refusal or ""
    try:
        found.reader.read(found.candidate)
    except Refused as refusal:
        return refusal.reason
    return None


_HARMLESS = ("unit", "dimensions", "name", "fields", "form", "bits")
"""Lies that astropy sees through, or that concern columns nobody reads."""
HOSTILE = {
    "rows": lambda header: header.set("NAXIS2", 10**15),
    "row length": lambda header: header.set("NAXIS1", 10**12),
    "negative": lambda header: header.set("NAXIS2", -5),
    "fields": lambda header: header.set("TFIELDS", 999),
    "no fields": lambda header: header.set("TFIELDS", 0),
    "heap": lambda header: header.set("PCOUNT", 10**14),
    "form": lambda header: header.set("TFORM2", "Z"),
    "width": lambda header: header.set("TFORM2", "99999999999D"),
    "dimensions": lambda header: header.set("TDIM2", "(0,-3,7)"),
    "unit": lambda header: header.set("TUNIT2", "\\frac{}"),
    "name": lambda header: header.remove("TTYPE1"),
    "bits": lambda header: header.set("BITPIX", 17),
    "axes": lambda header: header.set("NAXIS", 999),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("kind", ["pha", "curve", "flux_points", "catalogue", "photons", "events"])
def test_headers_that_lie_are_refused_with_a_sentence(tmp_path: Path, what: str, kind: str) -> None:
    """Absurd sizes, forms and dimensions: never a traceback, and never memory for what is not there."""
    made = samples.events() if kind == "events" else getattr(products, kind)()
    path = products.write(tmp_path / "bad.fits", made, samples.gti())
    with fits.open(path) as hdus:
        begin, data = hdus[1].fileinfo()["hdrLoc"], hdus[1].fileinfo()["datLoc"]
        header = hdus[1].header.copy()
    HOSTILE[what](header)
    content = path.read_bytes()
    written = header.tostring().encode("ascii")
    path.write_bytes(content[:begin] + written + content[data:])
    reason = reason_of(path)
    assert reason is None or (reason and len(reason.splitlines()) == 1)
    assert reason or what in _HARMLESS


def test_bytes_at_random_are_refused(tmp_path: Path) -> None:
    refused, rng = 0, np.random.default_rng(1)
    whole = bytearray(products.write(tmp_path / "cat.fits", products.catalogue()).read_bytes())
    for number in range(60):
        broken = bytearray(whole)
        for place in rng.integers(2880, len(whole), 30):
            broken[place] = rng.integers(32, 127)
        path = tmp_path / f"{number}.fits"
        path.write_bytes(broken)
        reason = reason_of(path)
        refused += reason is not None
        assert reason is None or len(reason.splitlines()) == 1
    assert refused > 20
