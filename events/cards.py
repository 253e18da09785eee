"""FITS headers as bytes: single cards changed, all others left as they are; checksums.

Sources: FITS standard 4.0 sections 4.1 and 4.4.2.7, appendix J.
"""

from __future__ import annotations

import numpy as np
from astropy.io import fits

BLOCK = 2880
_CARD = 80
_END = b"END".ljust(_CARD)
_HISTORY_WIDTH = 72


def padding(size: int) -> int:
    """Bytes that fill the last block of something of that size."""
    return -size % BLOCK


class Cards:
    """The cards of a header, in their order. Made from the header's bytes, with or without END and padding."""

    def __init__(self, raw: bytes) -> None:
        cards = [raw[at : at + _CARD] for at in range(0, len(raw), _CARD)]
        if _END in cards:
            del cards[cards.index(_END) :]
        while cards and not cards[-1].strip():
            cards.pop()
        self._cards = cards

    def _position(self, key: str) -> int | None:
        start = key.ljust(8).encode() + b"= "
        keywords = [card[:10] for card in self._cards]
        return keywords.index(start) if start in keywords else None

    def __contains__(self, key: str) -> bool:
        return self._position(key) is not None

    def set(self, key: str, value: str | int | float, comment: str = "") -> None:
        """Change the value of a card in its place, its comment kept; or add the card at the end."""
        position = self._position(key)
        if position is None:
            self._cards.append(_image(key, value, comment))
            return
        old = self._cards[position]
        if isinstance(value, int) and b"/" not in old[:30] and b"'" not in old:
            self._cards[position] = f"{key:8}= {value:20d}".encode() + old[30:]
            return
        self._cards[position] = _image(key, value, str(fits.Card.fromstring(old).comment) or comment)

    def remove(self, *keys: str) -> None:
        """Take cards out, if they are there."""
        for key in keys:
            while (position := self._position(key)) is not None:
                del self._cards[position]

    def extend(self, cards: list[bytes]) -> None:
        """Cards at the end, as they are."""
        self._cards.extend(cards)

    def encode(self, datasum: int) -> bytes:
        """The header with END and padding, and with DATASUM and CHECKSUM made for data of that sum."""
        self.remove("CHECKSUM", "DATASUM")
        sums = [
            f"DATASUM = '{datasum:<10d}'         / sum of the data, 32-bit ones' complement".encode().ljust(_CARD),
            b"CHECKSUM= '0000000000000000'   / complement of the sum of all of the HDU".ljust(_CARD),
        ]
        raw = b"".join([*self._cards, *sums, _END])
        raw += b" " * padding(len(raw))
        place = raw.index(sums[1], len(self._cards) * _CARD) + 11
        return raw[:place] + _encoded(~checksum(raw, datasum) & 0xFFFFFFFF) + raw[place + 16 :]


def history(text: str) -> list[bytes]:
    """A text as HISTORY cards."""
    plain = " ".join(text.split())
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(c if " " <= c <= "~" else "?" for c in plain)
    parts = [plain[at : at + _HISTORY_WIDTH] for at in range(0, max(len(plain), 1), _HISTORY_WIDTH)]
    return [f"HISTORY {part}".encode().ljust(_CARD) for part in parts]


def _image(key: str, value: str | int | float, comment: str) -> bytes:
    card = fits.Card(key, value, comment)
    image = str(card)
    if len(image) > _CARD:
        image = str(fits.Card(key, value))
    return image[:_CARD].ljust(_CARD).encode("ascii", "replace")


def checksum(data: bytes | memoryview | np.ndarray, total: int = 0) -> int:
    """The 32-bit ones' complement sum of bytes, going on from `total`; a last part of less than 4 bytes is filled up
    with zeros, so that only the last of several parts may have one."""
    view = np.frombuffer(data, np.uint8)
    whole = len(view) & ~3
    total += int(view[:whole].view(">u4").sum(dtype=np.uint64))
    if whole < len(view):
        total += int.from_bytes(view[whole:].tobytes().ljust(4, b"\0"), "big")
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _spelled(byte: int) -> tuple[int, int, int, int]:
    """Four letters or digits whose sum, from 0 on each, is the byte."""
    quarter, rest = byte // 4 + 48, byte % 4
    letters = [quarter + rest, quarter, quarter, quarter]
    excluded = {*range(58, 65), *range(91, 97)}
    while any(letter in excluded for letter in letters):
        for pair in (0, 2):
            if letters[pair] in excluded or letters[pair + 1] in excluded:
                letters[pair] += 1
                letters[pair + 1] -= 1
    return (letters[0], letters[1], letters[2], letters[3])


_SPELLED = [_spelled(byte) for byte in range(256)]


def _encoded(value: int) -> bytes:
    letters = [_SPELLED[byte] for byte in value.to_bytes(4, "big")]
    flat = bytes(letters[byte][place] for place in range(4) for byte in range(4))
    return flat[-1:] + flat[:-1]


def header_at(raw: memoryview, at: int) -> bytes:
    """The bytes of the header that starts there. Raises ValueError where it does not end."""
    end = at
    while end < len(raw):
        end += BLOCK
        block = bytes(raw[end - BLOCK : end])
        if any(block[card : card + _CARD] == _END for card in range(0, len(block), _CARD)):
            return bytes(raw[at:end])
    raise ValueError("a header does not end")


def data_size(header: fits.Header) -> int:
    """Bytes of the data that a header announces, without padding (FITS standard 4.0 section 4.4.1)."""
    axes = [int(header[f"NAXIS{n}"]) for n in range(1, int(header["NAXIS"]) + 1)]
    if not axes:
        return 0
    if axes[0] == 0 and header.get("GROUPS"):
        axes = axes[1:]
    elements = int(np.prod(axes, dtype=np.int64))
    return abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * (int(header.get("PCOUNT", 0)) + elements)
