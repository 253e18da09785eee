"""Many clients of an HTTP server in one thread: what they cost is small beside what they measure."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit


@dataclass
class Load:
    """What the clients saw: seconds of each answered request, and what went wrong."""

    seconds: float
    answers: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds that so many percent of the answers took at most."""
        ordered = sorted(self.answers)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class _Client:
    """A connection that is kept, with one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket = self._connected()
        self.buffer = b""
        self.since = 0.0

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self.address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(120)
        return made

    def send(self, request: bytes) -> None:
        self.buffer, self.since = b"", time.perf_counter()
        self.socket.sendall(request)

    def received(self) -> bytes | None:
        """The whole answer, once it is there."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("closed in an answer")
        self.buffer += piece
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return self.buffer if body.endswith(b"0\r\n\r\n") else None
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        return self.buffer if len(body) >= length else None


def post(url: str, parameters: dict[str, str]) -> bytes:
    """A form as an HTTP request."""
    parts = urlsplit(url)
    body = urlencode(parameters).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(url: str, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """So many clients that send these requests in turn, each the next as soon as it has its answer."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    selector = selectors.DefaultSelector()
    load = Load(seconds)
    sent = 0
    end = time.perf_counter() + seconds
    for _ in range(clients):
        client = _Client(address)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send(requests[sent % len(requests)])
        sent += 1
    busy = clients
    while busy:
        for key, _ in selector.select(120):
            client = key.data
            try:
                answer = client.received()
            except OSError as error:
                load.errors.append(str(error))
                selector.unregister(client.socket)
                busy -= 1
                continue
            if answer is None:
                continue
            now = time.perf_counter()
            if answer.startswith(b"HTTP/1.1 200"):
                load.answers.append(now - client.since)
            else:
                load.errors.append(answer[:200].decode("latin-1"))
            if now < end:
                client.send(requests[sent % len(requests)])
                sent += 1
            else:
                selector.unregister(client.socket)
                client.socket.close()
                busy -= 1
    return load
