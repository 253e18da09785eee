"""Formats of results that rooms above make: a registry of what becomes of the rows of a query.

A room publishes a format from its application's `ready()`:

    register(Output("gadf", "application/zip;content=gadf", "datastore.zip", make))

It is then a RESPONSEFORMAT of /tap/sync and /tap/async and stands in the capabilities. What the rows mean is the
business of `make` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from tap.service import Query, Rows


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a running query, to be made a document of."""

    query: Query
    """Its columns, its text, and in its context who asks."""
    rows: Rows
    async_url: str | None
    """Where somebody may go who asks for more than is given at once; None where the work is a job already."""


@dataclass(frozen=True, slots=True)
class Output:
    """A format: `kind` is its short form, `filename` what the document is saved as.

    `make` reads the rows before it returns; the statement is closed when the pieces of the document are taken. Whatever
    it finds wrong is raised as a VOError before the first piece. An error after that must leave a document that no
    reader takes for a whole one.
    """

    kind: str
    media_type: str
    filename: str
    make: Callable[[Answer], Generator[bytes]]


_outputs: dict[str, Output] = {}


def register(output: Output) -> None:
    """Add a format; a second one of the same kind is a mistake."""
    if _outputs.setdefault(output.kind, output) != output:
        raise ValueError(f"the format {output.kind!r} is registered twice")


def unregister(kind: str) -> None:
    """Take a format back (tests)."""
    _outputs.pop(kind, None)


def find(kind: str) -> Output | None:
    return _outputs.get(kind)


def media_types() -> dict[str, str]:
    """Media types by short form."""
    return {output.kind: output.media_type for output in _outputs.values()}
