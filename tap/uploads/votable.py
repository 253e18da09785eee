"""The first table of a VOTable in any serialisation (VOTable 1.4 sections 3 to 6), without ever leaving the document.

The document is read in one pass of an expat parser that refuses entities; nothing that it refers to is fetched.
"""

from __future__ import annotations

import binascii
import io
from collections.abc import Callable
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

import pyarrow as pa
from defusedxml import sax
from defusedxml.common import DefusedXmlException

from tap.uploads import cells, fits
from tap.uploads.content import Content, content, too_many
from tap.uploads.fields import Field, finished
from vo.arrow import arrow_type
from vo.errors import UsageFault

_SERIALIZATIONS = ("TABLEDATA", "BINARY", "BINARY2", "FITS", "PARQUET")
_TEXTS = ("TD", "STREAM", "DESCRIPTION")


class _Found(Exception):
    """The first table has been read: the rest of the document does not matter."""


def read(data: bytes, max_rows: int) -> Content:
    """Columns and data of the first TABLE. Raises UsageFault for what is no VOTable, or cannot be read as one."""
    handler = _Handler(max_rows)
    try:
        # No entity can be declared, so the only thing outside may be the DTD of an old VOTable, which is not fetched
        # (xml.sax fetches nothing unless feature_external_ges is set).
        sax.parse(io.BytesIO(data), handler, forbid_dtd=False, forbid_entities=True, forbid_external=False)
    except _Found:
        return _content(handler)
    except DefusedXmlException:
        raise UsageFault("the VOTable declares entities, which are not read") from None
    except SAXParseException as error:
        place = f"line {error.getLineNumber()}, column {error.getColumnNumber()}"
        raise UsageFault(f"the VOTable is not well formed: {error.getMessage()} at {place}") from None
    except (SAXException, ValueError, LookupError) as error:
        raise UsageFault(f"the VOTable is not well formed: {str(error)[:200]}") from None
    raise UsageFault("the VOTable has no TABLE")


class _Handler(ContentHandler):
    """Keeps the FIELDs of the first TABLE and the text of its cells, or of its STREAM."""

    def __init__(self, max_rows: int) -> None:
        super().__init__()
        self.max_rows = max_rows
        self.depth = 0
        self.in_table = False
        self.fields: list[Field] = []
        self.field: Field | None = None
        self.serialization: str | None = None
        self.extension: int | None = None
        self.rows: list[list[str]] = []
        self.stream: list[str] = []
        self.text: list[str] | None = None

    def startElement(self, name: str, attrs: Any) -> None:
        tag = name.rpartition(":")[2]
        self.depth += 1
        if self.depth == 1 and tag != "VOTABLE":
            raise UsageFault(f"the document is a {tag[:40]}, not a VOTABLE")
        if tag == "TABLE":
            self.in_table = True
        elif not self.in_table:
            return
        elif tag == "FIELD":
            self.field = Field(dict(attrs.items()))
            self.fields.append(self.field)
        elif tag == "VALUES" and self.field is not None:
            self.field.null = attrs.get("null")
        elif tag in _SERIALIZATIONS:
            self.start_data(tag, attrs)
        elif tag == "TR":
            if len(self.rows) >= self.max_rows:
                raise UsageFault(too_many(self.max_rows))
            self.rows.append([])
        elif tag == "STREAM":
            self.check_stream(attrs)
        if tag in _TEXTS:
            self.text = []

    def start_data(self, tag: str, attrs: Any) -> None:
        if tag == "PARQUET":
            raise UsageFault("a VOTable with its data in Parquet is not read; send the Parquet file itself")
        self.serialization = tag
        extension = attrs.get("extnum")
        self.extension = int(extension) if extension else None

    def check_stream(self, attrs: Any) -> None:
        if attrs.get("href"):
            raise UsageFault("the data of the VOTable are elsewhere (STREAM href): send them within the document")
        if attrs.get("encoding", "base64") != "base64":
            raise UsageFault(f"a STREAM in {attrs.get('encoding')[:20]} is not read; base64 is")

    def characters(self, content: str) -> None:
        if self.text is not None:
            self.text.append(content)

    def endElement(self, name: str) -> None:
        tag = name.rpartition(":")[2]
        self.depth -= 1
        if not self.in_table:
            return
        if tag == "TD" and self.text is not None:
            if not self.rows:
                raise UsageFault("the VOTable has a TD outside of a TR")
            self.rows[-1].append("".join(self.text))
        elif tag == "STREAM" and self.text is not None:
            self.stream = self.text
        elif tag == "DESCRIPTION" and self.text is not None and self.field is not None:
            self.field.description = " ".join("".join(self.text).split())
        elif tag == "FIELD":
            self.field = None
        elif tag == "TABLE":
            raise _Found
        if tag in _TEXTS:
            self.text = None


def _content(found: _Handler) -> Content:
    if not found.fields:
        raise UsageFault("the table of the VOTable has no FIELD")
    decode: dict[str | None, Callable[[_Handler], Content]] = {
        "TABLEDATA": _tabledata,
        "BINARY": _binary,
        "BINARY2": _binary,
        "FITS": _fits,
        None: _tabledata,
    }
    return decode[found.serialization](found)


def _tabledata(found: _Handler) -> Content:
    width = len(found.fields)
    for number, row in enumerate(found.rows, 1):
        if len(row) != width:
            raise UsageFault(f"row {number} has {len(row)} cells, the table has {width} columns")
    columns = zip(*found.rows, strict=True) if found.rows else [()] * width
    return content([finished(f, cells.of_text(f, c)) for f, c in zip(found.fields, columns, strict=True)])


def _binary(found: _Handler) -> Content:
    columns = cells.of_binary(
        found.fields, _decoded(found), flags=found.serialization == "BINARY2", max_rows=found.max_rows
    )
    return content([finished(f, c) for f, c in zip(found.fields, columns, strict=True)])


def _fits(found: _Handler) -> Content:
    """Data by FITS, metadata by the FIELDs (VOTable 1.4 section 5.3)."""
    inner = fits.read(_decoded(found), found.max_rows, found.extension)
    if len(inner.columns) != len(found.fields):
        raise UsageFault(f"the VOTable has {len(found.fields)} FIELDs, its FITS table {len(inner.columns)} columns")
    columns = []
    for number, field in enumerate(found.fields):
        array = inner.data.column(number).combine_chunks()
        if field.is_text != inner.columns[number].is_text:
            raise UsageFault(f"column {field.name[:60]}: the FIELD and the FITS table have different types")
        if not field.is_text:
            described = field.meta()
            if pa.types.is_list(array.type) != pa.types.is_list(arrow_type(described)):
                raise UsageFault(f"column {field.name[:60]}: the FIELD and the FITS table have different types")
            array = array.cast(arrow_type(described))
        columns.append(finished(field, array))
    return content(columns)


def _decoded(found: _Handler) -> bytes:
    try:
        return binascii.a2b_base64("".join(found.stream))
    except (binascii.Error, ValueError):
        raise UsageFault("the STREAM of the VOTable is not base64") from None
