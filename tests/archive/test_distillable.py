"""The resolver of the job `distil`: which observations its parameters mean, under whose rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from analysis.distil.job import DistilParameters
from archive.distillable import resolve_events
from archive.models import Observation, Product
from archive.policy import Policy
from events.inputs import source_of
from uws.errors import UserJobError
from uws.jobtypes import Owner
from uws.values import parse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_archive")]
BUNDLES = "SELECT obs_publisher_did FROM ivoa.obscore WHERE dataproduct_type = 'event'"


def resolved(**texts: str | list[str]) -> list[str]:
    """The obs_id of each file."""
    given = {name: value if isinstance(value, list) else [value] for name, value in texts.items()}
    return [file.metadata["obs_id"] for file in resolve_events(parse(DistilParameters, given), Owner())]


def observation(obs_id: str = "1001") -> Observation:
    return Observation.objects.get(obs_id=obs_id, release__collection__name="demo")


def cases() -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Parameters, and the observations that they mean."""
    every = list(Observation.objects.filter(release__collection__name="demo"))
    one = observation()
    place = f"{one.ra_pnt!r} {one.dec_pnt!r}"
    same = {o.obs_id for o in every if (o.ra_pnt, o.dec_pnt) == (one.ra_pnt, one.dec_pnt)}
    good = {o.obs_id for o in every if o.quality <= 0}
    span = f"{one.t_start!r} {one.t_stop!r}"
    alone = {o.obs_id for o in every if o.t_start <= one.t_stop and o.t_stop >= one.t_start}
    return {
        "named": ({"obs_id": ["1002", "1001"]}, {"1001", "1002"}),
        "list": ({"obs_list": "obs_id\n1001\n1003\n"}, {"1001", "1003"}),
        "query": ({"query": f"{BUNDLES} AND obs_id IN ('1002', '1004')"}, {"1002", "1004"}),
        "query and name": ({"query": f"{BUNDLES} AND obs_id = '1002'", "obs_id": "1001"}, {"1001", "1002"}),
        "cone": ({"circle": f"{place} 0.001", "quality_max": "2"}, same),
        "time": ({"time": span, "quality_max": "2"}, alone),
        "everywhere": ({"region": "CIRCLE 0 0 180"}, good),
        "range": ({"region": "RANGE 0 360 -90 90"}, good),
        "coverage": ({"moc": "0/0-11"}, good),
        "place and time": ({"position": place, "time": span, "quality_max": "2"}, alone & same),
    }


NAMES = (
    "named", "list", "query", "query and name", "cone", "time", "everywhere", "range", "coverage", "place and time",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_selected(name: str) -> None:
    texts, wanted = cases()[name]
    found = resolved(**texts)
    assert found == sorted(found, key=lambda o: (len(o), o))
    assert wanted
    assert set(found) == wanted


def test_files_become_sources() -> None:
    """What the worker needs: files, HDUs, and where the columnar copies are."""
    (file,) = resolve_events(parse(DistilParameters, {"obs_id": ["1001"]}), Owner())
    source = source_of(file)
    assert (source.did, source.obs_id, source.path) == (file.id, "1001", file.path)
    assert source.index["OBJECT"] == observation().target_name
    assert file.metadata["copies"] == str(Path(settings.DISTILLER_HOME) / "events")
    assert file.metadata["most_bytes"] == settings.DISTILLER_BUNDLE_ASYNC[0] * 2**20


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"query": "SELECT obs_id FROM ivoa.obscore"},
            "query: the result has no column obs_publisher_did; it has obs_id",
        ),
        ({"query": f"{BUNDLES} AND obs_id = 'x'"}, "query: it finds no observation"),
        ({"query": "SELECT"}, "query: .*line 1"),
        ({"query": "SELECT obs_publisher_did, 1/0 AS x FROM ivoa.obscore"}, "query: division by zero"),
        ({"obs_id": "9999"}, "there is no observation 9999"),
        ({"position": "1 -89"}, "no observation looks at the regions at the times asked for"),
        ({"time": "50000 50001"}, "no observation looks at the regions"),
        ({"moc": "8/786431"}, "no observation looks at the regions"),
    ],
)
def test_refusals(texts: dict[str, str], message: str) -> None:
    with pytest.raises(UserJobError, match=message):
        resolved(**texts)


def test_other_products() -> None:
    did = Product.objects.filter(subtype="preview-image").order_by("pk")[0].did
    with pytest.raises(UserJobError, match="is a preview-image, not an observation"):
        resolved(obs_id=did)


def test_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 8: what the owner may not read is refused, however it was found."""
    monkeypatch.setattr(Policy, "may_read", lambda self, product, viewer: False)
    for texts in ({"obs_id": "1001"}, {"query": BUNDLES}, {"region": "CIRCLE 0 0 180"}):
        with pytest.raises(UserJobError, match="is not public, and not yours"):
            resolved(**texts)
