"""Whose jobs are seen in provenance: as in the job lists, a user's own; others' only by who knows their identifier.

Jobs of named users are seen by them and by curators. Jobs of anonymous users are seen in their browser session, and by
whoever asks for the job or a result by its identifier, which cannot be guessed. Without this, going forwards from a
public product would show who works on it. A job with a result that has been published is everybody's to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.conf import settings
from django.contrib.auth.models import User

from provenance.identifiers import job_id
from provenance.policy import Viewer
from uws import store
from uws.models import Job
from uws.service import SESSION_KEY

_publishers: list[Callable[[Collection[str]], Collection[str]]] = []


def register_published(published: Callable[[Collection[str]], Collection[str]]) -> None:
    """Rooms above tell which jobs (by `Job.activity`) have published results: those are everybody's to see."""
    if published not in _publishers:
        _publishers.append(published)


def hidden_records(ids: Collection[str], viewer: Viewer, asked: Collection[str]) -> set[str]:
    """Those of the activities, results and agents that the viewer must not be shown (a `provenance.policy`)."""
    if viewer.is_curator:
        return set()
    return _hidden_jobs(ids, viewer, asked) | _hidden_people(ids, viewer, asked)


def _hidden_jobs(ids: Collection[str], viewer: Viewer, asked: Collection[str]) -> set[str]:
    jobs = {identifier: job for identifier in ids if (job := _job_of(identifier))}
    if not jobs:
        return set()
    known = {_job_of(identifier) for identifier in asked}
    token = viewer.session.get(SESSION_KEY, "") if viewer.session is not None else ""
    rows = store.jobs().filter(activity__in=set(jobs.values()))
    owners = {job: (name, session) for job, name, session in rows.values_list("activity", "owner__username", "session")}

    public = {job for published in _publishers for job in published(set(jobs.values()))}

    def seen(job: str) -> bool:
        if job in public:
            return True
        name, session = owners.get(job, (None, ""))
        if name is not None:
            return bool(name == viewer.name)
        return job in known or bool(token and token == session)

    return {identifier for identifier, job in jobs.items() if not seen(job)}


def _job_of(identifier: str) -> str:
    """The job's activity in its identifier, or in that of one of its results; empty for anything else."""
    start = job_id("")
    return identifier.removeprefix(start).split("/")[0] if identifier.startswith(start) else ""


def activities(names: Collection[str]) -> dict[str, str]:
    """Identifiers of the activities that jobs are, by the jobs' own identifiers (a `provenance.aliases`)."""
    rows = Job.objects.filter(public_id__in=names).values_list("public_id", "activity")
    return {public_id: job_id(activity) for public_id, activity in rows}


def _hidden_people(ids: Collection[str], viewer: Viewer, asked: Collection[str]) -> set[str]:
    """Users who are asked for by number; beside a job that may be seen they are named."""
    start = f"ivo://{settings.DISTILLER_AUTHORITY}/agents?user-"
    numbers = {
        identifier: identifier.removeprefix(start) for identifier in {*ids} & {*asked} if identifier.startswith(start)
    }
    if not numbers:
        return set()
    own = User.objects.filter(username=viewer.name).values_list("pk", flat=True).first() if viewer.name else None
    return {identifier for identifier, number in numbers.items() if number != str(own)}
