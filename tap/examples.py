"""The examples page: the queries of the published tables as DALI examples in XHTML (DALI 1.1 section 2.3)."""

from __future__ import annotations

from tap.registry import Example, tables
from vo.xmltext import DECLARATION, content, element

_VOCABULARY = "http://www.ivoa.net/rdf/examples#"
_STYLE = "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{background:#f2f2f2;padding:1em}"


def document() -> bytes:
    """The page; each example has its name, its table and the query that runs as it stands."""
    shown = [(table.meta.name, example) for table in tables() for example in table.examples]
    page = element(
        "html",
        {"xmlns": "http://www.w3.org/1999/xhtml", "lang": "en", "xml:lang": "en"},
        element("head", {}, element("title", {}, "Example queries"), element("style", {}, content(_STYLE))),
        element(
            "body",
            {},
            element("h1", {}, "Example queries"),
            element("div", {"vocab": _VOCABULARY}, *(_example(name, example) for name, example in shown)),
        ),
    )
    return f"{DECLARATION}<!DOCTYPE html>\n{page}\n".encode()


def _example(table: str, example: Example) -> str:
    return element(
        "div",
        {"typeof": "example", "id": example.id, "resource": f"#{example.id}"},
        element("h2", {"property": "name"}, content(example.name)),
        element("p", {}, content(example.description)) if example.description else "",
        element("p", {}, "Table: ", element("code", {"property": "table"}, content(table))),
        element("pre", {"property": "query"}, content(example.query)),
    )
