"""The job `stack`: reduce, stack and fit each group, test whether the groups agree, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from gammapy.datasets import SpectrumDatasetOnOff
from gammapy.modeling.models import Models

from analysis.energy import safe_range
from analysis.observations import check_number, name_of
from analysis.onoff import models, points
from analysis.onoff.fit import Fitted, count, fit, stack
from analysis.onoff.norms import UL_CONFIDENCE, flux_points
from analysis.onoff.reduction import Reducer, Reduction, reduce
from analysis.onoff.regions import on_radius
from analysis.outputs import title, write_ecsv, write_fits, write_json, write_models, write_png
from analysis.progress import Stage
from analysis.sample import sample_observation, sample_position
from analysis.source import source_position
from analysis.stack.agreement import agreement
from analysis.stack.groups import Group
from analysis.stack.job import JOB, StackParameters
from analysis.stack.plot import comparison_figure
from uws.context import InputFile, JobContext
from uws.errors import UserJobError


@dataclass(frozen=True, slots=True)
class Member:
    """A group with all that was measured of it."""

    group: Group
    position: SkyCoord
    reduction: Reduction
    dataset: SpectrumDatasetOnOff
    fitted: Fitted


def run(context: JobContext) -> None:
    """Do the job. Raises uws.errors.UserJobError for what the user can change."""
    parameters = cast(StackParameters, context.parameters)
    files = context.inputs["observations"]
    check_number(files)
    members = []
    for number, group in enumerate(parameters.groups):
        share = 0.8 / len(parameters.groups)
        stage = Stage(context, number * share, (number + 1) * share)
        try:
            members.append(_member(group, files_of(group, files), parameters, stage))
        except UserJobError as error:
            raise UserJobError(f"Group {group.name}: {error.message}") from error
    check_independent(members)
    context.progress("Testing whether the groups agree", 0.8)
    document = summary(members, parameters)
    context.progress("Computing flux points", 0.85)
    spectra, tables = _points(members, parameters)
    context.progress("Writing results", 0.9)
    data = plot_data(spectra, document, title(files, "Spectra compared"))
    _write(context, members, document, data, tables)


def warm_up() -> None:
    """Import all there is to import and run the analysis once on a tiny invented observation."""
    position = sample_position()
    place = f"position {position.ra.deg} {position.dec.deg}"
    parameters = StackParameters(obs_id=("sample",), group=(f"a: {place}", f"b: {place}"))
    dataset = Reducer(parameters, position).run(sample_observation())
    members = []
    for group in parameters.groups:
        stacked = stack([dataset])
        fitted = fit(stacked, parameters.model, parameters.reference_energy)
        members.append(Member(group, position, Reduction(), stacked, fitted))
    document = summary(members, parameters)
    spectra, _ = _points(members, parameters)
    comparison_figure(plot_data(spectra, document, "Warm-up")).canvas.draw()


def files_of(group: Group, files: Sequence[InputFile]) -> list[InputFile]:
    """The observations that a group names, or all of them. Raises UserJobError for those that are not selected."""
    if not group.obs_ids:
        return list(files)
    known = {name: file for file in files for name in (file.id, name_of(file))}
    found = {written: known.get(written) or known.get(written.lstrip("0")) for written in group.obs_ids}
    missing = [written for written, file in found.items() if file is None]
    if missing:
        raise UserJobError(f"Observation {', '.join(missing)} is not among those that are selected.")
    wanted = {file.id for file in found.values() if file is not None}
    return [file for file in files if file.id in wanted]


def _member(group: Group, files: Sequence[InputFile], parameters: StackParameters, stage: Stage) -> Member:
    own = parameters.model_copy(update={"position": group.position or parameters.position})
    position = source_position(own, files)
    reduction = reduce(files, Reducer(own, position), stage, () if group.time is None else (group.time,))
    dataset = stack(reduction.datasets)
    fitted = fit(dataset, parameters.model, parameters.reference_energy)
    return Member(group, position, reduction, dataset, fitted)


def check_independent(members: Sequence[Member]) -> None:
    """Raises UserJobError when two groups share events: a test of their agreement would mean nothing."""
    for first, second in combinations(members, 2):
        one_radius, other_radius = on_radius(first.dataset), on_radius(second.dataset)
        apart = first.position.separation(second.position)
        if one_radius is not None and other_radius is not None and apart > (one_radius + other_radius) * u.deg:
            continue
        for one in first.reduction.runs:
            for other in second.reduction.runs:
                if one.obs_id == other.obs_id and one.time[0] < other.time[1] and other.time[0] < one.time[1]:
                    raise UserJobError(
                        f"The groups {first.group.name} and {second.group.name} share events of observation "
                        f"{one.obs_id}: give them different observations, times or positions."
                    )


def summary(members: Sequence[Member], parameters: StackParameters) -> dict[str, Any]:
    """The result `summary`: the fit of each group with its counts, and the tests of their agreement."""
    groups = []
    for member in members:
        rows, covariance = models.parameter_table(member.fitted.model.spectral_model)
        groups.append(
            {
                "name": member.group.name,
                "parameters": rows,
                "covariance": covariance,
                "stat": member.fitted.stat,
                "dof": member.fitted.dof,
                **asdict(count(member.dataset)),
                "livetime_s": member.reduction.livetime,
                "energy_range_TeV": safe_range(member.dataset),
                "on_radius_deg": on_radius(member.dataset),
                "position_deg": [float(member.position.ra.deg), float(member.position.dec.deg)],
                "obs_ids": member.reduction.obs_ids,
                "skipped": member.reduction.skipped,
            }
        )
    tests = agreement(
        {member.group.name: member.dataset for member in members},
        {member.group.name: member.fitted for member in members},
    )
    return {
        "model": parameters.model,
        "reference_energy_TeV": parameters.reference_energy,
        "agreement": tests,
        "groups": groups,
    }


def comparison(document: Mapping[str, Any]) -> Table:
    """A row for each group: counts, livetime (s), energies (TeV), parameters with errors, statistic."""
    groups = document["groups"]
    made = Table({"name": [group["name"] for group in groups]})
    made["observations"] = [len(group["obs_ids"]) for group in groups]
    made["livetime"] = [group["livetime_s"] for group in groups] * u.s
    for end, name in enumerate(("e_min", "e_max")):
        made[name] = [group["energy_range_TeV"][end] for group in groups] * u.TeV
    for name in ("n_on", "n_off", "alpha", "excess", "significance"):
        made[name] = [group[name] for group in groups]
    for number, parameter in enumerate(groups[0]["parameters"]):
        for key, suffix in (("value", ""), ("error", "_err")):
            values = [group["parameters"][number][key] for group in groups]
            made[parameter["name"] + suffix] = values * u.Unit(parameter["unit"])
    for name in ("stat", "dof"):
        made[name] = [group[name] for group in groups]
    return made


def _points(members: Sequence[Member], parameters: StackParameters) -> tuple[list[dict[str, Any]], dict[str, Table]]:
    """What the picture needs of each group, and its table of flux points."""
    spectra, tables = [], {}
    for member in members:
        model = member.fitted.model.spectral_model
        bounds = points.edges(member.dataset, parameters.flux_points_per_decade)
        found = flux_points(member.dataset, bounds)
        low, high = cast(tuple[float, float], safe_range(member.dataset))
        band = points.curve(models.band(model, low, min(high, float(bounds[-1]))))
        spectra.append({"name": member.group.name, "band": band, **points.drawn(found, model)})
        tables[member.group.name] = points.table(found, member.dataset)
    return spectra, tables


def plot_data(spectra: list[dict[str, Any]], document: Mapping[str, Any], title: str) -> dict[str, Any]:
    """What a plot needs: a series for each group, and the one spectrum that is fitted to all of them."""
    low = min(float(spectrum["band"]["energy"][0]) for spectrum in spectra)
    high = max(float(spectrum["band"]["energy"][-1]) for spectrum in spectra)
    common = document["agreement"]["spectrum"]["common"]
    model = models.of_table(document["model"], document["reference_energy_TeV"], common)
    energy = np.geomspace(low, high, 80) * u.TeV
    return {
        "kind": "comparison",
        "title": title,
        "units": {"energy": "TeV", "e2dnde": points.ENERGY_FLUX_UNIT},
        "ul_confidence": UL_CONFIDENCE,
        "reference": {
            "label": "One spectrum for all groups",
            "energy": energy.value,
            "e2dnde": (energy**2 * model(energy)).to_value(points.ENERGY_FLUX_UNIT),
        },
        "series": [{key: spectrum[key] for key in ("name", "band", "points")} for spectrum in spectra],
    }


def _write(
    context: JobContext,
    members: Sequence[Member],
    document: Mapping[str, Any],
    data: Mapping[str, Any],
    tables: Mapping[str, Table],
) -> None:
    paths = {role.name: context.workdir / role.filename for role in JOB.outputs}
    made = comparison(document)
    write_fits(paths["comparison"], fits.HDUList([fits.PrimaryHDU(), points.hdu(made, "COMPARISON")]), context, JOB)
    write_ecsv(paths["comparison_table"], made, context, JOB)
    write_json(paths["summary"], document)
    hdus = []
    for number, (name, table) in enumerate(tables.items(), 1):
        hdus.append(points.hdu(table, f"FLUXPOINTS{number}"))
        hdus[-1].header["GROUP"] = (name, "group of observations")
    write_fits(paths["flux_points"], fits.HDUList([fits.PrimaryHDU(), *hdus]), context, JOB)
    named = [member.fitted.model.copy(name=member.group.name) for member in members]
    write_models(paths["models"], Models(named), context, JOB)
    write_png(comparison_figure(data), paths["plot"])
    write_json(paths["plot_data"], data)
    for role, path in paths.items():
        context.output(role, path)
