"""The queries of docs/cookbook.md give on the demo archive what is printed below them."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tap.adql.declaration import UDF
from tap.adql.functions import FUNCTIONS
from tap.registry import tables

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[2] / "docs"
COOK_BOOK = (DOCS / "cookbook.md").read_text()
TEXT = (DOCS / "adql.md").read_text() + COOK_BOOK
RECIPES = re.findall(r"^```adql\n(.*?)^```\n\n((?:\|[^\n]*\n)+)", COOK_BOOK, re.M | re.S)
(STARS,) = re.findall(r"^```csv\n(.*?)^```", COOK_BOOK, re.M | re.S)
MORE = "…"


def asked(client: Client, query: str) -> list[list[str]]:
    """Header and rows of the answer in CSV."""
    form = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"}
    if "TAP_UPLOAD" in query:
        form |= {"UPLOAD": "stars,param:stars", "stars": SimpleUploadedFile("stars.csv", STARS.encode(), "text/csv")}
    response = client.post("/tap/sync", form)
    text = response.getvalue().decode()
    assert response.status_code == 200, text
    return list(csv.reader(io.StringIO(text)))


def same(found: str, printed: str) -> bool:
    """Equal, or a number that rounds to the one that is printed."""
    try:
        number, wanted = float(found), float(printed)
    except ValueError:
        return found == printed
    decimals = len(printed.partition(".")[2])
    return abs(number - wanted) <= 0.500001 * 10**-decimals


@pytest.mark.parametrize(("query", "printed"), RECIPES)
def test_recipes_give_what_is_printed(demo_archive: str, client: Client, query: str, printed: str) -> None:
    """Every recipe, row by row; only where the table ends in dots are there more rows than are printed."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines())
    found_head, *found = asked(client, query)
    assert found_head == head
    if rows and set(rows[-1]) == {MORE}:
        del rows[-1]
        assert len(found) > len(rows)
        found = found[: len(rows)]
    assert len(found) == len(rows)
    for made, wanted in zip(found, rows, strict=True):
        assert all(map(same, made, wanted)), (made, wanted)


def test_every_recipe_has_its_result() -> None:
    assert len(RECIPES) == COOK_BOOK.count("```adql") >= 25


def test_tables_and_functions_are_shown() -> None:
    """Recipes and examples have every table of the archive; the catalogue's functions are all there."""
    shown = (TEXT + "".join(e.query for t in tables() for e in t.examples)).lower()
    assert [t.meta.name for t in tables() if t.meta.name.startswith("ivoa.") and t.meta.name not in shown] == []
    named = {f.upper() for f in re.findall(r"(?:ivo|distiller_tmoc)_[a-z_]+\b", TEXT)}
    assert named - {"IVO_SIMBADPOINT"} <= set(FUNCTIONS)
    assert sum(function.group == UDF and name.startswith("IVO_") for name, function in FUNCTIONS.items()) == 15
