"""Columnar copies of event lists in a folder."""

from __future__ import annotations

from pathlib import Path

from events.sources import Source


class EventFile:
    """An open copy."""


class EventStore:
    """Copies in a folder (DISTILLER_HOME/events), named by the SHA-256 of the file and the version of the format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, source: Source) -> EventFile:
        """The copy of a source, made first if it is missing, damaged or of another version.

        Safe with many processes. Raises Undistillable.
        """
        raise NotImplementedError
