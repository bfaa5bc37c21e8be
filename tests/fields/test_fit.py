from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from msgspec.structs import replace as changed

from engine.errors import InputError
from engine.fields.descend import descend
from engine.fields.draws import draw, gather, shared_count
from engine.fields.encoding import encode
from engine.fields.evaluate import held_out_iou, verdict
from engine.fields.fit import FitData, FitResult, fit_anchor, fit_fields
from engine.fields.mlp import encoded_logits, field_logits, presence, union_logits
from engine.fields.stack import Stack, orthogonal
from engine.fields.weights import banks, field_layout, initial_weights
from engine.fields.whiten import from_whitened, into_whitened, whitening
from engine.settings import FieldSettings, FitSettings
from tests.fields.balls import ONE, TWO, item, result

FIELD = FieldSettings(hidden=(24, 24))
LAYOUT = field_layout(FIELD)
FIT = FitSettings(steps=100, batch=256, anchor="random", check_every=50)
VOCABULARY = ("left", "right")
PARTS = field_layout(FIELD, VOCABULARY)


def fitted(data: list[FitData], field: FieldSettings = FIELD, fit: FitSettings = FIT, seed: int = 0) -> FitResult:
    layout = field_layout(field, data[0].train.vocabulary)
    anchor = result(fit_anchor(data, field, fit, layout, seed))
    return result(fit_fields(data, field, fit, layout, anchor, seed))


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
def test_a_ball_is_fitted_quickly(optimiser: str) -> None:
    found = fitted([item("ball")], fit=changed(FIT, steps=300, optimiser=optimiser))
    assert found.iou[0] > 0.97


@pytest.mark.parametrize("bands", [0, 4])
def test_sine_networks_fit_too(bands: int) -> None:
    field = FieldSettings(hidden=(32, 32), bands=bands, activation="sine")
    found = fitted([item("ball")], field, changed(FIT, steps=600, batch=512))
    assert found.iou[0] > 0.95


@pytest.mark.parametrize("activation", ["relu", "sine"])
def test_gradients_equal_autograd(activation: str) -> None:
    field = FieldSettings(hidden=(8, 8, 8), bands=1, activation=activation)  # type: ignore[arg-type]
    layout = field_layout(field)
    rows = torch.stack([initial_weights(layout, field, torch.Generator().manual_seed(n)) for n in range(3)]).double()
    inputs, labels = torch.rand(3, 40, 9).double() - 0.5, (torch.rand(3, 40) < 0.5).double()
    stack = Stack(rows, banks(layout)[0].shapes, activation, 40, FIT)
    logits = stack.forward(inputs)
    stack.backward((logits.sigmoid() - labels) / 40)
    leaf = rows.clone().requires_grad_()
    expected = encoded_logits(leaf, layout, field, inputs)[:, 0]
    F.binary_cross_entropy_with_logits(expected, labels, reduction="none").mean(1).sum().backward()
    torch.testing.assert_close(logits, expected.detach())
    torch.testing.assert_close(stack.slopes, leaf.grad)


def test_adam_is_torch_adam() -> None:
    fit = changed(FIT, optimiser="adam", warmup=0, steps=10**9)
    rows = torch.randn(2, LAYOUT.size)
    stack = Stack(rows, banks(LAYOUT)[0].shapes, "relu", 16, fit)
    leaf = torch.nn.Parameter(rows.clone())
    reference = torch.optim.Adam([leaf], lr=fit.lr)
    for _ in range(5):
        slope = torch.randn_like(rows)
        stack.slopes.copy_(slope)
        leaf.grad = slope
        stack.step()
        reference.step()
    torch.testing.assert_close(stack.rows, leaf.detach())


def test_orthogonal_keeps_singular_vectors_and_evens_out_values() -> None:
    matrix = torch.randn(4, 24, 16, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.mT @ orthogonal(matrix) @ right.mT
    assert (turned - torch.diag_embed(turned.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4


def test_whitening_changes_coordinates_not_functions() -> None:
    shapes = banks(LAYOUT)[0].shapes
    space = whitening(3, 4, 0.1, torch.device("cpu"))
    rows = torch.stack([initial_weights(LAYOUT, FIELD, torch.Generator().manual_seed(n)) for n in range(2)])
    inputs = torch.randn(2, 30, 27)
    moved = into_whitened(rows, shapes, space)
    torch.testing.assert_close(
        encoded_logits(moved, LAYOUT, FIELD, space.apply(inputs)), encoded_logits(rows, LAYOUT, FIELD, inputs),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip
    torch.testing.assert_close(from_whitened(moved, shapes, space), rows, rtol=1e-4, atol=1e-5)


def test_the_same_arguments_give_the_same_bits() -> None:
    data = [item("a", TWO, VOCABULARY), item("b", {"left": TWO["left"]}, VOCABULARY, seed=1)]
    first, second = fitted(data), fitted(data)
    assert torch.equal(first.weights, second.weights)
    assert torch.equal(first.iou, second.iou)
    assert not torch.equal(first.weights, fitted(data, seed=1).weights)


def test_a_shape_does_not_depend_on_its_neighbours_or_their_order() -> None:
    data = [item("a"), item("b", {"ball": ((0.1, 0.0, 0.0), 0.2)}, seed=1)]
    fit = changed(FIT, steps=20)
    anchor = result(fit_anchor(data[:1], FIELD, fit, LAYOUT, 0))
    forth, back, alone = (
        result(fit_fields(chosen, FIELD, fit, LAYOUT, anchor, 0)).weights for chosen in (data, data[::-1], data[:1])
    )
    torch.testing.assert_close(forth, back.flip(0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(forth[:1], alone, rtol=1e-3, atol=1e-4)
    pools = gather([data[0].train], ())
    assert torch.equal(draw(pools, fit, 0, "a", 3), draw(pools, fit, 0, "a", 3))
    assert not torch.equal(draw(pools, fit, 0, "a", 3), draw(pools, fit, 0, "a", 4))


def test_a_shape_that_is_not_finite_does_not_poison_its_neighbours() -> None:
    good, other = item("good"), item("bad", seed=1)
    broken = replace(other, train=replace(other.train, points=np.full_like(other.train.points, np.nan)))
    fit = changed(FIT, check_every=FIT.steps)
    anchor = result(fit_anchor([good], FIELD, fit, LAYOUT, 0))
    with_bad, with_other = (
        result(fit_fields([good, second], FIELD, fit, LAYOUT, anchor, 0)) for second in (broken, other)
    )
    assert torch.equal(with_bad.weights[0], with_other.weights[0])
    assert torch.equal(with_bad.weights[1], anchor)
    word, reason = verdict(with_bad, 1, fit, ())
    assert word == "quarantined"
    assert "finite" in reason
    assert verdict(with_other, 0, changed(fit, accept=0.5), ()) == ("accepted", "")


def test_best_weights_are_kept_not_the_last() -> None:
    """A rate that explodes after the first look: what was good before must come out."""
    data, names = [item("a")], ["a"]
    pools = [gather([data[0].train], ())]
    start = result(fit_anchor(data, FIELD, FIT, LAYOUT, 0))
    wild = changed(FIT, steps=100, check_every=5, lr=10.0, matrix_lr=10.0, warmup=100)
    weights, _, finite = result(descend(pools, names, FIELD, wild, LAYOUT, start, 0))
    last_only = changed(wild, check_every=100)
    final, _, _ = result(descend(pools, names, FIELD, last_only, LAYOUT, start, 0))
    none = torch.zeros(0, dtype=torch.bool)
    best, end = (held_out_iou(rows[0], LAYOUT, FIELD, data[0].held_out, none)[0] for rows in (weights, final))
    assert bool(finite.all())
    assert best > end + 0.05


def test_early_stop_at_fixed_steps_leaves_the_others_running() -> None:
    easy, hard = item("easy"), item("hard", {"ball": ((0.0, 0.0, 0.0), 0.02)}, seed=1)
    fit = changed(FIT, steps=200, check_every=20, stop_at=0.9)
    found = fitted([easy, hard], fit=fit)
    assert found.steps[0] < found.steps[1]
    assert found.steps[0] % 20 == 0
    assert found.iou[0] > 0.85


def test_drawn_points_are_balanced_between_parts_and_never_check_points() -> None:
    data = item("a", TWO, VOCABULARY).train
    pools = gather([data], VOCABULARY)
    index = draw(pools, FIT, 0, "a", 0)
    shared = shared_count(FIT, 2)
    assert index.shape[1:] == (2, FIT.batch)
    assert torch.equal(index[:, 0, :shared], index[:, 1, :shared])
    assert not np.isin(index.numpy(), pools.check).any()
    for k in range(2):
        own = data.points[index[:, k, shared:].flatten().numpy()]
        low, high = data.boxes[k]
        assert ((own >= low) & (own <= high)).all()
    with pytest.raises(InputError, match="labelled for parts"):
        gather([data], ("left", "top"))


@pytest.mark.parametrize("widths", [{}, {"right": (16, 16)}])
def test_parts_are_fitted_and_absent_ones_stay_absent(widths: dict[str, tuple[int, ...]]) -> None:
    field = FieldSettings(hidden=(24, 24), part_hidden=widths)
    layout = field_layout(field, VOCABULARY)
    data = [item("both", TWO, VOCABULARY), item("one", {"left": TWO["left"]}, VOCABULARY, seed=1)]
    fit = changed(FIT, steps=200, anchor="mean", anchor_steps=100)
    anchor = result(fit_anchor(data, field, fit, layout, 0))
    found = result(fit_fields(data, field, fit, layout, anchor, 0))
    assert found.present.tolist() == [[True, True], [True, False]]
    assert torch.equal(presence(found.weights, anchor, layout), found.present)
    assert (found.iou > 0.93).all()
    assert torch.isnan(found.part_iou).tolist() == [[False, False], [False, True]]
    assert np.nanmin(found.part_iou.numpy()) > 0.9
    logits = encoded_logits(found.weights, layout, field, encode(torch.rand(2, 500, 3) - 0.5, field.bands))
    assert torch.equal(union_logits(logits, found.present)[1], logits[1, 0])
    assert (logits[1, 1] == -8).all()


def test_a_mean_anchor_lies_in_the_middle() -> None:
    """Two balls of different size: where one is inside and the other is not, the anchor is undecided."""
    small, large = (item(str(radius), {"ball": ((0.0, 0.0, 0.0), radius)}) for radius in (0.2, 0.4))
    field = FieldSettings(hidden=(64, 64))
    layout = field_layout(field)
    fit = changed(FIT, anchor="mean", anchor_steps=600, near=0.0)
    anchor = result(fit_anchor([small, large], field, fit, layout, 0))
    directions = F.normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    chance = [
        field_logits(anchor[None], layout, field, directions * radius)[0, 0].sigmoid().mean()
        for radius in (0.1, 0.3, 0.5)
    ]
    assert chance[0] > 0.9
    assert 0.3 < chance[1] < 0.7
    assert chance[2] < 0.1


def test_first_anchor_is_the_first_shape() -> None:
    data = [item("a", ONE), item("b", {"ball": ((0.2, 0.0, 0.0), 0.2)}, seed=1)]
    fit = changed(FIT, anchor="first", steps=200)
    anchor = result(fit_anchor(data, FIELD, fit, LAYOUT, 0))
    assert held_out_iou(anchor, LAYOUT, FIELD, data[0].held_out, torch.zeros(0, dtype=torch.bool))[0] > 0.9
    assert torch.equal(anchor, result(fit_anchor(data[:1], FIELD, fit, LAYOUT, 0)))
    with pytest.raises(InputError, match="at least one"):
        result(fit_anchor([], FIELD, fit, LAYOUT, 0))


def test_decay_keeps_weights_near_the_anchor() -> None:
    data = [item("a")]
    anchor = result(fit_anchor(data, FIELD, FIT, LAYOUT, 0))
    away = [
        (
            result(fit_fields(data, FIELD, changed(FIT, keep_near_anchor=decay), LAYOUT, anchor, 0)).weights - anchor
        ).norm()
        for decay in (0.0, 0.05)
    ]
    assert away[1] < 0.7 * away[0]


def test_the_gate_names_the_part() -> None:
    found = fitted([item("a", TWO, VOCABULARY)], fit=changed(FIT, steps=1))
    word, reason = verdict(found, 0, FIT, VOCABULARY)
    assert word == "quarantined"
    assert "IoU" in reason
    assert "part left" in reason
    assert "part right" in reason
