"""Retrieval beside nginx: the same files from the service and from nginx, in one run.

    python -m benchmarks.retrieve [--gigabytes 1] [--rounds 3] [--cases whole,ranges,...]

Files are in the page cache. Every case is measured in turns, and the ratio is that of the medians; a client is a
thread of this process that reads and forgets. Needs nginx and curl's patience: traffic stays on 127.0.0.1. Cases whose
name ends in `+nginx` have nginx in front of the service, with DISTILLER_ACCEL_PREFIX (docs/retrieval.md).
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from benchmarks import server
from tests.nginx import nginx, snippet

BOUND = 0.8
SMALL, SMALL_SIZE = 100, 600_000
MIB = 2**20
_BUFFER = MIB


@dataclass(frozen=True)
class Held:
    """A file of the store: its path there, and its identifier."""

    path: str
    did: str
    size: int

    @property
    def retrieval(self) -> str:
        return f"/retrieve?ID={quote(self.did, safe='')}"


def fill(home: Path, large: int) -> tuple[Held, list[Held], Held, Path]:
    """An archive of one large file, small ones and a compressed one; and what the last holds, as a file beside it."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from archive.models import Collection, Product, ProductFile, Release, StoredFile
    from archive.store import digest, name_for

    release = Release.objects.create(collection=Collection.objects.create(name="bench"), name="r1")
    store = home / "store"

    def add(name: str, write: Callable[[Path], None]) -> Held:
        part = home / "part"
        write(part)
        content = digest(part)
        path = store / name_for(content, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
        inside = content.unpacked
        product = Product.objects.create(did=f"ivo://distiller.example/bench?r1/{name}", release=release)
        file = StoredFile.objects.create(
            sha256=content.sha256,
            size=content.size,
            path=str(path.relative_to(store)),
            media_type="application/fits",
            unpacked_size=inside and inside.size,
            unpacked_sha256=inside.sha256 if inside else "",
        )
        ProductFile.objects.create(product=product, file=file, name=name)
        return Held(file.path, product.did, (inside or content).size)

    piece = random.Random(1).randbytes(MIB)

    def write_large(path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(large // MIB):
                file.write(piece)

    def write_small(number: int) -> Callable[[Path], None]:
        return lambda path: path.write_bytes(number.to_bytes(4) + piece[: SMALL_SIZE - 4]) and None

    plain = piece[: MIB // 2] * 8
    beside = home / "plain.fits"
    beside.write_bytes(plain)
    big = add("large.fits", write_large)
    small = [add(f"small{number}.fits", write_small(number)) for number in range(SMALL)]
    packed = add("packed.fits.gz", lambda path: path.write_bytes(gzip.compress(plain, 1)) and None)
    return big, small, packed, beside


def read(base: str, requests: Sequence[tuple[str, str]], clients: int, seconds: float, least: int = 1) -> float:
    """Bytes a second that clients with kept connections get of these paths and ranges, in turn."""
    parts = urlsplit(base)
    address = (parts.hostname or "", parts.port or 0)
    counts = [0] * clients
    begin = time.perf_counter()

    def client(number: int) -> None:
        turn = number
        done = 0
        with socket.create_connection(address) as connection:
            connection.settimeout(60)
            buffer = bytearray(_BUFFER)
            while done < least or time.perf_counter() - begin < seconds:
                counts[number] += _one(connection, buffer, parts.netloc, *requests[turn % len(requests)])
                turn += clients
                done += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begin)


def _one(connection: socket.socket, buffer: bytearray, host: str, path: str, span: str) -> int:
    """One request; the bytes of its body."""
    wanted = f"Range: bytes={span}\r\n" if span else ""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{wanted}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(head[:200])
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 206")):
        raise RuntimeError(head.decode("latin-1") + body.decode("latin-1"))
    size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    left = size - len(body)
    while left:
        count = connection.recv_into(buffer, min(left, _BUFFER))
        if not count:
            raise ConnectionError("broken off")
        left -= count
    return size


def spans(size: int, length: int, number: int) -> Iterator[str]:
    """Ranges anywhere in the file."""
    chance = random.Random(2)
    for _ in range(number):
        start = chance.randrange(size - length)
        yield f"{start}-{start + length - 1}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cases", default="whole,four,ranges,short,small,packed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="distiller-bench-", dir="/tmp") as folder, ExitStack() as stack:
        home = Path(folder)
        database = f"sqlite:///{home}/bench.sqlite3"
        os.environ |= {
            **server.environment(home, database),
            "DISTILLER_WORKER_WARM_UP": "false",
            "DJANGO_SETTINGS_MODULE": "distiller.settings",
            "DISTILLER_SCRUB_DAYS": "0",
        }
        big, small, packed, beside = fill(home, int(options.gigabytes * 1024) * MIB)
        ours, _ = stack.enter_context(server.service(home, database, server.free_port()))
        os.environ["DISTILLER_ACCEL_PREFIX"] = "/stored/"
        behind_home = home / "behind"
        behind_home.mkdir()
        (behind_home / "store").symlink_to(home / "store")
        behind, _ = stack.enter_context(server.service(behind_home, database, server.free_port()))
        plain = stack.enter_context(nginx(home))
        front = snippet(server.ROOT / "docs" / "retrieval.md").replace("http://127.0.0.1:8000", behind)
        fronted = stack.enter_context(nginx(home, front.replace("/srv/distiller/store/", f"{home}/store/")))
        cases: dict[str, tuple[list[tuple[Held, str]], int]] = {
            "whole": ([(big, "")], 1),
            "four": ([(big, "")], 4),
            "ranges": ([(big, s) for s in spans(big.size, 64 * MIB, 50)], 2),
            "short": ([(big, s) for s in spans(big.size, MIB, 200)], 4),
            "small": ([(held, "") for held in small], 8),
            "packed": ([(packed, "")], 4),
        }
        for name in options.cases.split(","):
            wanted, clients = cases[name]
            ours_of = [(held.retrieval, span) for held, span in wanted]
            nginx_of = [
                (f"/files/{beside.name if held is packed else f'store/{held.path}'}", span) for held, span in wanted
            ]
            rates: dict[str, list[float]] = {}
            for _ in range(options.rounds):
                for which, base, requests in (
                    ("nginx", plain, nginx_of),
                    ("ours", ours, ours_of),
                    ("+nginx", fronted, ours_of),
                ):
                    rates.setdefault(which, []).append(read(base, requests, clients, options.seconds))
            middle = {which: statistics.median(values) for which, values in rates.items()}
            for which in ("ours", "+nginx"):
                ratio = middle[which] / middle["nginx"]
                verdict = "" if ratio >= BOUND else "  MISSED"
                label = name if which == "ours" else name + which
                print(
                    f"{label:<14} {clients} clients: {ratio:5.2f} >= {BOUND} of nginx "
                    f"({middle[which] / 1e6:6.0f} and {middle['nginx'] / 1e6:6.0f} MB/s){verdict}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
