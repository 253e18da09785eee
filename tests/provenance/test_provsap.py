"""ProvSAP: what is asked, what is answered, and that all formats hold the same valid graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
from django.test import Client
from lxml import etree
from prov.model import ProvDocument

from provenance import graph, policy
from provenance.identifiers import unescape
from provenance.recorder import EntityRef, record
from tests.provenance.records import (
    COLLECTION,
    EVENTS,
    FIT,
    HESS,
    INGEST,
    JOB,
    MORE_EVENTS,
    PLOT,
    SOURCE,
    job,
    record_all,
)

pytestmark = pytest.mark.django_db

VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


@pytest.fixture(autouse=True)
def recorded() -> None:
    record_all()


def ask(client: Client, *ids: str, **parameters: str) -> Any:
    return client.get("/provenance/provsap?" + urlencode([*(("ID", i) for i in ids), *parameters.items()]))


def answer(client: Client, *ids: str, **parameters: str) -> dict[str, Any]:
    response = ask(client, *ids, **parameters)
    assert response.status_code == 200, response.content
    document: dict[str, Any] = json.loads(response.content)
    return document


def elements(document: dict[str, Any]) -> set[str]:
    """Identifiers of a PROV-JSON document, with prefixes resolved."""
    return {resolve(document, key) for kind in ("entity", "activity", "agent") for key in document.get(kind, {})}


def resolve(document: dict[str, Any], name: str) -> str:
    prefix, _, local = name.partition(":")
    return str(document["prefix"][prefix]) + local


def relations(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    ends = {
        "used": ("activity", "entity"),
        "wasGeneratedBy": ("entity", "activity"),
        "wasDerivedFrom": ("generatedEntity", "usedEntity"),
        "wasInformedBy": ("informed", "informant"),
        "wasAssociatedWith": ("activity", "agent"),
        "wasAttributedTo": ("entity", "agent"),
        "wasInfluencedBy": ("influencee", "influencer"),
        "hadMember": ("collection", "entity"),
    }
    return {
        (kind, resolve(document, item[f"prov:{ends[kind][0]}"]), resolve(document, item[f"prov:{ends[kind][1]}"]))
        for kind in ends
        for item in document.get(kind, {}).values()
    }


def test_result_leads_back_to_events(client: Client) -> None:
    """From a fitted spectrum to the files that were ingested, with roles, checksums, versions and parameters."""
    document = answer(client, FIT.id, DEPTH="ALL")
    assert {FIT.id, JOB, EVENTS.id, MORE_EVENTS.id, INGEST, SOURCE.id, HESS.id} <= elements(document)
    assert PLOT.id not in elements(document)
    assert ("wasGeneratedBy", FIT.id, JOB) in relations(document)
    assert ("used", JOB, EVENTS.id) in relations(document)
    assert ("wasGeneratedBy", EVENTS.id, INGEST) in relations(document)
    fit = document["entity"]["ivo:distiller.example/jobs?Ab3-x_9/fit"]
    assert (fit["schema:sha256"], fit["schema:contentSize"]) == (FIT.sha256, {"$": "911", "type": "xsd:long"})
    radius = document["entity"]["ivo:distiller.example/jobs?Ab3-x_9#parameter/on_radius"]
    assert (radius["prov:value"], radius["voprov:unit"]) == ("0.11", "deg")
    gammapy = next(e for e in document["entity"].values() if e["prov:label"] == "gammapy")
    assert gammapy["prov:value"] == "2.1"
    events = document["entity"]["ivo:distiller.example/hess-dl3-dr1?r1/23523"]
    assert events["prov:location"] == f"http://testserver{EVENTS.location}"
    roles = {item["prov:role"] for item in document["used"].values()}
    assert roles == {"observations", "software", "file"}


RUN = {FIT.id, JOB, EVENTS.id, MORE_EVENTS.id}
DEPTHS: list[tuple[dict[str, str], set[str]]] = [
    ({}, RUN),
    ({"DEPTH": "0"}, {FIT.id}),
    ({"DEPTH": "0", "direction": "forth"}, {FIT.id}),
    ({"DEPTH": "1"}, RUN),
    ({"DEPTH": "2"}, RUN | {INGEST, SOURCE.id}),
    ({"depth": "all"}, RUN | {INGEST, SOURCE.id}),
]


@pytest.mark.parametrize(("asked", "expected"), DEPTHS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_depth(client: Client, asked: dict[str, str], expected: set[str]) -> None:
    """ProvSAP: DEPTH is the number of relations followed, 1 by default."""
    assert elements(answer(client, FIT.id, AGENTS="0", CONFIGURATION="0", **asked)) == expected


def test_forth_finds_what_was_made(client: Client) -> None:
    """ProvSAP: DIRECTION=FORTH goes to the products; nothing of the origin comes with them."""
    found = elements(answer(client, EVENTS.id, DIRECTION="FORTH", DEPTH="ALL", AGENTS="F", CONFIGURATION="F"))
    assert found == {EVENTS.id, JOB, FIT.id, PLOT.id, COLLECTION.id}


def test_from_agent(client: Client) -> None:
    assert {HESS.id, INGEST, EVENTS.id} <= elements(answer(client, HESS.id))


def test_what_was_made_with_a_release_of_software(client: Client) -> None:
    """PR-22: everything made with one release of a package can be found."""
    assert JOB in elements(answer(client, "pkg:pypi/gammapy@2.1", DIRECTION="FORTH"))


def test_switches(client: Client) -> None:
    everything = elements(answer(client, JOB, DESCRIPTIONS="true"))
    plain = elements(answer(client, JOB, AGENTS="0", CONFIGURATION="0"))
    assert plain == {JOB, EVENTS.id, MORE_EVENTS.id, INGEST}
    described = {e for e in everything if "#ParameterDescription/" in e}
    assert len(described) == 3
    assert any(e.endswith("#UsageDescription/spectrum/1.0/used/observations") for e in everything)
    assert COLLECTION.id not in elements(answer(client, EVENTS.id, MEMBERS="0", DIRECTION="FORTH"))


@pytest.mark.parametrize(
    "spelling",
    [
        JOB,
        "Ab3-x_9",
        "ivo:distiller.example/jobs?Ab3-x_9",
        "ivo:distiller.example/jobs_x003F_Ab3-x_9",
        f" {JOB} ",
        "ivo:distiller.example/_x006A_obs?Ab3-x_9",
    ],
)
def test_spellings_of_an_identifier(client: Client, spelling: str) -> None:
    """Identifiers as recorded, as our documents write them, and plain UWS job ids."""
    assert JOB in elements(answer(client, spelling))


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "ID is missing"),
        ("ID=", 400, "ID is missing"),
        ("ID=ivo://distiller.example/nothing", 404, "no provenance is recorded of 'ivo://distiller.example/nothing'"),
        (f"ID={JOB}&ID=nothing", 404, "nothing"),
        ("ID=a%00b", 404, "no provenance"),
        (f"ID={JOB}&DEPTH=-1", 400, "DEPTH"),
        (f"ID={JOB}&DEPTH=1.5", 400, "DEPTH"),
        (f"ID={JOB}&DEPTH=1&depth=2", 400, "DEPTH"),
        (f"ID={JOB}&DIRECTION=SIDEWAYS", 400, "BACK, FORTH"),
        (f"ID={JOB}&RESPONSEFORMAT=PROV-VOTABLE", 400, "PROV-JSON, PROV-N, PROV-XML"),
        (f"ID={JOB}&MODEL=OPM", 400, "IVOA, W3C"),
        (f"ID={JOB}&AGENTS=maybe", 400, "neither true nor false"),
        (f"ID={JOB}&COLOUR=red", 400, "no parameter COLOUR"),
        ("&".join(f"ID=x{i}" for i in range(101)), 400, "at most 100"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_errors(client: Client, query: str, status: int, message: str) -> None:
    """DALI 1.1 section 4.2: errors are documents with QUERY_STATUS ERROR and a fitting status (PR-40)."""
    response = client.get(f"/provenance/provsap?{query}")
    assert response.status_code == status
    assert response["Content-Type"].startswith("application/x-votable+xml")
    info = etree.fromstring(response.content).find(f".//{VOTABLE}INFO[@name='QUERY_STATUS']")
    assert info is not None
    assert info.get("value") == "ERROR"
    assert message in (info.text or "")


def test_methods(client: Client) -> None:
    assert client.put("/provenance/provsap").status_code == 405
    posted = client.post("/provenance/provsap", {"ID": JOB})
    assert posted.json() == answer(client, JOB)
    assert client.get("/provenance/provsap/", {"id": JOB}).json() == posted.json()
    assert client.head("/provenance/provsap", {"ID": JOB}).status_code == 200


def test_each_element_once(client: Client) -> None:
    """PR-41: whatever the number of paths and of IDs that lead to it. PR-42: no relation ends outside."""
    for direction in ("BACK", "FORTH"):
        for depth in ("0", "1", "2", "ALL"):
            document = answer(
                client, FIT.id, PLOT.id, EVENTS.id, JOB, DEPTH=depth, DIRECTION=direction, DESCRIPTIONS="1"
            )
            assert isinstance(document["entity"]["ivo:distiller.example/jobs?Ab3-x_9/fit"], dict)
            for _, source, target in relations(document):
                assert {source, target} <= elements(document)


VARIANTS = [
    {"DEPTH": "ALL", "DESCRIPTIONS": "true"},
    {"DEPTH": "ALL", "DESCRIPTIONS": "true", "MODEL": "W3C"},
    {"DEPTH": "ALL", "DIRECTION": "FORTH"},
    {"DEPTH": "0"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_formats_are_valid_and_equal(client: Client, shared: Path, variant: dict[str, str]) -> None:
    """PROV-JSON and PROV-XML validate, PROV-N parses, and the three hold the same graph (PR-53)."""
    record(
        job(
            id="ivo://distiller.example/jobs?9é %41_x0041_{}",
            name="odd & <b>",
            used=[("a:b?", EntityRef("no uri at all"))],
            generated=[("out", EntityRef("mailto:x@y.z/")), ("out", EntityRef("https://a.b/"))],
        )
    )
    ids = (FIT.id, SOURCE.id, "ivo://distiller.example/jobs?9é %41_x0041_{}", "mailto:x@y.z/", "https://a.b/")
    texts = {
        name: ask(client, *ids, RESPONSEFORMAT=name, **variant).content.decode()
        for name in ("PROV-JSON", "PROV-N", "PROV-XML")
    }
    schemas = shared / "standards" / "xsd"
    schema = json.loads((schemas / "prov-json.schema.json").read_text())
    jsonschema.Draft4Validator(schema).validate(json.loads(texts["PROV-JSON"]))
    xsd = etree.XMLSchema(etree.parse(schemas / "prov.xsd"))
    xsd.assertValid(etree.fromstring(texts["PROV-XML"].encode()))
    documents = {
        "PROV-JSON": ProvDocument.deserialize(content=texts["PROV-JSON"], format="json"),
        "PROV-N": ProvDocument.deserialize(content=texts["PROV-N"], format="provn"),
        "PROV-XML": ProvDocument.deserialize(content=texts["PROV-XML"], format="xml"),
    }
    graphs = {name: sorted(map(statement, document.get_records())) for name, document in documents.items()}
    assert len(graphs["PROV-JSON"]) > len(ids) - 1
    assert graphs["PROV-N"] == graphs["PROV-JSON"]
    assert graphs["PROV-XML"] == graphs["PROV-JSON"]
    assert documents["PROV-N"] == documents["PROV-JSON"]


def statement(record: Any) -> tuple[Any, ...]:
    """A statement of a document with full identifiers, escapes undone."""

    def plain(value: Any) -> str:
        return unescape(getattr(value, "uri", None) or str(getattr(value, "value", value)))

    return (
        str(record.get_type()),
        plain(record.identifier) if record.identifier else "",
        sorted((str(name), plain(value)) for name, value in record.attributes),
    )


def test_identifiers_are_the_ivoids(client: Client) -> None:
    """PR-50: namespace and local part give the IVOID, in PROV-XML too where XML allows it."""
    for form, content in (("json", "PROV-JSON"), ("provn", "PROV-N"), ("xml", "PROV-XML")):
        text = ask(client, FIT.id, RESPONSEFORMAT=content).content.decode()
        names = {
            r.identifier.uri for r in ProvDocument.deserialize(content=text, format=form).get_records() if r.identifier
        }
        assert {FIT.id, JOB} <= names
        assert EVENTS.id in {unescape(name) for name in names}
        if form != "xml":
            assert EVENTS.id in names


@pytest.mark.parametrize(
    ("asked", "content_type"),
    [
        ("", "application/json"),
        ("application/json", "application/json"),
        ("prov-n", "text/provenance-notation; charset=utf-8"),
        ("application/provenance+xml", "application/provenance+xml"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_media_types(client: Client, asked: str, content_type: str) -> None:
    response = client.get("/provenance/provsap", {"ID": JOB, **({"RESPONSEFORMAT": asked} if asked else {})})
    assert response["Content-Type"] == content_type


def test_limit_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """PR-43: an answer that a limit has cut says so, and is whole in itself."""
    runs = [EntityRef(f"ivo://distiller.example/c?r1/{i:04}") for i in range(2100)]
    record(job(id="ivo://distiller.example/jobs?big", used=[("observations", run) for run in runs], generated=[]))
    response = ask(client, "big")
    assert response["X-Overflow"]
    document = response.json()
    assert "cut at a limit" in document["entity"]["ivo:distiller.example/provenance#overflow"]["prov:label"]
    assert len([e for e in elements(document) if "/c?r1/" in e]) <= graph.NODE_LIMIT
    assert {end for _, *ends in relations(document) for end in ends} <= elements(document)
    assert "X-Overflow" not in ask(client, FIT.id, DEPTH="ALL")


@pytest.fixture
def hidden_jobs() -> Iterator[None]:
    """Jobs are seen by those who know the identifier of the job, and by curators."""

    def jobs(ids: Any, viewer: policy.Viewer, asked: Any) -> set[str]:
        return {i for i in ids if "/jobs?" in i and not any(a.startswith(JOB) for a in asked) and not viewer.is_curator}

    policy.register(jobs)
    yield
    policy.withdraw(jobs)


@pytest.mark.usefixtures("hidden_jobs")
def test_hidden_records(client: Client, admin_client: Client) -> None:
    """PR-32: records are as visible as what they are about; the rest of the graph has no trace of them."""
    forth = {"DIRECTION": "FORTH", "DEPTH": "ALL"}
    document = answer(client, EVENTS.id, **forth)
    assert "/jobs" not in json.dumps(document)
    assert JOB in elements(answer(admin_client, EVENTS.id, **forth))
    assert JOB in elements(answer(client, FIT.id))


def test_hidden_is_as_unknown(client: Client) -> None:
    def nothing_of_hess(ids: Any, viewer: policy.Viewer, asked: Any) -> set[str]:
        return {i for i in ids if "hess" in i}

    policy.register(nothing_of_hess)
    try:
        assert ask(client, EVENTS.id).status_code == 404
        assert EVENTS.id not in elements(answer(client, FIT.id, DEPTH="ALL"))
    finally:
        policy.withdraw(nothing_of_hess)
