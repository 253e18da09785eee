"""SODA 1.0 at /soda/sync: each parameter against NumPy on the archived file, and every error in its form."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from defusedxml.ElementTree import fromstring
from django.conf import LazySettings
from django.test import Client

from archive.models import Observation, Product
from archive.policy import Policy
from archive.soda import cutout
from archive.soda.capabilities import ASYNC_STANDARD, SYNC_STANDARD
from archive.soda.parameters import PARAMETERS
from archive.store import local_path
from vo.errors import AuthorizationFault, FatalFault
from vo.healpix import cells
from vo.regions import separation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_archive")]
URL = "/soda/sync"
HC = 1.239841984332e-18
"""TeV m."""


def product(obs_id: str = "1001") -> Product:
    return Product.objects.get(observation__obs_id=obs_id, subtype="event-bundle", release__collection__name="demo")


def observation(obs_id: str = "1001") -> Observation:
    return Observation.objects.get(obs_id=obs_id, release__collection__name="demo")


def archived() -> fits.HDUList:
    """The archived file of run 1001."""
    return fits.open(local_path(product().files.get(position=0).file.path))


def content(response: Any) -> bytes:
    body: bytes = response.getvalue() if response.streaming else response.content
    assert response.status_code == 200, body[:500]
    return body


def cut(client: Client, **parameters: Any) -> fits.HDUList:
    response = client.get(URL, {"ID": product().did, **parameters})
    assert response["Content-Type"] == "application/fits"
    body = content(response)
    assert response["Content-Length"] == str(len(body))
    return fits.open(io.BytesIO(body))


def near(data: Any, lon: float, lat: float, radius: float) -> Any:
    return separation(lon, lat, data["RA"].astype(float), data["DEC"].astype(float)) <= radius


def times() -> tuple[float, float]:
    """The middle half of the run, MJD in UTC."""
    start, stop = observation().t_start, observation().t_stop
    return start + (stop - start) / 4, stop - (stop - start) / 4


def in_time(data: Any, header: fits.Header) -> Any:
    zero = Time(header["MJDREFI"], header["MJDREFF"], format="mjd", scale=header["TIMESYS"].lower())
    low, high = ((Time(end, format="mjd", scale="utc") - zero).sec for end in times())
    return (data["TIME"] >= low) & (data["TIME"] <= high)


Case = tuple[dict[str, Any], Callable[[Any, fits.Header], Any]]


def cases() -> dict[str, Case]:
    """Parameters, and the events that they want of a table."""
    o = observation()
    ra, dec = float(o.ra_pnt or 0), float(o.dec_pnt or 0)
    low, high = times()
    square = f"{ra - 1} {dec - 1} {ra + 1} {dec - 1} {ra + 1} {dec + 1} {ra - 1} {dec + 1}"
    return {
        "nothing": ({}, lambda d, h: d["ENERGY"] > 0),
        "CIRCLE": ({"CIRCLE": f"{ra} {dec} 0.5"}, lambda d, h: near(d, ra, dec, 0.5)),
        "POS circle": ({"POS": f"CIRCLE {ra} {dec} 0.5"}, lambda d, h: near(d, ra, dec, 0.5)),
        "POS range": (
            {"pos": f"RANGE {ra - 0.5} {ra + 0.5} -Inf {dec}"},
            lambda d, h: (np.abs(d["RA"].astype(float) - ra) <= 0.5) & (d["DEC"].astype(float) <= dec),
        ),
        "POLYGON": ({"POLYGON": square}, None),
        "POS polygon": ({"POS": f"POLYGON {square}"}, None),
        "BAND": ({"BAND": f"{HC / 5} {HC / 1}"}, lambda d, h: (d["ENERGY"] >= 1) & (d["ENERGY"] <= 5)),
        "BAND open": ({"BAND": f"-Inf {HC / 1}"}, lambda d, h: d["ENERGY"] >= 1),
        "ENERGY": ({"ENERGY": "1 5"}, lambda d, h: (d["ENERGY"] >= 1) & (d["ENERGY"] <= 5)),
        "ENERGY open": ({"ENERGY": "-Inf 1"}, lambda d, h: d["ENERGY"] <= 1),
        "TIME": ({"TIME": f"{low!r} {high!r}"}, in_time),
        "all": (
            {"CIRCLE": f"{ra} {dec} 1", "ENERGY": "0.5 +Inf", "TIME": f"{low!r} +Inf"},
            lambda d, h: (
                near(d, ra, dec, 1) & (d["ENERGY"] >= 0.5) & (in_time(d, h) | (d["TIME"] > np.median(d["TIME"])))
            ),
        ),
    }  # type: ignore[dict-item]


NAMES = (
    "nothing", "CIRCLE", "POS circle", "POS range", "POLYGON", "POS polygon", "BAND", "BAND open", "ENERGY",
    "ENERGY open", "TIME", "all",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_events_are_those_of_the_file(client: Client, name: str) -> None:
    """SODA 1.0 sections 3.3.2 to 3.3.6 (SD-05 to SD-07), SD-16: the same rows in the same order, bit by bit."""
    parameters, wanted = cases()[name]
    with archived() as original, cut(client, **parameters) as found:
        data, header = original["EVENTS"].data, original["EVENTS"].header
        ids = found["EVENTS"].data["EVENT_ID"]
        mask = np.isin(data["EVENT_ID"], ids) if wanted is None else wanted(data, header)
        assert 0 < len(ids) <= len(data)
        assert bytes(data[mask].tobytes()) == bytes(found["EVENTS"].data.tobytes())
        if wanted is None:
            (_, circle), square = cases()["CIRCLE"], found["EVENTS"].data
            assert set(data["EVENT_ID"][circle(data, header)]) <= set(ids)
            o = observation()
            assert near(square, float(o.ra_pnt or 0), float(o.dec_pnt or 0), 1.6).all()


def test_a_cut_in_time_cuts_exposure(client: Client) -> None:
    """GADF 0.3 "EVENTS" and "GTI" (SD-16): GTI, ONTIME, LIVETIME, TSTART and TSTOP follow; responses stay."""
    low, high = times()
    with archived() as original, cut(client, TIME=f"{low!r} {high!r}") as found:
        header, known = found["EVENTS"].header, original["EVENTS"].header
        seconds = (high - low) * 86400
        assert header["ONTIME"] == pytest.approx(seconds, abs=1e-3)
        assert header["LIVETIME"] == pytest.approx(seconds * known["DEADC"], rel=1e-4)
        gti = found["GTI"].data
        assert (gti["STOP"] - gti["START"]).sum() == pytest.approx(seconds, abs=1e-3)
        assert header["TSTART"] == gti["START"][0]
        assert header["TSTOP"] == gti["STOP"][-1]
        for hdu in original[3:]:
            assert found[hdu.name].data.tobytes() == hdu.data.tobytes()
        assert any("Parameter TIME" in str(line) for line in found[0].header["HISTORY"])


@pytest.mark.parametrize(("irfs", "responses"), [("none", 0), ("keep", 4), ("TRIM", 4)])
def test_responses(client: Client, irfs: str, responses: int) -> None:
    """Our parameter IRFS."""
    with cut(client, IRFS=irfs, ENERGY="1 5", CIRCLE=f"{observation().ra_pnt} {observation().dec_pnt} 0.5") as found:
        kinds = [hdu.header.get("HDUCLAS1") for hdu in found[1:]]
        assert (kinds[:2], kinds[2:]) == (["EVENTS", "GTI"], ["RESPONSE"] * responses)


def test_coverage(client: Client) -> None:
    """Our parameter MOC: all of the sky, in order 0."""
    with archived() as original, cut(client, MOC="0/0-11") as found:
        assert len(found["EVENTS"].data) == len(original["EVENTS"].data)


def test_nothing_was_observed_there(client: Client) -> None:
    """SODA 1.0 section 5.1 (SD-09): 204 without a body where region or time have nothing to do with the data."""
    o = observation()
    away = f"{(float(o.ra_pnt or 0) + 180) % 360} {-float(o.dec_pnt or 0)}"
    for parameters in (
        {"CIRCLE": f"{away} 1"},
        {"POS": f"CIRCLE {away} 1"},
        {"POS": "RANGE 0 360 -90 -89.9"},
        {"TIME": "50000 50001"},
        {"MOC": f"6/{int(cells(*map(float, away.split()), 6))}"},
        {"MOC": "0/"},
    ):
        response = client.get(URL, {"ID": product().did, **parameters})
        assert (response.status_code, response.content) == (204, b""), parameters


def test_no_event_is_left(client: Client) -> None:
    """SODA 1.0 section 5.1: where it was observed, an empty selection is a valid event list that says so."""
    with cut(client, ENERGY="1e6 +Inf") as found:
        assert len(found["EVENTS"].data) == 0
        assert found["EVENTS"].header["ONTIME"] == observation().ontime
        assert "no event" in " ".join(map(str, found["EVENTS"].header["HISTORY"])).lower()


def test_several_observations(client: Client) -> None:
    """Our extension: a data store of all."""
    ids = [product(number).did for number in ("1001", "1002")]
    response = client.post(URL, {"ID": ids, "ENERGY": "1 +Inf"})
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(content(response))) as archive:
        assert {"obs-index.fits.gz", "hdu-index.fits.gz", "README.txt"} < set(archive.namelist())
    tar = client.post(URL, {"ID": ids[0], "RESPONSEFORMAT": "tar"})
    assert (tar.status_code, tar["Content-Type"]) == (200, "application/x-tar")


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"ID": None}, 400, "UsageError: ID is missing"),
        ({"ID": "ivo://x/y?z"}, 404, "UsageError: this archive has no data set with the identifier ivo://x/y?z"),
        ({"ID": "<preview>"}, 400, "UsageError: "),
        ({"CIRCLE": "a b c"}, 400, "UsageError: CIRCLE: 'a' is not a number"),
        ({"CIRCLE": "1 2"}, 400, "UsageError: CIRCLE: a circle takes 3 numbers"),
        ({"CIRCLE": "1 92 1"}, 400, "UsageError: CIRCLE: latitude must be"),
        ({"CIRCLE": ["1 2 3", "1 2 3"]}, 400, "MultiValuedParamNotSupported: parameter CIRCLE may be given once"),
        ({"TIME": ["1 2", "3 4"]}, 400, "MultiValuedParamNotSupported: parameter TIME"),
        ({"CIRCLE": "1 2 3", "POS": "CIRCLE 1 2 3"}, 400, "MultiValuedParamNotSupported: give one of POS, CIRCLE"),
        ({"BAND": "1 2", "ENERGY": "1 2"}, 400, "MultiValuedParamNotSupported: give BAND or ENERGY"),
        ({"POS": "CIRCLE 1 2"}, 400, "UsageError: POS: a circle takes 3 numbers"),
        ({"POS": "BOX 1 2 3 4"}, 400, "UsageError: POS: a position is CIRCLE, RANGE or POLYGON"),
        ({"POS": "RANGE 1 2 4 3"}, 400, "UsageError: POS: the range of latitudes is upside down"),
        ({"POLYGON": "1 2 3 4"}, 400, "UsageError: POLYGON: a polygon takes three or more pairs"),
        ({"POLYGON": "1 2 1 2 1 2"}, 400, "UsageError: POLYGON: "),
        ({"POLYGON": "0 0 5 5 5 0 0 5"}, 400, "UsageError: POLYGON: edges of the polygon cross each other"),
        ({"MOC": "x"}, 400, "UsageError: MOC: "),
        ({"BAND": "2 1"}, 400, "UsageError: BAND: the interval is upside down"),
        ({"BAND": "-2 -1"}, 400, "UsageError: BAND: no wavelength is in the interval"),
        ({"BAND": "x"}, 400, "UsageError: BAND: "),
        ({"ENERGY": "5 1"}, 400, "UsageError: ENERGY: the interval is upside down"),
        ({"ENERGY": "-2 0"}, 400, "UsageError: ENERGY: no energy is in the interval"),
        ({"TIME": "NaN 1"}, 400, "UsageError: TIME: an interval has no NaN"),
        ({"EVENT_TYPE": "x"}, 400, "UsageError: EVENT_TYPE: 'x' is not an integer"),
        ({"IRFS": "some"}, 400, "UsageError: IRFS: 'some' is none of keep, trim, none"),
        ({"RESPONSEFORMAT": "votable"}, 400, "UsageError: RESPONSEFORMAT 'votable' is not offered"),
        ({"ID": ["<1001>", "<1002>"], "RESPONSEFORMAT": "fits"}, 400, "UsageError: several observations make no"),
    ],
)
def test_errors(client: Client, parameters: dict[str, Any], status: int, words: str) -> None:
    """SODA 1.0 sections 3.1, 3.2.1 and 5.2 (SD-03, SD-08, SD-10): plain text that begins with the label."""
    preview = Product.objects.filter(subtype="preview-image").order_by("pk")[0].did
    names = {"<preview>": preview, "<1001>": product().did, "<1002>": product("1002").did}
    given = {"ID": product().did, **parameters}
    pairs = [
        (name, names.get(value, value))
        for name, values in given.items()
        if values is not None
        for value in (values if isinstance(values, list) else [values])
    ]
    for response in (client.get(f"{URL}?{urlencode(pairs)}"), client.post(URL, _lists(pairs))):
        assert (response.status_code, response["Content-Type"]) == (status, "text/plain; charset=utf-8")
        assert response.content.decode().startswith(words)


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def test_rights(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """SODA 1.0 section 5.2 (SD-10)."""

    def refuse(self: Policy, product: Product, viewer: Any) -> None:
        raise AuthorizationFault("not yours")

    monkeypatch.setattr(Policy, "check_read", refuse)
    response = client.get(URL, {"ID": product().did})
    assert (response.status_code, response.content) == (403, b"AuthorizationError: not yours\n")


def test_size_limit(client: Client, settings: LazySettings) -> None:
    """What is too large names the limit and the asynchronous way."""
    settings.DISTILLER_BUNDLE_SYNC = (0, 0, 0)
    response = client.get(URL, {"ID": product().did})
    assert response.status_code == 400
    assert (
        "0 MiB is the limit at once; ask for it as a job at http://testserver/soda/async" in response.content.decode()
    )


def test_a_failure_in_mid_stream_breaks_the_connection(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash never yields a file that looks complete: the answer is shorter than it was announced to be."""
    whole = cutout.Distillation.event_file

    def broken(self: Any) -> Iterator[bytes]:
        yield next(whole(self))[:70_000]
        raise FatalFault("the disk is gone")

    monkeypatch.setattr(cutout.Distillation, "event_file", broken)
    response = client.get(URL, {"ID": product().did})
    assert response.streaming
    assert int(response["Content-Length"]) > 70_000
    with pytest.raises(FatalFault):
        b"".join(response)  # type: ignore[arg-type]


def test_a_departed_client_ends_the_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not sent any more is not selected either."""
    seen: list[str] = []

    def endless(self: Any) -> Iterator[bytes]:
        try:
            while True:
                seen.append("piece")
                yield bytes(100_000)
        finally:
            seen.append("closed")

    monkeypatch.setattr(cutout.Distillation, "event_file", endless)
    response = client.get(URL, {"ID": product().did})
    next(iter(response))
    response.close()
    assert seen[-1] == "closed"
    assert len(seen) <= 3


def test_capabilities(client: Client, validate: Callable[[bytes], list[str]]) -> None:
    """SODA 1.0 sections 2, 2.5 (SD-01, SD-02), VOSI 1.1: what is declared is there."""
    document = client.get("/soda/capabilities").content
    assert validate(document) == []
    found = {
        c.get("standardID"): str(c.findtext("interface/accessURL")) for c in fromstring(document).iter("capability")
    }
    assert found[SYNC_STANDARD] == "http://testserver/soda/sync"
    assert found[ASYNC_STANDARD] == "http://testserver/soda/async"
    others = [url for standard, url in found.items() if standard not in (SYNC_STANDARD,)]
    assert [client.get(url).status_code for url in others] == [200] * 4
    assert client.get("/soda/properties").status_code == 404


def test_examples_run(client: Client) -> None:
    """SODA 1.0 section 2.3 (SD-14): generic parameters of a request that works."""
    page = fromstring(client.get("/soda/examples").content)
    xhtml = "{http://www.w3.org/1999/xhtml}"
    (example,) = (e for e in page.iter(f"{xhtml}div") if e.get("typeof") == "example")
    keys = [e.text for e in example.iter(f"{xhtml}span") if e.get("property") == "key"]
    values = [e.text for e in example.iter(f"{xhtml}span") if e.get("property") == "value"]
    assert {"generic-parameter"} == {e.get("property") for e in example.iter(f"{xhtml}li")}
    assert set(keys) <= {column.name for column in PARAMETERS}
    response = client.get(URL, dict(zip(keys, values, strict=True)))
    with fits.open(io.BytesIO(content(response))) as found:
        assert len(found["EVENTS"].data) > 0
        assert math.isclose(found["EVENTS"].data["ENERGY"].min(), 1, rel_tol=0.5)
