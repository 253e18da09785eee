"""TAP_SCHEMA: the five tables that describe what is published."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tap", "0001_geometry"),
    ]

    operations = [
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(max_length=300, unique=True)),
                ("from_table", models.CharField(max_length=256)),
                ("target_table", models.CharField(max_length=256)),
                ("description", models.TextField(null=True)),
                ("utype", models.CharField(max_length=256, null=True)),
            ],
            options={
                "db_table": "tap_schema_keys",
            },
        ),
        migrations.CreateModel(
            name="Schema",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("schema_name", models.CharField(max_length=128, unique=True)),
                ("utype", models.CharField(max_length=256, null=True)),
                ("description", models.TextField(null=True)),
                ("schema_index", models.IntegerField()),
            ],
            options={
                "db_table": "tap_schema_schemas",
            },
        ),
        migrations.CreateModel(
            name="Table",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("schema_name", models.CharField(max_length=128)),
                ("table_name", models.CharField(max_length=256, unique=True)),
                ("table_type", models.CharField(max_length=8)),
                ("utype", models.CharField(max_length=256, null=True)),
                ("description", models.TextField(null=True)),
                ("table_index", models.IntegerField()),
            ],
            options={
                "db_table": "tap_schema_tables",
            },
        ),
        migrations.CreateModel(
            name="Column",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table_name", models.CharField(max_length=256)),
                ("column_name", models.CharField(max_length=128)),
                ("datatype", models.CharField(max_length=16)),
                ("arraysize", models.CharField(max_length=16, null=True)),
                ("xtype", models.CharField(max_length=64, null=True)),
                ("size", models.IntegerField(null=True)),
                ("description", models.TextField(null=True)),
                ("utype", models.CharField(max_length=256, null=True)),
                ("unit", models.CharField(max_length=64, null=True)),
                ("ucd", models.CharField(max_length=128, null=True)),
                ("indexed", models.IntegerField()),
                ("principal", models.IntegerField()),
                ("std", models.IntegerField()),
                ("column_index", models.IntegerField()),
            ],
            options={
                "db_table": "tap_schema_columns",
                "constraints": [
                    models.UniqueConstraint(fields=("table_name", "column_name"), name="tap_schema_column_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyColumn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(max_length=300)),
                ("from_column", models.CharField(max_length=128)),
                ("target_column", models.CharField(max_length=128)),
            ],
            options={
                "db_table": "tap_schema_key_columns",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key_id", "from_column", "target_column"), name="tap_schema_key_column_once"
                    )
                ],
            },
        ),
    ]
