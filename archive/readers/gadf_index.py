"""GADF index tables: which observations a data store holds, and in which files (GADF 0.3, "Data storage").

Names in the HDU index may climb out of the folder (`..`, absolute paths: legal in the format), or begin with `$CALDB`,
which stands for the folder of a calibration database (CTA 1DC). They are followed only as long as they stay below the
folder that was given to ingest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from astropy.io import fits

from archive.readers.fitsfile import open_fits, table_data
from archive.readers.gadf_classes import TYPES
from archive.readers.records import Candidate, Refused, SourceFile

_OBS_NAMES = ("obs-index.fits.gz", "obs-index.fits")
_HDU_NAMES = ("hdu-index.fits.gz", "hdu-index.fits")
INDEX_NAMES = (*_HDU_NAMES, *_OBS_NAMES)
_CALDB = re.compile(r"\$(?:CALDB\b|\{CALDB\}|\(CALDB\))/?")
_HINTS = (
    "QUALITY", "OBJECT", "TARGET_NAME", "SAFE_ENERGY_LO", "SAFE_ENERGY_HI", "ZEN_PNT", "ALT_PNT", "AZ_PNT", "DEADC",
    "N_TELS", "TELLIST",
)  # fmt: skip


def find_stores(files: Iterable[Path]) -> list[Path]:
    """The folders of those files that hold an HDU index."""
    return sorted({path.parent for path in files if path.name in _HDU_NAMES})


def scan_store(store: Path, root: Path) -> Iterator[Candidate]:
    """One candidate per observation of the store's indexes, sorted by OBS_ID; `Refused` if an index cannot be used."""
    hdu_index = next(store / name for name in _HDU_NAMES if (store / name).is_file())
    obs_index = next((store / name for name in _OBS_NAMES if (store / name).is_file()), None)
    if obs_index is None:
        raise Refused(f"{store.name} has an hdu-index and no obs-index")
    header, rows = _rows(hdu_index, ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME"))
    _, observations = _rows(obs_index, ("OBS_ID",))
    base = str(header.get("BASE_DIR") or "").strip()
    folder = (store / base) if base else store
    by_observation: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_observation[_obs_id(row["OBS_ID"])].append(row)
    hints = {_obs_id(row["OBS_ID"]): {k: row[k] for k in _HINTS if k in row} for row in observations}
    for obs_id in sorted(hints.keys() | by_observation.keys(), key=lambda name: (len(name), name)):
        yield _candidate(obs_id, by_observation.get(obs_id, []), hints.get(obs_id, {}), folder, root)


def _candidate(obs_id: str, rows: list[dict[str, Any]], hints: dict[str, Any], folder: Path, root: Path) -> Candidate:
    label = f"observation {obs_id}"
    hints = {**hints, "OBS_ID": obs_id}
    names: dict[Path, dict[str, str]] = {}
    classes: dict[Path, dict[str, str]] = {}
    digests: dict[Path, str] = {}
    resolved_root = root.resolve()
    for row in sorted(rows, key=lambda r: r["HDU_TYPE"].lower() != "events"):
        kind = row["HDU_TYPE"].lower()
        if kind not in TYPES:
            continue
        resolved = _path(row, folder, resolved_root).resolve()
        if not resolved.is_relative_to(resolved_root):
            reason = f"its {kind} file {row['FILE_DIR']}/{row['FILE_NAME']} lies outside {root.name or root}"
            return Candidate(label, (), hints, reason + "; ingest the folder that holds both")
        if not resolved.is_file():
            return Candidate(label, (), hints, f"its {kind} file {row['FILE_NAME']} does not exist")
        names.setdefault(resolved, {})[kind] = row["HDU_NAME"]
        classes.setdefault(resolved, {})[kind] = row["HDU_CLASS"].lower()
        if row.get("MD5"):
            digests[resolved] = str(row["MD5"])
    if not any("events" in kinds for kinds in names.values()):
        return Candidate(label, (), hints, "hdu-index lists no events for it")
    files = tuple(SourceFile(p, p.name, names[p], classes[p], digests.get(p)) for p in names)
    return Candidate(f"{files[0].name} (observation {obs_id})", files, hints)


def _path(row: dict[str, Any], folder: Path, root: Path) -> Path:
    """The file of a row. `$CALDB` is the folder `caldb` that is nearest to the index on the way up to the root."""
    written = row["FILE_DIR"]
    if not _CALDB.match(written):
        return folder / written / row["FILE_NAME"]
    below = Path(_CALDB.sub("", written, count=1).lstrip("/")) / row["FILE_NAME"]
    above = [parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.is_relative_to(root)]
    places = [parent / "caldb" / below for parent in above]
    return next((place for place in places if place.is_file()), places[-1] if places else root / "caldb" / below)


def _obs_id(value: object) -> str:
    return str(value).strip().lstrip("0") or "0"


def _rows(path: Path, mandatory: tuple[str, ...]) -> tuple[fits.Header, list[dict[str, Any]]]:
    try:
        with open_fits(path) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
            if not tables:
                raise Refused("it holds no table")
            table = tables[0]
            data = table_data(table, "its table")
            columns = {name.upper(): data[name] for name in data.names}
            missing = [name for name in mandatory if name not in columns]
            if missing:
                raise Refused(f"it has no column {', '.join(missing)}")
            header = table.header
    except Refused as refusal:
        raise Refused(f"the index {path.name} cannot be used: {refusal.reason}") from None
    names = tuple(columns)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return header, [{k: v.strip() if isinstance(v, str) else v for k, v in row.items()} for row in rows]
