"""`manage.py reindex`: rows of the GADF index tables and responses in ObsCore, for event lists that have none."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.gadf.reindexing import reindex


class Command(BaseCommand):
    help = (
        "Make the rows of the GADF index tables, and ObsCore rows of the responses, of event lists that have none: "
        "once after an upgrade. Run again, it changes nothing. Exit status 1 if a file could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="make the rows of every event list anew")

    def handle(self, *args: Any, **options: Any) -> None:
        done = failed = 0
        for outcome in reindex(everything=options["all"]):
            if outcome.problem:
                failed += 1
                self.stderr.write(f"{outcome.did}: {outcome.problem}")
            else:
                done += 1
        self.stdout.write(f"{done} event lists indexed, {failed} failed.")
        if failed:
            sys.exit(1)
