"""The use cases of the high-energy extension: docs/high-energy.md, the examples of the service, and their answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from archive.models import ObsCore, ObsCoreHEA
from archive.obscore.use_cases import USE_CASES
from tests.archive.test_published import ask
from vo.tmoc import decode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "high-energy.md"
CRAB = SkyCoord(83.633, 22.014, unit="deg")
pytestmark = pytest.mark.django_db
QUERIES = {example.id: example.query for example in USE_CASES}


def rows(name: str) -> list[dict[str, Any]]:
    found = ask(QUERIES[name])
    assert found
    return found


def runs(condition: Callable[[ObsCore, ObsCoreHEA], bool]) -> set[str]:
    """Event lists of which that holds, looked at one by one."""
    stored = ObsCore.objects.filter(dataproduct_type="event").select_related("hea")
    return {row.obs_id for row in stored if condition(row, row.hea)}


def test_the_page_has_them() -> None:
    written = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [query.strip() for query in written] == list(QUERIES.values())


def test_position_and_field_of_view(demo_archive: str) -> None:
    def holds(row: ObsCore, _: ObsCoreHEA) -> bool:
        return bool(CRAB.separation(SkyCoord(row.s_ra, row.s_dec, unit="deg")).deg < (row.s_fov or 0) / 4)

    found = rows("hea-position")
    assert {row["obs_id"] for row in found} == runs(holds)
    offsets = [row["offset_deg"] for row in found]
    assert offsets == sorted(offsets)


def test_calibrated_energies_and_number_of_events(demo_archive: str) -> None:
    found = rows("hea-calibrated-energies")
    assert {row["obs_id"] for row in found} == runs(lambda _, hea: (hea.ev_xel or 0) >= 1000)
    assert {row["at_tev"] for row in found} == {1.0}


def test_responses_of_an_observation(demo_archive: str) -> None:
    found = rows("hea-responses")
    assert [row["kind"] for row in found] == ["aeff", "bkgrate", "edisp", "psf"]
    assert all(row["from_tev"] < 0.1 and row["to_tev"] > 10 for row in found)


def test_time_intervals(demo_archive: str) -> None:
    """Against the intervals themselves: the good time within the other coverage."""
    others = decode("27/12368845 29/49475384")

    def common(_: ObsCore, hea: ObsCoreHEA) -> float:
        return float(
            sum(
                max(0, min(stop, end) - max(start, begin))
                for start, stop in hea.t_coverage or ()
                for begin, end in others
            )
        )

    found = rows("hea-time-intervals")
    assert {row["obs_id"] for row in found} == runs(lambda row, hea: common(row, hea) > 0)
    for row in found:
        stored = ObsCore.objects.select_related("hea").get(obs_id=row["obs_id"], dataproduct_type="event")
        assert np.isclose(row["seconds"], common(stored, stored.hea) / 1e6)


def test_energies_above_10_tev(demo_archive: str) -> None:
    found = rows("hea-above-10-tev")
    assert {row["obs_id"] for row in found} == runs(lambda _, hea: (hea.energy_max or 0) > 1e13)
    assert min(row["to_tev"] for row in found) > 10
