"""Real runs on PKS 2155-304, a weak and soft source: the spectrum is that of a direct gammapy script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gammapy.modeling.models import PowerLawSpectralModel

from tests.analysis import direct
from tests.analysis.conftest import Runner
from tests.analysis.real import PKS_2155
from tests.examples import NIGHTLY


def test_the_spectrum_is_that_of_a_direct_script(hess: Path, run_job: Runner) -> None:
    """With two runs, and every night with all of them."""
    runs = PKS_2155.runs if NIGHTLY else PKS_2155.runs[-2:]
    found = json.loads(run_job("spectrum", hess, runs, flux_points_per_decade=2).outputs["fit"].read_text())
    model = PowerLawSpectralModel(amplitude="4e-12 cm-2 s-1 TeV-1", reference="1 TeV", index=3.3)
    stat = direct.fit(direct.spectra(hess, runs, PKS_2155.position).stack_reduce(name="stacked"), model)
    for row in found["parameters"]:
        parameter = model.parameters[row["name"]]
        assert abs(row["value"] - parameter.value) < 0.01 * parameter.error
        assert row["error"] == pytest.approx(parameter.error, rel=0.01)
    assert found["stat"] == pytest.approx(stat, abs=1e-3)
    assert {row["model"] for row in found["comparison"]["models"]} > {"power-law"}
