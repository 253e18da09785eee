"""Columnar copies of event lists in a folder: made once, found by the SHA-256 of their file."""

from __future__ import annotations

import filecmp
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from events import layout
from events.copies import CHUNK_ROWS, FORMAT, Damaged, Description, EventFile, Part, paths, write_copy
from events.errors import Undistillable, naming
from events.sources import Source
from events.unpacking import unpacked
from vo.mjdref import TimeReference

__all__ = ["EventFile", "EventStore"]

log = logging.getLogger(__name__)
_UNFINISHED = ".part-"
_ABANDONED = 86400
"""Seconds after which an unfinished copy is taken for what a killed process left."""


class EventStore:
    """Copies in a folder (DISTILLER_HOME/events), named by the SHA-256 of the file and the version of the format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, source: Source) -> EventFile:
        """The copy of a source, made first if it is missing, damaged or of another version.

        Safe with many processes: a copy appears whole, and all make the same one. Raises Undistillable.
        """
        base = self._base(source.sha256)
        try:
            return EventFile(base)
        except FileNotFoundError:
            pass
        except Damaged as damage:
            log.warning("the copy of the events of %s is made anew: %s", source.did, damage)
        return self.renew(source)

    def renew(self, source: Source) -> EventFile:
        """Make the copy of a source, whether there is one or not. Raises Undistillable."""
        base = self._base(source.sha256)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=_UNFINISHED) as folder:
            unfinished = Path(folder) / base.name
            self._made(source, unfinished)
            # The file that is looked for first appears last.
            for made, wanted in zip(paths(unfinished), paths(base), strict=True):
                made.chmod(0o600)
                with made.open("rb") as file:
                    os.fsync(file.fileno())
                made.replace(wanted)
        return EventFile(base)

    def _made(self, source: Source, base: Path) -> None:
        try:
            with naming(source.obs_id):
                _copy(source, base)
        except FileNotFoundError as error:
            raise Undistillable(f"the file of observation {source.obs_id} is missing from the archive") from error

    def has(self, sha256: str) -> bool:
        """Whether there is a whole copy of the file with that SHA-256."""
        try:
            EventFile(self._base(sha256))
        except (FileNotFoundError, Damaged):
            return False
        return True

    def verify(self, source: Source) -> bool:
        """Whether the copy of a source is, byte for byte, what would be made of its file now. Raises Undistillable."""
        base = self._base(source.sha256)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=_UNFINISHED) as folder:
            anew = Path(folder) / base.name
            self._made(source, anew)
            return all(
                kept.is_file() and filecmp.cmp(made, kept, shallow=False)
                for made, kept in zip(paths(anew), paths(base), strict=True)
            )

    def keep_only(self, wanted: Collection[str]) -> int:
        """Remove copies of files that have none of these SHA-256, and what killed processes left unfinished a day ago.

        How many files and folders went.
        """
        kept = {path.name for sha256 in wanted for path in paths(self._base(sha256))}
        removed = 0
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name.startswith(_UNFINISHED):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)
                    removed += 1
            elif path.name not in kept:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _base(self, sha256: str) -> Path:
        return self.folder / f"{sha256}-{FORMAT}"


def _copy(source: Source, base: Path) -> None:
    with unpacked(source.path) as raw:
        hdus = layout.hdus(raw)
        events = _events(source, hdus)
        hdu = hdus[events]
        columns = layout.columns(hdu.header, f"HDU {hdu.name}")
        rows = int(hdu.header["NAXIS2"])
        try:
            reference = TimeReference.from_header(hdu.header, f"HDU {hdu.name}")
        except ValueError:
            reference = None
        parts, spans, at = [], [], 0
        for position, other in enumerate(hdus):
            size = 0 if position == events else other.size
            end = other.data if position == events else other.end
            parts.append(Part(other.name, at, at + other.data - other.start, size, at + end - other.start))
            span = raw[other.start : end]
            # The last block of a file may be cut short without loss.
            spans.append(
                bytes(span) + b"\0" * (end - other.start - len(span)) if len(span) < end - other.start else span
            )
            at = parts[-1].end
        kind = layout.row_type(columns)
        chunks = (
            np.frombuffer(raw, kind, min(CHUNK_ROWS, rows - first), hdu.data + first * kind.itemsize)
            for first in range(0, rows, CHUNK_ROWS)
        )
        description = Description(
            source.sha256, rows, columns, tuple(parts), events, reference, layout.keys(hdu.header)
        )
        write_copy(base, description, chunks, spans)


def _events(source: Source, hdus: list[layout.Hdu]) -> int:
    """The position of the events among the HDUs."""
    name = source.hdus["events"].strip().upper()
    found = [
        n for n, hdu in enumerate(hdus) if hdu.name == name and hdu.header.get("XTENSION", "").strip() == "BINTABLE"
    ]
    lists = [n for n, hdu in enumerate(hdus) if str(hdu.header.get("HDUCLAS1", "")).strip().upper() == "EVENTS"]
    if len(found) != 1 or len(lists) > 1:
        raise Undistillable(f"its file has not exactly one event list, which should be HDU {name}")
    return found[0]
