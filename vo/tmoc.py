"""Time coverage (T-MOC) as text: MOC 2.0, time axis, ASCII and JSON serialisations.

Time is counted in microseconds since JD 0 (TCB), which is order 61; a cell of order n is 2**(61 - n) microseconds. The
text lists cells by order, `41/1 3-5`, the largest cells that fit being used; a last `41/` without cells tells the order
that the coverage was made with. A `t` may stand before it, for time. In JSON it is `{"41": [1, 3, 4, 5]}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_ORDER = 61
Ranges = tuple[tuple[int, int], ...]
"""Half-open intervals [start, stop) in microseconds, sorted, apart from each other."""

_ORDER = re.compile(r"[0-9]{1,2}/")
_CELLS = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")
_BLANKS = " \t\r\n\f\v"
_SEPARATORS = re.compile(f"[{_BLANKS},]+")
_MEMBER = r'"[0-9]{1,2}"\s*:\s*\[[0-9\s,]*\]'
_JSON = re.compile(rf"\{{\s*(?:{_MEMBER}\s*(?:,\s*{_MEMBER}\s*)*)?\}}", re.ASCII)


def degrade(intervals: Iterable[tuple[int, int]], order: int) -> Ranges:
    """The cells of that order that the intervals touch, merged. Intervals are in microseconds, ends included in time.

    Rounded outwards: a coverage never loses a part of what it covers. Raises ValueError for an empty interval.
    """
    shift = MAX_ORDER - _checked(order)
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(intervals):
        if not 0 <= start < stop <= 1 << MAX_ORDER:
            raise ValueError(f"{start} to {stop} is no interval of time coverage")
        low, high = start >> shift, -(-stop >> shift)
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple((low << shift, high << shift) for low, high in merged)


def encode(intervals: Iterable[tuple[int, int]], order: int) -> str:
    """The ASCII T-MOC of intervals (microseconds since JD 0) at a resolution of 2**(61 - order) microseconds."""
    cells: dict[int, list[int]] = {}
    for start, stop in degrade(intervals, order):
        position = start
        while position < stop:
            aligned = (position & -position).bit_length() - 1 if position else MAX_ORDER
            size = min(aligned, (stop - position).bit_length() - 1)
            cells.setdefault(MAX_ORDER - size, []).append(position >> size)
            position += 1 << size
    parts = [f"{at}/{' '.join(_runs(cells[at]))}" for at in sorted(cells)]
    if order not in cells:
        parts.append(f"{order}/")
    return " ".join(parts)


def decode(text: str) -> Ranges:
    """The intervals that a T-MOC covers, ASCII or JSON. Raises ValueError for what is none."""
    written = text.strip(_BLANKS)
    if written.startswith("{"):
        if not _JSON.fullmatch(written):
            raise ValueError('this JSON is no time coverage: write orders and their cells, {"41": [1, 3]}')
        written = re.sub(r'"([0-9]+)"\s*:', r" \1/ ", re.sub(r"[{}\[\]]", " ", written), flags=re.ASCII)
    order: int | None = None
    found: list[tuple[int, int]] = []
    for word in _SEPARATORS.split(written.removeprefix("t").replace("/", "/ ")):
        if not word:
            continue
        if _ORDER.fullmatch(word):
            order = _checked(int(word[:-1]))
            continue
        match = _CELLS.fullmatch(word)
        if match is None or order is None:
            raise ValueError(f"{word[:40]!r} is no cell of a time coverage: write an order and its cells, 41/1 3-5")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first or last >= 1 << order:
            raise ValueError(f"{word!r} is no range of cells of order {order}")
        shift = MAX_ORDER - order
        found.append((first << shift, (last + 1) << shift))
    return degrade(found, MAX_ORDER)


def common(one: Ranges, other: Ranges) -> int:
    """Microseconds that two coverages share."""
    shared = i = j = 0
    while i < len(one) and j < len(other):
        shared += max(0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return shared


def _checked(order: int) -> int:
    if not 0 <= order <= MAX_ORDER:
        raise ValueError(f"the order of a time coverage is 0 to {MAX_ORDER}, not {order}")
    return order


def _runs(cells: list[int]) -> list[str]:
    runs: list[list[int]] = []
    for cell in cells:
        if runs and runs[-1][1] == cell - 1:
            runs[-1][1] = cell
        else:
            runs.append([cell, cell])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
