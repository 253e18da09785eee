"""The result store: bytes go in before a job completes, become visible with it, and go when nobody refers to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.core.files.storage import Storage, storages
from django.db import transaction

from uws import storage
from uws.jobtypes import JobType, OutputRole
from uws.models import Job, Result, ResultFile
from uws.storage import Movable, Orphans

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """An output whose bytes are in the store, not visible yet."""

    role: OutputRole
    storage_name: str
    size: int
    sha256: str


def store() -> Storage:
    return storages["results"]


class Cancelled(Exception):
    """Storing was called off."""


def put(
    job: Job,
    attempt: int,
    outputs: Sequence[tuple[OutputRole, Path]],
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[StoredOutput]:
    """Move finished files into the store. If one fails, those before it are taken back and the error is raised.

    Raises Cancelled soon after `is_cancelled` became true.
    """
    stored: list[StoredOutput] = []
    wanted = ""
    try:
        for role, path in outputs:
            with path.open("rb") as file:
                digest = _digest(file, is_cancelled)
                size = file.tell()
                os.fsync(file.fileno())
                if is_cancelled():
                    raise Cancelled
                file.seek(0)
                wanted = f"{job.public_id[:2]}/{job.public_id}/{attempt}/{role.filename}"
                name = store().save(wanted, Movable(path, file))
            stored.append(StoredOutput(role, name, size, digest))
    except (OSError, Cancelled):
        discard([*(output.storage_name for output in stored), *([wanted] if wanted else [])])
        raise
    return stored


def _digest(file: BinaryIO, is_cancelled: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        if is_cancelled():
            raise Cancelled
        digest.update(chunk)
    return digest.hexdigest()


def publish(job: Job, outputs: Sequence[StoredOutput]) -> list[Result]:
    """Make stored outputs results of the job, within the transaction that completes it."""
    files = ResultFile.objects.bulk_create(
        [ResultFile(storage_name=output.storage_name, size=output.size, sha256=output.sha256) for output in outputs]
    )
    rows = [
        _result(job, position, output.role, file)
        for position, (output, file) in enumerate(zip(outputs, files, strict=True))
    ]
    return Result.objects.bulk_create(rows)


def link(job: Job, job_type: JobType, source: Job) -> list[Result] | None:
    """Give the job the results of a finished one, within a transaction; None if they are not all there any more.

    The rows of the files are locked, so that whoever destroys the other job waits and then sees the new reference.
    """
    rows = list(Result.objects.filter(job=source))
    locked = ResultFile.objects.select_for_update().in_bulk([row.file_id for row in rows])
    if len(locked) != len({row.file_id for row in rows}):
        return None
    if not all(store().exists(file.storage_name) for file in locked.values()):
        return None
    if any(job_type.role_of(row.name) is None for row in rows):
        return None
    return copy(job, source)


def copy(job: Job, source: Job) -> list[Result]:
    """Give the job the results that another one has, within a transaction in which they cannot go."""
    rows = list(Result.objects.filter(job=source).select_related("file"))
    for row in rows:
        row.pk, row.job = None, job
        row._state.adding = True
    return Result.objects.bulk_create(rows)


def release(job: Job) -> None:
    """Take a job's results away, within a transaction; bytes that nobody else refers to go when it is committed."""
    ids = list(Result.objects.filter(job=job).values_list("file_id", flat=True))
    Result.objects.filter(job=job).delete()
    _delete_unreferenced(ids)


def discard(names: Iterable[str]) -> None:
    """Delete bytes from the store."""
    storage.discard(store(), names)


def discard_unpublished(outputs: Iterable[StoredOutput]) -> None:
    """Delete the bytes of outputs that did not become results. The database is asked: it may have taken them."""
    names = {output.storage_name for output in outputs}
    discard(names.difference(ResultFile.objects.filter(storage_name__in=names).values_list("storage_name", flat=True)))


def sweep(orphans: Orphans) -> int:
    """Delete old bytes that nothing refers to (left by a process killed at the wrong moment); how many."""
    return orphans.sweep(
        store(), lambda names: ResultFile.objects.filter(storage_name__in=names).values_list("storage_name", flat=True)
    )


def _result(job: Job, position: int, role: OutputRole, file: ResultFile) -> Result:
    return Result(
        job=job,
        position=position,
        name=role.name,
        filename=role.filename,
        media_type=role.media_type,
        description=role.description,
        product_type=role.product_type or "",
        file=file,
    )


def _delete_unreferenced(file_ids: Iterable[int]) -> None:
    files = ResultFile.objects.select_for_update().filter(pk__in=list(file_ids)).order_by("pk")
    gone = [file for file in files if not Result.objects.filter(file=file).exists()]
    ResultFile.objects.filter(pk__in=[file.pk for file in gone]).delete()
    names = [file.storage_name for file in gone]
    transaction.on_commit(lambda: discard(names))
