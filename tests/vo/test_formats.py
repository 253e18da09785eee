"""RESPONSEFORMAT: what is chosen, and the Content-Type of the answer."""

from __future__ import annotations

import pytest

from vo.errors import UsageFault
from vo.formats import choose

ALL = ("votable", "csv", "tsv", "fits", "json", "parquet", "arrow")
VOTABLE = "application/x-votable+xml"


@pytest.mark.parametrize(
    ("asked", "kind", "serialization", "content_type"),
    [
        (None, "votable", "binary2", VOTABLE),
        ("votable", "votable", "binary2", VOTABLE),
        ("VOTable", "votable", "binary2", VOTABLE),
        ("votable/td", "votable", "tabledata", VOTABLE),
        ("votable/b2", "votable", "binary2", VOTABLE),
        ("votable/b", "votable", "binary", VOTABLE),
        (VOTABLE, "votable", "binary2", VOTABLE),
        ("application/x-votable xml", "votable", "binary2", VOTABLE),
        ("text/xml", "votable", "binary2", "text/xml"),
        (f"{VOTABLE};serialization=tabledata", "votable", "tabledata", f"{VOTABLE};serialization=tabledata"),
        (f"{VOTABLE} ; serialization=BINARY2", "votable", "binary2", f"{VOTABLE};serialization=binary2"),
        (f'{VOTABLE};serialization="TABLEDATA"', "votable", "tabledata", f"{VOTABLE};serialization=tabledata"),
        (f"{VOTABLE};version=1.4", "votable", "binary2", f"{VOTABLE};version=1.4"),
        ("csv", "csv", "binary2", "text/csv;header=present"),
        ("text/csv", "csv", "binary2", "text/csv;header=present"),
        ("text/csv;header=absent", "csv", "binary2", "text/csv;header=absent"),
        ("tsv", "tsv", "binary2", "text/tab-separated-values"),
        ("fits", "fits", "binary2", "application/fits"),
        ("application/fits", "fits", "binary2", "application/fits"),
        ("JSON", "json", "binary2", "application/json"),
        ("application/json", "json", "binary2", "application/json"),
        ("parquet", "parquet", "binary2", "application/vnd.apache.parquet"),
        ("application/vnd.apache.parquet", "parquet", "binary2", "application/vnd.apache.parquet"),
        ("arrow", "arrow", "binary2", "application/vnd.apache.arrow.stream"),
        ("application/vnd.apache.arrow.stream", "arrow", "binary2", "application/vnd.apache.arrow.stream"),
    ],
)
def test_chosen(asked: str | None, kind: str, serialization: str, content_type: str) -> None:
    """DALI 1.1 section 3.4.3: media types are parsed, and come back as Content-Type; short forms are known."""
    chosen = choose(asked, ALL)
    assert (chosen.kind, chosen.serialization, chosen.content_type) == (kind, serialization, content_type)


@pytest.mark.parametrize(
    "asked",
    [
        "image/gif",
        "fits/b2",
        "html",
        "application/fits;serialization=tabledata",
        f"{VOTABLE};serialization=fits",
        f"{VOTABLE};version=1.5",
        "text/csv;header",
        "x" * 500,
        ";",
    ],
)
def test_refused(asked: str) -> None:
    """DALI 1.1 section 3.4.3: an unknown format is an error that says what is offered."""
    with pytest.raises(UsageFault, match="offered are votable") as caught:
        choose(asked, ALL)
    assert len(caught.value.message) < 400


def test_offer_is_kept_to() -> None:
    with pytest.raises(UsageFault, match=r"offered are votable, .* text/xml, application/xml$"):
        choose("csv")
