"""Which events are wanted: conditions on position, energy, time and type."""

from __future__ import annotations

from dataclasses import dataclass

from events.sky import SkyRegion


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions of different kinds hold together; within a kind any of them suffices; an empty kind is no condition.

    Raises ValueError with a sentence for what is no condition.
    """

    regions: tuple[SkyRegion, ...] = ()
    energies: tuple[tuple[float, float], ...] = ()
    """TeV, both ends included; 0 and inf are allowed as ends."""
    times: tuple[tuple[float, float], ...] = ()
    """MJD in UTC, both ends included; infinite ends are allowed."""
    event_types: tuple[int, ...] = ()
    """Bits of EVENT_TYPE where it is a bit field (GADF 0.3: 32X, bit 0 is the last one), else its values."""

    def canonical(self) -> str:
        """One text for one selection, for keys and provenance."""
        raise NotImplementedError
