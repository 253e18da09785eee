"""`manage.py checkfiles`: compare the file store with its records."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from archive.models import StoredFile
from archive.store import digest, is_present, local_path, orphans, writing


class Command(BaseCommand):
    help = "Find stored files that are missing, changed, or known to nobody. Exit status 1 if there are any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--content", action="store_true", help="read every file and compare its SHA-256 (slow)")
        parser.add_argument("--remove-orphans", action="store_true", help="remove files that no record knows")

    def handle(self, *args: Any, **options: Any) -> None:
        bad = 0
        with writing():
            for file in StoredFile.objects.order_by("path").iterator():
                problem = ""
                if not is_present(file):
                    problem = "missing or of another size"
                elif options["content"] and digest(local_path(file.path)).sha256 != file.sha256:
                    problem = "changed: its SHA-256 is another"
                if problem:
                    bad += 1
                    names = ", ".join(str(use.product) for use in file.uses.select_related("product")[:3])
                    self.stderr.write(f"{file.path} {problem} ({names}); ingest the same data again to restore it")
            for path in orphans():
                if options["remove_orphans"]:
                    path.unlink()
                    self.stdout.write(f"removed {path.name}, which no record knew")
                else:
                    bad += 1
                    self.stderr.write(f"{path.name} is known to no record")
        self.stdout.write(f"{StoredFile.objects.count()} files, {bad} problems.")
        if bad:
            sys.exit(1)
