from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFont

from engine.errors import InputError
from engine.pictures.sheet import PAPER, fitting, lines, measures, plain, save_png, sheet

FONT = ImageFont.load_default(12)


def noise(n: int, height: int = 60, width: int = 80) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 255, (n, height, width, 3), np.uint8))


@pytest.mark.parametrize(
    "captions", [None, ["a", "two words", "", "é — ß", "a very long caption that goes on and on for ever"]]
)
@pytest.mark.parametrize("title", [None, "A title"])
def test_layout(captions: list[str] | None, title: str | None) -> None:
    images = noise(5)
    result = sheet(images, 3, captions, title)
    _, gap, head, foot = measures(80, captions is not None, title is not None)
    assert result.shape == (gap + head + 2 * (60 + foot + gap), gap + 3 * (80 + gap), 3)
    rest = (result != PAPER).any(-1)
    for i, image in enumerate(images):
        y, x = gap + head + i // 3 * (60 + foot + gap), gap + i % 3 * (80 + gap)
        assert np.array_equal(result[y : y + 60, x : x + 80], image)
        rest[y : y + 60, x : x + 80] = False
        band = rest[y + 60 : y + 60 + foot, x : x + 80]
        assert band.any() == bool(captions and captions[i])
        band[:] = False
    assert rest[: gap + head].any() == (title is not None)
    assert not rest[gap + head :].any()  # no letter left its cell


def test_fewer_pictures_than_columns() -> None:
    assert np.array_equal(sheet(noise(2), 8), sheet(noise(2), 2))


def test_bad_input_is_named() -> None:
    for images, columns, captions in ((noise(2), 0, None), ([], 2, None), (noise(2), 2, ["one"])):
        with pytest.raises(InputError):
            sheet(images, columns, captions)
    with pytest.raises(InputError):
        sheet([noise(1)[0], noise(1, 30)[0]], 2)


@given(st.text(max_size=80), st.integers(30, 300))
def test_captions_fit_and_lose_nothing_without_need(text: str, width: int) -> None:
    shown = lines(plain(text), FONT, width)
    assert len(shown) <= 2
    assert all(FONT.getlength(line) <= width for line in shown)
    if not any(line.endswith("…") for line in shown):
        assert " ".join(shown) == " ".join(plain(text).split())
    if FONT.getlength(plain(text)) <= width:
        assert len(shown) <= 1


@given(st.text(max_size=40))
def test_plain_text_has_only_letters_that_the_font_draws(text: str) -> None:
    missing = bytes(FONT.getmask("\u4e00"))
    assert all(bytes(FONT.getmask(letter)) != missing for letter in plain(text))


def test_plain_and_fitting_by_hand() -> None:
    assert plain("Möbel — 1024³ “wing”") == "Mobel - 10243 “wing”"
    assert fitting("wing", FONT, 1000) == "wing"
    assert fitting("wingwingwing", FONT, FONT.getlength("wingwi…")) == "wingwi…"


def test_png_holds_the_picture_and_leaves_nothing_else(tmp_path: Path) -> None:
    image = noise(1)[0]
    path = tmp_path / "folder" / "a.png"
    save_png(path, image)
    first = path.read_bytes()
    save_png(path, image)
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
    assert np.array_equal(np.asarray(Image.open(BytesIO(first))), image)
