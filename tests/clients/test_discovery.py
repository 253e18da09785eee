"""Cone search and image access as pyvo uses them, against a running server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvo
from astropy import units as u
from pyvo.dal.exceptions import DALQueryError

from tests.archive.images import image_products

DISCOVERY = Path(__file__).resolve().parents[2] / "docs" / "discovery.md"
pytestmark = pytest.mark.django_db  # the database that the server shows is the tests'


@pytest.fixture(scope="module")
def base(tap_url: str, django_db_blocker: Any) -> Iterator[str]:
    """URL of the service, which has images."""
    with django_db_blocker.unblock(), image_products():
        yield tap_url.removesuffix("/tap")


def test_examples_of_discovery(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The examples of the documentation run: a cone search with its links, and images."""
    for code in re.findall(r"```python\n(.*?)```", DISCOVERY.read_text(), re.DOTALL):
        exec(code.replace("http://127.0.0.1:8000", base), {})
    shown = capsys.readouterr().out
    assert "#this" in shown
    assert "crab-cube" in shown


def test_cone_search_errors(base: str) -> None:
    """pyvo takes the INFO named Error, and knows the columns from SR=0."""
    with pytest.raises(DALQueryError, match="SR: 'x' is not a number"):
        pyvo.dal.SCSQuery(f"{base}/scs", RA=1, DEC=1, SR="x").execute()
    assert {"obs_id", "s_ra"} <= {column.name for column in pyvo.dal.SCSService(f"{base}/scs").columns}


@pytest.mark.parametrize("path", ["/sia2", "/sia2/query"])
def test_image_search(base: str, path: str) -> None:
    """SIA2Service finds the query by the capabilities, whichever URL it is given; its values are understood."""
    service = pyvo.dal.SIA2Service(f"{base}{path}")
    assert service.query_ep == f"{base}/sia2/query"
    interval = (1e-20 * u.m, 3e-20 * u.m)
    box = (83 * u.deg, 84 * u.deg, 21 * u.deg, 22 * u.deg)
    found = service.search(pos=[box], band=interval, field_of_view=(1 * u.deg, 10 * u.deg), calib_level=[3, 4], pol="I")
    assert [row.obs_id for row in found] == ["crab-cube"]
    with pytest.raises(DALQueryError, match="UsageFault: POS"):
        pyvo.dal.SIA2Query(service.query_ep, POS="x").execute()
