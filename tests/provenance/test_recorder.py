"""What the recorder writes, refuses, and does when several write at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from provenance import models
from provenance.recorder import ActivityRecord, AgentRef, Described, EntityRef, collect, invalidate, record
from tests.provenance.records import (
    COLLECTION,
    EVENTS,
    FIT,
    INGEST,
    JOB,
    MORE_EVENTS,
    NOON,
    PLOT,
    SOURCE,
    ingest,
    job,
    record_all,
)

PROV_MODELS = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, models.models.Model) and not value._meta.abstract
]


def counts() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in PROV_MODELS}


@pytest.mark.django_db
def test_job_leaves_all_records() -> None:
    """ProvenanceDM 1.0 sections 2.2 to 2.7: the classes and relations that one run leaves."""
    record_all()
    activity = models.Activity.objects.get(id=JOB)
    assert (activity.start_time, activity.end_time) == (job().start, job().end)
    assert activity.status == "COMPLETED"
    assert activity.description is not None
    assert (activity.description.name, activity.description.version) == ("spectrum", "1.0")
    assert {(u.role, u.entity_id) for u in activity.used.all()} == {
        ("observations", EVENTS.id),
        ("observations", MORE_EVENTS.id),
        ("software", "pkg:pypi/gammapy@2.1"),
        ("software", "pkg:generic/python@3.11.2"),
    }
    fit = models.Entity.objects.get(id=FIT.id)
    assert fit.generation.activity_id == JOB
    assert fit.generation.role == "fit"
    assert fit.generated_at_time == job().end
    assert (fit.sha256, fit.size) == (FIT.sha256, FIT.size)
    assert fit.description is not None
    assert fit.description.content_type == "application/json"
    assert set(fit.derived_from.values_list("used_entity", flat=True)) == {EVENTS.id, MORE_EVENTS.id}
    assert set(activity.associations.values_list("role", "agent__type")) == {
        ("operator", "Person"),
        ("operator", "SoftwareAgent"),
    }
    assert not fit.attributions.exists()
    assert set(models.Entity.objects.get(id=EVENTS.id).attributions.values_list("role", flat=True)) == {
        "curator",
        "provider",
    }
    assert activity.informed_by.get().informant_id == INGEST
    radius = models.Parameter.objects.get(configuration__activity=activity, name="on_radius")
    assert (radius.value, radius.description and radius.description.unit) == ("0.11", "deg")
    assert models.ConfigFile.objects.get(configuration__activity=INGEST).location == "hdu-index.fits.gz"


@pytest.mark.django_db
def test_roles_equal_those_of_descriptions() -> None:
    """ProvenanceDM 1.0 section 2.5: the role of Used and WasGeneratedBy is that of the description (PR-11, PR-12)."""
    record_all()
    relations = [*models.Used.objects.all(), *models.WasGeneratedBy.objects.all()]
    assert len(relations) == 9
    for relation in relations:
        assert relation.description is not None
        assert relation.description.role == relation.role
        assert relation.description.activity_description_id == relation.activity.description_id


@pytest.mark.django_db
def test_recorded_once() -> None:
    record_all()
    before = counts()
    record(job(comment="again"))
    record_all()
    assert counts() == before
    assert models.Activity.objects.get(id=JOB).comment == ""


@pytest.mark.django_db
def test_descriptions_are_shared(caplog: pytest.LogCaptureFixture) -> None:
    """ProvenanceDM 1.0 section 2.5: one description for all runs of a program in one version (PR-10)."""
    record_all()
    other = replace(FIT, id="ivo://distiller.example/jobs?B/fit")
    record(job(id="ivo://distiller.example/jobs?B", generated=[("fit", other)]))
    assert models.ActivityDescription.objects.filter(name="spectrum").count() == 1
    assert models.ParameterDescription.objects.filter(name="energy").count() == 1
    assert models.Entity.objects.filter(id="pkg:pypi/gammapy@2.1").count() == 1
    assert not caplog.records
    record(job(id="ivo://distiller.example/jobs?C", generated=[], description="Something else"))
    assert "spectrum/1.0 is known with another description" in caplog.text


@pytest.mark.django_db
def test_failed_run_is_recorded() -> None:
    """PR-22: failed and aborted runs leave provenance as well."""
    record(job(status="ERROR", comment="no events\0in range", generated=[], informed_by=[]))
    activity = models.Activity.objects.get()
    assert (activity.status, activity.comment) == ("ERROR", "no events\N{REPLACEMENT CHARACTER}in range")
    assert activity.configurations.count() == 3


@pytest.mark.django_db
def test_entity_is_completed_by_later_records() -> None:
    """An entity first seen as an input without details takes them from its generation."""
    record(job(used=[("observations", EntityRef(SOURCE.id))], informed_by=["ivo://distiller.example/ingest?later"]))
    assert models.Activity.objects.get(id="ivo://distiller.example/ingest?later").start_time is None
    record(ingest(id="ivo://distiller.example/ingest?later"))
    assert models.Entity.objects.get(id=SOURCE.id).sha256 == SOURCE.sha256
    assert models.Activity.objects.get(id="ivo://distiller.example/ingest?later").start_time == NOON


@pytest.mark.django_db
def test_derivations_by_name() -> None:
    record(job(derivations={PLOT.id: [FIT.id], FIT.id: [EVENTS.id]}))
    assert set(models.WasDerivedFrom.objects.values_list("generated_entity", "used_entity")) == {
        (PLOT.id, FIT.id),
        (FIT.id, EVENTS.id),
    }


@pytest.mark.django_db
def test_only_main_inputs_are_origins() -> None:
    """Derived from what was used under roles of type Main, not from calibration and context (PR-12)."""
    record(
        job(
            used=[("observations", EVENTS), ("irf", MORE_EVENTS)],
            usage=[Described("observations"), Described("irf", type="Calibration")],
        )
    )
    assert set(models.WasDerivedFrom.objects.values_list("used_entity", flat=True)) == {EVENTS.id}


REFUSED: list[tuple[str, Callable[[], ActivityRecord], str]] = [
    ("end before start (PR-04)", lambda: job(end=NOON), "before it starts"),
    ("naive time", lambda: job(start=datetime(2026, 1, 1)), "no time zone"),
    ("no id (PR-01)", lambda: job(id=""), "no identifier"),
    ("blank id", lambda: job(used=[("observations", EntityRef(" "))]), "no identifier"),
    ("overlong id", lambda: job(id="ivo://" + "x" * 600), "longer than 512"),
    ("no name", lambda: job(name=""), "no name"),
    ("no role", lambda: job(used=[("", EVENTS)]), "no name of a role"),
    ("overlong role", lambda: job(generated=[("r" * 200, FIT)]), "no name of a role"),
    ("generates what it used (PR-08)", lambda: job(generated=[("fit", EVENTS)]), "that it used"),
    ("generated in two roles (PR-02)", lambda: job(generated=[("fit", FIT), ("plot", FIT)]), "is generated as"),
    ("derived from itself", lambda: job(derivations={FIT.id: [FIT.id]}), "derived from itself"),
    ("derivation of a stranger", lambda: job(derivations={"x:y": [EVENTS.id]}), "does not generate x:y"),
    ("informed by itself", lambda: job(informed_by=[JOB]), "informed by itself"),
    ("wrong agent type (PR-01)", lambda: job(agents=[AgentRef("a:b", "B", "Robot")]), "not one of"),
    ("nameless agent (PR-01)", lambda: job(agents=[AgentRef("a:b", "")]), "no name"),
    ("role described twice", lambda: job(usage=[Described("a"), Described("a")]), "describes a role twice"),
    ("generated twice (PR-02)", lambda: job(generated=[("fit", MORE_EVENTS)], used=[]), "generated by .*ingest"),
    (
        "used before generated (PR-04)",
        lambda: job(start=NOON - timedelta(2), end=NOON - timedelta(1)),
        "cannot have used",
    ),
    (
        "generated after it was used (PR-04)",
        lambda: job(used=[], generated=[("fit", SOURCE)]),
        "was used by .*ingest.* before",
    ),
    (
        "out of its own descendant (PR-08)",
        lambda: job(start=NOON, end=NOON + timedelta(seconds=2), generated=[("fit", SOURCE)]),
        "of its own",
    ),
    (
        "changed content (PR-02)",
        lambda: job(used=[("observations", replace(EVENTS, sha256="dd" * 32))]),
        "changed content is a new entity",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("make", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(make: Callable[[], ActivityRecord], reason: str) -> None:
    """ProvenanceDM 1.0 sections 2.2 and 2.3: what the model forbids is refused, and nothing of it is written."""
    record(ingest())
    before = counts()
    with transaction.atomic():
        with pytest.raises(ValueError, match=reason):
            record(make())
        assert counts() == before
    record(job())


@pytest.mark.django_db
def test_collections_do_not_contain_themselves() -> None:
    """ProvenanceDM 1.0 section 2.2: a collection may be a member of another; no cycles (PR-05)."""
    record_all()
    outer = EntityRef("ivo://distiller.example/all")
    collect(outer, [COLLECTION.id])
    collect(outer, [COLLECTION.id])
    assert models.HadMember.objects.filter(collection=outer.id).count() == 1
    with pytest.raises(ValueError, match="which contains it"):
        collect(COLLECTION, [outer.id])
    with pytest.raises(ValueError, match="which contains it"):
        collect(COLLECTION, [COLLECTION.id])


@pytest.mark.django_db
def test_invalidated_once() -> None:
    record_all()
    invalidate([FIT.id], NOON + timedelta(days=1))
    invalidate([FIT.id, PLOT.id], NOON + timedelta(days=2))
    assert models.Entity.objects.get(id=FIT.id).invalidated_at_time == NOON + timedelta(days=1)
    assert models.Entity.objects.get(id=PLOT.id).invalidated_at_time == NOON + timedelta(days=2)


@pytest.mark.django_db
def test_few_statements(django_assert_max_num_queries: Any) -> None:
    """A job on 200 runs takes a fixed number of statements, whatever the number of runs."""
    runs = [EntityRef(f"ivo://distiller.example/c?r1/{i}") for i in range(200)]
    record(job(id="x:1", used=[("observations", run) for run in runs], generated=[], informed_by=[]))
    with django_assert_max_num_queries(35):
        record(job(id="x:2", used=[("observations", run) for run in runs]))
    assert models.WasDerivedFrom.objects.count() == 400


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time() -> None:
    """Eight writers, sharing agents, inputs and descriptions, each with a record of its own and one in common."""
    record(ingest())
    errors: list[BaseException] = []
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        try:
            ready.wait(10)
            for turn in range(3):
                own = f"ivo://distiller.example/jobs?{number}-{turn}"
                inputs = [("observations", EVENTS), ("observations", MORE_EVENTS)]
                record(
                    job(
                        id=own,
                        version=str(turn),
                        used=inputs if number % 2 else inputs[::-1],
                        generated=[("fit", replace(FIT, id=f"{own}/fit"))],
                        software={"numpy": str(turn), "astropy": str(turn)},
                    )
                )
                record(job(id=f"ivo://distiller.example/jobs?common-{turn}", generated=[]))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert models.Activity.objects.count() == 1 + 24 + 3
    assert models.Used.objects.filter(activity="ivo://distiller.example/jobs?common-1").count() == 4
    assert models.WasGeneratedBy.objects.count() == 2 + 24


@pytest.mark.django_db(transaction=True)
def test_descriptions_are_looked_for_in_the_database() -> None:
    """What this process wrote may be gone, and another may have written other parts of the same description."""
    record(job())
    before = counts()
    record(job(id=f"{JOB}-again", generated=[]))
    assert models.ParameterDescription.objects.count() == before["ParameterDescription"]
    call_command("flush", interactive=False, verbosity=0)
    record(job(id=f"{JOB}-other", generated=[], parameters={}))
    assert not models.ParameterDescription.objects.exists()
    record(job())
    assert models.ParameterDescription.objects.count() == before["ParameterDescription"]
    assert set(models.WasGeneratedBy.objects.values_list("description__role", flat=True)) == {"fit", "plot"}
