"""Tables that come with a query: read in every format, joined, gone afterwards; what is refused, and how."""

from __future__ import annotations

import datetime as dt
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import from_table, parse
from astropy.table import Table
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tap.registry import find
from tap.service import prepare
from tap.uploads import sources, upload
from tap.uploads.content import read
from tap.uploads.fetch import fetch, is_public
from tests.tap.sky import CONTEXT, SkyRow
from vo.errors import TransientFault, UsageFault

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = """
<FIELD name="flag" datatype="boolean"/>
<FIELD name="byte" datatype="unsignedByte"/>
<FIELD name="short" datatype="short"><VALUES null="-99"/></FIELD>
<FIELD name="id" datatype="int" ucd="meta.id;meta.main"><DESCRIPTION>Number of  the
 source</DESCRIPTION><VALUES null="-1"/></FIELD>
<FIELD name="long" datatype="long"/>
<FIELD name="mag" datatype="float" unit="mag"/>
<FIELD name="RA" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main" utype="src:pos.ra"/>
<FIELD name="DE" datatype="double" unit="deg" ucd="pos.eq.dec;meta.main"/>
<FIELD name="name" datatype="char" arraysize="*"/>
<FIELD name="größe 1" datatype="unicodeChar" arraysize="12*"/>
<FIELD name="code" datatype="char" arraysize="4"/>
<FIELD name="cube" datatype="long" arraysize="2x2"/>
<FIELD name="list" datatype="float" arraysize="*"/>
<FIELD name="seen" datatype="char" arraysize="*" xtype="timestamp"/>
<FIELD name="spot" datatype="double" arraysize="2" xtype="point" unit="deg"/>
<FIELD name="cone" datatype="double" arraysize="3" xtype="circle"/>
<FIELD name="area" datatype="char" arraysize="*" xtype="adql:REGION"/>
"""
ROWS: list[tuple[str, ...]] = [
    (
        *("true", "254", "-5", "7", "9007199254740993", "1.5", "83.63", "22.01", 'it\'s "quoted" &amp; &lt;x&gt;'),
        *("ünï Ω", "ab", "1 2 3 9007199254740993", "1.5 NaN", "2004-03-22T12:30:00.5", "1.5 -2", "1 2 0.5"),
        "CIRCLE ICRS 1 2 3",
    ),
    *[("", "", "-99", "-1", "", "NaN", "", "", "", "", "", "", "", "", "", "", "")],
]
VALUES: list[tuple[Any, ...]] = [
    (
        *(True, 254, -5, 7, 9007199254740993, 1.5, 83.63, 22.01, 'it\'s "quoted" & <x>', "ünï Ω", "ab"),
        *([1, 2, 3, 9007199254740993], [1.5, None], "2004-03-22T12:30:00.500000", [1.5, -2.0], [1.0, 2.0, 0.5]),
        "CIRCLE ICRS 1 2 3",
    ),
    (None,) * 17,
]


def votable(fields: str = FIELDS, rows: list[tuple[str, ...]] = ROWS, start: str = "<VOTABLE version='1.4'>") -> bytes:
    cells = "".join("<TR>" + "".join(f"<TD>{c}</TD>" for c in row) + "</TR>" for row in rows)
    data = f"<DATA><TABLEDATA>{cells}</TABLEDATA></DATA>"
    return f"{start}<RESOURCE><TABLE>{fields}{data}</TABLE></RESOURCE></VOTABLE>".encode()


def column(name: str, kind: str, *values: str) -> bytes:
    """A VOTable of one column."""
    return votable(f"<FIELD name='{name}' {kind}/>", [(v,) for v in values])


def run(adql: str, **tables: bytes) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """Metadata and rows of a query with these VOTables."""
    uploads = [upload(name, n, read(data, "", "", 1000)) for n, (name, data) in enumerate(tables.items(), 1)]
    query = prepare(adql, CONTEXT, uploads=uploads)
    with query.run() as found:
        return query.columns, [tuple(plain(v) for v in r.values()) for batch in found for r in batch.to_pylist()]


def plain(value: Any) -> Any:
    """Times as text, NaN as None."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat(timespec="microseconds")
    return None if isinstance(value, float) and np.isnan(value) else value


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    """`post(query, UPLOAD, part=bytes)`: the answer of /tap/sync to a multipart request."""

    def send(query: str, wanted: str | list[str], **contents: Any) -> Any:
        files = {
            name: data if not isinstance(data, bytes) else SimpleUploadedFile(f"{name}.vot", data)
            for name, data in contents.items()
        }
        return client.post("/tap/sync", {"QUERY": query, "LANG": "ADQL", "UPLOAD": wanted, **files})

    return send


def told(response: Any) -> str:
    assert response.status_code == 400, response.content[:500]
    info = parse(io.BytesIO(response.content), verify="exception").resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
    return str(info.content)


# --- what comes back --------------------------------------------------------------------------------------------------


def test_everything_comes_back() -> None:
    """TAP 1.1 section 2.7.6 (TAP-34): types, values, NULLs, arrays, units, UCDs, utypes, xtypes, descriptions."""
    content = read(votable(), "", "", 10)
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=votable())
    assert rows == VALUES
    assert columns == content.columns
    described = {c.name: c for c in columns}
    assert described["RA"].unit == "deg"
    assert (described["RA"].ucd, described["RA"].utype) == ("pos.eq.ra;meta.main", "src:pos.ra")
    assert described["id"].description == "Number of the source"
    assert [(c.datatype, c.arraysize, c.xtype) for c in columns[8:]] == [
        ("char", "*", None),
        ("unicodeChar", "12*", None),
        ("char", "4", None),
        ("long", "2x2", None),
        ("float", "*", None),
        ("char", "*", "timestamp"),
        ("double", "2", "point"),
        ("double", "3", "circle"),
        ("char", "*", "adql:REGION"),
    ]


@pytest.mark.parametrize("serialization", ["votable/td", "votable/b", "votable/b2"])
def test_our_own_results_come_back(post: Callable[..., Any], client: Client, serialization: str) -> None:
    """TAP 1.1 section 2.7.6: a result, sent back, is the same result."""
    query = "SELECT * FROM TAP_UPLOAD.t"
    sent = client.post(
        "/tap/sync",
        {
            "QUERY": query,
            "UPLOAD": "t,param:t",
            "FORMAT": serialization,
            "t": SimpleUploadedFile("t.vot", votable()),
        },
    )
    assert sent.status_code == 200
    columns, rows = run(query, t=sent.content)
    assert columns == read(votable(), "", "", 10).columns
    assert rows[0] == VALUES[0]
    if serialization == "votable/b2":
        assert rows[1] == VALUES[1]
    else:  # these know no NULL text, array or, without VALUES, integer
        assert rows[1][5:8] == (None,) * 3


@pytest.mark.parametrize("serialization", ["tabledata", "binary", "binary2"])
def test_astropy_tables(serialization: str) -> None:
    """VOTables as astropy and pyvo write them."""
    table = Table(
        {"id": np.array([1, 2], "i4"), "ra": [1.5, np.nan] * u.deg, "name": ["one", "ünï"], "flag": [True, False]}
    )
    table["v"] = np.array([[1, 2, 3], [4, 5, 6]], "i2")
    document = io.BytesIO()
    from_table(table).to_xml(document, tabledata_format=serialization)
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=document.getvalue())
    assert rows == [(1, 1.5, "one", True, [1, 2, 3]), (2, None, "ünï", False, [4, 5, 6])]
    assert [c.datatype for c in columns] == ["int", "double", "unicodeChar", "boolean", "short"]
    assert columns[1].unit == "deg"


def fits_table() -> bytes:
    made = fits.BinTableHDU.from_columns(
        [
            fits.Column("id", "J", null=-1, array=[1, -1]),
            fits.Column("ra", "D", unit="deg", array=[1.5, np.nan]),
            fits.Column("name", "8A", array=["one", ""]),
            fits.Column("flag", "L", array=[True, False]),
            fits.Column("v", "3I", array=[[1, 2, 3], [4, 5, 6]]),
            fits.Column("n", "PE()", array=np.array([np.array([1.0], "f4"), np.array([2.0, 3.0], "f4")], object)),
        ]
    )
    made.header["TUCD2"] = "pos.eq.ra"
    stored = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), made]).writeto(stored)
    return stored.getvalue()


FITS_ROWS = [(1, 1.5, "one", True, [1, 2, 3], [1.0]), (None, None, None, False, [4, 5, 6], [2.0, 3.0])]


def test_fits() -> None:
    """FITS 4.0 section 7: TNULL, units, UCDs, arrays of fixed and variable length."""
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=fits_table())
    assert rows == FITS_ROWS
    assert [c.datatype for c in columns] == ["int", "double", "char", "boolean", "short", "float"]
    assert (columns[1].unit, columns[1].ucd) == ("deg", "pos.eq.ra")


def test_fits_in_votable() -> None:
    """VOTable 1.4 section 5.3: the FIELDs describe, FITS holds the data."""
    import base64

    fields = "".join(
        f'<FIELD name="f{n}" datatype="{kind}" unit="u{n}" {size}/>'
        for n, (kind, size) in enumerate(
            [
                ("int", ""),
                ("double", ""),
                ("char", 'arraysize="8"'),
                ("boolean", ""),
                ("short", 'arraysize="3"'),
                ("float", 'arraysize="*"'),
            ]
        )
    )
    stream = base64.encodebytes(fits_table()).decode()
    data = f'<DATA><FITS extnum="1"><STREAM encoding="base64">{stream}</STREAM></FITS></DATA>'
    document = f"<VOTABLE><RESOURCE><TABLE>{fields}{data}</TABLE></RESOURCE></VOTABLE>".encode()
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=document)
    assert rows == FITS_ROWS
    assert [(c.name, c.unit) for c in columns[:2]] == [("f0", "u0"), ("f1", "u1")]


def test_csv_is_typed(post: Callable[..., Any]) -> None:
    part = SimpleUploadedFile("t.csv", b'id,ra,name,seen\n1,2.5,"a, ""b""",2004-03-22T12:30:00\n2,,,\n', "text/csv")
    response = post("SELECT id+1, ra, name, seen FROM TAP_UPLOAD.t", "t,param:t", t=part)
    table = parse(io.BytesIO(response.content), verify="exception").get_first_table()
    assert [f.datatype for f in table.fields] == ["long", "double", "char", "char"]
    assert table.fields[3].xtype == "timestamp"
    assert list(table.array[0]) == [2, 2.5, 'a, "b"', "2004-03-22T12:30:00"]


def test_parquet() -> None:
    fields = [
        pa.field("id", pa.int32()),
        pa.field("ra", pa.float64(), metadata={"unit": "deg", "ucd": "pos.eq.ra"}),
        pa.field("v", pa.list_(pa.int16())),
        pa.field("at", pa.timestamp("ms", "UTC")),
    ]
    at = dt.datetime(2004, 3, 22, 12, 30, 0, 500_000, dt.UTC)
    values = ([1, None], [1.5, None], [[1, 2], None], [at, None])
    arrays = [pa.array(v, f.type) for v, f in zip(values, fields, strict=True)]
    table = pa.table(arrays, pa.schema(fields))
    stored = io.BytesIO()
    pyarrow.parquet.write_table(table, stored)
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=stored.getvalue())
    assert rows == [(1, 1.5, [1, 2], "2004-03-22T12:30:00.500000"), (None, None, None, None)]
    assert (columns[1].unit, columns[1].ucd) == ("deg", "pos.eq.ra")


def test_types_of_tap_1_0() -> None:
    """DALI 1.1 section 3.3 (DALI-24): adql:POINT and adql:TIMESTAMP are read, and written as DALI has them."""
    fields = '<FIELD name="p" datatype="char" arraysize="*" xtype="adql:POINT"/>'
    fields += '<FIELD name="t" datatype="char" arraysize="*" xtype="adql:TIMESTAMP"/>'
    columns, rows = run(
        "SELECT p, t, COORD2(p) FROM TAP_UPLOAD.t WHERE t > '2000-01-01T00:00:00'",
        t=votable(fields, [("Position ICRS 10 -20", "2004-03-22T12:30:00")]),
    )
    assert [(c.datatype, c.arraysize, c.xtype) for c in columns[:2]] == [
        ("double", "2", "point"),
        ("char", "*", "timestamp"),
    ]
    assert rows == [([10.0, -20.0], "2004-03-22T12:30:00.000000", -20.0)]


def test_names() -> None:
    """TAP 1.1 section 2.7.6 (TAP-33): repeated and missing names get others, awkward ones are quoted."""
    names = ("ra", "RA", "", "size", 'a "b"', "col_2")
    fields = "".join(f"<FIELD name='{n.replace(chr(34), '&quot;')}' datatype='int'/>" for n in names)
    columns, rows = run("SELECT * FROM TAP_UPLOAD.t", t=votable(fields, [tuple("123456")]))
    assert [c.name for c in columns] == ["ra", "col_2_", "col_3", "size", 'a "b"', "col_2"]
    assert rows == [(1, 2, 3, 4, 5, 6)]
    query = 'SELECT t."size", "a ""b""", ra, COL_3 FROM tap_upload.T AS t'
    assert run(query, t=votable(fields, [tuple("123456")]))[1] == [(4, 5, 1, 3)]


# --- in queries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["ra", "lon"])
def test_cross_match(sky: list[SkyRow], position: str) -> None:
    """The usual cross-match, and the same the other way round, agree with astropy, by the index or without."""
    targets = [(83.63, 22.01), (0.0, 0.0), (10.0, 89.9), (200.0, -89.9), (None, 5.0)]
    fields = f'<FIELD name="id" datatype="int"/><FIELD name="{position}" datatype="double"/>'
    fields += '<FIELD name="dec" datatype="double"/>'
    rows = [(str(i), "" if ra is None else str(ra), str(dec)) for i, (ra, dec) in enumerate(targets)]
    known = [r for r in sky if r.ra is not None]
    places = SkyCoord([r.ra for r in known], [r.dec for r in known], unit="deg")
    wanted = {
        (i, known[k].obs_id)
        for i, (ra, dec) in enumerate(targets)
        if ra is not None
        for k in np.flatnonzero(places.separation(SkyCoord(ra, dec, unit="deg")).deg <= 0.5)
    }
    assert len(wanted) > 50
    o, t = "POINT(o.ra, o.dec)", f"t.{position}, t.dec"
    for condition in (
        f"1=CONTAINS({o}, CIRCLE({t}, 0.5))",
        f"DISTANCE({o}, POINT({t})) <= 0.5",
        f"1=CONTAINS(POINT({t}), CIRCLE(o.ra, o.dec, 0.5))",
    ):
        adql = f"SELECT t.id, o.obs_id FROM test.sky AS o JOIN TAP_UPLOAD.mine AS t ON {condition}"
        assert set(run(adql, mine=votable(fields, rows))[1]) == wanted


def test_cross_match_goes_by_the_index_of_the_table(sky: list[SkyRow]) -> None:
    """The archive's table is found through its sphere index, one look-up for each uploaded position."""
    from django.db import connection

    fields = '<FIELD name="ra" datatype="double"/><FIELD name="dec" datatype="double"/>'
    uploads = [upload("t", 1, read(votable(fields, [("83.6", "22.0")]), "", "", 10))]
    adql = "SELECT o.obs_id FROM test.sky AS o, TAP_UPLOAD.t AS t "
    adql += "WHERE 1=CONTAINS(POINT(o.ra, o.dec), CIRCLE(t.ra, t.dec, 0.1))"
    statement = prepare(adql, CONTEXT, uploads=uploads).statement
    if connection.vendor == "sqlite":
        assert "test_sky_pos_x_sphere" in statement.read
        assert "tap_upload_1" in statement.read
    else:
        assert "tap_position_cube(t1.pos_x, t1.pos_y, t1.pos_z) <@" in statement.sql


def test_several_tables(post: Callable[..., Any]) -> None:
    """TAP 1.1 section 2.7.6 (TAP-32, 37): repeated UPLOAD, and the pairs of TAP 1.0 in one value."""
    query = "SELECT a.id FROM TAP_UPLOAD.a AS a JOIN TAP_UPLOAD.b AS b ON a.id = b.id"
    one, two = column("id", "datatype='int'", "1", "2"), column("id", "datatype='int'", "2", "3")
    response = post(query, "a,param:x;b,param:x", x=one)
    assert list(parse(io.BytesIO(response.content)).get_first_table().array["id"]) == [1, 2]
    for wanted in (["a,param:x", "b,param:y"], "a,param:x;b,param:y"):
        response = post(query, wanted, x=one, y=two)
        assert response.status_code == 200
        assert list(parse(io.BytesIO(response.content)).get_first_table().array["id"]) == [2]


def test_part_without_a_file_name(client: Client) -> None:
    """A part of a multipart request need not be a file."""
    table = column("id", "datatype='int'", "0x1F").decode()
    response = client.post(
        "/tap/sync", {"QUERY": "SELECT id FROM TAP_UPLOAD.t", "UPLOAD": "t,param:table", "table": table}
    )
    assert list(parse(io.BytesIO(response.content)).get_first_table().array["id"]) == [31]


def test_old_votable_with_its_dtd() -> None:
    """VOTable 1.0 documents name a DTD: it is neither refused nor fetched."""
    start = "<?xml version='1.0'?><!DOCTYPE VOTABLE SYSTEM 'http://127.0.0.1:1/VOTable.dtd'><VOTABLE version='1.0'>"
    assert run("SELECT * FROM TAP_UPLOAD.t", t=votable(start=start))[1] == VALUES


def test_prefixed_elements() -> None:
    document = votable().replace(b"</", b"</v:").replace(b"<", b"<v:").replace(b"<v:/v:", b"</v:")
    assert run("SELECT * FROM TAP_UPLOAD.t", t=document)[1] == VALUES


def test_gone_afterwards(post: Callable[..., Any], client: Client) -> None:
    """TAP 1.1 section 2.7.6 (TAP-35): there for its query only, in no list of tables."""
    query = "SELECT id FROM TAP_UPLOAD.t"
    for _ in range(3):
        assert post(query, "t,param:t", t=column("id", "datatype='int'", "1")).status_code == 200
        assert "unknown table TAP_UPLOAD.t" in told(client.post("/tap/sync", {"QUERY": query}))
    assert find("TAP_UPLOAD.t") is None
    assert b"tap_upload" not in client.get("/tap/tables").content.lower()
    for table in ("tap_upload_1", "temp.tap_upload_1"):
        assert "unknown table" in told(
            post(f"SELECT id FROM {table}", "t,param:t", t=column("id", "datatype='int'", "1"))
        )


def test_after_an_upload_connections_are_read_only(post: Callable[..., Any]) -> None:
    """The transaction that made the table is read-only again when the query runs, and so is the next."""
    from django.db import connection

    from tap.engine.byrow import POOL

    if connection.vendor != "postgresql":
        pytest.skip("SQLite opens each connection anew")
    assert post("SELECT id FROM TAP_UPLOAD.t", "t,param:t", t=column("id", "datatype='int'", "1")).status_code == 200
    (idle,) = POOL.idle()[-1:]
    shown = idle.connection.execute("SHOW transaction_read_only").fetchone()
    left = idle.connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'tap_upload%'").fetchone()
    assert (shown, left) == (("on",), (0,))


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("t", "is not written name,uri"),
        ("t,", "is not written name,uri"),
        ("a.b,param:x", "is no table name"),
        ("1a,param:x", "is no table name"),
        ("größe,param:x", "is no table name"),
        ("select,param:x", "is a reserved word"),
        ("Size,param:x", "is a reserved word"),
        ("t,file:///etc/passwd", "cannot be read from"),
        ("t,ftp://127.0.0.1/x", "cannot be read from"),
        ("t,/etc/passwd", "cannot be read from"),
        ("t,param:x;T,param:y", "two tables are named T"),
    ],
)
def test_refused_values(value: str, message: str) -> None:
    """TAP 1.1 section 2.7.6 (TAP-31, 32), DALI 1.1 section 3.4.5 (DALI-35)."""
    with pytest.raises(UsageFault, match=message):
        sources([value])


def test_signs_in_uris() -> None:
    """TAP-37: split at the first comma; a URI may hold commas and semicolons."""
    (source,) = sources(["t,http://a.example/x?a=1,2;b=3;c,d"])
    assert source.uri == "http://a.example/x?a=1,2;b=3;c,d"
    assert sources([""]) == ()


def test_missing_part(post: Callable[..., Any]) -> None:
    """DALI 1.1 section 3.4.5 (DALI-36); parts that nobody asks for are ignored."""
    assert "no part named 'x' was sent" in told(post("SELECT 1 FROM TAP_UPLOAD.t", "t,param:x", y=votable()))


ENTITY = "<!DOCTYPE VOTABLE [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><VOTABLE>"
OUTSIDE = "<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><VOTABLE>"
STREAM = (
    "<VOTABLE><RESOURCE><TABLE><FIELD name='a' datatype='int'/><DATA><BINARY><STREAM {}>{}</STREAM></BINARY></DATA>"
)
_STORED = pa.BufferOutputStream()
pyarrow.parquet.write_table(pa.table({"name": [1]}), _STORED)
PARQUET = _STORED.getvalue().to_pybytes()
HUGE = "<VOTABLE><RESOURCE><TABLE nrows='999999999999'><FIELD name='a' datatype='int'/></TABLE></RESOURCE></VOTABLE>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is no VOTable", "neither a VOTable nor FITS"),
        (b"", "neither a VOTable nor FITS"),
        (b"<html><body/></html>", "the document is a html, not a VOTABLE"),
        (b"<VOTABLE><RESOURCE>", "not well formed"),
        (b"<VOTABLE></VOTABLE>", "has no TABLE"),
        (votable("", []), "has no FIELD"),
        (votable(start=ENTITY), "declares entities"),
        (votable(start=OUTSIDE), "declares entities"),
        (STREAM.format("href='file:///etc/passwd'", "").encode() + b"</TABLE>", "are elsewhere"),
        (STREAM.format("", "AAAA").encode() + b"</TABLE>", "end within a row"),
        (column("a", "datatype='int'", "x"), "column a, row 1: 'x' is no int"),
        (column("a", "datatype='short'", "99999"), "out of range of short"),
        (column("a", "datatype='double' arraysize='2'", "1 2 3"), "is no double"),
        (column("a", "datatype='floatComplex'", "1 2"), "'floatComplex' is not taken"),
        (column("a", "datatype='int' arraysize='x'", "1"), "is no arraysize"),
        (column("a", "datatype='char' arraysize='*' xtype='timestamp'", "noon"), "column a: 'noon' is not a time"),
        (column("a", "datatype='char' arraysize='*' xtype='adql:POINT'", "here"), "is no position"),
        (votable(rows=[("1",)]), "row 1 has 1 cells"),
        (b"SIMPLE  =                    T" + b" " * 50 + b"END" + b" " * 2797, "FITS file"),
        (fits_table()[:-3000], "FITS file"),
        (b"PAR1 and nothing else", "Parquet file cannot be read"),
        (PARQUET.replace(b"name", b"\xff\xff\xff\xff"), "Parquet file cannot be read"),
    ],
)
def test_refused_content(post: Callable[..., Any], content: bytes, message: str) -> None:
    """TAP 1.1 section 3.3: told in an error document that names the table."""
    said = told(post("SELECT * FROM TAP_UPLOAD.t", "t,param:t", t=content))
    assert message in said
    assert "table t: " in said


def test_announced_rows_are_not_believed() -> None:
    assert run("SELECT * FROM TAP_UPLOAD.t", t=HUGE.encode())[1] == []


def test_limits(post: Callable[..., Any], settings: LazySettings) -> None:
    """TAP 1.1 section 2.7.6 (TAP-36): above a limit a table is refused whole."""
    table = column("id", "datatype='int'", "1", "2", "3")
    settings.DISTILLER_UPLOAD_MAX_ROWS = (2,) * 3
    assert "more than 2 rows" in told(post("SELECT * FROM TAP_UPLOAD.t", "t,param:t", t=table))
    settings.DISTILLER_UPLOAD_MAX_ROWS = (3,) * 3
    settings.DISTILLER_UPLOAD_MAX_BYTES = (2 * len(table) - 1,) * 3
    query = "SELECT a.id FROM TAP_UPLOAD.a AS a, TAP_UPLOAD.b AS b"
    assert "bytes" in told(post(query, "a,param:a;b,param:b", a=table, b=table))
    settings.DISTILLER_UPLOAD_MAX_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = (10, 10, 10), 10
    assert "the body of the request is too large" in told(post(query, "a,param:a", a=table))


# --- from URLs --------------------------------------------------------------------------------------------------------


_REDIRECTS = {
    "to-file": "file:///etc/passwd",
    "to-self": "/to-self",
    "to-internal": "http://internal.example/table",
}


class _Web(BaseHTTPRequestHandler):
    """Answers by path: a table, endless bytes, redirects."""

    def do_GET(self) -> None:
        place = self.path.strip("/").split("?")[0]
        if place.startswith("to-"):
            self.send_response(302)
            self.send_header("Location", _REDIRECTS.get(place, "/table"))
            self.end_headers()
            return
        self.send_response(404 if place == "nothing" else 200)
        self.send_header("Content-Type", "application/x-votable+xml")
        self.end_headers()
        self.wfile.write(column("id", "datatype='int'", "5") if place == "table" else b"x" * 10_000)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """`host:port` of a web server on this machine."""
    server = HTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_by_url(post: Callable[..., Any], settings: LazySettings, web: str) -> None:
    """TAP 1.1 section 2.7.6 (TAP-30, 38): this machine's own addresses only where the settings name the host."""
    query = "SELECT id FROM TAP_UPLOAD.t"
    assert "is no public host" in told(post(query, f"t,http://{web}/table"))
    settings.DISTILLER_UPLOAD_HOSTS = [web]
    for path in ("table?a,b", "to-table"):
        response = post(query, f"t,http://{web}/{path}")
        assert list(parse(io.BytesIO(response.content)).get_first_table().array["id"]) == [5]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "answers 404"),
        ("to-file", "no http or https URL"),
        ("to-self", "redirects more than"),
        ("large", "more than 1000 bytes"),
    ],
)
def test_bad_answers(web: str, path: str, message: str) -> None:
    with pytest.raises(UsageFault, match=message):
        fetch(f"http://{web}/{path}", 1000, 10, (web,))


def test_redirects_are_checked_too(web: str) -> None:
    """TAP-38: the first host is allowed, the one that it sends us to is not."""
    looked_up = []

    def lookup(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with pytest.raises(UsageFault, match=r"'internal\.example' is no public host"):
        fetch(f"http://{web}/to-internal", 1000, 10, (web,), lookup)
    assert looked_up == ["127.0.0.1", "internal.example"]


def test_silent_server_is_given_up() -> None:
    """A server that accepts and says nothing costs no more than the time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TransientFault, match="took too long"):
            fetch(f"http://{host}/", 1000, 0.2, (host,))


def without_certificate(purpose: int) -> ssl.SSLContext:
    """TLS between two that do not prove who they are (RFC 5246 section F.1.1.1)."""
    context = ssl.SSLContext(purpose)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH:AECDH:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Each byte comes in time, and the next one does too."""
    monkeypatch.setattr(ssl, "create_default_context", lambda: without_certificate(ssl.PROTOCOL_TLS_CLIENT))
    is_cut = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        if scheme == "https":
            connection = without_certificate(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True)
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(100):
                    connection.sendall(b"x")
                    time.sleep(0.05)
            except OSError:
                is_cut.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        with pytest.raises(TransientFault, match="took too long"):
            fetch(f"{scheme}://{host}/", 1000, 0.3, (host,))
        server.join(10)
    assert is_cut.is_set()


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1"),
        "not an address",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["http://user:secret@a.example/", "http:///x", "http://a.example:99999/", "http://a b/"]
)
def test_no_urls(url: str) -> None:
    with pytest.raises(UsageFault, match=r"URL|user name"):
        fetch(url, 1000, 1, (), lambda host, port: ["8.8.8.8"])
