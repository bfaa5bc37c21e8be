"""Nearest training shapes: copies are traced, no shape is its own neighbour, numbers that hardly move do not decide."""

import numpy as np
import pytest

from engine.analysis.near import nearest, once_each, sentence
from engine.analysis.rows import TRAIN, UNSEEN
from engine.analysis.scale import evened
from engine.errors import InputError
from engine.stages import ended
from tests.analysis.made import NAMES, WIDTH, made, noise


def test_copies_are_traced_as_a_whole_and_part_by_part() -> None:
    training = noise(30)
    copy = training[[4]] + 0.01 * noise(1, seed=1)
    mix = np.concatenate([training[[7], :WIDTH], training[[9], WIDTH:]], 1)  # body of 7, wing and tail of 9
    latent = np.concatenate([training, copy, mix, noise(1, seed=2)])
    marks = [TRAIN] * 30 + ["mixed"] * 3
    found = ended(nearest(made(latent, marks, [False] * 30 + [True] * 3)))
    near = {(one.shape, one.part): one for one in found.neighbours}
    assert len(near) == 3 * (1 + len(NAMES))
    for part in ("", *NAMES):
        one = near["run/0030", part]
        assert one.nearest == "run/0004" and one.ratio is not None and one.ratio < 0.05 and one.closer == 0
        assert near["run/0032", part].ratio > 0.5  # type: ignore[operator]
    assert [near["run/0031", part].nearest for part in NAMES] == ["run/0007", "run/0009", "run/0009"]
    assert near["run/0031", "wing"].distance == pytest.approx(0, abs=1e-5)


def test_a_training_shape_is_compared_with_the_others() -> None:
    found = ended(nearest(made(noise(20)), "wing"))
    assert {one.part for one in found.neighbours} == {"wing"} and len(found.neighbours) == 20
    assert all(one.nearest != one.shape != one.second and one.distance > 0 for one in found.neighbours)
    ratios = np.array([one.ratio for one in found.neighbours])
    assert np.median(ratios) == pytest.approx(1)
    first, last = min(found.neighbours, key=lambda o: o.distance), max(found.neighbours, key=lambda o: o.distance)
    assert first.closer == 0 and last.closer >= 0.9


def test_only_shapes_that_have_a_part_are_neighbours() -> None:
    rows = made(noise(12), [TRAIN] * 9 + [UNSEEN] * 3)
    rows.present[:6, 1] = False
    found = ended(nearest(rows))
    wings = [one for one in found.neighbours if one.part == "wing"]
    assert {one.shape for one in wings} == {f"run/{i:04d}" for i in range(6, 12)}
    assert {one.nearest for one in wings} <= {f"run/{i:04d}" for i in range(6, 9)}
    rows.present[:8, 1] = False  # one training wing is left
    assert ended(nearest(rows)).left_out == ("wing",)
    with pytest.raises(InputError, match="wing.*at least 3"):
        ended(nearest(rows, "wing"))
    with pytest.raises(InputError, match="propeller"):
        ended(nearest(rows, "propeller"))


def test_numbers_that_hardly_move_in_training_do_not_decide() -> None:
    """A number with a spread of a ten-thousandth would otherwise put a shape that moves it hundreds of spreads away."""
    training, unseen = noise(40), noise(20, seed=3)
    training[:, 0] *= 1e-4
    reference, others = evened(training, unseen)
    assert np.abs(others[:, 0]).max() < 20
    moving = reference[:, 1:].std(0)
    assert np.allclose(moving, 1, atol=1e-5)  # all others are divided by their own spread
    own, across = (
        np.median([np.sort(np.linalg.norm(reference - row, axis=1))[skip] for row in rows])
        for rows, skip in ((reference, 1), (others, 0))
    )
    assert across < 1.2 * own


def test_copies_are_counted_in_words() -> None:
    """Training shapes are not: the two nearest of them are by definition as near as any."""
    latent = np.concatenate([noise(30), noise(30)[:4] + 0.001])
    found = ended(nearest(made(latent, [TRAIN] * 30 + ["generated"] * 4)))
    order = sorted((one for one in found.neighbours if not one.part), key=lambda one: one.distance)
    text = sentence(order, {f"run/{i:04d}" for i in range(30)})
    assert "4 of 4 nearer" in text and "of 34;" in text


def test_a_pair_is_shown_once() -> None:
    order = sorted(ended(nearest(made(noise(20)), "body")).neighbours, key=lambda one: one.distance)
    left = once_each(order)
    pairs = [frozenset((one.shape, one.nearest)) for one in left]
    assert len(set(pairs)) == len(pairs) < len(order)
    assert set(pairs) == {frozenset((one.shape, one.nearest)) for one in order}
