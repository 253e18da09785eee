"""The pictures of a data set: of an event list its field of view and a plot of its counts, of other data one picture.

No global state of matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from archive import eventpictures, pictures
from archive.readers.records import ProductRecord
from archive.readers.sketches import CurveSketch, EventSketch, FluxSketch, SourcesSketch, SpectrumSketch

SIZE_LIMIT = 60_000
"""bytes; previews travel in result pages by the dozen."""
MEDIA_TYPE = "image/png"
FIRST, SECOND = "preview", "plot"
"""Endings of the identifiers of a data set's pictures; no data set has more."""
_SHOWN = {
    CurveSketch: ("preview-plot", "Light curve"),
    SpectrumSketch: ("preview-plot", "Counts spectrum and its background"),
    FluxSketch: ("preview-plot", "Flux points"),
    SourcesSketch: ("preview-image", "Sources on the sky (galactic coordinates)"),
}
_NARROW, _WIDE, _HEIGHT = 4.4, 7.6, 3.4
"""Hundreds of pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG; the same record gives the same bytes."""

    ending: str
    """Of its identifier."""
    kind: str
    """Term of the DataLink vocabulary: an image shows the sky, a plot one quantity against another."""
    description: str
    """What it shows, for people."""
    content: bytes


def render(record: ProductRecord) -> tuple[Picture, ...]:
    """The pictures of a data set, the first one first."""
    sketch, name, size = record.sketch, _name(record), _size(record)
    if isinstance(sketch, EventSketch):
        field = _drawn(_NARROW, f"{name}\n{size}", lambda figure: eventpictures.draw_field(figure, record, sketch))
        counts = _drawn(_WIDE, f"{name}  {size}", lambda figure: eventpictures.draw_counts(figure, record, sketch))
        return (
            Picture(FIRST, "preview-image", "Events in the field of view", field),
            Picture(SECOND, "preview-plot", "Energies of the events, and their rate over time", counts),
        )
    content = _drawn(_WIDE, f"{name}  {size}", lambda figure: pictures.draw(figure, sketch))
    return (Picture(FIRST, *_SHOWN[type(sketch)], content),)


def _drawn(width: float, title: str, draw: Callable[[Figure], None]) -> bytes:
    figure = Figure(figsize=(width, _HEIGHT), dpi=100)
    # A dollar sign would start a formula.
    figure.suptitle(title.strip().replace("$", " "), fontsize=10 if width == _WIDE else 9, y=0.985)
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _name(record: ProductRecord) -> str:
    words = (f"{record.instrument_name} {record.obs_id}".strip(), record.target_name)
    return "  ".join(word for word in words if word)


def _size(record: ProductRecord) -> str:
    """How much there is of it: events, live time, sources."""
    if isinstance(record.sketch, SourcesSketch):
        return f"{len(record.sketch.kind)} sources"
    words = [f"{record.sketch.energy.size} events"] if isinstance(record.sketch, EventSketch) else []
    if record.livetime is not None:
        words.append(f"{record.livetime / 60:.1f} min")
    return ", ".join(words)
