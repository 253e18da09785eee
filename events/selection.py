"""Which events are wanted: conditions on position, energy, time and type."""

from __future__ import annotations

import math
from dataclasses import dataclass

from events.sky import SkyRegion, text

Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions of different kinds hold together; within a kind any of them suffices; an empty kind is no condition.

    Raises ValueError with a sentence for what is no condition.
    """

    regions: tuple[SkyRegion, ...] = ()
    energies: Intervals = ()
    """TeV, both ends included; 0 and inf are allowed as ends."""
    times: Intervals = ()
    """MJD in UTC, both ends included; infinite ends are allowed."""
    event_types: tuple[int, ...] = ()
    """Bits of EVENT_TYPE where it is a bit field (GADF 0.3: 32X; bit 0 is the last one), else its values."""

    def __post_init__(self) -> None:
        for what, unit, intervals in (("energies", "TeV", self.energies), ("times", "MJD", self.times)):
            for low, high in intervals:
                if math.isnan(low) or math.isnan(high) or low > high:
                    raise ValueError(
                        f"{what} are selected from a lower to an upper limit, not {low:g} to {high:g} {unit}"
                    )
        for low, high in self.energies:
            if low < 0 or high == 0:
                raise ValueError(f"energies are above 0, not from {low:g} to {high:g} TeV")
        for low, high in self.times:
            if low == math.inf or high == -math.inf:
                raise ValueError("no time is later or earlier than all others")
        if any(value < 0 for value in self.event_types):
            raise ValueError("event types are numbers from 0 on")

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition at all."""
        return not (self.regions or self.energies or self.times or self.event_types)

    def canonical(self) -> str:
        """One text for one selection, for keys and provenance, whatever the order of its conditions."""
        parts = [
            *sorted(text(region) for region in set(self.regions)),
            *(f"ENERGY {low!r} {high!r} TeV" for low, high in merged(self.energies)),
            *(f"TIME {low!r} {high!r} MJD UTC" for low, high in merged(self.times)),
            *(f"EVENT_TYPE {value}" for value in sorted(set(self.event_types))),
        ]
        return "; ".join(parts) or "all events"


def merged(intervals: Intervals) -> Intervals:
    """Closed intervals sorted, those that touch or overlap made one."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted((float(low), float(high)) for low, high in intervals):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def common(one: Intervals, other: Intervals) -> Intervals:
    """What two sets of intervals, each sorted and apart, share; single points are left out."""
    shared = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low < high:
            shared.append((low, high))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(shared)
