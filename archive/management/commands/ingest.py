"""`manage.py ingest PATH --collection NAME`: take data into the archive."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from archive.ingest import IngestError, Outcome, Report, Status, ingest
from archive.models import Collection
from archive.releases import DEFAULT_RELEASE

_BAR = 30


class Command(BaseCommand):
    help = (
        "Validate data and take them into the archive: files, ObsCore rows, previews, provenance. Run again, it adds "
        "what is missing and doubles nothing. Exit status: 0 all is in, 1 something was refused, 2 nothing was usable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path",
            type=Path,
            help="folder of data (stores with index tables, FITS files, several formats mixed), or one file",
        )
        parser.add_argument("--collection", required=True, help="name of the collection (obs_collection)")
        parser.add_argument(
            "--release", default=DEFAULT_RELEASE, help="version of the collection (default: %(default)s)"
        )
        parser.add_argument("--title", default="", help="title of the collection, for people")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if Collection._meta.db_table not in connection.introspection.table_names():
            raise CommandError("The database has no tables yet: run `manage.py migrate` first.", returncode=2)
        progress = _Progress(self, options["verbosity"])
        try:
            report = ingest(
                options["path"],
                options["collection"],
                options["release"],
                dry_run=options["dry_run"],
                title=options["title"],
                observer=progress.step,
                waiting=lambda: self.stderr.write("Waiting for another ingest to finish ..."),
            )
        except IngestError as error:
            raise CommandError(str(error), returncode=2) from None
        except KeyboardInterrupt:
            progress.clear()
            raise CommandError(
                "Stopped. What is in is complete; run the same command again for the rest.", returncode=130
            ) from None
        progress.clear()
        self._summary(report)
        if report.exit_status:
            sys.exit(report.exit_status)

    def _summary(self, report: Report) -> None:
        added, known = len(report.of(Status.ADDED)), len(report.of(Status.KNOWN))
        restored, refused = report.of(Status.RESTORED), report.of(Status.REFUSED)
        would = "would be " if report.dry_run else ""
        parts = [f"{added} {would}added", f"{known} already there"]
        if restored:
            parts.append(f"{len(restored)} {would}restored")
        parts.append(f"{len(refused)} refused")
        self.stdout.write(", ".join(parts) + ".")
        self._notes(report)
        for outcome in refused:
            self.stderr.write(f"refused: {outcome.label}: {outcome.reason}")

    def _notes(self, report: Report) -> None:
        """Notes that differ in numbers only are told once, with the first of them as an example."""
        alike: dict[str, list[str]] = {}
        for outcome in report.outcomes:
            for note in outcome.notes:
                alike.setdefault(re.sub(r"\d+(\.\d+)?", "0", note), []).append(f"{note[:-1]} ({outcome.label})")
        for notes in sorted(alike.values(), key=len, reverse=True):
            more = f", and {len(notes) - 1} more like it" if len(notes) > 1 else ""
            self.stdout.write(f"  note: {notes[0]}{more}.")


class _Progress:
    """A bar on a terminal, a line per data set elsewhere."""

    def __init__(self, command: BaseCommand, verbosity: int) -> None:
        self._out, self._err = command.stdout, command.stderr
        self._bar = verbosity > 0 and bool(getattr(command.stdout, "isatty", lambda: False)())
        self._lines = verbosity > 0 and not self._bar

    def step(self, outcome: Outcome, done: int, total: int) -> None:
        if self._bar:
            filled = _BAR * done // total
            self._out.write(
                f"\r\x1b[K[{'#' * filled}{'.' * (_BAR - filled)}] {done}/{total} {outcome.label[:60]}", ending=""
            )
            self._out.flush()
        elif self._lines:
            reason = f" ({outcome.reason})" if outcome.reason else ""
            self._out.write(f"{done}/{total} {outcome.label}: {outcome.status}{reason}")

    def clear(self) -> None:
        if self._bar:
            self._out.write("\r\x1b[K", ending="")
