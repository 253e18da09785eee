"""Finding what is in a folder: index tables first, then every other file, opened once, for the reader that knows it.

Names and links may lead out of the folder; what lies outside is not taken in. A file that no reader knows is refused
with what each of them missed in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.readers.outline import Outline, outline
from archive.readers.records import Candidate, Refused, SourceFile
from archive.readers.registry import Reader, readers

_FITS = b"SIMPLE  ="
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate and the reader that found it; None if there is only a reason why it is refused."""

    candidate: Candidate
    reader: Reader | None


def scan(root: Path, ignored: Iterable[Path] = (), known: Sequence[Reader] | None = None) -> Iterator[Found]:
    """What is at or below `root`: data sets of index tables, then of files, then what is refused; sorted by name.

    `ignored` are files that somebody else takes care of. A single file is a folder that holds nothing else.
    """
    known = readers() if known is None else known
    base = root.parent if root.is_file() else root
    refused: list[Found] = []

    def unreadable(error: OSError) -> None:
        where = os.path.relpath(error.filename, base)
        refused.append(Found(Candidate(where, (), refusal=f"cannot be opened: {error.strerror}"), None))

    files = [root] if root.is_file() else sorted(set(_walk(root, unreadable)) - set(ignored))
    taken: set[Path] = set()
    for reader in known:
        listed, accounted_for = reader.indexed(base, files)
        taken.update(path.resolve() for path in accounted_for)
        yield from (_found(candidate, reader) for candidate in listed)
    shares: dict[str, list[Outline]] = {reader.name: [] for reader in known}
    resolved_base = base.resolve()
    for path in files:
        where = str(path.relative_to(base))
        resolved = path.resolve()
        if resolved in taken:
            continue
        try:
            if not resolved.is_relative_to(resolved_base):
                raise Refused(f"it is a link that leads out of {base.name}")
            looked_at = _outline(path, where)
            shares[reader_of(looked_at, known).name].append(looked_at)
        except Refused as refusal:
            refused.append(Found(Candidate(where, (SourceFile(path, path.name),), refusal=refusal.reason), None))
    for reader in known:
        if shares[reader.name]:
            yield from (_found(candidate, reader) for candidate in reader.candidates(shares[reader.name]))
    yield from refused


def _found(candidate: Candidate, reader: Reader) -> Found:
    return Found(candidate, reader if candidate.refusal is None else None)


def _walk(root: Path, unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith(".") and Path(folder, name).is_file())


def _outline(path: Path, where: str) -> Outline:
    try:
        with path.open("rb") as file:
            begin = file.read(len(_FITS))
    except OSError as error:
        raise Refused(f"cannot be opened: {error.strerror}") from None
    if not begin:
        raise Refused("the file is empty")
    if begin != _FITS and not begin.startswith(_GZIP):
        raise Refused("not a FITS file")
    return outline(path, where)


def reader_of(file: Outline, known: Sequence[Reader]) -> Reader:
    """The first reader that does not decline a file; `Refused` with what each of them misses in it."""
    tried = []
    for reader in known:
        reason = reader.declines(file)
        if reason is None:
            return reader
        tried.append(f"{reader.name}: {reason}")
    raise Refused(f"no reader knows it ({'; '.join(tried)})")
