"""VOSI 1.1 documents: capabilities, availability, tables (validated against their XSD in the tests).

The descriptions of tables and columns come from `vo.columns`; names are written as `written` spells them in a query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vo.columns import ColumnMeta, ForeignKeyMeta, SchemaMeta, TableMeta
from vo.xmltext import DECLARATION, XSI, content, element, text_element

MEDIA_TYPE = "text/xml; charset=utf-8"
SIGN_IN = ("ivo://ivoa.net/sso#BasicAA", "ivo://ivoa.net/sso#OAuth")
"""How programs sign in: a password, or a token in `Authorization: Bearer` (SSO 2.0 section 3)."""
_VODATASERVICE = {"xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1", "xmlns:xsi": XSI}
_TABLES = {"xmlns:vosi": "http://www.ivoa.net/xml/VOSITables/v1.0", **_VODATASERVICE}
_CAPABILITIES = {
    "xmlns:vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "xmlns:vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "xmlns:tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0",
    "xmlns:cs": "http://www.ivoa.net/xml/ConeSearch/v1.0",
    **_VODATASERVICE,
}
_AVAILABILITY = {"xmlns:vosi": "http://www.ivoa.net/xml/VOSIAvailability/v1.0"}

Written = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability at one URL; `body` is XML that follows the interfaces.

    With `signing_in` it has an interface for each way to say who asks, beside that for anonymous users, which is the
    standard one (VOResource 1.2 allows one securityMethod in an interface; clients choose by these).
    """

    standard_id: str
    access_url: str
    use: str = "full"
    version: str = "1.0"
    xsi_type: str | None = None
    body: str = ""
    signing_in: bool = False

    def xml(self) -> str:
        ways = ("", *(element("securityMethod", {"standardID": way}) for way in SIGN_IN if self.signing_in))
        return element(
            "capability",
            {"standardID": self.standard_id, "xsi:type": self.xsi_type},
            *map(self._interface, ways),
            self.body,
        )

    def _interface(self, security: str) -> str:
        return element(
            "interface",
            {"xsi:type": "vs:ParamHTTP", "role": None if security else "std", "version": self.version},
            text_element("accessURL", self.access_url, {"use": self.use}),
            security,
        )


def capabilities(items: Iterable[Capability]) -> bytes:
    """VOSI 1.1 section 3.1."""
    return (DECLARATION + element("vosi:capabilities", _CAPABILITIES, *(item.xml() for item in items))).encode()


def availability(*, available: bool, up_since: dt.datetime, notes: Sequence[str] = ()) -> bytes:
    """VOSI 1.1 section 3.2; `up_since` is an aware time."""
    parts = [
        text_element("vosi:available", "true" if available else "false"),
        text_element("vosi:upSince", up_since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        *(text_element("vosi:note", note) for note in notes),
    ]
    return (DECLARATION + element("vosi:availability", _AVAILABILITY, *parts)).encode()


def tableset(
    schemas: Sequence[tuple[SchemaMeta, Sequence[TableMeta]]],
    *,
    written: Written,
    columns: bool,
    sizes: Mapping[str, int],
) -> bytes:
    """VOSI 1.1 section 3.3: all schemas with their tables; `columns=False` leaves out columns and keys.

    `sizes` are numbers of rows by name of the table, as far as they are known; they need not be exact.
    """
    parts = [
        element(
            "schema",
            {},
            text_element("name", schema.name),
            text_element("description", schema.description),
            text_element("utype", schema.utype),
            *(_table("table", {}, table, written, columns, sizes.get(table.name)) for table in tables),
        )
        for schema, tables in schemas
    ]
    return (DECLARATION + element("vosi:tableset", _TABLES, *parts)).encode()


def table(meta: TableMeta, *, written: Written, columns: bool = True, size: int | None = None) -> bytes:
    """One table as a document of its own (VOSI 1.1 section 3.3), of about `size` rows."""
    return (DECLARATION + _table("vosi:table", _TABLES, meta, written, columns, size)).encode()


def _table(
    name: str, attributes: dict[str, str], meta: TableMeta, written: Written, columns: bool, size: int | None
) -> str:
    details = []
    if columns:
        details += [_column(column, written) for column in meta.columns]
        details += [_foreign_key(key, written) for key in meta.foreign_keys]
    return element(
        name,
        {**attributes, "type": meta.table_type},
        text_element("name", meta.name),
        text_element("description", meta.description),
        text_element("utype", meta.utype),
        text_element("nrows", None if size is None else str(size)),
        *details,
    )


def _column(column: ColumnMeta, written: Written) -> str:
    data_type = {"xsi:type": "vs:VOTableType", "arraysize": column.arraysize, "extendedType": column.xtype}
    return element(
        "column",
        {"std": "true" if column.std else "false"},
        text_element("name", written(column.name)),
        text_element("description", column.description),
        text_element("unit", column.unit),
        text_element("ucd", column.ucd),
        text_element("utype", column.utype),
        text_element("dataType", column.datatype, data_type),
        text_element("flag", "indexed" if column.indexed else None),
        text_element("flag", "principal" if column.principal else None),
    )


def _foreign_key(key: ForeignKeyMeta, written: Written) -> str:
    return element(
        "foreignKey",
        {},
        text_element("targetTable", key.target_table),
        *(
            element(
                "fkColumn",
                {},
                element("fromColumn", {}, content(written(from_column))),
                element("targetColumn", {}, content(written(target_column))),
            )
            for from_column, target_column in key.columns
        ),
        text_element("description", key.description),
        text_element("utype", key.utype),
    )
