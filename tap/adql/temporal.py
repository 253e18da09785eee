"""SQL of time coverage: coverages of texts and dates, predicates, and the conditions that let an index find rows.

What is said of index conditions in `spherical.py` holds here too.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    LargeBinary,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE

from tap.adql import typed
from tap.adql.coverage import overlap
from tap.adql.declaration import TMOC, Sql
from tap.coverage.field import multirange_text
from tap.coverage.schema import index_name
from tap.coverage.sqlite import pack
from tap.registry import CoverageIndex
from vo import tmoc


def takes_coverage(call: typed.Call) -> bool:
    """Whether a function is one of time coverage."""
    return any(parameter.kind == TMOC for signature in call.function.signatures for parameter in signature)


class Temporal:
    """Makes SQL of time coverage for one statement; the arguments are those of `Spherical`."""

    def __init__(
        self,
        dialect: str,
        number: Callable[[typed.Expression], Sql],
        text: Callable[[typed.Expression], Sql],
        from_of: Callable[[typed.Source], FromClause],
        read: set[str],
    ) -> None:
        self.dialect = dialect
        self.number = number
        self.text = text
        self.from_of = from_of
        self.read = read

    def call(self, expression: typed.Call) -> Sql:
        """SQL of a function as a value."""
        return expression.function.compile(self.dialect, self.coverages(expression))

    def coverages(self, expression: typed.Call) -> list[Sql]:
        """The coverages that a function is asked about; a date is its microsecond, two dates what is between them."""
        arguments = expression.arguments
        signature = next(s for s in expression.function.signatures if len(s) == len(arguments))
        is_tmoc = [parameter.kind == TMOC for parameter in signature]
        made = [self.coverage(a) for a, is_one in zip(arguments, is_tmoc, strict=True) if is_one]
        dates = [self.number(a) for a, is_one in zip(arguments, is_tmoc, strict=True) if not is_one]
        if dates:
            made.append(func.tap_interval(dates[0], dates[-1]))
        return made

    def coverage(self, expression: typed.Expression) -> Sql:
        """The intervals of a T-MOC: stored beside a published column, known of a constant, else read from the text."""
        indexed = _indexed(expression)
        if indexed is not None:
            source, index = indexed
            return self.from_of(source).c[index.ranges]
        if isinstance(expression, typed.Literal) and expression.value is not None:
            ranges = tmoc.decode(expression.value)
            if self.dialect == "postgresql":
                return cast(bindparam(None, multirange_text(ranges), Text(), unique=True), INT8MULTIRANGE)
            return bindparam(None, pack(ranges), LargeBinary(), unique=True)
        return func.tap_tmoc(self.text(expression))

    def predicate(self, expression: typed.Call) -> ColumnElement[bool]:
        """A function that gives 1 or 0, as a condition."""
        coverages = self.coverages(expression)
        if self.dialect == "postgresql":
            return overlap(*coverages)
        call = expression.function.compile(self.dialect, coverages)
        call.type = Boolean()
        return call

    def overlap_conditions(self, expression: typed.Call) -> list[ColumnElement[bool]]:
        """On SQLite, the R-tree says who may overlap; PostgreSQL's predicate uses the index itself."""
        if self.dialect == "postgresql":
            return []
        coverages = self.coverages(expression)
        for one, argument in enumerate(expression.arguments[:2]):
            indexed = _indexed(argument)
            if indexed is None:
                continue
            source, index = indexed
            others = expression.arguments[:one] + expression.arguments[one + 1 :]
            if not any(isinstance(e, typed.ColumnReference) and e.source is source for o in others for e in o.walk()):
                other = expression.arguments[1 - one]
                return [self.near(source, index, self.bounds(other, coverages[1 - one]))]
        return []

    def bounds(self, argument: typed.Expression, coverage: Sql) -> tuple[Sql, Sql]:
        """Start and end of a coverage (MJD, TCB)."""
        indexed = _indexed(argument)
        if indexed is not None:
            source, index = indexed
            start, end = (self.from_of(source).c[name] for name in index.bounds)
            return start, end
        return func.tap_time_bound(coverage, 0), func.tap_time_bound(coverage, 1)

    def near(self, source: typed.TableSource, index: CoverageIndex, bounds: tuple[Sql, Sql]) -> ColumnElement[bool]:
        """Whether the span of an indexed coverage touches that from the one time to the other, by the R-tree."""
        published = source.table
        tree = index_name(published.sql_name, index)
        self.read.add(tree)
        spans = table(tree, column("id"), column("t_min"), column("t_max")).alias()
        start, end = bounds
        found = select(spans.c.id).where(spans.c.t_min <= end, spans.c.t_max >= start).correlate_except(spans)
        return self.from_of(source).c[published.key].in_(found)


def _indexed(expression: typed.Expression) -> tuple[typed.TableSource, CoverageIndex] | None:
    if isinstance(expression, typed.ColumnReference) and isinstance(expression.source, typed.TableSource):
        for index in expression.source.table.coverages:
            if index.column == expression.column:
                return expression.source, index
    return None
