"""STILTS, the code of TOPCAT on the command line, against a running server with the demo archive."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.django_db  # the database that the server shows is the tests'
Stilts = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stilts(need: Callable[[str], str]) -> Stilts:
    """`stilts("task", "name=value", ...)`"""
    program = need("stilts")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "-allowunused", *words], capture_output=True, text=True, timeout=180, check=False
        )

    return run


@pytest.fixture
def query(stilts: Stilts, tap_url: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`query(adql, "out=...")`: tapquery in sync mode, without a check of the query by STILTS itself."""

    def run(adql: str, *words: str) -> subprocess.CompletedProcess[str]:
        return stilts("tapquery", f"tapurl={tap_url}", "parse=false", "sync=true", f"adql={adql}", *words)

    return run


def lines(run: subprocess.CompletedProcess[str]) -> list[str]:
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_cone(query: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A cone in the form that clients generate; the rows are those within the radius."""
    whole = lines(query("SELECT obs_id, s_ra, s_dec FROM ivoa.obscore", "ofmt=csv"))[1:]
    _, ra, dec = whole[0].split(",")
    cone = f"1=CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', {ra}, {dec}, 2))"
    found = lines(query(f"SELECT obs_id, s_ra, s_dec FROM ivoa.obscore WHERE {cone}", "ofmt=csv"))[1:]
    wanted = lines(
        query(
            "SELECT obs_id, s_ra, s_dec FROM ivoa.obscore",
            f"ocmd=select skyDistanceDegrees(s_ra,s_dec,{ra},{dec})<=2",
            "ofmt=csv",
        )
    )[1:]
    assert 0 < len(found) < len(whole)
    assert sorted(found) == sorted(wanted)


def test_maxrec(query: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """An overflow is a success: the rows are there."""
    assert len(lines(query("SELECT obs_id FROM ivoa.obscore", "maxrec=2", "ofmt=csv"))) == 3


def test_error_is_shown(query: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """STILTS shows the message of the error document."""
    run = query("SELECT no_such_column FROM ivoa.obscore")
    assert run.returncode != 0
    assert "no_such_column" in run.stderr


@pytest.mark.parametrize("serialization", ["TABLEDATA", "BINARY", "BINARY2"])
def test_upload(query: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, serialization: str) -> None:
    """STILTS sends an upload as a chunked multipart body, as a VOTable in any serialisation."""
    table = tmp_path / "positions.csv"
    table.write_text("id,ra,dec,name\n7,83.6,22,Crab\n8,,,\n")
    sent = ["nupload=1", f"upload1={table}", "ufmt1=csv", "upname1=t", f"upvotformat={serialization}", "ofmt=csv"]
    assert lines(query("SELECT * FROM TAP_UPLOAD.t", *sent)) == ["id,ra,dec,name", "7,83.6,22,Crab", "8,,,"]


def test_sky_match(stilts: Stilts, tap_url: str, tmp_path: Path) -> None:
    """The positions of TOPCAT's multi-cone match through TAP."""
    table = tmp_path / "positions.csv"
    table.write_text("ra,dec\n83.633,22.014\n10,-89\n")
    found = lines(
        stilts(
            "tapskymatch",
            *(f"tapurl={tap_url}", "taptable=ivoa.obscore", "taplon=s_ra", "taplat=s_dec", f"in={table}", "ifmt=csv"),
            *("inlon=ra", "inlat=dec", "sr=2", "find=all", "ofmt=csv"),
        )
    )
    assert len(found) > 1


def test_cone_searches(stilts: Stilts, tap_url: str, tmp_path: Path) -> None:
    """TOPCAT's multi-cone: a cone search for each row; the rows are those of a match through TAP."""
    table = tmp_path / "positions.csv"
    table.write_text("ra,dec\n83.633,22.014\n10,-89\n")
    service = f"serviceurl={tap_url.removesuffix('/tap')}/scs"
    shared = ("in=" + str(table), "ifmt=csv", "ra=ra", "dec=dec", "sr=2", "find=all", "ofmt=csv", "usefoot=false")
    found = lines(stilts("coneskymatch", service, "servicetype=cone", *shared))
    assert len(found) == 5
    assert "obs_publisher_did" in found[0]


@pytest.mark.parametrize("path", ["/scs?RA=83&DEC=22&SR=3&VERB=3", "/scs?RA=x", "/sia2/query"])
def test_votlint_of_discovery(stilts: Stilts, tap_url: str, path: str) -> None:
    """No message of votlint on a cone search, its error, and an image search."""
    assert lines(stilts("votlint", f"votable={tap_url.removesuffix('/tap')}{path}")) == []


@pytest.mark.parametrize(
    "asked", ["", "&RESPONSEFORMAT=votable/td", "&RESPONSEFORMAT=votable/b", "&RESPONSEFORMAT=votable/b2&MAXREC=2"]
)
def test_votlint_of_results(stilts: Stilts, tap_url: str, asked: str) -> None:
    """No message of votlint on `SELECT *` in each serialisation, with a descriptor, and cut by MAXREC."""
    url = f"{tap_url}/sync?LANG=ADQL&QUERY=SELECT+*+FROM+ivoa.obscore+NATURAL+JOIN+ivoa.obscore_hea"
    assert lines(stilts("votlint", f"votable={url}{asked}")) == []


def test_votlint_of_an_error(stilts: Stilts, tap_url: str, tmp_path: Path) -> None:
    """The same of an error document; STILTS itself would not read one that comes with status 400."""
    answer = requests.get(f"{tap_url}/sync", {"LANG": "ADQL", "QUERY": 'SELECT "<&>" FROM ivoa.obscore'}, timeout=60)
    assert answer.status_code == 400
    (tmp_path / "error.vot").write_bytes(answer.content)
    assert lines(stilts("votlint", f"votable={tmp_path / 'error.vot'}")) == []


def test_fits_of_a_result(stilts: Stilts, tap_url: str) -> None:
    """STILTS reads a FITS result with the same columns, units, UCDs and values as the VOTable."""
    adql = "SELECT+obs_id,target_name,s_ra,t_min,access_estsize,calib_level+FROM+ivoa.obscore+ORDER+BY+obs_id"

    def read(form: str, *words: str) -> list[str]:
        kind = "votable" if form == "votable" else "fits-plus"
        url = f"{tap_url}/sync?LANG=ADQL&QUERY={adql}&RESPONSEFORMAT={form}"
        return lines(stilts("tpipe", f"in={url}", f"ifmt={kind}", *words))

    described = ("cmd=meta name class units ucd utype", "ofmt=csv")
    assert read("fits", *described) == read("votable", *described)
    rows = read("fits", "ofmt=csv")
    assert len(rows) > 2
    assert rows == read("votable", "ofmt=csv")
