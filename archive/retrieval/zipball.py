"""The layout of a zip: members stored as they are, with their CRC-32 before them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from functools import partial

from archive.retrieval.layout import Layout, Member
from vo import zips

MEDIA_TYPE = "application/zip"


def zipped(members: Sequence[Member]) -> Layout:
    """A zip of these members."""
    layout = Layout()
    directory = []
    for member in members:
        entry = zips.Entry(
            member.path, member.size, member.crc32, tuple(member.modified.astimezone(UTC).timetuple()[:6])
        )
        directory.append(partial(entry.listed, member.crc32, layout.size))
        layout.add(entry.header, len(entry.header()))
        layout.add(member, member.size)
    start = layout.size
    for listed in directory:
        layout.add(listed, len(listed()))
    end = zips.end(len(members), layout.size - start, start)
    layout.add(lambda: end, len(end))
    return layout
