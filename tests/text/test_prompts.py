"""Prompts: words, spelling, the nearest known one, lists."""

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.text.captions import vocabulary_of_captions
from engine.text.phrases import phrases
from engine.text.prompts import LONGEST, MOST, prompts_of, words_of
from engine.text.spelling import check, nearest_prompt, nearest_word, related_word, slips

KNOWN = frozenset(vocabulary_of_captions().words) | {"toilet"}


def test_words_have_no_case_accents_or_marks() -> None:
    assert words_of("A T-tail, night_stand\t& CAFÉ!") == ["a", "t", "tail", "night", "stand", "cafe"]
    assert words_of("2 engines, 14 seats") == ["two", "engines", "14", "seats"]
    assert words_of("don\u2019t") == ["dont"]
    assert words_of("  ... ") == []


@given(st.text())
@example("\U0001d4d0")  # a letter that is a large one only after its compatible form is taken
def test_words_of_words_are_the_words(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


def test_a_slip_is_corrected_and_said() -> None:
    found = check("a Toliet, with amrs", KNOWN)
    assert found.text == "a toilet, with arms"
    assert found.corrected == (("toliet", "toilet"), ("amrs", "arms"))
    assert found.said() == "toliet was read as toilet; amrs was read as arms"


def test_known_words_and_their_plurals_stay_as_they_are() -> None:
    prompt = "A swept-wing Aeroplane with 2 engines; Chairs, a night_stand, car, arm"
    assert check(prompt, KNOWN).text == prompt
    assert check(prompt, KNOWN).said() == ""


def test_a_word_that_nothing_resembles_is_said_and_kept() -> None:
    found = check("a purple chair", KNOWN)
    assert (found.text, found.unknown, found.known) == ("a purple chair", ("purple",), "a chair")
    assert "purple" in found.said()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("seating", "seat"), ("winged", "wings"), ("circle", "circular"), ("sporty", "sports"), ("bulge", "bulging"),
     ("curving", "curved"), ("rectangle", "rectangular"), ("taper", "tapered")],
)  # fmt: skip
def test_another_form_of_a_known_word_is_read_as_it(typed: str, meant: str) -> None:
    """Unless an encoder knows that form itself; it is said what it was read as."""
    found = check(f"a {typed} thing", KNOWN)
    assert (found.corrected, found.known) == (((typed, meant),), f"a {meant}")
    assert check(f"a {typed} thing", KNOWN, (typed, "thing")).corrected == ()


@pytest.mark.parametrize(
    "typed", ["road", "hand", "lower", "party", "singer", "tailor", "planet", "care", "boxer", "king"]
)
def test_other_words_have_no_form_in_common(typed: str) -> None:
    assert related_word(typed, KNOWN - {"low"}) is None


@pytest.mark.parametrize("word", sorted(word for word in KNOWN if len(word) >= 5))
def test_every_longer_word_survives_a_dropped_or_swapped_letter(word: str) -> None:
    for wrong in (word[:2] + word[3:], word[0] + word[2] + word[1] + word[3:]):
        near = nearest_word(wrong, KNOWN)
        assert near is not None and slips(wrong, near) <= slips(wrong, word) <= 1


def test_slips_are_counted_as_published() -> None:
    assert [slips(a, b) for a, b in [("ab", "ba"), ("", "abc"), ("kitten", "sitting"), ("ca", "abc"), ("x", "x")]] == [
        1, 3, 3, 3, 0,
    ]  # fmt: skip


def test_the_nearest_prompt_is_the_same_one_or_shares_its_rare_words() -> None:
    known = ["a chair with arms", "a chair without arms", "a round table", "an airliner with two engines"]
    for one in known:
        found, likeness = nearest_prompt(one, known)
        assert found == one and likeness == pytest.approx(1.0)
    assert nearest_prompt("the circular, round thing", known)[0] == "a round table"
    assert nearest_prompt("zebra", known)[1] == 0.0
    assert nearest_prompt("an airplane with two engines", known)[1] < 1.0
    with pytest.raises(InputError, match="no known prompts"):
        nearest_prompt("a chair", [])


def test_a_list_has_one_prompt_a_line() -> None:
    assert prompts_of("a chair\n\n# a note\n  a  round table \r\na chair") == ("a chair", "a round table", "a chair")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no prompt"),
        ("# only a note\n", "no prompt"),
        ("a chair\n?!", "line 2"),
        ("x" * (LONGEST + 1), "line 1"),
        ("a\n" * (MOST + 1), str(MOST + 1)),
    ],
)
def test_a_list_that_cannot_be_used_says_where(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        prompts_of(text)


def test_the_window_may_import_what_it_needs() -> None:
    names = "engine.text.spelling, engine.text.captions, engine.text.settings, engine.text.vocabulary"
    code = f"import sys, {names}; assert not {{'torch', 'manifold3d'}} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_spelled_right_is_no_slip_and_politeness_is_not_unknown() -> None:
    """A word near a known one stays where an encoder knows it; what says nothing of a shape is passed over."""
    known = ("chair", "ear", "legs")
    assert check("an earo chair", known).text == "an ear chair"
    left = check("please make me an earo chair", known, ("earo",))
    assert (left.text, left.unknown, left.corrected) == ("please make me an earo chair", ("earo",), ())
    assert left.known == "chair"
    assert check("I would like one chair, thanks", known).said() == ""


def test_other_words_are_not_taken_for_known_ones() -> None:
    """Nothing that is said of shapes in held-out words is read as a word that only looks like it."""
    known = vocabulary_of_captions().words
    for category in phrases().values():
        values = [value.held for one in category.attributes.values() for value in one.values()]
        for phrase in (phrase for held in (category.held, *values) for phrase in held):
            assert all(typed[:2] == meant[:2] for typed, meant in check(phrase, known).corrected), phrase
    said = check("a drinking cup beside a road in a room, wider than them", known)
    assert said.corrected == () and "road" in said.unknown
    assert check("a tabel with ruond leggs", known).text == "a table with round legs"
