"""From a cone search to a fitted spectrum with pyvo, as in the browser.

python docs/examples/first_spectrum.py [http://127.0.0.1:8000]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyvo
import requests
from astropy.coordinates import SkyCoord

BASE = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:8000"
CRAB = SkyCoord(83.633, 22.014, unit="deg")

# 1. Which observations look at the Crab Nebula?
tap = pyvo.dal.TAPService(f"{BASE}/tap")
observations = tap.run_sync(
    "SELECT * FROM ivoa.obscore "
    f"WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE({CRAB.ra.deg}, {CRAB.dec.deg}, 2)) "
    "AND dataproduct_type = 'event' ORDER BY t_min"
)
collection = observations[0]["obs_collection"]
obs_ids = [row["obs_id"] for row in observations if row["obs_collection"] == collection]
print(f"{len(obs_ids)} observations in collection {collection}:", ", ".join(obs_ids))

# 2. What belongs to the first one, and its bytes.
links = observations[0].getdatalink()
for link in links:
    print(f"  {link.semantics:16} {link['content_qualifier'] or '':14} {link.description}")
events = next(link for link in links if link.semantics == "#this")
content = requests.get(events.access_url, timeout=60)
content.raise_for_status()
name = content.headers["Content-Disposition"].split("filename=")[1].strip('"')
Path(name).write_bytes(content.content)
print(f"downloaded {name}, {len(content.content)} bytes")

# 3. A spectrum of all of them, computed where the data are.
created = requests.post(
    f"{BASE}/uws/spectrum",
    data={"obs_id": obs_ids, "collection": collection, "model": "power-law", "on_radius": "0.11"},
    allow_redirects=False,
    timeout=60,
)
if created.status_code != 303:
    sys.exit(f"the job was refused: {created.text}")
job = pyvo.dal.AsyncTAPJob(created.headers["Location"])
job.run()
job.wait(timeout=300)
job.raise_if_error()

# 4. The numbers, and the way back to the photons.
fit = requests.get(f"{job.url}/results/fit", timeout=60).json()
print(f"{fit['n_on']} on events, {fit['livetime_s'] / 3600:.2f} h, {fit['model']}:")
for parameter in fit["parameters"]:
    print(f"  {parameter['name']:10} {parameter['value']:.4g} +- {parameter['error']:.2g} {parameter['unit']}")
print(f"provenance: {BASE}/provenance/provsap?ID={job.job_id}&DEPTH=ALL")
