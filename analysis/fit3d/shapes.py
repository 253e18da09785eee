"""Images of the shapes that a source may have, as gammapy integrates them over the pixels of a map.

A fit asks for some hundred of them; without units and coordinate frames each takes a fraction of a millisecond.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gammapy.maps import WcsGeom
from gammapy.modeling.models import PointSpatialModel, SpatialModel


class ShapeImages:
    """Images (y, x) of a spatial model, point or symmetric Gaussian, on an ICRS image: parts of its flux by pixel."""

    def __init__(self, model: SpatialModel, geom: WcsGeom) -> None:
        self.model: Any = model
        self.geom = geom
        self.binsz = float(geom.pixel_scales.deg.max())
        self._solid_angle = geom.solid_angle().to_value("sr")
        self._directions: dict[int, np.ndarray] = {}

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
        """Values at the centres of pixels, or of parts of pixels no wider than a third of the width."""
        sigma = np.radians(self.model.sigma.value)
        factor = max(1, int(np.ceil(self.binsz / (self.model.sigma.value / 3))))
        centre = _vector(np.radians(self.model.lon_0.value), np.radians(self.model.lat_0.value))
        offsets = self._pixels(factor) - centre[:, np.newaxis, np.newaxis]
        scale = 1 - np.cos(sigma)
        norm = 1 / (4 * np.pi * scale * (1 - np.exp(-1 / scale)))
        values = norm * np.exp(-0.25 * (offsets**2).sum(axis=0) / scale)  # 1 - cos of an angle: half its chord squared
        rows, columns = self.geom.data_shape
        return values.reshape(rows, factor, columns, factor).mean(axis=(1, 3)) * self._solid_angle

    def _pixels(self, factor: int) -> np.ndarray:
        """Unit vectors (3, y, x) to the centres of the pixels of a finer image."""
        if factor not in self._directions:
            places = [(np.arange(size * factor) + 0.5) / factor - 0.5 for size in self.geom.data_shape]
            y, x = np.meshgrid(*places, indexing="ij")
            lon, lat = self.geom.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
            self._directions[factor] = _vector(np.radians(lon), np.radians(lat)).reshape(3, *y.shape)
        return self._directions[factor]


def _vector(lon: Any, lat: Any) -> np.ndarray:
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
