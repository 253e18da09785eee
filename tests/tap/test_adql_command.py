"""`manage.py adql`: every sample query through `check`, and what `explain` shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.tap.sky import SkyRow


def check(path: Path) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and what was said of each query."""
    out, status = io.StringIO(), 0
    try:
        call_command("adql", "check", str(path), stdout=out)
    except SystemExit as end:
        status = int(str(end.code))
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def test_all_sample_queries(shared: Path) -> None:
    """ADQL 2.1 appendix A: every uncontested sample is judged right, invalid ones at or before the first bad token."""
    path = shared / "standards" / "adql_queries_dev.json"
    samples = json.loads(path.read_text())
    status, verdicts = check(path)
    assert status == 1
    assert len(verdicts) == len(samples) > 800
    wrong = []
    for sample, verdict in zip(samples, verdicts, strict=True):
        assert set(verdict) == {"parsed", "line", "column", "offset", "message"}
        if verdict["parsed"]:
            assert verdict["offset"] is verdict["line"] is verdict["column"] is verdict["message"] is None
        else:
            before = sample["query"][: verdict["offset"]].replace("\r\n", "\n").replace("\r", "\n").split("\n")
            assert (verdict["line"], verdict["column"]) == (len(before), len(before[-1]) + 1)
        if sample["contested"]:
            continue
        if verdict["parsed"] != sample["valid"] or (not sample["valid"] and verdict["offset"] > sample["error_pos"]):
            wrong.append((sample["id"], verdict))
    assert not wrong


def test_check_of_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands in a file or on standard input; tables are not looked up."""
    path = tmp_path / "query.adql"
    path.write_text("SELECT a\nFROM nowhere.such_table")
    assert check(path) == (0, [dict.fromkeys(("line", "column", "offset", "message")) | {"parsed": True}])
    path.write_text("SELECT a\nFROM t LIMIT 5")
    status, (verdict,) = check(path)
    assert status == 1
    assert (verdict["line"], verdict["column"], verdict["offset"]) == (2, 14, 22)
    assert verdict["message"].startswith("ADQL has no LIMIT")
    monkeypatch.setattr("sys.stdin", io.StringIO('["SELECT 1 FROM t", {"query": "SELECT 2 FROM t", "id": 7}]'))
    out = io.StringIO()
    call_command("adql", "check", stdout=out)
    assert [json.loads(line)["parsed"] for line in out.getvalue().splitlines()] == [True, True]


@pytest.mark.parametrize("text", ['["SELECT', "[1]", "[" * 100_000, '[{"text": "SELECT 1 FROM t"}]'])
def test_check_of_what_is_no_list_of_queries(tmp_path: Path, text: str) -> None:
    path = tmp_path / "queries.json"
    path.write_text(text)
    with pytest.raises(CommandError) as refused:
        check(path)
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="cannot read"):
        check(tmp_path / "missing")


@pytest.mark.django_db
def test_explain(sky: list[SkyRow]) -> None:
    """Tree with places, columns with metadata, SQL with parameters, and a plan that uses the index."""
    out = io.StringIO()
    query = (
        "SELECT ra AS lon, MAX(flux) AS brightest\nFROM test.sky WHERE DISTANCE(ra, dec, 83.6, 22.0) < 0.5 GROUP BY ra"
    )
    call_command("adql", "explain", query, stdout=out)
    said = out.getvalue()
    titles = ["Syntax tree (line:column)", "Columns", "SQL", "Plan"]
    assert [line for line in said.splitlines() if line and not line.startswith(" ")] == titles
    assert "where: Comparison operator='<' (2:21)" in said
    assert "lon: datatype='double', unit='deg', ucd='pos.eq.ra;meta.main', description='Right ascension'" in said
    assert "brightest: datatype='double', unit='Jy', ucd='phot.flux'" in said
    assert "= 83.6" in said
    assert "test_sky_pos_x_sphere" in said.partition("\nPlan\n")[2]


@pytest.mark.django_db
def test_explain_of_a_wrong_query(sky: list[SkyRow]) -> None:
    with pytest.raises(CommandError, match="line 1 column 8: unknown column nam; did you mean name"):
        call_command("adql", "explain", "SELECT nam FROM test.sky")
