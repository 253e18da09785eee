"""What an owner's jobs may take together, by who it is: anonymous, signed in, or a curator. The settings declare it.

Owners are users; anonymous ones are told apart by their network address, of which only a keyed hash is kept. An
owner's row in `Client` is locked while its jobs are counted and one more is let in, so that two requests, or two
workers, cannot both have the last place.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum
from django.utils import timezone
from django.utils.crypto import salted_hmac

from uws import store
from uws.models import Client, Job, Part, Result
from uws.phases import Phase
from vo.errors import TransientFault

_GIB = 2**30


class LimitReached(TransientFault):
    """The owner has as many jobs, or as much of the disk, as it may have."""

    status = 429


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one owner."""

    running: int
    """Jobs that run at the same time; further ones wait."""
    waiting: int
    """Jobs that wait for a worker; further ones are refused."""
    disk: int
    """Bytes of results and uploads; beyond it new jobs are refused."""
    run_time: int
    """Seconds that a job may run."""


def limits_of(rank: int) -> Limits:
    """The limits of a class of owners: 0 anonymous, 1 signed in, 2 curators."""
    return Limits(
        running=settings.DISTILLER_JOB_RUNNING[rank],
        waiting=settings.DISTILLER_JOB_WAITING[rank],
        disk=settings.DISTILLER_JOB_DISK[rank],
        run_time=settings.DISTILLER_JOB_RUN_TIME[rank],
    )


def rank_of(user: User | None) -> int:
    """The class of a user; None is anonymous."""
    return 0 if user is None else 2 if user.is_staff else 1


def client_name(user: User | None, address: str) -> str:
    """Under which name jobs are counted. Anonymous users whose address is not known are one."""
    if user is not None:
        return f"user {user.pk}"
    return f"net {salted_hmac('uws.limits', address).hexdigest()[:32]}" if address else ""


def lock(name: str) -> None:
    """Lock the row of an owner until the transaction ends."""
    Client.objects.select_for_update().get_or_create(name=name)


def serve(name: str) -> None:
    """Note that one of an owner's jobs is being taken, and lock the owner's row until the transaction ends."""
    now = timezone.now()
    if not Client.objects.filter(name=name).update(served=now):
        Client.objects.update_or_create(name=name, defaults={"served": now})


def check_waiting(name: str, rank: int) -> None:
    """Whether an owner may have another job that waits. Raises LimitReached with what to do about it."""
    limits = limits_of(rank)
    waiting = store.jobs().filter(client=name, phase=Phase.QUEUED).count()
    if waiting >= limits.waiting:
        raise LimitReached(
            f"{waiting} jobs of yours wait to be run, and {limits.waiting} may; send more when some of them have "
            "ended, or abort those that are not needed any more"
        )


def check_disk(name: str, rank: int) -> None:
    """Whether there is room for the results of another job of an owner. Raises LimitReached."""
    limits = limits_of(rank)
    kept = kept_bytes(name)
    if kept >= limits.disk:
        raise LimitReached(
            f"the results and uploads of your jobs take {kept / _GIB:.1f} GiB, and {limits.disk / _GIB:.1f} GiB may be "
            "kept; delete jobs that are not needed any more"
        )


def kept_bytes(name: str) -> int:
    """Bytes of the results and uploads of an owner's jobs; those shared with others count for each."""
    results = Result.objects.filter(job__client=name).order_by().values("job__client")
    uploads = Part.objects.filter(job__client=name).order_by().values("job__client")
    sums = [results.annotate(bytes=Sum("file__size")), uploads.annotate(bytes=Sum("size"))]
    first, second = (rows.values_list("bytes", flat=True) for rows in sums)
    return sum(first.union(second, all=True))


def running(name: str) -> int:
    """How many jobs of an owner are being run."""
    return store.being_run().filter(client=name).count()


def forget() -> None:
    """Delete the rows of owners that have no jobs any more."""
    Client.objects.exclude(name__in=Job.objects.values("client")).delete()
