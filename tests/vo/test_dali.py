"""DALI parameters of requests, and their values."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from vo import dali
from vo.dali import Parameters
from vo.errors import UsageFault

FACTORY = RequestFactory()
BOUNDARY = "<<<---a7Hd--->>>"


def multipart(*parts: tuple[str, str], boundary: str = BOUNDARY) -> bytes:
    """A body as STILTS writes it: a content type for each part, CRLF, a boundary full of signs."""
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: text/plain\r\n\r\n{value}\r\n'
        for name, value in parts
    )
    return f"{body}--{boundary}--\r\n".encode()


def test_names_ignore_case_and_values_do_not() -> None:
    """DALI 1.1 section 3.1."""
    got = Parameters.of(FACTORY.get("/x?Query=SELECT&maxREC=5"))
    assert (got.one("QUERY"), got.one("query"), got.maxrec()) == ("SELECT", "SELECT", 5)
    assert "qUERY" in got
    assert got.one("LANG") is None


def test_query_string_and_body_count_together() -> None:
    """DALI 1.1 section 3.2: with POST, parameters of the query string count as well."""
    got = Parameters.of(FACTORY.post("/x?LANG=ADQL&id=1", {"QUERY": "a b", "ID": ["2", "3"]}))
    assert got.one("LANG") == "ADQL"
    assert got.all("ID") == ["1", "2", "3"]


def test_urlencoded_body() -> None:
    request = FACTORY.post("/x", "QUERY=a+b%2Bc&LANG=%C3%A9", content_type="application/x-www-form-urlencoded")
    got = Parameters.of(request)
    assert (got.one("query"), got.one("lang")) == ("a b+c", "é")


def test_multipart_as_stilts_sends_it() -> None:
    """A quoted boundary that starts with signs, and parts with a content type of their own."""
    body = multipart(("QUERY", "SELECT 'é'\r\nFROM t"), ("LANG", "ADQL"))
    got = Parameters.of(FACTORY.post("/x", body, content_type=f'multipart/form-data; boundary="{BOUNDARY}"'))
    assert (got.one("QUERY"), got.one("LANG")) == ("SELECT 'é'\r\nFROM t", "ADQL")


def test_files_of_a_multipart_body() -> None:
    """DALI 1.1 section 3.4.5: parts that carry a file are found by the name they were sent with."""
    request = FACTORY.post("/x", {"UPLOAD": "t,param:Part", "Part": SimpleUploadedFile("t.vot", b"<VOTABLE/>")})
    parameters = Parameters.of(request)
    found = parameters.part("Part")
    assert found is not None
    assert found.read() == b"<VOTABLE/>"
    text = parameters.part("UPLOAD")
    assert text is not None
    assert (text.read(), text.size, text.name, text.content_type) == (b"t,param:Part", 12, None, "")
    assert parameters.part("part") is None


def test_single_valued_parameter_given_twice() -> None:
    """DALI 1.1 section 3.2: an error, whatever the case of the names."""
    with pytest.raises(UsageFault, match=r"MAXREC may be given once, not 2 times"):
        Parameters.of(FACTORY.get("/x?MAXREC=1&maxrec=1")).maxrec()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"<x/>", "text/xml"),
        (b"no boundary", "multipart/form-data"),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-16"),
    ],
)
def test_body_that_cannot_be_read(body: bytes, content_type: str) -> None:
    with pytest.raises(UsageFault):
        Parameters.of(FACTORY.post("/x?QUERY=1", body, content_type=content_type)).one("QUERY")


def test_body_that_is_too_large(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    with pytest.raises(UsageFault, match="too large"):
        Parameters.of(FACTORY.post("/x", "QUERY=" + "x" * 200, content_type="application/x-www-form-urlencoded"))


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("7", 7), (" 20000000 ", 20000000), ("9" * 30, int("9" * 30))])
def test_maxrec(text: str, value: int) -> None:
    assert Parameters([("MAXREC", text)]).maxrec() == value


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "1e3", "1_000", "٣", "9" * 5000])
def test_maxrec_that_is_no_count(text: str) -> None:
    """DALI 1.1 section 3.4.4: a non-negative integer."""
    with pytest.raises(UsageFault, match=r"^MAXREC: "):
        Parameters([("MAXREC", text)]).maxrec()


def test_format_by_both_names() -> None:
    """TAP 1.1 section 2.7.3: FORMAT and RESPONSEFORMAT mean the same; RESPONSEFORMAT is taken if both come."""
    assert Parameters([("FORMAT", "csv")]).response_format() == "csv"
    assert Parameters([("FORMAT", "csv"), ("RESPONSEFORMAT", "tsv")]).response_format() == "tsv"
    assert Parameters([("RESPONSEFORMAT", " ")]).response_format() is None


def test_run_id() -> None:
    """DALI 1.1 section 3.4.6: up to 64 characters."""
    assert Parameters([("runid", "x" * 64)]).run_id() == "x" * 64
    with pytest.raises(UsageFault, match="RUNID"):
        Parameters([("runid", "x" * 65)]).run_id()


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (dali.number, "1e-3", 1e-3),
        (dali.number, "+Inf", math.inf),
        (dali.number, " Inf", math.inf),
        (dali.number, "-Inf", -math.inf),
        (dali.number, ".5", 0.5),
        (dali.integer, "-12", -12),
        (dali.boolean, "T", True),
        (dali.boolean, "0", False),
        (dali.boolean, "False", False),
        (dali.timestamp, "2004-03-22T12:30:00.5Z", dt.datetime(2004, 3, 22, 12, 30, 0, 500000, dt.UTC)),
        (dali.timestamp, "2004-03-22", dt.datetime(2004, 3, 22, tzinfo=dt.UTC)),
        (dali.timestamp, "2004-03-22T00:00:00.123456789", dt.datetime(2004, 3, 22, 0, 0, 0, 123456, dt.UTC)),
        (dali.interval, "5 5", (5, 5)),
        (dali.interval, "-Inf 1", (-math.inf, 1)),
        (dali.interval_or_number, " 2.5 ", (2.5, 2.5)),
        (dali.interval_or_number, "2 Inf", (2, math.inf)),
        (dali.point, "83.63 22.01", (83.63, 22.01)),
        (dali.circle, "0 -90 180", (0, -90, 180)),
        (dali.polygon, "0 0 10 0 10 10", ((0, 0), (10, 0), (10, 10))),
    ],
)
def test_values(parse: Callable[[str], object], text: str, value: object) -> None:
    """DALI 1.1 section 3.3."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (dali.number, "1,5", "not a number"),
        (dali.number, "1_000", "not a number"),
        (dali.number, "infinity", "not a number"),
        (dali.number, "nan", "not a number"),
        (dali.number, "", "not a number"),
        (dali.number, "x" * 1000, "not a number"),
        (dali.integer, "1.0", "not an integer"),
        (dali.boolean, "yes", "neither true nor false"),
        (dali.timestamp, "2004-13-01", "not a time"),
        (dali.timestamp, "2004-03-22T12:30:00+01:00", "not a time"),
        (dali.timestamp, "2004-03-22 12:30:00", "not a time"),
        (dali.interval, "2 1", "upside down"),
        (dali.interval, "1", "takes 2 numbers"),
        (dali.interval, "1/2", "not a number"),
        (dali.interval, "NaN 1", "no NaN"),
        (dali.interval_or_number, "NaN", "no NaN"),
        (dali.interval_or_number, "-Inf", "no number is in"),
        (dali.interval_or_number, "1 2 3", "takes 2 numbers"),
        (dali.point, "400 0", "longitude must be within"),
        (dali.point, "NaN 0", "longitude must be within"),
        (dali.point, "0 90.1", "latitude must be within"),
        (dali.circle, "0 0 0", "radius must be above 0"),
        (dali.circle, "0 0 -1", "radius must be above 0"),
        (dali.circle, "0 0 NaN", "radius must be above 0"),
        (dali.circle, "0 0 181", "radius must be above 0"),
        (dali.polygon, "0 0 1 1", "three or more pairs"),
        (dali.polygon, "0 0 1 1 2 2 3", "three or more pairs"),
    ],
)
def test_values_refused(parse: Callable[[str], object], text: str, message: str) -> None:
    """DALI 1.1 section 3.3: what is not written so is refused in words."""
    with pytest.raises(UsageFault, match=message) as caught:
        parse(text)
    assert len(caught.value.message) < 200


def test_value_names_its_parameter() -> None:
    with pytest.raises(UsageFault, match=r"^CIRCLE: the radius"):
        Parameters([("circle", "0 0 -1")]).value("CIRCLE", dali.circle)
