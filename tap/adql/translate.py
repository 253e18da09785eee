"""From typed tree to a SQLAlchemy statement and to SQL of the database.

Every literal is a bound parameter; tables and columns of results are called by names of our own, so that nothing of the
user's text reaches the SQL. What the two databases do differently is made the same here: order of texts (bytewise) and
of NULLs (last, as if largest), integer arithmetic (64 bits, division towards zero), casts, set operators.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    CompoundSelect,
    DateTime,
    Double,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    TableClause,
    Text,
    and_,
    bindparam,
    cast,
    collate,
    distinct,
    except_,
    except_all,
    exists,
    func,
    intersect,
    intersect_all,
    not_,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.elements import ColumnElement, Grouping
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import TypeEngine

from tap.adql import typed
from tap.adql.declaration import INTEGER, NUMBER, TIME, Function
from tap.adql.functions import FUNCTIONS
from tap.adql.lexer import AdqlError
from tap.adql.spherical import Spherical
from tap.adql.temporal import Temporal, takes_coverage
from tap.adql.types import Type
from tap.engine.numbers import stored_timestamp
from tap.readable import as_from, columns
from tap.registry import PublishedTable, QueryContext

Sql = ColumnElement[Any]

MAX_PARAMETERS = 30_000
"""Most literals of a query: SQLite takes 32766 parameters."""
LIMIT = "row_limit"
"""Name of the parameter that limits the rows of the whole statement."""

_DIALECTS = {
    "postgresql": PGDialect_psycopg(),
    "sqlite": SQLiteDialect_pysqlite(paramstyle="named"),
}
_SQL_TYPES: dict[Type, TypeEngine[Any]] = {
    Type.SMALLINT: SmallInteger(),
    Type.INTEGER: Integer(),
    Type.BIGINT: BigInteger(),
    Type.REAL: REAL(),
    Type.DOUBLE: Double(),
    Type.TEXT: Text(),
    Type.TIMESTAMP: DateTime(),
    Type.BOOLEAN: Boolean(),
    Type.REGION: Text(),
    Type.NULL: Text(),
}
_OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
_BALANCED = 50
"""AND and OR with more parts are nested."""


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
    return Statement(str(compiled), parameters, frozenset(translator.read), top, translator.decimals)


class _Translator:
    def __init__(self, dialect: str, context: QueryContext) -> None:
        self.dialect = dialect
        self.context = context
        self.read: set[str] = set()
        self.froms: dict[int, FromClause] = {}
        self.labels: dict[int, dict[str, str]] = {}
        self.common_tables: dict[int, Any] = {}
        self.binds: dict[Hashable, BindParameter[Any]] = {}
        self.decimals: dict[str, typed.Parameter] = {}
        self.count = 0
        self.spherical = Spherical(dialect, self.double, self.value, self.from_of, self.read)
        self.temporal = Temporal(dialect, self.double, self.text, self.from_of, self.read)

    @property
    def is_postgresql(self) -> bool:
        return self.dialect == "postgresql"

    def new_name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    # --- queries ---

    def query(self, query: typed.Query, *, outermost: bool = False) -> Select[Any] | CompoundSelect[Any]:
        statement: Select[Any]
        if isinstance(query.body, typed.Select):
            by_position = {key.by for key in query.order_by if isinstance(key.by, int)}
            statement = self.select(query.body, by_position)
            limit = query.body.top
        else:
            body = self.body(query.body).subquery(self.new_name("q"))
            statement, limit = select(*body.c), None
        columns = list(statement.selected_columns)
        for key in query.order_by:
            if isinstance(key.by, int):
                type_, by = query.columns[key.by][0], columns[key.by]
                if self.is_postgresql and type_ is Type.TEXT and not isinstance(query.body, typed.Select):
                    by = collate(by, "C")
            else:
                by = self.ordered(key.by)
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
            for s in (left.subquery(self.new_name("q")), right.subquery(self.new_name("q")))
        ]
        both = (except_ if body.operator == "EXCEPT" else intersect)(*numbered).subquery(self.new_name("q"))
        return select(*(c for c in both.c if c.name != "n"))

    def operand(self, body: typed.Body, types: list[Type]) -> Select[Any]:
        """An operand of a set operator as a plain SELECT, with the types of the whole."""
        rows = self.body(body).subquery(self.new_name("q"))
        columns: list[Sql] = []
        for number, (sql, (own, _), target) in enumerate(zip(rows.c, body.columns, types, strict=True), 1):
            made: Sql = sql
            if own is not target and target in _SQL_TYPES:
                made = cast(made, _SQL_TYPES[target]) if self.is_postgresql or own is not Type.NULL else made
            if self.is_postgresql and target in (Type.TEXT, Type.REGION):
                made = collate(made, "C")
            columns.append(made.label(f"c{number}"))
        return select(*columns)

    def select(self, node: typed.Select, ordered: set[Any]) -> Select[Any]:
        from_ = self.from_(node.from_)
        columns = []
        for number, output in enumerate(node.outputs):
            value = self.output(output.expression)
            if number in ordered and self.is_postgresql and output.expression.type is Type.TEXT:
                value = collate(value, "C")
            columns.append(value.label(f"c{number + 1}"))
        statement = select(*columns).select_from(from_).correlate_except(*(self.from_of(s) for s in node.sources))
        if node.where is not None:
            statement = statement.where(self.condition(node.where, positive=True))
        if node.group_by:
            statement = statement.group_by(*(self.value(g) for g in node.group_by))
        if node.having is not None:
            statement = statement.having(self.condition(node.having, positive=True))
        return statement.distinct() if node.distinct else statement

    def output(self, expression: typed.Expression) -> Sql:
        if expression.type is Type.NULL:
            return cast(null(), Text)
        if expression.type.is_shape:
            return self.spherical.geometry(expression)
        return self.value(expression)

    # --- tables ---

    def from_(self, node: typed.From) -> FromClause:
        if isinstance(node, typed.Source):
            return self.from_of(node)
        left, right = self.from_(node.left), self.from_(node.right)
        on = true() if node.on is None else self.condition(node.on, positive=True)
        if node.kind == "RIGHT":
            return right.join(left, on, isouter=True)
        return left.join(right, on, isouter=node.kind == "LEFT", full=node.kind == "FULL")

    def from_of(self, source: typed.Source) -> FromClause:
        """The FROM element of a source, made once."""
        made = self.froms.get(id(source))
        if made is None:
            made = self.froms[id(source)] = self.new_from(source)
        return made

    def new_from(self, source: typed.Source) -> FromClause:
        if isinstance(source, typed.TableSource):
            return self.published(source.table)
        if isinstance(source, typed.QuerySource):
            query = source.query
            made: FromClause = self.query(query).subquery(self.new_name("q"))
        else:
            assert isinstance(source, typed.CommonTableSource)
            query = source.common_table.query
            shared = self.common_tables.get(id(source.common_table))
            if shared is None:
                shared = self.query(query).cte(self.new_name("w"))
                self.common_tables[id(source.common_table)] = shared
            made = shared.alias(self.new_name("q"))
        self.labels[id(source)] = {meta.name: f"c{n}" for n, (_, meta) in enumerate(query.columns, 1)}
        return made

    def published(self, published: PublishedTable) -> FromClause:
        self.read.add(published.sql_name)
        aliased = as_from(published).alias(self.new_name("t"))
        visible = None if published.rows is None else published.rows(aliased, self.context.viewer)
        if visible is None:
            return aliased
        self.read |= {str(e.name) for e in iterate(visible) if isinstance(e, TableClause)}
        return select(*(aliased.c[name] for name in columns(published))).where(visible).subquery(self.new_name("t"))

    def column(self, node: typed.ColumnReference) -> Sql:
        from_ = self.from_of(node.source)
        if isinstance(node.source, typed.TableSource):
            computed = node.source.table.expressions.get(node.column)
            stored = node.source.table.sql_columns.get(node.column, node.column)
            return from_.c[stored] if computed is None else computed(from_, self.context)
        return from_.c[self.labels[id(node.source)][node.column]]

    # --- values ---

    def value(self, node: typed.Expression) -> Sql:
        match node:
            case typed.ColumnReference():
                return self.column(node)
            case typed.Literal():
                return self.literal(node)
            case typed.Parameter():
                return self.parameter(node)
            case typed.Arithmetic():
                return self.arithmetic(node)
            case typed.Negation():
                operand = self.as_type(node.operand, node.type)
                return -Grouping(operand) if self.is_postgresql else func.tap_negate(operand)
            case typed.Concatenation():
                return _concatenated([self.text(p) for p in node.parts])
            case typed.Cast():
                return self.cast(node)
            case typed.AggregateCall():
                return self.compiled(node.function, node.arguments)
            case typed.Aggregate():
                return self.aggregate(node)
            case typed.Call():
                return self.call(node)
        raise AssertionError(f"unknown expression {node}")

    def literal(self, node: typed.Literal) -> Sql:
        if node.value is None:
            return null()
        value, type_ = node.value, node.type
        sql_type = BigInteger() if type_.is_integer else _SQL_TYPES[type_]
        if type_ is Type.TIMESTAMP and not self.is_postgresql:
            value, sql_type = stored_timestamp(value), Text()
        # The same constant is the same parameter: PostgreSQL compares expressions of GROUP BY with those selected.
        key = (type_, value)
        if key not in self.binds:
            self.binds[key] = bindparam(f"p{len(self.binds) + 1}", value, type_=sql_type)
        return self.binds[key]

    def parameter(self, node: typed.Parameter) -> Sql:
        key = node.key()
        if key not in self.binds:
            name = f"p{len(self.binds) + 1}"
            self.decimals[name] = node
            self.binds[key] = bindparam(name, None, type_=_SQL_TYPES[node.type])
        return self.binds[key]

    def as_type(self, node: typed.Expression, target: Type) -> Sql:
        """The value of a number as BIGINT or DOUBLE."""
        if isinstance(node, typed.Literal) and node.value is not None:
            number = float(node.value) if target is Type.DOUBLE else node.value
            return self.literal(typed.Literal(node.at, target, node.meta, number))
        value = self.value(node)
        if self.is_postgresql and (node.type is not target or node.type is Type.NULL or _is_column(node)):
            return cast(value, _SQL_TYPES[target])
        return value

    def double(self, node: typed.Expression) -> Sql:
        return self.as_type(node, Type.DOUBLE)

    def text(self, node: typed.Expression) -> Sql:
        value = self.value(node)
        return cast(value, Text) if node.type is Type.NULL and self.is_postgresql else value

    def ordered(self, node: typed.Expression) -> Sql:
        """A value as `<` and ORDER BY compare it: texts bytewise."""
        value = self.value(node)
        return collate(value, "C") if self.is_postgresql and node.type is Type.TEXT else value

    def arithmetic(self, node: typed.Arithmetic) -> Sql:
        left, right = self.as_type(node.left, node.type), self.as_type(node.right, node.type)
        if self.is_postgresql:
            return Grouping(left).op(node.operator, return_type=_SQL_TYPES[node.type])(Grouping(right))
        kind = "integer" if node.type is Type.BIGINT else "double"
        return getattr(func, f"tap_{_OPERATORS[node.operator]}_{kind}")(left, right)

    def aggregate(self, node: typed.Aggregate) -> Sql:
        if node.argument is None:
            return func.count()
        if node.name == "COUNT":
            shape = node.argument.type.is_shape
            value = self.spherical.geometry(node.argument) if shape else self.value(node.argument)
            return func.count(distinct(value) if node.distinct else value)
        if node.name in ("MIN", "MAX"):
            return getattr(func, node.name.lower())(self.ordered(node.argument))
        value = self.as_type(node.argument, node.type)
        made = getattr(func, node.name.lower())(distinct(value) if node.distinct else value)
        return cast(made, BigInteger) if self.is_postgresql and node.type is Type.BIGINT else made

    def cast(self, node: typed.Cast) -> Sql:
        value, own = self.value(node.operand), node.operand.type
        if node.type.is_integer:
            if not self.is_postgresql:
                return func.tap_to_integer(value, bindparam(None, node.type.value, type_=Text(), unique=True))
            if own in (Type.REAL, Type.DOUBLE):
                value = func.trunc(cast(value, Double))
            return cast(value, _SQL_TYPES[node.type])
        if node.type is Type.DOUBLE:
            return cast(value, Double) if self.is_postgresql else func.tap_to_double(value)
        if node.type is Type.REAL:
            return cast(cast(value, REAL), Double) if self.is_postgresql else func.tap_to_real(value)
        if node.type is Type.TIMESTAMP:
            return value if own is Type.TIMESTAMP else func.tap_to_timestamp(value)
        assert node.type is Type.TEXT
        if own is Type.TIMESTAMP:
            value = func.tap_timestamp_text(cast(value, DateTime) if self.is_postgresql else value)
        elif own.is_number:
            value = cast(value, Text) if self.is_postgresql else func.tap_number_text(value)
        elif own is Type.NULL:
            value = cast(value, Text)
        return value if node.length is None else func.substr(value, 1, node.length)

    def call(self, node: typed.Call) -> Sql:
        function = node.function
        if function.group == "adqlgeo":
            return self.spherical.call(node)
        if takes_coverage(node):
            return self.temporal.call(node)
        if function.name == "COALESCE":
            if node.type.is_shape:
                return func.coalesce(*(self.spherical.geometry(a) for a in node.arguments))
            if node.type.is_number:
                return func.coalesce(*(self.as_type(a, _computed(node.type)) for a in node.arguments))
            return func.coalesce(*(self.value(a) for a in node.arguments))
        if function.name == "ivo_geom_transform":
            shape, *matrix = node.arguments
            return function.compile(self.dialect, [self.spherical.geometry(shape), *map(self.double, matrix)])
        return self.compiled(function, node.arguments)

    def compiled(self, function: Function, arguments: tuple[typed.Expression, ...]) -> Sql:
        """The call of a function with arguments of one of its signatures."""
        signature = next((s for s in function.signatures if len(s) == len(arguments)), ())
        made: list[Sql] = []
        for argument, parameter in zip(arguments, signature, strict=True):
            if parameter.kind == "point":
                made += self.spherical.lon_lat(argument)
            elif parameter.kind == NUMBER:
                made.append(self.double(argument))
            elif parameter.kind == INTEGER:
                made.append(self.as_type(argument, Type.BIGINT))
            elif parameter.kind == TIME and self.is_postgresql:
                made.append(cast(self.value(argument), DateTime))
            else:
                made.append(self.text(argument))
        return function.compile(self.dialect, made)

    # --- conditions ---

    def condition(self, node: typed.Condition, *, positive: bool) -> ColumnElement[bool]:
        """`positive` where false and unknown mean the same, so that index conditions may be added."""
        match node:
            case typed.Or():
                return _balanced([self.condition(p, positive=positive) for p in node.parts], "OR")
            case typed.And():
                return _balanced([self.condition(p, positive=positive) for p in node.parts], "AND")
            case typed.Not():
                return not_(Grouping(self.condition(node.operand, positive=False)))
            case typed.Comparison():
                return self.comparison(node, positive)
            case typed.Between():
                operand, low, high = (Grouping(self.ordered(e)) for e in node.expressions())
                between = operand.between(low, high)
                return not_(Grouping(between)) if node.negated else between
            case typed.InList():
                found = self.value(node.operand).in_([self.value(i) for i in node.items])
                return not_(Grouping(found)) if node.negated else found
            case typed.InQuery():
                found = self.value(node.operand).in_(self.query(node.query))
                return not_(Grouping(found)) if node.negated else found
            case typed.Like():
                return self.like(node)
            case typed.IsNull():
                value = self.output(node.operand)
                return value.is_not(None) if node.negated else value.is_(None)
            case typed.Exists():
                return exists(self.query(node.query))
        raise AssertionError(f"unknown condition {node}")

    def comparison(self, node: typed.Comparison, positive: bool) -> ColumnElement[bool]:
        left, right, operator = node.left, node.right, node.operator
        if isinstance(left, typed.Constant) or _called(right, "DISTANCE"):
            left, right, operator = right, left, _MIRRORED[operator]
        if isinstance(right, typed.Literal) and right.value in (0, 1) and operator in ("=", "<>"):
            call = _called(left, "CONTAINS", "INTERSECTS", "distiller_tmoc_overlaps", "distiller_tmoc_contains")
            if call is not None:
                wanted = (right.value == 1) == (operator == "=")
                maker = self.temporal if takes_coverage(call) else self.spherical
                predicate = maker.predicate(call)
                if not wanted:
                    return not_(Grouping(predicate))
                return and_(*maker.overlap_conditions(call), predicate) if positive else predicate
        distance = _called(left, "DISTANCE")
        exact = self.compared(left, right, operator)
        if distance is not None and positive and operator in ("<", "<="):
            return and_(*self.spherical.distance_conditions(distance, right), exact)
        return exact

    def compared(self, left: typed.Expression, right: typed.Expression, operator: str) -> ColumnElement[bool]:
        if operator in ("=", "<>"):
            a, b = self.text_or_value(left), self.text_or_value(right)
        else:
            a, b = self.ordered(left), self.ordered(right)
        return Grouping(a).op(operator, is_comparison=True, return_type=Boolean())(Grouping(b))

    def text_or_value(self, node: typed.Expression) -> Sql:
        return self.text(node) if node.type is Type.NULL else self.value(node)

    def like(self, node: typed.Like) -> ColumnElement[bool]:
        value, pattern = self.text(node.operand), self.text(node.pattern)
        if node.any_case:
            lower = FUNCTIONS["LOWER"]
            value, pattern = lower.compile(self.dialect, [value]), lower.compile(self.dialect, [pattern])
        # PostgreSQL has an escape character unless told otherwise.
        found = value.like(pattern, escape="" if self.is_postgresql else None)
        return not_(Grouping(found)) if node.negated else found


_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _called(node: typed.Expression, *names: str) -> typed.Call | None:
    return node if isinstance(node, typed.Call) and node.function.name in names else None


def _is_column(node: typed.Expression) -> bool:
    """Published types may be narrower than the database's (float and double precision): cast what comes from there."""
    return isinstance(node, typed.ColumnReference)


def _computed(type_: Type) -> Type:
    return Type.BIGINT if type_.is_integer else Type.DOUBLE


def _balanced(parts: list[ColumnElement[bool]], word: str) -> ColumnElement[bool]:
    """The parts joined by AND or OR; many of them as a tree, for SQLite limits the depth of expressions."""
    if len(parts) <= _BALANCED:
        return (and_ if word == "AND" else or_)(*parts)
    middle = len(parts) // 2
    left, right = _balanced(parts[:middle], word), _balanced(parts[middle:], word)
    # SQLAlchemy would make its own AND and OR flat again.
    return Grouping(left).op(word, is_comparison=True, return_type=Boolean())(Grouping(right))


def _concatenated(parts: list[Sql]) -> Sql:
    if len(parts) == 1:
        return Grouping(parts[0])
    middle = len(parts) // 2
    left, right = _concatenated(parts[:middle]), _concatenated(parts[middle:])
    return Grouping(left.op("||", return_type=Text())(right))
