"""Energy bins that a user's limits cut have what gammapy makes of them anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gammapy.datasets import MapDataset
from gammapy.makers import MapDatasetMaker
from gammapy.maps import Map, MapAxis

from analysis.maps.grid import SkyGrid, energy_edges, wholes_of
from analysis.maps.reduction import MapReducer
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore
from tests.analysis.context import input_files
from tests.analysis.real import PKS_2155

FIRST = energy_edges(None)[0]


def test_every_bin_lies_in_a_whole_one() -> None:
    edges = energy_edges((1.1, 3.0))
    parts = [(1.1, edges[1]), (edges[1], edges[2]), (edges[-2], 3.0)]
    fixed = energy_edges((1.0, 10.0))
    assert wholes_of(parts) == [(fixed[0], fixed[1]), (fixed[1], fixed[2]), (fixed[4], fixed[5])]
    assert wholes_of([(FIRST, 0.011)]) == [(FIRST, energy_edges(None)[1])]


@pytest.mark.parametrize("limits", [(0.7, 12.0), (1.3, 1.5)])
def test_cut_bins_are_those_of_gammapy(hess: Path, tmp_path: Path, limits: tuple[float, float]) -> None:
    """Counts exactly, background within 0.2 % in all and 3 % in each pixel, exposure where the source may be."""
    grid = SkyGrid(PKS_2155.position, 4.0, 0.05, 2.5)
    run = Run.of_file(input_files(hess, [47803])[0], ("aeff", "bkg"), ArrayStore(tmp_path, 0))
    edges = energy_edges(limits)
    reducer = MapReducer(grid, edges, ArrayStore(tmp_path, 0))
    maps = reducer.maps(run)
    axes = [MapAxis.from_energy_edges(edges, unit="TeV", name=name) for name in ("energy", "energy_true")]
    empty = MapDataset(counts=Map.from_geom(maps.geom.to_cube(axes[:1])))
    maker = MapDatasetMaker(selection=["counts", "background"], background_interp_missing_data=False)
    expected = maker.run(empty, run.observation)
    trusted = slice(len(edges) - 1 - len(maps.bins), None)
    background = np.where(maps.mask, expected.background.data[trusted], 0)
    assert np.array_equal(maps.counts, np.where(maps.mask, expected.counts.data[trusted], 0))
    assert maps.background.sum(axis=(1, 2)) == pytest.approx(background.sum(axis=(1, 2)), rel=2e-3)
    assert maps.background == pytest.approx(background, rel=3e-2)
    exposure = MapDatasetMaker.make_exposure(maps.geom.to_cube(axes[1:]), run.observation)
    near = maps.geom.separation(maps.pointing).value < 2
    assert reducer.exposure(run, maps)[:, near] == pytest.approx(
        exposure.quantity.to_value("cm2 s")[trusted][:, near], rel=5e-3
    )
