"""The fit itself: the likelihood of the maps, its maximum, and how much the source adds to it.

Beyond the reach of the source only the background is fitted. There the Poisson likelihood of all pixels of an energy
bin depends on the sums of their counts and of their background alone, so these stand in the place of the pixels: the
same fit in a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.datasets import Datasets, MapDataset, SpectrumDataset
from gammapy.maps import RegionGeom, RegionNDMap
from gammapy.modeling import Fit, Parameter
from gammapy.modeling.models import FoVBackgroundModel, Models, SkyModel
from regions import CircleSkyRegion

from analysis.fit3d.job import Fit3dParameters
from analysis.fit3d.models import SOURCE, background_model, reach, source_model
from uws.errors import UserJobError

_ELSEWHERE = "elsewhere"


class _Likelihood(Datasets):
    """Datasets of models without priors: for each value of the likelihood gammapy gathers the models of all datasets,
    which takes longer than the likelihood itself, to find the priors.
    """

    def stat_sum(self) -> float:
        return sum(float(dataset.stat_sum()) for dataset in self)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of the fit.

    `models` (source, background) carry best values and errors; `covariance` is that of the parameters `free`; `near` is
    the dataset around the source, with the models; `ts` is the test statistic of the source: twice the difference in
    log likelihood to the best fit of the background alone.
    """

    models: Models
    covariance: np.ndarray
    near: MapDataset
    stat: float
    ts: float
    evaluations: int
    message: str

    @property
    def source(self) -> SkyModel:
        return self.models[SOURCE]

    @property
    def background(self) -> FoVBackgroundModel:
        return self.near.background_model

    @property
    def free(self) -> list[Parameter]:
        """The fitted parameters, in the order of the covariance matrix."""
        return _free(self.models)


def fit(dataset: MapDataset, parameters: Fit3dParameters, position: SkyCoord) -> Fitted:
    """Fit source and background. Raises UserJobError where there is nothing to fit, or the fit does not converge."""
    mask = dataset.mask.data
    low, high = (float(edge) for edge in dataset.counts.geom.axes["energy"].edges.to_value("TeV")[[0, -1]])
    counts = int(dataset.counts.data[mask].sum())
    seen = f"{counts} events in the map from {low:.3g} to {high:.3g} TeV"
    if counts == 0:
        raise UserJobError(f"There are no events in the map from {low:.3g} to {high:.3g} TeV.")
    source = source_model(parameters, position)
    if mask.any(axis=(1, 2)).sum() < len(source.spectral_model.parameters.free_parameters):
        raise UserJobError(
            f"There are fewer energy bins from {low:.3g} to {high:.3g} TeV than a {_name(parameters)} has parameters: "
            "make the energy range larger."
        )
    near, elsewhere = split(dataset, position, reach(parameters) * u.deg)
    background = background_model(parameters, near.name)
    shared = background_model(parameters, elsewhere.name)
    shared.spectral_model.norm = background.spectral_model.norm
    shared.spectral_model.tilt = background.spectral_model.tilt
    datasets = _Likelihood([near, elsewhere])

    datasets.models = Models([background, shared])
    without = Fit(optimize_opts={"tol": 0.01}).optimize(datasets)
    source.datasets_names = [near.name]
    datasets.models = Models([source, background, shared])
    _scale_amplitude(near, source, position)
    result = Fit(optimize_opts={"tol": 0.01}).run(datasets)
    models = Models([source, background])
    values = [*models.parameters.value, *np.diag(result.covariance_result.matrix)]
    if not result.success or not np.all(np.isfinite([result.total_stat, *values])):
        raise UserJobError(
            f"The fit of a {_name(parameters)} did not converge: {seen}. Fix the position, choose a simpler model, or "
            "select more observations."
        )
    ts = float(without.total_stat - result.total_stat)
    if source.spectral_model.amplitude.value <= 0 or ts <= 0:
        raise UserJobError(
            f"There is no signal to fit a {_name(parameters)} to: {seen}. Check the position of the source, or select "
            "more observations."
        )
    _check_bounds(source, parameters)
    return Fitted(
        models=models,
        covariance=_covariance(datasets, result.covariance_result.matrix),
        near=near,
        stat=float(result.total_stat),
        ts=ts,
        evaluations=int(result.nfev),
        message=str(result.optimize_result.message),
    )


def _free(models: Models) -> list[Parameter]:
    return list(models.parameters.free_parameters.unique_parameters)


def _covariance(datasets: Datasets, matrix: np.ndarray) -> np.ndarray:
    """Covariance of the free parameters, of that of all: a parameter that two models share counts once."""
    names = list(datasets.models.parameters)
    places = [next(n for n, other in enumerate(names) if other is parameter) for parameter in _free(datasets.models)]
    return matrix[np.ix_(places, places)]


def split(dataset: MapDataset, position: SkyCoord, radius: u.Quantity) -> tuple[MapDataset, SpectrumDataset]:
    """The square of half width `radius` around a position, and the sums over all pixels beyond it."""
    near = dataset.cutout(position, width=2 * radius, name=dataset.name)
    near.psf, near.edisp = dataset.psf, dataset.edisp
    rows, columns = near.counts.geom.cutout_slices(dataset.counts.geom)["parent-slices"]
    mask = dataset.mask.data.copy()
    mask[:, rows, columns] = False
    region = CircleSkyRegion(dataset.counts.geom.center_skydir, dataset.counts.geom.width.max())
    geom = RegionGeom.create(region, axes=[dataset.counts.geom.axes["energy"]])
    sums = {
        name: np.where(mask, cube.data, 0).sum(axis=(1, 2)).reshape(geom.data_shape)
        for name, cube in (("counts", dataset.counts), ("background", dataset.background))
    }
    elsewhere = SpectrumDataset(
        **{name: RegionNDMap.from_geom(geom, data=values) for name, values in sums.items()},
        mask_safe=RegionNDMap.from_geom(geom, data=sums["background"] > 0),
        name=_ELSEWHERE,
    )
    return near, elsewhere


def _scale_amplitude(dataset: MapDataset, source: SkyModel, position: SkyCoord) -> None:
    """Start from the excess within 0.2 deg of the source."""
    near = (dataset.counts.geom.separation(position) < 0.2 * u.deg) & dataset.mask.data
    excess = float((dataset.counts.data - dataset.npred_background().data)[near].sum())
    predicted = float(dataset.npred_signal().data[near].sum())
    if predicted > 0:
        source.spectral_model.amplitude.value *= max(excess, 1.0) / predicted


def _check_bounds(source: SkyModel, parameters: Fit3dParameters) -> None:
    shape: Any = source.spatial_model
    if any(_at_bound(parameter) for parameter in (shape.lon_0, shape.lat_0) if not parameter.frozen):
        raise UserJobError(
            "The fit did not converge: the position left the surroundings of the source position. Check the position, "
            "exclude other sources, or set free_position to false."
        )
    if parameters.morphology == "gaussian" and _at_bound(shape.sigma):
        if shape.sigma.value < parameters.extension:
            raise UserJobError(
                "The fit did not converge: the extension went to zero. The source is no larger than the point spread: "
                "set morphology to point."
            )
        raise UserJobError(
            f"The fit did not converge: the extension went to its largest value, {shape.sigma.max:.3g} deg. Set a "
            "larger extension to start with, or exclude other sources."
        )


def _at_bound(parameter: Parameter) -> bool:
    span = parameter.max - parameter.min
    return min(parameter.value - parameter.min, parameter.max - parameter.value) < 1e-3 * span


def _name(parameters: Fit3dParameters) -> str:
    shape = "point" if parameters.morphology == "point" else "Gaussian"
    return f"{shape} with {parameters.model.replace('-', ' ')}"
