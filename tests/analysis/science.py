"""Loads the science packages before the tests do.

Where no bytecode is cached, Python compiles their sources at import and warns of escape sequences in them. That is
nothing that a test of ours could mend, and as an error it would be a syntax error of a module that has none.
"""

from __future__ import annotations

import importlib
import warnings

PACKAGES = ("data", "datasets", "estimators", "irf", "makers", "maps", "modeling.models", "stats")


def load() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*invalid escape sequence")
        for name in PACKAGES:
            importlib.import_module(f"gammapy.{name}")
