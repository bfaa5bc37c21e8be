"""Healing where moves cannot do it: the wing's halves stand apart, and only a larger body, drawn anew, reaches both."""

from collections.abc import Callable, Collection

import msgspec
import pytest
import torch
from torch import Tensor

from engine.geometry.mesh import Mesh
from engine.joining import solids_of, surfaces
from engine.method import Shapes
from engine.parts import mend as mending
from engine.parts.heal import as_part_of, heal
from engine.parts.joints import Limit, Pair, joints, limits
from engine.parts.mend import Mended, mend
from engine.parts.settings import HealSettings
from engine.parts.spans import part_hashes
from engine.protocol import Progress, Stage
from tests.parts.projects import representation
from tests.parts.test_healing import exact
from tests.parts.toys import LAYOUT, PARTS, drive, present, row

DRAWS = HealSettings(strength=0.8, steps=20, resample=2, jump=4, tries=3)
THERE = present({"body": ((0, 0, 0), 1), "wing": ((0, 0, 0), 1)})
CPU = torch.device("cpu")
EVENT = Progress(stage="test", done=0, total=1)


def airplane(body: float, wing: float) -> Tensor:
    """(D,) an octahedron of radius ``body``, between two cones with their tips at x = +-``wing``."""
    made = row({"body": ((0, 0, 0), body), "wing": ((0, 0, 0), 0)})
    spans = {slot.name: span for slot, span in zip(LAYOUT.slots, LAYOUT.spans, strict=True)}
    made[spans["parts.wing.layers.1.weight"]] = torch.tensor([1.0, -1, -1, 1, -1, -1])  # |x| - wing - |y| - |z|
    made[spans["parts.wing.layers.1.bias"]] = -wing
    return made


def seen(shape: Shapes, names: Collection[str]) -> Stage[dict[str, Mesh]]:
    return (yield from as_part_of(EVENT, surfaces(representation(), shape, names, CPU)))


@pytest.fixture(scope="module")
def training() -> Tensor:
    """(N, D) bodies of any size, each with a wing that reaches a little into it."""
    radii = (0.2 + 0.03 * torch.randn(300, generator=torch.Generator().manual_seed(0))).tolist()
    return torch.stack([airplane(radius, radius - 0.01) for radius in radii])


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.joining.GRID", 65)


def usual_in(training: Tensor) -> dict[Pair, Limit]:
    shapes = [Shapes(one[None], THERE) for one in training[:8]]
    return limits(joints(solids_of(drive(seen(shape, ("body", "wing"))))) for shape in shapes)


def mended(training: Tensor, settings: HealSettings = DRAWS) -> tuple[Shapes, Mended]:
    """A small body between the wing of a large one, before and after."""
    torn = Shapes(airplane(0.13, 0.22)[None], THERE)
    stage = mend(torn, PARTS, ["body"], usual_in(training), seen, settings, 0, exact(training))
    return torn, drive(as_part_of(EVENT, stage))


def test_a_draw_wins_where_moves_cannot_mend(training: Tensor) -> None:
    torn, found = mended(training)
    _, moves = mended(training, msgspec.structs.replace(DRAWS, mode="moves"))
    assert moves.seed is None and moves.after.total > 0.03
    assert found.seed is not None and found.after.total < 0.3 * moves.after.total
    assert found.loss_before is not None and found.loss_after is not None and found.loss_after < found.loss_before
    was, now = (dict(part_hashes(one.latent[0], PARTS)) for one in (torn, found.shape))
    assert now["body"] != was["body"] and {**now, "body": ""} == {**was, "body": ""}


def test_draws_that_are_no_better_are_not_taken(training: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def noise(_denoiser: object, rows: Tensor, free: Tensor, *_: object) -> Stage[Tensor]:
        yield from ()
        return torch.where(free, 100 * torch.randn(rows.shape), rows)

    replaced: Callable[..., Stage[Tensor]] = noise
    assert mending.heal is heal
    monkeypatch.setattr(mending, "heal", replaced)
    torn, found = mended(training)
    assert found.seed is None and torch.equal(found.shape.latent, torn.latent)
    assert found.loss_after == found.loss_before and found.after.total <= found.before.total
