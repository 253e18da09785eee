"""Text in XML: what is escaped, what is replaced, what comes back."""

from __future__ import annotations

import pytest
from defusedxml.ElementTree import fromstring

from vo.xmltext import attributes, content, element, legal, text_element


@pytest.mark.parametrize("text", ["plain", "a<b>&c", "\"'", "tab\tline\nreturn\r", "é€\U0001f600", "]]>", "&amp;", ""])
def test_text_comes_back(text: str) -> None:
    """XML 1.0 sections 2.4, 2.11, 3.3.3: markup is escaped, line ends and tabs survive in attributes too."""
    read = fromstring(element("a", {"b": text}, content(text)))
    assert (read.text or "", read.get("b")) == (text, text)


def test_characters_that_xml_cannot_hold() -> None:
    """XML 1.0 section 2.2."""
    assert legal("a\x00\x1f\ufffe\ud800b\x7f\x85") == "a\ufffd\ufffd\ufffd\ufffdb\x7f\x85"
    assert fromstring(element("a", {"b": "\x01"}, content("\x02"))).text == "\ufffd"


def test_what_is_absent_is_left_out() -> None:
    assert attributes({"a": None, "b": ""}) == ' b=""'
    assert text_element("a", "") == text_element("a", None) == ""
    assert element("a") == "<a/>"
