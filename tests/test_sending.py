"""Files are sent by the kernel, and clients that read slowly hold no thread of the web server."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from distiller import webworker
from tests.server import free_port, wait_until_it_listens

THREADS = 2
SIZE = 32 * 2**20
"""More than the connections of this machine hold on the way."""
APPLICATION = """
import io, os

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hello":
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]
    if path == "/memory":
        start_response("200 OK", [("Content-Length", "6")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"memory"), 65536)
    file = open(os.environ["FILE"], "rb")
    start = int(environ["QUERY_STRING"] or 0)
    file.seek(start)
    os.lseek(file.fileno(), start, os.SEEK_SET)
    announced = os.path.getsize(os.environ["FILE"]) - start + (1000 if path == "/short" else 0)
    start_response("200 OK", [("Content-Length", str(announced))])
    return environ["wsgi.file_wrapper"](file, 65536)
"""


@pytest.fixture(scope="module")
def content() -> bytes:
    return b"".join(number.to_bytes(8) for number in range(SIZE // 8))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Iterator[int]:
    """A server with two threads and a file."""
    folder = tmp_path_factory.mktemp("sending")
    (folder / "sending_application.py").write_text(APPLICATION)
    (folder / "file").write_bytes(content)
    number = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "sending_application:application", "--pythonpath", str(folder)),
            *("--bind", f"127.0.0.1:{number}", "--worker-class", "distiller.webworker.StayingWorker"),
            *("--threads", str(THREADS), "--log-level", "warning", "--env", f"FILE={folder / 'file'}"),
        ],
        cwd=Path(webworker.__file__).parent.parent,
    )
    try:
        wait_until_it_listens(number, process)
        yield number
    finally:
        process.terminate()
        process.wait(20)


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()


def test_a_kept_connection_gets_file_after_file(port: int, content: bytes) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for start in (0, 1, SIZE - 1, SIZE):
            assert get(connection, f"/file?{start}") == content[start:]
        assert get(connection, "/memory") == b"memory"
        assert get(connection, "/hello") == b"hello"


def test_slow_readers_hold_no_thread(port: int, content: bytes) -> None:
    """Three times as many slow readers as threads: another client is answered, and they get all of it in the end."""
    with ExitStack() as stack:
        slow = []
        for _ in range(3 * THREADS):
            connection = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=30)))
            connection.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
            slow.append(connection)
        other = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
        assert get(other, "/hello") == b"hello"  # when threads have given up on the slow ones
        started = time.monotonic()
        for _ in range(20):
            assert get(other, "/hello") == b"hello"
        assert time.monotonic() - started < 2
        for connection in slow[:2]:
            connection.close()  # in the middle of it
        for connection in slow[2:4]:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.read() == content
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            following = http.client.HTTPResponse(connection)
            following.begin()
            assert following.read() == b"hello"
        assert get(other, "/hello") == b"hello"


def test_a_file_that_ends_too_early_does_not_look_whole(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/short")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
