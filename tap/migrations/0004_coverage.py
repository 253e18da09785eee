"""The functions of time coverage on PostgreSQL."""

from pathlib import Path
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tap import coverage


def install(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """Create or replace them (SQLite's are registered on each connection)."""
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            cursor.execute((Path(coverage.__file__).parent / "functions.sql").read_text(encoding="utf-8"))


class Migration(migrations.Migration):
    dependencies = [
        ("tap", "0003_udf"),
    ]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
