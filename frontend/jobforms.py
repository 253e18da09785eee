"""The form of a job type, made from its declaration: inputs for every parameter, and errors beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from frontend.wording import sentence
from uws.fields import FieldSpec, fields
from uws.jobtypes import JobType
from uws.parameters import JobParameters
from uws.values import ParameterErrors, parse

PARTS = {
    "interval": (("low", "from"), ("high", "to")),
    "circle": (("ra", "RA"), ("dec", "Dec"), ("radius", "radius")),
    "position": (("ra", "RA"), ("dec", "Dec")),
}
"""Names and labels of the numbers that one parameter takes, each an input of its own named `parameter.part`."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input element: `type` is text, number, select, checkbox, textarea, or document (a text area or a file)."""

    name: str
    label: str
    value: str
    type: str
    placeholder: str = ""


@dataclass(slots=True)
class FormField:
    """A parameter in the form, with what was typed and what is wrong with it."""

    spec: FieldSpec
    inputs: Sequence[Input]
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"id_{self.spec.name}"

    @property
    def is_compound(self) -> bool:
        """Whether the parameter takes several inputs."""
        return len(self.inputs) > 1

    @property
    def rows(self) -> int:
        """Lines that a text area shows."""
        return min(8, max(2, self.inputs[0].value.count("\n") + 1))

    @property
    def takes_file(self) -> bool:
        return self.spec.lines

    @property
    def described_by(self) -> str:
        return f"{self.id}_help {self.id}_error" if self.errors else f"{self.id}_help"


@dataclass(frozen=True, slots=True)
class Group:
    """A fieldset."""

    title: str
    fields: Sequence[FormField]

    @property
    def has_errors(self) -> bool:
        return any(f.errors for f in self.fields)


class JobForm:
    """Form of a job type, filled from DALI values (`values`: name → list of texts) and checked on demand."""

    def __init__(self, job_type: JobType, values: Mapping[str, Sequence[str]]) -> None:
        self.job_type = job_type
        self.values = {name: list(texts) for name, texts in values.items() if any(texts)}
        self.errors: list[str] = []
        self.fields = {
            spec.name: FormField(spec, _inputs(spec, self.values.get(spec.name))) for spec in _specs(job_type)
        }

    @classmethod
    def from_query(cls, job_type: JobType, query: QueryDict) -> JobForm:
        """Form pre-filled by a link: `?obs_id=1&obs_id=2&position=83.6 22.0`. Other names are left out."""
        names = {spec.name for spec in _specs(job_type)}
        return cls(job_type, {name: [str(v) for v in query.getlist(name)] for name in query if name in names})

    @classmethod
    def from_post(cls, job_type: JobType, post: QueryDict, files: Mapping[str, UploadedFile] | None = None) -> JobForm:
        """Form as submitted: the inputs of a parameter put together into DALI text; a file precedes what was typed."""
        values = {spec.name: _collect(spec, post) for spec in _specs(job_type)}
        for spec in _specs(job_type):
            file = (files or {}).get(f"{spec.name}.file") if spec.lines else None
            if file is not None and file.size:
                values[spec.name] = [file.read().decode(errors="replace")]
        return cls(job_type, values)

    def parameters(self) -> JobParameters | None:
        """The typed parameters; None if something is wrong, with the reasons beside the fields."""
        try:
            return parse(self.job_type.parameters, self.values)
        except ParameterErrors as found:
            for name, message in found.errors:
                self.add_error(name, _told(self.fields[name].spec.label if name in self.fields else name, message))
        return None

    def add_error(self, name: str, message: str) -> None:
        """Put a message beside a field, or above the form if there is no such field."""
        (self.fields[name].errors if name in self.fields else self.errors).append(message)

    @property
    def has_errors(self) -> bool:
        return bool(self.errors) or any(f.errors for f in self.fields.values())

    @property
    def groups(self) -> list[Group]:
        """Fieldsets of the plain parameters, in the order of the declaration."""
        return self._grouped(advanced=False)

    @property
    def advanced(self) -> list[Group]:
        """Fieldsets of the parameters that are folded away."""
        return self._grouped(advanced=True)

    @property
    def takes_files(self) -> bool:
        return any(f.takes_file for f in self.fields.values())

    @property
    def has_hidden_errors(self) -> bool:
        return any(group.has_errors for group in self.advanced)

    def _grouped(self, advanced: bool) -> list[Group]:
        members: dict[str, list[FormField]] = {}
        for form_field in self.fields.values():
            if form_field.spec.advanced is advanced:
                members.setdefault(form_field.spec.group or "Parameters", []).append(form_field)
        return [Group(title, found) for title, found in members.items()]


def _specs(job_type: JobType) -> tuple[FieldSpec, ...]:
    return fields(job_type.parameters)


def _inputs(spec: FieldSpec, texts: Sequence[str] | None) -> list[Input]:
    """The inputs of a parameter, filled with the given values or the default."""
    if spec.multiple:
        return [Input(spec.name, spec.label, "\n".join(texts or spec.default.split()), "textarea")]
    text = texts[0] if texts else spec.default
    if spec.lines:
        return [Input(spec.name, spec.label, text, "document")]
    if spec.kind in PARTS:
        parts = PARTS[spec.kind]
        # The last part takes what is too much, so that nothing typed is lost.
        words = text.split(maxsplit=len(parts) - 1)
        words += [""] * (len(parts) - len(words))
        return [
            Input(f"{spec.name}.{name}", label, word, "text") for (name, label), word in zip(parts, words, strict=True)
        ]
    kind = {"choice": "select", "boolean": "checkbox"}.get(spec.kind, "text")
    return [Input(spec.name, spec.label, text, kind)]


def _collect(spec: FieldSpec, post: QueryDict) -> list[str]:
    """DALI texts of a parameter from the submitted inputs; empty if nothing was typed."""
    if spec.multiple:
        return [
            word for text in post.getlist(spec.name) for line in str(text).splitlines() if (word := line.strip(" ,\t"))
        ]
    if spec.kind in PARTS:
        words = [str(post.get(f"{spec.name}.{name}", "")).strip() for name, _ in PARTS[spec.kind]]
        if not any(words):
            return []
        if spec.kind == "interval":  # an open end is written so in DALI
            words = [words[0] or "-Inf", words[1] or "+Inf"]
        return [" ".join(words)]
    if spec.kind == "boolean":
        return ["true" if post.get(spec.name) else "false"]
    text = str(post.get(spec.name, "")).strip()
    return [text] if text else []


def _told(label: str, text: str) -> str:
    """What is wrong with a field, as a sentence: "must be above 0" needs its subject, other texts stand alone."""
    if text.split(maxsplit=1)[0] in ("must", "takes", "is", "has", "there"):
        text = f"{label} {text}" if not text.startswith("there ") else text
    return sentence(text)
