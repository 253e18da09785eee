"""Pages as trees, and the rules that every page keeps."""

from __future__ import annotations

from collections import Counter

from django.http import HttpResponse
from lxml import html as lxml_html


def tree(response: HttpResponse) -> lxml_html.HtmlElement:
    """The page as a tree, after the rules have been checked."""
    assert response["Content-Type"].startswith("text/html")
    root = lxml_html.fromstring(response.content.decode())
    check(root)
    return root


def check(root: lxml_html.HtmlElement) -> None:
    """Language, one main heading, unique ids, a label for every input, a text for every picture, no inline scripts."""
    assert root.get("lang") == "en"
    assert len(root.xpath("//h1")) == 1
    assert len(root.xpath("//main")) == 1
    assert root.xpath("string(//title)").strip()
    doubled = [name for name, count in Counter(root.xpath("//@id")).items() if count > 1]
    assert doubled == []
    for field in root.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        labelled = root.xpath(f"//label[@for='{field.get('id')}']") if field.get("id") else []
        assert labelled or field.xpath("ancestor::label") or field.get("aria-label"), lxml_html.tostring(field)
    for name in root.xpath("//@aria-describedby"):
        assert all(root.xpath(f"//*[@id='{part}']") for part in name.split()), name
    for image in root.xpath("//img"):
        assert image.get("alt") is not None
    assert root.xpath("//script[not(@src)]") == []
    assert [name for element in root.iter() for name in element.attrib if name.startswith("on")] == []
    for form in root.xpath("//form[@method='post']"):
        assert form.xpath(".//input[@name='csrfmiddlewaretoken']")


def text(root: lxml_html.HtmlElement, path: str = "//main") -> str:
    """Text of the page, with single blanks."""
    return " ".join(root.xpath(f"string({path})").split())
