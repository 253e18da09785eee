"""The ingest readers. Adding a format is one file with a `Reader` and one line here.

A reader never writes, never touches the database, and refuses with a reason instead of repairing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from archive.readers.outline import Outline
from archive.readers.records import Candidate, ProductRecord


class Reader(Protocol):
    """A format that ingest understands."""

    name: str
    version: str

    def indexed(self, root: Path, files: Collection[Path]) -> tuple[Sequence[Candidate], Collection[Path]]:
        """Data sets that index tables among `files`, all of them below `root`, list; and every file accounted for.

        Those are the indexes, what they list, and what must be left alone because its index cannot be used.
        """

    def declines(self, file: Outline) -> str | None:
        """One clause why a file is not of this format, None if it is."""

    def candidates(self, files: Sequence[Outline]) -> Iterable[Candidate]:
        """The data sets that the files of this format make up; every file is in one of them, or refused."""

    def read(self, candidate: Candidate) -> ProductRecord:
        """Read and validate one data set. Raises `Refused`."""


def readers() -> tuple[Reader, ...]:
    """All readers, most particular first: the first that does not decline a file gets it."""
    from archive.readers.catalogue import CatalogueReader
    from archive.readers.fermi import FermiReader
    from archive.readers.gadf import GADFReader
    from archive.readers.integral import IntegralReader
    from archive.readers.ogip import OGIPReader
    from archive.readers.sed import FluxPointsReader

    return (FermiReader(), IntegralReader(), OGIPReader(), FluxPointsReader(), CatalogueReader(), GADFReader())
