"""The rows of a query as a ready data store, streamed as a zip archive: what `RESPONSEFORMAT=gadf` gives.

`gammapy.data.DataStore.from_dir` reads the unpacked folder. Files are the archive's own, byte by byte. The index tables
and the directory of the archive come last: what breaks off is neither archive nor data store.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence

from archive.datastore.contents import Contents, contents
from archive.datastore.listing import listed
from archive.datastore.readme import readme
from archive.limits import check_bytes
from archive.models import StoredFile
from archive.store import is_present, open_stored
from events.indexes import HDU_INDEX, OBS_INDEX, hdu_index, obs_index
from events.packing import Member, packed
from tap.outputs import Answer, Output
from tap.service import Rows, texts
from uws.wait import release_connection
from vo.errors import FatalFault, UsageFault

log = logging.getLogger(__name__)

IDENTIFIER = "obs_publisher_did"
MAX_IDENTIFIERS = 100_000
"""Different identifiers in one result."""
_CHUNK = 2**20


def make(answer: Answer) -> Generator[bytes]:
    """The archive in pieces.

    Raises UsageFault for a result without identifiers or without an observation that can be had, and for more data than
    whoever asks may have in one piece.
    """
    names = [column.name for column in answer.query.columns]
    position = next((i for i, name in enumerate(names) if name.lower() == IDENTIFIER), None)
    if position is None:
        raise UsageFault(
            f"a data store is made of the column {IDENTIFIER}, and the result has none: select it "
            f"(the result has {', '.join(names)[:200]})"
        )
    found = _identifiers(answer.rows, position)
    chosen = contents(found, answer.query.context.viewer)
    if not chosen.items:
        raise UsageFault(_nothing(found, chosen))
    _check_present(chosen)
    check_bytes(chosen.size, answer.query.context.viewer, answer.async_url)
    told = readme(answer.query, chosen, is_cut=answer.rows.overflow)
    return _pieces(chosen, told)


def _identifiers(rows: Rows, position: int) -> list[str]:
    """The different values of the column, in their order."""
    found: dict[str, None] = {}
    for identifier in texts(rows, position):
        found[identifier] = None
        if len(found) > MAX_IDENTIFIERS:
            raise UsageFault(f"a data store is made of at most {MAX_IDENTIFIERS} observations: select fewer")
    return list(found)


def _nothing(found: Sequence[str], chosen: Contents) -> str:
    if not found:
        return "no data store can be made: the query finds no row"
    identifier, reason = chosen.left_out[0]
    others = f", nor are {len(chosen.left_out) - 1} others" if len(chosen.left_out) > 1 else ""
    return f"no data store can be made: {identifier[:200]} cannot be part of one, for {reason}{others}"


def _check_present(chosen: Contents) -> None:
    """What is missing is told before anything is sent."""
    for path, file in (chosen.documents | chosen.files).items():
        if not is_present(file):
            log.error("stored file %s (%s) is missing or cut short", file.path, path)
            raise FatalFault(f"{path} is missing from the archive; the curators have been told")


def _pieces(chosen: Contents, told: str) -> Generator[bytes]:
    release_connection()

    def members() -> Iterator[Member]:
        yield Member.of("README.txt", told.encode())
        for path, file in (chosen.documents | chosen.files).items():
            yield Member(path, _content(file, path), file.size)
        rows = listed(chosen.items)
        yield Member.of(OBS_INDEX, obs_index(rows))
        yield Member.of(HDU_INDEX, hdu_index(rows))

    yield from packed("zip", members())


def _content(file: StoredFile, path: str) -> Iterator[bytes]:
    with open_stored(file, path) as source:
        while chunk := source.read(_CHUNK):
            yield chunk


GADF = Output("gadf", "application/zip;content=gadf", "datastore.zip", make)
