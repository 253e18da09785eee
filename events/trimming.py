"""Responses cut to what a selection can use: the background model's energies and offsets.

True energies stay whole: events of the selected energies come from all of them. Along each axis that is cut, one bin
beyond what is needed stays on both sides, so that values interpolated inside are those of the whole response.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.io import fits

from events.cards import Cards, checksum, header_at, padding
from events.layout import Column, columns, find, row_type

_TEV = {"TEV": 1.0, "GEV": 1e3, "MEV": 1e6, "KEV": 1e9}
_AXES = ("ENERG", "THETA", "DETX", "DETY")


def trim_background(
    part: memoryview, energies: tuple[float, float] | None, offsets: tuple[float, float] | None, history: list[bytes]
) -> bytes | memoryview:
    """The HDU of a background model with its energies (TeV) and offsets from the pointing (deg) cut.

    None for what is not cut. What is no table of axes and one array over them is given back as it is.
    """
    raw = header_at(part, 0)
    header = fits.Header.fromstring(raw)
    described = columns(header, "the background model")
    row = np.frombuffer(part, row_type(described), 1, len(raw))
    kept: dict[str, slice] = {}
    sizes: dict[str, int] = {}
    for axis in _AXES:
        low, high = find(described, f"{axis}_LO"), find(described, f"{axis}_HI")
        if low is None or high is None:
            continue
        edges = [_floats(row, number, described[number].form) for number in (low, high)]
        if edges[0] is None or edges[1] is None:
            return part
        sizes[axis] = len(edges[0])
        unit = described[low].unit.upper()
        wanted = _wanted(axis, energies, offsets, _TEV.get(unit) if axis == "ENERG" else 1.0)
        kept[axis] = slice(None) if wanted is None else _bins(edges[0], edges[1], *wanted)
    arrays = [n for n, c in enumerate(described) if not c.name.upper().endswith(("_LO", "_HI"))]
    order = [axis for axis in _axis_order(described) if axis in sizes]
    if len(arrays) != 1 or all(cut == slice(None) for cut in kept.values()):
        return part
    cards = Cards(raw)
    written = []
    for n, column in enumerate(described):
        values = _floats(row, n, column.form)
        if values is None:
            return part
        if n == arrays[0]:
            # FITS counts the first axis fastest, NumPy the last.
            shape = [sizes[axis] for axis in reversed(order)]
            if int(np.prod(shape)) != len(values):
                return part
            values = values.reshape(shape)[tuple(kept[axis] for axis in reversed(order))]
            cards.set(f"TDIM{n + 1}", f"({','.join(str(size) for size in reversed(values.shape))})")
        else:
            values = values[kept[column.name.upper().rpartition("_")[0]]]
        cards.set(f"TFORM{n + 1}", f"{values.size}{column.form.lstrip('0123456789')[0]}")
        written.append(values.tobytes())
    cards.set("NAXIS1", sum(map(len, written)))
    cards.extend(history)
    data = b"".join(written)
    data += b"\0" * padding(len(data))
    return cards.encode(checksum(data)) + data


def _axis_order(described: Sequence[Column]) -> list[str]:
    return [column.name.upper().removesuffix("_LO") for column in described if column.name.upper().endswith("_LO")]


def _floats(row: np.ndarray, number: int, form: str) -> np.ndarray | None:
    code = form.lstrip("0123456789")[:1]
    if code not in ("E", "D"):
        return None
    return np.frombuffer(row[str(number)].tobytes(), ">f4" if code == "E" else ">f8")


def _wanted(
    axis: str, energies: tuple[float, float] | None, offsets: tuple[float, float] | None, unit: float | None
) -> tuple[float, float] | None:
    if axis == "ENERG":
        return None if energies is None or unit is None else (energies[0] * unit, energies[1] * unit)
    if offsets is None:
        return None
    return offsets if axis == "THETA" else (-offsets[1], offsets[1])


def _bins(low: np.ndarray, high: np.ndarray, first: float, last: float) -> slice:
    """The bins that meet the interval, and one more at each end; two at least, where there are so many."""
    met = np.flatnonzero((high >= first) & (low <= last))
    if len(met) == 0:
        # Beyond the axis: its end, from which values are extrapolated.
        met = np.array([0 if last < low[0] else len(low) - 1])
    begin, end = max(0, int(met[0]) - 1), min(len(low), int(met[-1]) + 2)
    if end - begin < 2:
        begin, end = max(0, begin - 1), min(len(low), end + 1)
    return slice(None) if (begin, end) == (0, len(low)) else slice(begin, end)
