"""The likelihood of a source and its background on maps of counts, with its derivatives by the fitted parameters.

The statistic is that of Cash (1979), -2 ln L without its constant: twice the predicted counts of all pixels, less their
logarithms where there are counts. The first is a sum that takes no prediction pixel by pixel; so a prediction is made
at the pixels with counts only, and a change of the spectrum alone convolves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from gammapy.maps import MapAxis, WcsGeom
from gammapy.modeling import Parameter
from gammapy.modeling.models import FoVBackgroundModel, PointSpatialModel, SkyModel

from analysis.fit3d.shapes import ShapeImages
from analysis.fit3d.spectra import SpectrumIntegrals
from analysis.fit3d.spread import Kernels, Spread

T = TypeVar("T")
_ALL = slice(None)

_SPATIAL_STEP = 1e-3
"""Part of a pixel over which derivatives by position and extension are taken."""
_SPECTRAL_STEP = 1e-4
"""Part of a spectral parameter over which derivatives by it are taken."""


@dataclass(frozen=True, slots=True)
class Field:
    """Maps around the source, and sums of those beyond its reach.

    `counts`, `background` (expected) and `mask` have shape (energy, y, x) on the image `geom`; `exposure`, in cm2 s,
    (true energy, y, x); `edisp` (energy, true energy); `kernels` (true energy, y, x). `counts_beyond` and
    `background_beyond` (energy,) are the sums.
    """

    geom: WcsGeom
    energy: MapAxis
    energy_true: MapAxis
    counts: np.ndarray
    background: np.ndarray
    mask: np.ndarray
    exposure: np.ndarray
    edisp: np.ndarray
    kernels: np.ndarray
    counts_beyond: np.ndarray
    background_beyond: np.ndarray


@dataclass(frozen=True, slots=True)
class Local:
    """The statistic at some values of the parameters, its gradient, and its curvature: the second derivatives without
    those of the prediction, which vanish in the mean where the model is right.
    """

    stat: float
    gradient: np.ndarray
    curvature: np.ndarray


class Likelihood:
    """The likelihood of a background, and of a source if there is one, as a function of their free parameters."""

    def __init__(self, field: Field, background: FoVBackgroundModel, source: SourceCounts | None = None) -> None:
        self.source = source
        self.background = background
        self.free: list[Parameter] = [] if self.source is None else list(self.source.free)
        self.free += background.parameters.free_parameters
        positions = [] if self.source is None else self.source.positions_of_a_point
        # The image of a point has kinks where its position is the centre of a pixel.
        self.has_kinks = np.array([any(parameter is each for each in positions) for parameter in self.free])
        self.evaluations = 0
        self._energies = field.energy.center
        inside = np.nonzero(field.mask & (field.counts > 0))
        self._energy, self._counts = inside[0], field.counts[inside]
        self._background = field.background[inside]
        self._sum = np.where(field.mask, field.background, 0).sum(axis=(1, 2)) + field.background_beyond
        self._beyond, self._counts_beyond = field.background_beyond > 0, field.counts_beyond
        self._background_beyond = field.background_beyond

    def at(self, values: np.ndarray) -> Local:
        """Statistic and derivatives at the values of `free`; the statistic is infinite where a pixel with counts has
        no expectation.
        """
        self.evaluations += 1
        with np.errstate(all="ignore"):  # a step of a search may go where a spectrum overflows
            return self._at(values)

    def _at(self, values: np.ndarray) -> Local:
        for parameter, value in zip(self.free, values, strict=True):
            parameter.value = value
        level, slopes = self._levels()
        predicted = level[self._energy] * self._background
        by_parameter = slopes[:, self._energy] * self._background
        total, totals = float(level @ self._sum), slopes @ self._sum
        if self.source is not None:
            signal = self.source.now()
            predicted = predicted + signal.counts
            by_parameter = np.concatenate([signal.slopes, by_parameter])
            total, totals = total + signal.total, np.concatenate([signal.totals, totals])
        seen = self._beyond
        beyond, number = (level * self._background_beyond)[seen], self._counts_beyond[seen]
        if not (np.isfinite(total) and np.all(predicted > 0) and np.all(beyond > 0)):
            return Local(np.inf, np.zeros(len(self.free)), np.eye(len(self.free)))
        by_level = np.zeros((len(self.free), len(beyond)))
        by_level[-len(slopes) :] = slopes[:, seen] / level[seen]
        ratio = self._counts / predicted
        relative = by_parameter / predicted
        return Local(
            stat=2 * (total - float(self._counts @ np.log(predicted)) - float(number @ np.log(beyond))),
            gradient=2 * (totals - by_parameter @ ratio - by_level @ number),
            curvature=2 * ((relative * self._counts) @ relative.T + (by_level * number) @ by_level.T),
        )

    def refine(self) -> bool:
        """Sample the shape of the source as finely as its present extension asks for; whether that changes anything."""
        return self.source is not None and self.source.refine()

    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """The factor of the background (energy,), and its derivatives by its free parameters (parameter, energy)."""
        spectrum = self.background.spectral_model
        level = spectrum(self._energies).to_value("")
        slopes = {
            "norm": level / (spectrum.norm.value or 1e-300),
            "tilt": -level * np.log((self._energies / spectrum.reference.quantity).to_value("")),
        }
        return level, np.array([slopes[parameter.name] for parameter in spectrum.parameters.free_parameters])


@dataclass(frozen=True, slots=True)
class Signal:
    """Counts of the source at the pixels with events (pixel,), of all pixels together, and their derivatives by the
    free parameters of the source (parameter, ...).
    """

    counts: np.ndarray
    slopes: np.ndarray
    total: float
    totals: np.ndarray


class SourceCounts:
    """Predicted counts of a source on the maps of a field."""

    def __init__(self, field: Field, source: SkyModel) -> None:
        self.source = source
        spectral, spatial = source.spectral_model.parameters, source.spatial_model.parameters
        self._spectral, self._spatial = list(spectral.free_parameters), list(spatial.free_parameters)
        self.free = [*self._spectral, *self._spatial]
        self.positions_of_a_point = self._spatial if isinstance(source.spatial_model, PointSpatialModel) else []
        self._shapes = ShapeImages(source.spatial_model, field.geom)
        self._kernels = Kernels(field.kernels, field.geom.data_shape)
        self._spreads: dict[float, Spread] = {}
        self._spectrum = SpectrumIntegrals(source.spectral_model, field.energy_true.edges.to_value("TeV"))
        self._field = field
        pixels = field.mask.reshape(len(field.edisp), -1)
        self._exposure = field.exposure.reshape(len(field.exposure), -1)
        self._covered = self._exposure * (field.edisp.T @ pixels)
        occupied = pixels & (field.counts.reshape(pixels.shape) > 0)
        self._bins = [
            _Bin.of(places, probabilities, self._exposure)
            for places, probabilities in zip(occupied, field.edisp, strict=True)
        ]
        self._by_shape = _Latest(self._places, lambda: [*(p.value for p in spatial), self._shapes.fineness])
        self._by_spectrum = _Latest(self._spectra, lambda: [*(p.value for p in spectral), self._shapes.smoothness])

    def now(self) -> Signal:
        """The prediction for the present values of the parameters."""
        (shapes, sums), (spectra, weights) = self._by_shape(), self._by_spectrum()
        # The first of shapes and of spectra are the values, the others their derivatives.
        of_spectra = np.einsum("spj,pj->sp", weights, shapes[0])
        of_shapes = np.einsum("pj,spj->sp", weights[0], shapes[1:])
        return Signal(
            counts=of_spectra[0],
            slopes=np.concatenate([of_spectra[1:], of_shapes]),
            total=float(spectra[0] @ sums[0]),
            totals=np.concatenate([spectra[1:] @ sums[0], sums[1:] @ spectra[0]]),
        )

    def refine(self) -> bool:
        """Sample the shape as finely as its present extension asks for; whether that changes anything."""
        return self._shapes.refine()

    @property
    def _spread(self) -> Spread:
        blur = self._shapes.smoothness
        if blur not in self._spreads:
            self._spreads[blur] = Spread(self._kernels, blur)
        return self._spreads[blur]

    def cube(self, rows: slice = _ALL, columns: slice = _ALL) -> np.ndarray:
        """Predicted counts (energy, y, x) for the present values of the parameters, in some rows and columns."""
        spread = self._spread.of(self._shapes.image()[np.newaxis])[0][:, rows, columns]
        flux = np.tensordot(self._spread.parts * self._spectrum.integrals()[:, np.newaxis], spread, axes=1)
        return np.clip(np.tensordot(self._field.edisp, flux * self._field.exposure[:, rows, columns], axes=1), 0, None)

    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """The convolved shape and its derivatives: at the pixels with events (shape, pixel, part), and summed over all
        pixels with the exposure (shape, true energy).
        """
        images = [self._shapes.image()]
        for parameter in self._spatial:
            # A degree of longitude is shorter than one of latitude.
            length = np.cos(np.radians(self._shapes.model.lat_0.value)) if parameter.name == "lon_0" else 1.0
            images.append(_slope(parameter, _SPATIAL_STEP * self._shapes.binsz / length, self._shapes.image))
        spread = self._spread.of(np.array(images))
        flat = spread.reshape(*spread.shape[:2], -1)
        by_part = (self._covered @ flat.reshape(-1, flat.shape[-1]).T).reshape(-1, *flat.shape[:2])
        sums = np.einsum("tsj,tj->st", by_part, self._spread.parts)
        pixels = np.concatenate([each.pixels for each in self._bins])
        return np.moveaxis(flat[:, :, pixels], 1, 2), sums

    def _spectra(self) -> tuple[np.ndarray, np.ndarray]:
        """The spectrum and its derivatives: integrals (spectrum, true energy) in cm-2 s-1, and the counts
        (spectrum, pixel, part) of each part of a convolved shape at the pixels with events.
        """
        spectra = np.array(
            [
                self._spectrum.integrals(),
                *(_slope(p, _SPECTRAL_STEP * (abs(p.value) or 1.0), self._spectrum.integrals) for p in self._spectral),
            ]
        )
        weights = np.concatenate([each.counts(spectra, self._spread.parts) for each in self._bins], axis=1)
        return spectra, weights


@dataclass(frozen=True, slots=True)
class _Bin:
    """The pixels with events in a bin of energy, and what their true energies (a slice) give: (pixel, true energy)."""

    pixels: np.ndarray
    true: slice
    response: np.ndarray

    @classmethod
    def of(cls, occupied: np.ndarray, probabilities: np.ndarray, exposure: np.ndarray) -> _Bin:
        pixels = np.nonzero(occupied)[0]
        possible = np.nonzero(probabilities)[0]
        true = slice(int(possible[0]), int(possible[-1]) + 1) if len(possible) else slice(0, 0)
        return cls(pixels, true, exposure[true, pixels].T * probabilities[true])

    def counts(self, spectra: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """(spectrum, pixel, part) for spectra (spectrum, true energy)."""
        return self.response @ (spectra[:, self.true, np.newaxis] * parts[self.true])


def _slope(parameter: Parameter, step: float, function: Callable[[], np.ndarray]) -> np.ndarray:
    """Derivative of a function by a parameter, which keeps its value."""
    value = parameter.value
    parameter.value = value + step
    above = function()
    parameter.value = value - step
    below = function()
    parameter.value = value
    return (above - below) / (2 * step)


class _Latest(Generic[T]):
    """What a function makes, until what it depends on changes."""

    def __init__(self, make: Callable[[], T], depends: Callable[[], list[float]]) -> None:
        self._make = make
        self._depends = depends
        self._values: list[float] | None = None

    def __call__(self) -> T:
        values = self._depends()
        if values != self._values:
            self._result = self._make()
            self._values = values
        return self._result
