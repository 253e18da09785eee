"""`manage.py reference [--check]`: make docs/reference/ from the declarations, or tell whether it is up to date."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from distiller import reference


class Command(BaseCommand):
    help = "Make docs/reference/ from the declarations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "docs" / "reference"
        if options["check"]:
            names = reference.outdated(folder)
            if names:
                raise CommandError(f"out of date: {', '.join(names)}; run manage.py reference")
            self.stdout.write("docs/reference/ is up to date")
            return
        for name in reference.write(folder):
            self.stdout.write(f"docs/reference/{name}")
