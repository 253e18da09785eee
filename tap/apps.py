"""Django application of the room `tap`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TapConfig(AppConfig):
    name = "tap"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tap.jobs import register_job_type
        from tap.schema import publish_tap_schema

        publish_tap_schema()
        register_job_type()
        post_migrate.connect(_write_tap_schema, sender=self, dispatch_uid="tap_schema")


def _write_tap_schema(plan: Any = None, **kwargs: Any) -> None:
    """Django's hook after all migrations: what this code publishes is what TAP_SCHEMA says."""
    from django.db import connection

    from tap.schema import sync

    if "tap_schema_schemas" in connection.introspection.table_names():
        sync()
