"""What is derived from a declaration: form fields, JSON schema, DataLink descriptor; and values to text and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.uws.jobs import ECHO, EchoParameters
from uws import plugins
from uws.describe import description, form_schema, parameter_schema
from uws.descriptors import descriptor
from uws.fields import fields
from uws.jobtypes import job_type
from uws.parameters import JobParameters, param
from uws.values import ParameterErrors, check, parse, to_texts

finite = st.floats(allow_nan=False, allow_infinity=False)


def test_fields() -> None:
    specs = {spec.name: spec for spec in fields(EchoParameters)}
    assert list(specs) == list(EchoParameters.model_fields)
    assert {n: s.kind for n, s in specs.items()} == {
        "text": "text", "seconds": "number", "behave": "choice", "source": "text", "energy": "interval",
        "circle": "circle", "times": "integer", "loud": "boolean",
    }  # fmt: skip
    seconds = specs["seconds"]
    assert (seconds.unit, seconds.default, seconds.minimum, seconds.maximum) == ("s", "0.0", "0", "100")
    assert specs["source"].multiple
    assert specs["behave"].choices[:2] == ("well", "user-error")
    assert (specs["energy"].datatype, specs["energy"].arraysize) == ("double", "2")
    assert not any(spec.required for spec in specs.values())


def test_a_field_of_unknown_type_is_refused() -> None:
    class Odd(JobParameters):
        when: dict[str, int] = param(description="What no DALI text can say.")

    with pytest.raises(TypeError, match="when"):
        fields(Odd)


@given(
    low=finite,
    width=st.floats(0, 1e6) | st.just(math.inf),
    ra=st.floats(0, 360),
    text=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20),
    seconds=st.floats(0, 100),
)
def test_texts_are_read_back(low: float, width: float, ra: float, text: str, seconds: float) -> None:
    """Normalised parameters round-trip exactly: what is stored is what was used."""
    once = parse(EchoParameters, {"energy": [f"{low!r} {str(low + width).replace('inf', '+Inf')}"], "text": [text]})
    again = parse(EchoParameters, {"circle": [f"{ra!r} 0.1 1e-3"], "seconds": [repr(seconds)]})
    for parameters in (once, again):
        texts = to_texts(parameters)
        assert list(texts) == list(EchoParameters.model_fields)
        assert parse(EchoParameters, texts) == parameters


def test_errors_name_their_field() -> None:
    with pytest.raises(ParameterErrors) as caught:
        check(EchoParameters, {"TIMES": ["0"], "Seconds": ["x"]})
    assert dict(caught.value.errors) == {"times": "must be at least 1, not 0", "seconds": "'x' is not a number"}
    with pytest.raises(ParameterErrors) as caught:
        parse(EchoParameters, {"energy": ["1 2"], "circle": ["1 2 3"]})
    assert caught.value.errors == (("", "give energy or circle, not both"),)


def test_json_schema() -> None:
    schema = parameter_schema(ECHO)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["seconds"]["unit"] == "s"
    assert schema["additionalProperties"] is False
    described = json.loads(json.dumps(description(ECHO, "http://host")))
    assert described["outputs"][0]["role"] == "text"
    assert described["service"] == "http://host/uws/echo"


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"energy": "1 +Inf", "times": 2, "source": ["alpha"]}, True),
        ({"circle": "83.6 22.0 0.5", "behave": "fatal", "seconds": 100, "loud": True}, True),
        ({"energy": "1"}, False),
        ({"circle": "1 2"}, False),
        ({"seconds": -1}, False),
        ({"times": 10}, False),
        ({"behave": "badly"}, False),
        ({"colour": "red"}, False),
    ],
)
def test_form_schema(values: dict[str, object], right: bool) -> None:
    """What a client may check before it sends a form: values as DALI writes them."""
    schema = form_schema(ECHO)
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(values) is right


def test_descriptor() -> None:
    """DataLink 1.1 section 4: the job list as a service; the data set's identifier comes from a column."""
    described = descriptor(job_type("spectrum"), "http://host", "obs_publisher_did")
    assert ("accessURL", "http://host/uws/spectrum") in described.params
    columns = {meta.name: source for meta, source in described.inputs}
    assert columns["obs_id"] == "obs_publisher_did"
    assert described.values["PHASE"] == "RUN"
    energy = next(meta for meta, _ in described.inputs if meta.name == "energy")
    assert (energy.unit, energy.xtype, energy.arraysize) == ("TeV", "interval", "2")


def test_plugins() -> None:
    plugins.register_plugins(["tests.uws.jobs:ECHO", "tests.uws.jobs:JOBS"])
    assert job_type("echo") is ECHO
    with pytest.raises(TypeError, match="no JobType"):
        plugins.register_plugins(["tests.uws.jobs:EchoParameters"])


def test_plugin_of_an_unknown_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker would ever serve it."""
    monkeypatch.setattr("tests.uws.jobs.ECHO", replace(ECHO, name="lost", queue="gpu"))
    with pytest.raises(ValueError, match="there is no queue 'gpu'; there are short, long"):
        plugins.register_plugins(["tests.uws.jobs:ECHO"])
