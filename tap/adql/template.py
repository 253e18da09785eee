"""Queries that differ in their decimal numbers alone are compiled once.

Clients ask the same again and again with other positions and limits: `… CIRCLE(83.63, 22.01, 0.5) …`. The decimal
numbers of a query are told apart by their values and numbered; what is left is its shape. The compiler sees the
numbers as `typed.Parameter`, which has no value, so that nothing it makes can depend on one. What does depend on
values (a circle of negative radius) is noted as a check, and looked at for each query.

0 and 1 stay what they are: as truth values they decide what a comparison means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tap.adql import typed

_LONGEST = 10_000
"""Characters of a query that is worth keeping: longer ones have long lists, and do not come again."""
_MOST = 80
"""Decimal constants of such a query: long lists and polygons are sent to the database in one piece."""
_PARTS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")+" | --[^\r\n]* | [A-Za-z][A-Za-z0-9_]*
    | (?P<decimal>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+) | [0-9]+""",
    re.VERBOSE,
)
"""The tokens that could hold digits, as in `tap.adql.lexer`."""


@dataclass(frozen=True, slots=True)
class Template:
    """The shape of a query, with numbers in place of its decimal constants, and the values of these, all different.

    `shape` is None for a query that is compiled for itself.
    """

    shape: str | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """The template of a query that may be wrong: it has an equal shape only with queries as wrong as itself."""
        if len(text) > _LONGEST or "\0" in text:
            return cls(None, ())
        values: dict[float, int] = {}
        pieces: list[str] = []
        end = 0
        for match in _PARTS.finditer(text):
            if match.lastgroup is None:
                continue
            value = float(match.group())
            if value in (0.0, 1.0, float("inf")):
                continue
            start = match.start()
            pieces += (text[end:start], str(values.setdefault(value, len(values))))
            end = match.end()
        if len(pieces) > 2 * _MOST:
            return cls(None, ())
        pieces.append(text[end:])
        # No query has this character: the numbers of constants cannot be taken for anything else.
        return cls("\0".join(pieces), tuple(values))


class ValuesNeeded(Exception):
    """What a query is compiled to depends on the value of a decimal number: it is compiled for itself."""


Check = Callable[[Sequence[Any]], None]


class Decimals:
    """The decimal constants of a query while it is compiled."""

    def __init__(self, values: Sequence[float] = ()) -> None:
        self._values = tuple(values)
        self._slots = {value: slot for slot, value in enumerate(values)}
        self.checks: list[tuple[Check, tuple[typed.Constant, ...]]] = []
        """What must hold of the values of constants."""

    def slot(self, value: float) -> int | None:
        """The number of a constant, None for one that is compiled as it is."""
        return self._slots.get(value)

    def settle(self, *expressions: typed.Expression) -> None:
        """What is compiled depends on the values of these. Raises ValuesNeeded if one of them comes later."""
        if any(isinstance(e, typed.Parameter) for expression in expressions for e in expression.walk()):
            raise ValuesNeeded

    def check(self, check: Check, constants: tuple[typed.Constant, ...]) -> None:
        """See to it that `check` accepts the values of these constants, now and in later queries of this shape."""
        check([constant.known(self._values) for constant in constants])
        if any(isinstance(constant, typed.Parameter) for constant in constants):
            self.checks.append((check, constants))
