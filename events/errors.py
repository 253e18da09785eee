"""What goes wrong in distillation through nobody's programming."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Undistillable(Exception):
    """An event list that cannot be distilled, or a wish that it cannot meet; the message is a sentence for the user."""


@contextmanager
def naming(obs_id: str) -> Iterator[None]:
    """What cannot be distilled within is told with the name of the observation."""
    try:
        yield
    except Undistillable as error:
        raise Undistillable(f"observation {obs_id} cannot be distilled: {error}") from None
