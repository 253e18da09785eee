"""`manage.py prepareevents`: columnar copies of all event lists, and of nothing else."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.copies import event_lists, event_store
from events.errors import Undistillable
from vo.errors import VOError


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
        for events in event_lists():
            wanted.add(events.main.sha256)
            is_there = store.has(events.main.sha256)
            if is_there and not options["verify"]:
                continue
            try:
                source = events.source()
                if not is_there or not store.verify(source):
                    store.renew(source)
                    made += 1
            except (Undistillable, VOError) as reason:
                bad += 1
                self.stderr.write(f"{events.product.did}: {reason}")
        removed = store.keep_only(wanted)
        self.stdout.write(f"{len(wanted)} event lists: {made} copies made, {bad} impossible; {removed} files removed.")
        if bad:
            sys.exit(1)
