"""The fit itself: the likelihood of the maps, its maximum, and how much the source adds to it.

Beyond the reach of the source only the background is fitted. There the Poisson likelihood of all pixels of an energy
bin depends on the sums of their counts and of their background alone, so these stand in the place of the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.datasets import MapDataset
from gammapy.modeling import Parameter
from gammapy.modeling.models import FoVBackgroundModel, Models, SkyModel

from analysis.fit3d.job import Fit3dParameters
from analysis.fit3d.likelihood import Field, Likelihood, SourceCounts
from analysis.fit3d.models import SOURCE, background_model, reach, source_model
from analysis.fit3d.search import NoMinimumError, covariance, minimum
from analysis.fit3d.spread import kernels_of
from uws.errors import UserJobError

NO_SIGNAL = 0.01
"""Test statistic below which there is nothing that a source explains."""
_START_RADIUS = 0.2
"""Degrees around the source within which the excess tells the amplitude that the fit starts with."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of the fit.

    `models` (source, background) carry best values and errors; `covariance` is that of the parameters `free`; `ts` is
    the test statistic of the source: twice the difference in log likelihood to the best fit of the background alone.
    `field` has the maps around the source, at `place` (rows, columns) of the whole; `signal` (energy, y, x) are the
    counts of the source predicted there, and `level` (energy,) is what the background is to be multiplied by.
    """

    models: Models
    covariance: np.ndarray
    stat: float
    ts: float
    evaluations: int
    message: str
    field: Field
    place: tuple[slice, slice]
    signal: np.ndarray
    level: np.ndarray

    @property
    def source(self) -> SkyModel:
        return self.models[SOURCE]

    @property
    def background(self) -> FoVBackgroundModel:
        return self.models[1]

    @property
    def free(self) -> list[Parameter]:
        """The fitted parameters, in the order of the covariance matrix."""
        return list(self.models.parameters.free_parameters)


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
    field, place = split(dataset, position, reach(parameters) * u.deg)
    background = background_model(parameters, dataset.name)
    nothing = UserJobError(
        f"There is no signal to fit a {_name(parameters)} to: {seen}. Check the position of the source, or select "
        "more observations."
    )
    counts_of_source = SourceCounts(field, source)
    enough = np.inf
    try:
        without = minimum(Likelihood(field, background))
        enough = without.stat - NO_SIGNAL
        likelihood = Likelihood(field, background, counts_of_source)
        _scale_amplitude(field, counts_of_source, position)
        found = minimum(likelihood)
        if found.stat > enough:
            raise nothing
        _check_bounds(source, parameters)
        matrix = covariance(likelihood, found)
    except NoMinimumError as error:
        if error.stat > enough:
            raise nothing from error
        raise UserJobError(
            f"The fit of a {_name(parameters)} did not converge: {seen}. Fix the position, choose a simpler model, or "
            "select more observations."
        ) from error
    models = Models([source, background])
    models.covariance = _of_all(matrix, models)
    return Fitted(
        models=models,
        covariance=matrix,
        stat=found.stat,
        ts=without.stat - found.stat,
        evaluations=likelihood.evaluations,
        message=f"The search ended at a minimum of the statistic after {found.steps} steps.",
        field=field,
        place=place,
        signal=counts_of_source.cube(),
        level=background.spectral_model(field.energy.center).to_value(""),
    )


def _of_all(covariance: np.ndarray, models: Models) -> np.ndarray:
    """Covariance of all parameters, of that of the free ones."""
    free = np.array([not parameter.frozen for parameter in models.parameters])
    result = np.zeros((len(free), len(free)))
    result[np.ix_(free, free)] = covariance
    return result


def split(dataset: MapDataset, position: SkyCoord, radius: u.Quantity) -> tuple[Field, tuple[slice, slice]]:
    """The square of half width `radius` around a position with the sums beyond it, and its place in the maps."""
    image = dataset.counts.geom.to_image()
    geom = image.cutout(position, width=2 * radius)
    place = geom.cutout_slices(image)["parent-slices"]
    mask = dataset.mask.data
    beyond = mask.copy()
    beyond[:, *place] = False
    counts, background, exposure = dataset.counts.data, dataset.background.data, dataset.exposure.data
    field = Field(
        geom=geom,
        energy=dataset.counts.geom.axes["energy"],
        energy_true=dataset.exposure.geom.axes["energy_true"],
        counts=counts[:, *place],
        background=background[:, *place],
        mask=mask[:, *place],
        exposure=exposure[:, *place],
        edisp=dataset.edisp.get_edisp_kernel().pdf_matrix.T,
        kernels=kernels_of(dataset.psf, geom),
        counts_beyond=np.where(beyond, counts, 0).sum(axis=(1, 2)),
        background_beyond=np.where(beyond, background, 0).sum(axis=(1, 2)),
    )
    return field, place


def _scale_amplitude(field: Field, source: SourceCounts, position: SkyCoord) -> None:
    """Start from the excess near the source."""
    near = field.geom.separation(position).deg < _START_RADIUS
    rows, columns = (slice(places.min(), places.max() + 1) for places in np.nonzero(near))
    near = near[rows, columns] & field.mask[:, rows, columns]
    excess = float((field.counts - field.background)[:, rows, columns][near].sum())
    predicted = float(source.cube(rows, columns)[near].sum())
    if predicted > 0:
        source.source.spectral_model.amplitude.value *= max(excess, 1.0) / predicted


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
