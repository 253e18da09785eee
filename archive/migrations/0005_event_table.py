"""The tables of gadf.events, made as small as each database can (decision 022)."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from archive.eventtable.columns import CELLS
from tap.geometry.schema import execute, index_operations

# Rows lie by cells; on SQLite the table is the index of its key.
SQLITE = [
    'CREATE TABLE "gadf_event" ("cell_id" integer NOT NULL, "number" integer NOT NULL, "event_id" bigint NOT NULL, '
    '"mjd" real NOT NULL, "ra" real NOT NULL, "dec" real NOT NULL, "energy" real NOT NULL, "event_type" bigint, '
    'PRIMARY KEY ("cell_id", "number")) WITHOUT ROWID',
    'CREATE INDEX "gadf_event_mjd" ON "gadf_event" ("mjd")',
]
# Without a unique key: its index would be a quarter of the table, that of cells is a tenth. Observations come in one
# after the other, so that a block holds times near each other.
POSTGRESQL = [
    'CREATE TABLE "gadf_event" ("cell_id" integer NOT NULL, "number" smallint NOT NULL, "event_id" bigint NOT NULL, '
    '"mjd" float8 NOT NULL, "ra" float8 NOT NULL, "dec" float8 NOT NULL, "energy" float8 NOT NULL, '
    '"event_type" bigint)',
    'CREATE INDEX "gadf_event_in_cell" ON "gadf_event" ("cell_id")',
    'CREATE INDEX "gadf_event_mjd" ON "gadf_event" USING brin ("mjd") WITH (pages_per_range = 16)',
    # What a sample of many millions of rows would tell too low.
    'ALTER TABLE "gadf_event" ALTER "cell_id" SET (n_distinct = -0.0026)',
]


def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    execute(editor, POSTGRESQL if editor.connection.vendor == "postgresql" else SQLITE)


def remove(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    execute(editor, ['DROP TABLE "gadf_event"'])


class Migration(migrations.Migration):
    dependencies = [("archive", "0004_gadf_index")]
    operations = [
        migrations.CreateModel(
            name="EventCell",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("x_min", models.FloatField()),
                ("y_min", models.FloatField()),
                ("z_min", models.FloatField()),
                ("x_max", models.FloatField()),
                ("y_max", models.FloatField()),
                ("z_max", models.FloatField()),
                (
                    "obscore",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="event_cells", to="archive.obscore"
                    ),
                ),
            ],
            options={"db_table": "gadf_event_cell"},
        ),
        *index_operations("gadf_event_cell", regions=[CELLS]),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create, remove, elidable=False)],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "cell", "number", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("number", models.SmallIntegerField(help_text="place within the cell, by time")),
                        ("event_id", models.BigIntegerField()),
                        ("mjd", models.FloatField(help_text="UTC")),
                        ("ra", models.FloatField()),
                        ("dec", models.FloatField()),
                        ("energy", models.FloatField()),
                        ("event_type", models.BigIntegerField(null=True)),
                        (
                            "cell",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="events",
                                to="archive.eventcell",
                            ),
                        ),
                    ],
                    options={"db_table": "gadf_event"},
                ),
            ],
        ),
    ]
