"""Programs sign in by the header Authorization: passwords, tokens, what is refused and how."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pyvo.io.vosi import parse_capabilities

from accounts import credentials, tokens
from accounts.models import Token
from uws.models import Job
from vo.errors import UsageFault

pytestmark = pytest.mark.django_db
LOCAL = {"host": "127.0.0.1:8000"}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def anna(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("anna", password="näive:secret")


def basic(name: str = "anna", password: str = "näive:secret") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def get(authorization: str, url: str = "/uws/countmap", **headers: str) -> Any:
    return Client().get(url, headers={**LOCAL, "authorization": authorization, **headers})


def test_jobs_of_a_program_are_its_users(anna: User) -> None:
    """UWS 1.1 section 3: who signs in owns the jobs and sees the list; no CSRF token is asked of a program (VR-65)."""
    client = Client(enforce_csrf_checks=True, headers={**LOCAL, "authorization": basic()})
    created = client.post("/uws/countmap", {"RUNID": "mine"})
    assert created.status_code == 303
    job = Job.objects.get()
    assert job.owner == anna
    answer = client.get("/uws/countmap")
    assert job.public_id in answer.content.decode()
    assert answer["X-VO-Authenticated"] == "anna"
    assert job.public_id not in Client(headers=LOCAL).get("/uws/countmap").content.decode()
    assert client.delete(f"/uws/countmap/{job.public_id}").status_code == 303


def test_token(anna: User) -> None:
    """RFC 6750: the text is shown once and kept as its digest; revoked, expired and unknown tokens are refused."""
    token, text = tokens.make(anna, "notebook")
    assert text not in str(Token.objects.values())
    assert get(f"Bearer {text}")["X-VO-Authenticated"] == "anna"
    token.refresh_from_db()
    assert token.last_used is not None
    Token.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert get(f"Bearer {text}").status_code == 401
    Token.objects.update(expires=timezone.now() + timedelta(days=1))
    assert get(f"bearer {text}").status_code == 200
    User.objects.update(is_active=False)
    assert get(f"Bearer {text}").status_code == 401
    User.objects.update(is_active=True)
    token.delete()
    assert get(f"Bearer {text}").status_code == 401


def test_tokens_are_limited(anna: User) -> None:
    for number in range(tokens.MAX_TOKENS):
        tokens.make(anna, f"t{number}")
    with pytest.raises(UsageFault, match="revoke one"):
        tokens.make(anna, "one more")


@pytest.mark.parametrize(
    ("authorization", "words"),
    [
        (basic(password="wrong"), "wrong"),
        (basic(name="nobody"), "wrong"),
        ("Basic %%%", "cannot be read"),
        ("Basic " + base64.b64encode(b"no colon").decode(), "cannot be read"),
        ("Basic " + base64.b64encode(b"a\0b:c").decode(), "cannot be read"),
        ("Bearer nonsense", "not valid"),
        ("Bearer", "not valid"),
        ("Digest username=anna", "Basic or Bearer"),
        ("", "Basic or Bearer"),
    ],
)
@pytest.mark.parametrize("url", ["/uws/countmap", "/tap/async", "/tap/sync", "/api/collections"])
def test_wrong_credentials(anna: User, authorization: str, words: str, url: str) -> None:
    """VR-64: never an anonymous answer; 401 with both challenges, in the form that the endpoint's clients read."""
    answer = get(authorization, url)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic realm=")
    assert "Bearer" in answer["WWW-Authenticate"]
    assert words in answer.content.decode()
    kind = answer["Content-Type"]
    assert kind == "application/json" if url.startswith("/api") else kind.startswith("application/x-votable+xml")


def test_pages_do_not_read_the_header(anna: User) -> None:
    assert get(basic(password="wrong"), "/jobs").status_code == 200
    assert get(basic(), "/account").status_code == 302


@pytest.mark.parametrize(
    ("host", "address", "secure", "status"),
    [
        ("127.0.0.1:8000", "127.0.0.1", False, 200),
        ("localhost", "127.0.0.1", False, 200),
        ("[::1]:8000", "::1", False, 200),
        ("testserver", "127.0.0.1", False, 403),
        ("localhost", "192.0.2.1", False, 403),
        ("localhost", "", False, 403),
        ("testserver", "192.0.2.1", True, 200),
    ],
)
def test_passwords_do_not_travel_in_the_clear(
    anna: User, settings: Any, host: str, address: str, secure: bool, status: int
) -> None:
    headers = {"host": host, "authorization": basic()}
    answer = Client().get("/uws/countmap", headers=headers, REMOTE_ADDR=address, secure=secure)
    assert answer.status_code == status
    settings.DISTILLER_BASIC_OVER_HTTP = True
    assert Client().get("/uws/countmap", headers=headers, REMOTE_ADDR=address).status_code == 200


def test_other_sites_cannot_use_the_browsers_password(anna: User) -> None:
    """VR-65: a browser sends a password that it was told along with any site's form."""
    post = {"authorization": basic(), **LOCAL}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert Client().post("/uws/countmap", headers={**post, **headers}).status_code == 403
    assert Client().post("/uws/countmap", headers={**post, "origin": "http://127.0.0.1:8000"}).status_code == 303
    assert get(basic(), origin="https://evil.example").status_code == 200
    _, text = tokens.make(anna, "web application")
    bearer = {**post, "authorization": f"Bearer {text}", "origin": "https://portal.example"}
    assert Client().post("/uws/countmap", headers=bearer).status_code == 303


def test_a_right_password_is_hashed_once(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []
    monkeypatch.setattr(credentials, "authenticate", lambda *a, **k: hashed.append(1) or authenticate(*a, **k))
    assert [get(basic()).status_code for _ in range(3)] == [200] * 3
    assert len(hashed) == 1
    anna.set_password("another")
    anna.save()
    assert get(basic()).status_code == 401
    assert get(basic(password="another")).status_code == 200
    User.objects.update(is_active=False)
    assert get(basic(password="another")).status_code == 401


def test_guessing_is_stopped(anna: User) -> None:
    statuses = [get(basic(password=str(guess))).status_code for guess in range(credentials.MAX_FAILURES + 1)]
    assert statuses == [401] * credentials.MAX_FAILURES + [503]
    assert get(basic()).status_code == 503
    assert get(basic(name="karl")).status_code == 401


def test_capabilities_say_how(client: Client) -> None:
    """VOResource 1.2: an interface for each way of signing in, that for anonymous users first (VR-24, 25, 64)."""
    found = parse_capabilities(BytesIO(client.get("/tap/capabilities").content).read)
    (tap,) = [c for c in found if c.standardid == "ivo://ivoa.net/std/TAP"]
    ways = [[m.standardid for m in i.securitymethods] for i in tap.interfaces]
    assert ways == [[], ["ivo://ivoa.net/sso#BasicAA"], ["ivo://ivoa.net/sso#OAuth"]]
    assert {i.accessurls[0].content for i in tap.interfaces} == {"http://testserver/tap"}
