"""The style sheet: text can be read in both colour schemes."""

from __future__ import annotations

import re

import pytest

from frontend.build import ROOT

STYLE = (ROOT / "frontend/static/frontend/distiller.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "accent", "accent-strong", "bad") for ground in ("paper", "sheet")),
    ("ink", "note-paper"),
    ("accent", "note-paper"),
    ("good", "paper"),
    ("bad", "bad-paper"),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("night-ink", "night"),
]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_enough_contrast(text: str, ground: str, scheme: str) -> None:
    """WCAG 2.2 success criterion 1.4.3 (AA): 4.5 to 1."""
    colours = LIGHT if scheme == "light" else LIGHT | DARK
    assert contrast(colours[text], colours[ground]) >= 4.5
