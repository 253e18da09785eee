"""What curators have decided about job types, in the admin: on or off, for whom, how long a run may take.

A job type without such a row is as declared: on, for everybody. Switching off stops creation only: jobs that there are,
their results and their provenance stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.cache import cache

from uws import jobtypes
from uws.descriptors import OBSERVATIONS
from uws.jobtypes import JobType
from uws.models import JobTypeSetting
from vo.errors import AuthorizationFault

KNOWN_SECONDS = 2
"""How long a process goes by what it has read."""
_CACHE = "uws.job-type-settings"


@dataclass(frozen=True, slots=True)
class Offer:
    """A job type as it is on offer. `groups` are keys of the groups that may use it; empty: every signed-in user."""

    enabled: bool = True
    audience: str = JobTypeSetting.Audience.EVERYBODY
    groups: frozenset[int] = frozenset()
    execution_duration: int | None = None


def offer(kind: JobType) -> Offer:
    """What holds for a job type now."""
    offers: dict[str, Offer] | None = cache.get(_CACHE)
    if offers is None:
        rows = JobTypeSetting.objects.prefetch_related("groups")
        offers = {
            row.job_type: Offer(
                row.enabled, row.audience, frozenset(group.pk for group in row.groups.all()), row.execution_duration
            )
            for row in rows
        }
        cache.set(_CACHE, offers, KNOWN_SECONDS)
    return offers.get(kind.name, Offer())


def offered() -> tuple[JobType, ...]:
    """The job types on offer that are switched on."""
    return tuple(kind for kind in jobtypes.job_types() if offer(kind).enabled)


def on_observations() -> tuple[JobType, ...]:
    """Those of them that take observations, named by the parameter `obs_id`."""
    return tuple(kind for kind in offered() if kind.inputs and OBSERVATIONS in kind.parameters.model_fields)


def is_for_everybody(kind: JobType) -> bool:
    return offer(kind).audience == JobTypeSetting.Audience.EVERYBODY


def refusal(kind: JobType, name: str | None, is_curator: bool) -> str | None:
    """Why a user (None: an anonymous one) may not make jobs of that type; None if they may."""
    made = offer(kind)
    if not made.enabled:
        return f"jobs of the type {kind.name} are not taken now; the curators have switched them off"
    if is_curator or made.audience == JobTypeSetting.Audience.EVERYBODY:
        return None
    if made.audience == JobTypeSetting.Audience.CURATORS:
        return f"jobs of the type {kind.name} are for curators"
    if name is None:
        return f"jobs of the type {kind.name} are for users who have signed in"
    if made.groups and not User.objects.filter(username=name, groups__in=made.groups).exists():
        return f"jobs of the type {kind.name} are for members of certain groups; ask the curators"
    return None


def check(kind: JobType, user: User | None) -> None:
    """Raise AuthorizationFault if the user may not make a job of that type."""
    text = refusal(kind, None if user is None else user.get_username(), user is not None and user.is_staff)
    if text is not None:
        raise AuthorizationFault(text)


def longest_run(kind: JobType, seconds: int) -> int:
    """Wall-clock seconds that a run may take: what is declared, or less."""
    limit = offer(kind).execution_duration
    return seconds if limit is None else min(seconds, limit)
