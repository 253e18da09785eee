"""What a process is given that jobs are forked from, so that they begin at once and share its memory."""

from __future__ import annotations

import gc

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Environment of a worker; NumPy and its like read it when they are imported. Jobs run side by side, so that threads
that wait for each other would only take time from others; and sums come out the same every time.
"""


def settle() -> None:
    """Called when all is loaded: what is there stays, so that no job looks through it for garbage.

    That would take a job 0.15 s each time, and copy the memory that it shares with the worker.
    """
    gc.collect()
    gc.freeze()
