"""ProvSAP, the IVOA's simple access to provenance (a prototype: no version is agreed upon yet).

The parameters of a request, and the answer. What the drafts call STEPS and ATTRIBUTES is not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from provenance import graph, serialise, svg
from provenance.graph import Direction
from provenance.nodes import Graph
from provenance.policy import Viewer
from provenance.serialise import Model
from vo import dali
from vo.dali import Parameters
from vo.errors import UsageFault

Choice = TypeVar("Choice", Direction, Model)

MAX_IDS = 100
_NAMES = ("ID", "DEPTH", "DIRECTION", "RESPONSEFORMAT", "MODEL", "AGENTS", "MEMBERS", "DESCRIPTIONS", "CONFIGURATION")
_IGNORED = ("FORMAT", "RUNID")


@dataclass(frozen=True, slots=True)
class Format:
    """A serialisation: its name in ProvSAP, media type, other names that are accepted, and file name ending."""

    name: str
    media_type: str
    synonyms: tuple[str, ...]
    write: Callable[[Graph, Model, str], str]


FORMATS = (
    Format("PROV-JSON", "application/json", ("json",), serialise.to_json),
    Format(
        "PROV-N", "text/provenance-notation; charset=utf-8", ("provn", "text/provenance-notation"), serialise.to_provn
    ),
    Format("PROV-XML", "application/provenance+xml", ("xml", "text/xml", "application/xml"), serialise.to_xml),
    Format("PROV-SVG", "image/svg+xml", ("svg",), lambda found, model, base_url: svg.draw(found)),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for; `depth` is None for all."""

    ids: tuple[str, ...]
    depth: int | None
    direction: Direction
    format: Format
    model: Model
    agents: bool
    members: bool
    descriptions: bool
    configuration: bool

    @classmethod
    def of(cls, parameters: Parameters) -> Request:
        """Raises UsageFault for a missing ID, an unknown parameter, and values that cannot be used."""
        unknown = sorted(name for name in parameters if name not in _NAMES + _IGNORED)
        if unknown:
            raise UsageFault(f"there is no parameter {', '.join(unknown)}; there are {', '.join(_NAMES)}")
        ids = tuple(dict.fromkeys(text.strip() for text in parameters.all("ID") if text.strip()))
        if not ids:
            raise UsageFault("parameter ID is missing: the identifier of an entity, activity, agent, product or job")
        if len(ids) > MAX_IDS:
            raise UsageFault(f"ID: at most {MAX_IDS} in one request, not {len(ids)}")
        return cls(
            ids=ids,
            depth=_depth(parameters.one("DEPTH")),
            direction=_choice(parameters, "DIRECTION", (Direction.BACK, Direction.FORTH)),
            format=_format(parameters.response_format()),
            model=_choice(parameters, "MODEL", tuple(Model)),
            agents=_boolean(parameters, "AGENTS", True),
            members=_boolean(parameters, "MEMBERS", True),
            descriptions=_boolean(parameters, "DESCRIPTIONS", False),
            configuration=_boolean(parameters, "CONFIGURATION", True),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A document; `truncated` if a limit has cut it."""

    text: str
    media_type: str
    truncated: bool


def answer(request: Request, viewer: Viewer, base_url: str) -> Answer:
    """The document asked for. Raises NotFoundFault for an unknown ID."""
    found = graph.trace(
        request.ids,
        depth=request.depth,
        direction=request.direction,
        viewer=viewer,
        agents=request.agents,
        members=request.members,
        context=request.configuration,
        descriptions=request.descriptions,
    )
    if not request.configuration:
        found = graph.without_configuration(found)
    return Answer(request.format.write(found, request.model, base_url), request.format.media_type, found.truncated)


def _depth(text: str | None) -> int | None:
    if text is None or not text.strip():
        return 1
    if text.strip().upper() == "ALL":
        return None
    try:
        depth = dali.integer(text)
    except UsageFault:
        depth = -1
    if depth < 0:
        raise UsageFault(f"DEPTH: a number of relations from 0 up, or ALL, not {text[:60]!r}")
    return depth


def _choice(parameters: Parameters, name: str, choices: tuple[Choice, ...]) -> Choice:
    text = (parameters.one(name) or "").strip().upper()
    for choice in choices:
        if text in (choice.value, ""):
            return choice
    raise UsageFault(f"{name}: one of {', '.join(choice.value for choice in choices)}, not {text[:60]!r}")


def _boolean(parameters: Parameters, name: str, default: bool) -> bool:
    value = parameters.value(name, dali.boolean)
    return default if value is None else value


def _format(text: str | None) -> Format:
    if text is None:
        return FORMATS[0]
    # A plus sign that was not escaped arrives as a space.
    word = text.strip().lower().replace("provenance xml", "provenance+xml").replace("svg xml", "svg+xml")
    for known in FORMATS:
        if word in (known.name.lower(), known.media_type.partition(";")[0], *known.synonyms):
            return known
    raise UsageFault(f"RESPONSEFORMAT: one of {', '.join(f.name for f in FORMATS)}, not {text[:60]!r}")
