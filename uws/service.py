"""What can be done with jobs, by whom. The REST binding, the pages and the API all call these functions.

Who may: a job of a user is that user's (and the curators'); a job without a user is a capability: who knows its
identifier, which cannot be guessed, may use it. Lists show a user's own jobs, or those of the browser session.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from uws import endings, identity, inputs, jobtypes, joining, limits, offers, parts, results, store
from uws.errors import UserJobError
from uws.jobtypes import JobType
from uws.models import Job, Result
from uws.phases import FINAL, STARTABLE, UNSTARTED, WAITED, Phase
from uws.values import ParameterErrors, check, known, parse, to_texts
from uws.wait import wait_while
from vo.clients import network_address
from vo.errors import AuthorizationFault, NotFoundFault, UsageFault

SESSION_KEY = "uws_jobs"
"""Session entry with the token of an anonymous browser session's jobs."""
MAX_UPLOAD_TEXT = 65536
"""Characters that the values of a parameter may have which grows with every request."""
ABORT_PATIENCE = 3.0
"""Seconds that an abort or a deletion waits for the work to have ended before it answers."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a user, an anonymous browser session, or neither; and from which network address."""

    user: User | None = None
    session: str = ""
    address: str = ""


def requester(request: HttpRequest, *, start_session: bool = False) -> Requester:
    """Who makes this request. `start_session` gives an anonymous browser a session to keep its jobs in."""
    user: AbstractBaseUser | object = getattr(request, "user", None)
    session = getattr(request, "session", None)
    token = session.get(SESSION_KEY, "") if session is not None else ""
    if not token and start_session and session is not None:
        token = session[SESSION_KEY] = secrets.token_urlsafe(24)
    known = user if isinstance(user, User) and user.is_authenticated else None
    return Requester(known, token, network_address(request))


def job_type(name: str) -> JobType:
    """The job type of that name; NotFoundFault if this archive does not offer it."""
    for kind in jobtypes.job_types():
        if kind.name == name:
            return kind
    offered = ", ".join(t.name for t in jobtypes.job_types()) or "none"
    raise NotFoundFault(f"there is no job type {name!r} here; there are {offered}")


def jobs_of(who: Requester) -> QuerySet[Job]:
    """The jobs that are listed for them, newest first."""
    if who.user is not None:
        return store.jobs().filter(owner=who.user).order_by("-created", "-pk")
    if who.session:
        return store.jobs().filter(owner=None, session=who.session).order_by("-created", "-pk")
    return Job.objects.none()


def pages_of(activities: Iterable[str], who: Requester) -> dict[str, str]:
    """Ids of jobs by their activities, of those that they may be led to: a curator to all, others to their own."""
    is_curator = who.user is not None and who.user.is_staff
    rows = (store.jobs() if is_curator else jobs_of(who)).filter(activity__in=set(activities))
    return dict(rows.values_list("activity", "public_id"))


def find(public_id: str, who: Requester, type_name: str | None = None) -> Job:
    """The job of that identifier (and type). NotFoundFault if there is none, AuthorizationFault if it is another's."""
    rows = store.jobs().filter(public_id=public_id)
    job = (rows if type_name is None else rows.filter(job_type=type_name)).first()
    if job is None:
        raise NotFoundFault(f"there is no job {public_id!r}; it may have been deleted")
    if who.user is not None and job.owner_id == who.user.pk:
        job.owner = who.user
    if job.owner is not None and job.owner != who.user and not (who.user is not None and who.user.is_staff):
        raise AuthorizationFault("this job belongs to another user")
    return job


def create(
    type_name: str,
    parameters: Mapping[str, Sequence[str]],
    who: Requester,
    *,
    run_id: str = "",
    base_url: str = "",
    part: parts.Find = parts.nothing_sent,
    fresh: bool = False,
    seconds: int | None = None,
    destruction: datetime | None = None,
    start: bool = False,
) -> Job:
    """A new job in phase PENDING, or started as by `run`. Raises ParameterErrors for names and values that are wrong.

    `base_url` is that of the service as the client reaches it, for links in the results; `part` gives what the request
    brings along. `fresh`: it is computed even if the same work has been done before. `seconds` and `destruction` as
    `set_execution_duration` and `set_destruction` take them. Raises UsageFault for these, as `parts.stored` does,
    LimitReached, and AuthorizationFault if the owner may make no job of that type: there is no job then.
    """
    check_limits(seconds, destruction)
    kind = jobtypes.job_type(type_name)
    offers.check(kind, who.user)
    client, rank = limits.client_name(who.user, who.address), limits.rank_of(who.user)
    if not start:
        limits.check_waiting(client, rank)
    limits.check_disk(client, rank)
    given = _accepted(kind, parameters)
    longest, latest = _longest_run(kind, who.user), latest_destruction()
    with parts.stored(kind, given, part, who.user) as sent:
        job = Job(
            job_type=kind.name,
            type_version=kind.version,
            owner=who.user,
            session="" if who.user is not None else who.session,
            client=client,
            rank=rank,
            fresh=fresh,
            run_id=run_id,
            base_url=base_url if len(base_url) <= 255 else "",
            given=_pairs(given),
            destruction=latest if destruction is None else min(destruction, latest),
            execution_duration=min(seconds or longest, longest),
            queue=kind.queue,
        )
        work = _work(job, kind, sent) if start else None
        with transaction.atomic():
            if not (isinstance(work, _Work) and work.is_new):  # that one comes into the table as it is queued
                job.save(force_insert=True)
            if work is not None:
                _begin(job, kind, work)
            parts.attach(job, sent)
    return job


def set_parameters(job: Job, parameters: Mapping[str, Sequence[str]], part: parts.Find = parts.nothing_sent) -> None:
    """Set parameters of a pending job; values of the names given replace those before (UWS 1.1 section 2.2.3.1).

    Those that name uploads, and the uploads themselves, add up. Whatever is raised, nothing has changed.
    """
    kind = jobtypes.job_type(job.job_type)
    fresh = _accepted(kind, parameters)
    with parts.stored(kind, fresh, part, job.owner) as sent, transaction.atomic():
        locked = Job.objects.select_for_update().get(pk=job.pk)
        if locked.phase != Phase.PENDING:
            raise AuthorizationFault(f"parameters can be changed while the job is PENDING only; it is {locked.phase}")
        before = locked.parameters
        if kind.uploads is not None and (name := kind.uploads.parameter) in fresh:
            fresh[name] = _added(name, before.get(name, []), fresh[name])
        parts.attach(locked, sent)
        Job.objects.filter(pk=job.pk).update(given=_pairs({**before, **fresh}))
    job.refresh_from_db()


def _added(name: str, before: list[str], fresh: list[str]) -> list[str]:
    values = [*before, *fresh]
    if sum(map(len, values)) > MAX_UPLOAD_TEXT:
        raise UsageFault(f"{name}: all its values together have more than {MAX_UPLOAD_TEXT} characters")
    return values


def _accepted(kind: JobType, parameters: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return (known if kind.checked_when_run else check)(kind.parameters, parameters)


def run(job: Job) -> None:
    """Start a job: it is answered from the result store, joins the same work that is under way, or is queued.

    It ends in ERROR if its parameters do not allow it. One that was started before is left as it is. Raises
    LimitReached, and leaves it as it is, if its owner may not have another one waiting.
    """
    if job.phase not in STARTABLE:
        return
    kind = jobtypes.job_type(job.job_type)
    work = _work(job, kind)
    with transaction.atomic():
        _begin(job, kind, work)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a job that is to be started has to do. The key is empty if it is not that of any other job."""

    found: Mapping[str, Any]
    """What is kept of the parameters and inputs (fields of `Job`)."""
    key: str
    software: Mapping[str, str] | None
    is_new: bool
    """Nobody has done it, or does it now."""


def _work(job: Job, kind: JobType, sent: Sequence[parts.StoredPart] | None = None) -> _Work | endings.Failure:
    """The work of a job, or why there is none. `sent` comes with a job that has not been written yet."""
    try:
        parameters = parse(kind.parameters, job.parameters)
        normalised = to_texts(parameters)
        files = inputs.of(job, kind, parameters, sent)
    except (ParameterErrors, UserJobError) as error:
        return endings.Failure(error.message)
    found = {
        "normalised": _pairs(normalised),
        "inputs": inputs.recorded(files),
        "input_bytes": inputs.size(files),
    }
    software = identity.workers_software(kind) if kind.deterministic and not job.fresh else None
    key = identity.cache_key(kind, normalised, files, software) if software is not None else ""
    return _Work(found, key, software, is_new=not (key and identity.is_known(key)))


def _begin(job: Job, kind: JobType, work: _Work | endings.Failure) -> None:
    """Start a job, within a transaction: it fails, is answered, joins others or is queued."""
    now = timezone.now()
    if isinstance(work, endings.Failure):
        endings.fail(job, STARTABLE, work, started=now)
        return
    answer = {"origin": STARTABLE, "started": now, "software": work.software, **work.found}
    if not work.is_new and answer_from_store(job, kind, work.key, **answer):
        return
    limits.lock(job.client)
    limits.check_waiting(job.client, job.rank)
    joining.start(job, work.key, STARTABLE, alone=work.is_new, queued=now, cache_key=work.key, **work.found)


def answer_from_store(
    job: Job, kind: JobType, key: str, *, origin: frozenset[Phase], attempt: int | None = None, **changes: Any
) -> bool:
    """Complete a job with the results of a finished one of the same key; False if there is none."""
    twin = identity.finished_twin(key, kind)
    if twin is None or twin.pk == job.pk:
        return False

    class Vanished(Exception):
        """The results were destroyed in the meantime."""

    def publish() -> list[Result]:
        rows = results.link(job, kind, twin)
        if rows is None:
            raise Vanished
        return rows

    try:
        return endings.complete(
            job,
            origin,
            publish,
            attempt=attempt,
            cache_key=key,
            answered_from=twin.answered_from or twin.activity,
            computed=twin.computed or twin.ended,
            progress_message="Answered from the result store",
            **changes,
        )
    except Vanished:
        job.refresh_from_db()
        return False


def abort(job: Job) -> None:
    """End a job now; a finished one is left as it is. Returns when the work has ended, or after a few seconds.

    The work goes on for others that have joined it.
    """
    if job.phase in FINAL or _end_without_worker(job):
        return
    if store.request_abort(job):
        wait_while(job.public_id, Phase.EXECUTING, ABORT_PATIENCE)
    job.refresh_from_db()


def _end_without_worker(job: Job) -> bool:
    """Abort a job that no worker has, or whose run can be handed over; False if a worker has to end it."""
    with transaction.atomic():
        joining.hand_over(job)
        return endings.abort(job, UNSTARTED) or endings.abort(job, (Phase.EXECUTING,), runner="")


def destroy(job: Job) -> None:
    """Take a job and its results away for good; a running one is ended first (UWS 1.1 section 2.1.5)."""
    _end_without_worker(job)
    if not store.hide(job):
        return
    job.refresh_from_db()
    if job.phase == Phase.EXECUTING and job.runner:
        return
    endings.purge(job)


def check_limits(seconds: int | None, destruction: datetime | None) -> None:
    """Refuse limits that mean nothing, with UsageFault; None is not given."""
    if seconds is not None and seconds < 0:
        raise UsageFault(f"EXECUTIONDURATION: must not be negative, as {seconds} is")
    if destruction is not None and destruction <= timezone.now():
        raise UsageFault(f"DESTRUCTION: {destruction:%Y-%m-%dT%H:%M:%SZ} is in the past")


def set_execution_duration(job: Job, seconds: int) -> None:
    """Limit the run time; 0 (no limit) and more than the owner is allowed become what is allowed (section 2.1.4)."""
    check_limits(seconds, None)
    if job.phase in FINAL:
        raise AuthorizationFault(f"the job has ended: it is {job.phase}")
    limit = _longest_run(jobtypes.job_type(job.job_type), job.owner)
    Job.objects.filter(pk=job.pk).update(execution_duration=min(seconds or limit, limit))
    job.refresh_from_db()


def _longest_run(kind: JobType, owner: User | None) -> int:
    name, is_curator = None if owner is None else owner.get_username(), owner is not None and owner.is_staff
    longest = kind.longest_run(name, is_curator)
    if kind.duration_of is None:
        longest = min(longest, limits.limits_of(limits.rank_of(owner)).run_time)
    return offers.longest_run(kind, longest)


def set_destruction(job: Job, when: datetime) -> None:
    """Choose when the job is destroyed: not in the past, and not later than the archive keeps jobs."""
    check_limits(None, when)
    Job.objects.filter(pk=job.pk).update(destruction=min(when, latest_destruction()))
    job.refresh_from_db()


def latest_destruction() -> datetime:
    return timezone.now() + timedelta(days=settings.DISTILLER_JOB_RETENTION_DAYS)


def wait(job: Job, seconds: float, phase: str | None = None) -> Job | None:
    """Block while the job stays in a phase that can be waited for (and in `phase`); None if it is destroyed meanwhile.

    Negative seconds wait as long as the service allows (UWS 1.1 section 2.2.1.2).
    """
    current = job.phase
    if current not in WAITED or (phase is not None and current != phase):
        return job
    wait_while(job.public_id, Phase(current), float("inf") if seconds < 0 else seconds)
    now = store.jobs().filter(pk=job.pk).first()
    if now is not None:
        now.owner = job.owner
    return now


def _pairs(parameters: Mapping[str, Sequence[str]]) -> list[list[object]]:
    return [[name, list(texts)] for name, texts in parameters.items()]
