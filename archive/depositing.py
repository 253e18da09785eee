"""Bytes and the rows that tell of them, written together: all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.utils.timezone import now

from archive.damage import record_restored
from archive.models import StoredFile
from archive.store import Depositor, Digest, name_for, needs_bytes


def all_or_nothing(depositor: Depositor, write: Callable[[], None]) -> None:
    """Call `write` in a transaction; what it put into the store is taken back if it fails."""
    try:
        with transaction.atomic():
            write()
    except BaseException:
        depositor.discard()
        raise
    depositor.settle()


def stored(content: Digest, original_name: str, media_type: str, put: Callable[[str], None]) -> StoredFile:
    """The record of these bytes; `put` puts them into the store under a name, unless they are in it."""
    known = StoredFile.objects.filter(sha256=content.sha256).first()
    if known is not None:
        if needs_bytes(known):
            put(known.path)
            record_restored(known)
        return known
    name = name_for(content, original_name)
    put(name)
    inside = content.unpacked
    return StoredFile.objects.create(
        sha256=content.sha256,
        size=content.size,
        unpacked_sha256=inside.sha256 if inside else "",
        unpacked_size=inside.size if inside else None,
        crc32=content.crc32,
        path=name,
        media_type=media_type,
        checked=now(),
    )
