"""CSV and TSV from Arrow record batches (TAP 1.1 section 3.2, RFC 4180).

NULL is empty; an empty string is `""` in CSV. TSV has no quoting: tabs and line ends within a value become spaces.
Neither can tell of an overflow or an error (TAP 1.1 section 3.4): an error of the batches is raised, so that the server
breaks the connection and the client does not take a part for the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo.cells import bounded, flat_bytes, joined_cells, text_columns
from vo.columns import ColumnMeta

CSV = "text/csv"
TSV = "text/tab-separated-values"


def write(
    columns: Sequence[ColumnMeta], batches: Iterable[pa.RecordBatch], *, dialect: str = "csv", header: bool = True
) -> Iterator[bytes]:
    """The table in pieces as the batches come, with a line of column names first. `dialect` is `csv` or `tsv`."""
    clean, separator, end = _DIALECTS[dialect]
    alone = dialect == "csv" and len(columns) == 1

    def finish(column: ColumnMeta, text: pa.Array) -> pa.Array:
        return clean(text) if column.is_text or column.arraysize is not None else text

    names = pa.array([column.name for column in columns])
    pending = (separator.join(clean(names).to_pylist()) + end).encode() if header else b""
    for batch in batches:
        for part in bounded(batch):
            cells = text_columns(columns, part, finish)
            if alone:
                cells = [cell.fill_null('""') for cell in cells]  # readers skip empty lines
            yield pending + joined_cells(cells, separator, end) + end.encode()
            pending = b""
    if pending:
        yield pending


def _csv(text: pa.Array) -> pa.Array:
    offsets, data = flat_bytes(text)
    held = data.tobytes()
    if any(special in held for special in (b'"', b",", b"\n", b"\r")):
        doubled = pc.replace_substring(text, '"', '""')
        quoted = pc.binary_join_element_wise('"', doubled, '"', "")
        text = pc.if_else(pc.match_substring_regex(text, '[",\\r\\n]'), quoted, text)
    if np.count_nonzero(np.diff(offsets)) + text.null_count < len(text):
        text = pc.if_else(pc.equal(text, ""), '""', text)
    return text


def _tsv(text: pa.Array) -> pa.Array:
    held = flat_bytes(text)[1].tobytes()
    if any(special in held for special in (b"\t", b"\n", b"\r")):
        return pc.replace_substring_regex(text, "[\\t\\r\\n]", " ")
    return text


_Clean = Callable[[pa.Array], pa.Array]
_DIALECTS: dict[str, tuple[_Clean, str, str]] = {"csv": (_csv, ",", "\r\n"), "tsv": (_tsv, "\t", "\n")}
