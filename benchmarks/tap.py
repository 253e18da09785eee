"""TAP on a million ObsCore rows: every case of docs/performance.md beside what bounds it, in one run.

    python -m benchmarks.tap DATA [--rows 1000000] [--cases top,cone,...] [--seconds 60]

DATA holds `obs_N.csv` and `cones_N.json` of a generator of synthetic ObsCore rows (columns of ObsCore 1.1; cones of 50
rows; positions to upload), for N = --rows and for 100000. Needs PostgreSQL with pgbench; traffic stays on 127.0.0.1.
Ratios are what counts: rates are those of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import load, server

COLUMNS = (
    "dataproduct_type, calib_level, obs_collection, obs_id, obs_publisher_did, access_url, access_format, "
    "access_estsize, target_name, s_ra, s_dec, s_fov, s_region, s_resolution, t_min, t_max, t_exptime, t_resolution, "
    "em_min, em_max, em_res_power, o_ucd, facility_name, instrument_name, obs_title"
)
STORED = COLUMNS.replace("access_url", "'http://127.0.0.1:8000/datalink/links?ID=' || did_encoded").replace(
    "access_format", "'application/x-votable+xml;content=datalink'"
)
BOUNDS = {"BINARY2": 1.7, "CSV": 2.0, "TABLEDATA": 2.5, "JSON": 2.5, "Parquet": 2.5, "FITS": 2.5}
FORMATS = {
    "BINARY2": "application/x-votable+xml;serialization=BINARY2",
    "CSV": "csv",
    "TABLEDATA": "application/x-votable+xml;serialization=TABLEDATA",
    "JSON": "json",
    "Parquet": "application/vnd.apache.parquet",
    "FITS": "fits",
}
MIB = 2**20


@dataclass
class Case:
    """One line of the table."""

    name: str
    value: float
    bound: float
    unit: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "" if self.holds else "  MISSED"
        return f"{self.name:<58} {self.value:9.3f} {sign} {self.bound:g} {self.unit}{verdict}"


class Bench:
    """The cases, on a service with its database."""

    def __init__(self, url: str, pid: int, database: str, cones: dict[str, Any], rows: int, seconds: float) -> None:
        self.url, self.pid, self.database = url, pid, database
        self.cones, self.rows, self.seconds = cones, rows, seconds

    def cone(self, number: int) -> str:
        ra, dec, radius = self.cones["cones"][number % len(self.cones["cones"])]
        where = f"CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', {ra!r}, {dec!r}, {radius!r}))"
        return f"SELECT {COLUMNS} FROM ivoa.obscore WHERE 1={where}"

    def request(self, query: str, **parameters: str) -> bytes:
        return load.post(f"{self.url}/tap/sync", {"LANG": "ADQL", "QUERY": query, **parameters})

    # --- cases ---

    def top(self) -> Iterator[Case]:
        """A trivial query, one client."""
        requests = [self.request("SELECT TOP 1 obs_id FROM ivoa.obscore")]
        load.run(self.url, requests, 1, 1)
        yield Case("TOP 1, median", load.run(self.url, requests, 1, 4).percentile(50) * 1000, 8, "ms")

    def cones_16(self) -> Iterator[Case]:
        """Cones of 50 rows, 16 clients, beside pgbench with the same statements."""
        requests = [self.request(self.cone(n), RESPONSEFORMAT="csv") for n in range(400)]
        load.run(self.url, requests, 16, 3)
        ratios = []
        for _ in range(3):
            alone = self.pgbench(16, 8)
            ours = load.run(self.url, requests, 16, 8)
            _none_failed(ours)
            ratios.append(ours.rate / alone)
            print(f"  16 clients: {ours.rate:.0f} a second, pgbench {alone:.0f}", flush=True)
        yield Case("cone of 50 rows, 16 clients, rate / pgbench", statistics.median(ratios), 0.35, at_least=True)

    def cones_64(self) -> Iterator[Case]:
        """64 clients that do not wait."""
        requests = [self.request(self.cone(n), RESPONSEFORMAT="csv") for n in range(400)]
        few = load.run(self.url, requests, 16, 10)
        many = load.run(self.url, requests, 64, self.seconds)
        print(f"  64 clients: {many.rate:.0f} a second, p95 {many.percentile(95) * 1000:.0f} ms", flush=True)
        yield Case(f"cone, 64 clients for {self.seconds:g} s, errors", len(many.errors), 0)
        yield Case("cone, p95 of 64 clients / p95 of 16", many.percentile(95) / few.percentile(95), 6)

    def streams(self) -> Iterator[Case]:
        """All rows in each format, each beside psql's binary COPY of the same columns to /dev/null."""
        query = f"SELECT {COLUMNS} FROM ivoa.obscore"
        self.download(query, "CSV", 1000)
        for name, bound in BOUNDS.items():
            ratios, firsts, growths = [], [], []
            for _ in range(3):
                alone = self.copy()
                with memory(self.pid) as growth:
                    seconds, first, size = self.download(query, name, self.rows)
                ratios.append(seconds / alone)
                firsts.append(first)
                growths.append(growth() / MIB)
                print(f"  {name}: {seconds:.2f} s, {size / MIB:.0f} MiB; COPY {alone:.2f} s", flush=True)
            yield Case(f"{self.rows} rows, {name} / COPY", statistics.median(ratios), bound)
            if name != "FITS":
                yield Case(f"{self.rows} rows, {name}, first byte", statistics.median(firsts), 0.5, "s")
            yield Case(f"{self.rows} rows, {name}, growth of the web processes", max(growths), 150, "MiB")

    def asynchronous(self) -> Iterator[Case]:
        """A trivial query as a job: made, run, waited for, read."""
        times = [self.round_trip() for _ in range(12)][2:]
        yield Case("asynchronous round trip, median", statistics.median(times), 0.5, "s")

    def upload(self) -> Iterator[Case]:
        """A cross-match of 10 000 uploaded positions, beside the same positions in a table of the database."""
        ratios = []
        document = _positions(self.cones["upload"][:10_000])
        query = (
            "SELECT COUNT(*) AS n FROM TAP_UPLOAD.u AS u JOIN ivoa.obscore AS o "
            "ON 1=CONTAINS(POINT(o.s_ra, o.s_dec), CIRCLE(u.ra, u.dec, 0.1))"
        )
        sql = self.stored_positions(query)
        for _ in range(3):
            started = time.perf_counter()
            with self.connected() as connection:
                expected = connection.execute(sql).fetchone()[0]
            alone = time.perf_counter() - started
            started = time.perf_counter()
            answer = _multipart(
                f"{self.url}/tap/sync",
                {"LANG": "ADQL", "QUERY": query, "FORMAT": "csv", "UPLOAD": "u,param:u"},
                document,
            )
            seconds = time.perf_counter() - started
            found = int(answer.split()[1])
            if found != expected:
                raise SystemExit(f"{found} pairs by upload, {expected} in the database")
            print(f"  {found} pairs: {seconds:.2f} s, in the database {alone:.2f} s", flush=True)
            ratios.append(seconds / alone)
        yield Case("10 000 positions uploaded and joined / joined in the database", statistics.median(ratios), 2)

    # --- means ---

    @contextmanager
    def connected(self) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(self.database) as connection:
            yield connection

    def stored_positions(self, query: str) -> str:
        """The same join as SQL, with the positions in a table `bench_positions` that has an index like an upload's."""
        with self.connected() as connection:
            connection.execute("DROP TABLE IF EXISTS bench_positions")
            connection.execute("CREATE TABLE bench_positions (id int, ra float8, dec float8)")
            with connection.cursor().copy("COPY bench_positions FROM STDIN") as copy:
                for row in self.cones["upload"][:10_000]:
                    copy.write_row(row)
            connection.execute("ANALYZE bench_positions")
        return (
            "SELECT count(*) FROM bench_positions AS u JOIN ivoa_obscore AS o "
            "ON tap_position_cube(o.pos_x, o.pos_y, o.pos_z) <@ tap_cube(tap_circle(u.ra, u.dec, 0.1)) "
            "AND tap_in_circle(o.s_ra, o.s_dec, u.ra, u.dec, 0.1)"
        )

    def copy(self) -> float:
        """Seconds of `psql COPY … (FORMAT binary)` over TCP to /dev/null."""
        started = time.perf_counter()
        subprocess.run(
            ["psql", "-q", self.database, "-c", f"COPY (SELECT {STORED} FROM ivoa_obscore) TO STDOUT (FORMAT binary)"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - started

    def pgbench(self, clients: int, seconds: int) -> float:
        """Transactions a second of the statements that the service sends for the cones."""
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number in range(100):
                file = Path(folder) / f"{number}.sql"
                file.write_text(self.statement(number) + "\n")
                files += ["-f", str(file)]
            done = subprocess.run(
                ["pgbench", "-n", "-c", str(clients), "-j", "1", "-T", str(seconds), *files, self.database],
                check=True,
                capture_output=True,
                text=True,
            )
        return float(done.stdout.split("tps = ")[1].split()[0])

    def statement(self, number: int) -> str:
        ra, dec, radius = self.cones["cones"][number % len(self.cones["cones"])]
        circle = f"{ra!r}, {dec!r}, {radius!r}"
        return (
            f"SELECT {STORED} FROM ivoa_obscore WHERE tap_position_cube(pos_x, pos_y, pos_z) <@ "
            f"tap_cube(tap_circle({circle})) AND tap_in_circle(s_ra, s_dec, {circle}) LIMIT 20001;"
        )

    def download(self, query: str, form: str, maxrec: int) -> tuple[float, float, int]:
        """Seconds to the last byte and to the first, and bytes."""
        body = urlencode({"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": FORMATS[form], "MAXREC": maxrec}).encode()
        started = time.perf_counter()
        with urllib.request.urlopen(f"{self.url}/tap/sync", body, timeout=600) as answer:
            size = len(answer.read(1))
            first = time.perf_counter() - started
            buffer = bytearray(MIB)
            while count := answer.readinto(buffer):
                size += count
        return time.perf_counter() - started, first, size

    def round_trip(self) -> float:
        started = time.perf_counter()
        query = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 obs_id FROM ivoa.obscore", "PHASE": "RUN"}
        with urllib.request.urlopen(f"{self.url}/tap/async", urlencode(query).encode(), timeout=60) as answer:
            job = answer.url
        while True:
            with urllib.request.urlopen(f"{job}/phase?WAIT=10", timeout=60) as answer:
                phase = answer.read().decode()
            if phase in ("COMPLETED", "ERROR", "ABORTED"):
                break
        if phase != "COMPLETED":
            raise SystemExit(f"an asynchronous query ended in {phase}")
        with urllib.request.urlopen(f"{job}/results/result", timeout=60) as answer:
            answer.read()
        return time.perf_counter() - started


def _none_failed(run: load.Load) -> None:
    if run.errors:
        raise SystemExit(f"{len(run.errors)} requests failed: {run.errors[0]}")


def _positions(rows: list[list[float]]) -> bytes:
    lines = "\n".join(f"{int(i)},{ra!r},{dec!r}" for i, ra, dec in rows)
    return f"id,ra,dec\n{lines}\n".encode()


def _multipart(url: str, parameters: dict[str, str], document: bytes) -> str:
    mark = "part-of-the-benchmark"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in parameters.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="u"; filename="u.csv"\r\nContent-Type: text/csv\r\n\r\n'
    body = b"".join([*parts, head.encode(), document, f"\r\n--{mark}--\r\n".encode()])
    request = urllib.request.Request(url, body, {"Content-Type": f"multipart/form-data; boundary={mark}"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return str(answer.read().decode())


@contextmanager
def memory(pid: int) -> Iterator[Callable[[], float]]:
    """Growth (bytes) of the largest resident memory of the web processes, looked at every 50 ms."""
    processes = _web_processes(pid)
    before = peak = _resident(processes)
    over = threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.wait(0.05):
            peak = max(peak, _resident(processes))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: peak - before
    finally:
        over.set()
        thread.join()


def _web_processes(pid: int) -> list[int]:
    found = []
    children = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
    table = [line.split(None, 2) for line in children.splitlines()]
    masters = {p for p, parent, command in table if int(parent) == pid and "gunicorn" in command}
    found = [int(p) for p, parent, command in table if parent in masters or p in masters]
    if not found:
        raise SystemExit("the web processes were not found")
    return found


def _resident(processes: list[int]) -> float:
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) * page for p in processes)


def sqlite_cases(data: Path) -> Iterator[Case]:
    """100 000 rows on SQLite: a cone, and the whole table beside reading its rows with the sqlite3 module."""
    import sqlite3

    cones = json.loads((data / "cones_100000.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        file = home / "distiller.sqlite3"
        database = f"sqlite:///{file}"
        server.manage(home, database, "migrate", "-v", "0")
        server.fill_sqlite(file, data / "obs_100000.csv")
        with server.service(home, database, server.free_port()) as (url, pid):
            bench = Bench(url, pid, database, cones, 100_000, 0)
            requests = [bench.request(bench.cone(n)) for n in range(400)]
            load.run(url, requests, 1, 1)
            cone = load.run(url, requests, 1, 4)
            _none_failed(cone)
            yield Case("SQLite, 100 000 rows: cone, median", cone.percentile(50) * 1000, 50, "ms")
            ratios = []
            for _ in range(3):
                started = time.perf_counter()
                with sqlite3.connect(file) as connection:
                    for _row in connection.execute(f"SELECT {STORED} FROM ivoa_obscore"):
                        pass
                alone = time.perf_counter() - started
                seconds, _, _ = bench.download(f"SELECT {COLUMNS} FROM ivoa.obscore", "BINARY2", 100_000)
                ratios.append(seconds / alone)
                print(f"  SQLite: {seconds:.2f} s, sqlite3 {alone:.2f} s", flush=True)
            yield Case("SQLite, 100 000 rows: BINARY2 / sqlite3", statistics.median(ratios), 3)


def compiler_cases(cones: dict[str, Any]) -> Iterator[Case]:
    """Parsing and translating, compiled anew each time: the names of the columns differ."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
    import django

    django.setup()
    from tap.registry import QueryContext, Viewer
    from tap.service import prepare

    context = QueryContext(Viewer(), "http://127.0.0.1:8000")
    bench = Bench("", 0, "", cones, 0, 0)
    times = []
    for number in range(120):
        query = bench.cone(number).replace("obs_title", f"obs_title AS title_{number}")
        started = time.perf_counter()
        prepare(query, context)
        times.append(time.perf_counter() - started)
    yield Case("parsing and translating a cone search, median", statistics.median(times[20:]) * 1000, 5, "ms")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=60, help="duration of the run with 64 clients")
    arguments.add_argument("--cases", default="compiler,top,cones_16,cones_64,streams,asynchronous,upload,sqlite")
    asked = arguments.parse_args()
    cases = asked.cases.split(",")
    cones = json.loads((asked.data / f"cones_{asked.rows}.json").read_text())
    found: list[Case] = []

    def take(made: Iterator[Case]) -> None:
        for case in made:
            print(case, flush=True)
            found.append(case)

    if "compiler" in cases:
        take(compiler_cases(cones))
    if set(cases) - {"compiler", "sqlite"}:
        with tempfile.TemporaryDirectory() as folder, server.postgresql(server.free_port()) as database:
            home = Path(folder)
            server.manage(home, database, "migrate", "-v", "0")
            server.fill_postgresql(database, asked.data / f"obs_{asked.rows}.csv")
            with server.service(home, database, server.free_port()) as (url, pid):
                bench = Bench(url, pid, database, cones, asked.rows, asked.seconds)
                for name in cases:
                    if name not in ("compiler", "sqlite"):
                        take(getattr(bench, name)())
    if "sqlite" in cases:
        take(sqlite_cases(asked.data))
    missed = [case for case in found if not case.holds]
    print(f"{len(found) - len(missed)} of {len(found)} bounds hold")


if __name__ == "__main__":
    main()
