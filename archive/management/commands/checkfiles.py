"""`manage.py checkfiles`: compare the file store with its records."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive import objects, scrubbing
from archive.damage import MISSING, record_damage
from archive.models import StoredFile
from archive.store import orphans, writing


class Command(BaseCommand):
    help = "Find stored files that are missing, changed, or known to nobody. Exit status 1 if there are any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--content", action="store_true", help="read every file and compare its SHA-256 (slow)")
        parser.add_argument("--remove-orphans", action="store_true", help="remove files that no record knows")

    def handle(self, *args: Any, **options: Any) -> None:
        bad = 0
        if StoredFile.objects.exists():
            _check_reachable()
        with writing():
            for file in StoredFile.objects.order_by("path").iterator():
                problem = scrubbing.check(file) if options["content"] else _by_size(file)
                if problem:
                    bad += 1
                    names = ", ".join(str(use.product) for use in file.uses.select_related("product")[:3])
                    self.stderr.write(f"{file.path} {problem} ({names}); ingest the same data again to restore it")
            for name in orphans():
                if options["remove_orphans"]:
                    objects.remove(name)
                    self.stdout.write(f"removed {name}, which no record knew")
                else:
                    bad += 1
                    self.stderr.write(f"{name} is known to no record")
        self.stdout.write(f"{StoredFile.objects.count()} files, {bad} problems.")
        if bad:
            sys.exit(1)


def _check_reachable() -> None:
    """A disk that is not mounted is no damage of the files on it."""
    try:
        objects.check_reachable()
    except objects.StorageUnavailable as fault:
        raise CommandError(fault.message) from None


def _by_size(file: StoredFile) -> str:
    """What can be told without reading: damage that is known already, a missing file, another size."""
    size = objects.size_of(file.path)
    if size == file.size:
        return file.damage
    found = MISSING if size is None else f"changed: it has {size} bytes, recorded are {file.size}"
    record_damage(file, found)
    return found
