"""Columnar copies: made once, whole or not at all, made anew when they are damaged, one for all who ask at once."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from events.copies import FORMAT, paths
from events.errors import Undistillable
from events.selecting import Selector
from events.selection import Selection
from events.sources import Source
from events.store import EventStore
from tests.archive import samples as archive_samples
from tests.events import samples


def rows(store: EventStore, source: Source) -> bytes:
    return b"".join(part.tobytes() for part in Selector(Selection()).rows(store.prepare(source)))


def files(store: EventStore) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_size) for path in store.folder.iterdir()}


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(tmp_path / "copies")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return samples.source(samples.bundle(tmp_path / "run.fits"), hdus=samples.BUNDLE)


def test_copy_is_made_once_and_readable_by_the_service_only(store: EventStore, source: Source) -> None:
    store.prepare(source)
    before = files(store)
    store.prepare(source)
    assert files(store) == before
    assert {name.split("-")[0] for name in before} == {source.sha256}
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()} == {0o600}


def test_compressed_and_plain_files_give_the_same_copy(tmp_path: Path, store: EventStore, source: Source) -> None:
    packed = tmp_path / "run.fits.gz"
    packed.write_bytes(gzip.compress(source.path.read_bytes()))
    other = samples.source(packed, hdus=samples.BUNDLE)
    assert rows(store, other) == rows(store, source)
    one, two = store.prepare(source), store.prepare(other)
    assert [bytes(one.part(n)) for n in range(8)] == [bytes(two.part(n)) for n in range(8)]


DAMAGE = {
    "cut short": lambda content: content[:-100],
    "empty": lambda content: b"",
    "something else": lambda content: b"x" * len(content),
    "another version": lambda content: content[:16] + content[16:].replace(b"[%d," % FORMAT, b"[0,", 1),
    "a description that is none": lambda content: content[:16] + b"]" + content[17:],
}


# What a column file of the right length holds is compared by `verify` only.
@pytest.mark.parametrize(("which", "case"), [(0, "cut short"), (0, "empty"), *((1, case) for case in DAMAGE)])
def test_damaged_copy_is_made_anew(store: EventStore, source: Source, case: str, which: int) -> None:
    whole = rows(store, source)
    damaged = paths(store.folder / f"{source.sha256}-{FORMAT}")[which]
    damaged.write_bytes(DAMAGE[case](damaged.read_bytes()))
    assert not store.has(source.sha256)
    assert rows(store, source) == whole
    assert store.has(source.sha256)


def test_missing_column_file_is_made_anew(store: EventStore, source: Source) -> None:
    whole = rows(store, source)
    paths(store.folder / f"{source.sha256}-{FORMAT}")[0].unlink()
    assert rows(store, source) == whole


def _prepare(folder: Path, source: Source, barrier: multiprocessing.synchronize.Barrier) -> None:
    barrier.wait()
    for _ in range(5):
        EventStore(folder).renew(source)


def test_many_processes_make_the_same_copy(store: EventStore, source: Source) -> None:
    """Whoever reads while others write sees a whole copy."""
    whole = rows(store, source)
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(4, timeout=60)
    others = [fork.Process(target=_prepare, args=(store.folder, source, barrier)) for _ in range(3)]
    for other in others:
        other.start()
    barrier.wait()
    while any(other.is_alive() for other in others):
        assert rows(store, source) == whole
    for other in others:
        other.join()
        assert other.exitcode == 0
    assert len(files(store)) == 2


KILLED = """
import sys, time
from pathlib import Path
from events import copies, store
from tests.events import samples
write = copies._sorted
def slowly(*arguments):
    print("writing", flush=True)
    time.sleep(60)
copies._sorted = slowly
store.EventStore(Path(sys.argv[1])).prepare(samples.source(Path(sys.argv[2])))
"""


def test_killed_while_preparing(store: EventStore, source: Source) -> None:
    """What a killed process leaves is no copy, and goes when copies are tidied."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.folder), str(source.path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert len(files(store)) == 1
    assert not store.has(source.sha256)
    rows(store, source)
    assert len(files(store)) == 3
    # Others may be at work: only what is old is taken for left behind.
    assert store.keep_only({source.sha256}) == 0
    for path in store.folder.iterdir():
        os.utime(path, (time.time() - 90000,) * 2)
    assert store.keep_only({source.sha256}) == 1
    assert len(files(store)) == 2
    assert store.keep_only(set()) == 2


def test_verify_finds_what_was_altered(store: EventStore, source: Source) -> None:
    store.prepare(source)
    assert store.verify(source)
    arrow, _ = paths(store.folder / f"{source.sha256}-{FORMAT}")
    content = bytearray(arrow.read_bytes())
    content[store.prepare(source).description.places[0][4] + 3] ^= 1
    arrow.write_bytes(content)
    assert not store.verify(source)


# --- what cannot be distilled -----------------------------------------------------------------------------------------


def varying(path: Path) -> Path:
    table = archive_samples.events()
    extra = fits.Column("TELS", "PJ()", array=np.array([[1, 2], [3]] * 25, dtype=object))
    made = fits.BinTableHDU.from_columns([*table.columns, extra], header=table.header)
    return archive_samples.write(path, made, archive_samples.gti())


REFUSED = {
    "arrays of varying length": (varying, "TELS of HDU EVENTS has arrays of varying length"),
    "no FITS file": (lambda path: _write(path, b"nothing" * 1000), "no FITS file"),
    "a short file": (lambda path: _write(path, b"SIMPLE"), "no FITS file"),
    "cut in the data": (lambda path: _write(path, samples.bundle(path).read_bytes()[:9000]), "damaged"),
    "cut in a header": (lambda path: _write(path, samples.bundle(path).read_bytes()[:5000]), "damaged"),
    "cut when compressed": (lambda path: _write(path, gzip.compress(os.urandom(9000))[:5000]), "damaged"),
    "two event lists": (
        lambda path: archive_samples.write(path, archive_samples.events(), archive_samples.events(EXTNAME="MORE")),
        "not exactly one event list",
    ),
    "no such HDU": (lambda path: archive_samples.write(path, archive_samples.gti()), "not exactly one event list"),
}


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_copied_is_refused_by_name(tmp_path: Path, store: EventStore, case: str) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(Undistillable, match=f"observation 42 cannot be distilled: .*{reason}"):
        store.prepare(samples.source(make(tmp_path / "run.fits")))
    assert files(store) == {}


def test_missing_file_is_told(store: EventStore, source: Source) -> None:
    source.path.unlink()
    with pytest.raises(Undistillable, match="the file of observation 42 is missing"):
        store.prepare(source)
