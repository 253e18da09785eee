"""A tiny invented observation, made in memory, with which workers warm themselves up."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from gammapy.data import EventList, FixedPointingInfo, Observation
from gammapy.irf import PSF3D, Background2D, EffectiveAreaTable2D, EnergyDispersion2D
from gammapy.maps import MapAxis

_REFERENCE = Time(51910, 64.184 / 86400, format="mjd", scale="tt")


def sample_position() -> SkyCoord:
    """Where the source of the invented observation is."""
    return SkyCoord(83.6, 22.0, unit="deg", frame="icrs")


def sample_observation() -> Observation:
    """Ten minutes with one source of 200 events half a degree off the axis, and 800 events elsewhere."""
    position = sample_position()
    pointing = position.directional_offset_by(0 * u.deg, 0.5 * u.deg)
    observation = Observation.create(
        pointing=FixedPointingInfo(fixed_icrs=pointing), obs_id=1, livetime=10 * u.min, irfs=_responses(),
        reference_time=_REFERENCE,
    )  # fmt: skip
    random = np.random.default_rng(1)
    place = SkyCoord(
        np.concatenate([random.normal(position.ra.deg, 0.04, 200), random.uniform(-2, 2, 800) + pointing.ra.deg]),
        np.concatenate([random.normal(position.dec.deg, 0.04, 200), random.uniform(-2, 2, 800) + pointing.dec.deg]),
        unit="deg",
    )
    seconds = np.sort(random.uniform(0, 600, 1000)) * u.s
    table = Table(
        {
            "TIME": _REFERENCE + seconds,
            "RA": place.ra,
            "DEC": place.dec,
            "ENERGY": 0.5 * (1 - random.random(1000)) ** (-1 / 1.6) * u.TeV,
        }
    )
    observation.events = EventList(table)
    return observation


def _responses() -> dict[str, object]:
    energy = MapAxis.from_energy_bounds(0.1, 100, nbin=5, per_decade=True, unit="TeV", name="energy_true")
    offset = MapAxis.from_edges([0, 1, 2, 3], unit="deg", name="offset")
    rad = MapAxis.from_edges(np.linspace(0, 0.5, 26), unit="deg", name="rad")
    spread = np.exp(-0.5 * (rad.center.value / 0.05) ** 2) / (2 * np.pi * np.radians(0.05) ** 2)
    reconstructed = MapAxis.from_energy_bounds(0.1, 100, nbin=5, per_decade=True, unit="TeV", name="energy")
    rate = 1e-4 * reconstructed.center.value[:, np.newaxis] ** -2.7
    return {
        "aeff": EffectiveAreaTable2D(
            axes=[energy, offset],
            data=np.full((energy.nbin, 3), 1e5),
            unit="m2",
            meta={"LO_THRES": 0.5, "HI_THRES": 100.0},
        ),
        "edisp": EnergyDispersion2D.from_gauss(
            energy, MapAxis.from_edges(np.linspace(0.2, 2, 31), name="migra"), offset, bias=0.0, sigma=0.15
        ),
        "psf": PSF3D(axes=[energy, offset, rad], data=np.ones((energy.nbin, 3, 1)) * spread, unit="sr-1"),
        "bkg": Background2D(axes=[reconstructed, offset], data=rate * np.ones(3), unit="s-1 MeV-1 sr-1"),
    }
