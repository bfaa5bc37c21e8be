"""The bare kind that a prompt names, by the words that the model knows."""

import pytest

from engine.text.captions import vocabulary_of_captions
from engine.text.kinds import kind_said, strange_words
from engine.text.prompts import words_of

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
    ("text", "found"),
    [
        ("a classic chair with four legs", ("chair", ("classic",))),
        ("a classic car with four doors", ("car", ())),
        ("a passenger van, a van with wings", ("car", ("passenger", "wings"))),
        ("chairs with arms", ("", ())),
        ("two handles", ("", ())),
    ],
)
def test_words_that_are_never_said_of_a_kind_mean_nothing_there(text: str, found: tuple[str, tuple[str, ...]]) -> None:
    assert strange_words(" ".join(word for word in words_of(text) if word in KNOWN), KNOWN) == found


def test_a_model_of_other_captions_may_know_words_of_any_kind() -> None:
    assert strange_words("a classic chair", (*KNOWN, "bauhaus")) == ("", ())
