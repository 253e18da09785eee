"""Images of the shapes that a source may have, as gammapy integrates them over the pixels of a map.

A fit asks for some hundred of them; without units and coordinate frames each takes a fraction of a millisecond.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gammapy.maps import WcsGeom
from gammapy.modeling.models import PointSpatialModel, SpatialModel

_REACH = 6
"""Standard deviations of a Gaussian beyond which it is 0."""


class ShapeImages:
    """Images (y, x) of a spatial model, point or symmetric Gaussian, on an ICRS image
    in gnomonic projection: parts of its flux by pixel.

    A Gaussian is sampled at `fineness` places along a side of a pixel: as many as gammapy takes for the extension that
    it has at the beginning, or when `refine` is called, for at every change of their number the image makes a jump.
    """

    def __init__(self, model: SpatialModel, geom: WcsGeom) -> None:
        self.model: Any = model
        self.geom = geom
        self.binsz = float(geom.pixel_scales.deg.max())
        wcs = geom.wcs.wcs
        self._axes = _axes(*wcs.crval)
        self._steps = np.radians(wcs.cdelt)
        # Places of the columns and of the rows on the tangential plane.
        self._pixels = [
            (np.arange(size) + 1 - middle) * step
            for size, middle, step in zip(geom.data_shape[::-1], wcs.crpix, self._steps, strict=True)
        ]
        x, y = self._pixels
        self._solid_angle = np.abs(np.prod(self._steps)) / (1 + x**2 + y[:, np.newaxis] ** 2) ** 1.5
        self.fineness = self._fineness()

    def refine(self) -> bool:
        """Take the fineness for the present extension; whether it is another."""
        before, self.fineness = self.fineness, self._fineness()
        return self.fineness != before

    def _fineness(self) -> int:
        """Such that places are no further apart than a third of the standard deviation."""
        if isinstance(self.model, PointSpatialModel):
            return 1
        return max(1, int(np.ceil(self.binsz / (self.model.sigma.value / 3))))

    @property
    def smoothness(self) -> float:
        """Pixels: a width, of a few steps only, than which the image has no finer structure; 0 for a point."""
        if isinstance(self.model, PointSpatialModel):
            return 0.0
        return float(2 ** (np.floor(2 * np.log2(self.model.sigma.value / self.binsz)) / 2))

    def image(self) -> np.ndarray:
        """The image for the present values of the model's parameters."""
        if isinstance(self.model, PointSpatialModel):
            return self._point()
        return self._gaussian()

    def _point(self) -> np.ndarray:
        """All in the four pixels around the position, such that their centroid is there."""
        (x,), (y,) = self.geom.wcs.wcs_world2pix([self.model.lon_0.value], [self.model.lat_0.value], 0)
        rows, columns = (
            np.clip(1 - np.abs(np.arange(size) - place), 0, None)
            for size, place in zip(self.geom.data_shape, (y, x), strict=True)
        )
        return np.outer(rows, columns)

    def _gaussian(self) -> np.ndarray:
        """Means of the values at the centres of equal parts of the pixels, within `_REACH` standard deviations."""
        sigma, factor = np.radians(self.model.sigma.value), self.fineness
        towards = self._axes @ _direction(self.model.lon_0.value, self.model.lat_0.value)
        centre = towards[1:] / towards[0]
        windows = [
            np.nonzero(np.abs(pixels - place) < _REACH * sigma + np.radians(self.binsz))[0]
            for pixels, place in zip(self._pixels, centre, strict=True)
        ]
        parts = ((np.arange(factor) + 0.5) / factor - 0.5) * self._steps[:, np.newaxis]
        x, y = (
            (pixels[window, np.newaxis] + part).ravel()
            for pixels, window, part in zip(self._pixels, windows, parts, strict=True)
        )
        y = y[:, np.newaxis]
        cosine = (towards[0] + towards[1] * x + towards[2] * y) / np.sqrt(1 + x**2 + y**2)
        scale = 1 - np.cos(sigma)
        norm = 1 / (4 * np.pi * scale * (1 - np.exp(-1 / scale)))
        values = norm * np.exp(-0.5 * (1 - cosine) / scale)
        columns, rows = (len(window) for window in windows)
        result = np.zeros(self.geom.data_shape)
        result[np.ix_(windows[1], windows[0])] = values.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
        return result * self._solid_angle


def _direction(lon: float, lat: float) -> np.ndarray:
    """Unit vector, of degrees."""
    lon, lat = np.radians([lon, lat])
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _axes(lon: float, lat: float) -> np.ndarray:
    """Unit vectors (rows) to a position (deg) and, there, to the east and to the north."""
    return np.array([_direction(lon, lat), _direction(lon + 90, 0), _direction(lon, lat + 90)])
