"""The ingest readers. Adding a format is one file with a `Reader` and one line here.

A reader never writes, never touches the database, and refuses with a reason instead of repairing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from archive.readers.records import Candidate, ObservationRecord


class Reader(Protocol):
    """A format that ingest understands."""

    name: str
    version: str

    def recognises(self, path: Path) -> bool:
        """Whether this reader is the one for that folder or file; cheap, never raises for odd content."""

    def scan(self, path: Path) -> Sequence[Candidate]:
        """The observations below `path`. Raises `Refused` when the whole cannot be used."""

    def read(self, candidate: Candidate) -> ObservationRecord:
        """Read and validate one observation. Raises `Refused`."""


def readers() -> tuple[Reader, ...]:
    """All readers, most particular first."""
    from archive.readers.gadf import GADFReader

    return (GADFReader(),)


def reader_for(path: Path) -> Reader | None:
    """The first reader that recognises the path, None if no one does."""
    return next((reader for reader in readers() if reader.recognises(path)), None)
