"""From the tables that UPLOAD names to their content, within the limits of whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from django.conf import settings

from tap.limits import limits_of
from tap.registry import ANONYMOUS, Viewer
from tap.uploads.content import read
from tap.uploads.fetch import fetch
from tap.uploads.parameter import Part, Source
from tap.uploads.table import Upload, upload
from vo.errors import UsageFault, VOError


def receive(
    wanted: Sequence[Source], part: Callable[[str], Part | None], viewer: Viewer = ANONYMOUS
) -> tuple[Upload, ...]:
    """Read every table; `part` gives what was sent under a name.

    Raises UsageFault for a part that is missing and for content that is too large or not readable, TransientFault for
    an address that does not answer.
    """
    limits = limits_of(viewer)
    left = limits.upload_bytes
    made = []
    for number, source in enumerate(wanted, 1):
        try:
            data, media_type, filename = _bytes(source, part, left, limits.upload_bytes)
            content = read(data, media_type, filename, limits.upload_rows)
        except VOError as error:
            raise type(error)(f"UPLOAD: table {source.name}: {error.message}") from None
        left -= len(data)
        made.append(upload(source.name, number, content))
    return tuple(made)


def _bytes(source: Source, find: Callable[[str], Part | None], limit: int, whole: int) -> tuple[bytes, str, str]:
    if source.part is None:
        data, media_type = fetch(
            source.uri, limit, settings.DISTILLER_UPLOAD_TIMEOUT, tuple(settings.DISTILLER_UPLOAD_HOSTS)
        )
        return data, media_type, urlsplit(source.uri).path
    part = find(source.part)
    if part is None:
        raise UsageFault(f"no part named {source.part[:60]!r} was sent")
    if part.size > limit:
        raise UsageFault(too_large(limit, whole))
    return part.read(), part.media_type, part.filename


def too_large(limit: int, whole: int) -> str:
    """What is said of content beyond what is left of the limit."""
    return f"there are more than {limit} bytes" + (
        f"; all tables of a query together may have {whole}" * (limit < whole)
    )
