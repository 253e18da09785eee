"""The documentation pages: Markdown of the repository, made safe and linked."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from frontend.views import docs
from frontend.views.docs import render_markdown


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "docs"
    (root / "examples").mkdir(parents=True)
    (root / "decisions").mkdir()
    (root / "README.md").write_text("# Manual\n\n[settings](settings.md) [why](decisions/001-x.md#choice)\n")
    (root / "settings.md").write_text("# Settings\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    (root / "decisions" / "001-x.md").write_text("# X\n\n## Choice\n\n[up](../README.md)\n")
    (root / "examples" / "run.py").write_text("print('<b>')\n")
    (tmp_path / "secret.md").write_text("secret")
    monkeypatch.setattr(docs, "docs_folder", lambda: root)
    return root


@pytest.mark.usefixtures("folder")
def test_links_between_files_lead_to_pages() -> None:
    html, title = render_markdown("# T\n[a](settings.md) [b](decisions/001-x.md#choice) [c](#t)", Path())
    assert title == "T"
    assert 'href="/docs/settings"' in html
    assert 'href="/docs/decisions/001-x#choice"' in html
    assert 'href="#t"' in html
    html, _ = render_markdown("[up](../README.md) [example](../examples/run.py)", Path("decisions"))
    assert 'href="/docs"' in html
    assert 'href="/docs/examples/run.py"' in html


@pytest.mark.usefixtures("folder")
def test_links_out_of_the_folder_go_nowhere_but_to_the_web() -> None:
    html, _ = render_markdown("[a](../secret.md) [b](https://www.ivoa.net/x)", Path())
    assert 'href="#"' in html
    assert 'href="https://www.ivoa.net/x"' in html


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a <img src=x onerror=alert(1)>", "[x](javascript:alert(1))"]
)
@pytest.mark.usefixtures("folder")
def test_html_and_scripts_in_markdown_are_only_text(text: str) -> None:
    html, _ = render_markdown(text, Path())
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html


@pytest.mark.usefixtures("folder")
def test_headings_have_anchors() -> None:
    html, _ = render_markdown("# Two words\n\n## Two words\n", Path())
    assert 'id="two-words"' in html
    assert 'id="two-words-1"' in html


@pytest.mark.django_db
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/docs", 200, "Manual"),
        ("/docs/settings", 200, "<th>a</th>"),
        ("/docs/settings.md", 200, "Settings"),
        ("/docs/decisions/001-x", 200, "Choice"),
        ("/docs/examples/run.py", 200, "print(&#x27;&lt;b&gt;&#x27;)"),
        ("/docs/missing", 404, "no such page"),
        ("/docs/../secret.md", 404, ""),
        ("/docs/%2e%2e/secret", 404, ""),
        ("/docs//etc/passwd", 404, ""),
        ("/docs/x%00y", 404, ""),
    ],
)
def test_pages(client: Client, path: str, status: int, text: str) -> None:
    response = client.get(path, headers={"accept": "text/html"})
    assert response.status_code == status
    assert text in response.content.decode()
    assert "secret" not in response.content.decode().replace("secret.md", "")


@pytest.mark.django_db
def test_the_query_page_leads_to_cook_book_and_functions(client: Client) -> None:
    shown = client.get("/query").content.decode()
    for name, text in (("cookbook", "distiller_tmoc_overlaps"), ("reference/functions", "ivo_healpix_index")):
        assert f'href="/docs/{name}"' in shown
        assert text in client.get(f"/docs/{name}").content.decode()
