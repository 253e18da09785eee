"""Observations of a data store as its index tables list them: by the headers of their event lists."""

from __future__ import annotations

from collections.abc import Sequence

from astropy.io import fits

from archive.datastore.contents import Item
from archive.store import local_path
from events.indexes import Listed
from vo.errors import FatalFault


def listed(items: Sequence[Item]) -> list[Listed]:
    """A row for each observation. Raises FatalFault where an event list cannot be read."""
    return [_listed(item) for item in items]


def _listed(item: Item) -> Listed:
    places = {
        kind: (*_split(path), hdu, use.hdu_classes.get(kind, kind))
        for use, path in item.files
        for kind, hdu in use.hdus.items()
    }
    observation = item.observation
    known = {"QUALITY": observation.quality, "EVENT_COUNT": observation.event_count, "OBJECT": observation.target_name}
    return Listed.from_header(observation.obs_id, _header(item), places, **known)


def _header(item: Item) -> fits.Header:
    for use, _ in item.files:
        if "events" in use.hdus:
            try:
                with fits.open(local_path(use.file.path), lazy_load_hdus=True) as hdus:
                    header: fits.Header = hdus[use.hdus["events"]].header
                    return header
            except (OSError, KeyError):
                raise FatalFault(f"{use.name} cannot be read in the archive; the curators have been told") from None
    raise FatalFault(f"{item.product.did} has no event list")


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name
