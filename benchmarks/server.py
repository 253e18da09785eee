"""Databases with synthetic ObsCore rows and the service on them, for benchmarks: all on 127.0.0.1, gone afterwards."""

from __future__ import annotations

import csv
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.services import postgresql_binaries
from vo.regions import position_columns, region_box

ROOT = Path(__file__).resolve().parent.parent
_TAKEN = [  # columns of the generator that `ivoa.obscore` has
    "dataproduct_type",
    "calib_level",
    "obs_collection",
    "obs_id",
    "obs_publisher_did",
    "access_estsize",
    "target_name",
    "s_ra",
    "s_dec",
    "s_fov",
    "s_region",
    "s_resolution",
    "t_min",
    "t_max",
    "t_exptime",
    "t_resolution",
    "em_min",
    "em_max",
    "em_res_power",
    "o_ucd",
    "facility_name",
    "instrument_name",
    "dataproduct_subtype",
    "obs_title",
    "obs_release_date",
    "data_rights",
    "em_ucd",
]
_BOX = ["region_xmin", "region_ymin", "region_zmin", "region_xmax", "region_ymax", "region_zmax"]
_ABSENT = {"s_xel1": -1, "s_xel2": -1, "t_xel": -1, "em_xel": -1, "pol_xel": 0}
COLUMNS = ["id", "product_id", "did_encoded", *_TAKEN, *_ABSENT, "pos_x", "pos_y", "pos_z", *_BOX]
_NUMBERS = {
    "s_ra",
    "s_dec",
    "s_fov",
    "s_resolution",
    "t_min",
    "t_max",
    "t_exptime",
    "t_resolution",
    "em_min",
    "em_max",
    "em_res_power",
}


def rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """Rows of the database table from the generator's file `obs_N.csv`, in the order of `COLUMNS`."""
    box = lru_cache(maxsize=64)(region_box)  # the products of an observation follow each other
    with path.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            taken = [_value(name, row[name]) for name in _TAKEN]
            position = position_columns(_value("s_ra", row["s_ra"]), _value("s_dec", row["s_dec"]))
            did = quote(row["obs_publisher_did"], safe="")
            yield (number, number, did, *taken, *_ABSENT.values(), *position, *box(row["s_region"] or None))


def _value(name: str, text: str) -> Any:
    if not text:
        return None
    return float(text) if name in _NUMBERS else text


_PARENTS = (
    "INSERT INTO archive_collection (id, name, title, description, facility_name, created) "
    "VALUES (1, 'bench', '', '', '', CURRENT_TIMESTAMP)",
    "INSERT INTO archive_release (id, collection_id, name, created) VALUES (1, 1, 'r1', CURRENT_TIMESTAMP)",
)
_PRODUCTS = (
    "INSERT INTO archive_product (id, did, release_id, subtype, semantics, description, activity, created) "
    "SELECT id, 'bench-' || id, 1, 'event-list', '#this', '', '', CURRENT_TIMESTAMP FROM ivoa_obscore"
)


def fill_postgresql(url: str, path: Path) -> None:
    """Load the rows into the tables that `migrate` has made."""
    with psycopg.connect(url) as connection:
        for statement in _PARENTS:
            connection.execute(statement)
        with connection.cursor().copy(f"COPY ivoa_obscore ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in rows(path):
                copy.write_row(row)
        connection.execute(_PRODUCTS)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def fill_sqlite(database: Path, path: Path) -> None:
    """Load the rows into the tables that `migrate` has made."""
    with closing(sqlite3.connect(database)) as connection:
        for statement in _PARENTS:
            connection.execute(statement)
        marks = ", ".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO ivoa_obscore ({', '.join(COLUMNS)}) VALUES ({marks})", rows(path))
        connection.execute(_PRODUCTS)
        connection.commit()
        connection.execute("ANALYZE")


@contextmanager
def postgresql(port: int) -> Iterator[str]:
    """A PostgreSQL on 127.0.0.1 with durable settings and memory for its tables; its DATABASE_URL."""
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="distiller-bench-", dir="/tmp"))
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        prefix = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str, check: bool = True) -> None:
        subprocess.run([*prefix, str(binaries / program), *arguments], check=check, stdout=subprocess.DEVNULL, cwd="/")

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "distiller", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c shared_buffers=1GB"
    run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "distiller", "distiller")
        yield f"postgresql://distiller@127.0.0.1:{port}/distiller"
    finally:
        run("pg_ctl", "-D", data, "-m", "fast", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def environment(home: Path, database: str) -> dict[str, str]:
    """The environment of a service with that folder and database."""
    return {**os.environ, "DISTILLER_HOME": str(home), "DATABASE_URL": database, "DISTILLER_LOG_LEVEL": "WARNING"}


def manage(home: Path, database: str, *arguments: str) -> None:
    """Run a management command."""
    subprocess.run([sys.executable, "manage.py", *arguments], check=True, cwd=ROOT, env=environment(home, database))


@contextmanager
def service(home: Path, database: str, port: int) -> Iterator[tuple[str, int]]:
    """The whole service on its production web server, 2 processes: base URL and process id of its supervisor."""
    url = f"http://127.0.0.1:{port}"
    with (home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment(home, database),
            stdout=log,
            stderr=log,
        )
    try:
        _wait(f"{url}/healthz", process)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the service did not start")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
