"""Files that an analysis leaves: FITS with provenance, ECSV, JSON, YAML, zip. The same work gives the same bytes."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from astropy.io import fits
from astropy.table import Table
from matplotlib.figure import Figure

from uws.context import InputFile, JobContext
from uws.jobtypes import JobType
from vo.version import version

if TYPE_CHECKING:  # jobs that need no gammapy do not wait for it
    from gammapy.modeling.models import Models

_VOLATILE = ("CREATED", "DATE", "CREATOR", "ORIGIN")
_UNCHANGED = "of unchanging content"


def stamp(hdulist: fits.HDUList, context: JobContext, job_type: JobType) -> None:
    """Write where the file comes from into its headers: program, job, and, as HISTORY, parameters, inputs, software."""
    for hdu in hdulist:
        for key in _VOLATILE:
            hdu.header.remove(key, ignore_missing=True, remove_all=True)
        hdu.header["ORIGIN"] = "Distiller"
        hdu.header["CREATOR"] = (f"Distiller {job_type.name} {job_type.version}", "program that made this file")
        hdu.header["JOB_ID"] = (context.job_id, "job that made this file")
    history = hdulist[0].header
    for name, value in context.parameters.model_dump(mode="json", exclude_none=True).items():
        history["HISTORY"] = f"Parameter {name}: {json.dumps(value)}"
    for role, files in context.inputs.items():
        for file in files:
            history["HISTORY"] = f"Input {role}: {file.id}"
            history["HISTORY"] = f"sha256 {file.sha256}"
    history["HISTORY"] = f"Software distiller {version()}"
    for name in job_type.software:
        history["HISTORY"] = f"Software {name} {metadata.version(name)}"


def write_fits(path: Path, hdulist: fits.HDUList, context: JobContext, job_type: JobType) -> None:
    """Stamp and write, with checksums and without the date that astropy would put beside them."""
    stamp(hdulist, context, job_type)
    for hdu in hdulist:
        hdu.add_checksum(when=_UNCHANGED)
    hdulist.writeto(path, overwrite=True)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON; numbers that JSON has not (NaN, infinities) become null."""
    path.write_text(json.dumps(_plain(document), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_ecsv(path: Path, table: Table, context: JobContext, job_type: JobType) -> None:
    """Write a table as ECSV (astropy APE 6) that says which program and job made it."""
    plain = Table(table, copy=True)
    plain.meta = {key: _plain(value) for key, value in table.meta.items() if key not in _VOLATILE}
    plain.meta |= {"CREATOR": f"Distiller {job_type.name} {job_type.version}", "JOB_ID": context.job_id}
    plain.write(path, format="ascii.ecsv", overwrite=True)


def write_models(path: Path, models: Models, context: JobContext, job_type: JobType) -> None:
    """Write models as gammapy's YAML that says which program and job made it, without gammapy's date."""
    made_by = {"creator": f"Distiller {job_type.name} {job_type.version}", "job_id": context.job_id}
    document = {**models.to_dict(), "metadata": made_by}
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure without anything that changes from time to time."""
    figure.savefig(path, format="png", metadata={"Software": "Distiller"})


def title(files: Sequence[InputFile], fallback: str) -> str:
    """What a picture of these observations is called: their targets and number."""
    names = sorted({str(file.metadata.get("target_name") or "") for file in files} - {""})
    return f"{', '.join(names) or fallback} ({len(files)} observation{'s' if len(files) > 1 else ''})"


def write_zip(path: Path, files: Iterable[Path]) -> None:
    """Pack files under their bare names, sorted, with one fixed date."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file.name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
