"""How many generated examples a test gets: few and always the same in `make test`, many and new ones every night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

NIGHTLY = os.environ.get("DISTILLER_HYPOTHESIS") == "nightly"
_SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def examples(few: int, many: int | None = None) -> settings:
    """Settings for `few` examples, `many` in the nightly profile (20 times as many if not told)."""
    if NIGHTLY:
        return settings(
            max_examples=few * 20 if many is None else many,
            deadline=None,
            suppress_health_check=_SUPPRESSED,
            print_blob=True,
            database=None,
        )
    return settings(max_examples=few, deadline=None, suppress_health_check=_SUPPRESSED, derandomize=True, database=None)
