"""Spatial coverages (MOC 2.0, space axis): sets of HEALPix cells as text, and which positions they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo.healpix import MAX_ORDER, cells

_CELLS = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?", re.ASCII)
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Moc:
    """Half-open ranges of HEALPix cells of order 29, nested, in ICRS, sorted and apart from each other."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Moc:
        """The coverage of an ASCII or JSON MOC: `3/1-4 8 5/900` (an `s` may stand before it) or `{"3": [1, 2]}`.

        Raises ValueError.
        """
        written = text.strip()
        found = list(_from_json(written) if written.startswith("{") else _from_ascii(written))
        return cls(tuple(_merged(found)))

    def contains(self, lon: NDArray[np.floating], lat: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether positions (degrees) lie in its cells."""
        return self.holds(cells(lon, lat))

    def holds(self, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether cells of order 29 are among its own."""
        return (np.searchsorted(self._edges(), found, side="right") & 1).astype(bool)

    def meets(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether ranges of cells of order 29, both ends included, share a cell with it."""
        edges = self._edges()
        return self.holds(first) | (np.searchsorted(edges, first, "right") != np.searchsorted(edges, last, "right"))

    def text(self) -> str:
        """The ASCII MOC, in the largest cells that fit."""
        by_order: dict[int, list[str]] = {}
        for start, stop in self.ranges:
            position = start
            while position < stop:
                aligned = (position & -position).bit_length() - 1 if position else 2 * MAX_ORDER
                size = min(aligned, (stop - position).bit_length() - 1, 2 * MAX_ORDER) // 2
                by_order.setdefault(MAX_ORDER - size, []).append(str(position >> (2 * size)))
                position += 1 << (2 * size)
        return " ".join(f"{order}/{' '.join(by_order[order])}" for order in sorted(by_order)) or "0/"

    def _edges(self) -> NDArray[np.int64]:
        return np.array(self.ranges, dtype=np.int64).ravel()


def _from_ascii(text: str) -> Iterator[tuple[int, int]]:
    order: int | None = None
    for word in _SEPARATORS.split(text.removeprefix("s").replace("/", "/ ")):
        if word.endswith("/"):
            order = _order(word[:-1])
        elif word:
            match = _CELLS.fullmatch(word)
            if match is None or order is None:
                raise ValueError(f"{word[:40]!r} is no cell of a MOC: write an order and its cells, 3/1-4 8")
            yield _span(order, int(match[1]), int(match[2] or match[1]))


def _from_json(text: str) -> Iterator[tuple[int, int]]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    match document:
        case dict():
            for order, members in document.items():
                if type(members) is not list or not all(type(cell) is int for cell in members):
                    raise ValueError(f"the cells of order {order[:10]} of the MOC are no list of whole numbers")
                yield from (_span(_order(order), cell, cell) for cell in members)
        case _:
            raise ValueError('this JSON is no MOC: write orders and their cells, {"3": [1, 2]}')


def _order(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= MAX_ORDER):
        raise ValueError(f"the order of a MOC is 0 to {MAX_ORDER}, not {text[:10]!r}")
    return int(text)


def _span(order: int, first: int, last: int) -> tuple[int, int]:
    if not 0 <= first <= last < 12 << (2 * order):
        raise ValueError(f"{first}-{last} are no cells of order {order} of a MOC")
    shift = 2 * (MAX_ORDER - order)
    return first << shift, (last + 1) << shift


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
