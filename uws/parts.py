"""Files that are sent along with a job's parameters: kept with the job, given to its worker, gone with the job.

Which parts of a request are kept is for the job type to say (`uws.jobtypes.UploadRole`). Its owner can fetch them.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet

from provenance.identifiers import job_id
from uws import storage
from uws.context import InputFile
from uws.jobtypes import JobType
from uws.models import Job, Part
from vo.errors import FatalFault, TransientFault, UsageFault
from vo.files import ServedFile

logger = logging.getLogger(__name__)
Find = Callable[[str], UploadedFile | None]
"""The part of a request of that name (`vo.dali.Parameters.part`)."""
MAX_PARTS = 20
"""Most parts of a job."""
KEPT_FREE = 500 * 2**20
"""Bytes of the disk that are left for everything else."""
_MAX_NAME = 255
_NO_ROOM = "files sent along cannot be kept now; the operators have been told"
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,48}/[\w.+-]{1,48}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part whose bytes are in the store, not a job's yet."""

    name: str
    filename: str
    media_type: str
    storage_name: str
    size: int
    sha256: str


def store() -> Storage:
    return storages["uploads"]


def nothing_sent(name: str) -> None:
    """The parts of a job that does not come by a request with a body."""


@contextmanager
def stored(
    kind: JobType, parameters: Mapping[str, Sequence[str]], find: Find, owner: User | None
) -> Iterator[list[StoredPart]]:
    """The parts that parameters of a request refer to, put into the store; taken back if the block raises.

    A part that was not sent is left out: the worker says so. Raises UsageFault for parts that are too large or too
    many, or of one name, TransientFault if they cannot be kept.
    """
    names = kind.uploads.part_names(parameters.get(kind.uploads.parameter, ())) if kind.uploads is not None else ()
    found = [(name, file) for name in names if len(name) <= _MAX_NAME and (file := find(name)) is not None]
    _check_limits([int(file.size or 0) for _, file in found], owner)
    _check_room(sum(int(file.size or 0) for _, file in found))
    kept: list[StoredPart] = []
    try:
        for name, file in found:
            kept.append(_put(name, file))
        yield kept
    except BaseException:
        storage.discard(store(), [part.storage_name for part in kept])
        raise


def attach(job: Job, added: Sequence[StoredPart]) -> None:
    """Make stored parts the job's, within a transaction that holds the job. Raises UsageFault as `stored` does."""
    if not added:
        return
    before = dict(Part.objects.filter(job=job).values_list("name", "size"))
    for part in added:
        if part.name in before:
            raise UsageFault(f"a part named {part.name[:60]!r} was sent before; give this one another name")
    _check_limits([*before.values(), *(part.size for part in added)], job.owner)
    for part in added:
        Part.objects.create(
            job=job,
            name=part.name,
            filename=part.filename,
            media_type=part.media_type,
            storage_name=part.storage_name,
            size=part.size,
            sha256=part.sha256,
        )


def files(job: Job, sent: Sequence[StoredPart] | None = None) -> tuple[InputFile, ...]:
    """The parts of a job as its worker sees them: `metadata` has the name of the part and its `filename`.

    `sent` are those of a job that has not been written yet.
    """
    return tuple(
        InputFile(
            entity,
            Path(store().path(part.storage_name)),
            part.sha256,
            part.media_type,
            {"part": part.name, "filename": part.filename},
        )
        for entity, part in _named(job, _rows(job) if sent is None else sent)
    )


def served(part: Part) -> ServedFile:
    """A part as it is given back: bytes to save, whatever its sender called them, so that no browser runs them."""

    def open_file() -> IO[bytes]:
        try:
            file: IO[bytes] = store().open(part.storage_name)
        except OSError:
            logger.exception("part %s of job %s has lost its file", part.name, part.job_id)
            raise FatalFault("this file is missing; the operators have been told") from None
        return file

    name = part.filename or part.name
    return ServedFile(
        open_file, part.size, part.sha256, part.job.created, "application/octet-stream", name, attachment=True
    )


def entity_ids(job: Job) -> list[str]:
    """The identifiers of a job's parts in its provenance."""
    return [entity for entity, _ in _named(job, _rows(job))]


def release(job: Job) -> None:
    """Take a job's parts away, within a transaction; their bytes go when it is committed."""
    names = list(Part.objects.filter(job=job).values_list("storage_name", flat=True))
    Part.objects.filter(job=job).delete()
    transaction.on_commit(lambda: storage.discard(store(), names))


def sweep(orphans: storage.Orphans) -> int:
    """Delete old files that belong to no job; how many."""
    return orphans.sweep(
        store(), lambda names: Part.objects.filter(storage_name__in=names).values_list("storage_name", flat=True)
    )


def _rows(job: Job) -> QuerySet[Part]:
    return Part.objects.filter(job=job).order_by("pk")


def _named(job: Job, parts: Iterable[Part | StoredPart]) -> list[tuple[str, Part | StoredPart]]:
    return [(f"{job_id(job.activity)}/parts/{number}", part) for number, part in enumerate(parts, 1)]


def _put(name: str, file: UploadedFile) -> StoredPart:
    file.seek(0)
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    unique = secrets.token_hex(16)
    try:
        stored_as = store().save(f"{unique[:2]}/{unique}", file)
    except OSError as error:
        logger.exception("a file that was sent along cannot be stored")
        raise TransientFault(_NO_ROOM) from error
    media_type = file.content_type or ""
    return StoredPart(
        name=name,
        filename=file.name or "",
        media_type=media_type if _MEDIA_TYPE.fullmatch(media_type) else "",
        storage_name=stored_as,
        size=int(file.size or 0),
        sha256=digest.hexdigest(),
    )


def _check_limits(sizes: Sequence[int], owner: User | None) -> None:
    if len(sizes) > MAX_PARTS:
        raise UsageFault(f"{len(sizes)} files are sent along; a job takes {MAX_PARTS} at most")
    anonymous, signed_in, curator = settings.DISTILLER_UPLOAD_MAX_BYTES
    most = anonymous if owner is None else curator if owner.is_staff else signed_in
    if sum(sizes) > most:
        raise UsageFault(f"the files sent along have more than {most} bytes together")


def _check_room(size: int) -> None:
    if size and shutil.disk_usage(settings.DISTILLER_HOME).free - size < KEPT_FREE:
        logger.error("the disk is too full for files that are sent along")
        raise TransientFault(_NO_ROOM)
