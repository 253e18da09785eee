"""FITS headers as bytes: single cards changed, all others left as they are; checksums.

Sources: FITS standard 4.0 sections 4.1 and 4.4.2.7, appendix J.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from astropy.io import fits

BLOCK = 2880
_CARD = 80
_END = b"END".ljust(_CARD)
_UNSUMMED = b"CHECKSUM= '0000000000000000'   / complement of the sum of all of the HDU".ljust(_CARD)
_HISTORY_WIDTH = 72


def padding(size: int) -> int:
    """Bytes that fill the last block of something of that size."""
    return -size % BLOCK


class Cards:
    """The cards of a header, in their order. Made from the header's bytes, with or without END and padding."""

    def __init__(self, raw: bytes | memoryview = b"") -> None:
        cards = bytes(raw)
        end = _found(cards, _END)
        cards = (cards if end < 0 else cards[:end]).rstrip(b" ")
        self._raw = bytearray(cards.ljust(len(cards) + -len(cards) % _CARD))

    def _position(self, key: str) -> int:
        # The last letter of what is looked for should be a rare one, as a space is not.
        return _found(self._raw, f"{key:8}=".encode(), b" ")

    def __contains__(self, key: str) -> bool:
        return self._position(key) >= 0

    def set(self, key: str, value: str | int | float, comment: str = "") -> None:
        """Change the value of a card in its place, its comment kept; or add the card at the end."""
        position = self._position(key)
        if position < 0:
            self._raw += _image(key, value, comment)
            return
        old = bytes(self._raw[position : position + _CARD])
        if isinstance(value, int) and b"/" not in old[:30] and b"'" not in old:
            new = f"{key:8}= {value:20d}".encode() + old[30:]
        else:
            new = _image(key, value, str(fits.Card.fromstring(old).comment) or comment)
        self._raw[position : position + _CARD] = new

    def remove(self, *keys: str) -> None:
        """Take cards out, if they are there."""
        for key in keys:
            while (position := self._position(key)) >= 0:
                del self._raw[position : position + _CARD]

    def extend(self, cards: Iterable[bytes]) -> None:
        """Cards at the end, as they are."""
        self._raw += b"".join(cards)

    def whole(self) -> bytes:
        """The header with END and padding."""
        raw = bytes(self._raw) + _END
        return raw.ljust(len(raw) + padding(len(raw)))

    def encode(self, datasum: int) -> bytes:
        """The same with DATASUM and CHECKSUM made for data of that sum."""
        self.remove("CHECKSUM", "DATASUM")
        sums = f"DATASUM = '{datasum:<10d}'         / sum of the data, 32-bit ones' complement".ljust(_CARD).encode()
        place = len(self._raw) + len(sums) + 11
        self._raw += sums + _UNSUMMED
        raw = self.whole()
        return raw[:place] + _encoded(~checksum(raw, datasum) & 0xFFFFFFFF) + raw[place + 16 :]


def _found(raw: bytes | bytearray, start: bytes, more: bytes = b"") -> int:
    """Where the first card that starts so is, -1 if there is none."""
    position = raw.find(start)
    while position >= 0 and (position % _CARD or not raw.startswith(more, position + len(start))):
        position = raw.find(start, position + 1)
    return position


def history(text: str) -> list[bytes]:
    """A text as HISTORY cards."""
    plain = " ".join(text.split())
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(c if " " <= c <= "~" else "?" for c in plain)
    parts = [plain[at : at + _HISTORY_WIDTH] for at in range(0, max(len(plain), 1), _HISTORY_WIDTH)]
    return [f"HISTORY {part}".encode().ljust(_CARD) for part in parts]


def _image(key: str, value: str | int | float, comment: str) -> bytes:
    """A card; where a long text takes more than one, all of them."""
    image = str(fits.Card(key, value, comment))
    if len(image) > _CARD:
        image = str(fits.Card(key, value))
    return image.ljust(len(image) + -len(image) % _CARD).encode("ascii", "replace")


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
