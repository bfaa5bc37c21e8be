"""Captions are true, varied, fit the encoder, and what is held out is never said in training."""

from random import Random

import pytest

from engine.text.captions import caption, phrasings, said, vocabulary_of_captions
from engine.text.phrases import phrases
from engine.text.prompts import words_of
from engine.text.settings import MOST_WORDS

CHAIR = {"type": "dining chair", "seat": "round", "back": "none", "legs": "three", "arms": False, "arm": "none"}
CATEGORIES = sorted(phrases())


def everything(category: str, key: int) -> dict[str, str]:
    """Attributes of a shape of a category, any value that has words."""
    rng = Random(key)
    known = phrases()[category].attributes
    return {name: rng.choice([key for key in sorted(values) if not values[key].of]) for name, values in known.items()}


@pytest.mark.parametrize("category", CATEGORIES)
def test_held_out_captions_are_never_training_captions(category: str) -> None:
    known = {" ".join(words_of(caption(category, everything(category, i), i))) for i in range(1500)}
    for phrasing in ("pattern", "held"):
        held = {" ".join(words_of(caption(category, everything(category, i), i, phrasing))) for i in range(500)}
        assert len(held) > 200
        assert not held & known


@pytest.mark.parametrize("category", CATEGORIES)
def test_training_captions_fit_the_encoder_and_its_vocabulary(category: str) -> None:
    vocabulary = vocabulary_of_captions()
    captions = [caption(category, everything(category, i), i) for i in range(500)]
    assert vocabulary.unknown(captions) == ()
    assert max(len(words_of(one)) for one in captions) <= MOST_WORDS


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_way_to_say_a_value_is_a_way_to_say_another(category: str) -> None:
    for values in phrases()[category].attributes.values():
        own = [value for value in values.values() if not value.of]
        said_by = [way for value in own for way in {*value.ways, *value.held.ways}]
        assert len(said_by) == len(set(said_by))
        assert all(key in values for value in values.values() for key in value.of)


@pytest.mark.parametrize("category", CATEGORIES)
def test_held_out_words_are_not_training_words(category: str) -> None:
    for values in phrases()[category].attributes.values():
        for value in values.values():
            assert not {*value} & {*value.held}


def test_a_caption_says_what_is_true_and_nothing_else() -> None:
    text = " ".join(caption("chair", CHAIR, i) for i in range(200))
    assert "without a back" in text or "backless" in text
    for wrong in ("four", "armrests on", "square", "sofa", " has arms", "with arms", "with a back"):
        assert wrong not in text
    assert "round seat" in text and "three legs" in text


def test_captions_of_one_shape_differ_and_stay() -> None:
    own = phrasings("chair", CHAIR)
    assert own == phrasings("chair", CHAIR)
    assert len(own) > 24
    assert len({len(words_of(one)) for one in own}) > 5  # short and long ones


def test_broader_values_are_said_too() -> None:
    text = " ".join(caption("chair", CHAIR | {"back": "hoop"}, i) for i in range(200))
    assert "hoop" in text and "backrest" in text


def test_a_category_of_other_people_is_named() -> None:
    assert "night stand" in caption("night_stand", {}, 0)
    assert "shape" in caption("", {}, 0)


def test_articles_and_lists() -> None:
    arms, seat = phrases()["chair"].attributes["arms"]["no"], phrases()["chair"].attributes["seat"]["square"]
    found = {said("chair", [arms, seat], Random(i), noun="armchair") for i in range(300)}
    assert "an armless armchair with a square seat" in found
    assert "an armchair with a square seat without arms" in found
    assert (
        "this armchair has a square seat and no arms" in found or "this armchair has no arms and a square seat" in found
    )
    assert not [one for one in found if " a arm" in one or "no a " in one or "no an " in one]
