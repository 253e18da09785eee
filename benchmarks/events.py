"""What distillation of events costs: `python -m benchmarks.events [--hess STORE] [--simulated FOLDER] [--rounds N]`.

STORE is the public H.E.S.S. data release: bundles of selections beside gammapy, which reads the same runs and masks
their events. FOLDER takes 10^8 simulated events while they are measured (4 GB): 1000 runs of 10^5 in one field, of
which a circle and an energy leave 1 %, beside `cat` reading the copies. What is compared takes turns, with warm files;
times are medians of N rounds (5) after one that does not count.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from events.distillation import Distillation, Origin
from events.selection import Selection
from events.sky import Circle
from events.sources import Source
from events.store import EventStore
from vo.regions import separation

CRAB = Circle(83.63, 22.01, 0.5)
TEV = ((1.0, float("inf")),)
ORIGIN = Origin("Benchmark", {}, "", "benchmark", {})
RUNS, EVENTS, ROW_BYTES = 1000, 100_000, 40


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def consumed(pieces: Iterator[bytes]) -> tuple[float, int]:
    """Seconds until the first piece, and bytes of all."""
    start = time.perf_counter()
    size = len(next(pieces))
    first = time.perf_counter() - start
    return first, size + sum(map(len, pieces))


def private_memory() -> float:
    """MiB that this process holds, files that are mapped left out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def alternating(rounds: int, *works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each work in each round, after one round that does not count."""
    taken: list[list[float]] = [[] for _ in works]
    for n in range(rounds + 1):
        for seconds, work in zip(taken, works, strict=True):
            spent = timed(work)
            if n:
                seconds.append(spent)
    return taken


# --- H.E.S.S. ---------------------------------------------------------------------------------------------------------


def hess_sources(store: Path) -> list[Source]:
    """All runs of a GADF store that has one file a run."""
    with fits.open(store / "hdu-index.fits.gz") as hdus:
        rows = [
            {name.upper(): value for name, value in zip(hdus[1].data.names, row, strict=True)} for row in hdus[1].data
        ]
    found: dict[int, dict[str, dict[str, str]]] = {}
    for row in rows:
        found.setdefault(int(row["OBS_ID"]), {})[row["HDU_TYPE"].strip()] = {k: str(v).strip() for k, v in row.items()}
    sources = []
    for obs_id, hdus_of_run in found.items():
        path = store / hdus_of_run["events"]["FILE_DIR"] / hdus_of_run["events"]["FILE_NAME"]
        sources.append(
            Source(
                f"ivo://benchmark?{obs_id}",
                str(obs_id),
                path,
                hashlib.sha256(path.read_bytes()).hexdigest(),
                {kind: row["HDU_NAME"] for kind, row in hdus_of_run.items()},
                {kind: row["HDU_CLASS"] for kind, row in hdus_of_run.items()},
            )
        )
    return sources


def by_gammapy(path: Path, circle: Circle | None) -> int:
    """Selected events of all runs of a store, read by gammapy and masked: events, good time and all responses."""
    from gammapy.data import DataStore

    selected = 0
    for observation in DataStore.from_dir(path).get_observations():
        table = observation.events.table
        mask = table["ENERGY"].data >= 1.0
        if circle is not None:
            mask &= separation(table["RA"].data, table["DEC"].data, circle.lon, circle.lat) <= circle.radius
        selected += len(table[mask])
        _ = observation.gti, [getattr(observation, kind) for kind in observation.available_irfs]
    return selected


def hess(store: Path, rounds: int) -> None:
    """Bundles of all runs, with responses."""
    sources = hess_sources(store)
    with tempfile.TemporaryDirectory() as folder:
        copies = EventStore(Path(folder))
        print(f"{len(sources)} runs: copies made in {timed(lambda: [copies.prepare(s) for s in sources]):.2f} s")
        for what, circle in (("0.5 deg around the Crab Nebula, > 1 TeV", CRAB), ("> 1 TeV", None)):
            regions = (circle,) if circle else ()
            distillation = Distillation(copies, sources, Selection(regions, TEV), origin=ORIGIN)
            assert sum(distillation.counts().values()) == by_gammapy(store, circle)
            firsts: list[float] = []

            def bundle(distillation: Distillation = distillation, firsts: list[float] = firsts) -> None:
                firsts.append(consumed(distillation.archive("zip"))[0])

            ours, theirs = alternating(rounds, bundle, lambda circle=circle: by_gammapy(store, circle))
            ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
            print(
                f"{what}: bundle {statistics.median(ours):.3f} s (first byte {max(firsts):.3f} s), "
                f"gammapy {statistics.median(theirs):.2f} s, ratio {ratio:.1f}"
            )


# --- simulated --------------------------------------------------------------------------------------------------------


def simulated_run(number: int) -> bytes:
    """A run of a survey of one field: 40 bytes an event, pointings within a degree, offsets up to 2.5 deg."""
    rng = np.random.default_rng(number)
    kind = [("EVENT_ID", ">i8"), ("TIME", ">f8"), ("RA", ">f4"), ("DEC", ">f4"), ("ENERGY", ">f4")]
    kind += [("DETX", ">f4"), ("DETY", ">f4"), ("GAMMANESS", ">f4")]
    rows = np.zeros(EVENTS, kind)
    ra, dec = 266.4 + rng.uniform(-1, 1), -29.0 + rng.uniform(-1, 1)
    offset, angle = 2.5 * np.sqrt(rng.random(EVENTS)), rng.uniform(0, 2 * np.pi, EVENTS)
    rows["EVENT_ID"] = np.arange(EVENTS)
    start = 4e8 + 2000.0 * number
    rows["TIME"] = np.sort(start + rng.uniform(0, 1800, EVENTS))
    rows["DETX"], rows["DETY"] = offset * np.cos(angle), offset * np.sin(angle)
    rows["RA"], rows["DEC"] = ra + rows["DETX"] / np.cos(np.radians(dec)), dec + rows["DETY"]
    rows["ENERGY"] = 0.1 * (1 + rng.pareto(1.7, EVENTS))
    rows["GAMMANESS"] = rng.random(EVENTS)
    reference = {"MJDREFI": 51910, "MJDREFF": 0.000742870370370241, "TIMEUNIT": "s", "TIMESYS": "TT"}
    events = fits.BinTableHDU(rows, name="EVENTS")
    for n, name in enumerate(rows.dtype.names or (), 1):
        unit = {"TIME": "s", "ENERGY": "TeV", "RA": "deg", "DEC": "deg", "DETX": "deg", "DETY": "deg"}.get(name)
        if unit:
            events.header[f"TUNIT{n}"] = unit
    values: dict[str, Any] = {"OBS_ID": number, "TSTART": start, "TSTOP": start + 1800, "ONTIME": 1800.0}
    values |= {"LIVETIME": 1700.0, "DEADC": 1700 / 1800, "RA_PNT": ra, "DEC_PNT": dec, "HDUCLAS1": "EVENTS"}
    events.header.update({**values, **reference})
    ends = [fits.Column(n, "D", "s", array=[v]) for n, v in (("START", start), ("STOP", start + 1800))]
    gti = fits.BinTableHDU.from_columns(ends, name="GTI")
    gti.header.update({"HDUCLAS1": "GTI", **reference})
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), events, gti]).writeto(file)
    return file.getvalue()


def simulate(folder: Path, copies: EventStore) -> list[Source]:
    """The runs, as columnar copies only; every tenth is made, and stands there under ten names."""
    sources = []
    path = folder / "run.fits"
    kinds = {"events": "EVENTS", "gti": "GTI"}
    for number in range(1, RUNS + 1):
        name = hashlib.sha256(str(number).encode()).hexdigest()
        source = Source(f"ivo://benchmark?{number}", str(number), path, name, kinds, kinds)
        if number % 10 == 1:
            path.write_bytes(simulated_run(number))
            copies.prepare(source)
            made = sorted(copies.folder.glob(f"{name}*"))
        else:
            for file in made:
                shutil.copyfile(file, file.with_name(name + file.name[len(name) :]))
        sources.append(source)
    return sources


def simulated(folder: Path, rounds: int) -> None:
    """1 % of 10^8 events, by a circle and an energy, from a thousand runs."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        copies = EventStore(Path(work) / "copies")
        start = time.perf_counter()
        sources = simulate(Path(work), copies)
        print(f"{RUNS} runs of {EVENTS} events made in {time.perf_counter() - start:.0f} s")
        selection = Selection((Circle(266.4, -29.0, 0.8),), ((0.4, float("inf")),))
        distillation = Distillation(copies, sources, selection, responses="none", origin=ORIGIN)
        selected = sum(distillation.counts().values())
        files = sorted((Path(work) / "copies").glob("*.arrow"))
        size = sum(path.stat().st_size for path in files)
        outcome: list[tuple[float, int]] = []

        def bundle() -> None:
            outcome.append(consumed(distillation.archive("zip")))

        def cat() -> None:
            with open("/dev/null", "wb") as nowhere:  # noqa: PTH123
                subprocess.run(["cat", *map(str, files)], stdout=nowhere, check=True)

        ours, theirs = alternating(rounds, bundle, cat)
        levels = [private_memory() for _ in distillation.archive("zip")]
        seconds = statistics.median(ours)
        rate, reading_rate = RUNS * EVENTS * ROW_BYTES / seconds, size / statistics.median(theirs)
        print(f"{selected / (RUNS * EVENTS):.2%} of {RUNS * EVENTS:.0e} events: {seconds:.2f} s")
        print(f"first byte {max(first for first, _ in outcome):.3f} s, {outcome[-1][1] / 1e6:.1f} MB")
        print(f"{rate / 1e9:.2f} GB/s of events, cat {reading_rate / 1e9:.2f} GB/s, ratio {rate / reading_rate:.2f}")
        print(f"{selected * ROW_BYTES / seconds / 1e6:.0f} MB/s of selected events")
        print(f"memory after a tenth {levels[len(levels) // 10]:.0f} MiB, at most {max(levels):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hess", type=Path, help="the public H.E.S.S. data release")
    parser.add_argument("--simulated", type=Path, help="a folder for 10^8 simulated events")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if arguments.hess:
            hess(arguments.hess, arguments.rounds)
        if arguments.simulated:
            simulated(arguments.simulated, arguments.rounds)


if __name__ == "__main__":
    main()
