"""Naming parts: what can be told is told, what cannot is at chance, and no shape is learned from that is asked about."""

import numpy as np
import pytest

from engine.analysis.naming import NamingFound, naming
from engine.analysis.rows import TRAIN, UNSEEN
from engine.errors import InputError
from engine.stages import ended
from tests.analysis.made import WIDTH, in_process, made, noise  # noqa: F401

pytestmark = pytest.mark.usefixtures("in_process")
ANCHOR = np.repeat([4.0, 0.0, -4.0], WIDTH)


def accuracy(found: NamingFound, numbers: str, asked: str = "fitted") -> list[float]:
    return [score.accuracy for score in found.scores if (score.numbers, score.asked) == (numbers, asked)]


def test_anchors_tell_parts_and_nothing_else_does() -> None:
    """Fits that are their part's anchor plus noise: the name is in the anchor alone."""
    rows = made(ANCHOR + noise(60), anchor=ANCHOR.astype(np.float32))
    found = ended(naming(rows, 0))
    assert accuracy(found, "as stored") == [1, 1]
    for numbers in ("anchor removed", "mean removed"):
        assert all(abs(one - 1 / 3) < 0.12 for one in accuracy(found, numbers))  # chance, with a deviation of 0.04
    assert all(score.chance == pytest.approx(1 / 3) for score in found.scores)
    perfect = found.scores[0]
    assert perfect.low == pytest.approx(1 - 3 / 60) and perfect.high == 1
    assert np.array_equal(perfect.confusion, 60 * np.eye(3))
    assert {one.numbers for one in found.mistaken} == {"anchor removed", "mean removed"}


def test_what_is_learned_comes_from_other_shapes() -> None:
    """The same numbers stand in all parts of a shape, and differ from shape to shape: only its own could tell nothing,
    and means of groups that held the asked shapes would make the score fall below chance."""
    own = noise(50, WIDTH)
    found = ended(naming(made(np.tile(own, 3)), 0))
    assert accuracy(found, "as stored") == accuracy(found, "mean removed")
    assert all(abs(one - 1 / 3) < 0.05 for one in accuracy(found, "as stored"))


def test_generated_parts_are_named_by_what_fits_taught() -> None:
    latent = ANCHOR + noise(40)
    latent[30:] = -latent[30:]  # body and tail change places
    rows = made(latent, [TRAIN] * 20 + [UNSEEN] * 10 + ["generated"] * 10, [False] * 30 + [True] * 10)
    found = ended(naming(rows, 0))
    assert accuracy(found, "as stored") == [1, 1]
    logistic = next(score for score in found.scores if score.asked == "generated")
    assert np.array_equal(logistic.confusion, 10 * np.eye(3)[::-1])
    assert {(one.part, one.said) for one in found.mistaken if one.numbers == "as stored"} == {
        ("body", "tail"),
        ("tail", "body"),
    }


def test_too_little_is_refused() -> None:
    with pytest.raises(InputError, match="two parts"):
        ended(naming(made(noise(30), parts=0), 0))
    with pytest.raises(InputError, match="10 fitted"):
        ended(naming(made(noise(9)), 0))
    rows = made(noise(30))
    rows.present[:25, 2] = False
    found = ended(naming(rows, 0))
    assert found.parts == ("body", "wing") and found.left_out == ("tail",)
