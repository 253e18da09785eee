"""What names mean at a place in a query: tables and their columns, joined columns, the scopes around."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tap.adql import tree, typed
from tap.adql.lexer import AdqlError


@dataclass(frozen=True, slots=True)
class Visible:
    """A column that can be named."""

    name: str
    expression: typed.Expression


class _Named:
    """Columns that are found by their names."""

    columns: tuple[Visible, ...]

    @cached_property
    def _folded(self) -> dict[str, list[Visible]]:
        folded: dict[str, list[Visible]] = {}
        for visible in self.columns:
            folded.setdefault(visible.name.lower(), []).append(visible)
        return folded

    def named(self, name: tree.Name) -> list[Visible]:
        """The columns that the name fits."""
        return [v for v in self._folded.get(name.text.lower(), ()) if name.matches(v.name)]


@dataclass(frozen=True)
class Entry(_Named):
    """A table of FROM: the parts of its name, or its alias alone, and its columns."""

    name: tuple[str, ...]
    source: typed.Source
    columns: tuple[Visible, ...]

    def matches(self, qualifier: Sequence[tree.Name]) -> bool:
        """`t`, `schema.t` and `catalog.schema.t` name a table of that name without alias."""
        if len(qualifier) > len(self.name):
            return False
        own = self.name[len(self.name) - len(qualifier) :]
        return all(q.matches(n) for q, n in zip(qualifier, own, strict=True))


@dataclass(frozen=True)
class Relation(_Named):
    """What FROM, or a part of it, offers: `columns` are those of `*`, joined ones once."""

    from_: typed.From
    entries: tuple[Entry, ...]
    columns: tuple[Visible, ...]


@dataclass(slots=True)
class Scope:
    """The relation of a SELECT within those of the queries around it."""

    relation: Relation
    parent: Scope | None
    aliases: dict[str, typed.Expression] = field(default_factory=dict)
    """Names of result columns that GROUP BY may use."""

    def column(self, name: tree.Qualified) -> typed.Expression:
        """The column of that name, from the innermost scope that has it.

        Raises AdqlError if there is none, or more than one.
        """
        scope: Scope | None = self
        while scope is not None:
            found = scope._own(name)
            if found is not None:
                return found
            scope = scope.parent
        raise self._unknown(name)

    def _own(self, name: tree.Qualified) -> typed.Expression | None:
        *qualifier, last = name.parts
        if not qualifier:
            return _one(name, self.relation.named(last), self.relation.entries)
        entries = [e for e in self.relation.entries if e.matches(qualifier)]
        if not entries:
            return None
        found = [v for e in entries for v in e.named(last)]
        if not found:
            qualified = ".".join(map(str, qualifier))
            raise AdqlError(
                f"unknown column {last} in table {qualified}{suggestion(last.text, _names(entries))}", last.at
            )
        return _one(name, found, entries)

    def star(self, qualifier: tree.Qualified) -> tuple[Visible, ...]:
        """The columns of `t.*`."""
        entries = [e for e in self.relation.entries if e.matches(qualifier.parts)]
        if not entries:
            known = [e.name[-1] for e in self.relation.entries]
            raise AdqlError(f"{qualifier} is no table of FROM{suggestion(str(qualifier), known)}", qualifier.at)
        if len(entries) > 1:
            raise AdqlError(f"{qualifier} is ambiguous: give the tables aliases", qualifier.at)
        return entries[0].columns

    def _unknown(self, name: tree.Qualified) -> AdqlError:
        *qualifier, last = name.parts
        entries: list[Entry] = []
        scope: Scope | None = self
        while scope is not None:
            entries += scope.relation.entries
            scope = scope.parent
        if qualifier:
            written = ".".join(map(str, qualifier))
            known = [e.name[-1] for e in entries]
            return AdqlError(f"{written} is no table of FROM{suggestion(written, known)}", name.at)
        folded = [n for n in _names(entries) if n.lower() == last.text.lower()]
        if last.quoted and folded:
            return AdqlError(f"unknown column {last}: in quotes a name keeps its case; write {folded[0]}", name.at)
        return AdqlError(f"unknown column {last}{suggestion(last.text, _names(entries))}", name.at)


def _names(entries: Iterable[Entry]) -> list[str]:
    return [v.name for e in entries for v in e.columns]


def _one(name: tree.Qualified, found: list[Visible], entries: Sequence[Entry]) -> typed.Expression | None:
    if not found:
        return None
    exact = [v for v in found if v.name == name.parts[-1].text]
    if len(found) > 1 and len(exact) == 1:
        found = exact
    if len(found) > 1:
        homes = [f"{e.name[-1]}.{v.name}" for e in entries for v in e.columns if name.parts[-1].matches(v.name)]
        raise AdqlError(f"{name} is ambiguous: write {' or '.join(homes[:4])}", name.at)
    return found[0].expression


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest known name, or nothing."""
    by_fold = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_fold, n=1, cutoff=0.6)
    return f"; did you mean {by_fold[near[0]]}?" if near else ""
