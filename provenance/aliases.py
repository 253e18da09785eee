"""Other names of what the provenance store holds, known to the rooms that gave them: a job's id is one.

A room registers a function that gives the recorded identifiers of those names that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

Alias = Callable[[Collection[str]], Mapping[str, str]]

_aliases: list[Alias] = []


def register(alias: Alias) -> None:
    """Add a function; adding it twice changes nothing."""
    if alias not in _aliases:
        _aliases.append(alias)


def meant(names: Collection[str]) -> list[str]:
    """The recorded identifiers that names stand for, where any room knows them."""
    return [identifier for alias in _aliases for identifier in alias(names).values()]
