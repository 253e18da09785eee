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

from vo import plain
from vo.cells import bounded, flat_bytes, joined_cells, text_columns
from vo.columns import ColumnMeta
from vo.plain import PlainBatch

CSV = "text/csv"
TSV = "text/tab-separated-values"


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch | PlainBatch],
    *,
    dialect: str = "csv",
    header: bool = True,
) -> Iterator[bytes]:
    """The table in pieces as the batches come, with a line of column names first. `dialect` is `csv` or `tsv`."""
    clean, separator, end, special, empty = _DIALECTS[dialect]
    alone = dialect == "csv" and len(columns) == 1

    def finish(column: ColumnMeta, text: pa.Array) -> pa.Array:
        return clean(text) if column.is_text or column.arraysize is not None else text

    names = [column.name for column in columns]
    if not plain.is_simple("".join(names), special):
        names = clean(pa.array(names)).to_pylist()
    pending = (separator.join(names) + end).encode() if header else b""
    for batch in batches:
        if isinstance(batch, PlainBatch):
            plain_cells = plain.text_columns(columns, batch, special, empty, finish)
            lines = list(map(separator.join, zip(*plain_cells, strict=True)))
            if alone:
                lines = [line or '""' for line in lines]
            yield pending + end.join(lines).encode() + end.encode()
            pending = b""
            continue
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
_DIALECTS: dict[str, tuple[_Clean, str, str, bytes, str]] = {
    "csv": (_csv, ",", "\r\n", b',"', '""'),
    "tsv": (_tsv, "\t", "\n", b"\t", ""),
}
"""How text is readied, what stands between cells and after lines, what no simple text has, what an empty one is."""
