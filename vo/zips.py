"""Records of zip archives whose members are stored as they are: the bytes of `zipfile`, at less cost for each member.

Source: APPNOTE.TXT 6.3.10 sections 4.3 to 4.5 (PKWARE).
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass

ZIP64_LIMIT = (1 << 31) - 1
"""Sizes and places beyond it are written with eight bytes; most readers take them for signed numbers."""
COUNT_LIMIT = (1 << 16) - 1
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ELSEWHERE = 0xFFFFFFFF
"""In place of a number that has eight bytes elsewhere."""
_VERSION, _VERSION_64 = 20, 45
_UNIX = 3
_DESCRIPTOR_FOLLOWS, _UTF_8 = 0x08, 0x800
_MODE = (stat.S_IFREG | 0o644) << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A member. With `follows` its CRC-32 is not known when it begins, and comes after it.

    `moment` is year, month, day, hour, minute and second; the first that a zip can tell makes the same members the
    same bytes.
    """

    name: str
    size: int
    crc32: int = 0
    moment: tuple[int, ...] = (1980, 1, 1, 0, 0, 0)
    follows: bool = False

    @property
    def _is_long(self) -> bool:
        # What follows is decided before compression might add to it.
        return self.size * (1.05 if self.follows else 1) > ZIP64_LIMIT

    @property
    def _flags(self) -> int:
        return (_DESCRIPTOR_FOLLOWS if self.follows else 0) | (0 if self.name.isascii() else _UTF_8)

    @property
    def _time(self) -> tuple[int, int]:
        year, month, day, hour, minute, second = self.moment
        return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day

    def header(self) -> bytes:
        """What stands before its bytes (section 4.3.7)."""
        name, checksum, size = self.name.encode(), *((0, 0) if self.follows else (self.crc32, self.size))
        short = _ELSEWHERE if self._is_long else size
        extra = _extra(size, size) if self._is_long else b""
        version = _VERSION_64 if self._is_long else _VERSION
        fixed = _LOCAL.pack(
            b"PK\3\4", version, 0, self._flags, 0, *self._time, checksum, short, short, len(name), len(extra)
        )
        return fixed + name + extra

    def descriptor(self, crc32: int) -> bytes:
        """What stands after its bytes where the CRC-32 follows (section 4.3.9)."""
        return struct.pack("<4sLQQ" if self._is_long else "<4sLLL", b"PK\7\x08", crc32, self.size, self.size)

    def listed(self, crc32: int, place: int) -> bytes:
        """What the directory says of it; `place` is that of its header (section 4.3.12)."""
        name, size = self.name.encode(), self.size
        long: list[int] = []
        if self.size > ZIP64_LIMIT:
            long, size = [self.size, self.size], _ELSEWHERE
        if place > ZIP64_LIMIT:
            long, place = [*long, place], _ELSEWHERE
        extra = _extra(*long) if long else b""
        version = _VERSION_64 if long or self._is_long else _VERSION
        fixed = _CENTRAL.pack(
            b"PK\1\2", version, _UNIX, version, 0, self._flags, 0, *self._time, crc32, size, size,
            len(name), len(extra), 0, 0, 0, _MODE, place,
        )  # fmt: skip
        return fixed + name + extra


def end(count: int, size: int, start: int) -> bytes:
    """What stands after a directory of so many members and bytes that starts there (sections 4.3.14 to 4.3.16)."""
    long = b""
    if count > COUNT_LIMIT or max(start, size) > ZIP64_LIMIT:
        long = _END_64.pack(b"PK\6\6", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, start)
        long += _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
        count, size, start = min(count, 0xFFFF), min(size, _ELSEWHERE), min(start, _ELSEWHERE)
    return long + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _extra(*values: int) -> bytes:
    """What has no place in the fixed fields (section 4.5.3)."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)
