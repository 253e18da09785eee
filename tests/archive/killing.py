"""Run as a program: ingests folders again and again in child processes that are killed, then once to the end.

    python -m tests.archive.killing FOLDER RUNS      # with DISTILLER_HOME and DATABASE_URL set; prints JSON

Children are forks, so that a run starts at once. Each is killed (SIGKILL) at a named point of its work or after a
random time; the last one of a round is left alone. What the archive holds after each round is printed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from tests.archive import samples

POINTS = ("fsync of a part", "before the rename", "after the rename", "before the commit", "after the commit")


def main(where: Path, runs: int) -> None:
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    import archive.ingest  # noqa: F401  so that children have it

    rounds: dict[str, Any] = {}
    for number, point in enumerate((*POINTS, "random", "random", "never")):
        collection = f"c{number}"
        folder = _write_data(where / collection, runs)
        kills, debris = 0, 0
        rng = random.Random(number)
        for attempt in range({"random": 12, "never": 0}.get(point, 3)):
            connections.close_all()
            child = os.fork()
            if child == 0:
                _child(folder, collection, point, attempt)
            if point == "random":
                time.sleep(rng.uniform(0.0, 0.15))
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            kills += os.WIFSIGNALED(status)
            incoming = Path(settings.DISTILLER_HOME) / "store" / "incoming"
            debris += any(incoming.glob("*.part")) or any(incoming.glob("*.intent"))
        connections.close_all()
        child = os.fork()
        if child == 0:
            _child(folder, collection, "never", 0)
        _, status = os.waitpid(child, 0)
        rounds[f"{number} {point}"] = {
            "kills": kills, "debris": debris, "exit": os.waitstatus_to_exitcode(status), **_state(collection),
        }  # fmt: skip
    rounds["store"] = _store()
    sys.stdout.write(json.dumps(rounds))


def _write_data(folder: Path, runs: int) -> Path:
    """Observations whose bytes no other round has."""
    folder.mkdir(parents=True)
    for number in range(1, runs + 1):
        events = samples.events(OBS_ID=number, CREATOR=folder.name)
        samples.write(folder / f"run{number}.fits", events, samples.gti())
    (folder / "TERMS.txt").write_text(f"Be kind to {folder.name}.\n")
    return folder


def _child(folder: Path, collection: str, point: str, attempt: int) -> None:
    """Ingest, and die at the point when it is reached for the (attempt + 1)th time."""
    from archive import copies, ingest, preview, recording, store
    from tests.archive.undrawn import undrawn

    # Columnar copies come after the commit; the points are those of the file store alone.
    copies.prepare = lambda did: None
    preview.render = partial(undrawn, salt=collection)
    places: dict[str, tuple[Any, str, bool]] = {
        "fsync of a part": (os, "fsync", False),
        "before the rename": (Path, "replace", False),
        "after the rename": (Path, "replace", True),
        "before the commit": (recording, "record", True),
        "after the commit": (store.Depositor, "settle", False),
    }
    if point in places:
        owner, name, after = places[point]
        setattr(owner, name, _deadly(getattr(owner, name), attempt + 1, after))
    report = ingest.ingest(folder, collection)
    os._exit(report.exit_status)


def _deadly(work: Callable[..., Any], calls: int, after: bool) -> Callable[..., Any]:
    left = [calls]

    def dying(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = work(*args, **kwargs)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return dying


def _state(collection: str) -> dict[str, Any]:
    from archive.models import ObsCore, ObsCoreHEA, Observation, Product, ProductFile
    from archive.store import is_present
    from provenance.models import Activity

    uses = ProductFile.objects.filter(product__release__collection__name=collection).select_related("file")
    return {
        "observations": sorted(
            Observation.objects.filter(release__collection__name=collection).values_list("obs_id", flat=True)
        ),
        "products": Product.objects.filter(release__collection__name=collection).count(),
        "obscore": ObsCore.objects.filter(obs_collection=collection).count(),
        "hea": ObsCoreHEA.objects.filter(obscore__obs_collection=collection).count(),
        "activities": Activity.objects.filter(id__contains=f"/{collection}?").count(),
        "missing": sum(not is_present(use.file) for use in uses),
    }


def _store() -> dict[str, Any]:
    from archive.models import StoredFile
    from archive.store import local_path, orphans

    incoming = [p.name for p in local_path("incoming").iterdir() if p.name != "lock"]
    return {"orphans": list(orphans()), "incoming": incoming, "files": StoredFile.objects.count()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
