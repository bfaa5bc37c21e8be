"""What training is told of items: captions as numbers of words, and the facts behind them."""

from typing import Any

import torch

from engine.clouds.told import Told, caption_of, facts_in, facts_of
from engine.rows import ItemRow
from engine.text.captions import vocabulary_of_captions

CHAIR = {"arms": True, "seat": "round", "legs": 4, "height": 0.5}


def rows(*told: tuple[str, dict[str, Any]]) -> list[ItemRow]:
    known: dict[str, Any] = {
        "path": "",
        "hash": "",
        "verdict": "",
        "reason": "",
        "split": "train",
        "kind": "procedural",
    }
    return [ItemRow(id=str(i), category=category, attributes=own, **known) for i, (category, own) in enumerate(told)]


def test_facts_are_categories_and_what_items_differ_in() -> None:
    """Of three chairs and a mug: 2 categories, arms, seats; all chairs have four legs, and heights are no facts."""
    items = rows(
        ("chair", CHAIR), ("chair", CHAIR | {"arms": False}), ("chair", CHAIR | {"seat": "square"}), ("mug", {})
    )
    assert facts_of(items, 100).table.tolist() == [
        [1, 0, 0, 1, 1, 0],
        [1, 0, 1, 0, 1, 0],
        [1, 0, 0, 1, 0, 1],
        [0, 1, -1, -1, -1, -1],
    ]
    assert facts_of(items, 2).table.shape == (4, 2) and len(facts_in(items)) == 6


def test_items_that_are_all_alike_have_no_facts() -> None:
    assert facts_of(rows(("chair", CHAIR), ("chair", CHAIR)), 100).table.shape == (2, 0)


def test_a_share_of_captions_has_the_same_words_in_another_order() -> None:
    items, keys = rows(("chair", CHAIR)) * 400, range(400)
    vocabulary = vocabulary_of_captions(("chair",))
    straight, half = (Told(vocabulary, shuffle).told(items, keys) for shuffle in (0.0, 0.5))
    assert torch.equal(straight.sort(1).values, half.sort(1).values)
    long = (straight != 0).sum(1) > 4  # of few words, some come in their own order
    assert 0.35 < (straight != half).any(1)[long].float().mean() < 0.65
    assert torch.equal(straight, torch.from_numpy(vocabulary.ids([caption_of(items[0], key) for key in keys])))
