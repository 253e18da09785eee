"""Tells the user how far a job is while its stages share the way from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

from uws.context import JobContext


@dataclass(frozen=True, slots=True)
class Stage:
    """The part of a job between two fractions."""

    context: JobContext
    start: float
    stop: float

    def step(self, number: int, count: int, message: str) -> None:
        """Say that step `number` (from 0) of `count` begins."""
        self.context.progress(message, self.start + (self.stop - self.start) * number / count)
