"""The links service: DataLink 1.1, by its documents as clients read them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.tree import Resource
from django.test import Client
from pyvo.dal.adhoc import DatalinkResults

from archive.identifiers import make_did
from archive.links import BATCH, COLUMNS
from archive.models import HDUIndex
from tests.archive import samples
from tests.archive.lint import complaints
from tests.archive.test_ingest import TakeIn

pytestmark = pytest.mark.django_db
LINKS = "/datalink/links"
MEDIA_TYPE = "application/x-votable+xml;content=datalink"


class Document:
    """A links document, parsed."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.votable = parse(io.BytesIO(content))
        self.results = self._resource("results")[0]
        table = self.results.tables[0].to_table()
        self.rows = [{n: _python(row[n]) for n in table.colnames} for row in table]
        self.services = {r.ID: r for r in self._resource("meta")}

    def _resource(self, kind: str) -> list[Resource]:
        return [r for r in self.votable.resources if r.type == kind]

    def info(self, name: str) -> list[str]:
        return [i.value for i in self.results.infos if i.name == name]

    def of(self, semantics: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["semantics"] == semantics]

    def one(self, semantics: str) -> dict[str, Any]:
        (row,) = self.of(semantics)
        return row


def _python(value: Any) -> Any:
    if getattr(value, "mask", False):
        return None
    value = value.item() if hasattr(value, "item") else value
    return value or None if isinstance(value, str) else value


@pytest.fixture
def links(client: Client) -> Callable[..., Document]:
    def get(*identifiers: str, **parameters: str) -> Document:
        response = client.get(LINKS, {"ID": list(identifiers), **parameters})
        assert response.status_code == 200
        assert response["Content-Type"] == MEDIA_TYPE
        return Document(response.content)

    return get


@pytest.fixture
def did(demo_archive: str) -> str:
    return make_did(demo_archive, "r1", "1001")


def test_columns(links: Callable[..., Document], did: str) -> None:
    """DataLink 1.1 section 3.2: names, datatypes, UCDs and units (DL-20)."""
    fields = {f.name: f for f in links(did).results.tables[0].fields}
    expected = {
        "ID": "meta.id;meta.main", "access_url": "meta.ref.url", "service_def": "meta.ref",
        "error_message": "meta.code.error", "description": "meta.note", "semantics": "meta.code",
        "content_type": "meta.code.mime", "content_length": "phys.size;meta.file", "link_auth": "meta.code",
        "link_authorized": "meta.code",
    }  # fmt: skip
    assert list(fields)[:8] == [c.name for c in COLUMNS][:8]
    for name, ucd in expected.items():
        assert fields[name].ucd == ucd
    assert (fields["content_length"].datatype, str(fields["content_length"].unit)) == ("long", "byte")
    assert fields["link_authorized"].datatype == "boolean"


def test_valid_xml(links: Callable[..., Document], did: str, validate: Callable[[bytes], list[str]]) -> None:
    """VOTable 1.4 schema; TABLEDATA in a RESOURCE of type results; standardID and status (DL-05)."""
    document = links(did, "ivo://no/such?thing")
    assert validate(document.content) == []
    assert document.info("standardID") == ["ivo://ivoa.net/std/DataLink#links-1.1"]
    assert document.info("QUERY_STATUS") == ["OK"]
    assert b"<TABLEDATA>" in document.content


def test_one_of_three(links: Callable[..., Document], did: str) -> None:
    """DataLink 1.1 section 3.2: each row has exactly one of access_url, service_def, error_message."""
    for row in links(did, "ivo://no/such?thing").rows:
        assert sum(row[n] is not None for n in ("access_url", "service_def", "error_message")) == 1, row
        assert row["ID"]
        assert row["description"]
        assert row["semantics"].startswith("#")


def test_this_is_the_file(links: Callable[..., Document], did: str, client: Client) -> None:
    row = links(did).one("#this")
    assert (row["content_type"], row["content_qualifier"]) == ("application/fits", "#event-list")
    assert (row["link_auth"], row["link_authorized"]) == ("false", True)
    assert row["access_url"].startswith("http://testserver/retrieve?ID=ivo%3A%2F%2F")
    response = client.get(row["access_url"])
    assert len(b"".join(response.streaming_content)) == row["content_length"]


def test_responses_by_hdu(links: Callable[..., Document], did: str) -> None:
    """The terms of the high-energy draft, and a fragment that names the HDU (OC-41, DL-23, DL-26)."""
    rows = {row["content_qualifier"]: row for row in links(did).of("#calibration")}
    assert set(rows) == {"#aeff", "#edisp", "#psf", "#bkgrate", None}
    assert rows["#bkgrate"]["access_url"].endswith("&HDU=bkg#BKG")
    assert rows["#aeff"]["local_semantics"] == "aeff_2d"
    assert rows[None]["content_length"] == links(did).one("#this")["content_length"]
    assert len({row["description"] for row in rows.values()}) == 5


def test_a_response_alone(links: Callable[..., Document], did: str, client: Client) -> None:
    """The file of one HDU is valid FITS, of the announced length, with the bytes and checksums of the original."""
    whole = b"".join(client.get(links(did).one("#this")["access_url"]).streaming_content)
    content = gzip.decompress(whole) if whole.startswith(b"\x1f\x8b") else whole
    for row in links(did).of("#calibration"):
        if row["content_qualifier"] is None:
            continue
        response = client.get(row["access_url"].partition("#")[0])
        alone = b"".join(response.streaming_content)
        assert len(alone) == row["content_length"] == int(response["Content-Length"])
        assert alone[2880:] in content
        assert response["Content-Type"] == row["content_type"]
        with fits.open(io.BytesIO(alone), checksum=True) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", row["access_url"].partition("#")[2]]
            assert hdus[1].header["HDUCLAS4"].lower() == row["local_semantics"]


@pytest.mark.parametrize("term", ["aeff", "edisp", "psf", "bkgrate"])
def test_a_response_has_links_of_its_own(links: Callable[..., Document], did: str, client: Client, term: str) -> None:
    """Its file, the data set that it is a part of, and its provenance; no jobs."""
    document = links(f"{did}/{term}")
    this = document.one("#this")
    assert this["content_qualifier"] == f"#{term}"
    assert len(b"".join(client.get(this["access_url"]).streaming_content)) == this["content_length"]
    assert len(b"".join(client.get("/retrieve", {"ID": f"{did}/{term}"}).streaming_content)) == this["content_length"]
    parent = document.one("#progenitor")
    assert parent["content_type"] == MEDIA_TYPE
    assert did in client.get(parent["access_url"]).content.decode()
    assert client.get(document.one("#documentation")["access_url"]).status_code == 200
    assert not document.of("#proc")


def test_responses_that_cannot_be_had_alone(links: Callable[..., Document], did: str) -> None:
    """Where the places of the HDUs are not known, a fragment names each in the whole file (DL-26)."""
    HDUIndex.objects.filter(product__did=did).update(hdu_size=None)
    rows = {row["content_qualifier"]: row for row in links(did).of("#calibration")}
    assert set(rows) == {"#aeff", "#edisp", "#psf", "#bkgrate"}
    whole = links(did).one("#this")
    for row in rows.values():
        url, _, fragment = row["access_url"].partition("#")
        assert (url, row["content_length"]) == (whole["access_url"], whole["content_length"])
        assert f"HDU {fragment} of" in row["description"]
    assert links(did).one("#this")["access_url"] == whole["access_url"]


def test_package(links: Callable[..., Document], did: str) -> None:
    row = links(did).one("#package")
    assert row["access_url"].endswith(f"/retrieve/bundle?ID={quote(did, safe='')}")
    assert not links(f"{did}/preview").of("#package")


def test_previews_and_provenance(links: Callable[..., Document], did: str, client: Client) -> None:
    document = links(did)
    for term in ("#preview-image", "#preview-plot"):
        preview = document.one(term)
        response = client.get(preview["access_url"])
        assert len(b"".join(response.streaming_content)) == preview["content_length"]
        assert response["Content-Type"] == preview["content_type"] == "image/png"
        assert response["Content-Disposition"].startswith("inline")
    provenance = client.get(document.one("#documentation")["access_url"])
    assert provenance.status_code == 200
    assert did.rpartition("/")[2] in provenance.content.decode()


def test_jobs_are_offered(links: Callable[..., Document], did: str) -> None:
    """A service row for each job type that accepts the product, and its descriptor (DL-25, DL-40 to DL-45)."""
    document = links(did)
    offered = {row["service_def"] for row in document.of("#proc")}
    assert {"job_spectrum", "job_countmap"} <= offered <= set(document.services)
    ids = {f.ID for f in document.results.tables[0].fields}
    for name in offered:
        service = document.services[name]
        assert service.utype == "adhoc:service"
        params = {p.name: p for p in service.params}
        assert params["accessURL"].value == f"http://testserver/uws/{name.removeprefix('job_')}"
        (group,) = [g for g in service.groups if g.name == "inputParams"]
        inputs = {p.name: p for p in group.entries}
        assert inputs["obs_id"].ref == "ID"
        assert "ID" in ids
        assert inputs["PHASE"].value == "RUN"
        assert inputs["circle"].unit == "deg"
        assert inputs["circle"].xtype == "circle"


def test_the_preview_has_links_of_its_own(links: Callable[..., Document], did: str) -> None:
    document = links(f"{did}/preview")
    assert document.one("#this")["content_type"] == "image/png"
    assert not document.of("#proc")
    assert not document.of("#calibration")


def test_no_id(links: Callable[..., Document]) -> None:
    """DataLink 1.1 section 2.1.1: no ID gives an empty table with all columns, and the service's descriptor (DL-02)."""
    document = links()
    assert document.rows == []
    assert len(document.results.tables[0].fields) == len(COLUMNS)
    assert [s.utype for s in document.services.values()] == ["adhoc:this"]
    assert links("").rows == []


def test_unknown_id(links: Callable[..., Document], did: str) -> None:
    """DataLink 1.1 section 3.2.4: a row with the ID and a NotFoundFault; the others are served (DL-03, DL-04)."""
    document = links("ivo://nobody/has?this", did, "nonsense <&>")
    assert document.rows[0]["ID"] == "ivo://nobody/has?this"
    assert document.rows[0]["semantics"] == "#this"
    assert document.rows[0]["error_message"].startswith("NotFoundFault: ")
    assert document.rows[-1]["ID"] == "nonsense <&>"
    assert [row["ID"] for row in document.rows[1:-1]] == [did] * (len(document.rows) - 2)


def test_rows_of_an_id_are_together(links: Callable[..., Document], demo_archive: str) -> None:
    """DataLink 1.1 section 2.1.1 (DL-04)."""
    wanted = [make_did(demo_archive, "r1", n) for n in ("1002", "1001", "1003")]
    ids = [row["ID"] for row in links(*wanted, wanted[0]).rows]
    assert list(dict.fromkeys(ids)) == wanted
    assert ids == sorted(ids, key=wanted.index)


def test_too_many_ids(links: Callable[..., Document], demo_archive: str, settings: Any) -> None:
    """DataLink 1.1 section 2.1.1: the first ones completely, and OVERFLOW (DL-04)."""
    settings.DISTILLER_LINKS_MAX_IDS = 2
    wanted = [make_did(demo_archive, "r1", n) for n in ("1001", "1002", "1003")]
    document, all_of_two = links(*wanted), links(*wanted[:2])
    assert len(document.rows) == len(all_of_two.rows)
    assert "OVERFLOW" in document.info("QUERY_STATUS")


def test_thousands_of_ids(
    client: Client, demo_archive: str, did: str, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    """They come by POST and are answered in a stream; the queries for a batch do not depend on its length."""
    with django_assert_max_num_queries(20):
        client.post(LINKS, {"ID": did})
    made = [make_did(demo_archive, "r1", n) for n in ("1001", "1002", "1003", "1004")]
    unknown = [f"ivo://distiller.example/demo?r1/{n}" for n in range(10**6, 10**6 + 2996)]
    with django_assert_max_num_queries(20 + 15 * len(made + unknown) // BATCH):
        response = client.post(LINKS, {"ID": [made[0], *unknown, *made[1:]]})
        assert response.streaming
        document = Document(b"".join(response.streaming_content))
    assert document.info("QUERY_STATUS") == ["OK"]
    ids = [row["ID"] for row in document.rows]
    assert list(dict.fromkeys(ids)) == [made[0], *unknown, *made[1:]]
    assert {row["service_def"] for row in document.of("#proc")} <= set(document.services)


def test_identifiers_compare_as_ivoids(links: Callable[..., Document], did: str) -> None:
    """IVOA Identifiers 2.0: the registry part ignores case, the local part does not; the ID comes back as written."""
    shouted = did.replace("ivo://distiller.example/demo", "IVO://Distiller.Example/DEMO")
    assert links(shouted).one("#this")["ID"] == shouted
    assert links(did.replace("?r1", "?R1")).one("#this")["error_message"]


def test_post_and_names_in_any_case(client: Client, did: str) -> None:
    """DataLink 1.1 section 2.1: GET and POST; parameter names ignore case (DL-01)."""
    response = client.post(f"{LINKS}?id={did}", {"Id": "ivo://x/y?z", "responseformat": "votable"})
    assert [row["ID"] for row in Document(response.content).rows][-1] == "ivo://x/y?z"
    assert {row["ID"] for row in Document(response.content).rows} == {did, "ivo://x/y?z"}


@pytest.mark.parametrize(
    "name",
    [
        "votable",
        "application/x-votable+xml",
        "application/x-votable+xml;serialization=TABLEDATA",
        MEDIA_TYPE,
        "text/xml",
    ],
)
def test_formats(client: Client, did: str, name: str) -> None:
    """DataLink 1.1 section 2.1.2 (DL-08)."""
    response = client.get(LINKS, {"ID": did, "RESPONSEFORMAT": name})
    assert response.status_code == 200
    assert response["Content-Type"] == MEDIA_TYPE


@pytest.mark.parametrize("parameters", [{"RESPONSEFORMAT": "csv"}, {"RESPONSEFORMAT": ["votable", "csv"]}])
def test_errors_are_votables(client: Client, parameters: dict[str, Any]) -> None:
    """DataLink 1.1 section 3.4: an error VOTable, 4xx, the message begins with its label (DL-09)."""
    response = client.get(LINKS, parameters)
    assert response.status_code == 400
    votable = parse(io.BytesIO(response.content))
    (info,) = [i for i in votable.resources[0].infos if i.name == "QUERY_STATUS"]
    assert info.value == "ERROR"
    assert info.content.startswith("UsageFault: ")


def test_a_method_that_is_not_for_it(client: Client) -> None:
    assert client.put(LINKS).status_code == 405


def test_several_files(take_in: TakeIn, tmp_path: Path, links: Callable[..., Document], client: Client) -> None:
    """Responses in a file of their own are fetched from there."""
    from tests.archive.test_gadf_reader import make_store, row

    samples.write(tmp_path / "events.fits", samples.events(), samples.gti())
    samples.write(tmp_path / "irfs.fits", samples.aeff(EXTNAME="EFFECTIVE AREA"), samples.edisp())
    rows = [row(42, "events", "events.fits", "EVENTS"), row(42, "gti", "events.fits", "GTI")]
    rows += [row(42, "aeff", "irfs.fits", "EFFECTIVE AREA"), row(42, "edisp", "irfs.fits", "EDISP")]
    make_store(tmp_path, rows, [{"OBS_ID": 42}])
    assert take_in(tmp_path).exit_status == 0
    document = links(make_did("c", "r1", "42"))
    assert document.one("#this")["content_length"] == (tmp_path / "events.fits").stat().st_size
    (aeff,) = [r for r in document.of("#calibration") if r["content_qualifier"] == "#aeff"]
    assert aeff["access_url"].endswith("&HDU=aeff#EFFECTIVE%20AREA")
    (whole,) = [r for r in document.of("#calibration") if r["content_qualifier"] is None]
    assert whole["access_url"].endswith("&FILE=irfs.fits")
    response = client.get(whole["access_url"])
    assert b"".join(response.streaming_content) == (tmp_path / "irfs.fits").read_bytes()


def test_old_releases_lead_to_the_new(take_in: TakeIn, folder: Path, links: Callable[..., Document]) -> None:
    """Re-processing makes a new release; the old stays resolvable and links to its successor."""
    take_in(folder)
    samples.write(folder / "run1.fits", samples.events(OBS_ID=1, CREATOR="new"), samples.gti())
    take_in(folder, release="r2")
    old, new = links(make_did("c", "r1", "2")), links(make_did("c", "r2", "2"))
    assert old.one("#this")["access_url"]
    successor = old.one("#coderived")
    assert "r2" in successor["description"]
    assert successor["content_type"] == MEDIA_TYPE
    assert successor["access_url"].endswith("links?ID=ivo%3A%2F%2Fdistiller.example%2Fc%3Fr2%2F2")
    assert not new.of("#coderived")


def test_documents_of_the_release(take_in: TakeIn, folder: Path, links: Callable[..., Document]) -> None:
    (folder / "TERMS-OF-USE.txt").write_text("Cite us.\n")
    take_in(folder)
    texts = [r for r in links(make_did("c", "r1", "1")).of("#documentation") if r["content_type"] == "text/plain"]
    assert [r["content_length"] for r in texts] == [9]


def test_pyvo_reads_it(client: Client, did: str) -> None:
    """pyvo finds the rows by their semantics, and the services."""
    votable = parse(io.BytesIO(client.get(LINKS, {"ID": did}).content))
    results = DatalinkResults(votable)
    # Narrower terms would be looked up in the vocabulary on the network.
    terms = ("#this", "#calibration", "#cutout", "#proc")
    count = {term: len(list(results.bysemantics(term, include_narrower=False))) for term in terms}
    assert count["#this"] == 1
    assert count["#calibration"] == 5
    assert count["#cutout"] == 2
    assert len(list(results.iter_procs())) == count["#cutout"] + count["#proc"]


def test_datalinklint(
    client: Client,
    demo_archive: str,
    did: str,
    need: Callable[[str], str],
    tmp_path: Path,
    take_in: TakeIn,
    folder: Path,
) -> None:
    """STILTS datalinklint and votlint find nothing wrong but terms that are newer than their list."""
    stilts = need("stilts")
    take_in(folder)
    take_in(folder, release="r2")
    identifiers = [did, f"{did}/preview", f"{did}/aeff", f"{did}/bkgrate", make_did("c", "r1", "1"), "ivo://x/y?z"]
    cases: dict[str, dict[str, Any]] = {"none": {}, "several": {"ID": identifiers}}
    for name, parameters in cases.items():
        assert complaints(stilts, client.get(LINKS, parameters).content, tmp_path) == [], name
