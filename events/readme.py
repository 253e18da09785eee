"""The README.txt of a distilled data store: what was asked for, what came of it, from which files and software."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from events.origin import Origin
from events.selection import Selection
from events.sources import Source


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an observation."""

    source: Source
    selected: int
    rows: int
    is_without_exposure: bool


def text(origin: Origin, selection: Selection, responses: str, told: Sequence[Told]) -> bytes:
    """The whole text, UTF-8."""
    selected = sum(one.selected for one in told)
    kept = [one for one in told if not one.is_without_exposure]
    left_out = [one for one in told if one.is_without_exposure]
    lines = [origin.title or "Events distilled by Distiller", ""]
    lines.append(f"{selected} of {sum(one.rows for one in told)} events of {len(told)} observations are selected.")
    if not selected:
        lines.append("No event fulfils the selection: the event lists are empty.")
    if left_out:
        lines.append(f"{len(left_out)} observations have no good time within the times selected and are left out.")
    lines += ["", "This is a GADF data store. With gammapy, in the folder of this file:", ""]
    lines += ["    from gammapy.data import DataStore", '    observations = DataStore.from_dir(".").get_observations()']
    lines += ["", "Selection", f"    {selection.canonical()}", "Responses", f"    {_RESPONSES[responses]}"]
    if origin.parameters:
        lines += ["Parameters", *(f"    {name}: {value}" for name, value in origin.parameters.items())]
    if origin.activity:
        lines += ["Activity", f"    {origin.activity}"]
    if origin.base_url:
        lines += ["Service", f"    {origin.base_url}"]
    if origin.software:
        lines += ["Software", *(f"    {name} {version}" for name, version in origin.software.items())]
    lines += ["", "Observations: obs_id, selected, of, identifier, SHA-256 of the file of the events"]
    lines += [_line(one) for one in kept]
    if left_out:
        lines += ["", "Left out, without good time", *(_line(one) for one in left_out)]
    return ("\n".join(lines) + "\n").encode()


_RESPONSES = {
    "keep": "as they are in the archive",
    "trim": "background models are cut to the selected energies and offsets, one more bin at each end",
    "none": "left out",
}


def _line(one: Told) -> str:
    source = one.source
    return f"    {source.obs_id}  {one.selected}  {one.rows}  {source.did}  {source.sha256}"
