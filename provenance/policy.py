"""Who sees which records: the visibility of products and jobs, registered by the rooms that own them (PR-32).

A room registers a policy from its application's `ready()`:

    register(hidden_jobs)      # (ids, viewer, asked) -> those of the ids that this viewer must not be shown

Policies are given identifiers of entities, activities and agents, and answer for those that they know. `asked` are the
identifiers that the request itself names: whoever knows an unguessable identifier may be shown what belongs to it.
What is hidden is left out with all its relations, and asking for it is answered as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `name` is None for anonymous users, `session` the browser's session if there is one."""

    name: str | None = None
    is_curator: bool = False
    session: SessionBase | None = None


Policy = Callable[[Collection[str], Viewer, Collection[str]], Collection[str]]

_policies: list[Policy] = []


def register(policy: Policy) -> None:
    """Add a policy; adding it twice changes nothing."""
    if policy not in _policies:
        _policies.append(policy)


def withdraw(policy: Policy) -> None:
    """Take a policy back (tests)."""
    _policies.remove(policy)


def hidden(ids: Collection[str], viewer: Viewer, asked: Collection[str]) -> set[str]:
    """Those of the identifiers that the viewer must not be shown."""
    return {identifier for policy in _policies for identifier in policy(ids, viewer, asked)} if ids else set()


def viewer_of(request: HttpRequest) -> Viewer:
    """The viewer of a request; users of the staff are curators."""
    user = request.user
    return Viewer(
        name=user.get_username() if user.is_authenticated else None,
        is_curator=bool(user.is_staff),
        session=getattr(request, "session", None),
    )
