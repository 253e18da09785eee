"""Which OGIP files belong together: a spectrum names its background and responses, or their names tell.

OGIP/92-007 (spectra) and CAL/GEN/92-002 (responses): BACKFILE, ANCRFILE and RESPFILE name files in the spectrum's own
folder, "none" says that there is none. Spectra that name nothing at all are common (XMM-Newton's `PN.fits`, `PN.arf`,
`PN.rmf`, `PN_bkg.fits`): then files with the same stem are taken if instrument and channels agree, and that is noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from archive.readers.outline import HDUOutline, Outline
from archive.readers.records import Candidate, Refused, SourceFile

KEYWORDS = {"background": "BACKFILE", "arf": "ANCRFILE", "rmf": "RESPFILE"}
"""Which keyword of a spectrum names the file of which kind."""
_BACKGROUND_ENDING = re.compile(r"[_.-](bkg|bck|back|background|bg)$", re.I)
_RESPONSE_ENDING = re.compile(r"[_.-](arf|rmf)$", re.I)


def table_of(file: Outline, kind: str) -> HDUOutline | None:
    """The first table of a kind: `spectrum`, `arf` or `rmf`."""
    return next((hdu for hdu in file.tables if _KINDS[kind](hdu)), None)


def _is_spectrum(hdu: HDUOutline) -> bool:
    return "CHANNEL" in hdu.columns and bool({"COUNTS", "RATE"} & hdu.columns)


def _is_arf(hdu: HDUOutline) -> bool:
    return {"ENERG_LO", "ENERG_HI", "SPECRESP"} <= hdu.columns


def _is_rmf(hdu: HDUOutline) -> bool:
    return {"ENERG_LO", "ENERG_HI", "N_GRP", "F_CHAN", "N_CHAN", "MATRIX"} <= hdu.columns


_KINDS = {"spectrum": _is_spectrum, "arf": _is_arf, "rmf": _is_rmf}


def kind_of(file: Outline) -> str | None:
    """What an OGIP file holds, None if it is none."""
    return next((kind for kind in _KINDS if table_of(file, kind) is not None), None)


def stem(path: Path) -> str:
    """The name of a file without its endings: `PN_bkg` of `PN_bkg.fits.gz`."""
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def assemble(files: Sequence[Outline]) -> Iterator[Candidate]:
    """A candidate for each spectrum with what belongs to it; refusals for what belongs to none."""
    folders: dict[Path, list[Outline]] = {}
    for file in files:
        folders.setdefault(file.path.parent, []).append(file)
    for together in folders.values():
        yield from _folder(_Folder(together))


class _Folder:
    """The OGIP files of one folder, by name and by the stem that they share."""

    def __init__(self, files: Sequence[Outline]) -> None:
        self.files = files
        self.spectra = {file.path: table for file in files if (table := table_of(file, "spectrum")) is not None}
        self.by_name = {file.path.name: file for file in files}
        self.by_stem: dict[str, list[Outline]] = {}
        for file in files:
            for bare in {stem(file.path), _bare(file.path)}:
                self.by_stem.setdefault(bare, []).append(file)
        self._named = {_name(table, "BACKFILE"): path for path, table in self.spectra.items()}

    def is_background(self, file: Outline) -> bool:
        if file.path not in self.spectra:
            return False
        if self.spectra[file.path].is_class("SPECTRUM", "BKG"):
            return True
        if self._named.get(file.path.name, file.path) != file.path:
            return True
        bare = _BACKGROUND_ENDING.sub("", stem(file.path))
        return bare != stem(file.path) and any(
            other.path in self.spectra for other in self.by_stem.get(bare, ()) if stem(other.path) == bare
        )


def _bare(path: Path) -> str:
    return _RESPONSE_ENDING.sub("", _BACKGROUND_ENDING.sub("", stem(path)))


def _name(table: HDUOutline, keyword: str) -> str:
    """The file that a keyword names. The folder before it is one of the machine that wrote it."""
    return table.get(keyword).rpartition("/")[2]


def _folder(folder: _Folder) -> Iterator[Candidate]:
    used: set[Path] = set()
    for file in folder.files:
        if file.path not in folder.spectra or folder.is_background(file):
            continue
        sources, notes, refusal = [_source(file, "spectrum")], [], None
        for kind, keyword in KEYWORDS.items():
            try:
                found, note = _companion(file, kind, keyword, folder)
            except Refused as reason:
                refusal = reason.reason
                continue
            if found is not None and found is not file:
                sources.append(_source(found, kind))
                used.add(found.path)
            if note:
                notes.append(note)
        used.add(file.path)
        yield Candidate(file.where, tuple(sources), notes=tuple(notes), refusal=refusal)
    for file in folder.files:
        if file.path not in used:
            what = "background spectrum" if file.path in folder.spectra else "response"
            source = SourceFile(file.path, file.path.name)
            yield Candidate(file.where, (source,), refusal=f"a {what} to which no spectrum in its folder belongs")


def _source(file: Outline, kind: str) -> SourceFile:
    table = table_of(file, "spectrum" if kind == "background" else kind)
    assert table is not None
    return SourceFile(file.path, file.path.name, {kind: table.name}, {kind: "ogip"})


def _companion(spectrum: Outline, kind: str, keyword: str, folder: _Folder) -> tuple[Outline | None, str | None]:
    """The file of that kind that belongs to a spectrum, and what a curator should know about it.

    Raises `Refused` if the file is there and is none of that kind.
    """
    table = folder.spectra[spectrum.path]
    named = _name(table, keyword)
    wanted = "spectrum" if kind == "background" else kind
    if named.upper() == "NONE":
        return None, None
    if named:
        file = folder.by_name.get(named)
        if file is not None and table_of(file, wanted) is not None:
            return file, None
        if (spectrum.path.parent / named).exists():
            raise Refused(f"its {kind}, {named}, cannot be used")
        return None, f"{keyword} {named} is not there."
    for file in folder.by_stem.get(stem(spectrum.path), ()):
        if file is not spectrum and table_of(file, wanted) and _same_name(spectrum, file, kind) and _agree(table, file):
            return file, f"{file.path.name} is taken for its {kind} by its name."
    return None, f"It names no {kind} ({keyword})."


def _same_name(spectrum: Outline, file: Outline, kind: str) -> bool:
    ending = _BACKGROUND_ENDING if kind == "background" else _RESPONSE_ENDING
    bare = ending.sub("", stem(file.path))
    return bare == stem(spectrum.path) and (kind != "background" or bare != stem(file.path))


def _agree(table: HDUOutline, file: Outline) -> bool:
    """Whether instrument and number of channels are the same, as far as they are written."""
    return all(
        not (table.get(key) and other.get(key)) or table.get(key) == other.get(key)
        for other in file.tables
        if other.get("HDUCLASS").upper() == "OGIP"
        for key in ("TELESCOP", "INSTRUME", "DETCHANS")
        if other.get("TELESCOP") not in ("DUMMY", "unknown")
    )
