"""Coordinates, times and numbers as people write and read them."""

from __future__ import annotations

import math

import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from frontend import quantities


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("83.633", 83.633),
        (" 0 ", 0.0),
        ("360", 360.0),
        ("1e2", 100.0),
        ("05:34:31.94", SkyCoord("05h34m31.94s", "0d").ra.deg),
        ("5 34 31.94", SkyCoord("05h34m31.94s", "0d").ra.deg),
        ("05h34m31.94s", SkyCoord("05h34m31.94s", "0d").ra.deg),
        ("21h58m", 329.5),
        ("83d38m", 83 + 38 / 60),
    ],
)
def test_right_ascension(text: str, degrees: float) -> None:
    assert math.isclose(quantities.parse_right_ascension(text), degrees, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("22.014", 22.014),
        ("-30.2256", -30.2256),
        ("−30.2256", -30.2256),
        ("-00:30:00", -0.5),
        ("+22:00:52.2", SkyCoord("0h", "+22d00m52.2s").dec.deg),
        ("-30 13 32", SkyCoord("0h", "-30d13m32s").dec.deg),
        ("-30°13′32″", SkyCoord("0h", "-30d13m32s").dec.deg),
    ],
)
def test_declination(text: str, degrees: float) -> None:
    assert math.isclose(quantities.parse_declination(text), degrees, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("400", "within 0 and 360 deg, not 400"),
        ("-1", "within 0 and 360"),
        ("25:00:00", "within 0 and 360"),
        ("nan", "not a number"),
        ("1e999", "not a number"),
        ("5:61:00", "not a number"),
        ("1_000", "not a number"),
        ("Crab", "not a number"),
    ],
)
def test_wrong_right_ascension(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quantities.parse_right_ascension(text)


@pytest.mark.parametrize("text", ["91", "-90.1", "95:00:00", "x"])
def test_wrong_declination(text: str) -> None:
    with pytest.raises(ValueError, match=r"Declination|number"):
        quantities.parse_declination(text)


@pytest.mark.parametrize("text", ["2004-12-06", "2004-12-06T21:30", "2004-12-06 21:30:15.5"])
def test_times_are_utc(text: str) -> None:
    assert math.isclose(quantities.parse_time(text), Time(text, scale="utc").mjd, abs_tol=1e-9)


def test_time_forms() -> None:
    assert quantities.parse_time("53345.9") == 53345.9
    assert quantities.parse_time("2004-12-06", end=True) == Time("2004-12-07").mjd
    assert quantities.parse_time("2004-12-06T12:00", end=True) == Time("2004-12-06T12:00").mjd
    assert math.isclose(quantities.parse_time("2004-12-06T01:00+01:00"), Time("2004-12-06").mjd, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "words"), [("2004", "before 1900"), ("yesterday", "neither a date"), ("2004-13-01", "neither a date")]
)
def test_wrong_times(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        quantities.parse_time(text)


def test_date_text() -> None:
    assert quantities.date_text(Time("2004-12-06T21:30:40").mjd) == "2004-12-06 21:31"
    assert quantities.date_text(1e12) == "1000000000000.00000"


@pytest.mark.parametrize(
    ("value", "error", "texts"),
    [
        (4.312e-11, 1.53e-12, ("4.31e-11", "0.15e-11")),
        (2.6132, 0.0437, ("2.613", "0.044")),
        (-0.21, 0.1, ("-0.21", "0.10")),
        (28.1234, 3.21, ("28.1", "3.2")),
        (1234.0, 56.0, ("1234", "56")),
        (0.0, 0.02, ("0.000", "0.020")),
        (1e-13, 2e-12, ("0.1e-12", "2.0e-12")),
        (2.5, None, ("2.500", "–")),
        (2.5, math.nan, ("2.500", "–")),
    ],
)
def test_value_and_error(value: float, error: float | None, texts: tuple[str, str]) -> None:
    assert quantities.with_error(value, error) == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (83.633, "83.63"),
        (1.24e-18, "1.240e-18"),
        (123456.0, "123456"),
        (1.5e9, "1.500e+09"),
        (math.inf, "∞"),
    ],
)
def test_significant(value: float, text: str) -> None:
    assert quantities.significant(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (7_300_000_000_000, "7.3e+03 GB")],
)
def test_size_text(size: int, text: str) -> None:
    assert quantities.size_text(size) == text


def test_duration_text() -> None:
    assert quantities.duration_text(12.3) == "12 s"
    assert quantities.duration_text(2.24) == "2.2 s"
    assert quantities.duration_text(1687) == "28.1 min"
    assert quantities.duration_text(11520) == "3.2 h"
