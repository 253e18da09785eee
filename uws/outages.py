"""Going on while the database is away: what a worker has done outlives a restart of the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

from vo.outages import AWAY as AWAY

logger = logging.getLogger(__name__)
PATIENCE = 300.0
"""Seconds that running work waits for the database to come back."""
PAUSE = 0.5

Answer = TypeVar("Answer")


def patiently(do: Callable[[], Answer]) -> Answer:
    """What `do` returns; it is done again while the database is away, until PATIENCE is over.

    Whether something was committed is not known when the connection breaks: `do` must be a compare-and-swap, or
    change nothing when it is done twice.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return do()
        except AWAY as error:
            if connection.in_atomic_block or time.monotonic() >= deadline:
                raise
            logger.warning("the database cannot be used: %s", error)
            connection.close()
            time.sleep(PAUSE)
