"""From an ADQL query to a gammapy DataStore and a spectrum, with plain pyvo and gammapy.

python docs/examples/datastore_from_adql.py [http://127.0.0.1:8000] [folder]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import astropy.units as u
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.data import DataStore, HDUIndexTable, ObservationTable
from gammapy.datasets import Datasets, SpectrumDataset
from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker
from gammapy.maps import MapAxis, RegionGeom
from gammapy.modeling import Fit
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel
from regions import CircleSkyRegion

CRAB = SkyCoord(83.633, 22.014, unit="deg")
OBSERVATIONS = f"""
SELECT * FROM ivoa.obscore NATURAL JOIN gadf.obs_index
WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({CRAB.ra.deg}, {CRAB.dec.deg}, 2))
  AND dataproduct_subtype = 'event-bundle'
"""
HDUS = """
SELECT hdu_index.* FROM gadf.hdu_index JOIN TAP_UPLOAD.observations USING (obs_publisher_did)
"""
RESPONSES = {"#aeff": "aeff", "#edisp": "edisp", "#psf": "psf", "#bkgrate": "bkg"}
"""HDU_TYPE of GADF by content_qualifier of DataLink."""
UNITS = {"RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg", "TSTART": "s", "TSTOP": "s"}


def fetch(url: str, path: Path) -> None:
    """Download a file, unless it is there."""
    if not path.exists():
        with requests.get(url, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answer.content)


def data_store(base: str, folder: Path, query: str = OBSERVATIONS) -> DataStore:
    """The observations of a query as a DataStore in a folder: event lists, and responses as files of their own."""
    tap = pyvo.dal.TAPService(f"{base}/tap")
    found = tap.run_sync(query)
    keys = found.to_table()["obs_publisher_did", "obs_id"]
    listed = tap.run_sync(HDUS, uploads={"observations": keys}).to_table()
    names = {(row["obs_publisher_did"], row["hdu_type"]): row for row in listed}

    hdus = []
    for links in found.iter_datalinks(preserve_order=True):
        did = links.original_row["obs_publisher_did"]
        for link in links:
            if link.semantics == "#this" and link["content_qualifier"] == "#event-list":
                kinds = ["events", "gti"]
            elif link.semantics == "#calibration" and link["content_qualifier"] in RESPONSES:
                kinds = [RESPONSES[link["content_qualifier"]]]
            else:
                continue
            place = Path(names[did, kinds[0]]["file_dir"])
            name = "events.fits" if kinds[0] == "events" else f"{kinds[0]}.fits"
            fetch(link.access_url, folder / place / name)
            for kind in kinds:
                row = names[did, kind]
                hdus.append((int(row["obs_id"]), kind, row["hdu_class"], str(place), name, row["hdu_name"]))

    columns = ["OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"]
    hdu_table = HDUIndexTable(rows=hdus, names=columns)
    hdu_table.meta["BASE_DIR"] = str(folder)
    return DataStore(hdu_table=hdu_table, obs_table=observation_table(found.to_table()))


def observation_table(found: Table) -> ObservationTable:
    """The columns of gadf.obs_index as GADF names them; the time reference goes into the header."""
    table = ObservationTable()
    table["OBS_ID"] = [int(obs_id) for obs_id in found["obs_id"]]
    for name in ("obs_mode", "ra_pnt", "dec_pnt", "alt_pnt", "az_pnt", "tstart", "tstop", "livetime", "deadc"):
        table[name.upper()] = found[name]
    for name, unit in UNITS.items():
        table[name].unit = unit
    first = found[0]
    table.meta = {"MJDREFI": int(first["mjdrefi"]), "MJDREFF": float(first["mjdreff"]), "TIMEUNIT": "s"}
    table.meta |= {"TIMESYS": str(first["timesys"]), "TIMEREF": "LOCAL"}
    return table


def spectrum(store: DataStore, obs_ids: list[int]) -> dict[str, Any]:
    """A power law fitted to the Crab Nebula, the background from reflected regions."""
    observations = store.get_observations(obs_ids)
    region = CircleSkyRegion(CRAB, 0.11 * u.deg)
    energy = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV")
    true = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    background, mask = ReflectedRegionsBackgroundMaker(), SafeMaskMaker(methods=["aeff-default"])
    datasets = Datasets()
    for observation in observations:
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        datasets.append(mask.run(background.run(dataset, observation), observation))
    model = PowerLawSpectralModel(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1", reference="1 TeV")
    datasets.models = [SkyModel(spectral_model=model, name="crab")]
    Fit().run(datasets)
    return {
        "n_on": int(sum(dataset.counts.data.sum() for dataset in datasets)),
        "index": float(model.index.value),
        "amplitude": float(model.amplitude.value),
        "amplitude_error": float(model.amplitude.error),
    }


if __name__ == "__main__":
    address = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    made = data_store(address, Path(sys.argv[2] if len(sys.argv) > 2 else "crab"))
    made.info()
    for parameter, value in spectrum(made, list(made.obs_ids)).items():
        print(f"{parameter:16} {value:.6g}")
