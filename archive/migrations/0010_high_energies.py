"""An index of the highest energies in gadf.events, which few events have (decision 022)."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tap.geometry.schema import execute


def create(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    # SQLite would use it for queries that say "energy > 10" in these words only.
    if editor.connection.vendor == "postgresql":
        execute(editor, ['CREATE INDEX "gadf_event_high" ON "gadf_event" ("energy") WHERE "energy" > 10'])


def remove(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        execute(editor, ['DROP INDEX "gadf_event_high"'])


class Migration(migrations.Migration):
    dependencies = [("archive", "0009_crc32")]
    operations = [migrations.RunPython(create, remove, elidable=False)]
