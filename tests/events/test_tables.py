"""Index tables are written as astropy writes them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.io import fits

from events.tables import Column, table_file

KEYS = {
    "HDUCLASS": "GADF",
    "MJDREFI": 51910,
    "MJDREFF": 7.428703703703703e-4,
    "SIMULATE": True,
    "TELESCOP": "it's one with quotes",
    "LONG": "a text that takes more than one card, " * 4,
}


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_table_is_that_of_astropy(rows: int) -> None:
    """FITS standard 4.0 sections 4.4 and 7.3: numbers, text, units; also without rows."""
    numbers = np.linspace(-1, 1, rows)
    texts = np.array([f"run {n}".encode() for n in range(rows)] or [b""], "S")[:rows]
    columns = [Column("OBS_ID", np.arange(rows)), Column("RA_PNT", numbers, "deg"), Column("OBJECT", texts)]
    table = fits.BinTableHDU.from_columns(
        [fits.Column(c.name, c.form, c.unit or None, array=c.values) for c in columns],
        header=fits.Header(KEYS),
        name="OBS_INDEX",
    )
    expected = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(expected)
    assert table_file(columns, KEYS, "OBS_INDEX") == expected.getvalue()
