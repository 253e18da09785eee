"""Content of an uploaded table, from any of its formats: column metadata and Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from vo.arrow import arrow_schema
from vo.columns import ColumnMeta
from vo.errors import UsageFault

MAX_COLUMNS = 900
"""Most columns: a row of numbers must fit into a page of PostgreSQL."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Content:
    """A table: metadata as they came, and data of `vo.arrow`'s types in the same order."""

    columns: tuple[ColumnMeta, ...]
    data: pa.Table


def content(columns: list[tuple[ColumnMeta, pa.Array]]) -> Content:
    """The table of these columns."""
    metas = tuple(meta for meta, _ in columns)
    return Content(metas, pa.Table.from_arrays([array for _, array in columns], schema=arrow_schema(metas)))


def read(data: bytes, media_type: str, filename: str, max_rows: int) -> Content:
    """The table in those bytes: VOTable, FITS or Parquet by its first bytes, CSV or TSV by media type or file name.

    Raises UsageFault for anything else, for content that is not well formed, and above `max_rows`.
    """
    from tap.uploads import columnar, fits, votable

    start = data[:256].removeprefix(_BOM).lstrip()
    kind = media_type.partition(";")[0].strip().lower()
    ending = filename.lower().rpartition(".")[2]
    if data.startswith(b"PAR1"):
        made = columnar.parquet(data, max_rows)
    elif data.startswith(b"SIMPLE  ="):
        made = fits.read(data, max_rows)
    elif start.startswith(b"<"):
        made = votable.read(data, max_rows)
    elif kind == "text/csv" or ending == "csv":
        made = columnar.text(data, ",", max_rows)
    elif kind == "text/tab-separated-values" or ending == "tsv":
        made = columnar.text(data, "\t", max_rows)
    else:
        raise UsageFault("this is neither a VOTable nor FITS, Parquet, or CSV declared as text/csv")
    if not made.columns:
        raise UsageFault("the table has no columns")
    if len(made.columns) > MAX_COLUMNS:
        raise UsageFault(f"the table has {len(made.columns)} columns; at most {MAX_COLUMNS} are taken")
    if made.data.num_rows > max_rows:
        raise UsageFault(too_many(max_rows))
    return made


def too_many(max_rows: int) -> str:
    """What is said of a table beyond the limit."""
    return f"the table has more than {max_rows} rows"
