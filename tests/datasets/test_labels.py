import json
from pathlib import Path

import pytest

from engine.datasets.labels import FILE, NO_CATEGORY, PartNames, load_mapping, map_names, note_names, save_mapping
from engine.errors import InputError


def test_a_mapping_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    mapping = PartNames(names={"chair": {"Sitzfläche": "seat", 'odd "one"\\': ""}, "*": {"x": "y"}})
    assert load_mapping(tmp_path) == PartNames()
    save_mapping(tmp_path, mapping)
    assert load_mapping(tmp_path) == mapping
    assert len((tmp_path / FILE).read_text().splitlines()) > 8  # laid out for a person


@pytest.mark.parametrize("found", ["leg", "Leg_01", "leg.002", " LEG-3", "leg12", "leg_1_2", "chair/base/leg_4"])
def test_leg_is_known_to_chairs_and_not_to_mugs(found: str) -> None:
    assert map_names(PartNames(), "chair", [found]) == {found: "leg"}
    assert map_names(PartNames(), "mug", [found]) == {found: " ".join(found.split())}
    assert map_names(PartNames(), "mug", [found], known=["leg"]) == {found: "leg"}


def test_names_that_are_nothing_but_a_number_or_nothing_at_all_stay_told_apart() -> None:
    assert map_names(PartNames(), "chair", ["007", "12", "", "a\n\x1bb"]) == {
        "007": "007", "12": "12", "": "part", "a\n\x1bb": "a b",
    }  # fmt: skip


def test_the_file_decides_before_every_guess() -> None:
    mapping = PartNames(names={"chair": {"leg_1": "front leg", "Screw": ""}, "*": {"leg_2": "seat", "leg_1": "arm"}})
    asked = ["leg_1", "leg_2", "LEG 1", "screw_17", "front  leg 3", "leg_3"]
    assert map_names(mapping, "chair", asked) == {
        "leg_1": "front leg", "leg_2": "seat", "LEG 1": "front leg", "screw_17": "", "front  leg 3": "front leg",
        "leg_3": "leg",
    }  # fmt: skip


def test_new_names_are_noted_and_what_a_person_wrote_is_kept(tmp_path: Path) -> None:
    assert note_names(tmp_path, "chair", ["Leg_01", "foo"]) == {"Leg_01": "leg", "foo": "foo"}
    path = tmp_path / FILE
    held = json.loads(path.read_text())
    assert held == {"version": 1, "names": {"chair": {"Leg_01": "leg", "foo": "foo"}}}
    held["names"]["chair"]["foo"] = "seat"
    path.write_text("\ufeff" + json.dumps(held), "utf-8")  # some editors begin files with a mark
    assert note_names(tmp_path, "chair", ["foo", "bar"]) == {"foo": "seat", "bar": "bar"}
    assert load_mapping(tmp_path).names == {"chair": {"Leg_01": "leg", "foo": "seat", "bar": "bar"}}
    before = path.stat().st_mtime_ns
    assert note_names(tmp_path, "chair", ["bar"]) == {"bar": "bar"}
    assert path.stat().st_mtime_ns == before  # nothing new, nothing written
    note_names(tmp_path, "", ["thing"])
    assert load_mapping(tmp_path).names[NO_CATEGORY] == {"thing": "thing"}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('{\n"version": 1,\n"names": {"chair": {"a": "b",}}}', 3, "trailing comma|double quotes"),
        ('{"version": 1, "names": {\n"chair": {\n"a": 3}}}', 3, "in quotes"),
        ('{"version": 1, "names": {"chair": {"a": "b",\n"c": "d",\n"a": "e"}}}', 3, "twice"),
        ('{"names": {},\n"version": 2}', 2, "version 2"),
        ('{"version": 1,\n"parts": {}}', 2, "parts"),
        ('{"version": 1,\n"names": []}', 2, "categories"),
        ('{"version": 1, "names": {\n"chair": "leg"}}', 2, "holds no names"),
        ("[]", 1, "version"),
        ("", 1, "expecting value"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_is_left_alone(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=f"line {line}: .*({word}).*text editor"):
        note_names(tmp_path, "chair", ["new"])
    assert (tmp_path / FILE).read_text() == text


def test_files_that_are_no_text_or_nested_without_end_are_refused(tmp_path: Path) -> None:
    half = b'{"version": 1, "names": {"chair": {"leg": "\\ud800"}}}'
    for data in (b"\xff\xfe\x00{", b"[" * 200_000, half):
        (tmp_path / FILE).write_bytes(data)
        with pytest.raises(InputError, match="text editor"):
            load_mapping(tmp_path)


def test_wanted_names_are_one_line() -> None:
    mapping = PartNames(names={"chair": {"a": " seat\nand\tback ", "b": "\n"}})
    assert map_names(mapping, "chair", ["a", "b"]) == {"a": "seat and back", "b": ""}
