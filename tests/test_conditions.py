"""What training shapes teach a model, and how a person asks for it: by name, or refused with what there is."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from engine.asking import Askable, Asked, class_ids, missed, unusual
from engine.conditions import FEWEST, Traits, conditions_of, read_conditions, write_conditions
from engine.errors import DamagedFileError, InputError
from engine.storage import read_tensors, write_tensors

PARTS = ("body", "seat", "arm", "wing", "drawer")
CHAIRS = [
    Traits(
        "chair",
        ("seat", *(["arm"] if i % 3 else []), *(["drawer"] if i < FEWEST - 1 else [])),
        {"legs": "four" if i % 2 else "star", "spokes": 3 + i % 2, "cushion": i % 2 == 0, "serial": f"no {i}", "id": i},
    )
    for i in range(30)
]
PLANES = [
    Traits(
        "airplane", ("body", "wing"), {"engines": (1, 2, 10)[i % 3], "span": i / 7, "kind": "odd" if i == 3 else "jet"}
    )
    for i in range(30)
]
BOTH = conditions_of(CHAIRS + PLANES, ("airplane", "chair"), PARTS, "all")
JOINT = Askable(("airplane", "chair"), PARTS, BOTH.classes, BOTH.seen)
ALONE = conditions_of(CHAIRS, (), PARTS, "all")
CHAIR = Askable(("chair",), PARTS, ALONE.classes, ALONE.seen)


def test_what_can_be_learned_becomes_a_condition_and_nothing_else() -> None:
    assert BOTH.classes == {
        "category": ("airplane", "chair"),
        **{
            f"part:{part}": ("absent", "present") for part in ("body", "seat", "arm", "wing")
        },  # drawer: too few have it
        "attribute:cushion": ("no", "yes"),
        "attribute:engines": ("1", "2", "10"),  # numbers by size
        "attribute:legs": ("four", "star"),
        "attribute:spokes": ("3", "4"),  # serial, id and span have too many values, kind has one that is common
    }
    assert list(ALONE.classes) == ["part:arm", "attribute:cushion", "attribute:legs", "attribute:spokes"]
    assert conditions_of(CHAIRS + PLANES, ("airplane", "chair"), PARTS, "category").sizes == {"category": 2}
    assert conditions_of(CHAIRS + PLANES, ("airplane", "chair"), PARTS, "none").ids.shape == (60, 0)


def test_each_row_is_told_its_own_class_or_none() -> None:
    for row, shape in zip(BOTH.ids.tolist(), CHAIRS + PLANES, strict=True):
        for (name, classes), number in zip(BOTH.classes.items(), row, strict=True):
            assert (classes[number] if number >= 0 else "") == shape.said(name)
    names = list(BOTH.classes)
    assert (BOTH.ids[:30, names.index("attribute:engines")] == -1).all()  # chairs have none: nothing is said


def test_a_rare_value_is_not_told() -> None:
    shapes = [Traits("mug", (), {"outline": "heart" if i == 7 else ("round", "square")[i % 2]}) for i in range(20)]
    found = conditions_of(shapes, (), (), "all")
    assert found.classes == {"attribute:outline": ("round", "square")} and found.ids[7, 0] == -1


def test_kept_conditions_come_back(tmp_path: Path) -> None:
    write_conditions(tmp_path / "conditions.safetensors", BOTH)
    again = read_conditions(tmp_path / "conditions.safetensors")
    assert again.classes == BOTH.classes and again.seen == BOTH.seen and list(again.classes) == list(BOTH.classes)
    assert np.array_equal(again.ids, BOTH.ids) and again.ids.dtype == np.int16


@pytest.mark.parametrize("lost", ["classes", "seen", "ids", "words", "columns"])
def test_damaged_conditions_say_what_to_do(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "conditions.safetensors"
    write_conditions(path, BOTH)
    arrays, header = read_tensors(path)
    arrays = (
        {"other": arrays["ids"]} if lost == "ids" else {"ids": arrays["ids"][:, : 1 if lost == "columns" else None]}
    )
    header = {name: text[:-3] if lost == "words" else text for name, text in header.items() if name != lost}
    write_tensors(path, arrays, header)
    with pytest.raises(DamagedFileError, match="new training"):
        read_conditions(path)


def test_names_become_numbers() -> None:
    asked = Asked("chair", ("seat",), ("arm",), {"legs": "star", "cushion": "yes"})
    found = class_ids(asked, JOINT)
    assert {name: JOINT.classes[name][number] for name, number in found.items()} == {
        "category": "chair",
        "part:seat": "present",
        "part:arm": "absent",
        "attribute:legs": "star",
        "attribute:cushion": "yes",
    }
    assert class_ids(Asked(), JOINT) == {} and unusual(asked, JOINT) == []
    # a seat is nothing to choose for a model of chairs, but all of them have one
    assert class_ids(Asked("chair", ("seat",), ("arm",)), CHAIR) == {"part:arm": 0}


@pytest.mark.parametrize(
    ("asked", "model", "said"),
    [
        (Asked("chiar"), JOINT, r"no category chiar \(did you mean chair\?\); it knows: airplane, chair"),
        (Asked(without=("arms",)), JOINT, r"no part arms \(did you mean arm\?\)"),
        (Asked("chair", without=("seat",)), CHAIR, "nearly all of its training shapes agree.*asked about arm"),
        (Asked("chair", ("drawer",)), CHAIR, "not learned to choose whether there is a drawer"),
        (Asked(attributes={"leg": "star"}), CHAIR, r"no attribute leg \(did you mean legs\?\)"),
        (Asked(attributes={"legs": "stars"}), CHAIR, r"no legs = stars \(did you mean star\?\); it knows: four, star"),
        (Asked("chair", attributes={"wheels": "4"}), JOINT, "it knows of chair: cushion, legs, spokes$"),
        (Asked("", ("arm",), ("arm",)), JOINT, "both with and without"),
        (Asked("airplane"), CHAIR, "it knows: chair"),
        (Asked("chair"), Askable(), "does not say what its shapes are"),
        (Asked("chair"), replace(JOINT, classes={}), "trained without conditions.*one of airplane, chair"),
        (Asked(without=("arm",)), replace(CHAIR, classes={}), "trained without conditions"),
    ],
)
def test_what_a_model_does_not_know_is_refused_with_what_it_does(asked: Asked, model: Askable, said: str) -> None:
    with pytest.raises(InputError, match=said):
        class_ids(asked, model)


def test_what_another_category_had_is_a_guess_and_said_so() -> None:
    asked = Asked("chair", ("wing", "arm"), (), {"engines": "2", "legs": "four"})
    assert class_ids(asked, JOINT)["part:wing"] == 1
    assert unusual(asked, JOINT) == ["with wing", "engines = 2"]
    assert set(JOINT.of("chair")) == {
        *(f"part:{part}" for part in PARTS[:4]),
        *(f"attribute:{k}" for k in ("cushion", "legs", "spokes")),
    }
    assert JOINT.of("chair")["part:wing"] == ("absent",) and JOINT.of("")["part:wing"] == ("absent", "present")


def test_missed_parts_of_one_shape() -> None:
    asked = Asked("chair", ("seat", "back"), ("arm", "wheel"))
    assert missed(asked, ("seat", "back")) == () and missed(asked, ("seat", "arm")) == ("back", "arm")
