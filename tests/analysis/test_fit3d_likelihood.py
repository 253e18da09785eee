"""The likelihood of a fit to maps is that of gammapy, its derivatives are right, and a search ends where it is best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from gammapy.datasets import MapDataset
from gammapy.irf import PSFMap
from gammapy.maps import MapAxis, WcsGeom
from gammapy.modeling.models import FoVBackgroundModel, SkyModel
from scipy.signal import fftconvolve

from analysis.fit3d.fit import split
from analysis.fit3d.job import Fit3dParameters
from analysis.fit3d.likelihood import Field, Likelihood, SourceCounts
from analysis.fit3d.models import background_model, source_model
from analysis.fit3d.reduction import Stack
from analysis.fit3d.search import NoMinimumError, covariance, minimum
from analysis.fit3d.shapes import ShapeImages
from analysis.fit3d.spread import Kernels, Spread, kernels_of
from analysis.maps.runs import Run
from analysis.maps.store import ArrayStore
from analysis.sample import sample_observation, sample_position

POSITION = sample_position()
MODELS: list[dict[str, Any]] = [
    {"morphology": "point", "model": "power-law"},
    {"morphology": "gaussian", "model": "log-parabola", "background_tilt": True},
    {"morphology": "gaussian", "model": "exponential-cut-off", "extension": 0.04},
]


@dataclass(frozen=True, slots=True)
class Case:
    dataset: MapDataset
    field: Field
    source: SkyModel
    background: FoVBackgroundModel


@pytest.fixture(scope="module")
def dataset() -> MapDataset:
    parameters = Fit3dParameters(obs_id=("1",), position=(POSITION.ra.deg, POSITION.dec.deg), width=2.0, binsz=0.05)
    stack = Stack(parameters, POSITION, ArrayStore(Path(), limit=0))
    stack.add(Run("1", {}, sample_observation))
    return stack.dataset()


def _case(dataset: MapDataset, values: dict[str, Any], half: float = 0.7) -> Case:
    """Somewhat off the best values."""
    parameters = Fit3dParameters(obs_id=("1",), position=(POSITION.ra.deg, POSITION.dec.deg), **values)
    source = source_model(parameters, POSITION.directional_offset_by(30 * u.deg, 0.013 * u.deg))
    source.spectral_model.amplitude.value = 2e-11
    field, _ = split(dataset, POSITION, half * u.deg)
    return Case(dataset, field, source, background_model(parameters, dataset.name))


@pytest.mark.parametrize("values", MODELS)
def test_the_statistic_is_that_of_gammapy(dataset: MapDataset, values: dict[str, Any]) -> None:
    """With all of the map near the source: predicted counts and Cash statistic of `MapDataset`."""
    case = _case(dataset, values, half=2.0)
    likelihood = Likelihood(case.field, case.background, SourceCounts(case.field, case.source))
    found = likelihood.at(np.array([parameter.value for parameter in likelihood.free]))
    dataset.models = [case.source, case.background]
    assert found.stat == pytest.approx(dataset.stat_sum(), abs=1e-3)
    expected = dataset.npred_signal().data
    assert SourceCounts(case.field, case.source).cube() == pytest.approx(expected, abs=1e-4 * expected.max())


@pytest.mark.parametrize("values", MODELS)
def test_derivatives_are_those_of_the_statistic(dataset: MapDataset, values: dict[str, Any]) -> None:
    case = _case(dataset, values)
    likelihood = Likelihood(case.field, case.background, SourceCounts(case.field, case.source))
    start = np.array([parameter.value for parameter in likelihood.free])
    here = likelihood.at(start)
    errors = 1 / np.sqrt(np.diag(here.curvature))
    for number, error in enumerate(errors):
        step = np.zeros_like(start)
        step[number] = 0.01 * error
        slope = (likelihood.at(start + step).stat - likelihood.at(start - step).stat) / 0.02
        assert here.gradient[number] * error == pytest.approx(slope, rel=0.01, abs=0.01), likelihood.free[number].name


@pytest.mark.parametrize("values", MODELS)
def test_at_the_minimum_nothing_is_better(dataset: MapDataset, values: dict[str, Any]) -> None:
    """With counts that are drawn from the model."""
    drawn = dataset.copy()
    case = _case(drawn, {**values, "extension": 0.15})
    case.background.datasets_names = [drawn.name]
    case.source.spectral_model.amplitude.value *= 50
    drawn.models = [case.source, case.background]
    drawn.fake(random_state=1)
    field, _ = split(drawn, POSITION, 0.7 * u.deg)
    likelihood = Likelihood(field, case.background, SourceCounts(field, case.source))
    found = minimum(likelihood)
    assert found.steps < 30
    errors = np.sqrt(np.diag(covariance(likelihood, found)))
    assert [parameter.value for parameter in likelihood.free] == list(found.values)
    random = np.random.default_rng(3)
    for _ in range(20):
        offsets = errors * random.normal(0, 0.3, len(errors))
        assert likelihood.at(found.values + offsets).stat > found.stat - 1e-3


@pytest.mark.parametrize(("brightness", "seed"), [(10, None), (1, 1), (10, 2), (10, 5), (100, 6)])
def test_a_point_at_the_centre_of_a_pixel_has_errors(dataset: MapDataset, brightness: float, seed: int | None) -> None:
    """There its image has kinks, at which the search must not get stuck, and short steps tell nothing: the errors of
    the position are where the statistic is greater by one.
    """
    drawn = dataset.copy()
    case = _case(drawn, MODELS[0])
    case.background.datasets_names = [drawn.name]
    shape: Any = case.source.spatial_model
    centre = drawn.counts.geom.to_image().pix_to_coord([[20], [20]])
    shape.lon_0.value, shape.lat_0.value = (float(angle[0].to_value("deg")) for angle in centre)
    case.source.spectral_model.amplitude.value *= brightness
    drawn.models = [case.source, case.background]
    if seed is None:
        drawn.counts = drawn.npred()
    else:
        drawn.fake(random_state=seed)
    field, _ = split(drawn, POSITION, 0.7 * u.deg)
    likelihood = Likelihood(field, case.background, SourceCounts(field, case.source))
    found = minimum(likelihood)
    errors = np.sqrt(np.diag(covariance(likelihood, found)))
    places = [number for number, parameter in enumerate(likelihood.free) if parameter.name in ("lon_0", "lat_0")]
    assert len(places) == 2
    for place in places:
        offset = np.where(np.arange(len(errors)) == place, errors, 0)
        rises = [likelihood.at(found.values + sign * offset).stat - found.stat for sign in (-1, 1)]
        assert np.mean(rises) == pytest.approx(1, abs=0.1)


def test_where_nothing_is_to_be_found_the_search_says_so(dataset: MapDataset) -> None:
    case = _case(dataset, MODELS[0])
    case.background.spectral_model.norm.value = 0
    case.source.spectral_model.amplitude.value = 0
    with pytest.raises(NoMinimumError):
        minimum(Likelihood(case.field, case.background, SourceCounts(case.field, case.source)))


@pytest.mark.parametrize(("morphology", "extension"), [("point", 0.1), ("gaussian", 0.1), ("gaussian", 0.02)])
def test_shapes_are_those_of_gammapy(morphology: Any, extension: float) -> None:
    parameters = Fit3dParameters(obs_id=("1",), morphology=morphology, extension=extension)
    model = source_model(parameters, POSITION.directional_offset_by(30 * u.deg, 0.123 * u.deg)).spatial_model
    geom = WcsGeom.create(skydir=POSITION, width=2, binsz=0.02, proj="TAN", frame="icrs")
    expected = model.integrate_geom(geom).quantity.to_value("")
    assert ShapeImages(model, geom).image() == pytest.approx(expected, abs=1e-5 * expected.max())


def test_kernels_are_those_of_gammapy() -> None:
    energy = MapAxis.from_energy_bounds(0.1, 10, nbin=4, unit="TeV", name="energy_true")
    rad = MapAxis.from_bounds(0, 0.66, nbin=66, unit="deg", name="rad")
    psf = PSFMap.from_gauss(energy, rad, sigma=[0.15, 0.1, 0.07, 0.04] * u.deg)
    geom = WcsGeom.create(skydir=POSITION, width=4, binsz=0.02, proj="TAN", frame="icrs")
    expected = psf.get_psf_kernel(geom.to_cube([energy])).data.astype(float)
    found = kernels_of(psf, geom)
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, abs=1e-4 * expected.max())


@pytest.mark.parametrize("blur", [0.0, 3.0])
def test_a_few_images_make_up_all_convolutions(blur: float) -> None:
    """Of smooth images (by Fourier transforms) and, without blur, of points (by sums)."""
    y, x = np.mgrid[-24:25, -24:25]
    kernels = np.array([np.exp(-(x**2 + y**2) / (2 * width**2)) for width in np.linspace(2, 6, 20)])
    kernels /= kernels.sum(axis=(1, 2), keepdims=True)
    rows, columns = np.mgrid[:70, :61]
    images = [np.exp(-((rows - 30.3) ** 2 + (columns - 41.8) ** 2) / (2 * 3.2**2))]
    if not blur:
        images.append(((rows == 12) & (columns == 50)).astype(float))
    spread = Spread(Kernels(kernels, (70, 61)), blur)
    assert spread.parts.shape[1] < (9 if blur else 15)
    for image in images:
        found = np.tensordot(spread.parts, spread.of(image[np.newaxis])[0], axes=1)
        expected = np.array([fftconvolve(image, kernel, mode="same") for kernel in kernels])
        assert found == pytest.approx(expected, abs=1e-4 * expected.max())
