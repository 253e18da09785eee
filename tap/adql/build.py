"""Builds the syntax tree while the parser reduces, and refuses what the grammar file leaves open.

The methods are named after the rules of grammar.lark; a rule's optional parts arrive as None.
"""

from __future__ import annotations

from typing import Any, TypeVar

from lark import Token, Transformer, v_args

from tap.adql import tree
from tap.adql.lexer import LITERAL, AdqlError

MAX_DEPTH = 150
"""Longest chain of operators of one kind that nest (`a+b+c…`, `q UNION q…`)."""
MAX_TABLES = 60
"""Most tables in one FROM (SQLite joins 64)."""
MAX_VALUES = 20_000
"""Most values in an IN list."""

_ANY = 10_000
ARGUMENT_COUNTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("ABS", "CEILING", "EXP", "FLOOR", "LOG", "LOG10", "SQRT", "DEGREES", "RADIANS"), (1, 1)),
    **dict.fromkeys(("ACOS", "ASIN", "ATAN", "COS", "COT", "SIN", "TAN", "UPPER", "LOWER"), (1, 1)),
    **dict.fromkeys(("AREA", "CENTROID", "COORD1", "COORD2", "COORDSYS", "REGION"), (1, 1)),
    **dict.fromkeys(("ATAN2", "MOD", "POWER", "IN_UNIT", "CONTAINS", "INTERSECTS"), (2, 2)),
    **dict.fromkeys(("ROUND", "TRUNCATE"), (1, 2)),
    "PI": (0, 0),
    "RAND": (0, 1),
    "COALESCE": (1, 100),
    "POINT": (2, 3),
    "CIRCLE": (2, 4),
    "BOX": (3, 5),
    "POLYGON": (3, _ANY),
    "DISTANCE": (2, 4),
}
"""Fewest and most arguments of the functions of the grammar; `functions.py` says which types."""
_GEOMETRIES = frozenset({"POINT", "CIRCLE", "BOX", "POLYGON", "REGION", "CENTROID"})
_TEXTS = frozenset({"UPPER", "LOWER", "COORDSYS"})
_ANY_SORT = frozenset({"COALESCE"})

N = TypeVar("N", bound=tree.Node)


def sort(value: tree.Value) -> str:
    """What the grammar knows of a value: `number`, `text`, `geometry`, or `any`."""
    if isinstance(value, tree.Number | tree.Arithmetic | tree.Sign):
        return "number"
    if isinstance(value, tree.String | tree.Concatenation):
        return "text"
    if isinstance(value, tree.Aggregate):
        return "any" if value.name in ("MIN", "MAX") else "number"
    if isinstance(value, tree.Cast):
        if value.type in ("CHAR", "VARCHAR", "TIMESTAMP"):
            return "text"
        return "geometry" if value.type in _GEOMETRIES else "number"
    if isinstance(value, tree.Function):
        name = value.name.upper()
        if name in _GEOMETRIES:
            return "geometry"
        if name in _TEXTS:
            return "text"
        if name in ARGUMENT_COUNTS and name not in _ANY_SORT:
            return "number"
    return "any"


def as_value(node: tree.Node) -> tree.Value:
    """The node, if it is a value."""
    if not isinstance(node, tree.Value):
        raise AdqlError("a condition stands where a value is expected", node.at)
    return node


def as_predicate(node: tree.Node) -> tree.Predicate:
    """The node, if it is a condition."""
    if isinstance(node, tree.Predicate):
        return node
    if isinstance(node, tree.Function) and node.name.upper() in ("CONTAINS", "INTERSECTS"):
        name = node.name.upper()
        raise AdqlError(f"{name}(…) is a number, 1 or 0, and no condition: write 1={name}(…)", node.at)
    raise AdqlError("a value stands where a condition is expected: compare it with something", node.at)


@v_args(inline=True)
class TreeBuilder(Transformer[Token, Any]):
    """Lark's callbacks."""

    # queries

    def query(self, tables: Any, body: Any, order_by: Any, offset: Any) -> tree.Query:
        return tree.Query(body.at, tables or (), body, order_by or (), offset)

    def subquery(self, body: Any, order_by: Any, offset: Any) -> tree.Query:
        return tree.Query(body.at, (), body, order_by or (), offset)

    def nested_query(self, query: tree.Query) -> tree.Query:
        return query

    def with_(self, *tables: tree.CommonTable) -> tuple[tree.CommonTable, ...]:
        return tables

    def common_table(self, name: tree.Name, query: tree.Query) -> tree.CommonTable:
        return tree.CommonTable(name.at, name, query)

    def set_operation(self, left: Any, operator: Token, every: Token | None, right: Any) -> tree.SetOperation:
        depth = 1 + max(n.depth if isinstance(n, tree.SetOperation) else 0 for n in (left, right))
        if depth > MAX_DEPTH:
            raise AdqlError(f"more than {MAX_DEPTH} queries are put together", _at(operator))
        return tree.SetOperation(_at(operator), str(operator).upper(), every is not None, left, right, depth)

    def select(
        self, select: Token, quantifier: Any, top: Any, items: Any, tables: Any, where: Any, group_by: Any, having: Any
    ) -> tree.Select:
        distinct = quantifier is not None and quantifier.type == "DISTINCT"
        return tree.Select(_at(select), distinct, top, items, tables, where, group_by or (), having)

    def quantifier(self, word: Token) -> Token:
        return word

    def top(self, count: Token) -> int:
        return _count(count)

    def offset(self, count: Token) -> int:
        return _count(count)

    def star_list(self, star: Token) -> tuple[tree.Star]:
        return (tree.Star(_at(star), None),)

    def select_list(self, *items: Any) -> tuple[Any, ...]:
        return items

    def qualified_star(self, qualifier: tree.Qualified, star: Token) -> tree.Star:
        return tree.Star(qualifier.at, qualifier)

    def aliased(self, value: tree.Node, alias: tree.Name) -> tree.Item:
        return tree.Item(value.at, as_value(value), alias)

    def unaliased(self, value: tree.Node) -> tree.Item:
        return tree.Item(value.at, as_value(value), None)

    def where(self, condition: tree.Node) -> tree.Predicate:
        return as_predicate(condition)

    having = where
    on = where

    def group_by(self, *values: tree.Node) -> tuple[tree.Value, ...]:
        return tuple(as_value(v) for v in values)

    def order_by(self, *items: tree.SortItem) -> tuple[tree.SortItem, ...]:
        return items

    def sort_item(self, value: tree.Node, direction: Token | None) -> tree.SortItem:
        return tree.SortItem(value.at, as_value(value), direction is not None and direction.type == "DESC")

    def direction(self, word: Token) -> Token:
        return word

    # tables

    def from_(self, *tables: tree.TableReference) -> tuple[tree.TableReference, ...]:
        if sum(_tables(table) for table in tables) > MAX_TABLES:
            raise AdqlError(f"more than {MAX_TABLES} tables are joined", tables[-1].at)
        return tables

    def table(self, name: tree.Qualified, alias: tree.Name | None) -> tree.Table:
        if len(name.parts) > 3:
            raise AdqlError("a table name has at most three parts: catalog.schema.table", name.at)
        return tree.Table(name.at, name, alias)

    def derived_table(self, query: tree.Query, alias: tree.Name) -> tree.DerivedTable:
        return tree.DerivedTable(query.at, query, alias)

    def parenthesised_join(self, join: tree.Join) -> tree.Join:
        return join

    def join(
        self, left: Any, natural: Token | None, kind: str | None, join: Token, right: Any, specification: Any
    ) -> tree.Join:
        on = specification if isinstance(specification, tree.Predicate) else None
        using = specification if isinstance(specification, tuple) else ()
        if natural is not None and specification is not None:
            raise AdqlError("a NATURAL JOIN takes neither ON nor USING", _at(natural))
        return tree.Join(_at(join), kind or "INNER", left, right, natural is not None, on, using)

    def join_type(self, kind: Token) -> str:
        return str(kind).upper()

    def outer_type(self, kind: Token) -> Token:
        return kind

    def using(self, *names: tree.Name) -> tuple[tree.Name, ...]:
        return names

    # conditions

    def condition(self, first: tree.Node, *others: tree.Node) -> tree.Node:
        return tree.Or(first.at, tuple(as_predicate(n) for n in (first, *others))) if others else first

    def boolean_term(self, first: tree.Node, *others: tree.Node) -> tree.Node:
        return tree.And(first.at, tuple(as_predicate(n) for n in (first, *others))) if others else first

    def negation(self, word: Token, operand: tree.Node) -> tree.Not:
        return tree.Not(_at(word), as_predicate(operand))

    def comparison(self, left: tree.Node, operator: Token, right: tree.Node) -> tree.Comparison:
        return tree.Comparison(left.at, _SAME.get(operator, str(operator)), as_value(left), as_value(right))

    def between(self, value: tree.Node, negated: Token | None, low: tree.Node, high: tree.Node) -> tree.Between:
        return tree.Between(value.at, as_value(value), as_value(low), as_value(high), negated is not None)

    def in_list(self, value: tree.Node, negated: Token | None, word: Token, *items: Any) -> tree.InList:
        listed = _literals(items[0]) if isinstance(items[0], Token) else tuple(as_value(i) for i in items)
        if len(listed) > MAX_VALUES:
            raise AdqlError(f"IN takes at most {MAX_VALUES} values", value.at)
        return tree.InList(value.at, as_value(value), listed, negated is not None)

    def in_query(self, value: tree.Node, negated: Token | None, word: Token, query: tree.Query) -> tree.InQuery:
        return tree.InQuery(value.at, as_value(value), query, negated is not None)

    def like(self, value: tree.Node, negated: Token | None, word: Token, pattern: tree.Node) -> tree.Like:
        for operand in (value, pattern):
            if sort(as_value(operand)) not in ("text", "any"):
                raise AdqlError(f"{str(word).upper()} compares texts", operand.at)
        return tree.Like(value.at, as_value(value), as_value(pattern), negated is not None, word.type == "ILIKE")

    def is_null(self, value: tree.Node, word: Token, negated: Token | None) -> tree.IsNull:
        if not isinstance(value, tree.Column):
            raise AdqlError("IS NULL takes a column; give the expression a name in a sub-query", value.at)
        return tree.IsNull(value.at, value, negated is not None)

    def exists(self, word: Token, query: tree.Query) -> tree.Exists:
        return tree.Exists(_at(word), query)

    # values

    def parenthesised(self, inner: tree.Node) -> tree.Node:
        return inner

    def arithmetic(self, left: tree.Node, operator: Token, right: tree.Node) -> tree.Arithmetic:
        for operand in (left, right):
            if sort(as_value(operand)) in ("geometry", "text"):
                raise AdqlError(f"{operator} takes numbers, not a {sort(as_value(operand))}", operand.at)
        depth = 1 + max(n.depth if isinstance(n, tree.Arithmetic) else 0 for n in (left, right))
        if depth > MAX_DEPTH:
            raise AdqlError(f"an expression is nested deeper than {MAX_DEPTH}", _at(operator))
        return tree.Arithmetic(left.at, str(operator), as_value(left), as_value(right), depth)

    def concatenation(self, left: tree.Node, operator: Token, right: tree.Node) -> tree.Concatenation:
        for operand in (left, right):
            if sort(as_value(operand)) == "geometry":
                raise AdqlError("|| joins texts, not geometries", operand.at)
        parts = left.parts if isinstance(left, tree.Concatenation) else (as_value(left),)
        return tree.Concatenation(left.at, (*parts, as_value(right)))

    def signed(self, sign: Token, operand: tree.Node) -> tree.Value:
        if sort(as_value(operand)) in ("geometry", "text"):
            raise AdqlError(f"{sign} takes a number", _at(sign))
        return tree.Sign(_at(sign), str(sign) == "-", as_value(operand))

    def number(self, token: Token) -> tree.Number:
        return tree.Number(_at(token), str(token))

    def string(self, token: Token) -> tree.String:
        return tree.String(_at(token), token[1:-1].replace("''", "'"))

    def null(self, token: Token) -> tree.Null:
        return tree.Null(_at(token))

    def column(self, name: tree.Qualified) -> tree.Column:
        return tree.Column(name.at, name)

    def function(self, name: Token, *arguments: tree.Node | None) -> tree.Function:
        values = tuple(as_value(a) for a in arguments if a is not None)
        written = str(name).upper() if name.type == "FUNCTION" else str(name)
        low, high = ARGUMENT_COUNTS.get(written, (0, _ANY)) if name.type == "FUNCTION" else (0, _ANY)
        if not low <= len(values) <= high or (written == "DISTANCE" and len(values) == 3):
            takes = f"{low}" if low == high else f"{low} or more" if high == _ANY else f"{low} to {high}"
            raise AdqlError(f"{written} takes {takes} argument{'s' * (takes != '1')}, not {len(values)}", _at(name))
        return tree.Function(_at(name), written, values)

    def rounding(self, name: Token, value: tree.Node, decimals: tree.Value | None) -> tree.Function:
        arguments = (as_value(value),) if decimals is None else (as_value(value), decimals)
        return tree.Function(_at(name), str(name).upper(), arguments)

    def signed_integer(self, sign: Token | None, number: Token) -> tree.Value:
        value = self.number(number)
        return value if sign is None else tree.Sign(_at(sign), str(sign) == "-", value)

    def aggregate(self, name: Token, quantifier: Token | None, argument: tree.Node) -> tree.Aggregate:
        distinct = quantifier is not None and quantifier.type == "DISTINCT"
        return tree.Aggregate(_at(name), str(name).upper(), distinct, as_value(argument))

    def aggregate_star(self, name: Token, star: Token) -> tree.Aggregate:
        if str(name).upper() != "COUNT":
            raise AdqlError(f"only COUNT takes *, not {str(name).upper()}", _at(star))
        return tree.Aggregate(_at(name), "COUNT", False, None)

    def cast(self, word: Token, operand: tree.Node, target: tuple[str, int | None]) -> tree.Cast:
        return tree.Cast(_at(word), as_value(operand), *target)

    def type(self, word: Token, length: Token | None = None) -> tuple[str, int | None]:
        name = str(word).upper()
        if name == "DOUBLE":
            return ("DOUBLE PRECISION", None)
        if word.type == "FUNCTION" and name not in ("POINT", "CIRCLE", "POLYGON"):
            raise AdqlError(f"{name} is no type", _at(word))
        if length is not None and name not in ("CHAR", "VARCHAR"):
            raise AdqlError(f"{name} takes no length", _at(length))
        return (name, None if length is None else _count(length))

    # names

    def qualified(self, first: Any, name: tree.Name | None = None) -> tree.Qualified:
        if name is None:
            return tree.Qualified(first.at, (first,))
        if len(first.parts) >= 4:
            raise AdqlError("a name has at most four parts: catalog.schema.table.column", first.at)
        return tree.Qualified(first.at, (*first.parts, name))

    def name(self, token: Token) -> tree.Name:
        if token.type == "DELIMITED":
            return tree.Name(_at(token), token[1:-1].replace('""', '"'), True)
        return tree.Name(_at(token), str(token), False)


# `with` and `from` are words of Python.
setattr(TreeBuilder, "with", TreeBuilder.with_)
setattr(TreeBuilder, "from", TreeBuilder.from_)

_SAME = {"!=": "<>"}


def _literals(token: Token) -> tuple[tree.Value, ...]:
    """The constants of a list that came as one token."""
    start = _at(token)
    return tuple(_literal(start + found.start(), found.group()) for found in LITERAL.finditer(token))


def _literal(at: int, text: str) -> tree.Value:
    if text[0] == "'":
        return tree.String(at, text[1:-1].replace("''", "'"))
    if text[0] in "+-":
        number = text[1:].lstrip()
        return tree.Sign(at, text[0] == "-", tree.Number(at + len(text) - len(number), number))
    return tree.Number(at, text)


def _at(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _count(token: Token) -> int:
    if len(token) > 18:
        raise AdqlError("this number is too large", _at(token))
    return int(token)


def _tables(reference: tree.TableReference) -> int:
    count, open_ = 0, [reference]
    while open_:
        item = open_.pop()
        if isinstance(item, tree.Join):
            open_ += [item.left, item.right]
        else:
            count += 1
    return count
