"""A request for events becomes a distillation: within the limit of who asks, and told from what is not there."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager

from archive.acceptance import foreign_lists
from archive.copies import event_store
from archive.limits import check_bytes
from archive.soda.datasets import Dataset
from archive.soda.parameters import CutoutRequest, Form
from events.distillation import Distillation, Origin
from events.errors import Undistillable
from events.inputs import source_of
from tap.registry import Viewer
from uws.identity import installed
from vo.errors import UsageFault

SOFTWARE = ("astropy", "numpy", "pyarrow")
"""Distributions that decide what a cut-out is."""


class Nothing(Exception):
    """Where and when nothing was observed (SODA 1.0 section 5.1); the message is a sentence for the client."""


class Cutout:
    """Events of some observations, as asked for."""

    def __init__(self, request: CutoutRequest, datasets: Sequence[Dataset], base_url: str, activity: str = "") -> None:
        """`activity` names the job; empty for an answer at once. Raises UsageFault for what cannot be given."""
        self.form: Form = request.form or ("fits" if len(datasets) == 1 else "zip")
        if self.form == "fits" and len(datasets) > 1:
            raise UsageFault("several observations make no single FITS file: ask for RESPONSEFORMAT zip or tar")
        foreign = foreign_lists(dataset.product for dataset in datasets) if self.form != "fits" else ()
        for dataset in datasets:
            if dataset.product.pk in foreign:
                raise UsageFault(
                    f"{dataset.product.did} is an event list of another format, which a GADF data store cannot hold: "
                    "ask for it alone, by RESPONSEFORMAT fits"
                )
        self._request, self._datasets = request, tuple(datasets)
        with told():
            self._distillation = Distillation(
                event_store(),
                [source_of(dataset.file) for dataset in datasets],
                request.selection,
                responses=request.responses,
                origin=Origin(
                    title="Events selected by SODA 1.0",
                    parameters=_parameters(request),
                    base_url=base_url,
                    activity=activity,
                    software=installed(SOFTWARE),
                ),
            )

    @property
    def filename(self) -> str:
        if self.form != "fits":
            return f"events.{self.form}"
        return f"{self._datasets[0].observation.release.collection.name}_{self._datasets[0].observation.obs_id}.fits"

    def check_size(self, viewer: Viewer, async_url: str | None) -> None:
        """Raises UsageFault if more may come out than a viewer may have (`archive.limits`)."""
        with told():
            size = self._distillation.estimate().size
        check_bytes(size, viewer, async_url)

    def check_overlap(self) -> None:
        """Raises Nothing if no observation has anything to do with the region and the time asked for."""
        if any(dataset.is_touched_by(self._request.selection) for dataset in self._datasets):
            return
        with told():
            counts = self._distillation.counts()
        if not any(counts.values()):
            raise Nothing("the region or the time asked for is outside of what was observed")

    def length(self) -> int | None:
        """Bytes of the document, as far as they are known before its first one: those of a single file."""
        with told():
            return self._distillation.length() if self.form == "fits" else None

    def pieces(self) -> Generator[bytes]:
        """The document. What is wrong with it from the beginning is raised as UsageFault at the first piece."""
        with told():
            yield from self._distillation.event_file() if self.form == "fits" else self._distillation.archive(self.form)


def _parameters(request: CutoutRequest) -> Mapping[str, str]:
    return {"ID": "; ".join(request.ids), **request.given}


@contextmanager
def told() -> Iterator[None]:
    """What no event list can be made of is an error of the request."""
    try:
        yield
    except Undistillable as error:
        raise UsageFault(str(error)) from None
