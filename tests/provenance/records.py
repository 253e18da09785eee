"""Records as ingest and jobs make them, for the tests of this room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from provenance.recorder import (
    ActivityRecord,
    AgentRef,
    ConfigFileRef,
    Described,
    EntityRef,
    ParameterValue,
    collect,
    record,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SOURCE = EntityRef("urn:sha256:aa", name="run_23523.fits.gz", sha256="aa" * 32, size=2880)
EVENTS = EntityRef(
    "ivo://distiller.example/hess-dl3-dr1?r1/23523",
    name="Crab Nebula, run 23523",
    location="/retrieve?ID=ivo%3A%2F%2Fdistiller.example%2Fhess-dl3-dr1%3Fr1%2F23523",
    content_type="application/fits",
    sha256="aa" * 32,
    size=2880,
)
MORE_EVENTS = EntityRef(
    "ivo://distiller.example/hess-dl3-dr1?r1/23526", name="Crab Nebula, run 23526", sha256="bb" * 32
)
FIT = EntityRef("ivo://distiller.example/jobs?Ab3-x_9/fit", name="fit.json", sha256="cc" * 32, size=911)
PLOT = EntityRef("ivo://distiller.example/jobs?Ab3-x_9/plot", name="spectrum.png", content_type="image/png")
CURATOR = AgentRef("ivo://distiller.example/people?curator", "A. Curator", "Person", "curator")
HESS = AgentRef("https://www.mpi-hd.mpg.de/HESS/", "H.E.S.S. Collaboration", "Organization", "provider")
USER = AgentRef("ivo://distiller.example/people?ana", "Ana <b>&", "Person", "operator")
SERVICE = AgentRef("ivo://distiller.example/software?distiller/0.1.0", "Distiller 0.1.0")
JOB = "ivo://distiller.example/jobs?Ab3-x_9"
INGEST = "ivo://distiller.example/ingest?0001"
COLLECTION = EntityRef("ivo://distiller.example/hess-dl3-dr1", name="H.E.S.S. public test data release")


def ingest(**changes: Any) -> ActivityRecord:
    values: dict[str, Any] = {
        "id": INGEST,
        "name": "ingest",
        "version": "1.0",
        "type": "Selection",
        "start": NOON,
        "end": NOON + timedelta(seconds=2),
        "used": [("file", SOURCE)],
        "generated": [("product", EVENTS), ("product", MORE_EVENTS)],
        "agents": [CURATOR, HESS],
        "config_files": [ConfigFileRef("index", "hdu-index.fits.gz", "application/fits", "the data store's index")],
    }
    return ActivityRecord(**{**values, **changes})


def job(**changes: Any) -> ActivityRecord:
    values: dict[str, Any] = {
        "id": JOB,
        "name": "spectrum",
        "version": "1.0",
        "description": "On and off regions, a fitted model, and flux points.",
        "start": NOON + timedelta(hours=1),
        "end": NOON + timedelta(hours=1, seconds=3, microseconds=250_000),
        "used": [("observations", EVENTS), ("observations", MORE_EVENTS)],
        "generated": [("fit", FIT), ("plot", PLOT)],
        "agents": [USER, SERVICE],
        "parameters": {
            "energy": ParameterValue(
                "0.66 100",
                unit="TeV",
                ucd="em.energy;stat.interval",
                datatype="double",
                arraysize="2",
                xtype="interval",
            ),
            "model": ParameterValue("power-law", default="power-law", options=("power-law", "log-parabola")),
            "on_radius": ParameterValue("0.11", unit="deg", datatype="double", default="0.11", min="0", max="2"),
        },
        "software": {"gammapy": "2.1", "python": "3.11.2"},
        "usage": [Described("observations", "DL3 event lists", content_type="application/fits", multiplicity="*")],
        "generation": [
            Described("fit", "Fitted parameters", content_type="application/json"),
            Described("plot", "Picture of the spectrum", type="Preview", content_type="image/png"),
        ],
        "informed_by": [INGEST],
    }
    return ActivityRecord(**{**values, **changes})


def record_all() -> None:
    """The ingest of two event lists, a job on both, and the collection they are in."""
    record(ingest())
    record(job())
    collect(COLLECTION, [EVENTS.id, MORE_EVENTS.id])
