"""Ingest: a folder or file in, data sets, stored files, ObsCore rows, previews and provenance out.

Each data set is one transaction: all of it is in the archive or nothing. What is there already is recognised by its
bytes; a data set whose bytes changed belongs into a new release. A file that cannot be used is refused with its reason,
and the rest goes on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from archive.damage import record_restored
from archive.identifiers import make_did
from archive.models import Collection, Product, ProductFile
from archive.readers.records import Candidate, Refused, SourceFile
from archive.readers.registry import Reader
from archive.readers.scanning import Found, scan
from archive.recording import Recording, write_document, write_observation
from archive.releases import DEFAULT_RELEASE, UnusableName, check_names
from archive.store import Depositor, Digest, digest, needs_bytes, writing
from vo.errors import TransientFault
from vo.unpacking import NotUnpackable

log = logging.getLogger(__name__)

_DOCUMENTS = re.compile(
    r"(terms|licen[cs]e|copying|copyright|readme|citation)[^/]*\.(txt|md|rst|html|pdf)|licen[cs]e|copying", re.I
)
DOCUMENT_LIMIT = 20_000_000
"""bytes"""


class IngestError(Exception):
    """The whole run cannot be done; the message is for the curator."""


class Status(StrEnum):
    ADDED = "added"
    KNOWN = "already there"
    RESTORED = "restored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one data set or document."""

    label: str
    status: Status
    reason: str = ""
    obs_id: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """What a run did, or would do."""

    dry_run: bool
    outcomes: list[Outcome] = field(default_factory=list)

    def of(self, status: Status) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status is status]

    @property
    def exit_status(self) -> int:
        """0 all in, 1 some refused, 2 nothing usable."""
        if not self.of(Status.REFUSED):
            return 0
        observations = [o for o in self.outcomes if o.obs_id and o.status is not Status.REFUSED]
        return 1 if observations else 2


Observer = Callable[[Outcome, int, int], None]
"""Called after each outcome with the number done and the total."""


def ingest(
    path: Path,
    collection: str,
    release: str = DEFAULT_RELEASE,
    *,
    dry_run: bool = False,
    title: str = "",
    observer: Observer | None = None,
    waiting: Callable[[], None] | None = None,
) -> Report:
    """Take in everything usable at `path` as a release of a collection.

    `waiting` is called if another ingest holds the store. Raises IngestError when nothing can be begun: names that are
    none, a path that is none, a folder without data.
    """
    try:
        check_names(collection, release)
    except UnusableName as error:
        raise IngestError(str(error)) from None
    if not path.exists():
        raise IngestError(f"{path} does not exist")
    documents = _documents(path) if path.is_dir() else []
    found = list(scan(path, documents))
    if not found:
        raise IngestError(f"{path} holds no data")
    if dry_run:
        return _Run(path, collection, release, title, None).all(found, documents, observer)
    with writing(waiting) as depositor:
        return _Run(path, collection, release, title, depositor).all(found, documents, observer)


def _documents(folder: Path) -> list[Path]:
    """Terms of use and the like: they travel with the data of their folder and those below it."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and _DOCUMENTS.fullmatch(p.name))


class _Run:
    """One run over what was found; without a depositor it only looks."""

    def __init__(self, root: Path, collection: str, release: str, title: str, depositor: Depositor | None) -> None:
        self._root = root
        self._collection, self._release, self._title = collection, release, title
        self._depositor = depositor
        self._digests: dict[Path, Digest] = {}
        self._seen: dict[tuple[str, str], str] = {}
        self._folders: set[Path] = set()

    def all(self, found: Sequence[Found], documents: Sequence[Path], observer: Observer | None) -> Report:
        report = Report(dry_run=self._depositor is None)
        total = len(found) + len(documents)
        if self._title and self._depositor is not None:
            Collection.objects.filter(name=self._collection).update(title=self._title)
        for outcome in self._outcomes(found, documents):
            report.outcomes.append(outcome)
            if observer is not None:
                observer(outcome, len(report.outcomes), total)
        return report

    def _outcomes(self, found: Sequence[Found], documents: Sequence[Path]) -> Iterator[Outcome]:
        for each in found:
            yield self._guarded(each.candidate.label, partial(self._data_set, each))
        for path in documents:
            name = path.relative_to(self._root).as_posix()
            if path.parent.resolve() in self._folders:
                yield self._guarded(name, partial(self._document, path, name))
            else:
                yield Outcome(name, Status.REFUSED, "a document of a folder from which no data were taken in")

    def _guarded(self, label: str, work: Callable[[], Outcome]) -> Outcome:
        try:
            return work()
        except Refused as refusal:
            return Outcome(label, Status.REFUSED, refusal.reason)
        except OSError as error:
            return Outcome(label, Status.REFUSED, f"cannot be read or stored: {error.strerror or error}")
        except TransientFault as fault:
            return Outcome(label, Status.REFUSED, fault.message)
        except Exception as error:
            log.exception("ingest of %s failed", label)
            return Outcome(
                label, Status.REFUSED, f"unexpected failure ({type(error).__name__}); the log has the details"
            )

    # --- data sets ---

    def _data_set(self, found: Found) -> Outcome:
        candidate, reader = found.candidate, found.reader
        if candidate.refusal is not None or reader is None:
            raise Refused(candidate.refusal or "no reader knows it")
        known = self._known(candidate)
        if known is not None:
            return known
        record = reader.read(candidate)
        main = self._digest(candidate.files[0].path).sha256
        self._check_unused((record.obs_id, record.part), main)
        outcome = Outcome(candidate.label, Status.ADDED, "", record.obs_id, record.notes)
        if self._depositor is not None:
            sources = [(source, self._digest(source.path)) for source in record.files]
            write_observation(self._recording(reader, datetime.now(UTC)), record, sources)
        self._is_in((record.obs_id, record.part), main, candidate)
        return outcome

    def _is_in(self, name: tuple[str, str], sha256: str, candidate: Candidate) -> None:
        self._seen[name] = sha256
        for source in candidate.files:
            self._folders.update(source.path.resolve().parents)

    def _known(self, candidate: Candidate) -> Outcome | None:
        """The outcome for an observation whose bytes the release has; missing stored files are put back."""
        main = self._digest(candidate.files[0].path)
        product = (
            Product.objects.filter(
                release__collection__name=self._collection,
                release__name=self._release,
                semantics="#this",
                files__position=0,
                files__file__sha256=main.sha256,
            )
            .select_related("observation")
            .first()
        )
        if product is None or product.observation is None:
            return None
        held = list(ProductFile.objects.filter(product=product).select_related("file"))
        given = {self._digest(source.path).sha256: source for source in candidate.files}
        if {use.file.sha256 for use in held} != set(given):
            return None
        missing = [use for use in held if needs_bytes(use.file)]
        if missing and self._depositor is not None:
            for use in missing:
                source = given[use.file.sha256]
                self._depositor.put_file(source.path, self._digest(source.path), use.file.path)
                record_restored(use.file)
            self._depositor.settle()
        status = Status.RESTORED if missing else Status.KNOWN
        self._is_in((product.observation.obs_id, product.observation.part), main.sha256, candidate)
        reason = f"{len(missing)} of its files had vanished from the store, or were damaged" if missing else ""
        return Outcome(candidate.label, status, reason, product.observation.obs_id)

    def _check_unused(self, name: tuple[str, str], sha256: str) -> None:
        obs_id, part = name
        what = f"{part} of observation {obs_id}" if part else f"observation {obs_id}"
        if name in self._seen and self._seen[name] != sha256:
            raise Refused(f"{what} is there twice in this folder, with different bytes")
        if Product.objects.filter(did=make_did(self._collection, self._release, obs_id, part)).exists():
            raise Refused(
                f"release {self._release} of {self._collection} has {what} with other bytes; "
                "ingest it as a new release (--release) to keep both versions"
            )

    # --- documents ---

    def _document(self, path: Path, name: str) -> Outcome:
        content = self._digest(path)
        if content.size > DOCUMENT_LIMIT:
            raise Refused(f"a document of {content.size} bytes is more than {DOCUMENT_LIMIT}")
        did = make_did(self._collection, self._release, "documents", name)
        use = ProductFile.objects.filter(product__did=did).select_related("file").first()
        if use is not None:
            if use.file.sha256 != content.sha256:
                raise Refused(f"release {self._release} has this document with other bytes; ingest a new release")
            return Outcome(name, Status.KNOWN)
        if self._depositor is not None:
            write_document(self._recording(None, datetime.now(UTC)), did, SourceFile(path, path.name), content)
        return Outcome(name, Status.ADDED)

    def _recording(self, reader: Reader | None, started: datetime) -> Recording:
        assert self._depositor is not None
        return Recording(self._depositor, self._collection, self._release, self._title, reader, started)

    def _digest(self, path: Path) -> Digest:
        if path not in self._digests:
            try:
                self._digests[path] = digest(path)
            except NotUnpackable as error:
                raise Refused(str(error)) from None
        return self._digests[path]
