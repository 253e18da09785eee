"""Arrays and objects kept between jobs, each set in a file named after the hash of all that it depends on.

A file is a NumPy archive (.npz): its members have checksums, and it is as quick to read as it is to make from memory.
It holds the description that its name is the hash of. A file that is damaged, of another user or of another
description counts as absent, so that no pickle is read but those that this service wrote. Files are written by rename,
so that processes may share the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
import time
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile

from uws.context import JobContext

SOFTWARE = ("gammapy", "astropy", "numpy", "scipy", "regions")
"""Distributions that decide what is kept."""
Arrays = dict[str, np.ndarray]

_DESCRIPTION = "description"
_OBJECT = "object"
_NASCENT = ".new-"
_ABANDONED = 3600
"""Seconds after which a file that was not finished is taken away: its writer was killed."""
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise over a file that is not as it was written."""
_CHANGED = (pickle.PickleError, AttributeError, ImportError, EOFError, LookupError, TypeError, ValueError)
"""What unpickling raises where classes are not those of the writer."""


class ArrayStore:
    """Sets of arrays by description (plain JSON values), of `limit` bytes together; a limit of 0 keeps nothing."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._grown = False

    def read(self, description: Mapping[str, Any]) -> Arrays | None:
        """The arrays kept for a description; None when there are none that can be trusted."""
        if not self.limit:
            return None
        text = _text(description)
        path = self._path(text)
        try:
            with path.open("rb") as file:
                arrays = _read(file)
            os.utime(path)  # the files that were read longest ago are the first to go
        except _UNREADABLE:
            return None
        if arrays is None or arrays.pop(_DESCRIPTION, np.empty(0, np.uint8)).tobytes() != text:
            return None
        return arrays

    def write(self, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays for a description. Where they cannot be kept (disk full), they are made anew next time."""
        if not self.limit:
            return
        text = _text(description)
        nascent = None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=_NASCENT, delete=False) as file:  # of mode 0600
                nascent = Path(file.name)
                np.savez(file, allow_pickle=False, **{_DESCRIPTION: np.frombuffer(text, np.uint8)}, **arrays)
            nascent.replace(self._path(text))
            self._grown = True
        except OSError:
            if nascent is not None:
                nascent.unlink(missing_ok=True)

    def read_object(self, description: Mapping[str, Any]) -> Any:
        """The object kept for a description, as it was written; None when there is none that can be trusted."""
        arrays = self.read(description)
        if arrays is None:
            return None
        try:
            return pickle.loads(arrays[_OBJECT].tobytes())  # noqa: S301 - a file of ours, and whole
        except _CHANGED:
            return None

    def write_object(self, description: Mapping[str, Any], value: object) -> None:
        """Keep an object that cannot be told in arrays, as a pickle in an array."""
        if self.limit:
            self.write(description, {_OBJECT: np.frombuffer(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), np.uint8)})

    def trim(self) -> None:
        """After writing: take away the files that were used longest ago until the rest is within the limit."""
        if not self._grown:
            return
        self._grown = False
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process takes files away too
                status = path.stat()
                if path.name.startswith(_NASCENT) and status.st_mtime < time.time() - _ABANDONED:
                    path.unlink()
                else:
                    files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, text: bytes) -> Path:
        return self.folder / f"{hashlib.sha256(text).hexdigest()}.npz"


@cache
def versions() -> dict[str, str]:
    """The versions of what decides, for descriptions."""
    return {name: metadata.version(name) for name in SOFTWARE}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store_of(context: JobContext) -> ArrayStore:
    """The store of maps that a job may use."""
    return ArrayStore(context.cache_dir / "maps", context.cache_size)


def _text(description: Mapping[str, Any]) -> bytes:
    return json.dumps(description, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read(file: BinaryIO) -> Arrays | None:
    if os.fstat(file.fileno()).st_uid != os.geteuid():
        return None
    with NpzFile(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
