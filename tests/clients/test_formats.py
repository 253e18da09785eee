"""Result formats over the wire: the example of the documentation, and one result in every format."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import requests
from astropy.io.votable import parse_single_table
from astropy.table import Table

pytestmark = pytest.mark.django_db  # the database that the server shows is the tests'
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
READERS: dict[str, Callable[[bytes], list[object]]] = {
    "votable": lambda body: parse_single_table(io.BytesIO(body)).array["s_ra"].tolist(),
    "csv": lambda body: pa.csv.read_csv(io.BytesIO(body))["s_ra"].to_pylist(),
    "fits": lambda body: Table.read(io.BytesIO(body), hdu=1)["s_ra"].tolist(),
    "json": lambda body: [row[1] for row in json.loads(body)["data"]],
    "parquet": lambda body: pq.read_table(io.BytesIO(body))["s_ra"].to_pylist(),
    "arrow": lambda body: pa.ipc.open_stream(body).read_all()["s_ra"].to_pylist(),
}


def test_same_values_in_every_format(tap_url: str) -> None:
    """Numbers to the last bit."""
    query = {"LANG": "ADQL", "QUERY": "SELECT obs_id, s_ra, t_xel FROM ivoa.obscore ORDER BY obs_id"}
    got = {}
    for form, read in READERS.items():
        answer = requests.get(f"{tap_url}/sync", {**query, "RESPONSEFORMAT": form}, timeout=60)
        answer.raise_for_status()
        got[form] = read(answer.content)
    assert len(got["votable"]) > 2
    assert [form for form in got if got[form] != got["votable"]] == []


def test_example_of_the_documentation(tap_url: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    command = [sys.executable, "-c", code.replace("http://127.0.0.1:8000/tap", tap_url)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "obs_collection" in run.stdout


def test_documentation_names_what_is_declared(tap_url: str) -> None:
    """Every media type and short form of the capabilities stands in the document."""
    body = requests.get(f"{tap_url}/capabilities", timeout=60).text
    words = re.findall(r"<(?:mime|alias)>([^<;]+)", body)
    assert len(words) > 15
    assert [word for word in words if word not in DOCUMENT.read_text()] == []
