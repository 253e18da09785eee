"""pyvo against a running server with the demo archive."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import pyvo
from astropy import units as u
from pyvo.dal.exceptions import DALQueryError

pytestmark = pytest.mark.django_db  # the database that the server shows is the tests'


@pytest.fixture
def service(tap_url: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(tap_url)


def test_tables(service: pyvo.dal.TAPService) -> None:
    """The table tree, with metadata of every column."""
    assert {"ivoa.obscore", "ivoa.obscore_hea", "tap_schema.tables"} <= set(service.tables.keys())
    columns = {column.name: column for column in service.tables["ivoa.obscore"].columns}
    assert (str(columns["s_ra"].unit), columns["s_ra"].ucd) == ("deg", "pos.eq.ra")
    assert [name for name, column in columns.items() if not column.description] == []


def test_examples(service: pyvo.dal.TAPService) -> None:
    """Every example is found and runs."""
    assert len(service.examples) >= 5
    for example in service.examples:
        assert len(service.run_sync(example["QUERY"], maxrec=5)) > 0


def test_limits(service: pyvo.dal.TAPService) -> None:
    assert service.hardlimit >= service.maxrec > 0


def test_rows_with_units_and_links(service: pyvo.dal.TAPService) -> None:
    """A row knows its units, and its DataLink."""
    result = service.run_sync("SELECT TOP 2 * FROM ivoa.obscore")
    assert result.to_table()["s_ra"].unit == u.deg
    links = next(iter(result.iter_datalinks()))
    assert len(list(links.bysemantics("#this", include_narrower=False))) == 1


def test_own_limit_is_kept_to(service: pyvo.dal.TAPService) -> None:
    """Exactly maxrec rows: pyvo does not warn of a limit that the user set (warnings are errors here)."""
    assert len(service.run_sync("SELECT obs_id FROM ivoa.obscore", maxrec=2)) == 2


@pytest.mark.parametrize(
    ("query", "words"), [("SELEC 1", "line 1"), ("SELECT nix FROM ivoa.obscore", "nix"), ("SELECT * FROM nix", "nix")]
)
def test_errors_say_what(service: pyvo.dal.TAPService, query: str, words: str) -> None:
    with pytest.raises(DALQueryError, match=words):
        service.run_sync(query)


def test_the_cook_book(tap_url: str) -> None:
    """The Python of the cook book runs: from a query by DataLink to the event lists."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "cookbook.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8000/tap", tap_url), names)
    assert set(names["files"]) == {"1001", "1002", "1003", "1004"}
    assert all("/retrieve" in url for url in names["files"].values())
