"""Rows per second and size of each result format, side by side, from Arrow batches in memory.

    python -m benchmarks.formats [rows]

25 columns as an observation log has them: 12 double, 4 long, 1 boolean, 1 timestamp, 7 text, some with NULLs.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from vo import arrowstream, fitstable, jsontable, parquet, text, votable
from vo.arrow import arrow_schema
from vo.columns import ColumnMeta

BATCH = 5000
COLUMNS = (
    *(ColumnMeta(f"d{n}", "double", unit="deg", ucd="pos") for n in range(12)),
    *(ColumnMeta(f"n{n}", "long") for n in range(4)),
    ColumnMeta("flag", "boolean"),
    ColumnMeta("when", "char", "*", xtype="timestamp", ucd="time.release"),
    *(ColumnMeta(f"c{n}", "char", "*") for n in range(7)),
)
Batches = list[pa.RecordBatch]
FORMATS: dict[str, Callable[[Batches], Iterator[bytes]]] = {
    "VOTable, BINARY2": lambda batches: votable.write(COLUMNS, batches),
    "VOTable, TABLEDATA": lambda batches: votable.write(COLUMNS, batches, serialization="tabledata"),
    "CSV": lambda batches: text.write(COLUMNS, batches),
    "FITS": lambda batches: fitstable.write(COLUMNS, batches),
    "JSON": lambda batches: jsontable.write(COLUMNS, batches),
    "Parquet": lambda batches: parquet.write(COLUMNS, batches),
    "Arrow stream": lambda batches: arrowstream.write(COLUMNS, batches),
}


def batches(rows: int) -> Batches:
    """Random rows, the same in each run."""
    random = np.random.default_rng(20)
    return [_batch(random, min(BATCH, rows - start)) for start in range(0, rows, BATCH)]


def _batch(random: np.random.Generator, rows: int) -> pa.RecordBatch:
    gone = random.random(rows) < 0.1
    numbers = [pa.array(random.random(rows) * 360) for _ in range(12)]
    integers = [pa.array(random.integers(0, 10**6, rows), mask=gone) for _ in range(4)]
    moments = pa.array(random.integers(10**15, 2 * 10**15, rows)).cast(pa.timestamp("us"))
    words = [pa.array([f"observation {n}" for n in random.integers(0, 10**4, rows)]) for _ in range(7)]
    arrays = [*numbers, *integers, pa.array(random.random(rows) < 0.5), moments, *words]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(COLUMNS))


def measure(write: Callable[[Batches], Iterator[bytes]], table: Batches) -> tuple[float, float, int]:
    """Seconds of processor time to the first byte and to the last, and bytes."""
    start = time.process_time()
    pieces = write(table)
    size = len(next(pieces))
    first = time.process_time() - start
    size += sum(len(piece) for piece in pieces)
    return first, time.process_time() - start, size


def main(rows: int) -> None:
    """Write a Markdown table; the ratio is to BINARY2, the memory the highest of the process so far."""
    table = batches(rows)
    out = sys.stdout.write
    out(f"{rows} rows, {len(COLUMNS)} columns\n\n")
    out("| format | rows/s | time, of BINARY2's | first byte | bytes a row | memory (MB) |\n")
    out("| --- | ---: | ---: | ---: | ---: | ---: |\n")
    reference = 0.0
    for name, write in FORMATS.items():
        measure(write, table[:2])
        first, seconds, size = measure(write, table)
        reference = reference or seconds
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        out(
            f"| {name} | {rows / seconds:,.0f} | {seconds / reference:.2f} | {first:.2f} s"
            f" | {size / rows:.0f} | {memory} |\n"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
