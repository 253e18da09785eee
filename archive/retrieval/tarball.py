"""The layout of a tar: pax interchange format of POSIX.1-2017 (ustar with extended headers where names or sizes need
them).
"""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from functools import partial

from archive.retrieval.layout import Layout, Member

MEDIA_TYPE = "application/x-tar"
_BLOCK = tarfile.BLOCKSIZE


def tar(members: Sequence[Member]) -> Layout:
    """A tar of these members."""
    layout = Layout()
    for member in members:
        layout.add(partial(_header, member), len(_header(member)))
        layout.add(member, member.size)
        _fill(layout, -member.size % _BLOCK)
    end = 2 * _BLOCK
    _fill(layout, end + -(layout.size + end) % tarfile.RECORDSIZE)
    return layout


def _fill(layout: Layout, length: int) -> None:
    layout.add(partial(bytes, length), length)


def _header(member: Member) -> bytes:
    """The header blocks of a member: one owner, one mode, the time of the file."""
    info = tarfile.TarInfo(member.path)
    info.size = member.size
    info.mode = 0o644
    info.mtime = int(member.modified.timestamp())
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
