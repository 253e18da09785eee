"""`manage.py prepareevents`: columnar copies of all event lists, and of nothing else."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.copies import event_store, sources
from events.errors import Undistillable


class Command(BaseCommand):
    help = (
        "Make the columnar copies of event lists that are missing, and remove those that no event list needs. "
        "Exit status 1 if one cannot be made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verify", action="store_true", help="compare every copy with its file (slow)")

    def handle(self, *args: Any, **options: Any) -> None:
        store = event_store()
        wanted: set[str] = set()
        made = bad = 0
        for source in sources():
            wanted.add(source.sha256)
            try:
                if not store.has(source.sha256) or (options["verify"] and not store.verify(source)):
                    store.renew(source)
                    made += 1
            except Undistillable as reason:
                bad += 1
                self.stderr.write(f"{source.did}: {reason}")
        removed = store.keep_only(wanted)
        self.stdout.write(f"{len(wanted)} event lists: {made} copies made, {bad} impossible; {removed} files removed.")
        if bad:
            sys.exit(1)
