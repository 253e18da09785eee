"""The tables that fuzzed queries read."""

from __future__ import annotations

from tests.tap.differential.conftest import databases as databases
