"""User-defined functions on the configured database: the catalogue's values, and NumPy and astropy as oracles."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import (
    FK5,
    ICRS,
    BarycentricMeanEcliptic,
    FK4NoETerms,
    Galactic,
    SkyCoord,
    UnitSphericalRepresentation,
)
from astropy.time import Time

from tap.adql.functions import FUNCTIONS, features
from tap.adql.parser import parse
from tap.udf.motion import FRAMES
from tests.tap.sky import SkyRow, answer
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db


def value(expression: str) -> Any:
    ((found,),) = answer(f"SELECT TOP 1 {expression} AS res FROM test.sky")
    return found


def test_values_of_the_catalogue(sky: list[SkyRow], shared: Path) -> None:
    """UDF catalogue EN 1.2: every reference value within its tolerance."""
    samples = json.loads((shared / "standards" / "adql_udf_values.json").read_text())["values"]
    missed = []
    for sample in samples:
        try:
            found = value(sample["expression"])
        except UsageFault as fault:
            if sample["kind"] != "error":
                missed.append((sample["expression"], str(fault)))
            continue
        if sample["kind"] == "error":
            missed.append((sample["expression"], found))
        elif sample["kind"] == "null" or isinstance(sample["expected"], int):
            missed += [(sample["expression"], found)] * (found != sample["expected"])
        elif found != pytest.approx(sample["expected"], abs=sample["abs_tol"], rel=0):
            missed.append((sample["expression"], found))
    assert not missed
    assert len(samples) > 30


def nested(order: int, lon: np.ndarray, lat: np.ndarray) -> list[int]:
    """HEALPix index by descending the quadtree: x and y on the base pixel as fractions, digit by digit.

    The faces as squares standing on a corner in the plane of the projection (Górski et al. 2005, section 5;
    Calabretta & Roukema 2007): nothing of the code under test.
    """
    numbers = []
    for phi, theta in zip(
        np.asarray(lon, np.longdouble) % 360 / 45, np.radians(lat.astype(np.longdouble)), strict=True
    ):
        z = np.sin(theta)
        if abs(z) <= np.longdouble(2) / 3:
            across, up = phi, z * 3 / 2
        else:
            sigma = np.sqrt(3 * (1 - abs(z)))
            centre = 2 * np.floor(phi / 2) + 1
            across, up = centre + (phi - centre) * sigma, np.sign(z) * (2 - sigma)
        # Faces 0-3 around up = 1, 4-7 around 0, 8-11 around -1; a face spans |across - a| + |up - u| <= 1.
        faces = [(2 * (f % 4) + (f // 4 != 1), 1 - f // 4) for f in range(12)]
        offsets = [((across - a + 4) % 8 - 4, up - u) for a, u in faces]
        face = int(np.argmin([abs(a) + abs(u) for a, u in offsets]))
        a, u = offsets[face]
        x, y = (u + a + 1) / 2, (u - a + 1) / 2
        number = face
        for _ in range(order):
            x, y = 2 * x, 2 * y
            right, left = int(x >= 1), int(y >= 1)
            number = 4 * number + right + 2 * left
            x, y = x - right, y - left
        numbers.append(number)
    return numbers


@pytest.mark.parametrize("order", [0, 1, 5, 12, 20])
def test_healpix_index(sky: list[SkyRow], order: int) -> None:
    """Nested numbering at the pole, on the meridian and everywhere: against another way to compute it."""
    found = answer(f"SELECT ra, dec, ivo_healpix_index({order}, ra, dec), ivo_healpix_index({order}, POINT(ra, dec)) "
                   "FROM test.sky")  # fmt: skip
    known = [row for row in found if row[0] is not None]
    assert all(row[2] is None and row[3] is None for row in found if row[0] is None)
    lon, lat, index, of_point = (np.array(column) for column in zip(*known, strict=True))
    assert list(index) == list(of_point)
    # Three rows lie on the pole or on an edge of pixels, where rounding decides.
    edge = (np.abs(lat) > 89.99999) | (lon % 45 == 0)
    assert edge.sum() < 10
    assert list(index[~edge]) == nested(order, lon[~edge], lat[~edge])


@pytest.mark.parametrize("order", [0, 3, 12, 29])
def test_healpix_centers_lie_in_their_pixels(sky: list[SkyRow], order: int) -> None:
    last = 12 * 4**order - 1
    for index in {0, last, last // 2, last // 3, last // 7, 5 * 4**order, 11 * 4**order}:
        lon, lat = value(f"ivo_healpix_center({order}, {index})")
        assert 0 <= lon < 360
        assert value(f"ivo_healpix_index({order}, ivo_healpix_center({order}, {index}))") == index
        if order < 20:
            assert nested(order, np.array([lon]), np.array([lat])) == [index]


@pytest.mark.parametrize("target", FRAMES)
@pytest.mark.parametrize("source", FRAMES)
def test_frames(sky: list[SkyRow], source: str, target: str) -> None:
    """Plain rotations as astropy has them, to a milliarcsecond."""

    frames = {
        "ICRS": ICRS(),
        "FK5": FK5(equinox="J2000"),
        "FK4": FK4NoETerms(equinox="B1950", obstime="B1950"),
        "GALACTIC": Galactic(),
        "ECLIPTIC": BarycentricMeanEcliptic(equinox="J2000"),
    }
    for lon, lat in [(83.6331, 22.0145), (0, 0), (266.4, -29), (359.99, 89.9), (120, -89.99)]:
        given = frames[source].realize_frame(UnitSphericalRepresentation(lon * units.deg, lat * units.deg))
        there = given.transform_to(frames[target]).spherical
        got = value(f"ivo_geom_transform('{source}', '{target}', POINT({lon}, {lat}))")
        expected = SkyCoord(there.lon, there.lat)
        assert SkyCoord(*got, unit="deg").separation(expected).arcsec < 1e-3


def test_transformed_shapes(sky: list[SkyRow]) -> None:
    """The result has the type of the geometry: a circle keeps its radius, a polygon its corners; there and back."""
    lon, lat, radius = value("ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(266.4168, -29.0078, 1.5))")
    assert radius == 1.5
    assert math.hypot((lon + 180) % 360 - 180, lat) < 0.1
    corners = "10, 20, 12, 20, 11, 23"
    back = f"ivo_geom_transform('ECLIPTIC', 'ICRS', ivo_geom_transform('ICRS', 'ECLIPTIC', POLYGON({corners})))"
    assert value(back) == pytest.approx([float(c) for c in corners.split(",")], abs=1e-12)
    inside = "CONTAINS(ivo_geom_transform('GALACTIC', 'ICRS', POINT(0, 0)), CIRCLE(266.4168, -29.0078, 0.1))"
    assert answer(f"SELECT COUNT(*) FROM test.sky WHERE 1 = {inside}") == [(len(sky),)]


# Of leap seconds in other centuries, which a difference of times does not need.
@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")
@pytest.mark.parametrize("rv", [None, 52.51, -110.6])
@pytest.mark.parametrize("epoch", [1875.0, 2016.0, 2100.25])
def test_epoch_propagation(sky: list[SkyRow], epoch: float, rv: float | None) -> None:
    """Against astropy's apply_space_motion, which has light-time and relativity too: tiny for Barnard's star."""
    pm, parallax, position = (-801.551, 10362.394), 546.9759, (269.448503, 4.739420)
    star = SkyCoord(
        *(position * units.deg), distance=(1000 / parallax) * units.pc,
        pm_ra_cosdec=pm[0] * units.mas / units.yr, pm_dec=pm[1] * units.mas / units.yr,
        radial_velocity=(rv or 0) * units.km / units.s,
    )  # fmt: skip
    there = star.apply_space_motion(dt=(epoch - 2016) * units.yr)
    expression = (
        f"ivo_epoch_prop_pos({position[0]}, {position[1]}, {parallax}, {pm[0]}, {pm[1]}, {rv or 'NULL'}, 2016, {epoch})"
    )
    got = SkyCoord(*value(expression), unit="deg")
    assert got.separation(SkyCoord(there.ra, there.dec)).arcsec < 0.01


def test_times(sky: list[SkyRow]) -> None:
    """Of columns, constants and texts, with fractions of a second."""
    rows = answer("SELECT seen, ivo_to_mjd(seen), ivo_to_jd(seen) FROM test.sky")
    for seen, mjd, jd in rows:
        if seen is None:
            assert mjd is jd is None
        else:
            exact = Time(seen, scale="tai")
            assert (mjd, jd) == (pytest.approx(exact.mjd, abs=2e-11, rel=0), pytest.approx(exact.jd, abs=1e-9, rel=0))
    assert value("ivo_to_mjd('20' || '00-01-01')") == 51544.0
    for wrong in ("ivo_to_mjd('yesterday')", "ivo_to_mjd('x' || 'y')", "ivo_to_mjd(51544)"):
        with pytest.raises(UsageFault):
            value(wrong)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ivo_hms_to_degrees('033445.4')", 53.6891667),
        ("ivo_hms_to_degrees(' 3:34:45.4 ')", 53.6891667),
        ("ivo_hms_to_degrees('24:00:00')", None),
        ("ivo_hms_to_degrees('-1:00:00')", None),
        ("ivo_hms_to_degrees('1:60:00')", None),
        ("ivo_hms_to_degrees('')", None),
        ("ivo_dms_to_degrees('-00:15:00')", -0.25),
        ("ivo_dms_to_degrees('-001500')", -0.25),
        ("ivo_dms_to_degrees('359d59m60s')", None),
        ("ivo_dms_to_degrees('420906.768')", 42.15188),
        ("ivo_hasword('ÄRGER im Büro', 'ärger BÜRO')", 1),
        ("ivo_hasword('pulsars', 'pulsar')", 0),
        ("ivo_hasword('a b', 'b c')", 0),
        ("ivo_hasword('anything', ' ')", 0),
        ("ivo_hasword(NULL, 'a')", None),
        ("ivo_hashlist_has('Red#GREEN', 'green')", 1),
        ("ivo_hashlist_has('a#b', 'a#b')", 0),
        ("ivo_hashlist_has('', '')", 0),
        ("ivo_hashlist_has('a', NULL)", None),
        ("ivo_nocasematch('100%', '100\\%')", 0),
        ("ivo_nocasematch('Ångström', 'åNG_tröm')", 1),
        ("ivo_nocasematch('a', NULL)", None),
        ("ivo_interval_overlaps(3, 2, 0, 9)", 0),
        ("ivo_interval_overlaps(0, 9, 3, 2)", 0),
        ("ivo_interval_overlaps(1, 1, 1, 1)", 1),
        ("ivo_interval_overlaps(1, NULL, 1, 1)", None),
        ("ivo_healpix_index(5, NULL)", None),
        ("ivo_healpix_index(NULL, 1, 1)", None),
        ("ivo_healpix_center(5, NULL)", None),
        ("ivo_normal_random(NULL, 1)", None),
    ],
)
def test_small_functions(sky: list[SkyRow], expression: str, expected: Any) -> None:
    found = value(expression)
    assert found == (pytest.approx(expected, abs=1e-6) if isinstance(expected, float) else expected)


def test_string_agg(sky: list[SkyRow]) -> None:
    """NULLs leave no trace; the order is bytewise on both databases; groups without texts are NULL."""
    found = dict(answer('SELECT "size", ivo_string_agg(name, \'; \') FROM test.sky GROUP BY "size"'))
    for size, joined in found.items():
        names = [r.name for r in sky if r.size == size and r.name is not None]
        assert joined == "; ".join(sorted(names, key=str.encode))
    assert answer("SELECT ivo_string_agg(name, ',') FROM test.sky WHERE obs_id < 0") == [(None,)]
    assert answer("SELECT ivo_string_agg(band, NULL) AS s FROM test.bands") == [("GeVTeVTeVradio",)]
    assert answer("SELECT band FROM test.bands GROUP BY band HAVING ivo_string_agg(band, '') = 'TeVTeV'") == [("TeV",)]


def test_histogram(sky: list[SkyRow]) -> None:
    """Underflow and NULL first, overflow (the upper limit with it) last, as numpy.histogram between."""
    ((found,),) = answer("SELECT ivo_histogram(n, -20, 20, 8) FROM test.sky")
    numbers = np.array([r.n for r in sky if r.n is not None])
    inside = numbers[(numbers >= -20) & (numbers < 20)]
    below = (numbers < -20).sum() + sum(r.n is None for r in sky)
    assert found == [below, *np.histogram(inside, 8, (-20, 20))[0], (numbers >= 20).sum()]
    assert answer("SELECT ivo_histogram(n, -20, 20, 8) FROM test.sky WHERE obs_id < 0") == [(None,)]
    for limits in ("5, 5, 8", "5, 0, 8", "0, 5, 0", "0, 5, 10001", "NULL, 5, 8", "0, 5, obs_id"):
        with pytest.raises(UsageFault):
            answer(f"SELECT ivo_histogram(n, {limits}) FROM test.sky")


def test_normal_random(sky: list[SkyRow]) -> None:
    """Another number in each row, with the mean and the width that were asked for."""
    drawn = np.array([row[0] for row in answer("SELECT ivo_normal_random(10, 2) FROM test.sky")])
    assert len(set(drawn)) > len(sky) - 5
    assert abs(drawn.mean() - 10) < 0.3
    assert abs(drawn.std() - 2) < 0.3


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("ivo_healpix_center(3, 1.5)", "argument 2 of ivo_healpix_center must be an integer, not DOUBLE PRECISION"),
        ("ivo_healpix_center(3, 768)", "a HEALPix index of order 3 is within 0 and 767"),
        ("ivo_healpix_index(30, 1, 1)", "the order of a HEALPix grid must be within 0 and 29"),
        ("ivo_healpix_index(-1, 1, 1)", "the order of a HEALPix grid must be within 0 and 29"),
        ("ivo_healpix_index(3, 1, 91)", "latitude must be within -90 and 90 deg"),
        ("ivo_healpix_index(3)", "line 1 column 14: ivo_healpix_index takes 2 or 3 arguments"),
        ("ivo_geom_transform('icrs', 'GALACTIC', POINT(1, 1))", "ICRS, FK5, FK4, GALACTIC, ECLIPTIC"),
        ("ivo_geom_transform(name, 'ICRS', POINT(1, 1))", "line 1 column 33: the systems"),
        ("ivo_geom_transform('ICRS', 'FK5', s_region)", "takes a POINT, CIRCLE or POLYGON"),
        ("ivo_epoch_prop_pos(1, 1, 1, 1, 1, 1, NULL, 2000)", "must not be NULL"),
        ("ivo_epoch_prop_pos(1, 1, 1, 1e300, 1e300, 1e300, 0, 1e300)", "a number is out of range"),
        ("ivo_simbadpoint('M1')", "unknown function ivo_simbadpoint"),
        ("ivo_string_agg(MAX(name), '')", "MAX cannot stand in an aggregate"),
        ("1 + ivo_hasword('a', 'b') + ivo_histogram(n, 1, 2, 3)", "takes numbers"),
    ],
)
def test_what_is_refused(sky: list[SkyRow], expression: str, said: str) -> None:
    with pytest.raises(UsageFault) as refused:
        value(expression)
    assert said in str(refused.value)


def test_declared_signatures_are_adql() -> None:
    """TAPRegExt 1.0 section 2.3: names of arguments are no reserved words, forms say what is taken."""
    declared = [form for form, _ in features()["udf"]]
    assert "ivo_healpix_index(hpxOrder INTEGER, p POINT) -> BIGINT" in declared
    assert "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER" in declared
    assert "distiller_tmoc_contains(tmoc TEXT, mjd DOUBLE PRECISION) -> INTEGER" in declared
    for form in declared:
        name, arguments, result = re.fullmatch(r"((?:ivo|distiller)_\w+)\((.*)\) -> ([A-Z \[\]]+)", form).groups()  # type: ignore[union-attr]
        assert name.upper() in FUNCTIONS
        assert result
        for argument in arguments.split(", "):
            parse(f"SELECT {argument.split()[0]} FROM t")


def test_aggregates_have_their_places(sky: list[SkyRow]) -> None:
    with pytest.raises(UsageFault, match="column 30: ivo_string_agg cannot stand in WHERE: write it in HAVING"):
        answer("SELECT n FROM test.sky WHERE ivo_string_agg(name, '') = 'a'")
    with pytest.raises(UsageFault, match="column n must be in GROUP BY"):
        answer("SELECT n, ivo_string_agg(name, '') FROM test.sky")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_run(sky: list[SkyRow], name: str) -> None:
    """The example of every function in the documentation has a value."""
    assert FUNCTIONS[name].example
    assert FUNCTIONS[name].name in FUNCTIONS[name].example
    assert value(FUNCTIONS[name].example) is not None
