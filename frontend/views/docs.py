"""The documentation: the Markdown files of the repository's `docs` folder as pages."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from frontend.pages import page

PICTURES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
CODE = (".py", ".sh", ".adql", ".txt", ".yaml", ".json")


def docs_folder() -> Path:
    return Path(settings.BASE_DIR) / "docs"


@require_safe
def docs(request: HttpRequest, name: str = "") -> HttpResponseBase:
    """A page of the documentation, or a picture or example that belongs to it."""
    path = _find(name)
    if path.suffix in PICTURES:
        return FileResponse(path.open("rb"), content_type=PICTURES[path.suffix])
    text = path.read_text(encoding="utf-8")
    relative = path.relative_to(docs_folder().resolve())
    if path.suffix in CODE:
        values = {"title": relative.name, "code": text}
    else:
        body, title = render_markdown(text, relative.parent)
        values = {"title": title or relative.stem, "body": body}
    return page(request, "docs.html", {"section": "docs", "name": relative.as_posix(), **values})


def _find(name: str) -> Path:
    """The file of that name below the documentation folder; Http404 for anything else."""
    folder = docs_folder().resolve()
    if "\x00" in name:
        raise Http404("There is no such page in the documentation.")
    start = (folder / name).resolve()
    candidates = [start, start / "README.md", start.with_name(start.name + ".md")]
    for path in candidates:
        if path.is_relative_to(folder) and path.suffix in (".md", *PICTURES, *CODE) and path.is_file():
            return path
    raise Http404("There is no such page in the documentation.")


def render_markdown(text: str, folder: Path) -> tuple[str, str]:
    """(HTML, title) of a Markdown text. Raw HTML in it is shown as text, links between files become links of pages.

    `folder` is where the text lies, relative to the documentation folder.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    title, seen = "", set[str]()
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            words = _plain(following)
            title = title or words
            anchor = re.sub(r"[^\w-]+", "-", words.lower()).strip("-") or "section"
            while anchor in seen:
                anchor += "-1"
            seen.add(anchor)
            token.attrSet("id", anchor)
        for child in token.children or ():
            for attribute in ("href", "src"):
                target = child.attrGet(attribute)
                if target is not None:
                    child.attrSet(attribute, _link(str(target), folder))
    return parser.renderer.render(tokens, parser.options, {}), title


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def _link(target: str, folder: Path) -> str:
    """A link as it stands in a file, as it must be in the page; links out of the folder lead nowhere in a browser."""
    if re.match(r"[a-z][a-z0-9+.-]*:|//|/|#", target, re.IGNORECASE):
        return target
    name, mark, fragment = target.partition("#")
    root = docs_folder().resolve()
    path = (root / folder / name).resolve()
    if not path.is_relative_to(root):
        return f"#{fragment}" if fragment else "#"
    relative = path.relative_to(root).as_posix().removesuffix("README.md").removesuffix(".md")
    return (reverse("docs_page", args=[relative]) if relative not in ("", ".") else reverse("docs")) + mark + fragment
