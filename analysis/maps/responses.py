"""Responses of single observations on the grid: exposure, point spread and energy dispersion by true energy.

Point spread and energy dispersion are those at the source position. They change less over the size of a source than
they are known, and taken at one position they do not jump from one step of a fit to the next, as those at the nodes of
a coarse map do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gammapy.data import Observation
from gammapy.makers import MapDatasetMaker
from gammapy.maps import MapAxis, WcsGeom

from analysis.maps.grid import Bin, SkyGrid, axis_of, bins_of
from analysis.maps.limits import EXPOSURE_UNIT
from analysis.maps.reduction import MapReducer, RunMaps
from analysis.maps.runs import Run
from analysis.maps.store import Arrays, ArrayStore

TRUE_MIN, TRUE_MAX, TRUE_BINS_PER_DECADE = 10**-2.5, 10**2.5, 10
"""TeV: true energies, beyond the reconstructed ones by half a decade."""
REACH = 5
"""Bins of true energy below and above an observation's reconstructed energies in which its responses are taken."""
RAD_MAX, RAD_BINS = 0.66, 66
"""Degrees from the source to which the point spread is taken, and their number of bins."""


@dataclass(slots=True)
class Responses:
    """Responses of an observation in its bins of true energy `true` (places on `ResponseReducer.true_axis`).

    `exposure` (true, y, x) in cm2 s, 0 where the observation has no data. At the source: `source_exposure` (true,) in
    cm2 s, `psf` (true, rad) in sr-1, and `edisp` (energy, true), the probabilities of the energies of its maps.
    """

    true: slice
    exposure: np.ndarray
    source_exposure: np.ndarray
    psf: np.ndarray
    edisp: np.ndarray


class ResponseReducer(MapReducer):
    """Makes or finds maps and responses of observations."""

    def __init__(self, grid: SkyGrid, edges: np.ndarray, store: ArrayStore) -> None:
        super().__init__(grid, edges, store)
        self.true_axis = MapAxis.from_energy_bounds(
            TRUE_MIN, TRUE_MAX, nbin=TRUE_BINS_PER_DECADE, per_decade=True, unit="TeV", name="energy_true"
        )
        self.rad_axis = MapAxis.from_bounds(0, RAD_MAX, nbin=RAD_BINS, unit="deg", name="rad")

    def at_source(self, axes: Sequence[MapAxis]) -> WcsGeom:
        """One pixel at the source, as wide as the grid, with the given axes."""
        return WcsGeom.create(
            skydir=self.grid.position, npix=(1, 1), binsz=self.grid.width, proj="TAN", frame="icrs", axes=list(axes)
        )

    def responses(self, run: Run, maps: RunMaps) -> Responses:
        """Responses of an observation whose maps are known."""
        places = self._true_places(maps)
        true = bins_of(self.true_axis.edges.to_value("TeV"))[places]
        exposure = self.rows(run, "true exposure", true, lambda bins: self._true_exposure(run, maps, bins))["exposure"]
        psf = self.rows(run, "psf", true, lambda bins: self._psf(run.observation, bins))
        edisp = self.rows(run, "edisp", maps.bins, lambda bins: self._edisp(run.observation, bins))["edisp"]
        return Responses(
            true=places,
            exposure=np.where(maps.mask.any(axis=0), exposure, 0),
            source_exposure=psf["exposure"],
            psf=psf["psf"],
            edisp=edisp[:, places],
        )

    def _true_places(self, maps: RunMaps) -> slice:
        edges = self.true_axis.edges.to_value("TeV")
        first = int(np.searchsorted(edges, maps.bins[0][0], side="right")) - 1 - REACH
        last = int(np.searchsorted(edges, maps.bins[-1][1], side="left")) + REACH
        return slice(max(first, 0), min(last, self.true_axis.nbin))

    def _true_exposure(self, run: Run, maps: RunMaps, bins: Sequence[Bin]) -> Arrays:
        return {"exposure": self._exposure(run, maps.geom, bins)}

    def _psf(self, observation: Observation, bins: Sequence[Bin]) -> Arrays:
        true_axis, places = axis_of(bins, "energy_true")
        psf = MapDatasetMaker(selection=["psf"]).make_psf(self.at_source([self.rad_axis, true_axis]), observation)
        return {
            "psf": psf.psf_map.quantity.to_value("sr-1")[places, :, 0, 0],
            "exposure": psf.exposure_map.quantity.to_value(EXPOSURE_UNIT)[places, 0, 0, 0],
        }

    def _edisp(self, observation: Observation, bins: Sequence[Bin]) -> Arrays:
        axis, places = axis_of(bins)
        maker = MapDatasetMaker(selection=["edisp"])
        edisp = maker.make_edisp_kernel(self.at_source([axis, self.true_axis]), observation)
        return {"edisp": edisp.edisp_map.data[:, places, 0, 0].T}
