"""The point spread on maps: its kernels by true energy, and many convolutions with them at little cost.

Kernels of neighbouring energies differ little, so that a few images make up all of them: a shape is convolved with
these, and the result for each energy is a sum of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gammapy.irf import PSFMap
from gammapy.maps import WcsGeom
from scipy import fft

CONTAINMENT = 0.999
"""Part of the point spread that the kernels hold."""
_FINENESS, _FINEST = 12, 4
"""Steps in twice the 68 % containment radius at which kernels are sampled, and the most in a pixel."""
_REST = 1e-5
"""Part of the kernels (root of the sum of squares) that a sum of a few images may leave out."""

_FEW_PIXELS = 16
"""Pixels of an image up to which a sum over them takes less time than Fourier transforms."""


def kernels_of(psf: PSFMap, geom: WcsGeom) -> np.ndarray:
    """Kernels (true energy, y, x) of the point spread at the only position of `psf`, for pixels of `geom`; sums are 1.

    As `PSFMap.get_psf_kernel` makes them, but each from one quarter, as they are symmetric.
    """
    energy = psf.psf_map.geom.axes["energy_true"].center
    rad = psf.psf_map.geom.axes["rad"].center.to_value("deg")
    binsz = float(geom.pixel_scales.deg.max())
    radii, widths = (psf.containment_radius(part, energy) for part in (CONTAINMENT, 0.68))
    halves = [int(np.ceil(2 * radius / binsz)) // 2 for radius in radii.to_value("deg")]
    size = max(halves) + 1
    result = np.zeros((len(energy), size, size))
    for number, (half, width) in enumerate(zip(halves, widths.to_value("deg"), strict=True)):
        factor = min(int(np.ceil(_FINENESS * binsz / (2 * width))), _FINEST)
        steps = ((np.arange((half + 1) * factor) + 0.5) / factor - 0.5) * binsz
        angles = np.degrees(np.arctan(np.radians(np.hypot(steps[:, np.newaxis], steps))))
        values = _interpolated(angles, rad, psf.psf_map.data[number, :, 0, 0])
        result[number, : half + 1, : half + 1] = values.reshape(half + 1, factor, half + 1, factor).sum(axis=(1, 3))
    whole = np.concatenate([result[:, :0:-1], result], axis=1)
    whole = np.concatenate([whole[:, :, :0:-1], whole], axis=2)
    return whole / whole.sum(axis=(1, 2), keepdims=True)


def _interpolated(places: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Linear interpolation, going on beyond the first and last known place; never below 0."""
    lower = np.clip(np.searchsorted(known, places) - 1, 0, len(known) - 2)
    slopes = np.diff(values) / np.diff(known)
    return np.clip(values[lower] + slopes[lower] * (places - known[lower]), 0, None)


class Kernels:
    """Kernels (true energy, y, x), with their Fourier transforms for images (y, x) of `shape`."""

    def __init__(self, kernels: np.ndarray, shape: tuple[int, int]) -> None:
        self.kernels = kernels
        self.shape = shape
        self.half = kernels.shape[-1] // 2
        self.padded = [fft.next_fast_len(max(size + self.half, kernels.shape[-1]), real=True) for size in shape]
        padded = np.zeros((len(kernels), *self.padded))
        padded[:, : kernels.shape[1], : kernels.shape[2]] = kernels
        self.transforms = fft.rfft2(np.roll(padded, (-self.half, -self.half), axis=(1, 2)))


class Spread:
    """Convolutions of images with kernels.

    The convolution with the kernel of energy t is the sum over j of `parts[t, j]` times the j-th image of `of`. With a
    `blur` (standard deviation in pixels) this holds for images without finer structure than a Gaussian of that width
    has, and takes fewer images.
    """

    def __init__(self, kernels: Kernels, blur: float) -> None:
        self.shape, self._half, self._padded = kernels.shape, kernels.half, kernels.padded
        # Kernels are symmetric.
        self.parts = _parts(kernels.transforms.real * _transform_of_gaussian(self._padded, blur))
        self._transforms = np.tensordot(self.parts.T, kernels.transforms, axes=1)
        self._images = np.tensordot(self.parts.T, kernels.kernels, axes=1)

    def of(self, images: np.ndarray) -> np.ndarray:
        """(images, j, y, x) for some images (images, y, x)."""
        if all(np.count_nonzero(image) <= _FEW_PIXELS for image in images):
            return np.array([self._of_pixels(image) for image in images])
        transforms = fft.rfft2(images, s=self._padded)
        rows, columns = self.shape
        # Rows that are padding need not be transformed back.
        by_row = fft.ifft(transforms[:, np.newaxis] * self._transforms, axis=-2, overwrite_x=True)[..., :rows, :]
        return fft.irfft(by_row, n=self._padded[1])[..., :columns]

    def _of_pixels(self, image: np.ndarray) -> np.ndarray:
        """(j, y, x) for an image that is 0 but in a few pixels, such as that of a point: a sum of shifted kernels."""
        number, size, _ = self._images.shape
        rows, columns = self.shape
        result = np.zeros((number, rows + 2 * self._half, columns + 2 * self._half))
        for y, x in np.argwhere(image):
            result[:, y : y + size, x : x + size] += image[y, x] * self._images
        return result[:, self._half : self._half + rows, self._half : self._half + columns]


def _transform_of_gaussian(shape: Sequence[int], sigma: float) -> np.ndarray:
    """Fourier transform of a Gaussian of `sigma` pixels at the frequencies of `scipy.fft.rfft2`."""
    squares = fft.fftfreq(shape[0])[:, np.newaxis] ** 2 + fft.rfftfreq(shape[1]) ** 2
    return np.exp(-2 * np.pi**2 * sigma**2 * squares)


def _parts(transforms: np.ndarray) -> np.ndarray:
    """Orthogonal directions (energy, j) in which the transforms differ, but for `_REST`: a few make up all of them."""
    flat = transforms.reshape(len(transforms), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    left_out = np.sqrt(np.cumsum(np.clip(values, 0, None)))
    return vectors[:, left_out > _REST * left_out[-1]]
