"""Where distilled files come from, as they tell it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """What stands in the provenance of a distilled file beside the selection.

    `title` says in a sentence what was asked for; `parameters` are those of the request as the user gave them;
    `base_url` is the address of the service, without a slash at its end; `activity` names the job or request, empty
    where there is none; `software` maps names to versions.
    """

    title: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    activity: str = ""
    software: Mapping[str, str] = field(default_factory=dict)
