"""Event lists that are no GADF runs, such as photons of Fermi-LAT: in ADQL, by SODA, and where they are refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from django.core.management import call_command
from django.test import Client

from analysis.distil.job import DistilParameters
from archive.distillable import resolve_events
from archive.eventtable.tables import Event
from archive.identifiers import make_did
from archive.ingest import Report
from archive.models import ObsCore
from tests.archive import products, samples
from tests.archive.test_datalink import LINKS, Document
from uws.errors import UserJobError
from uws.jobtypes import Owner
from uws.values import parse

pytestmark = pytest.mark.django_db
TakeIn = Callable[..., Report]
PHOTONS, RUN = make_did("c", "r1", "lat"), make_did("c", "r1", "42")


@pytest.fixture
def both(take_in: TakeIn, tmp_path: Path) -> fits.BinTableHDU:
    """Photons and a run, taken in; the HDU of the photons."""
    photons = products.photons()
    products.write(tmp_path / "data" / "lat.fits", photons, products.lat_gti())
    samples.write(tmp_path / "data" / "run.fits")
    assert take_in(tmp_path / "data").exit_status == 0
    return photons


def rows(obs_id: str) -> list[tuple[Any, ...]]:
    own = Event.objects.filter(cell__obscore__obs_id=obs_id, cell__obscore__obs_collection="c")
    return list(own.order_by("event_id").values_list("event_id", "mjd", "ra", "dec", "energy", "event_type"))


def test_photons_are_in_the_table_of_events(both: fits.BinTableHDU) -> None:
    """Energies in TeV, times as MJD in UTC; taken from the stored file again they are the same."""
    data = both.data
    seconds = products.LAT_TIME["MJDREFF"] + data["TIME"] / 86400
    mjd = Time(products.LAT_TIME["MJDREFI"], seconds, format="mjd", scale="tt").utc.mjd
    found = rows("lat")
    assert [row[0] for row in found] == data["EVENT_ID"].tolist()
    assert [row[1] for row in found] == mjd.tolist()
    assert [row[2:4] for row in found] == list(zip(data["RA"].tolist(), data["DEC"].tolist(), strict=True))
    assert [row[4] for row in found] == (data["ENERGY"].astype(float) * 1e-6).tolist()
    # Event lists of other tests have their files elsewhere.
    ObsCore.objects.filter(dataproduct_type="event").exclude(obs_collection="c").delete()
    call_command("eventtable", refresh=True, stdout=io.StringIO())
    assert rows("lat") == found


def test_photons_of_the_mission(take_in: TakeIn, shared: Path) -> None:
    """A real list: every photon, EVENT_TYPE with FRONT as 1 and BACK as 2."""
    path = shared / "data" / "fermi-lat" / "crab-3fhl-events" / "events.fits.gz"
    assert take_in(path).exit_status == 0
    found = rows("crab-3fhl-events")
    data = fits.getdata(path, "EVENTS")
    assert len(found) == len(data)
    assert sorted(row[4] for row in found) == np.sort(data["ENERGY"].astype(float) * 1e-6).tolist()
    front = np.count_nonzero(data["CONVERSION_TYPE"] == 0)
    assert [sum(row[5] & bit == bit for row in found) for bit in (1, 2)] == [front, len(data) - front]


def test_cut_out_in_their_own_format(both: fits.BinTableHDU, client: Client) -> None:
    """SODA 1.0: rows as they are in the file, energies in MeV; nothing says that it were GADF."""
    response = client.get("/soda/sync", {"ID": PHOTONS, "ENERGY": "0.02 0.1", "CIRCLE": "83.63 22.01 1"})
    assert response.status_code == 200, response.content
    energy = both.data["ENERGY"]
    with fits.open(io.BytesIO(response.getvalue())) as cut:
        kept = np.isin(energy, cut["EVENTS"].data["ENERGY"])
        assert 0 < kept.sum() < np.count_nonzero((energy >= 2e4) & (energy <= 1e5))
        for name in both.columns.names:
            assert cut["EVENTS"].data[name].tolist() == both.data[name][kept].tolist()
        assert (cut["EVENTS"].header["HDUCLASS"], cut["EVENTS"].columns["ENERGY"].unit) == ("OGIP", "MeV")


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("asked", [{"RESPONSEFORMAT": "zip"}, {"RESPONSEFORMAT": "tar"}, {"ID": [PHOTONS, RUN]}])
def test_no_data_store_of_them(client: Client, asked: dict[str, Any]) -> None:
    response = client.get("/soda/sync", {"ID": PHOTONS, **asked})
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert response.content.decode() == (
        f"UsageError: {PHOTONS} is an event list of another format, which a GADF data store cannot hold: ask for it "
        "alone, by RESPONSEFORMAT fits\n"
    )


@pytest.mark.usefixtures("both")
def test_distil_is_for_runs(client: Client) -> None:
    """Neither offered for photons nor made of them; a search takes the runs that it finds."""
    offered = {
        did: {row["service_def"] for row in Document(client.get(LINKS, {"ID": [PHOTONS, RUN]}).content).rows
              if row["ID"] == did and row["semantics"] in ("#proc", "#cutout")}
        for did in (PHOTONS, RUN)
    }  # fmt: skip
    assert offered[PHOTONS] == {"cutout", "cutout_async"}
    assert offered[RUN] >= {"cutout", "job_distil"}

    def found(**texts: str) -> list[str]:
        given = {name: [value] for name, value in {"collection": "c", **texts}.items()}
        return [file.id for file in resolve_events(parse(DistilParameters, given), Owner())]

    with pytest.raises(UserJobError, match="is an event list of another format"):
        found(obs_id=PHOTONS)
    assert found(region="CIRCLE 83.63 22.01 5") == [RUN]
    with pytest.raises(UserJobError, match=f"{PHOTONS} is an event list".replace("?", ".")):
        found(time="54700 54900", region="CIRCLE 83.63 22.01 5")
