"""Names as a user writes them in a query: delimited where ADQL needs it."""

from __future__ import annotations

import re

from tap.adql.lexer import RESERVED

_REGULAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def written(name: str) -> str:
    """A column name as ADQL wants it: `s_ra`, but `"size"` (a reserved word) and `"Flux 1"` (ADQL 2.1 section 2.1)."""
    if _REGULAR.fullmatch(name) and name.upper() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'
