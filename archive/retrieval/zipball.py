"""The layout of a zip (PKWARE APPNOTE 6.3.10): members stored as they are, with their CRC-32 before them.

Sizes and places of 2 GiB and more are written in the ZIP64 form (section 4.5.3), as Python's `zipfile` does.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Sequence
from datetime import UTC
from functools import partial
from zipfile import ZIP64_LIMIT, ZIP_FILECOUNT_LIMIT, ZipInfo

from archive.retrieval.layout import Layout, Member

MEDIA_TYPE = "application/zip"
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END, _END64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_ELSEWHERE = 0xFFFFFFFF
"""In place of a number that the ZIP64 form has."""
_ZIP64 = 45
"""Version of the format that has the ZIP64 form."""


def zipped(members: Sequence[Member]) -> Layout:
    """A zip of these members."""
    layout = Layout()
    places = []
    for member in members:
        places.append(layout.size)
        layout.add(partial(_header, member), len(_header(member)))
        layout.add(member, member.size)
    start = layout.size
    for member, place in zip(members, places, strict=True):
        layout.add(partial(_entry, member, place), len(_entry(member, place)))
    end = _end(len(members), layout.size - start, start)
    layout.add(lambda: end, len(end))
    return layout


def _info(member: Member) -> ZipInfo:
    moment = member.modified.astimezone(UTC)
    info = ZipInfo(member.path, moment.timetuple()[:6])
    info.create_system = 3  # UNIX: the mode counts
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.CRC, info.file_size, info.compress_size = member.crc32, member.size, member.size
    return info


def _header(member: Member) -> bytes:
    """Section 4.3.7."""
    return _info(member).FileHeader()


def _entry(member: Member, place: int) -> bytes:
    """What the central directory says of a member (section 4.3.12)."""
    info = _info(member)
    year, month, day, hour, minute, second = info.date_time
    large = [member.size] * 2 if member.size > ZIP64_LIMIT else []
    large += [place] if place > ZIP64_LIMIT else []
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version = _ZIP64 if large else info.extract_version
    size = _ELSEWHERE if member.size > ZIP64_LIMIT else member.size
    name = info.filename.encode()
    return (
        _ENTRY.pack(
            b"PK\1\2", version, info.create_system, version, 0, 0 if name.isascii() else 0x800, info.compress_type,
            hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day, member.crc32, size, size,
            len(name), len(extra), 0, 0, 0, info.external_attr, _ELSEWHERE if place > ZIP64_LIMIT else place,
        )
        + name
        + extra
    )  # fmt: skip


def _end(count: int, length: int, start: int) -> bytes:
    """The end of the central directory (sections 4.3.14 to 4.3.16)."""
    end64 = b""
    if count > ZIP_FILECOUNT_LIMIT or start > ZIP64_LIMIT or length > ZIP64_LIMIT:
        end64 = _END64.pack(b"PK\6\6", 44, _ZIP64, _ZIP64, 0, 0, count, count, length, start)
        end64 += _LOCATOR.pack(b"PK\6\7", 0, start + length, 1)
        count, length, start = min(count, 0xFFFF), min(length, _ELSEWHERE), min(start, _ELSEWHERE)
    return end64 + _END.pack(b"PK\5\6", 0, 0, count, count, length, start, 0)
