"""`manage.py reindex`: what data sets that came in before should have by now: index rows, responses, pictures."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.gadf.reindexing import reindex
from archive.picturing import draw_missing
from archive.store import writing


class Command(BaseCommand):
    help = (
        "Make the rows of the GADF index tables, and ObsCore rows of the responses, of event lists that have none, and "
        "the pictures that data sets lack: once after an upgrade. Run again, it changes nothing. Exit status 1 if a "
        "file could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="make the rows of every event list anew; pictures stay")

    def handle(self, *args: Any, **options: Any) -> None:
        done = failed = 0
        for outcome in reindex(everything=options["all"]):
            if outcome.problem:
                failed += 1
                self.stderr.write(f"{outcome.did}: {outcome.problem}")
            else:
                done += 1
        drawn = 0
        with writing(lambda: self.stderr.write("Waiting for an ingest to finish ...")) as depositor:
            for did, problem in draw_missing(depositor):
                if problem:
                    failed += 1
                    self.stderr.write(f"{did}: {problem}")
                else:
                    drawn += 1
        self.stdout.write(f"{done} event lists indexed, {drawn} data sets drawn, {failed} failed.")
        if failed:
            sys.exit(1)
