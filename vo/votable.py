"""VOTable 1.4 documents: streamed from Arrow record batches, small ones from rows, and error documents.

    write(columns, batches, serialization="binary2", infos=[Info("query", text)], overflow=lambda: rows.overflow)

Version 1.4 because released clients refuse a document that says more; its namespace is that of 1.3 (VOTable 1.4
section 3.1). FIELD IDs are unique in the document, so that service descriptors can refer to them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vo.arrow import arrow_schema
from vo.binary import NULL_VALUES, Base64Stream, RowEncoder
from vo.cells import bounded, fixed_count, flat_bytes, joined_cells, text_columns
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import InternalFault, VOError
from vo.frames import frames_of
from vo.xmltext import DECLARATION, XSI, content, element, text_element

MEDIA_TYPE = "application/x-votable+xml"
SERIALIZATIONS = ("binary2", "tabledata", "binary")
_NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"
_ROOT = (
    f'{DECLARATION}<VOTABLE version="1.4" xmlns="{_NAMESPACE}" xmlns:xsi="{XSI}"'
    f' xsi:schemaLocation="{_NAMESPACE} {_NAMESPACE}">\n'
)
_DATA = {
    "binary2": ('<DATA><BINARY2><STREAM encoding="base64">\n', "</STREAM></BINARY2></DATA>\n"),
    "binary": ('<DATA><BINARY><STREAM encoding="base64">\n', "</STREAM></BINARY></DATA>\n"),
    "tabledata": ("<DATA><TABLEDATA>\n", "</TABLEDATA></DATA>\n"),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Info:
    """An INFO element of the results RESOURCE: what the service or the query is (DALI 1.1 section 4.4.3)."""

    name: str
    value: str
    text: str = ""
    ucd: str | None = None

    def xml(self) -> str:
        return element("INFO", {"name": self.name, "value": self.value, "ucd": self.ucd}, content(self.text)) + "\n"


def write(
    columns: Sequence[ColumnMeta],
    batches: Iterable[pa.RecordBatch],
    *,
    serialization: str = "binary2",
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    overflow: Callable[[], bool] | None = None,
    status: str = "OK",
    description: str = "",
) -> Iterator[bytes]:
    """A results document, in pieces as the batches come.

    `batches` have the types of `vo.arrow.arrow_schema(columns)`; text that a column's type cannot hold is replaced as
    `vo.cells` says. `overflow` is asked when the batches have ended, and adds the INFO of DALI 1.1 section 4.4.1;
    `status="OVERFLOW"` says it in advance. An error of the batches ends the table and is told in an INFO after it
    (section 4.4.2), so that the document is well-formed in any case.
    """
    ids = _Ids(columns)
    before, after = _DATA[serialization]
    pending = _head(columns, ids, serialization, infos, status, description) + before
    encoder = _encoder(columns, serialization)
    trailer = ""
    try:
        for batch in batches:
            piece = encoder.push(batch)
            if piece:
                yield pending.encode() + piece if pending else piece
                pending = ""
        if overflow is not None and overflow():
            trailer = Info("QUERY_STATUS", "OVERFLOW").xml()
    except VOError as error:
        trailer = Info("QUERY_STATUS", "ERROR", error.message).xml()
    except Exception:
        fault = InternalFault()
        log.exception(fault.message)
        trailer = Info("QUERY_STATUS", "ERROR", fault.message).xml()
    tail = f"{after}</TABLE>\n{trailer}</RESOURCE>\n{_descriptors(descriptors, columns, ids)}</VOTABLE>\n"
    yield pending.encode() + encoder.end() + tail.encode()


def document(
    columns: Sequence[ColumnMeta],
    rows: Iterable[Sequence[Any]],
    *,
    serialization: str = "tabledata",
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    status: str = "OK",
    description: str = "",
) -> bytes:
    """A whole document of a small table; the rows hold Python values in the order of the columns, None for NULL."""
    schema = arrow_schema(tuple(columns))
    values = list(rows)
    arrays = [pa.array([row[i] for row in values], field.type) for i, field in enumerate(schema)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    pieces = write(
        columns,
        [batch],
        serialization=serialization,
        infos=infos,
        descriptors=descriptors,
        status=status,
        description=description,
    )
    return b"".join(pieces)


def header_document(
    columns: Sequence[ColumnMeta],
    *,
    infos: Iterable[Info] = (),
    descriptors: Iterable[ServiceDescriptor] = (),
    status: str = "OK",
) -> bytes:
    """A document whose table has no DATA: the metadata of a table that is kept in another format."""
    ids = _Ids(columns)
    head = _head(columns, ids, "tabledata", infos, status, "")
    return f"{head}</TABLE>\n</RESOURCE>\n{_descriptors(descriptors, columns, ids)}</VOTABLE>\n".encode()


def error_document(message: str, infos: Iterable[Info] = ()) -> bytes:
    """A document that says that the request failed (DALI 1.1 section 4.4, QUERY_STATUS ERROR)."""
    told = Info("QUERY_STATUS", "ERROR", message).xml() + "".join(info.xml() for info in infos)
    return f'{_ROOT}<RESOURCE type="results">\n{told}</RESOURCE>\n</VOTABLE>\n'.encode()


def field_ids(columns: Sequence[ColumnMeta]) -> tuple[str, ...]:
    """The XML ID of each column's FIELD, as `write` gives them."""
    return _Ids(columns).fields


class _Ids:
    """XML IDs of a document: of the FIELDs, and a new one for whatever else wants one."""

    def __init__(self, columns: Sequence[ColumnMeta]) -> None:
        self._used: set[str] = set()
        # Names that are IDs as they are come first: a reader that takes names and IDs for one thing is not misled.
        order = sorted(range(len(columns)), key=lambda i: (_as_id(columns[i].name) != columns[i].name, i))
        given = {i: self.new(columns[i].name) for i in order}
        self.fields = tuple(given[i] for i in range(len(columns)))

    def new(self, name: str) -> str:
        """An NCName like that name, not used yet in this document."""
        base = candidate = _as_id(name)
        n = 1
        while candidate in self._used:
            n += 1
            candidate = f"{base}_{n}"
        self._used.add(candidate)
        return candidate


def _as_id(name: str) -> str:
    """The name as an NCName of ASCII letters."""
    word = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return word if re.match(r"[A-Za-z_]", word) else f"_{word}"


def _head(
    columns: Sequence[ColumnMeta],
    ids: _Ids,
    serialization: str,
    infos: Iterable[Info],
    status: str,
    description: str,
) -> str:
    frames = frames_of(columns)
    frame_ids = {frame: ids.new(frame.id) for frame in frames if frame is not None}
    fields = "".join(
        _field(column, xml_id, serialization, frame_ids.get(frame) if frame else None)
        for column, xml_id, frame in zip(columns, ids.fields, frames, strict=True)
    )
    parts = [
        _ROOT,
        '<RESOURCE type="results">\n',
        text_element("DESCRIPTION", description),
        Info("QUERY_STATUS", status).xml(),
        *(info.xml() for info in infos),
        *(element(f.element, {"ID": xml_id, **dict(f.attributes)}) + "\n" for f, xml_id in frame_ids.items()),
        f'<TABLE name="results">\n{fields}',
    ]
    return "".join(parts)


def _describe(column: ColumnMeta) -> dict[str, str | None]:
    return {
        "name": column.name,
        "datatype": column.datatype,
        "arraysize": column.arraysize,
        "xtype": column.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
    }


def _field(column: ColumnMeta, xml_id: str, serialization: str, frame: str | None) -> str:
    described = text_element("DESCRIPTION", column.description)
    if serialization == "binary" and column.arraysize is None and column.datatype in NULL_VALUES:
        described += element("VALUES", {"null": str(NULL_VALUES[column.datatype])})
    return element("FIELD", {"ID": xml_id, **_describe(column), "ref": frame}, described) + "\n"


def _descriptors(descriptors: Iterable[ServiceDescriptor], columns: Sequence[ColumnMeta], ids: _Ids) -> str:
    refs = {column.name: xml_id for column, xml_id in zip(columns, ids.fields, strict=True)}
    parts = []
    for descriptor in descriptors:
        params = "".join(
            element("PARAM", {"name": name, "datatype": "char", "arraysize": "*", "value": value})
            for name, value in descriptor.params
        )
        inputs = "".join(_input(descriptor, column, refs[of] if of else None) for column, of in descriptor.inputs)
        parts.append(
            element(
                "RESOURCE",
                {
                    "ID": ids.new(descriptor.id),
                    "name": descriptor.name,
                    "type": "meta",
                    "utype": descriptor.utype,
                },
                text_element("DESCRIPTION", descriptor.description),
                params,
                element("GROUP", {"name": "inputParams"}, inputs),
            )
            + "\n"
        )
    return "".join(parts)


def _input(descriptor: ServiceDescriptor, column: ColumnMeta, ref: str | None) -> str:
    value = descriptor.values.get(column.name, "")
    low, high = descriptor.limits.get(column.name, (None, None))
    values = "".join(
        [
            element("MIN", {"value": low}) if low is not None else "",
            element("MAX", {"value": high}) if high is not None else "",
            *(element("OPTION", {"value": option}) for option in descriptor.options.get(column.name, ())),
        ]
    )
    described = text_element("DESCRIPTION", column.description) + (element("VALUES", {}, values) if values else "")
    return element("PARAM", {**_describe(column), "value": value, "ref": ref}, described)


class _BinaryRows:
    """Rows as base64 of BINARY2 or BINARY."""

    def __init__(self, columns: Sequence[ColumnMeta], *, flags: bool) -> None:
        self._rows = RowEncoder(columns, flags=flags)
        self._base64 = Base64Stream()

    def push(self, batch: pa.RecordBatch) -> bytes:
        return self._base64.push(self._rows.encode(batch))

    def end(self) -> bytes:
        return self._base64.end()


class _TableDataRows:
    """Rows as TR and TD elements."""

    def __init__(self, columns: Sequence[ColumnMeta]) -> None:
        self._columns = tuple(columns)

    def push(self, batch: pa.RecordBatch) -> bytes:
        return b"".join(self._lines(part) for part in bounded(batch))

    def _lines(self, batch: pa.RecordBatch) -> bytes:
        cells = text_columns(self._columns, batch, _escaped)
        return b"<TR><TD>" + joined_cells(cells, "</TD><TD>", "</TD></TR>\n<TR><TD>") + b"</TD></TR>\n"

    def end(self) -> bytes:
        return b""


def _encoder(columns: Sequence[ColumnMeta], serialization: str) -> _BinaryRows | _TableDataRows:
    if serialization == "tabledata":
        return _TableDataRows(columns)
    return _BinaryRows(columns, flags=serialization == "binary2")


def _escaped(column: ColumnMeta, text: pa.Array) -> pa.Array:
    count = fixed_count(column)
    if count is not None and count > 1 and column.datatype in ("float", "double"):
        return text.fill_null(" ".join(["NaN"] * count))
    if column.is_text:
        held = flat_bytes(text)[1].tobytes()
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
            if character.encode() in held:
                text = pc.replace_substring(text, character, entity)
    return text
