"""Results by their roles: one of a name, or as many as the worker makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.uws.jobs import ECHO
from uws.jobtypes import OutputRole

PAGES = OutputRole("page", "page", "text/plain", "A page", required=False, multiple=True)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("text", "text"),
        ("text-1", None),
        ("page-1", "page"),
        ("page-20", "page"),
        ("page", None),
        ("page-", None),
        ("page-1a", None),
        ("pages-1", None),
        ("", None),
    ],
)
def test_role_of_a_result(name: str, role: str | None) -> None:
    found = replace(ECHO, outputs=(*ECHO.outputs, PAGES)).role_of(name)
    assert (None if found is None else found.name) == role
