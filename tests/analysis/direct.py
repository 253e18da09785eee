"""The same analyses as gammapy's tutorials write them, with none of our code: what the workers are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import Datasets, MapDataset, MapDatasetOnOff, SpectrumDataset, SpectrumDatasetOnOff
from gammapy.estimators import ExcessMapEstimator, FluxMaps
from gammapy.makers import (
    FoVBackgroundMaker,
    MapDatasetMaker,
    ReflectedRegionsBackgroundMaker,
    RingBackgroundMaker,
    SafeMaskMaker,
    SpectrumDatasetMaker,
    WobbleRegionsFinder,
)
from gammapy.maps import MapAxis, RegionGeom, WcsGeom
from gammapy.modeling import Fit
from gammapy.modeling.models import FoVBackgroundModel, PointSpatialModel, SkyModel, SpectralModel
from regions import CircleSkyRegion, PointSkyRegion

ENERGY = MapAxis.from_energy_bounds(0.01, 100, nbin=10, per_decade=True, unit="TeV", name="energy")
ENERGY_TRUE = MapAxis.from_energy_bounds(0.005, 200, nbin=20, per_decade=True, unit="TeV", name="energy_true")


def spectra(store: Path, obs_ids: Sequence[int], position: SkyCoord, on_radius: float = 0.11) -> Datasets:
    """On-off spectra, one a run."""
    geom = RegionGeom.create(CircleSkyRegion(position, on_radius * u.deg), axes=[ENERGY])
    empty = SpectrumDataset.create(geom=geom, energy_axis_true=ENERGY_TRUE)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    background = ReflectedRegionsBackgroundMaker()
    safe = SafeMaskMaker(methods=["aeff-default"])
    datasets = Datasets()
    for observation in DataStore.from_dir(store).get_observations(obs_ids):
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        dataset = background.run(dataset, observation)
        datasets.append(safe.run(dataset, observation))
    return datasets


def point_like_spectra(store: Path, obs_ids: Sequence[int], position: SkyCoord, radius: float | None) -> Datasets:
    """On-off spectra with point-like responses: in disks of `radius` (deg), or by RAD_MAX_2D with one off region."""
    region = PointSkyRegion(position) if radius is None else CircleSkyRegion(position, radius * u.deg)
    empty = SpectrumDataset.create(geom=RegionGeom.create(region, axes=[ENERGY]), energy_axis_true=ENERGY_TRUE)
    maker = SpectrumDatasetMaker(containment_correction=False, selection=["counts", "exposure", "edisp"])
    background = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(1) if radius is None else None)
    safe = SafeMaskMaker(methods=["aeff-default"])
    if radius is not None:
        safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10, position=position, irfs="DL3")
    datasets = Datasets()
    for observation in DataStore.from_dir(store).get_observations(obs_ids, required_irf="point-like"):
        dataset = background.run(maker.run(empty.copy(name=str(observation.obs_id)), observation), observation)
        datasets.append(safe.run(dataset, observation))
    return datasets


def fit(dataset: SpectrumDatasetOnOff, model: SpectralModel) -> float:
    """Fit the model in place and return the statistic."""
    dataset.models = [SkyModel(spectral_model=model, name="source")]
    result = Fit(optimize_opts={"tol": 0.01}).run([dataset])
    assert result.success
    return float(result.total_stat)


def countmap(store: Path, obs_ids: Sequence[int], position: SkyCoord) -> tuple[MapDatasetOnOff, FluxMaps]:
    """Summed on-off image and the maps made from it."""
    geom = WcsGeom.create(skydir=position, width=4.0, binsz=0.02, proj="TAN", frame="icrs", axes=[ENERGY])
    exclusion = geom.to_image().region_mask([CircleSkyRegion(position, 0.3 * u.deg)], inside=False)
    maker = MapDatasetMaker(selection=["counts", "background"])
    safe = SafeMaskMaker(methods=["aeff-default", "offset-max"], offset_max=2.5 * u.deg)
    ring = RingBackgroundMaker(r_in=0.5 * u.deg, width=0.3 * u.deg, exclusion_mask=exclusion)
    empty = MapDataset.create(
        geom, energy_axis_true=MapAxis.from_energy_bounds(1, 10, 1, unit="TeV", name="energy_true")
    )
    stacked = MapDatasetOnOff.create(geom.squash("energy"))
    stacked.exposure = stacked.psf = stacked.edisp = None
    for observation in DataStore.from_dir(store).get_observations(obs_ids):
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        dataset = safe.run(dataset, observation)
        stacked.stack(ring.run(dataset.to_image()))
    with np.errstate(all="ignore"):
        return stacked, ExcessMapEstimator(0.1 * u.deg, correlate_off=False).run(stacked)


def field_of_view(store: Path, obs_ids: Sequence[int], geom: WcsGeom, position: SkyCoord, nodes: float) -> MapDataset:
    """Maps and responses, the background scaled run by run outside of 0.3 deg, stacked; responses at `nodes` (deg)."""
    true = MapAxis.from_energy_bounds(10**-2.5, 10**2.5, nbin=10, per_decade=True, unit="TeV", name="energy_true")
    empty = MapDataset.create(geom, energy_axis_true=true, binsz_irf=nodes, migra_axis=None)
    exclusion = geom.region_mask([CircleSkyRegion(position, 0.3 * u.deg)], inside=False)
    safe = SafeMaskMaker(methods=["aeff-default", "offset-max"], offset_max=2.5 * u.deg)
    level = FoVBackgroundMaker(method="scale", exclusion_mask=exclusion)
    stacked = empty.copy(name="stacked")
    for observation in DataStore.from_dir(store).get_observations(obs_ids):
        dataset = safe.run(MapDatasetMaker().run(empty.copy(name=str(observation.obs_id)), observation), observation)
        assert _trusted_alike(dataset, position), "gammapy would stack the energy dispersion of other energies"
        stacked.stack(level.run(dataset))
    return stacked


def _trusted_alike(dataset: MapDataset, position: SkyCoord) -> bool:
    """Whether `stack` takes the energy dispersion of the same energies at a position as the counts.

    gammapy 2.1 interpolates the mask linearly at the centres of the same energy bins, and takes all that is not 0 for
    True (`MapDataset.mask_safe_edisp`). Where the centre is off by rounding, the bin beside the threshold is taken too:
    that depends on the last digits of the edges.
    """
    masks = (mask.to_region_nd_map(position, func=np.any) for mask in (dataset.mask_safe, dataset.mask_safe_edisp))
    counts, dispersion = (mask.data.squeeze() for mask in masks)
    return bool((counts == dispersion).all())


def fit3d(dataset: MapDataset, spectrum: SpectralModel, position: SkyCoord) -> tuple[SkyModel, bool]:
    """A point source and the level of the background, fitted to all pixels, and whether the fit converged."""
    point = PointSpatialModel(lon_0=position.ra, lat_0=position.dec, frame="icrs")
    for parameter in (point.lon_0, point.lat_0):
        parameter.error = 0.01  # the step that minuit begins with; from its own a weak source is lost
    source = SkyModel(spatial_model=point, spectral_model=spectrum, name="source")
    dataset.models = [source, FoVBackgroundModel(dataset_name=dataset.name)]
    return source, bool(Fit(optimize_opts={"tol": 0.01}).run([dataset]).success)
