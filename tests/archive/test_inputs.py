"""The input resolver "dl3": which files a selection means, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archive.identifiers import make_did
from archive.models import ProductFile
from archive.store import digest, local_path
from tests.archive import samples
from tests.archive.test_ingest import TakeIn
from uws.context import InputFile
from uws.errors import UserJobError
from uws.jobtypes import Owner, resolver

pytestmark = pytest.mark.django_db
CRAB = (83.6333, 22.0145, 1.0)


def select(**parameters: Any) -> list[InputFile]:
    nothing = dict.fromkeys(("obs_list", "circle", "collection", "time", "quality_max"))
    selection = {"obs_id": (), **nothing, **parameters}
    return list(resolver("dl3")(SimpleNamespace(**selection), Owner()))  # type: ignore[arg-type]


def ids(files: list[InputFile]) -> list[str]:
    return [f.metadata["obs_id"] for f in files]


def refusal(**parameters: Any) -> str:
    with pytest.raises(UserJobError) as caught:
        select(**parameters)
    return caught.value.message


def test_by_obs_id(demo_archive: str) -> None:
    (file,) = select(obs_id=("1001",))
    assert file.id == make_did(demo_archive, "r1", "1001")
    assert digest(file.path).sha256 == file.sha256
    assert file.media_type == "application/fits"
    assert file.metadata["hdus"] == {k: k.upper() for k in ("events", "gti", "aeff", "edisp", "psf", "bkg")}
    assert file.metadata["hdu_classes"]["aeff"] == "aeff_2d"
    assert "files" not in file.metadata
    assert (file.metadata["target_name"], file.metadata["quality"]) == ("Crab Nebula", 0)
    assert file.metadata["ra_obj"] == pytest.approx(83.6333)


def test_order_and_repetitions_do_not_matter(demo_archive: str) -> None:
    did = make_did(demo_archive, "r1", "1001")
    assert ids(select(obs_id=("1003", "1001", "1003", did, "01001"))) == ["1001", "1003"]


def test_by_circle(demo_archive: str) -> None:
    assert ids(select(circle=CRAB, collection="demo")) == ["1001", "1002", "1003", "1004"]
    assert ids(select(circle=(83.6333, 22.6, 0.2), collection="demo")) == ["1001"]


def test_by_time_and_quality(demo_archive: str) -> None:
    files = select(circle=(329.7169, -30.2256, 1.0), collection="demo")
    assert ids(files) == ["2001", "2002", "2003"]
    assert ids(select(circle=(329.7169, -30.2256, 1.0), quality_max=1, collection="demo"))[-1] == "2004"
    # 6 August 2021 is MJD 59432.
    assert ids(select(circle=(329.7169, -30.2256, 1.0), time=(59432.0, 59433.2), collection="demo")) == ["2001", "2002"]
    assert ids(select(circle=CRAB, time=(float("-inf"), float("inf")), collection="DEMO")) == [
        "1001",
        "1002",
        "1003",
        "1004",
    ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"obs_id": ("100",)}, "there is no observation 100; did you mean 100"),
        ({"obs_id": ("999999",), "collection": "demo"}, "there is no observation 999999 in collection demo"),
        ({"obs_id": ("ivo://a/b?c",)}, "there is no observation with the identifier ivo://a/b?c"),
        ({"obs_id": ("ivo://distiller.example/demo?r1/1001/preview",)}, "is a preview-image, not an observation"),
        ({"obs_id": ("1001",), "collection": "nope"}, "there is no collection named 'nope'"),
        ({"circle": (200.0, 80.0, 1.0)}, "no observation points into the circle of 1 deg around 200.0000 +80.0000"),
        ({"circle": CRAB, "time": (0.0, 1.0)}, "overlaps MJD 0 to 1"),
        ({"circle": CRAB, "quality_max": -2}, "has a quality of -2 or better; raise quality_max"),
        ({"obs_id": ("1001",), "time": (0.0, 1.0)}, "none of the 1 observations overlaps MJD 0 to 1"),
        ({"obs_id": ("2004",), "quality_max": 0}, "none of the 1 observations selected has a quality of 0 or better"),
        ({"obs_id": ("2001",), "circle": CRAB}, "none of the observations named points into the circle of 1 deg"),
        ({"obs_list": "time,flux\n1,2"}, "there is no observation time"),
        ({"obs_list": "# only\n# words"}, "obs_list: the list of observations is empty"),
        ({"obs_list": "<VOTABLE><RESOURCE>"}, "obs_list: the VOTable is not well formed"),
        ({"obs_list": "# %ECSV 1.0\n# ---\nrun flux\n1 2"}, "no column obs_publisher_did or obs_id, but run, flux"),
    ],
)
def test_what_cannot_be_selected(demo_archive: str, parameters: dict[str, Any], message: str) -> None:
    assert message in refusal(**parameters)


def test_all_that_is_given_holds_together(demo_archive: str) -> None:
    named = ("1001", "2001", "2003", "2004")
    assert ids(select(obs_id=named)) == [*named]
    assert ids(select(obs_id=named, quality_max=0)) == ["1001", "2001", "2003"]
    assert ids(select(obs_id=named, time=(59432.0, 59433.2))) == ["2001"]
    assert ids(select(obs_id=named, circle=CRAB)) == ["1001"]


VOTABLE = """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="flux" datatype="double"/><FIELD name="OBS_ID" datatype="int"/>
<DATA><TABLEDATA><TR><TD>1.5</TD><TD>1003</TD></TR><TR><TD>2</TD><TD>1001</TD></TR></TABLEDATA></DATA>
</TABLE></RESOURCE></VOTABLE>"""


@pytest.mark.parametrize(
    "text",
    [
        "1003 1001",
        "# of last year\n1003,\n1001\n",
        "obs_id\n1003\n1001\n",
        'target, OBS_ID\n"Crab, Nebula", 1003\n,1001\n,\n',
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: obs_id, datatype: int64}\nflux obs_id\n1.5 1003\n2.0 1001",
        VOTABLE,
    ],
)
def test_lists_as_text(demo_archive: str, text: str) -> None:
    assert ids(select(obs_list=text)) == ["1001", "1003"]
    assert ids(select(obs_list=text, obs_id=("1002",))) == ["1001", "1002", "1003"]


def test_identifiers_go_before_numbers(demo_archive: str) -> None:
    text = f"obs_id,obs_publisher_did\n1001,{make_did(demo_archive, 'r1', '1002')}\n"
    assert ids(select(obs_list=text)) == ["1002"]


def test_two_collections_want_a_word(take_in: TakeIn, folder: Path) -> None:
    take_in(folder, "first")
    take_in(folder, "second")
    said = refusal(obs_id=("1",))
    assert "first, second" in said
    assert "name the collection" in said
    assert select(obs_id=("1",), collection="second")[0].id == make_did("second", "r1", "1")


def test_the_newest_release_is_meant(take_in: TakeIn, folder: Path) -> None:
    take_in(folder)
    take_in(folder, release="r2")
    old, new = make_did("c", "r1", "1"), make_did("c", "r2", "1")
    assert [f.id for f in select(obs_id=("1",), collection="c")] == [new]
    assert [f.id for f in select(obs_id=(old,))] == [old]
    found = [f.id for f in select(circle=(83.63, 22.51, 0.1), collection="c")]
    assert found == [make_did("c", "r2", n) for n in ("1", "2", "3")]
    assert "count twice" in refusal(obs_id=(old, new))


def test_a_file_that_vanished(take_in: TakeIn, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    take_in(folder)
    path = local_path(ProductFile.objects.get(product__did=make_did("c", "r1", "2")).file.path)
    path.unlink()
    assert refusal(obs_id=("2",), collection="c") == (
        "the file of observation 2 is missing from the archive; the curators have been told"
    )
    assert path.name in caplog.text


def test_responses_in_another_file(take_in: TakeIn, tmp_path: Path) -> None:
    from tests.archive.test_gadf_reader import make_store, row

    samples.write(tmp_path / "events.fits", samples.events(), samples.gti())
    samples.write(tmp_path / "irfs.fits", samples.aeff(), samples.edisp())
    rows = [row(42, "events", "events.fits", "EVENTS"), row(42, "gti", "events.fits", "GTI")]
    rows += [row(42, "aeff", "irfs.fits", "AEFF"), row(42, "edisp", "irfs.fits", "EDISP")]
    make_store(tmp_path, rows, [{"OBS_ID": 42}])
    take_in(tmp_path)
    (file,) = select(obs_id=("42",), collection="c")
    files = file.metadata["files"]
    assert files["events"] == files["gti"] == str(file.path)
    assert Path(files["aeff"]).read_bytes() == (tmp_path / "irfs.fits").read_bytes()


def test_event_lists_without_responses_are_no_input(take_in: TakeIn, tmp_path: Path) -> None:
    samples.write(tmp_path / "run.fits", samples.events(), samples.gti())
    take_in(tmp_path)
    assert "no complete instrument responses" in refusal(obs_id=("42",), collection="c")
    assert "complete instrument responses" in refusal(circle=(83.63, 22.51, 1.0), collection="c")
