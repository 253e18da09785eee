"""A table fetched from a URL that a user gave, so that nothing within our own network can be reached by it.

Every address is looked up once, checked, and connected to as looked up; redirects go the same way. Only addresses that
are public pass, unless the settings name the host.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from vo.errors import TransientFault, UsageFault

_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""IPv4 addresses behind a translator (RFC 6052, 8215): they may be any, private ones included."""

Lookup = Callable[[str, int], list[str]]


def addresses(host: str, port: int) -> list[str]:
    """Addresses that a host name stands for."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str, limit: int, timeout: float, allowed_hosts: tuple[str, ...] = (), lookup: Lookup = addresses
) -> tuple[bytes, str]:
    """Bytes and media type of what is at an http or https URL, within `limit` bytes and `timeout` seconds in all.

    `allowed_hosts` (`host` or `host:port`) may be at any address. Raises UsageFault for what may not be fetched or is
    too large, TransientFault for a server that does not answer well.
    """
    deadline = time.monotonic() + timeout
    for _ in range(_MAX_REDIRECTS + 1):
        target = _target(url)
        address = _address(target, allowed_hosts, lookup)
        with _answer(target, address, deadline) as answer:
            if answer.status in _REDIRECTS and answer.headers.get("Location"):
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != 200:
                raise UsageFault(f"the server of {url[:100]!r} answers {answer.status} {answer.reason[:60]}")
            return _body(answer, limit, deadline), answer.headers.get_content_type()
    raise UsageFault(f"{url[:100]!r} redirects more than {_MAX_REDIRECTS} times")


def _target(url: str) -> SplitResult:
    try:
        target = urlsplit(url)
        port = target.port
    except ValueError:
        raise UsageFault(f"{url[:100]!r} is no URL") from None
    if target.scheme.lower() not in _PORTS:
        raise UsageFault(f"{url[:100]!r} is no http or https URL")
    if not target.hostname or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise UsageFault(f"{url[:100]!r} is no URL")
    if target.username is not None:
        raise UsageFault("a URL with a user name in it is not fetched")
    if port == 0:
        raise UsageFault(f"{url[:100]!r} has no usable port")
    return target


def _port(target: SplitResult) -> int:
    return target.port or _PORTS[target.scheme.lower()]


def _address(target: SplitResult, allowed_hosts: tuple[str, ...], lookup: Lookup) -> str:
    """The address to connect to, checked."""
    host = str(target.hostname).lower()
    try:
        found = lookup(host, _port(target))
    except (OSError, UnicodeError):
        raise UsageFault(f"the host {host[:100]!r} is not known") from None
    allowed = {name.lower() for name in allowed_hosts}
    if host in allowed or f"{host}:{_port(target)}" in allowed:
        return found[0]
    if not found or not all(is_public(address) for address in found):
        raise UsageFault(f"{host[:100]!r} is no public host: tables are not fetched from there")
    return found[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the open Internet, and stands for no other."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


@contextlib.contextmanager
def _answer(target: SplitResult, address: str, deadline: float) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET, on a connection that is cut at the deadline whatever the server does."""
    host, port = str(target.hostname), _port(target)
    cut = handle = None
    try:
        raw = socket.create_connection((address, port), timeout=max(deadline - time.monotonic(), 0.001))
        try:
            handle = raw.dup()  # TLS takes the socket away from `raw`
            cut = threading.Timer(max(deadline - time.monotonic(), 0), _cut, (handle,))
            cut.daemon = True
            cut.start()
            connection: socket.socket = raw
            if target.scheme.lower() == "https":
                connection = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
            with contextlib.closing(http.client.HTTPConnection(host, port)) as client:
                client.sock = connection
                path = (target.path or "/") + (f"?{target.query}" if target.query else "")
                client.request(
                    "GET", path, headers={"User-Agent": "Distiller", "Accept": "*/*", "Accept-Encoding": "identity"}
                )
                yield client.getresponse()
        finally:
            if cut is not None:
                cut.cancel()
            if handle is not None:
                handle.close()
            raw.close()
    except (OSError, http.client.HTTPException):
        late = time.monotonic() >= deadline
        raise TransientFault(
            f"the server {host[:100]!r} " + ("took too long" if late else "does not answer well")
        ) from None


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _body(answer: http.client.HTTPResponse, limit: int, deadline: float) -> bytes:
    pieces, size = [], 0
    while piece := answer.read1(_CHUNK):
        size += len(piece)
        if size > limit:
            raise UsageFault(f"there are more than {limit} bytes")
        pieces.append(piece)
    if time.monotonic() >= deadline:
        raise TransientFault("the server took too long")
    if answer.length:
        raise TransientFault("the server ended its answer too early")
    return b"".join(pieces)
