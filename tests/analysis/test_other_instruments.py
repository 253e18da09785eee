"""Data of other instruments: responses in files of their own, no threshold in the header, responses of another kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.irf import EffectiveAreaTable2D

from tests.analysis.conftest import Runner
from uws.errors import UserJobError

GALACTIC_CENTRE = (266.417, -29.008)


def test_without_a_threshold_the_effective_area_sets_it(shared: Path, run_job: Runner) -> None:
    """CTA data challenge: events and responses lie in two files, LO_THRES is not given."""
    store = shared / "data" / "cta-1dc" / "index" / "gps"
    context = run_job("spectrum", store, [110380], position=GALACTIC_CENTRE, flux_points_per_decade=1)
    found = json.loads(context.outputs["fit"].read_text())
    (file,) = context.inputs["observations"]
    area = EffectiveAreaTable2D.read(file.metadata["files"]["aeff"], hdu=file.metadata["hdus"]["aeff"])
    pointing = SkyCoord(file.metadata["ra_pnt"], file.metadata["dec_pnt"], unit="deg")
    offset = pointing.separation(SkyCoord(*GALACTIC_CENTRE, unit="deg"))
    energy = np.geomspace(0.01, 100, 4001) * u.TeV
    values = area.evaluate(energy_true=energy, offset=offset)
    threshold = energy[values > 0.1 * values.max()][0].value
    low = found["energy_range_TeV"][0]
    assert threshold * 0.95 < low < threshold * 10**0.3  # the bins of the area's axis and of ours
    assert found["significance"] > 10
    assert found["parameters"][0]["value"] == pytest.approx(2.5, abs=0.5)


@pytest.mark.parametrize(("folder", "obs_id"), [("magic-rad-max", 5029747), ("fact-crab", 20131103093)])
@pytest.mark.parametrize("job", ["spectrum", "countmap"])
def test_point_like_responses_are_refused_as_such(
    shared: Path, run_job: Runner, folder: str, obs_id: int, job: str
) -> None:
    with pytest.raises(UserJobError, match=f"Observation {obs_id} has point-like responses"):
        run_job(job, shared / "data" / folder, [obs_id], position=(83.63, 22.01))
