"""Words can be read on everything that they stand on, in both themes, and no colour is named elsewhere."""

import re
from pathlib import Path

import pytest

from engine.resources import resource
from studio.palette import DARK, LIGHT, Palette, contrast
from studio.theme import style_sheet

ROOT = Path(__file__).parents[2]
WORDS = ("text", "dim", "good", "warn", "bad")
GROUNDS = ("window", "panel", "raised", "hover", "field", "chosen")
LEAST, SHAPES = 4.5, 3.0  # WCAG 2.2, level AA: of words; of shapes that mean something


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_words_stand_out(palette: Palette) -> None:
    colours = palette.colours()
    low = [
        (words, ground) for words in WORDS for ground in GROUNDS if contrast(colours[words], colours[ground]) < LEAST
    ]
    assert low == []
    assert min(contrast(palette.on_accent, ground) for ground in (palette.accent, palette.accent_hover)) >= LEAST
    focus = [ground for ground in GROUNDS if contrast(palette.accent, colours[ground]) < SHAPES]
    assert focus == [], "what shows the focus"
    assert min(contrast(palette.accent, ground) for ground in (palette.panel, palette.raised)) >= LEAST, (
        "tabs, check boxes"
    )


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # the standard's own example


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_the_style_sheet_takes_every_colour_from_the_palette(palette: Palette) -> None:
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!::)", re.sub(r"#workspaces|#centre", "", _template()))
    sheet = style_sheet(palette)
    assert "$" not in sheet and palette.accent in sheet
    for file in re.findall(r"url\(([^)]*)\)", sheet):
        assert Path(file).is_file()


def _template() -> str:
    return resource("studio.qss").read_text(encoding="utf-8")
