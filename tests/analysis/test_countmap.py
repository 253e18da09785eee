"""Count maps of a weak source are those of a direct gammapy script; observations are limited by the time they take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from analysis.maps.grid import SkyGrid
from analysis.maps.reduction import check_size
from analysis.observations import MAX_RUNS
from analysis.sample import sample_position
from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.context import input_files
from tests.analysis.real import PKS_2155
from tests.examples import NIGHTLY
from uws.errors import UserJobError


def test_the_maps_are_those_of_a_direct_script(hess: Path, run_job: Runner) -> None:
    """With one run, and every night with all of them."""
    runs = PKS_2155.runs if NIGHTLY else PKS_2155.runs[-1:]
    stacked, expected = direct.countmap(hess, runs, PKS_2155.position)
    with fits.open(run_job("countmap", hess, runs).outputs["maps"], checksum=True) as hdulist:
        found = {hdu.name.lower(): np.array(hdu.data) for hdu in hdulist}
    seen = stacked.mask_safe.data[0]
    assert np.nansum(found["counts"]) == stacked.counts.data[0][seen].sum()
    assert np.nansum(found["background"]) == pytest.approx(stacked.background.data[0][seen].sum(), rel=1e-5)
    assert found["significance"] == pytest.approx(expected["sqrt_ts"].data[0], abs=1e-3, nan_ok=True)
    assert found["excess"] == pytest.approx(expected["npred_excess"].data[0], abs=1e-2, nan_ok=True)


LIMITS = [(4.0, 0.02, 3600, MAX_RUNS, False), (10.0, 0.02, 1800, 227, True), (10.0, 0.005, 1800, 14, True)]
"""Width and pixel size (deg), time limit (s), most observations, and whether larger pixels would allow more."""


@pytest.mark.parametrize(("width", "binsz", "seconds", "most", "coarser"), LIMITS)
def test_the_number_of_runs_is_limited_by_time(
    demo: Path, width: float, binsz: float, seconds: float, most: int, coarser: bool
) -> None:
    grid = SkyGrid(sample_position(), width, binsz, 2.5)
    with pytest.raises(UserJobError) as caught:
        check_size(input_files(demo, [1001]) * (most + 1), grid, seconds)
    assert f"{most + 1} observations are selected" in caught.value.message
    assert f"takes {most} at most: select fewer" in caught.value.message
    assert ("make the pixels larger" in caught.value.message) == coarser
    with pytest.raises(UserJobError, match="selected more than once"):
        check_size(input_files(demo, [1001]) * most, grid, seconds)


@pytest.mark.parametrize("job", ["countmap", "fit3d"])
def test_too_many_runs_are_refused(demo: Path, run_job: Runner, job: str) -> None:
    files = input_files(demo, [1001]) * (MAX_RUNS + 1)
    with pytest.raises(UserJobError, match=f"{MAX_RUNS + 1} observations are selected; a map of"):
        run_job(job, demo, [1001], files=files)
