"""The reference documentation, made from the declarations: settings, URLs, jobs, published columns, provenance tables.

Every page is a pure function of what the code declares, so a page that differs from its file is out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args, get_origin

from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from distiller.settings.environment import Environment
from tap.adql.functions import FUNCTIONS
from tap.registry import schemas, tables
from uws.fields import FieldSpec, fields
from uws.jobtypes import JobType, job_types
from vo.columns import ColumnMeta, TableMeta

NOTE = "This page is made from the code by `manage.py reference`: change the declaration, not the page."


def pages() -> dict[str, str]:
    """Text of every page by file name."""
    makers: dict[str, Callable[[], Iterable[str]]] = {
        "settings.md": _settings,
        "urls.md": _urls,
        "jobs.md": _jobs,
        "columns.md": _columns,
        "functions.md": _functions,
        "provenance.md": _provenance,
    }
    return {name: "\n".join(maker()).rstrip() + "\n" for name, maker in makers.items()}


def outdated(folder: Path) -> list[str]:
    """Names of the pages whose file is missing or differs, and of files that are no page."""
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")} if folder.is_dir() else {}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> list[str]:
    """Bring the files up to date; returns the names of those that changed."""
    changed = outdated(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name in changed:
        path = folder / name
        if name in wanted:
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(_cell(text) for text in row) + " |"
    yield ""


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


_FUNCTION_GROUPS = (
    ("Geometry", "adqlgeo", ""),
    ("Numbers", None, ""),
    ("Texts", "adql-string", ""),
    ("NULL", "adql-conditional", ""),
    ("IVOA catalogue of user-defined functions", "udf", "ivo_"),
    ("Time coverage", "udf", "distiller_tmoc_"),
)
"""Title, feature group, and how the names begin."""


def _functions() -> Iterator[str]:
    yield from ("# ADQL functions", "", NOTE, "")
    yield "Aggregates (AVG, COUNT, MAX, MIN, SUM), CAST and IN_UNIT belong to the language: see [ADQL](../adql.md)."
    yield ""
    for title, group, start in _FUNCTION_GROUPS:
        yield from (f"## {title}", "")
        rows = []
        members = (f for f in FUNCTIONS.values() if f.group == group and f.name.startswith(start))
        for function in sorted(members, key=lambda f: f.name):
            name = f"{function.name} (aggregate)" if function.aggregate else function.name
            unit = {"same": "of the argument", None: ""}.get(function.unit, function.unit)
            rows.append((_code(name), function.doc, unit or "", _code(function.example)))
        yield from _table(("function", "gives", "unit", "example"), rows)


def _settings() -> Iterator[str]:
    yield from ("# Settings", "", NOTE, "")
    yield "Everything that differs between installations comes from environment variables. Three numbers are for"
    yield "anonymous users, signed-in users and curators (staff); one number in their place is for all of them."
    yield ""
    rows = []
    for name, info in Environment.model_fields.items():
        rows.append((_code(name.upper()), _default(info), _bounds(info), info.description or ""))
    yield from _table(("variable", "default", "range", "meaning"), rows)


def _default(info: FieldInfo) -> str:
    default = info.get_default()
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, list | tuple):
        return _code(",".join(str(item) for item in default)) or "empty"
    return _code(str(default).lower() if isinstance(default, bool) else str(default)) or "empty"


def _bounds(info: FieldInfo) -> str:
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    metadata = list(info.metadata)
    if get_origin(info.annotation) is tuple:
        metadata += FieldInfo.from_annotation(get_args(info.annotation)[0]).metadata
    parts = [f"{sign} {getattr(m, key)}" for key, sign in signs for m in metadata if hasattr(m, key)]
    return ", ".join(parts)


def _urls() -> Iterator[str]:
    yield from ("# URLs", "", NOTE, "")
    yield "Words in angle brackets are parts of the path. VO endpoints answer with and without a slash at the end."
    yield ""
    groups: dict[str, list[tuple[str, str]]] = {}
    for route, meaning in _routes(get_resolver().url_patterns, "/"):
        first = route.split("/")[1]
        groups.setdefault(first if "/" in route[1:] else "", []).append((_code(route), meaning))
    for group in sorted(groups, key=lambda name: (name != "", name)):
        yield f"## {f'/{group}/' if group else 'At the top'}"
        yield ""
        yield from _table(("URL", "what it is"), groups[group])


def _routes(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = prefix + _readable(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            if pattern.app_name == "admin":
                yield route, "Administration pages of Django, for staff."
            else:
                yield from _routes(pattern.url_patterns, route)
        else:
            yield route, _first_line(pattern)


def _readable(pattern: str) -> str:
    """A route as people write it: `^sync/?$` is `sync`, `(?P<name>...)` and `<str:name>` are `<name>`."""
    pattern = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern)
    pattern = re.sub(r"<\w+:(\w+)>", r"<\1>", pattern)
    return pattern.removeprefix("^").removesuffix("$").removesuffix("/?").replace(".*", "<anything else>")


def _first_line(pattern: URLPattern) -> str:
    view = pattern.callback
    described = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    if not described.__doc__:
        raise ValueError(f"the view of {pattern.pattern} has no docstring")
    return _summary(str(described.__doc__))


def _summary(docstring: str) -> str:
    """The first paragraph."""
    return inspect.cleandoc(docstring).partition("\n\n")[0]


def _jobs() -> Iterator[str]:
    yield from ("# Jobs", "", NOTE, "")
    yield "Each job type is a UWS 1.1 job list at `/uws/<job type>`, a form at `/jobs/new/<job type>`, and a DataLink"
    yield "service on the products it takes. Values are written as DALI has it: numbers separated by spaces."
    yield ""
    for job_type in sorted(job_types(), key=lambda j: j.name):
        yield from _job(job_type)


def _job(job: JobType) -> Iterator[str]:
    yield from (f"## {job.name}", "", f"{job.title}, version {job.version}. {job.description}", "")
    inputs = (
        (i.name, ", ".join(i.product_types), "several" if i.multiple else "one", i.description) for i in job.inputs
    )
    yield from _table(("input", "product types", "how many", "description"), inputs)
    rows = (
        (
            _code(spec.name) + (" (repeatable)" if spec.multiple else ""),
            spec.kind,
            spec.unit,
            "required" if spec.required else _code(spec.default),
            _allowed(spec),
            spec.help,
        )
        for spec in fields(job.parameters)
    )
    yield from _table(("parameter", "kind", "unit", "default", "allowed", "meaning"), rows)
    outputs = (
        (_code(o.name), _code(o.filename), o.media_type, "" if o.required else "may be absent", o.description)
        for o in job.outputs
    )
    yield from _table(("result", "file", "media type", "", "description"), outputs)
    software = f"Software recorded with each run: {', '.join(job.software)}. " if job.software else ""
    yield f"{software}Time limit: {job.execution_duration} s."
    yield ""


def _allowed(spec: FieldSpec) -> str:
    if spec.choices:
        return ", ".join(_code(choice) for choice in spec.choices)
    low = f"{'>' if spec.above else '≥'} {spec.minimum}" if spec.minimum is not None else ""
    high = f"{'<' if spec.below else '≤'} {spec.maximum}" if spec.maximum is not None else ""
    return ", ".join(part for part in (low, high) if part)


def _columns() -> Iterator[str]:
    yield from ("# Published tables and columns", "", NOTE, "")
    yield "What ADQL queries can read at `/tap`. Tables of the same information: `/tap/tables`, `TAP_SCHEMA`."
    yield ""
    for schema in schemas():
        yield from (f"## {schema.name}", "", f"{schema.description}.".replace("..", "."), "")
        for table in tables():
            if table.meta.schema == schema.name:
                yield from _published(table.meta)


def _published(table: TableMeta) -> Iterator[str]:
    yield from (f"### {table.name}", "", f"{table.description}.".replace("..", "."), "")
    yield from _table(
        ("column", "type", "unit", "UCD", "utype", "indexed", "description"),
        (
            (
                _code(c.name),
                _type(c),
                c.unit or "",
                c.ucd or "",
                c.utype or "",
                "yes" if c.indexed else "",
                c.description,
            )
            for c in table.columns
        ),
    )
    for key in table.foreign_keys:
        pairs = ", ".join(f"`{here}` = `{there}`" for here, there in key.columns)
        yield from (f"Joins `{key.target_table}` on {pairs}.", "")


def _type(column: ColumnMeta) -> str:
    size = f"[{column.arraysize}]" if column.arraysize else ""
    return f"{column.datatype}{size}" + (f" ({column.xtype})" if column.xtype else "")


def _provenance() -> Iterator[str]:
    yield from ("# Provenance tables", "", NOTE, "")
    yield "The classes of the IVOA Provenance Data Model 1.0 as they are kept."
    yield "What is recorded and how to ask for it: [provenance](../provenance.md)."
    yield ""
    for model in apps.get_app_config("provenance").get_models():
        name = model._meta.db_table.removeprefix("provenance_")
        yield from (f"## {name}", "", _summary(model.__doc__ or "").replace("\n", " "), "")
        yield from _table(
            ("column", "type", "description"),
            (
                (_code(str(field.column)), _kind(field), str(field.help_text))
                for field in model._meta.concrete_fields
                if field.name != "id" or field.help_text
            ),
        )


def _kind(field: models.Field[object, object]) -> str:
    if isinstance(field, models.ForeignKey):
        target: type[models.Model] = field.related_model
        return f"key of {target._meta.db_table.removeprefix('provenance_')}"
    kinds = {"CharField": "text", "TextField": "text", "DateTimeField": "time", "BigIntegerField": "integer"}
    return kinds.get(field.get_internal_type(), field.get_internal_type().removesuffix("Field").lower())
