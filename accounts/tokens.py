"""Making, finding and revoking tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from accounts.models import Token
from vo.errors import UsageFault

MAX_TOKENS = 20
"""Tokens that a user may have at the same time."""
_NOTED = timedelta(hours=1)
"""How exactly the last use is kept: not every request shall write."""


def make(user: User, name: str, expires: datetime | None = None) -> tuple[Token, str]:
    """A new token and its text, which nobody can read again. Raises UsageFault if it cannot be made."""
    name = name.strip()
    if not name or len(name) > 64:
        raise UsageFault("a token needs a name of up to 64 characters")
    if Token.objects.filter(user=user).count() >= MAX_TOKENS:
        raise UsageFault(f"there are {MAX_TOKENS} tokens; revoke one that is not used any more")
    # 256 random bits cannot be guessed from their digest: it needs no salt and no slow hash.
    text = f"distiller_{secrets.token_urlsafe(32)}"
    return Token.objects.create(user=user, name=name, digest=_digest(text), expires=expires), text


def user_of(text: str) -> User | None:
    """The active user whose valid token this is; None if there is none."""
    now = timezone.now()
    valid = Q(expires=None) | Q(expires__gt=now)
    token = Token.objects.select_related("user").filter(valid, digest=_digest(text), user__is_active=True).first()
    if token is None:
        return None
    if token.last_used is None or now - token.last_used > _NOTED:
        Token.objects.filter(pk=token.pk).update(last_used=now)
    user: User = token.user
    return user


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
