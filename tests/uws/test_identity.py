"""Which jobs are the same work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.uws.jobs import ECHO, KEEP, EchoParameters
from uws import identity
from uws.context import InputFile
from uws.parameters import param
from uws.values import parse, to_texts


class SetParameters(EchoParameters):
    source: tuple[str, ...] = param((), description="Names of input files.", ucd="meta.id", unordered=True)


ORDERED, ANY_ORDER = ECHO, replace(ECHO, parameters=SetParameters)
FILE = InputFile("ivo://distiller.example/test?a", Path("a"), "1" * 64, "text/plain", {"sha256": ["1" * 64, "2" * 64]})
OTHER = replace(FILE, id="ivo://distiller.example/test?b")
SENT = InputFile("ivo://x/jobs?1/parts/1", Path("b"), "3" * 64, "text/plain", {"part": "p", "filename": "t.vot"})
Given = Mapping[str, Sequence[str]]
SAME: list[tuple[str, Given, Given, bool, bool]] = [
    # what differs, parameters of both, the same where order matters, the same where it does not
    ("spelling", {"energy": ["1 10"], "loud": ["T"]}, {"energy": ["1.0 1e1"], "loud": ["true"]}, True, True),
    ("defaults", {}, {"times": ["1"]}, True, True),
    ("order", {"source": ["a", "b"]}, {"source": ["b", "a"]}, False, True),
    ("repetition", {"source": ["a", "b"]}, {"source": ["a", "b", "a"]}, False, True),
    ("selection", {"source": ["a", "b"]}, {"source": ["a"]}, False, False),
    ("value", {"times": ["1"]}, {"times": ["2"]}, False, False),
]


@pytest.mark.parametrize(("one", "two", "ordered", "any_order"), [c[1:] for c in SAME], ids=[c[0] for c in SAME])
def test_parameters(one: Given, two: Given, ordered: bool, any_order: bool) -> None:
    """Order and repetition are nothing only where the declaration says so."""
    for kind, same in ((ORDERED, ordered), (ANY_ORDER, any_order)):
        keys = {identity.cache_key(kind, to_texts(parse(kind.parameters, given)), {}, {}) for given in (one, two)}
        assert (len(keys) == 1) is same


CONTENT: list[tuple[str, Sequence[InputFile], Sequence[InputFile], bool]] = [
    ("order", [FILE, OTHER], [OTHER, FILE], True),
    ("number", [FILE, OTHER], [FILE], False),
    ("bytes", [FILE], [replace(FILE, sha256="4" * 64)], False),
    ("bytes of a further file", [FILE], [replace(FILE, metadata={"sha256": ["1" * 64, "4" * 64]})], False),
    ("product", [FILE], [OTHER], False),
]


@pytest.mark.parametrize(("one", "two", "same"), [c[1:] for c in CONTENT], ids=[c[0] for c in CONTENT])
def test_inputs(one: Sequence[InputFile], two: Sequence[InputFile], same: bool) -> None:
    keys = {identity.cache_key(ECHO, {}, {"sources": files}, {}) for files in (one, two)}
    assert (len(keys) == 1) is same


UPLOADS: list[tuple[str, InputFile, bool]] = [
    ("sent with another job", replace(SENT, id="ivo://x/jobs?2/parts/1"), True),
    ("bytes", replace(SENT, sha256="4" * 64), False),
    ("name of the part", replace(SENT, metadata={"part": "q", "filename": "t.vot"}), False),
    ("media type", replace(SENT, media_type="text/csv"), False),
]


@pytest.mark.parametrize(("other", "same"), [c[1:] for c in UPLOADS], ids=[c[0] for c in UPLOADS])
def test_files_sent_along(other: InputFile, same: bool) -> None:
    """Their identifiers are those of the job that they came with: they say nothing."""
    keys = {identity.cache_key(KEEP, {}, {"attachments": [file]}, {}) for file in (SENT, other)}
    assert (len(keys) == 1) is same


def test_software() -> None:
    assert identity.cache_key(ECHO, {}, {}, {"numpy": "2.1"}) != identity.cache_key(ECHO, {}, {}, {"numpy": "2.2"})
    newer = replace(ECHO, version="1.1")
    assert identity.cache_key(ECHO, {}, {}, {}) != identity.cache_key(newer, {}, {}, {})
