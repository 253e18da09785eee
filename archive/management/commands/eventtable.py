"""`manage.py eventtable`: make the table of events that ADQL reads hold what it should."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from archive.eventtable.filling import fill
from archive.eventtable.tables import Event, EventCell
from archive.store import writing


class Command(BaseCommand):
    help = (
        "Take the events of the public event lists that are not in gadf.events yet into it, and remove those of "
        "collections that DISTILLER_EVENT_COLLECTIONS does not name. Exit status 1 if a list could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--refresh", action="store_true", help="read all event lists again")

    def handle(self, *args: Any, **options: Any) -> None:
        lists = events = bad = 0
        with writing(lambda: self.stderr.write("Waiting for an ingest to finish ...")):
            for filled in fill(refresh=options["refresh"]):
                lists += 1
                events += filled.events or 0
                if filled.events is None:
                    bad += 1
                    self.stderr.write(f"{filled.did}: {filled.reason}")
                elif options["verbosity"] > 1:
                    self.stdout.write(f"{filled.did}: {filled.events} events")
        if lists > bad and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for model in (EventCell, Event):
                    cursor.execute(f"ANALYZE {model._meta.db_table}")
        self.stdout.write(f"{lists - bad} event lists done with {events} events, {bad} not readable.")
        if bad:
            sys.exit(1)
