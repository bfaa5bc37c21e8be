"""Shapes whose tail sits on their body: after a mix it gapes or sinks in; healing brings it back, and the body stays."""

import pytest
import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.fields.mlp import field_logits
from engine.method import Representation, Shapes
from engine.parts.guidance import joint_guide, meetings
from engine.parts.heal import heal
from engine.parts.interpolate import plausibility
from engine.parts.mix import Parent, mix
from engine.parts.pose import unmoved
from engine.parts.settings import HealSettings
from engine.parts.spans import mask_of, part_hashes
from tests.parts.test_heal import Exact
from tests.parts.toys import FIELD, LAYOUT, NAMES, PARTS, drive, present, row

FREE = mask_of(["tail"], PARTS, LAYOUT.size)
DEEP = 0.01  # how far a tail reaches into its body


class Toys(Representation):
    """Hand-set experts as a representation."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.parts = PARTS

    def part_logits(self, shapes: Shapes, points: Tensor) -> Tensor:
        return field_logits(shapes.latent, LAYOUT, FIELD, points)


def training(count: int = 400) -> Tensor:
    """(N, D): bodies of any size, each with a tail of any size that reaches ``DEEP`` into it."""
    generator = torch.Generator().manual_seed(0)
    body, tail = (0.2 + 0.03 * torch.randn(2, count, generator=generator)).tolist()
    return torch.stack(
        [
            row({"body": ((0, 0, 0), b), "tail": ((0, b + t / 2 - DEEP, 0), t / 2)})
            for b, t in zip(body, tail, strict=True)
        ]
    )


def misfit(rows: Tensor) -> Tensor:
    """(N,) how far each tail is from sitting as it should, read from the weights."""
    bias = {slot.name: rows[:, span] for slot, span in zip(LAYOUT.slots, LAYOUT.spans, strict=True)}
    centre, tail = bias["parts.tail.layers.0.bias"][:, 4], bias["parts.tail.layers.1.bias"][:, 0]
    return (centre - tail - bias["parts.body.layers.1.bias"][:, 0] + DEEP).abs()


def exact(rows: Tensor) -> Exact:
    """The exact denoiser of a Gaussian with the mean and covariance of the rows."""
    denoiser = Exact(LAYOUT, rows.mean(0), rows.T.cov())
    denoiser.fit_statistics([rows])
    normal = denoiser.normalise(rows)
    denoiser.mu, denoiser.covariance = normal.mean(0), normal.T.cov() + 1e-6 * torch.eye(LAYOUT.size)
    return denoiser


def mixes(rows: Tensor, count: int = 40) -> Tensor:
    """(count, D) bodies of some rows with tails of others, none of which fits well."""
    there = present({"body": ((0, 0, 0), 1), "tail": ((0, 0, 0), 1)})
    parents = [Parent(str(i), LAYOUT, Shapes(one[None], there)) for i, one in enumerate(rows)]
    found = [mix(parents[i], {"tail": parents[-1 - i]}, PARTS).shape.latent for i in range(len(parents) // 2)]
    mixed = torch.cat(found)
    return mixed[misfit(mixed) > 0.02][:count]


def test_healing_mends_misfits_without_raising_the_loss_and_holds_the_body() -> None:
    rows = training()
    denoiser, mixed = exact(rows), mixes(rows)
    assert len(mixed) == 40
    settings = HealSettings(strength=0.8, steps=40, resample=4, jump=4)
    healed = drive(heal(denoiser, mixed, FREE, settings, range(40)))
    assert (misfit(healed) < misfit(mixed)).float().mean() > 0.9
    assert misfit(healed).median() < 0.3 * misfit(mixed).median()
    before, after = drive(plausibility(denoiser, mixed)), drive(plausibility(denoiser, healed))
    assert after.median() < before.median()
    for one, other in zip(healed, mixed, strict=True):
        assert part_hashes(one, PARTS)["body"] == part_hashes(other, PARTS)["body"]


def test_guidance_lowers_its_loss_where_the_denoiser_knows_nothing_of_the_joint() -> None:
    rows = training()
    denoiser, mixed = exact(rows), mixes(rows, 20)
    denoiser.covariance = denoiser.covariance.diag().diag() + 1e-6 * torch.eye(LAYOUT.size)  # nothing belongs together
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 0.4, 0.1])
    points = points - torch.tensor([0.05, 0, 0.05])
    there = present({"body": ((0, 0, 0), 1), "tail": ((0, 0, 0), 1)})
    usual = drive(meetings(Toys(), Shapes(rows, there.expand(len(rows), -1)), points))
    assert set(usual) == {("body", "tail")}
    guide = joint_guide(Toys(), Shapes(mixed[:1], there), usual, points)
    assert (guide(rows) == 0).float().mean() > 0.85 and (guide(mixed) > 0).float().mean() > 0.85
    settings = HealSettings(strength=0.5, steps=20, resample=1, guidance=1.0)
    plain = drive(heal(denoiser, mixed, FREE, settings, range(20)))
    guided = drive(heal(denoiser, mixed, FREE, settings, range(20), guide=guide))
    assert guide(guided).mean() < 0.6 * guide(plain).mean() and misfit(guided).mean() < 0.7 * misfit(plain).mean()
    assert torch.equal(guided[:, ~FREE], mixed[:, ~FREE])


def test_moved_and_unknown_parts_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="heal first, then move"):
        joint_guide(Toys(), Shapes(row()[None], pose=unmoved(1, len(NAMES))), {}, torch.zeros(1, 3))
    with pytest.raises(InputError, match="no part named rotor"):
        drive(meetings(Toys(), Shapes(row()[None]), torch.zeros(1, 3), [("body", "rotor")]))


def test_how_parts_usually_meet_is_looked_up_few_shapes_at_a_time() -> None:
    sizes: list[int] = []

    class Counting(Toys):
        def part_logits(self, shapes: Shapes, points: Tensor) -> Tensor:
            sizes.append(len(shapes.latent))
            return super().part_logits(shapes, points)

    rows, points = training(70), torch.rand(100, 3) - 0.5
    there = torch.ones(70, len(NAMES), dtype=torch.bool)
    there[::2, 1], there[:, 2] = False, torch.arange(70) < 3
    found = drive(meetings(Counting(), Shapes(rows, there), points))
    assert max(sizes) <= 16 and sum(sizes) == 70
    both = torch.minimum(*Toys().part_logits(Shapes(rows[1::2]), points)[:, :2].unbind(1))
    assert found["body", "wing"].touch == pytest.approx(float(both.amax(1).quantile(0.05)), abs=1e-5)
    assert found["body", "wing"].share == pytest.approx(float(both.sigmoid().mean(1).quantile(0.95)), rel=1e-4)
    assert set(drive(meetings(Toys(), Shapes(rows, there.logical_and(torch.tensor([True, True, False]))), points))) == {
        ("body", "wing")
    }
