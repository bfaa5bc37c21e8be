"""The bare kind that a prompt names, by the words that the model knows."""

import pytest

from engine.metrics.obedience_prompts import PLANS, attributes_of
from engine.text.captions import caption, vocabulary_of_captions
from engine.text.kinds import kind_said, words_heard

KNOWN = vocabulary_of_captions().words


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("my travel mug needs a lid", "a travel mug"),
        ("a mug with two handles", "a mug"),
        ("An airliner, four engines!", "an airliner"),
        ("a round coffee table with a shelf", "a coffee table"),
        ("a lamp for the table", "a lamp"),
        ("a table for a lamp", "a table"),
        ("a bedside table lamp", "a table lamp"),
        ("two handles, please", ""),
        ("", ""),
    ],
)
def test_the_first_noun_is_the_kind(text: str, kind: str) -> None:
    assert kind_said(text, KNOWN) == kind


def test_a_noun_that_the_model_never_learned_is_none() -> None:
    """A model of chairs knows neither mugs nor what travel is."""
    chairs = vocabulary_of_captions(("chair",)).words
    assert kind_said("a travel mug with a lid", chairs) == ""
    assert kind_said("an office chair", chairs) == "an office chair"


@pytest.mark.parametrize(
    ("text", "heard", "strange"),
    [
        ("a classic chair with four legs", "chair with four legs", ("classic",)),
        ("a classic car with one window", "classic car with one window", ()),
        ("a van with wings, a passenger van", "van with van", ("wings", "passenger")),
        ("a car with a bed for its load", "car with bed load", ()),
        ("a mug with a pair of handles", "mug with two handles", ()),
        ("I would like a mug with its handle", "mug with handle", ()),
        ("a plane with a pair of wings", "plane with pair wings", ()),
        ("no handle", "no handle", ()),
        ("this", "", ()),
    ],
)
def test_words_that_mean_nothing_for_a_kind_are_not_heard(text: str, heard: str, strange: tuple[str, ...]) -> None:
    assert words_heard(text, KNOWN) == (heard, strange)


def test_a_model_of_other_captions_may_know_words_of_any_kind() -> None:
    assert words_heard("a classic chair", (*KNOWN, "bauhaus")) == ("a classic chair", ())


@pytest.mark.parametrize("category", sorted(PLANS))
def test_no_word_of_a_caption_is_strange_to_its_own_kind(category: str) -> None:
    for seed in range(200):
        text = caption(category, attributes_of(category, seed), seed)
        assert words_heard(text, KNOWN)[1] == (), text
