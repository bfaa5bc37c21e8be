"""Practice: half of the draws are about attributes, each value as often, and captions name them."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from engine import Project, methods
from engine.clouds.practice import Practice
from engine.clouds.told import Told, caption_of
from engine.errors import InputError
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.layout import Layout, Slot
from engine.methods import preset
from engine.pipeline import run
from engine.rows import ItemRow
from engine.settings import override
from engine.storage import read_tensors
from engine.text.captions import vocabulary_of_captions

EMPTY: dict[str, Any] = {"path": "", "hash": "", "verdict": "", "reason": "", "split": "train", "kind": "procedural"}
RARE = (3, 8)  # mugs of two handles


def mug(row: int) -> ItemRow:
    own = {"type": "cup" if row % 2 else "travel mug", "handles": 2 if row in RARE else 1, "outline": "round"}
    return ItemRow(id=f"mug-{row}", category="mug", attributes=own, **EMPTY)


def lamp(row: int) -> ItemRow:
    return ItemRow(id=f"lamp-{row}", category="lamp", attributes={"pole": ("arc", "straight")[row % 2]}, **EMPTY)


ITEMS = [mug(row) for row in range(20)]
LEARNED = range(19)  # the last one is not


def test_half_of_the_draws_are_about_it_and_what_is_rare_comes_as_often_as_what_is_common() -> None:
    practice = Practice(["mug.handles"], ITEMS, LEARNED)
    drawn = [practice.instead(row % 20, Random(row)) for row in range(4000)]
    about = [row for row, name in drawn if name]
    assert {name for _, name in drawn} == {"", "handles"}
    assert all(row == number % 20 for number, (row, name) in enumerate(drawn) if not name)
    assert len(about) == pytest.approx(2000, abs=150)
    assert sum(row in RARE for row in about) == pytest.approx(1000, abs=110)  # of two in nineteen
    assert set(about) == set(LEARNED)


def test_a_type_keeps_to_its_own_and_what_stands_twice_comes_twice_as_often() -> None:
    practice = Practice(["mug.cup.handles"], ITEMS[:8], range(8))
    drawn = [practice.instead(0, Random(key)) for key in range(300)]
    assert {ITEMS[row].attributes["type"] for row, name in drawn if name} == {"cup"}
    practice = Practice(["mug.handles", "mug.handles", "lamp.pole"], [*ITEMS, *map(lamp, range(4))], range(24))
    came = Counter(practice.instead(0, Random(key))[1] for key in range(3000))
    assert came["handles"] / came["pole"] == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize(
    "name",
    ["mug.outline", "mug.holder", "mug.type", "handles", "mug.kettle.handles", "boat.handles", "mug.x.y.handles"],
)
def test_what_cannot_be_practised_is_said(name: str) -> None:
    with pytest.raises(InputError, match=f"denoiser.practice: captions tell [01] values of '{name}'"):
        Practice([name], ITEMS, LEARNED)


def test_what_brought_its_own_captions_is_not_practised() -> None:
    """They say what they say."""
    others = [msgspec.structs.replace(item, kind="mesh", captions=("a thing",)) for item in ITEMS]
    with pytest.raises(InputError, match="captions tell 0 values"):
        Practice(["mug.handles"], others, LEARNED)
    practice = Practice(["mug.handles"], [*ITEMS, *others], range(2 * len(ITEMS)))
    assert all(row < len(ITEMS) for row, name in (practice.instead(0, Random(key)) for key in range(200)) if name)


def test_captions_name_what_they_are_about() -> None:
    own = {"seat": "round", "legs": "four", "back": "none", "arms": True}
    chair = ItemRow(id="chair-0", category="chair", attributes=own, **EMPTY)
    assert all("arm" in caption_of(chair, key, "arms") for key in range(40))
    assert not all("arm" in caption_of(chair, key) for key in range(40))
    told = Told(vocabulary_of_captions(("chair",)))
    plain = told.told([chair] * 6, range(6))
    assert torch.equal(plain, told.told([chair] * 6, range(6), [""] * 6))
    assert not torch.equal(plain, told.told([chair] * 6, range(6), ["seat"] * 6))


def test_they_name_its_own_value() -> None:
    """Not "a handle", which mugs with one have too."""
    told = [caption_of(ITEMS[3], key, "handles") for key in range(40)]
    assert all("two" in text or "each side" in text for text in told)


@pytest.mark.parametrize("change", ["text.encoder=minilm", "denoiser.role=match", "train.recipe=published"])
def test_what_cannot_practise_says_so(change: str) -> None:
    settings = override(preset("tiny3d", "smoke"), ['denoiser.practice=["mug.handles"]', change])
    with pytest.raises(InputError, match="leave it out"):
        methods.load(settings).trainee(settings, Layout((Slot("points", (64, 3)),)), {})


def test_a_training_practises(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        list(run(SamplesJob(category="mug", count=12, seed=2), project))
        items = tuple(item.id for item in project.catalogue.items())
        settings = override(preset("tiny3d", "smoke"), ["train.steps=2"])
        list(run(FitJob(run="fit", settings=settings, items=items), project))
        for name, practice in (("plain", "[]"), ("again", "[]"), ("practised", '["mug.handles"]')):
            own = override(settings, [f"denoiser.practice={practice}"])
            list(run(TrainJob(run=name, settings=own, fit="fit"), project))
        plain, again, practised = (
            read_tensors(project.run_folder(name) / "model.safetensors")[0]["trainee.network.enter.weight"]
            for name in ("plain", "again", "practised")
        )
        assert np.array_equal(plain, again)
        assert not np.array_equal(plain, practised)
        wrong = TrainJob(run="wrong", settings=override(settings, ['denoiser.practice=["mug.wheels"]']), fit="fit")
        with pytest.raises(InputError, match=r"tell 0 values of 'mug\.wheels'"):
            list(run(wrong, project))
