"""Names: the archive's own targets first, then Sesame (a stand-in on this machine), politely when neither knows."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from archive.names import known_targets, resolve, target_key
from vo.errors import TransientFault, UsageFault
from vo.regions import separation

pytestmark = pytest.mark.django_db

ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<Sesame><Target option="SNV"><name>{name}</name>
<Resolver name="S=Simbad (CDS)"><otype>BLL</otype><jpos>11:04:27.31 +38:12:31.7</jpos>
<jradeg>166.113808</jradeg><jdedeg>+38.208833</jdedeg><oname>Mrk 421</oname></Resolver></Target></Sesame>"""
NOTHING = """<?xml version="1.0"?><Sesame><Target option="SNV"><name>x</name>
<INFO>*** Nothing found ***</INFO></Target></Sesame>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><Sesame>&c;</Sesame>"""


class StandIn(BaseHTTPRequestHandler):
    """Answers as Sesame does: a target, nothing found, and several kinds of failure."""

    asked: list[str]

    def do_GET(self) -> None:
        name = unquote(self.path.partition("?")[2])
        self.server.asked.append(name)  # type: ignore[attr-defined]
        status, text = {
            "Mrk 421": (200, ANSWER.format(name=name)),
            "broken": (500, "oops"),
            "not xml": (200, "<html><br>sorry"),
            "bomb": (200, BOMB),
            "bad number": (200, ANSWER.replace("166.113808", "here")),
        }.get(name, (200, NOTHING))
        if name == "slow":
            self.server.release.wait(10)  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())
        if name == "endless":
            for _ in range(100):
                if self.server.release.wait(0.05):  # type: ignore[attr-defined]
                    return
                self.wfile.write(b" ")
            self.server.was_heard_out = True  # type: ignore[attr-defined]

    def log_message(self, *args: Any) -> None:
        """Nothing: the tests' output is not for this."""


@pytest.fixture
def sesame(settings: Any) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.asked, server.release, server.was_heard_out = [], threading.Event(), False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.DISTILLER_SESAME_URL = f"http://127.0.0.1:{server.server_port}/-oxpi/SNV"
    settings.DISTILLER_SESAME_TIMEOUT = 30
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "name",
    ["Crab Nebula", "crab nebula", "CRABNEBULA", "  Crab   Nebula ", "crab_nebula", "Crab", "Crab Nebula (wobble)"],
)
def test_own_targets_in_any_spelling(demo_archive: str, sesame: Any, name: str) -> None:
    found = resolve(name)
    assert (found.name, found.source) == ("Crab Nebula", "archive")
    assert float(separation(found.ra, found.dec, 83.6333, 22.0145)) < 0.01
    assert sesame.asked == []


def test_two_letters_are_no_name(demo_archive: str) -> None:
    with pytest.raises(UsageFault, match="no target named 'Cr'"):
        resolve("Cr")


def test_sesame_is_asked_for_the_rest(demo_archive: str, sesame: Any) -> None:
    found = resolve("Mrk 421")
    assert (found.name, found.source) == ("Mrk 421", "Sesame")
    assert (found.ra, found.dec) == (166.113808, 38.208833)
    assert sesame.asked == ["Mrk 421"]


def test_names_are_escaped(demo_archive: str, sesame: Any) -> None:
    with pytest.raises(UsageFault, match="neither this archive nor Sesame"):
        resolve("a&b #c?d/../ü")
    assert sesame.asked == ["a&b #c?d/../ü"]


@pytest.mark.parametrize("name", ["broken", "not xml", "bomb", "bad number", "slow"])
def test_failures_of_sesame_are_told_politely(demo_archive: str, sesame: Any, name: str, settings: Any) -> None:
    settings.DISTILLER_SESAME_TIMEOUT = 0.5 if name == "slow" else 30
    with pytest.raises(TransientFault, match="could not be reached"):
        resolve(name)


def test_an_answer_that_never_ends(demo_archive: str, sesame: Any, settings: Any) -> None:
    """Each of its bytes comes in time."""
    settings.DISTILLER_SESAME_TIMEOUT = 0.5
    with pytest.raises(TransientFault, match="could not be reached"):
        resolve("endless")
    assert not sesame.was_heard_out


def test_sesame_not_reachable(demo_archive: str, settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.DISTILLER_SESAME_URL = f"http://127.0.0.1:{free.getsockname()[1]}/sesame"
        with pytest.raises(TransientFault, match="no target named 'Vela' here, and the name resolver Sesame"):
            resolve("Vela")


def test_no_resolver(demo_archive: str, settings: Any) -> None:
    settings.DISTILLER_SESAME_URL = ""
    with pytest.raises(UsageFault, match=r"no target named 'PKS 2155-305' \(did you mean PKS 2155-304\?\)"):
        resolve("PKS 2155-305")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageFault):
        resolve(name)


def test_known_targets(demo_archive: str) -> None:
    assert {"Crab Nebula", "Empty field", "PKS 2155-304"} <= {t.name for t in known_targets()}


def test_keys() -> None:
    assert target_key("RX J1713.7-3946") == target_key("RXJ 1713.7-3946") == "rxj1713.7-3946"


def test_a_prefix_of_two_places_is_nobody(hess_archive: str, settings: Any) -> None:
    """NGC 1068, NGC 1399 and NGC 253 are different places."""
    settings.DISTILLER_SESAME_URL = ""
    with pytest.raises(UsageFault, match="did you mean"):
        resolve("NGC")
    assert resolve("NGC 253").name == "NGC 253"
