"""The VOTable writer, read back by astropy and by STILTS."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import math
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io.votable import parse
from astropy.io.votable.tree import TableElement, VOTableFile

from tests.vo.samples import COLUMNS, ROWS, batch
from vo import votable
from vo.columns import ColumnMeta, ServiceDescriptor
from vo.errors import TransientFault
from vo.votable import SERIALIZATIONS, Info


def read(document: bytes) -> VOTableFile:
    return parse(io.BytesIO(document), verify="exception")


def table(document: bytes) -> TableElement:
    return read(document).get_first_table()


def write(**options: Any) -> bytes:
    return b"".join(votable.write(COLUMNS, [batch()], **options))


def same(column: ColumnMeta, got: Any, wanted: Any, masked: Any) -> bool:
    """Whether a value came back; NULL text and arrays come back empty, times as text."""
    if wanted is None:
        return bool(np.all(masked)) or len(got) == 0
    if isinstance(wanted, dt.datetime):
        return dt.datetime.fromisoformat(got) == wanted
    if isinstance(wanted, str):
        return got == wanted
    array, expected = np.ma.getdata(got), np.asarray(wanted)
    if column.datatype == "float":
        expected = expected.astype(np.float32)
    return array.shape == expected.shape and np.array_equal(
        array, expected, equal_nan=column.datatype in ("float", "double")
    )


@pytest.mark.parametrize("serialization", ["binary2", "tabledata"])
def test_every_value_comes_back(serialization: str) -> None:
    """VOTable 1.4 sections 5.1, 5.4: all types, NULL in each, limits, awkward text, in both serialisations."""
    got = table(write(serialization=serialization)).array
    assert len(got) == len(ROWS)
    wrong = [
        (column.name, i, got[column.name][i], row[k])
        for k, column in enumerate(COLUMNS)
        for i, row in enumerate(ROWS)
        if not same(column, got[column.name][i], row[k], got.mask[column.name][i])
    ]
    assert wrong == []


def test_binary_has_null_values_of_its_own() -> None:
    """VOTable 1.4 sections 4.7, 5.3: BINARY has no flags, so integers have a VALUES null."""
    columns = tuple(c for c in COLUMNS if c.name in ("b", "s", "i", "l", "s_ra", "c"))
    rows = [(True, 1, 2, 3, 0.5, "x"), (None,) * 6]
    got = table(b"".join(votable.write(columns, [batch(columns, rows)], serialization="binary"))).array
    assert [tuple(got.mask[1])[k] for k in (1, 2, 3)] == [True, True, True]
    assert tuple(got[0]) == (True, 1, 2, 3, 0.5, "x")
    assert math.isnan(np.ma.getdata(got["s_ra"])[1])


def test_binary_refuses_what_it_would_take_for_null() -> None:
    """A value that equals the NULL of BINARY ends the table with an error instead of changing silently."""
    document = write(serialization="binary")
    assert b'value="ERROR">column u holds 255, which BINARY needs for NULL' in document


def test_fields_carry_the_metadata() -> None:
    """TAP 1.1 section 3.2: datatype, arraysize, xtype, unit, UCD, utype and description of each column."""
    for field, column in zip(table(write()).fields, COLUMNS, strict=True):
        assert (field.name, field.datatype, field.arraysize, field.xtype) == (
            column.name,
            column.datatype,
            column.arraysize,
            column.xtype,
        )
        assert (field.ucd, field.utype, field.description) == (column.ucd, column.utype, column.description or None)
        assert str(field.unit or "") == (column.unit or "")


def test_positions_and_times_have_frames() -> None:
    """VOTable 1.4 sections 3.1, 3.5: positions refer to ICRS, times to UTC, MJD with its origin."""
    results = read(write()).resources[0]
    frames = {f.ID: f for f in [*results.coordinate_systems, *results.time_systems]}
    refs = {f.name: frames.get(f.ref) for f in results.tables[0].fields}
    assert refs["s_ra"].system == "ICRS"
    assert (refs["t_min"].timeorigin, refs["t_min"].timescale) == ("MJD-origin", "UTC")
    assert (refs["when"].timeorigin, refs["when"].timescale) == (None, "UTC")
    assert refs["f"] is None


def test_names_give_unique_ids() -> None:
    """XML IDs are NCNames and unique in the document, whatever the columns are called."""
    names = ["a", "A", "size", "1st", "Flux 1", "Flux_1", "é", "coosys_icrs"]
    columns = tuple(ColumnMeta(name, "double", unit="deg", ucd="pos.eq.ra") for name in names)
    ids = [f.ID for f in table(votable.document(columns, [])).fields]
    assert len(set(ids)) == len(ids)
    assert ids[4:6] == ["Flux_1_2", "Flux_1"]


@pytest.mark.parametrize("serialization", ["binary2", "tabledata"])
def test_text_beyond_its_type_is_replaced(serialization: str) -> None:
    """VOTable 1.4 section 2.1: char is ASCII, unicodeChar is UCS-2; XML 1.0 section 2.2: no control characters."""
    columns = (ColumnMeta("c", "char", "*"), ColumnMeta("w", "unicodeChar", "*"))
    rows = [("é\x01\x7fx", "é\x00\U0001f600\ufffex")]
    got = table(votable.document(columns, rows, serialization=serialization)).array
    assert tuple(got[0]) == ("??\x7fx", "é\ufffd\ufffd\ufffdx")


def test_text_longer_than_a_fixed_column_is_no_silent_loss() -> None:
    document = votable.document((ColumnMeta("c", "char", "2"),), [("abc",)], serialization="binary2")
    assert b"longer than its declared 2 characters" in document


@pytest.mark.parametrize("serialization", SERIALIZATIONS)
def test_batches_and_their_cuts_do_not_show(serialization: str) -> None:
    """Slices of batches, batches of one row and empty ones give the rows of the whole."""
    columns = tuple(c for c in COLUMNS if c.name in ("b", "s_ra", "c", "w", "dv", "f2", "when"))
    kept = [COLUMNS.index(c) for c in columns]
    rows = [tuple(row[k] for k in kept) for row in ROWS] * 25
    whole = batch(columns, rows)
    cuts = [0, 0, 1, 2, 5, 50, 99, 100]
    parts = [whole.slice(a, b - a) for a, b in itertools.pairwise(cuts)]
    one, many = (
        table(b"".join(votable.write(columns, batches, serialization=serialization))).to_table()
        for batches in ([whole], parts)
    )
    assert len(many) == 100
    assert [str(row) for row in one.filled()] == [str(row) for row in many.filled()]


def test_infos_stand_before_the_table() -> None:
    """DALI 1.1 section 4.4: QUERY_STATUS first, then what the service says of itself."""
    results = read(write(infos=[Info("query", 'SELECT "a"\n<&>'), Info("x", "1", "text", "meta.note")])).resources[0]
    assert [(i.name, i.value) for i in results.infos] == [
        ("QUERY_STATUS", "OK"),
        ("query", 'SELECT "a"\n<&>'),
        ("x", "1"),
    ]


def test_overflow_is_said_after_the_table() -> None:
    """DALI 1.1 section 4.4.1."""
    head, _, tail = write(overflow=lambda: True).partition(b"</TABLE>")
    assert b'<INFO name="QUERY_STATUS" value="OK"/>' in head
    assert b'<INFO name="QUERY_STATUS" value="OVERFLOW"/>' in tail
    assert b"OVERFLOW" not in write(overflow=lambda: False)


def failing(error: Exception) -> Iterator[pa.RecordBatch]:
    yield batch()
    raise error


@pytest.mark.parametrize("serialization", ["binary2", "tabledata"])
def test_error_in_mid_stream_ends_a_good_document(serialization: str) -> None:
    """DALI 1.1 section 4.4.2: OK first, ERROR after TABLE; the rows that were sent are there."""
    document = b"".join(votable.write(COLUMNS, failing(TransientFault("too <slow>")), serialization=serialization))
    assert len(table(document).array) == len(ROWS)
    assert b'<INFO name="QUERY_STATUS" value="ERROR">too &lt;slow&gt;</INFO>' in document.partition(b"</TABLE>")[2]


def test_defect_in_mid_stream_is_told_by_reference_only(caplog: pytest.LogCaptureFixture) -> None:
    """The client reads a reference, the log holds the traceback under it."""
    document = b"".join(votable.write(COLUMNS, failing(RuntimeError("secret of the database"))))
    tail = document.partition(b"</TABLE>")[2].decode()
    reference = tail.partition("internal error, reference ")[2][:8]
    assert "secret" not in tail
    assert reference in caplog.text
    assert "secret of the database" in caplog.text


def test_error_document() -> None:
    """DALI 1.1 section 4.4: RESOURCE results, QUERY_STATUS ERROR with the message as content."""
    results = read(votable.error_document("line 1 column 8: <what>\x00")).resources[0]
    assert (results.type, results.infos[0].name, results.infos[0].value) == ("results", "QUERY_STATUS", "ERROR")
    assert results.infos[0].content == "line 1 column 8: <what>\ufffd"


DESCRIPTOR = ServiceDescriptor(
    id="c",
    params=(("standardID", "ivo://ivoa.net/std/DataLink#links-1.1"), ("accessURL", "http://127.0.0.1/links?a=1&b=2")),
    inputs=(
        (ColumnMeta("ID", "char", "*", ucd="meta.id;meta.main", description="what to link"), "c"),
        (ColumnMeta("ENERGY", "double", "2", xtype="interval", unit="TeV"), None),
        (ColumnMeta("MODEL", "char", "*"), None),
    ),
    description="Links",
    options={"MODEL": ("pl", "lp")},
    values={"MODEL": "pl"},
    limits={"ENERGY": ("0.1", "100")},
)


def test_service_descriptor() -> None:
    """DataLink 1.1 section 4: a meta RESOURCE, inputs that refer to FIELDs, options and limits."""
    document = read(write(descriptors=[DESCRIPTOR]))
    service = document.resources[1]
    assert (service.type, service.utype, service.ID) == ("meta", "adhoc:service", "c_2")
    assert {p.name: p.value for p in service.params}["accessURL"] == "http://127.0.0.1/links?a=1&b=2"
    did, energy, model = service.groups[0].entries
    assert (did.ref, did.value, did.ucd) == ("c", "", "meta.id;meta.main")
    assert document.get_field_by_id("c").name == "c"
    assert (energy.unit.to_string(), energy.xtype, energy.values.min, energy.values.max) == (
        "TeV",
        "interval",
        0.1,
        100,
    )
    assert (model.value, [value for _, value in model.values.options]) == ("pl", ["pl", "lp"])


@pytest.mark.parametrize("serialization", ["binary2", "tabledata"])
def test_stilts_votlint_has_nothing_to_say(serialization: str, need: Callable[[str], str], tmp_path: Path) -> None:
    """STILTS votlint: no message on a document with everything in it.

    The sample's NULL in an array of integers of fixed size is left out: TABLEDATA has no spelling that votlint takes.
    """
    path = tmp_path / "sample.vot"
    path.write_bytes(write(serialization=serialization, infos=[Info("query", "x")], overflow=lambda: True))
    run = subprocess.run(
        [need("stilts"), "votlint", str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert run.stdout == ""


def test_stilts_reads_the_same_from_both(need: Callable[[str], str], tmp_path: Path) -> None:
    """STILTS reads the same from each; a NULL array of floats is NaN in TABLEDATA, for want of another spelling."""
    read_back = []
    for serialization in ("binary2", "tabledata"):
        path = tmp_path / f"{serialization}.vot"
        path.write_bytes(write(serialization=serialization))
        command = [need("stilts"), "tpipe", f"in={path}", "ofmt=csv"]
        read_back.append(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)
    assert read_back[0] == read_back[1].replace('"(NaN, NaN)"', "")
    assert read_back[0].count("Zoë € Ω") == 1


def test_documents_are_valid(shared: Path, validate: Callable[[bytes], list[str]]) -> None:
    """VOTable 1.4 XSD."""
    for serialization in SERIALIZATIONS:
        assert validate(write(serialization=serialization, infos=[Info("a", "b")], overflow=lambda: True)) == []
    assert validate(votable.error_document("no")) == []
    assert validate(write(descriptors=[DESCRIPTOR])) == []
