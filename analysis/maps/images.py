"""Images as FITS files that any viewer shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.io import fits
from gammapy.maps import Map

Content = Mapping[str, tuple[str, str]]
"""Unit and description of each image, by name, in the order of the file."""


def image_hdus(images: Mapping[str, Map], content: Content) -> fits.HDUList:
    """One image HDU for each of `content` that is there; the first one is the primary HDU, so that viewers show it."""
    result = fits.HDUList()
    for name in filter(images.__contains__, content):
        image = images[name]
        kind = fits.ImageHDU if result else fits.PrimaryHDU
        hdu = kind(data=image.data.squeeze().astype(np.float32), header=image.geom.to_image().to_header())
        hdu.name = name.upper()
        hdu.header["BUNIT"], hdu.header["CONTENT"] = content[name]
        result.append(hdu)
    return result
