"""What distilled files say of where they come from: HISTORY in their headers, and lines of a read-me."""

from __future__ import annotations

import hashlib
import json

from events.cards import history
from events.origin import Origin
from events.selection import Selection
from events.sources import Source

_IN_HEADERS = 2000
"""Letters of a selection or parameter that a header takes; of longer ones (a MOC) it has the SHA-256."""


def cards(origin: Origin, selection: Selection, responses: str) -> list[bytes]:
    """HISTORY that all files of a distillation share, as `analysis` writes it for the results of jobs."""
    lines = [origin.title or "Events distilled by Distiller"]
    if origin.activity:
        lines.append(f"Activity: {origin.activity}")
    if origin.base_url:
        lines.append(f"Service: {origin.base_url}")
    lines += [f"Parameter {name}: {_short(json.dumps(value))}" for name, value in origin.parameters.items()]
    lines.append(f"Selection: {_short(selection.canonical())}")
    lines.append(f"Responses: {responses}")
    lines += [f"Software {name} {version}" for name, version in origin.software.items()]
    return [card for line in lines for card in history(line)]


def input_cards(source: Source) -> list[bytes]:
    """HISTORY that names the observation that a file was distilled from."""
    return [*history(f"Input events: {source.did}"), *history(f"sha256 {source.sha256}")]


def outcome(selected: int, rows: int, no_good_time: bool) -> list[bytes]:
    """HISTORY that tells how many events are left."""
    lines = [f"{selected} of {rows} events selected"]
    if not selected:
        lines.append("No event is selected: the event list is empty.")
    if no_good_time:
        lines.append("No good time is left: the observation has no exposure in the times selected.")
    return [card for line in lines for card in history(line)]


def _short(text: str) -> str:
    if len(text) <= _IN_HEADERS:
        return text
    return f"{text[:200]} ... ({len(text)} letters, sha256 {hashlib.sha256(text.encode()).hexdigest()})"
