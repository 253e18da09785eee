"""From syntax tree to typed tree: tables, joins, sub-queries, groups and order settled (ADQL 2.1 section 2.2)."""

from __future__ import annotations

from collections.abc import Callable

from tap.adql import tree, typed
from tap.adql.expressions import ExpressionResolver
from tap.adql.groups import check_grouped, check_grouped_condition, is_grouped
from tap.adql.lexer import AdqlError
from tap.adql.scope import Entry, Relation, Scope, Visible, suggestion
from tap.adql.template import Decimals
from tap.adql.types import Type, column_of, type_of, wider
from tap.registry import PublishedTable
from vo.columns import ColumnMeta

MAX_COLUMNS = 1500
"""Most columns of a result (PostgreSQL has at most 1664, with those it sorts and groups by)."""
MAX_KEYS = 80
"""Most expressions of GROUP BY, and of ORDER BY."""
MAX_READS = 400
"""Most tables that are read, each as often as it is: SQLite writes out every use of a table of WITH."""

CommonTables = dict[str, tuple[tree.Name, typed.CommonTable]]


def resolve(
    query: tree.Query,
    find: Callable[[str], PublishedTable | None],
    known: Callable[[], list[str]],
    decimals: Decimals | None = None,
) -> typed.Query:
    """The typed tree of a query; `find` gives the published table of a qualified name, `known` all their names.

    `decimals` are the constants that are to be parameters. Raises AdqlError, not yet located.
    """
    return _Resolver(find, known, decimals or Decimals()).query(query, None, {})


class _Resolver:
    def __init__(
        self, find: Callable[[str], PublishedTable | None], known: Callable[[], list[str]], decimals: Decimals
    ) -> None:
        self.find = find
        self.known = known
        self.expressions = ExpressionResolver(self.query, decimals)
        self.reads = 0
        self.reads_of: dict[int, int] = {}

    # --- queries ---

    def query(self, query: tree.Query, parent: Scope | None, common: CommonTables) -> typed.Query:
        own: list[typed.CommonTable] = []
        for table in query.common_tables:
            before = self.reads
            resolved = typed.CommonTable(self.query(table.query, None, common))
            self.reads_of[id(resolved)] = self.reads - before
            if table.name.text.lower() in {t.name.text.lower() for t in query.common_tables[: len(own)]}:
                raise AdqlError(f"{table.name} is defined twice", table.name.at)
            own.append(resolved)
            common = {**common, table.name.text.lower(): (table.name, resolved)}
        scope: Scope | None = None
        body: typed.Body
        if isinstance(query.body, tree.Select):
            body, scope = self.select(query.body, parent, common)
        else:
            body = self.operand(query.body, parent, common)
        if len(query.order_by) > MAX_KEYS:
            raise AdqlError(f"ORDER BY takes at most {MAX_KEYS} expressions", query.order_by[MAX_KEYS].at)
        order_by = tuple(self.sort_key(item, body, scope, common) for item in query.order_by)
        return typed.Query(body, order_by, query.offset, tuple(own))

    def operand(
        self, body: tree.Select | tree.SetOperation | tree.Query, parent: Scope | None, common: CommonTables
    ) -> typed.Body:
        if isinstance(body, tree.Select):
            return self.select(body, parent, common)[0]
        if isinstance(body, tree.Query):
            return self.query(body, parent, common)
        left, right = self.operand(body.left, parent, common), self.operand(body.right, parent, common)
        if len(left.columns) != len(right.columns):
            raise AdqlError(
                f"both queries of {body.operator} must have the same number of columns, "
                f"not {len(left.columns)} and {len(right.columns)}",
                body.at,
            )
        columns = []
        for (left_type, meta), (right_type, right_meta) in zip(left.columns, right.columns, strict=True):
            common_type = wider(left_type, right_type)
            if common_type is None or common_type.is_opaque:
                raise AdqlError(
                    f"column {meta.name} is {left_type.value} left of {body.operator}, {right_type.value} right of it",
                    body.at,
                )
            columns.append((common_type, _retyped(meta, right_meta, left_type, common_type)))
        return typed.SetOperation(body.operator, body.all, left, right, tuple(columns))

    def select(self, select: tree.Select, parent: Scope | None, common: CommonTables) -> tuple[typed.Select, Scope]:
        relation = self.from_(select.tables, parent, common)
        scope = Scope(relation, parent)
        resolve = self.expressions
        outputs: list[typed.Output] = []
        for item in select.items:
            if isinstance(item, tree.Star):
                columns = relation.columns if item.qualifier is None else scope.star(item.qualifier)
                outputs += [typed.Output(v.expression, v.expression.meta.but(name=v.name)) for v in columns]
                continue
            value = resolve.value(item.value, scope, common, "SELECT")
            if item.alias is not None:
                name = item.alias.text
                scope.aliases.setdefault(name.lower(), value)
            else:
                name = value.meta.name or _generated(item.value, len(outputs) + 1)
            outputs.append(typed.Output(value, value.meta.but(name=name, unit=value.meta.unit or None)))
        if len(outputs) > MAX_COLUMNS:
            raise AdqlError(f"a result has at most {MAX_COLUMNS} columns", select.at)
        outputs = _unique(outputs)
        where = None if select.where is None else resolve.condition(select.where, scope, common, "WHERE")
        if len(select.group_by) > MAX_KEYS:
            raise AdqlError(f"GROUP BY takes at most {MAX_KEYS} expressions", select.group_by[MAX_KEYS].at)
        group_by = tuple(self.group(value, scope, common) for value in select.group_by)
        having = None if select.having is None else resolve.condition(select.having, scope, common, "HAVING")
        resolved = typed.Select(
            tuple(outputs),
            relation.from_,
            tuple(e.source for e in relation.entries),
            where,
            group_by,
            having,
            select.distinct,
            select.top,
        )
        if is_grouped(resolved):
            for output in outputs:
                check_grouped(output.expression, resolved)
            if having is not None:
                check_grouped_condition(having, resolved)
        if select.distinct:
            for output in outputs:
                if output.expression.type.is_opaque:
                    raise AdqlError(f"DISTINCT does not apply to column {output.meta.name}", output.expression.at)
        return resolved, scope

    def group(self, value: tree.Value, scope: Scope, common: CommonTables) -> typed.Expression:
        if isinstance(value, tree.Column) and len(value.name.parts) == 1:
            name = value.name.parts[0]
            is_column = any(name.matches(v.name) for v in scope.relation.columns)
            if not is_column and name.text.lower() in scope.aliases:
                expression = scope.aliases[name.text.lower()]
                if any(isinstance(e, typed.Aggregate) for e in expression.walk()):
                    raise AdqlError(f"{name} is an aggregate: GROUP BY cannot use it", value.at)
                return expression
        expression = self.expressions.value(value, scope, common, "GROUP BY")
        if expression.type.is_opaque:
            raise AdqlError("GROUP BY does not apply to this column", value.at)
        return expression

    def sort_key(
        self, item: tree.SortItem, body: typed.Body, scope: Scope | None, common: CommonTables
    ) -> typed.SortKey:
        value, descending = item.value, item.descending
        if isinstance(value, tree.Number):
            if not value.text.isdigit() or not 1 <= int(value.text) <= len(body.columns):
                raise AdqlError(f"ORDER BY {value.text}: the result has columns 1 to {len(body.columns)}", item.at)
            return self.sortable(typed.SortKey(int(value.text) - 1, descending), body, item.at)
        if isinstance(value, tree.Column) and len(value.name.parts) == 1:
            name = value.name.parts[0]
            found = [i for i, (_, meta) in enumerate(body.columns) if name.matches(meta.name)]
            if found:
                return self.sortable(typed.SortKey(found[0], descending), body, item.at)
        if scope is None or not isinstance(body, typed.Select):
            names = [meta.name for _, meta in body.columns]
            told = suggestion(str(value.name), names) if isinstance(value, tree.Column) else ""
            raise AdqlError(f"after UNION, EXCEPT and INTERSECT, ORDER BY takes names of result columns{told}", item.at)
        expression = self.expressions.value(value, scope, common, "ORDER BY")
        for index, output in enumerate(body.outputs):
            if output.expression.key() == expression.key():
                return self.sortable(typed.SortKey(index, descending), body, item.at)
        if body.distinct:
            raise AdqlError("with SELECT DISTINCT, ORDER BY takes only columns of the result", item.at)
        has_aggregate = any(isinstance(e, typed.Aggregate) for e in expression.walk())
        if is_grouped(body):
            check_grouped(expression, body)
        elif has_aggregate:
            raise AdqlError("an aggregate in ORDER BY needs GROUP BY or an aggregate in the SELECT list", item.at)
        return self.sortable(typed.SortKey(expression, descending), body, item.at)

    def sortable(self, key: typed.SortKey, body: typed.Body, at: int) -> typed.SortKey:
        type_ = body.columns[key.by][0] if isinstance(key.by, int) else key.by.type
        if type_.is_opaque or type_.is_geometry:
            raise AdqlError(f"ORDER BY does not apply to a {type_.value}", at)
        return key

    # --- tables ---

    def from_(self, tables: tuple[tree.TableReference, ...], parent: Scope | None, common: CommonTables) -> Relation:
        relations = [self.table(table, parent, common) for table in tables]
        result = relations[0]
        for at, other in zip(tables[1:], relations[1:], strict=True):
            result = _side_by_side(typed.Join("CROSS", result.from_, other.from_, None), result, other, at.at)
        return result

    def table(self, reference: tree.TableReference, parent: Scope | None, common: CommonTables) -> Relation:
        if isinstance(reference, tree.Table):
            return self.named_table(reference, common)
        if isinstance(reference, tree.DerivedTable):
            source = typed.QuerySource(self.query(reference.query, parent, common))
            return _relation(source, (reference.alias.text,), source.query.columns, reference.at)
        assert isinstance(reference, tree.Join)
        return self.join(reference, parent, common)

    def named_table(self, reference: tree.Table, common: CommonTables) -> Relation:
        parts = reference.name.parts
        if len(parts) == 1 and parts[0].text.lower() in common:
            name, table = common[parts[0].text.lower()]
            if parts[0].matches(name.text):
                alias = reference.alias or parts[0]
                cte = typed.CommonTableSource(table)
                self.count_reads(self.reads_of[id(table)], reference.at)
                return _relation(
                    cte, (alias.text if reference.alias else name.text,), table.query.columns, reference.at
                )
        found = self.find(".".join(p.text for p in parts)) if len(parts) > 1 else None
        if found is None or not all(p.matches(n) for p, n in zip(parts, found.meta.name.split("."), strict=True)):
            raise AdqlError(f"unknown table {reference.name}{self.near_table(reference.name)}", reference.at)
        self.count_reads(1, reference.at)
        source = typed.TableSource(found)
        columns = tuple((type_of(c), c) for c in found.meta.columns)
        names = (reference.alias.text,) if reference.alias else tuple(found.meta.name.split("."))
        return _relation(source, names, columns, reference.at)

    def count_reads(self, number: int, at: int) -> None:
        self.reads += number
        if self.reads > MAX_READS:
            raise AdqlError(f"the query reads more than {MAX_READS} tables, with those of WITH at each use", at)

    def near_table(self, name: tree.Qualified) -> str:
        known = self.known()
        last = name.parts[-1].text.lower()
        same = [k for k in known if k.lower().rpartition(".")[2] == last]
        return f"; did you mean {same[0]}?" if same else suggestion(str(name), known)

    def join(self, join: tree.Join, parent: Scope | None, common: CommonTables) -> Relation:
        left, right = self.table(join.left, parent, common), self.table(join.right, parent, common)
        if join.natural or join.using:
            return self.merged_join(join, left, right)
        if join.on is None:
            if join.kind != "INNER":
                raise AdqlError(f"{join.kind} JOIN needs ON, USING or NATURAL", join.at)
            return _side_by_side(typed.Join("CROSS", left.from_, right.from_, None), left, right, join.right.at)
        relation = _side_by_side(typed.Join(join.kind, left.from_, right.from_, None), left, right, join.right.at)
        on = self.expressions.condition(join.on, Scope(relation, parent), common, "ON")
        if join.kind == "FULL":
            _check_full(on, left, right)
        return Relation(typed.Join(join.kind, left.from_, right.from_, on), relation.entries, relation.columns)

    def merged_join(self, join: tree.Join, left: Relation, right: Relation) -> Relation:
        """NATURAL and USING: the common columns come first, once (SQL-92 section 7.5)."""
        if join.using:
            names = [_joinable(name, left, right) for name in join.using]
        else:
            names = [
                (ours[0], theirs[0])
                for v in left.columns
                if (ours := [u for u in left.columns if u.name.lower() == v.name.lower()])
                and (theirs := [u for u in right.columns if u.name.lower() == v.name.lower()])
                and _single(v.name, ours, theirs, join.at)
            ]
        merged, conditions = [], []
        for one, other in names:
            a, b = self.expressions.comparable(one.expression, other.expression, join.at)
            conditions.append(typed.Comparison(join.at, "=", a, b))
            value = other.expression if join.kind == "RIGHT" else one.expression
            if join.kind == "FULL":
                value = self.expressions.coalesce((one.expression, other.expression), join.at)
            merged.append(Visible(one.name, value))
        on: typed.Condition | None = None
        if conditions:
            on = conditions[0] if len(conditions) == 1 else typed.And(join.at, tuple(conditions))
        elif join.kind != "INNER":
            raise AdqlError("the tables of this NATURAL JOIN have no column in common", join.at)
        kind = join.kind if on is not None else "CROSS"
        taken_left, taken_right = {id(o) for o, _ in names}, {id(t) for _, t in names}
        relation = _side_by_side(typed.Join(kind, left.from_, right.from_, on), left, right, join.right.at)
        columns = [
            *merged,
            *(v for v in left.columns if id(v) not in taken_left),
            *(v for v in right.columns if id(v) not in taken_right),
        ]
        return Relation(relation.from_, relation.entries, tuple(columns))


def _relation(
    source: typed.Source, name: tuple[str, ...], columns: tuple[tuple[Type, ColumnMeta], ...], at: int
) -> Relation:
    visible = tuple(
        Visible(meta.name, typed.ColumnReference(at, type_, meta, source, meta.name)) for type_, meta in columns
    )
    return Relation(source, (Entry(name, source, visible),), visible)


def _side_by_side(join: typed.Join, left: Relation, right: Relation, at: int) -> Relation:
    for entry in right.entries:
        for other in left.entries:
            if tuple(p.lower() for p in entry.name) == tuple(p.lower() for p in other.name):
                raise AdqlError(f"table {'.'.join(entry.name)} is there twice: give it an alias", at)
    return Relation(join, left.entries + right.entries, left.columns + right.columns)


def _joinable(name: tree.Name, left: Relation, right: Relation) -> tuple[Visible, Visible]:
    found = []
    for side, relation in (("left", left), ("right", right)):
        columns = [v for v in relation.columns if name.matches(v.name)]
        if not columns:
            near = suggestion(name.text, [v.name for v in relation.columns])
            raise AdqlError(f"the {side} side of the join has no column {name}{near}", name.at)
        if len(columns) > 1:
            raise AdqlError(f"the {side} side of the join has more than one column {name}", name.at)
        found.append(columns[0])
    return found[0], found[1]


def _single(name: str, ours: list[Visible], theirs: list[Visible], at: int) -> bool:
    if len(ours) > 1 or len(theirs) > 1:
        raise AdqlError(f"NATURAL JOIN: there is more than one column {name} on one side", at)
    return True


def _check_full(on: typed.Condition, left: Relation, right: Relation) -> None:
    """FULL JOIN is done by hashing or merging in both databases' way: equalities between the sides."""
    parts = on.parts if isinstance(on, typed.And) and not isinstance(on, typed.Or) else (on,)
    sides = [{id(e.source) for e in relation.entries} for relation in (left, right)]
    for part in parts:
        ok = isinstance(part, typed.Comparison) and part.operator == "="
        if isinstance(part, typed.Comparison) and ok:
            used = [
                {id(e.source) for e in side.walk() if isinstance(e, typed.ColumnReference)}
                for side in (part.left, part.right)
            ]
            ok = bool(used[0] and used[1]) and (
                (used[0] <= sides[0] and used[1] <= sides[1]) or (used[0] <= sides[1] and used[1] <= sides[0])
            )
        if not ok:
            raise AdqlError("a FULL JOIN takes only equalities between the two tables in its ON", part.at)


def _retyped(meta: ColumnMeta, other: ColumnMeta, own: Type, target: Type) -> ColumnMeta:
    """The left operand's metadata with the type that holds both operands' values."""
    if own is not target:
        made = column_of(target)
        source = other if target is not Type.NULL and own is Type.NULL else made
        return meta.but(datatype=source.datatype, arraysize=source.arraysize, xtype=source.xtype)
    if meta.is_text and meta.datatype != other.datatype and other.is_text:
        return meta.but(datatype="unicodeChar", arraysize="*")
    if meta.arraysize != other.arraysize:
        return meta.but(arraysize="*") if meta.arraysize and other.arraysize else meta
    return meta


# --- names of results -------------------------------------------------------------------------------------------------


def _generated(value: tree.Value, position: int) -> str:
    """Name of a result column without alias: what makes it, and where it stands."""
    if isinstance(value, tree.Aggregate | tree.Function):
        return f"{value.name.lower()}_{position}"
    return f"col_{position}"


def _unique(outputs: list[typed.Output]) -> list[typed.Output]:
    """Names that differ whatever their case: `obs_id`, `obs_id_2` (TAP 1.1 section 3.2)."""
    taken = {o.meta.name.lower() for o in outputs}
    numbers: dict[str, int] = {}
    unique = []
    for output in outputs:
        name = output.meta.name
        number = numbers.get(name.lower(), 0) + 1
        if number > 1:
            while f"{name}_{number}".lower() in taken:
                number += 1
            taken.add(f"{name}_{number}".lower())
            output = typed.Output(output.expression, output.meta.but(name=f"{name}_{number}"))
        numbers[name.lower()] = number
        unique.append(output)
    return unique
