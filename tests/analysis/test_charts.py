"""Drawings: what is drawn is there, in both forms; words do not overlap; pictures are brought nearer alike."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.album import SHOWN, SIZE, nearer
from engine.analysis.charts import free, map_drawing, odd_drawing
from engine.analysis.drawing import SCALE, Drawing, Shape, length_of, srgb
from engine.analysis.maps import Map, Place
from engine.analysis.odd import Odd, OddFound
from engine.analysis.page import Section, page
from engine.pictures.camera import View
from engine.pictures.floor import backdrop

RED = (200, 30, 20)


@pytest.mark.parametrize("shape", ["circle", "square", "diamond", "triangle", "cross"])
def test_a_mark_is_where_it_should_be(shape: Shape) -> None:
    drawing = Drawing(100, 60)
    drawing.mark(shape, (30, 20), 8, RED, "one & <two>")
    red = (np.abs(drawing.pixels().astype(int) - RED).max(2) < 30).nonzero()
    assert [np.mean(axis) / SCALE for axis in red] == pytest.approx([20, 30], abs=1.5)
    assert max(np.ptp(axis) for axis in red) / SCALE < 24
    root = ElementTree.fromstring(drawing.file())
    assert any(node.text == "one & <two>" for node in root.iter() if node.tag.endswith("title"))


def test_words_take_the_room_that_they_say() -> None:
    for turned in (False, True):
        drawing = Drawing(300, 300)
        drawing.text(150, 150, "Component 2 (24%)", 14, "middle", turned=turned)
        dark = (drawing.pixels().max(2) < 200).nonzero()
        down, across = (np.ptp(axis) / SCALE for axis in dark)
        long, short = (down, across) if turned else (across, down)
        assert long == pytest.approx(length_of("Component 2 (24%)", 14), abs=3) and short < 20
        assert all(abs(np.mean(axis) / SCALE - 150) < 8 for axis in dark)


@given(st.lists(st.floats(0, 300), max_size=10))
def test_free_places_keep_their_distance(wanted: list[float]) -> None:
    taken: list[float] = []
    for y in wanted:
        taken.append(free(y, taken, 14, 0, 300))
    assert all(0 <= y <= 300 for y in taken)
    assert all(abs(a - b) >= 14 - 1e-6 for i, a in enumerate(taken) for b in taken[:i])


def test_colours_are_those_of_the_renderer() -> None:
    assert srgb((0, 1, 0.2140)) == (0, 255, 127)  # 0.214 linear is half of sRGB


def test_maps_and_strips_show_everything() -> None:
    places = tuple(
        Place(f"run/{i}", part, mark, (i + 9 * k, k), (k, i))
        for k, part in enumerate(("wing", "tail"))
        for i, mark in enumerate(("training", "unseen", "rejected", "generated"))
    )
    found = Map(places, (0.5, 0.25), 7, 3, 0.1, False)
    text = map_drawing(found, {"wing": RED, "tail": (20, 30, 200)}).svg()
    assert all(text.count(f"<title>run/{i} ") == 4 for i in range(4))
    for word in ("50%", "25%", "perplexity 7", "seed 3", "wing", "tail", "training", "unseen", "rejected", "generated"):
        assert word in text
    measured = tuple(Odd(f"run/{i:04d}", "", 1, i, 1, 0, i > 3.5) for i in range(6))
    text = odd_drawing(OddFound(measured, (), (), ())).svg()
    assert text.count("<title>run/") == 6 and ">0004<" in text and ">0003<" not in text


def test_a_page_needs_nothing_beside_it_and_is_sound() -> None:
    section = Section("Maps <1>", "text & more", ["a"], [("", ["<b>", 2.0])], [Drawing(10, 10, "x")], findings=["f"])
    section.sheets = [("sheet", np.zeros((8, 8, 3), np.uint8))]
    text = page("Analysis: a<b", ["fact"], [section])
    assert "<b>&lt;" not in text and "&lt;b&gt;" in text and "http" not in text.replace("http://www.w3.org", "")
    body = text[text.index("<body>") : text.index("</body>") + 7]
    ElementTree.fromstring(body)


def test_pictures_are_brought_nearer_alike() -> None:
    behind = backdrop(SIZE, View()).astype(np.uint8)
    small, large = behind.copy(), behind.copy()
    small[SIZE // 2 - 10 : SIZE // 2 + 10, SIZE // 2 - 10 : SIZE // 2 + 10] = 0
    large[SIZE // 2 - 60 : SIZE // 2 + 60, SIZE // 2 - 10 : SIZE // 2 + 10] = 0
    heights = [np.ptp((image.max(2) < 60).nonzero()[0]) + 1 for image in nearer([small, large])]
    assert heights[1] / heights[0] == pytest.approx(6, rel=0.1)
    assert 0.6 * SHOWN < heights[1] < SHOWN
    (blank,) = nearer([behind])
    assert blank.shape == (SHOWN, SHOWN, 3)
