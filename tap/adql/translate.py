"""From typed tree to a SQLAlchemy statement and to SQL of the database.

Every literal is a bound parameter; tables and columns of results are called by names of our own, so that nothing of the
user's text reaches the SQL. What the two databases do differently is made the same here and in `values.py`: order of
texts (bytewise) and of NULLs (last, as if largest), integer arithmetic (64 bits, division towards zero), casts, set
operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    cast,
    collate,
    except_,
    except_all,
    func,
    intersect,
    intersect_all,
    select,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from tap.adql import typed
from tap.adql.conditions import Conditions
from tap.adql.lexer import AdqlError
from tap.adql.tables import Tables
from tap.adql.types import Type
from tap.adql.values import SQL_TYPES, Sql, Values
from tap.registry import QueryContext

MAX_PARAMETERS = 30_000
"""Most literals of a query: SQLite takes 32766 parameters."""
LIMIT = "row_limit"
"""Name of the parameter that limits the rows of the whole statement."""

_DIALECTS = {
    "postgresql": PGDialect_psycopg(),
    "sqlite": SQLiteDialect_pysqlite(paramstyle="named"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its parameters; `read` are the database tables (and R-trees) that it reads, and nothing else."""

    sql: str
    parameters: Mapping[str, Any]
    read: frozenset[str]
    top: int | None
    decimals: Mapping[str, typed.Parameter] = field(default_factory=dict)
    """Parameters whose values are the decimal numbers of a query."""

    def of(self, values: Sequence[float]) -> Statement:
        """The statement of a query with these decimal numbers."""
        known = {name: parameter.known(values) for name, parameter in self.decimals.items()}
        return Statement(self.sql, {**self.parameters, **known}, self.read, self.top)


def translate(query: typed.Query, dialect: str, context: QueryContext) -> Statement:
    """The statement of a query for `sqlite` or `postgresql`. Its rows are limited by the parameter `LIMIT`."""
    translator = _Translator(dialect, context)
    statement = translator.query(query, outermost=True)
    compiled = statement.compile(dialect=_DIALECTS[dialect])
    parameters = dict(compiled.params)
    if len(parameters) > MAX_PARAMETERS:
        raise AdqlError(f"the query has more than {MAX_PARAMETERS} constants", 0)
    parameters.pop(LIMIT, None)
    top = query.body.top if isinstance(query.body, typed.Select) else None
    return Statement(str(compiled), parameters, frozenset(translator.read), top, translator.values.decimals)


class _Translator:
    def __init__(self, dialect: str, context: QueryContext) -> None:
        self.is_postgresql = dialect == "postgresql"
        self.read: set[str] = set()
        self.tables = Tables(dialect, context, self.query, self.join_condition, self.read)
        self.values = Values(dialect, self.tables.column, self.tables.from_of, self.read)
        self.conditions = Conditions(self.values, self.query)

    def join_condition(self, node: typed.Condition) -> ColumnElement[bool]:
        return self.conditions.condition(node, positive=True)

    def query(self, query: typed.Query, *, outermost: bool = False) -> Select[Any] | CompoundSelect[Any]:
        statement: Select[Any]
        if isinstance(query.body, typed.Select):
            by_position = {key.by for key in query.order_by if isinstance(key.by, int)}
            statement = self.select(query.body, by_position)
            limit = query.body.top
        else:
            body = self.body(query.body).subquery(self.tables.new_name("q"))
            statement, limit = select(*body.c), None
        columns = list(statement.selected_columns)
        for key in query.order_by:
            if isinstance(key.by, int):
                type_, by = query.columns[key.by][0], columns[key.by]
                if self.is_postgresql and type_ is Type.TEXT and not isinstance(query.body, typed.Select):
                    by = collate(by, "C")
            else:
                by = self.values.ordered(key.by, key.by.type)
            by = by.desc() if key.descending else by.asc()
            if not self.is_postgresql:
                by = by.nulls_first() if key.descending else by.nulls_last()
            statement = statement.order_by(by)
        if query.offset:
            statement = statement.offset(query.offset)
        if outermost:
            statement = statement.limit(bindparam(LIMIT, type_=BigInteger()))
        elif limit is not None:
            statement = statement.limit(limit)
        return statement

    def body(self, body: typed.Body) -> Select[Any] | CompoundSelect[Any]:
        if isinstance(body, typed.Query):
            return self.query(body)
        if isinstance(body, typed.Select):
            statement = self.select(body, set())
            return statement if body.top is None else statement.limit(body.top)
        types = [type_ for type_, _ in body.columns]
        left, right = self.operand(body.left, types), self.operand(body.right, types)
        if body.operator == "UNION":
            return (union_all if body.all else union)(left, right)
        if not body.all or self.is_postgresql:
            name = (body.operator, body.all)
            combine = {
                ("EXCEPT", False): except_,
                ("EXCEPT", True): except_all,
                ("INTERSECT", False): intersect,
                ("INTERSECT", True): intersect_all,
            }[name]
            return combine(left, right)
        # SQLite has no ALL here: number equal rows, then no two are equal.
        numbered = [
            select(*s.c, func.row_number().over(partition_by=list(s.c)).label("n"))
            for s in (left.subquery(self.tables.new_name("q")), right.subquery(self.tables.new_name("q")))
        ]
        both = (except_ if body.operator == "EXCEPT" else intersect)(*numbered).subquery(self.tables.new_name("q"))
        return select(*(c for c in both.c if c.name != "n"))

    def operand(self, body: typed.Body, types: list[Type]) -> Select[Any]:
        """An operand of a set operator as a plain SELECT, with the types of the whole."""
        rows = self.body(body).subquery(self.tables.new_name("q"))
        columns: list[Sql] = []
        for number, (sql, (own, _), target) in enumerate(zip(rows.c, body.columns, types, strict=True), 1):
            made: Sql = sql
            if own is not target and target in SQL_TYPES:
                made = cast(made, SQL_TYPES[target]) if self.is_postgresql or own is not Type.NULL else made
            if self.is_postgresql and target in (Type.TEXT, Type.REGION):
                made = collate(made, "C")
            columns.append(made.label(f"c{number}"))
        return select(*columns)

    def select(self, node: typed.Select, ordered: set[Any]) -> Select[Any]:
        from_ = self.tables.from_(node.from_)
        columns = []
        for number, output in enumerate(node.outputs):
            value = self.values.output(output.expression)
            if number in ordered and self.is_postgresql and output.expression.type is Type.TEXT:
                value = collate(value, "C")
            columns.append(value.label(f"c{number + 1}"))
        own = [self.tables.from_of(source) for source in node.sources]
        statement = select(*columns).select_from(from_).correlate_except(*own)
        if node.where is not None:
            statement = statement.where(self.conditions.condition(node.where, positive=True))
        if node.group_by:
            statement = statement.group_by(*(self.values.value(g) for g in node.group_by))
        if node.having is not None:
            statement = statement.having(self.conditions.condition(node.having, positive=True))
        return statement.distinct() if node.distinct else statement
