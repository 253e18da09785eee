"""The functions of the query engine on PostgreSQL."""

from django.db import migrations

from tap.geometry.schema import install_functions


class Migration(migrations.Migration):
    dependencies = []

    operations = [migrations.RunPython(install_functions, migrations.RunPython.noop)]
