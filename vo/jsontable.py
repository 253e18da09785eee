"""JSON from Arrow record batches (RFC 8259): an object of `metadata`, `data` and how it ended.

    {"metadata": [{"name": ..., "datatype": ..., "unit": ...}, ...],
     "data": [[...], ...],
     "overflow": false}

`metadata` has an object for each column with the attributes of a VOTable FIELD. A row is an array in the order of the
columns; arrays are arrays, times are DALI timestamps. NULL, NaN and infinities are null, for JSON has no other word.
Integers are exact; a reader that takes every number for a double loses those beyond 2**53. An error in mid-stream ends
`data` and is told in a member `error`, so that the document is valid in any case.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vo.cells import bounded, column_array, flat_bytes, joined_cells, list_parts, text_array
from vo.columns import ColumnMeta
from vo.errors import InternalFault, VOError
from vo.spool import described

MEDIA_TYPE = "application/json"
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
log = logging.getLogger(__name__)


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    overflow: Callable[[], bool] | None = None,
) -> Iterator[bytes]:
    """The document in pieces as the batches come; `overflow` is asked when they have ended."""
    metadata = json.dumps([{"name": column.name, **described(column)} for column in columns], ensure_ascii=False)
    pending = f'{{"metadata": {metadata},\n"data": [\n'.encode()
    ending = {"overflow": False}
    told: dict[str, bool | str] = {**ending}
    try:
        for batch in batches:
            for part in bounded(batch):
                yield pending + _rows(columns, part)
                pending = b",\n"
        told = {"overflow": overflow is not None and overflow()}
    except VOError as error:
        told = {**ending, "error": error.message}
    except Exception:
        fault = InternalFault()
        log.exception(fault.message)
        told = {**ending, "error": fault.message}
    start = b"" if pending == b",\n" else pending
    yield start + f"\n],\n{json.dumps(told, ensure_ascii=False)[1:-1]}}}\n".encode()


def _rows(columns: Sequence[ColumnMeta], batch: pa.RecordBatch) -> bytes:
    cells = [_cell(column, column_array(column, batch.column(i))) for i, column in enumerate(columns)]
    return b"[" + joined_cells(cells, ",", "],\n[") + b"]"


def _cell(column: ColumnMeta, array: pa.Array) -> pa.Array:
    if column.is_text:
        text = _quoted(text_array(column, array))
    elif pa.types.is_list(array.type):
        offsets, values = list_parts(column, array)
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), _numbers(values).fill_null("null"))
        text = pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")
        if array.null_count:
            text = pc.if_else(array.is_null(), None, text)
    else:
        text = _numbers(array)
    return text.fill_null("null")


def _numbers(array: pa.Array) -> pa.Array:
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "true", "false")
    text = array.cast(pa.string())
    return pc.if_else(pc.is_finite(array), text, None) if pa.types.is_floating(array.type) else text


def _quoted(text: pa.Array) -> pa.Array:
    """`vo.cells` leaves no control characters but these."""
    held = flat_bytes(text)[1].tobytes()
    for character, escaped in _ESCAPES:
        if character.encode() in held:
            text = pc.replace_substring(text, character, escaped)
    return pc.binary_join_element_wise('"', text, '"', "")
