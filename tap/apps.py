"""Django application of the room `tap`."""

from __future__ import annotations

import logging
from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate

log = logging.getLogger(__name__)


class TapConfig(AppConfig):
    name = "tap"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tap.checks import queries_have_a_role
        from tap.jobs import register_job_type
        from tap.schema import publish_tap_schema

        publish_tap_schema()
        register_job_type()
        post_migrate.connect(_write_tap_schema, sender=self, dispatch_uid="tap_schema")
        post_migrate.connect(_prepare_role, sender=self, dispatch_uid="tap_role")
        register(queries_have_a_role, Tags.security, deploy=True)


def _write_tap_schema(plan: Any = None, **kwargs: Any) -> None:
    """Django's hook after all migrations: what this code publishes is what TAP_SCHEMA says."""
    from django.db import connection

    from tap.schema import sync

    if "tap_schema_schemas" in connection.introspection.table_names():
        sync()


def _prepare_role(plan: Any = None, **kwargs: Any) -> None:
    """The same hook: the role that queries run as may read what is published (emptying a database has no plan)."""
    from django.db import connection

    from tap.engine import rolesetup

    if plan is not None and connection.vendor == "postgresql":
        for trouble in rolesetup.ensure():
            log.warning("queries may do more than read published tables: %s (see manage.py taprole)", trouble)
