"""Checksums in HTTP headers: Repr-Digest, Content-Digest and what clients want of them (RFC 9530; RFC 3230)."""

from __future__ import annotations

import base64
import re

_WISH = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*(?:=\s*(\d{1,3})\s*)?", re.ASCII)


def structured(sha256: str) -> str:
    """A SHA-256 in hexadecimal as the value of Repr-Digest or Content-Digest (RFC 9530 section 2)."""
    return f"sha-256=:{_base64(sha256)}:"


def instance(sha256: str) -> str:
    """The same for Digest (RFC 3230 section 4.3.2), which older clients read."""
    return f"sha-256={_base64(sha256)}"


def wants_sha256(wish: str | None, unasked: bool) -> bool:
    """Whether Want-Repr-Digest or Want-Content-Digest asks for SHA-256; `unasked` where it says nothing of it.

    0 is "not acceptable", a larger number a preference (RFC 9530 section 4).
    """
    if wish is None:
        return unasked
    for member in wish.split(","):
        match = _WISH.fullmatch(member)
        if match and match[1] == "sha-256":
            return int(match[2] or 1) > 0
    return unasked


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
