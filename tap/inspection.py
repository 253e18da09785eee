"""What the compiler makes of a query, for people: whether it parses, its tree, its columns, its SQL and the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from tap.adql import tree
from tap.adql.lexer import AdqlError, line_and_column
from tap.adql.parser import parse
from tap.engine.plans import plan
from tap.registry import QueryContext
from tap.service import Query, prepare


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a query parses; if not, where (line and column from 1, offset from 0) and why."""

    parsed: bool
    line: int | None = None
    column: int | None = None
    offset: int | None = None
    message: str | None = None


def check(text: str) -> Verdict:
    """Syntax only: nothing is looked up."""
    try:
        parse(text)
    except AdqlError as error:
        said = error.message.removeprefix(f"line {error.line} column {error.column}: ")
        return Verdict(False, error.line, error.column, error.at, said)
    except RecursionError:
        return Verdict(False, 1, 1, 0, "the query is nested too deeply")
    return Verdict(True)


def explain(text: str, context: QueryContext) -> Iterator[str]:
    """Lines: syntax tree, result columns with metadata, SQL with parameters, plan of the database.

    Raises vo.errors.UsageFault for anything wrong with the query.
    """
    query = prepare(text, context)
    yield "Syntax tree (line:column)"
    yield from _tree(parse(text), text, "", 1)
    yield from ("", "Columns")
    yield from _columns(query)
    yield from ("", "SQL", *(f"  {line}" for line in query.statement.sql.splitlines()))
    yield from (f"  {name} = {value!r}" for name, value in query.statement.parameters.items())
    yield f"  reads {', '.join(sorted(query.statement.read))}"
    yield from ("", "Plan", *(f"  {line}" for line in plan(query.statement)))


def _tree(node: tree.Node, text: str, label: str, level: int) -> Iterator[str]:
    """A node with its plain values on a line, the nodes in it below."""
    plain: list[str] = []
    inner: list[tuple[str, tree.Node]] = []
    for field in fields(node):
        value: Any = getattr(node, field.name)
        if field.name in ("at", "depth") or value is None or value == () or value is False:
            continue
        if isinstance(value, tree.Name | tree.Qualified):
            plain.append(str(value))
        elif isinstance(value, tree.Node):
            inner.append((f"{field.name}: ", value))
        elif isinstance(value, tuple):
            inner += [(f"{field.name}: ", item) for item in value]
        else:
            plain.append(field.name if value is True else f"{field.name}={value!r}")
    place = "{}:{}".format(*line_and_column(text, node.at))
    yield "  " * level + " ".join([f"{label}{type(node).__name__}", *plain, f"({place})"])
    for name, child in inner:
        yield from _tree(child, text, name, level + 1)


def _columns(query: Query) -> Iterator[str]:
    for column in query.columns:
        known = {k: v for k, v in asdict(column).items() if k != "name" and v not in (None, "", False)}
        yield f"  {column.name}: " + ", ".join(f"{key}={value!r}" for key, value in known.items())
