"""Zip archives as streams are those that `zipfile` writes, small and large."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest

from events.packing import Member, packed
from vo import zips

FILES = [("README.txt", b"text"), ("events/1.fits", bytes(range(256)) * 40), ("empty", b""), ("\u00fcber.txt", b"x")]


class Unseekable(io.RawIOBase):
    """What `zipfile` cannot go back in."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.content += bytes(data)
        return len(data)


def by_zipfile(files: Sequence[tuple[str, bytes]]) -> bytes:
    target = Unseekable()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.create_system, entry.file_size = (stat.S_IFREG | 0o644) << 16, 3, len(content)
            with archive.open(entry, "w") as file:
                file.write(content)
    return target.content


def zipped(files: Sequence[tuple[str, bytes]]) -> bytes:
    return b"".join(packed("zip", (Member(name, (c[:5], memoryview(c)[5:]), len(c)) for name, c in files)))


LIMITS = {"small": (None, None), "large files": (5000, None), "far places": (10240, None), "many files": (None, 3)}


@pytest.mark.parametrize("case", LIMITS)
def test_zip_is_that_of_zipfile(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """APPNOTE.TXT sections 4.3 to 4.5: also where sizes, places and counts need more bytes, limits being lowered."""
    size, count = LIMITS[case]
    for module, names in ((zips, ("ZIP64_LIMIT", "COUNT_LIMIT")), (zipfile, ("ZIP64_LIMIT", "ZIP_FILECOUNT_LIMIT"))):
        for name, value in zip(names, (size, count), strict=True):
            if value is not None:
                monkeypatch.setattr(module, name, value)
    made = zipped(FILES)
    if size is None:
        # Python 3.11 leaves zeros, and a version without long sizes, in the first header of a long file.
        assert made == by_zipfile(FILES)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == FILES


@pytest.mark.parametrize("size", [3, 5])
def test_member_of_another_size_breaks_the_archive(size: int) -> None:
    with pytest.raises(ValueError, match=f"run has 4 bytes, not {size}"):
        list(packed("zip", [Member("run", (b"1234",), size)]))
