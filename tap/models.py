"""TAP_SCHEMA as tables of the database (TAP 1.1 section 4), filled by `tap.schema.sync` from the registry."""

from __future__ import annotations

from django.db import models


class Schema(models.Model):
    """A row of TAP_SCHEMA.schemas (section 4.1)."""

    schema_name = models.CharField(max_length=128, unique=True)
    utype = models.CharField(max_length=256, null=True)
    description = models.TextField(null=True)
    schema_index = models.IntegerField()

    class Meta:
        db_table = "tap_schema_schemas"

    def __str__(self) -> str:
        return self.schema_name


class Table(models.Model):
    """A row of TAP_SCHEMA.tables (section 4.2)."""

    schema_name = models.CharField(max_length=128)
    table_name = models.CharField(max_length=256, unique=True)
    table_type = models.CharField(max_length=8)
    utype = models.CharField(max_length=256, null=True)
    description = models.TextField(null=True)
    table_index = models.IntegerField()

    class Meta:
        db_table = "tap_schema_tables"

    def __str__(self) -> str:
        return self.table_name


class Column(models.Model):
    """A row of TAP_SCHEMA.columns (section 4.3)."""

    table_name = models.CharField(max_length=256)
    column_name = models.CharField(max_length=128)
    datatype = models.CharField(max_length=16)
    arraysize = models.CharField(max_length=16, null=True)
    xtype = models.CharField(max_length=64, null=True)
    size = models.IntegerField(null=True)
    description = models.TextField(null=True)
    utype = models.CharField(max_length=256, null=True)
    unit = models.CharField(max_length=64, null=True)
    ucd = models.CharField(max_length=128, null=True)
    indexed = models.IntegerField()
    principal = models.IntegerField()
    std = models.IntegerField()
    column_index = models.IntegerField()

    class Meta:
        db_table = "tap_schema_columns"
        constraints = [models.UniqueConstraint(fields=["table_name", "column_name"], name="tap_schema_column_once")]

    def __str__(self) -> str:
        return f"{self.table_name}.{self.column_name}"


class Key(models.Model):
    """A row of TAP_SCHEMA.keys (section 4.4)."""

    key_id = models.CharField(max_length=300, unique=True)
    from_table = models.CharField(max_length=256)
    target_table = models.CharField(max_length=256)
    description = models.TextField(null=True)
    utype = models.CharField(max_length=256, null=True)

    class Meta:
        db_table = "tap_schema_keys"

    def __str__(self) -> str:
        return self.key_id


class KeyColumn(models.Model):
    """A row of TAP_SCHEMA.key_columns (section 4.4)."""

    key_id = models.CharField(max_length=300)
    from_column = models.CharField(max_length=128)
    target_column = models.CharField(max_length=128)

    class Meta:
        db_table = "tap_schema_key_columns"
        constraints = [
            models.UniqueConstraint(
                fields=["key_id", "from_column", "target_column"], name="tap_schema_key_column_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.from_column} = {self.target_column}"
