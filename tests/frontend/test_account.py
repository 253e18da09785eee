"""The user's page: signing in and out, making and revoking tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from accounts import tokens
from accounts.models import Token
from tests.frontend.html import text, tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("anna", password="secret")


def test_signing_in_leads_back(anna: User) -> None:
    client = Client()
    assert client.get("/account")["Location"] == "/account/sign-in?next=/account"
    form = tree(client.get("/account/sign-in?next=/account"))
    assert form.xpath("//input[@name='next']/@value") == ["/account"]
    wrong = client.post("/account/sign-in", {"username": "anna", "password": "no", "next": "/account"})
    assert wrong.status_code == 403
    assert tree(wrong).xpath("//*[@role='alert']")
    right = client.post("/account/sign-in", {"username": "anna", "password": "secret", "next": "/account"})
    assert (right.status_code, right["Location"]) == (302, "/account")
    assert client.get("/account/sign-in?next=//evil.example")["Location"] == "/account"
    assert client.post("/account/sign-out")["Location"] == "/"
    assert client.get("/account").status_code == 302


def test_a_token_is_shown_once(anna: User, client: Client) -> None:
    client.force_login(anna)
    made = client.post("/account", {"name": "notebook", "days": "30"})
    (shown,) = tree(made).xpath("//pre[@id='token']/text()")
    assert re.fullmatch(r"distiller_[\w-]{43}", shown)
    assert "no-store" in made["Cache-Control"]
    assert tokens.user_of(shown) == anna
    again = client.get("/account")
    assert shown not in again.content.decode()
    assert "notebook" in text(tree(again))
    assert client.post("/account", {"name": " ", "days": ""}).status_code == 400


def test_only_own_tokens_can_be_revoked(anna: User, client: Client) -> None:
    token, shown = tokens.make(anna, "notebook")
    client.force_login(User.objects.create_user("karl"))
    assert client.post(f"/account/tokens/{token.pk}/revoke").status_code == 404
    client.force_login(anna)
    assert client.post(f"/account/tokens/{token.pk}/revoke").status_code == 302
    assert not Token.objects.exists()
    assert tokens.user_of(shown) is None


def test_curators_make_and_revoke_tokens(anna: User, client: Client) -> None:
    client.force_login(User.objects.create_superuser("curator"))
    made = client.post("/admin/accounts/token/add/", {"user": anna.pk, "name": "pipeline"})
    found = re.search(r"distiller_[\w-]{43}", " ".join(map(str, get_messages(made.wsgi_request))))
    assert found is not None
    assert tokens.user_of(found[0]) == anna
    client.post(f"/admin/accounts/token/{Token.objects.get().pk}/delete/", {"post": "yes"})
    assert not Token.objects.exists()
