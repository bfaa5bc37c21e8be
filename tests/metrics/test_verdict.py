"""Shapes of a family with eight free numbers, which are their latents: copies, blends and new ones are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import InputError
from engine.metrics.latents import nearest_rows, standardised
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.metrics.verdict import novelty_of, shares
from engine.stages import ended

POINTS, TRAINING, UNSEEN, PLANTED = 200, 50, 50, 40


def latents(seed: int, count: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, 8)) * np.geomspace(0.1, 10, 8)  # of very unequal widths


def surfaces(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """(N, POINTS, 3) random points on the shapes of latents (N, 8): three balls, joined, of own places and sizes."""
    rng = np.random.default_rng(seed)
    z = np.tanh(rows / np.geomspace(0.1, 10, 8))
    on = rng.normal(size=(len(rows), POINTS, 3))
    on /= np.linalg.norm(on, axis=-1, keepdims=True)
    which = np.arange(POINTS) % 3
    size = 0.12 + 0.08 * np.stack([z[:, 0], z[:, 1], z[:, 2]], 1)  # (N, 3)
    centre = np.zeros((len(rows), 3, 3))
    centre[:, 1] = np.array([0.35, 0, 0]) + 0.3 * np.stack([z[:, 3], z[:, 4], z[:, 5]], 1)
    centre[:, 2] = np.array([-0.35, 0, 0]) + 0.3 * np.stack([z[:, 6], z[:, 7], z[:, 0]], 1)
    return on * size[:, which, None] + centre[:, which]


def test_planted_copies_are_called_copies_and_real_shapes_are_not() -> None:
    training, unseen, new = latents(0, TRAINING), latents(1, UNSEEN), latents(3, PLANTED)
    noise = np.random.default_rng(2).normal(size=(PLANTED, 8)) * 0.01 * training.std(0)
    rows = np.concatenate([training[:PLANTED] + noise, new])
    sets = {"t": surfaces(training, 10), "u": surfaces(unseen, 11), "g": surfaces(rows, 12)}  # points drawn anew
    found = ended(distances(sets, [("g", "t"), ("u", "t"), ("t", "t")], CHAMFER))
    gt, ut, tt = (found.between(name, "t") for name in "gut")
    result = ended(novelty_of(gt, ut, tt, rows, unseen, training))
    copies, others = shares(result.samples[:PLANTED]), shares(result.samples[PLANTED:])
    assert copies["copy"] >= 0.95
    assert result.unseen_shares["copy"] <= 0.05 and others["copy"] <= 0.05
    assert result.unseen_shares["new"] > 0.8 and others["new"] > 0.8
    assert [one.latent for one in result.samples[:PLANTED]] == list(range(PLANTED))
    assert np.mean([one.shape == one.sample for one in result.samples[:PLANTED]]) > 0.95
    assert sum(result.shares.values()) == pytest.approx(1) == sum(result.unseen_shares.values())


@pytest.mark.parametrize("width", [8, 100])
def test_blends_of_two_training_latents_are_called_blends_and_noisy_copies_are_not(width: int) -> None:
    rng = np.random.default_rng(width)
    training, unseen = rng.normal(size=(120, width)), rng.normal(size=(100, width))
    x, y = standardised(training, [training])
    partner = training[ended(nearest_rows(x, y, leave_out=True)).rows[:, 0]]
    blends = training + rng.uniform(0.2, 0.5, (120, 1)) * (partner - training) + rng.normal(size=training.shape) * 0.01
    noisy = training + rng.normal(size=training.shape) * 0.01
    far = np.full((240, 120), 1e6)
    rows = np.concatenate([blends, noisy])
    result = ended(novelty_of(far, far[:100], far[:120], rows, unseen, training))
    assert shares(result.samples[:120])["blend"] > 0.9
    assert shares(result.samples[120:]) == {"copy": 0, "blend": 0, "near": 1, "new": 0}
    assert result.unseen_shares["blend"] <= 0.05


def test_each_rule_by_itself() -> None:
    x = np.cumsum(np.arange(1.0, 200, 5))  # shapes on a line, at growing distances
    training, tt = np.random.default_rng(0).normal(size=(40, 2)), np.abs(x[:, None] - x[None])
    t, _ = standardised(training, [training])
    own = ended(nearest_rows(t, t, leave_out=True))
    half_way = (training[20] + training[own.rows[20, 0]]) / 2
    sample = np.stack([*(training[[20, 20]] + 1e-6), *(training[[20, 20]] + 100), half_way])
    far = np.full((5, 40), 1e6)
    far[[0, 2], 20] = 1e-9
    result = ended(novelty_of(far, far, tt, sample, sample, training))
    assert [one.verdict for one in result.samples] == ["copy", "near", "near", "new", "blend"]
    assert result.shares == result.unseen_shares == {"copy": 0.2, "near": 0.4, "blend": 0.2, "new": 0.2}
    alone = np.sort(np.where(np.eye(40) > 0, np.inf, tt).min(1))
    assert result.thresholds.copy_shape == np.percentile(alone, 1)
    assert result.thresholds.near_shape == np.percentile(alone, 5)
    assert result.thresholds.copy_latent == np.percentile(own.distance, 1)


def test_noise_in_numbers_that_never_differ_hides_no_copy() -> None:
    rng = np.random.default_rng(4)
    live, dead = latents(0, TRAINING), rng.normal(size=(1, 40)) + 1e-7 * rng.normal(size=(TRAINING, 40))
    training = np.concatenate([live, dead], 1)
    rows = training + 1e-3 * rng.normal(size=training.shape)  # a denoiser's noise, far more than the dead ones differ
    sets = {"t": surfaces(live, 10), "g": surfaces(live, 12)}
    found = ended(distances(sets, [("g", "t"), ("t", "t")], CHAMFER))
    gt, tt = found.between("g", "t"), found.between("t", "t")
    result = ended(novelty_of(gt, gt, tt, rows, rows, training))
    assert result.shares["copy"] >= 0.95


def test_nearest_rows_equal_brute_force() -> None:
    rng = np.random.default_rng(5)
    rows, others = rng.normal(size=(30, 6)), rng.normal(size=(50, 6)) + 1e3  # a far origin, where products round
    found = ended(nearest_rows(rows + 1e3, others))
    apart = np.linalg.norm(rows[:, None] + 1e3 - others[None], axis=2)
    assert np.array_equal(found.rows, apart.argsort(1)[:, :2])
    assert found.distance == pytest.approx(apart.min(1), rel=1e-12)
    steps = np.linspace(0, 1, 2001)[:, None, None]
    a, b = others[found.rows[:, 0]], others[found.rows[:, 1]]
    along = np.linalg.norm(rows + 1e3 - (a + steps * (b - a)), axis=2)  # (S, N)
    assert found.off == pytest.approx(along.min(0), abs=1e-5)
    within = ended(nearest_rows(others, others, leave_out=True))
    assert (within.rows != np.arange(50)[:, None]).all() and (within.distance > 0).all()


def test_standardised_rows_and_twins() -> None:
    training = np.array([[1.0, 5, 3], [3, 5, 7], [5, 5, 2]])
    t, g = standardised(training, [training[:1] + [0, 2, 0]])
    assert t.mean(0) == pytest.approx(0, abs=1e-12) and t.std(0) == pytest.approx([1, 0, 1])
    assert g[0, 1] == pytest.approx(2 / (0.01 * np.sqrt(np.square(training.std(0)).mean())))
    same, shifted = standardised(np.ones((3, 2)), [np.ones((1, 2)) * 3])
    assert not same.any() and np.array_equal(shifted, [[2, 2]])
    twins = ended(nearest_rows(np.ones((1, 2)), np.ones((3, 2))))
    assert twins.off[0] == twins.alpha[0] == 0


def test_what_does_not_agree_is_named() -> None:
    square, rows = np.ones((4, 4)), latents(0, 4)
    with pytest.raises(InputError, match="do not agree"):
        ended(novelty_of(square[:3], square, square, rows, rows, rows))
    with pytest.raises(InputError, match="one width"):
        ended(novelty_of(square, square, square, rows[:, :5], rows, rows))
    with pytest.raises(InputError, match="finite"):
        ended(novelty_of(square, square, square, rows * np.nan, rows, rows))
    with pytest.raises(InputError, match="at least 3"):
        ended(novelty_of(square[:2, :2], square[:2, :2], square[:2, :2], rows[:2], rows[:2], rows[:2]))
