"""The models of a fit: the source with its shape and spectrum, and the background of the field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.modeling.models import (
    FoVBackgroundModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawNormSpectralModel,
    SkyModel,
    SpatialModel,
)

from analysis.fit3d.job import Fit3dParameters
from analysis.onoff.models import start

SOURCE = "source"
SEARCH = 0.3
"""Degrees that the position may move in right ascension (on the sky) and in declination."""
WIDEST = 3.0
"""Times the extension with which the fit starts that it may grow to."""
MARGIN = 0.8
"""Degrees around the source beyond which its point spread is not followed."""


def source_model(parameters: Fit3dParameters, position: SkyCoord) -> SkyModel:
    """The source with the values that the fit starts from, within the bounds that it may not leave."""
    spectrum = start(parameters.model, parameters.reference_energy)
    spectrum.amplitude.min = 0
    return SkyModel(spatial_model=_shape(parameters, position), spectral_model=spectrum, name=SOURCE)


def background_model(parameters: Fit3dParameters, dataset: str) -> FoVBackgroundModel:
    """Level of the background, and its tilt if that is to be fitted."""
    model = FoVBackgroundModel(spectral_model=PowerLawNormSpectralModel(), dataset_name=dataset)
    model.spectral_model.norm.min = 0
    model.spectral_model.tilt.frozen = not parameters.background_tilt
    return model


def reach(parameters: Fit3dParameters) -> float:
    """Degrees from the source position beyond which no model within the bounds predicts photons of the source."""
    width = 0.0 if parameters.morphology == "point" else 3 * parameters.extension
    return SEARCH + MARGIN + width


def _shape(parameters: Fit3dParameters, position: SkyCoord) -> SpatialModel:
    centre = {"lon_0": position.ra, "lat_0": position.dec, "frame": "icrs"}
    if parameters.morphology == "point":
        model: Any = PointSpatialModel(**centre)
    else:
        model = GaussianSpatialModel(**centre, sigma=parameters.extension * u.deg)
        model.sigma.min = parameters.binsz / 4
        model.sigma.max = WIDEST * parameters.extension
    search_lon = SEARCH / max(np.cos(position.dec.rad), 0.01)
    model.lon_0.min, model.lon_0.max = position.ra.deg - search_lon, position.ra.deg + search_lon
    model.lat_0.min, model.lat_0.max = position.dec.deg - SEARCH, position.dec.deg + SEARCH
    model.lon_0.frozen = model.lat_0.frozen = not parameters.free_position
    return model
