"""Files are sent by the kernel, and clients that read slowly hold no thread of the web server."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.server import listening, own_port
from tests.worker import ROOT

THREADS = 2
SIZE = 32 * 2**20
"""More than the connections of this machine hold on the way."""
APPLICATION = """
import io, os
from types import SimpleNamespace
from archive.retrieval.remembered import Stale

class ShortWay:
    looks = 0

    def __call__(self, data):
        path, _, query = data.split(b" ", 2)[1].partition(b"?")
        if path != b"/quick":
            return None
        if query == b"broken":
            raise RuntimeError("expected by the test")
        if query == b"always-stale" or query == b"stale" and not self.looks:
            raise Stale
        size = os.path.getsize(os.environ["FILE"])
        length = size + 1000 if query == b"less" else size
        file = os.open(os.environ["FILE"], os.O_RDONLY)
        head = b"HTTP/1.1 200 OK\\r\\nX-Looks: %d\\r\\nContent-Length: %d\\r\\n\\r\\n" % (self.looks, length)
        read = data.index(b"\\r\\n\\r\\n") + 4
        return SimpleNamespace(
            read=read, head=head, file=file, start=0, length=length, close=lambda: os.close(file)
        )

    def look_up_again(self):
        self.looks += 1

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hello":
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]
    if path == "/quick":
        start_response("200 OK", [("Content-Length", "8")])
        return [b"ordinary"]
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

application.short_way = ShortWay()
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
    with own_port() as number:
        command = [
            *(sys.executable, "-m", "gunicorn", "sending_application:application", "--pythonpath", str(folder)),
            *("--bind", f"127.0.0.1:{number}", "--worker-class", "distiller.webworker.StayingWorker"),
            *("--threads", str(THREADS), "--log-level", "warning", "--env", f"FILE={folder / 'file'}"),
        ]
        with listening(command, number, cwd=ROOT):
            yield number


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


@pytest.fixture
def kept(port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection that has got a file, so that the main thread waits for its next request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        get(connection, f"/file?{SIZE - 1}")
        yield connection


def test_the_short_way_gives_file_after_file(kept: http.client.HTTPConnection, content: bytes) -> None:
    """More than the connection takes at once too; other requests on the same connection go the ordinary way."""
    for _ in range(2):
        assert get(kept, "/quick?a") == content
        assert get(kept, "/quick?a") == content
        assert get(kept, "/hello") == b"hello"
        get(kept, f"/file?{SIZE - 1}")


def test_the_short_way_of_requests_sent_together(kept: http.client.HTTPConnection, content: bytes) -> None:
    """Each is answered, in their order (RFC 9112 section 9.3.2)."""
    requests = [b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/quick?a", b"/quick?b", b"/hello")]
    kept.sock.sendall(b"".join(requests))
    with kept.sock.makefile("rb") as answers:
        for expected in (content, content, b"hello"):
            assert answers.readline().startswith(b"HTTP/1.1 200")
            length = int(http.client.parse_headers(answers)["Content-Length"])
            assert length == len(expected)
            assert answers.read(length) == expected


def test_what_is_stale_is_looked_up_once(kept: http.client.HTTPConnection, content: bytes) -> None:
    """What then is stale still goes the ordinary way, as does what breaks the short way; the process goes on."""
    assert get(kept, "/quick?stale") == content
    assert get(kept, "/quick?always-stale") == b"ordinary"
    get(kept, f"/file?{SIZE - 1}")
    assert get(kept, "/quick?broken") == b"ordinary"
    get(kept, f"/file?{SIZE - 1}")
    kept.request("GET", "/quick?stale")
    answer = kept.getresponse()
    assert int(answer.headers["X-Looks"]) >= 2
    assert answer.read() == content


def test_clients_that_leave_the_short_way(port: int, kept: http.client.HTTPConnection, content: bytes) -> None:
    """In the middle of a file, and one whose file is shorter than was told, which must not look whole."""
    for _ in range(3):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as other:
            get(other, f"/file?{SIZE - 1}")
            other.request("GET", "/quick?a")
            assert other.getresponse().read(1000) == content[:1000]
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as other:
        get(other, f"/file?{SIZE - 1}")
        other.request("GET", "/quick?less")
        with pytest.raises(http.client.IncompleteRead):
            other.getresponse().read()
    assert get(kept, "/quick?a") == content
