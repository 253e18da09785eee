"""Results of a finished job as the page shows them: pictures, fitted parameters, counts, files to download."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from frontend import quantities
from uws import jobtypes
from uws.models import Job, Result
from uws.results import store

log = logging.getLogger(__name__)
LARGEST_JSON = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Download:
    """A result file."""

    name: str
    filename: str
    description: str
    media_type: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A fitted parameter, value and error to the same decimal place."""

    name: str
    value: str
    error: str
    unit: str
    frozen: bool

    @property
    def scale(self) -> str:
        """Power of ten that value and error share, "" for none."""
        return self.value.partition("e")[2]

    @property
    def mantissas(self) -> tuple[str, str]:
        """Value and error in units of that power of ten."""
        return self.value.partition("e")[0], self.error.partition("e")[0]


@dataclass(frozen=True, slots=True)
class Fit:
    """A spectral fit: the parameters, the headline and the counts that it rests on."""

    model: str
    parameters: tuple[Parameter, ...]
    headline: tuple[Parameter, ...]
    reference: str
    """Energy at which the amplitude is given."""
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One of several spectra that are compared: what was found of it, and of which events."""

    name: str
    parameters: tuple[Parameter, ...]
    facts: tuple[str, ...]
    """Texts in the order of `GROUP_FACTS`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a finished job shows."""

    downloads: tuple[Download, ...]
    pictures: tuple[Download, ...] = ()
    plot: str = ""
    fit: Fit | None = None
    facts: tuple[tuple[str, str], ...] = field(default=())
    groups: tuple[Group, ...] = ()

    @property
    def group_facts(self) -> tuple[str, ...]:
        """Headings of the groups' facts."""
        return tuple(label for label, _ in GROUP_FACTS.values())


def outcome(job: Job) -> Outcome:
    """The results of a job, read from the result store as far as they are small documents that pages understand."""
    results = {result.name: result for result in job.results.select_related("file")}
    downloads = {name: _download(job, result) for name, result in results.items()}
    fit = _document(results.get("fit"))
    summary = _document(results.get("summary"))
    return Outcome(
        downloads=tuple(downloads.values()),
        pictures=tuple(d for d in downloads.values() if d.media_type == "image/png"),
        plot=downloads["plot_data"].url if "plot_data" in downloads else "",
        fit=fit_summary(fit) if fit else None,
        facts=facts(summary) if summary else (),
        groups=groups(summary) if summary else (),
    )


def _download(job: Job, result: Result) -> Download:
    url = f"/{jobtypes.location(job.job_type)}/{job.public_id}/results/{result.name}"
    return Download(
        result.name,
        result.filename,
        result.description,
        result.media_type,
        result.file.size,
        result.file.sha256,
        url,
    )


def _document(result: Result | None) -> dict[str, Any] | None:
    """A JSON result; None if there is none or it cannot be read, which is logged: its download remains."""
    if result is None or result.media_type != "application/json" or result.file.size > LARGEST_JSON:
        return None
    try:
        with store().open(result.file.storage_name) as file:
            document = json.loads(file.read())
    except (OSError, ValueError):
        log.exception("result %s of job %s cannot be read", result.name, result.job_id)
        return None
    return document if isinstance(document, dict) else None


def fit_summary(document: Mapping[str, Any]) -> Fit:
    """The `fit` result of a spectrum job for the eye."""
    parameters = tuple(_parameter(p) for p in document.get("parameters", ()))
    free = tuple(p for p in parameters if not p.frozen)
    reference = _number(document.get("reference_energy_TeV"))
    return Fit(
        model=str(document.get("model", "")).replace("-", " "),
        parameters=parameters,
        headline=free,
        reference="" if math.isnan(reference) else f"{reference:g} TeV",
        facts=facts(document),
    )


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    error = entry.get("error")
    value, error_text = quantities.with_error(
        _number(entry.get("value")), _number(error) if error is not None else None
    )
    return Parameter(str(entry.get("name", "")), value, error_text, str(entry.get("unit", "")), error_text == "–")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


_FACTS = {
    "events": ("Selected events", "{:.0f}"),
    "events_all": ("Events in all", "{:.0f}"),
    "n_on": ("Events in the on region", "{:g}"),
    "n_off": ("Events in the off regions", "{:g}"),
    "alpha": ("Exposure ratio on/off (alpha)", "{:.4g}"),
    "background": ("Expected background events", "{:.1f}"),
    "n_bkg": ("Expected background events", "{:.1f}"),
    "excess": ("Excess events", "{:.1f}"),
    "significance": ("Significance (Li & Ma)", "{:.1f} σ"),
    "stat": ("Fit statistic", "{:.1f}"),
    "dof": ("Degrees of freedom", "{:g}"),
}
"""What is told of a fit or a map, in this order; keys that are absent are left out."""
GROUP_FACTS = {key: _FACTS[key] for key in ("n_on", "excess", "significance")}
"""What is told of each of several groups."""


def _tests(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What tests say: how models compare, whether a light curve varies, whether groups agree."""
    for row in _rows(document.get("comparison"), "models"):
        if row.get("converged") and math.isfinite(gain := _number(row.get("sigma"))):
            yield f"Better than a power law: {row['model']}", f"{gain:.1f} σ"
    for row in _rows(document, "variability"):
        energies = " – ".join(quantities.significant(_number(e), 3) for e in row.get("energy_TeV", ())) + " TeV"
        if isinstance(ratio := row.get("likelihood_ratio"), Mapping):
            yield f"p-value of a constant flux, {energies}", f"{_number(ratio.get('p_value')):.2g}"
        if isinstance(part := row.get("fractional_variability"), Mapping):
            text = f"{_number(part.get('value')):.2f} ± {_number(part.get('err')):.2f}"
            yield f"Fractional variability, {energies}", text
    agreement = document.get("agreement")
    for key, label in (("shape", "p-value of one spectral shape"), ("spectrum", "p-value of one spectrum")):
        if isinstance(agreement, Mapping) and isinstance(test := agreement.get(key), Mapping):
            yield label, f"{_number(test.get('p_value')):.2g} ({_number(test.get('sigma')):.1f} σ)"


def groups(document: Mapping[str, Any]) -> tuple[Group, ...]:
    """The groups of a comparison, and the one spectrum fitted to all of them, which has no events of its own."""
    found = [
        Group(
            name=str(row.get("name", "")),
            parameters=tuple(_parameter(each) for each in _rows(row, "parameters")),
            facts=tuple(
                form.format(value) if math.isfinite(value := _number(row.get(key))) else "–"
                for key, (_, form) in GROUP_FACTS.items()
            ),
        )
        for row in _rows(document, "groups")
    ]
    agreement = document.get("agreement")
    common = _rows(agreement.get("spectrum") if isinstance(agreement, Mapping) else None, "common")
    if found and common:
        parameters = tuple(_parameter(each) for each in common)
        found.append(Group("all, one spectrum", parameters, ("",) * len(GROUP_FACTS)))
    return tuple(found)


def _rows(document: Any, key: str) -> list[Mapping[str, Any]]:
    rows = document.get(key) if isinstance(document, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _significance_of(document: Mapping[str, Any]) -> str:
    """What kind of significance a document tells: of a fit, of counts in on and off regions, or above a known
    background.
    """
    if "ts" in document:
        return "Significance (√TS)"
    return "Significance (Li & Ma)" if isinstance(document.get("alpha"), int | float) else "Significance (Cash)"


def facts(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Counts, livetime and ranges of a result document, as (label, text)."""
    found = []
    for key, (label, form) in _FACTS.items():
        value = document.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            found.append((_significance_of(document) if key == "significance" else label, form.format(value)))
    livetime = document.get("livetime_s")
    if isinstance(livetime, int | float):
        found.append(("Livetime", quantities.duration_text(livetime)))
    found.extend(_tests(document))
    energies = document.get("energy_range_TeV")
    if isinstance(energies, list) and len(energies) == 2 and all(isinstance(e, int | float) for e in energies):
        found.append(("Energies", " – ".join(quantities.significant(e, 3) for e in energies) + " TeV"))
    observations = document.get("obs_ids")
    if isinstance(observations, list):
        found.append(("Observations", ", ".join(str(o) for o in observations)))
    return tuple(found)
