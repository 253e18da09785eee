"""Forms of job types: every declared parameter has its input, and what is typed becomes DALI text and back."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from analysis.countmap.job import JOB as COUNTMAP
from analysis.spectrum.job import JOB as SPECTRUM
from frontend.jobforms import JobForm
from uws.fields import fields
from uws.jobtypes import JobType


@pytest.mark.parametrize("job_type", [COUNTMAP, SPECTRUM])
def test_every_parameter_is_in_the_form_once(job_type: JobType) -> None:
    form = JobForm(job_type, {})
    shown = [f.spec.name for group in (*form.groups, *form.advanced) for f in group.fields]
    assert sorted(shown) == sorted(spec.name for spec in fields(job_type.parameters))
    names = [i.name for f in form.fields.values() for i in f.inputs]
    assert len(names) == len(set(names))


def test_defaults_are_filled_in() -> None:
    form = JobForm(SPECTRUM, {})
    assert form.fields["model"].inputs[0].value == "power-law"
    assert [i.value for i in form.fields["energy"].inputs] == ["", ""]


def test_link_fills_the_form() -> None:
    query = QueryDict("obs_id=23523&obs_id=23526&position=83.633+22.014&energy=0.5+%2BInf&nonsense=1")
    form = JobForm.from_query(SPECTRUM, query)
    assert form.fields["obs_id"].inputs[0].value == "23523\n23526"
    assert [i.value for i in form.fields["position"].inputs] == ["83.633", "22.014"]
    assert [i.value for i in form.fields["energy"].inputs] == ["0.5", "+Inf"]
    parameters = form.parameters()
    assert parameters is not None
    assert parameters.model_dump()["obs_id"] == ("23523", "23526")


def post(**given: str) -> JobForm:
    query = QueryDict(mutable=True)
    for name, text in given.items():
        query[name.replace("__", ".")] = text
    return JobForm.from_post(SPECTRUM, query)


def test_submitted_form_becomes_dali_text() -> None:
    form = post(
        obs_id="23523\r\n 23526 \r\n\r\n", energy__low="0.5", energy__high="", position__ra="83.6", position__dec="22"
    )
    given = {"obs_id": ["23523", "23526"], "energy": ["0.5 +Inf"], "position": ["83.6 22"]}
    assert form.values == {**given, "compare": ["false"]}  # a box without a tick is not sent
    assert form.parameters() is not None


def test_a_text_of_lines_comes_typed_or_as_a_file() -> None:
    typed = post(obs_list="obs_id\r\n23523")
    assert typed.values["obs_list"] == ["obs_id\r\n23523"]
    file = SimpleUploadedFile("runs.csv", b"obs_id\n23526\n")
    sent = JobForm.from_post(SPECTRUM, QueryDict("obs_list=1"), {"obs_list.file": file})
    assert sent.values["obs_list"] == ["obs_id\n23526\n"]
    assert sent.parameters() is not None


WRONG = [
    ({"obs_id": "1", "on_radius": "-0.1"}, "on_radius", "On radius must be above 0, not -0.1."),
    ({"obs_id": "1", "on_radius": "wide"}, "on_radius", "'wide' is not a number."),
    ({"obs_id": "1", "energy__low": "10", "energy__high": "1"}, "energy", "upside down"),
    ({"obs_id": "1", "position__ra": "400", "position__dec": "1"}, "position", "within 0 and 360 deg, not 400"),
    ({"obs_id": "1", "position__ra": "40"}, "position", "2 numbers"),
    ({"circle__ra": "10", "circle__dec": "10", "circle__radius": "-1"}, "circle", "radius must be above 0"),
    ({"obs_id": "1", "model": "broken"}, "model", "must be one of"),
    ({"obs_id": "1", "energy__low": "a b", "energy__high": "1"}, "energy", "2 numbers"),
]


@pytest.mark.parametrize(("given", "field", "message"), WRONG)
def test_wrong_input_is_told_beside_its_field(given: dict[str, str], field: str, message: str) -> None:
    form = post(**given)
    assert form.parameters() is None
    assert [name for name, f in form.fields.items() if f.errors] == [field]
    assert message in form.fields[field].errors[0]
    assert form.errors == []


def test_wrong_input_is_kept() -> None:
    form = post(obs_id="1", position__ra="400", position__dec="1", on_radius="wide")
    assert [i.value for i in form.fields["position"].inputs] == ["400", "1"]
    assert form.fields["on_radius"].inputs[0].value == "wide"


def test_error_of_the_whole_stands_above_the_form() -> None:
    form = post(model="power-law")
    assert form.parameters() is None
    assert form.errors == ["Select observations with obs_id, obs_list or circle."]
    assert form.has_errors


def test_hidden_errors_open_the_folded_part() -> None:
    form = post(obs_id="1", quality_max="7")
    assert form.parameters() is None
    assert form.has_hidden_errors
    assert [group.title for group in form.advanced if group.has_errors] == ["Observations"]
