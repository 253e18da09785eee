"""`manage.py taprole`: the PostgreSQL role that queries run as."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from tap.engine import rolesetup
from tap.engine.role import role_name


class Command(BaseCommand):
    help = "Make the PostgreSQL role that queries run as, or bring its rights up to date (migrate does so too)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sql", action="store_true", help="write what somebody who may create roles has to run before, once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("this is for PostgreSQL; on SQLite every query is watched by an authoriser")
        if options["sql"]:
            for statement in rolesetup.statements():
                self.stdout.write(f"{statement};")
            return
        troubles = rolesetup.ensure()
        if troubles:
            raise CommandError("\n".join([*troubles, "`manage.py taprole --sql` writes what an administrator can do"]))
        self.stdout.write(f"Queries run as {role_name()}")
