"""What has a value in a group of rows (ADQL 2.1 section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from tap.adql import typed
from tap.adql.lexer import AdqlError


def is_grouped(select: typed.Select) -> bool:
    """Whether its rows are groups: by GROUP BY, HAVING or an aggregate."""
    return (
        bool(select.group_by)
        or select.having is not None
        or any(isinstance(e, typed.Aggregate) for o in select.outputs for e in o.expression.walk())
    )


def check_grouped(expression: typed.Expression, select: typed.Select) -> None:
    """ADQL 2.1 section 2.2: what is neither grouped nor aggregated has no value in a group."""
    if isinstance(expression, typed.Aggregate) or expression.key() in {g.key() for g in select.group_by}:
        return
    if isinstance(expression, typed.ColumnReference) and any(expression.source is s for s in select.sources):
        raise AdqlError(f"column {expression.column} must be in GROUP BY or in an aggregate", expression.at)
    for child in expression.children():
        check_grouped(child, select)


def check_grouped_condition(condition: typed.Condition, select: typed.Select) -> None:
    """The same for the values of a condition, those of the queries in it included."""
    for expression in condition.expressions():
        check_grouped(expression, select)
    for inner in condition.conditions():
        check_grouped_condition(inner, select)
    if isinstance(condition, typed.InQuery | typed.Exists):
        for expression in _expressions(condition.query):
            check_grouped(expression, select)


def _expressions(body: typed.Body) -> Iterator[typed.Expression]:
    """The expressions of a query, those of the queries in it included."""
    if isinstance(body, typed.Query):
        yield from _expressions(body.body)
        yield from (key.by for key in body.order_by if isinstance(key.by, typed.Expression))
    elif isinstance(body, typed.SetOperation):
        yield from _expressions(body.left)
        yield from _expressions(body.right)
    else:
        yield from (output.expression for output in body.outputs)
        yield from body.group_by
        conditions = [c for c in (body.where, body.having, *_join_conditions(body.from_)) if c is not None]
        for condition in conditions:
            yield from _condition_expressions(condition)
        for source in body.sources:
            if isinstance(source, typed.QuerySource):
                yield from _expressions(source.query)


def _join_conditions(from_: typed.From) -> Iterator[typed.Condition | None]:
    if isinstance(from_, typed.Join):
        yield from _join_conditions(from_.left)
        yield from _join_conditions(from_.right)
        yield from_.on


def _condition_expressions(condition: typed.Condition) -> Iterator[typed.Expression]:
    yield from condition.expressions()
    for inner in condition.conditions():
        yield from _condition_expressions(inner)
    if isinstance(condition, typed.InQuery | typed.Exists):
        yield from _expressions(condition.query)
