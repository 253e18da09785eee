"""The user whom the header Authorization names: HTTP Basic (RFC 7617) and Bearer (RFC 6750)."""

from __future__ import annotations

import base64
import binascii
import ipaddress

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts import tokens
from vo.clients import address, network_address
from vo.errors import AuthenticationFault, AuthorizationFault, TransientFault

VERIFIED_SECONDS = 300
"""How long a password that was right is not hashed again: that takes most of a second of processor time, on purpose."""
MAX_FAILURES = 10
"""Wrong passwords for a user from an address before no more are tried."""
FAILURES_SECONDS = 300
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def user_of(request: HttpRequest) -> User | None:
    """The user; None if the request has no such header.

    Raises AuthenticationFault for wrong credentials (never is the request taken for an anonymous one), and
    AuthorizationFault for a password that others on the way could read.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        user = tokens.user_of(value.strip())
        if user is None:
            raise AuthenticationFault("this token is not valid: it was revoked, has expired, or never was one")
        return user
    if scheme.lower() == "basic":
        return _of_password(request, value.strip())
    raise AuthenticationFault("the header Authorization is of a kind that is not known here: use Basic or Bearer")


def _of_password(request: HttpRequest, value: str) -> User:
    if not _is_confidential(request):
        raise AuthorizationFault("a password is taken over https only")
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon or "\x00" in name:
        raise AuthenticationFault("the header Authorization cannot be read")
    verified = f"accounts.verified.{salted_hmac('accounts.password', f'{name}:{password}').hexdigest()}"
    known: tuple[int, str] | None = cache.get(verified)
    if known is not None:
        user = User.objects.filter(pk=known[0], password=known[1], is_active=True).first()
        if user is not None:
            return user
    failures = f"accounts.failures.{salted_hmac('accounts.name', f'{network_address(request)} {name}').hexdigest()}"
    if cache.get(failures, 0) >= MAX_FAILURES:
        raise TransientFault("too many wrong passwords; try again in some minutes")
    found = authenticate(request, username=name, password=password)
    if not isinstance(found, User):
        cache.add(failures, 0, FAILURES_SECONDS)
        cache.incr(failures)
        raise AuthenticationFault("user name or password is wrong")
    cache.set(verified, (found.pk, found.password), VERIFIED_SECONDS)
    return found


def _is_confidential(request: HttpRequest) -> bool:
    """Whether nobody on the way can read the request: https, or a client on this machine."""
    if settings.DISTILLER_BASIC_OVER_HTTP or request.is_secure():
        return True
    host = request.get_host()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    try:
        return name in _LOCAL_NAMES and ipaddress.ip_address(address(request)).is_loopback
    except ValueError:
        return False
