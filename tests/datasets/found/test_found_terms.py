"""Origin and licence travel with every item."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.datasets.found.lists import is_list, key
from engine.datasets.found.terms import SHOWN, licence_name
from engine.datasets.source import Source
from engine.protocol import Note

Look = Callable[..., tuple[list[Source], list[Note]]]
Lay = Callable[..., Path]

LICENCES = {
    "MIT License\n\nCopyright (c) 2020 A\n": "MIT",
    "                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
    "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007": "GPL-3.0",
    "Attribution-NonCommercial-ShareAlike 4.0 International\n====": "CC BY-NC-SA 4.0",
    "Creative Commons Attribution-NonCommercial 3.0 Unported": "CC BY-NC 3.0",
    "Attribution 4.0 International\n\nCreative Commons": "CC BY 4.0",
    "Attribution-NonCommercial-NoDerivatives 4.0 International": "CC BY-NC-ND 4.0",
    "CC0 1.0 Universal": "CC0-1.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "\n\nModels by Ann. Ask first.\nThen go.": "Models by Ann. Ask first",
    "": "",
}


@pytest.mark.parametrize(("text", "name"), LICENCES.items())
def test_licences_are_known_by_how_they_begin(text: str, name: str) -> None:
    assert licence_name(text) == name


def test_the_nearest_statement_counts(lay: Lay, look: Look) -> None:
    root = lay("a/b/x.obj", "a/y.obj", "z.obj", **{"LICENSE": "MIT License", "a/b/LICENCE.txt": "CC0 1.0 Universal"})
    lay(**{"a/README.md": "# Cups\n\nThey are licensed under CC BY 4.0.\n", "a/b/README.md": "nothing of it here"})
    licences = {source.name: source.licence for source in look(root)[0]}
    lay("c/w.obj", **{"c/README.md": "## Licence:\n\n# Next\nCC BY 4.0"})
    assert {source.name: source.licence for source in look(root)[0]}["w"] == "MIT"
    assert licences == {"x": "CC0-1.0", "y": "They are licensed under CC BY 4.0", "z": "MIT"}


def test_a_page_of_sources_states_both(lay: Lay, look: Look) -> None:
    page = "# cups\n\nCups of clay.\n\n- Licence as stated: CC BY-NC 4.0.\n- Known defects: none\n"
    root = lay("s/x.obj", **{"s/SOURCE.md": page, "s/LICENSE": "MIT License"})
    source = look(root)[0][0]
    assert (source.origin, source.licence) == ("Cups of clay", "CC BY-NC 4.0")


def test_nothing_above_what_was_named_is_believed(lay: Lay, look: Look) -> None:
    root = lay("models/x.obj", LICENSE="MIT License")
    assert look(root / "models")[0][0].licence == look(root / "models/x.obj")[0][0].licence == ""
    assert look(root)[0][0].licence == "MIT"


def test_the_top_folder_of_a_data_set_is_looked_in(lay: Lay, look: Look) -> None:
    page = "Shapes.\n\nLicence as stated: ask Ann.\n"
    root = lay("v2/03001627/ab/models/model_normalized.obj", **{"v2/SOURCE.md": page, "LICENSE": "MIT License"})
    source = look(root / "v2/03001627/ab")[0][0]
    assert (source.origin, source.licence) == ("Shapes", "ask Ann")


def test_a_data_sets_own_terms_stand_where_none_are_stated(lay: Lay, look: Look) -> None:
    root = lay("cup/train/cup_0001.off", "x.obj", **{"cup/SOURCE.md": "Cups.\n\n- Licence as stated: None stated.\n"})
    found = {source.name: (source.origin, source.licence) for source in look(root)[0]}
    assert found["cup_0001"] == ("Cups", "ModelNet: academic use only, by the data set's terms")
    assert found["x"] == ("", "")


def test_long_statements_are_cut(lay: Lay, look: Look) -> None:
    root = lay("x.obj", **{"metadata.json": '{"license": "' + "very " * 100 + '"}'})
    licence = look(root)[0][0].licence
    assert len(licence) <= SHOWN and licence.endswith("...")


def test_lists_name_a_shape_in_many_ways() -> None:
    ways = ("a/b", "shape_data/a/b", "./a/b.obj", "a\\b.obj.npy", "x/a/b/models/model_normalized.obj", " a/b.txt ")
    assert {key(way) for way in ways} == {"a/b"}
    assert key("b.obj") == key("b") == "b"
    assert is_list("train.lst") and is_list("plane_problematic_shapes.txt") and not is_list("train_0001.txt")


@pytest.mark.parametrize("line", ["licence: ", "#", "licensed ", "# licence", "released under", "-", "x:"])
def test_pages_of_one_endless_line_take_no_time(lay: Lay, look: Look, line: str) -> None:
    text = (line * 2**16)[: 2**16]
    root = lay("a.obj", **{"README.md": text, "SOURCE.md": text, "LICENSE": text})
    began = time.process_time()
    assert len(look(root)[0]) == 1
    assert time.process_time() - began < 5
