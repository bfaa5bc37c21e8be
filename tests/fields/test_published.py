import numpy as np
import torch
import torch.nn.functional as F

from engine.fields.encoding import encode
from engine.fields.mlp import field_logits
from engine.fields.published import PATIENCE, Published, published_fit
from engine.fields.weights import field_layout, initial_weights
from engine.settings import FieldSettings, FitSettings
from tests.fields.balls import ONE, TWO, result, samples

FIELD = FieldSettings(hidden=(16, 16))
LAYOUT = field_layout(FIELD)
START = initial_weights(LAYOUT, FIELD, torch.Generator().manual_seed(0))


def test_one_step_is_adam_on_the_summed_loss() -> None:
    train = samples(ONE, (), seed=0)
    fit = FitSettings(recipe="published", batch=256)
    run = Published(train, FIELD, fit, LAYOUT, START, seed=3)
    run.step()
    chosen = torch.randint(len(train.points), (256,), generator=torch.Generator().manual_seed(3))
    row = START.clone().requires_grad_()
    logits = field_logits(row[None], LAYOUT, FIELD, torch.from_numpy(train.points)[chosen])[0, 0]
    labels = torch.from_numpy(train.occupancy).float()[chosen]
    optimiser = torch.optim.Adam([row], lr=1e-2)
    F.binary_cross_entropy_with_logits(logits, labels, reduction="sum").backward()
    optimiser.step()
    torch.testing.assert_close(run.row(), row.detach())


def test_input_gradients_cost_time_and_change_nothing() -> None:
    train = samples(ONE, (), seed=0)
    fit = FitSettings(recipe="published", batch=256)
    runs = [Published(train, FIELD, fit, LAYOUT, START, 3, input_gradients=flag) for flag in (False, True)]
    for run in runs:
        for _ in range(5):
            run.step()
    assert torch.equal(runs[0].row(), runs[1].row())


def test_plateau_lowers_the_rate_and_ends_the_fit() -> None:
    """Labels that nothing explains: the loss soon stops falling, the rate falls by 0.8 each time, 50 epochs end it."""
    train = samples(ONE, (), seed=0, count=64)
    noise = np.random.default_rng(0).integers(0, 2, len(train.points), dtype=np.uint8)
    object.__setattr__(train, "occupancy", noise)
    fit = FitSettings(recipe="published", batch=64, lr=0.3, steps=100_000)
    run = Published(train, FIELD, fit, LAYOUT, START, seed=0)
    assert run.epoch_steps == 2
    rates, stale = [], 0
    while not run.done:
        if run.step():
            rates.append(run.optimiser.param_groups[0]["lr"])
            stale = run.stale_epochs
    assert stale == PATIENCE
    powers = np.log(np.array(rates) / 0.3) / np.log(0.8)
    np.testing.assert_allclose(powers, powers.round(), atol=1e-6)
    assert powers[-1] >= 4  # at least every 11 of the last 50 epochs
    assert (np.diff(powers) >= -1e-6).all()


def test_experts_learn_their_own_parts() -> None:
    vocabulary = ("left", "right", "none")
    train = samples(TWO, vocabulary, seed=0)
    field = FieldSettings(hidden=(16, 16), part_hidden={"right": (12, 12)})
    layout = field_layout(field, vocabulary)
    start = initial_weights(layout, field, torch.Generator().manual_seed(0))
    fit = FitSettings(recipe="published", batch=512, steps=200)
    row, steps = result(published_fit(train, field, fit, layout, start, seed=0))
    assert steps == 200
    logits = field_logits(row[None], layout, field, torch.from_numpy(train.points))[0]
    agreement = ((logits > 0) == torch.from_numpy(train.inside).T.bool()).float().mean(1)
    assert (agreement > 0.9).all()
    assert encode(torch.from_numpy(train.points), 4).shape[1] == layout.slots[0].shape[1]
