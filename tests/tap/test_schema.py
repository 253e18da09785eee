"""TAP_SCHEMA: what the tables hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tap import schema
from tap.models import Column, Key, KeyColumn, Schema, Table
from tap.registry import PublishedTable, publish, publish_schema, tables, withdraw
from vo.columns import ColumnMeta, ForeignKeyMeta, SchemaMeta, TableMeta

pytestmark = pytest.mark.django_db
META = TableMeta(
    "schema_test.things",
    (
        ColumnMeta("thing_id", "long", description="Größe", indexed=True, principal=True),
        ColumnMeta("Flux 1", "float", unit="m-2", ucd="phot.flux", utype="x:y"),
        ColumnMeta("date", "char", "8*", xtype="timestamp"),
        ColumnMeta("shape", "double", "3", xtype="circle"),
        ColumnMeta("grid", "double", "2x3"),
        ColumnMeta("schema_name", "char", "*"),
    ),
    "Things",
    foreign_keys=(
        ForeignKeyMeta("tap_schema.schemas", (("schema_name", "schema_name"),), "of a schema"),
        ForeignKeyMeta("nowhere.nothing", (("thing_id", "id"),)),
    ),
)


@pytest.fixture
def things() -> Iterator[None]:
    publish_schema(SchemaMeta("schema_test", "A schema"))
    publish(PublishedTable(meta=META, sql_name="schema_test_things"))
    yield
    withdraw("schema_test.things")


def test_describes_every_published_table() -> None:
    """TAP 1.1 section 4 (TAP-70, 77): written by the migration, itself included."""
    assert list(Table.objects.order_by("id").values_list("table_name", flat=True)) == [t.meta.name for t in tables()]
    assert Column.objects.count() == sum(len(t.meta.columns) for t in tables())
    assert Column.objects.filter(table_name="tap_schema.columns").count() == 14


def test_writes_changes_once(things: None) -> None:
    """Idempotent; a table that is withdrawn is gone, with a schema that is left empty (TAP-82)."""
    assert [schema.sync(), schema.sync()] == [True, False]
    assert Schema.objects.filter(schema_name="schema_test").exists()
    withdraw("schema_test.things")
    assert [schema.sync(), schema.sync()] == [True, False]
    assert not Schema.objects.filter(schema_name="schema_test").exists()
    assert not Column.objects.filter(table_name="schema_test.things").exists()


def test_columns(things: None) -> None:
    """TAP 1.1 section 4.3 (TAP-72 to 75): names as written in a query, VOTable types, size of limited text."""
    schema.sync()
    rows = Column.objects.filter(table_name="schema_test.things").order_by("column_index")
    assert list(rows.values_list("column_name", "datatype", "arraysize", "xtype", "size")) == [
        ("thing_id", "long", None, None, None),
        ('"Flux 1"', "float", None, None, None),
        ('"date"', "char", "8*", "timestamp", 8),
        ("shape", "double", "3", "circle", 3),
        ("grid", "double", "2x3", None, None),
        ("schema_name", "char", "*", None, None),
    ]
    assert list(rows.values_list("indexed", "principal", "std"))[:2] == [(1, 1, 0), (0, 0, 0)]
    assert (rows[0].description, rows[1].unit, rows[1].ucd, rows[1].utype) == ("Größe", "m-2", "phot.flux", "x:y")


def test_keys_lead_to_listed_columns(things: None) -> None:
    """TAP 1.1 section 4.4 (TAP-76): relations to tables that are not published are left out."""
    schema.sync()
    known = set(Column.objects.values_list("table_name", "column_name"))
    keys = {key.key_id: key for key in Key.objects.all()}
    assert {key.target_table for key in keys.values() if key.from_table == "schema_test.things"} == {
        "tap_schema.schemas"
    }
    pairs = list(KeyColumn.objects.all())
    assert {pair.key_id for pair in pairs} == set(keys)
    for pair in pairs:
        assert (keys[pair.key_id].from_table, pair.from_column) in known
        assert (keys[pair.key_id].target_table, pair.target_column) in known
