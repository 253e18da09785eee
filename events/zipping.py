"""Zip archives as streams: members are stored as they are, one after the other, and their directory comes last.

The bytes are those of `zipfile` on something that cannot be sought, at less cost for each member. Source: APPNOTE.TXT
6.3.10 sections 4.3 to 4.5 (PKWARE).
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterable, Iterator

ZIP64_LIMIT = (1 << 31) - 1
"""Sizes and places beyond it are written with eight bytes; most readers take them for signed numbers."""
COUNT_LIMIT = (1 << 16) - 1
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ELSEWHERE = 0xFFFFFFFF
_VERSION, _VERSION_64 = 20, 45
_UNIX = 3
_DESCRIPTOR_FOLLOWS, _UTF_8 = 0x08, 0x800
_DATE = 1 << 5 | 1
"""1980-01-01: the same members give the same bytes."""
_MODE = (stat.S_IFREG | 0o644) << 16


class Zip:
    """Writes an archive: what its methods give is passed on in their order."""

    def __init__(self) -> None:
        self._at = 0
        self._directory: list[bytes] = []

    def member(self, name: str, pieces: Iterable[bytes | memoryview], size: int) -> Iterator[bytes | memoryview]:
        """A file of that many bytes. Raises ValueError, after the last of them, where it has more or less."""
        encoded, flags = _encoded(name)
        # As `zipfile` decides it, which leaves room for what compression might add.
        is_long = size * 1.05 > ZIP64_LIMIT
        version = _VERSION_64 if is_long else _VERSION
        sizes = (_ELSEWHERE, _ELSEWHERE) if is_long else (0, 0)
        extra = _extra(0, 0) if is_long else b""
        start = self._at
        local = _LOCAL.pack(b"PK\3\4", version, 0, flags, 0, 0, _DATE, 0, *sizes, len(encoded), len(extra))
        yield local + encoded + extra
        checksum = found = 0
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
            found += len(piece)
            yield piece
        if found != size:
            raise ValueError(f"{name} has {found} bytes, not {size}")
        descriptor = struct.pack("<4sLQQ" if is_long else "<4sLLL", b"PK\7\x08", checksum, size, size)
        yield descriptor
        self._at += len(local) + len(encoded) + len(extra) + size + len(descriptor)
        self._directory.append(_central(encoded, flags, version, checksum, size, start))

    def end(self) -> bytes:
        """The directory."""
        directory = b"".join(self._directory)
        count, size, start = len(self._directory), len(directory), self._at
        long_end = b""
        if count > COUNT_LIMIT or max(start, size) > ZIP64_LIMIT:
            long_end = _END_64.pack(b"PK\6\6", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, start)
            long_end += _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
            count, size, start = min(count, 0xFFFF), min(size, _ELSEWHERE), min(start, _ELSEWHERE)
        return directory + long_end + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _encoded(name: str) -> tuple[bytes, int]:
    if name.isascii():
        return name.encode(), _DESCRIPTOR_FOLLOWS
    return name.encode(), _DESCRIPTOR_FOLLOWS | _UTF_8


def _central(name: bytes, flags: int, version: int, checksum: int, size: int, start: int) -> bytes:
    long: list[int] = []
    short_size = size
    if size > ZIP64_LIMIT:
        long, short_size = [size, size], _ELSEWHERE
    if start > ZIP64_LIMIT:
        long, start = [*long, start], _ELSEWHERE
    extra = _extra(*long) if long else b""
    version = _VERSION_64 if long else version
    fixed = _CENTRAL.pack(
        b"PK\1\2", version, _UNIX, version, 0, flags, 0, 0, _DATE, checksum, short_size, short_size,
        len(name), len(extra), 0, 0, 0, _MODE, start,
    )  # fmt: skip
    return fixed + name + extra


def _extra(*values: int) -> bytes:
    """What has no place in the fixed fields (section 4.5.3)."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)
