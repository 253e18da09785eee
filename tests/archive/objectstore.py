"""A storage like an object store, for tests: no paths, no rename, and now and then no answer."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime
from pathlib import PurePosixPath

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

OBJECTS: dict[str, bytes] = {}
"""What is in it, by name: every instance of the storage shows the same."""


class OutOfOrder(Exception):
    """The error of a client library, which is no OSError."""


class ObjectStore(Storage):
    """Objects that are there whole or not at all. Every `fails_every`th request fails; 0: none, 1: each."""

    calls = itertools.count(1)

    def __init__(self, fails_every: int = 0) -> None:
        self._fails_every = fails_every

    def _asked(self) -> None:
        if self._fails_every and next(ObjectStore.calls) % self._fails_every == 0:
            raise OutOfOrder("503 Slow Down")

    def _open(self, name: str, mode: str = "rb") -> File:
        self._asked()
        if name not in OBJECTS:
            raise FileNotFoundError(name)
        return ContentFile(OBJECTS[name], name)

    def _save(self, name: str, content: File) -> str:
        taken = io.BytesIO()
        for chunk in content.chunks():
            taken.write(chunk)
        self._asked()
        OBJECTS[name] = taken.getvalue()
        return name

    def delete(self, name: str) -> None:
        self._asked()
        OBJECTS.pop(name, None)

    def exists(self, name: str) -> bool:
        self._asked()
        return name in OBJECTS

    def size(self, name: str) -> int:
        self._asked()
        return len(OBJECTS[name])

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        self._asked()
        folder = PurePosixPath(path)
        below = [PurePosixPath(name).relative_to(folder).parts for name in OBJECTS if name.startswith(path)]
        return sorted({p[0] for p in below if len(p) > 1}), [p[0] for p in below if len(p) == 1]

    def get_modified_time(self, name: str) -> datetime:
        return datetime.now(UTC)
