"""Codes of new shapes with the experts as they are, fine-tuning, and the smooth union."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.basis.experts import Experts
from engine.basis.field import STEEPNESS, BasisField, SmoothUnion
from engine.basis.frames import to_canonical, to_local
from engine.basis.learn import learn, misfit
from engine.basis.newton import Problem, newton_codes
from engine.basis.points import LocalPoints
from engine.basis.tune import fine_tune
from engine.errors import InputError
from engine.geometry.mesh import is_watertight, volume
from engine.geometry.surface import extract
from engine.parts.pose import PosedField, unmoved
from tests.fields.test_basis import FIT, LOCAL, NAMES, SMALL, craft, experts, items, local_of, make_local, run

MIRRORED = torch.tensor([False, True])
MIDDLE = torch.zeros(2, SMALL.code)


def said(made: Experts, codes: Tensor, moves: Tensor, item: LocalPoints) -> LocalPoints:
    """The item as experts say it with these codes (K, C), each frame of the item having moved by ``moves`` (K, 8)."""
    frames = torch.from_numpy(item.frames)
    local = torch.from_numpy(item.points.astype(np.float32))
    seen = to_local(to_canonical(local, frames), frames + moves, MIRRORED)
    logits = made.logits(made.fold(codes[:, None]), seen).detach()
    return replace(item, distance=(made.half_band * logits).numpy().astype(np.float16))


def lively(seed: int = 0) -> Experts:
    """Untrained experts whose codes matter."""
    made = experts(seed)
    with torch.no_grad():
        for bend in made.bends:
            bend.mul_(4)
        made.weights[-1].mul_(4)
    return made


def test_slopes_are_derivatives() -> None:
    """Rows of all points at once equal those of plain differentiation, in codes and frames."""
    made, (item, *_) = lively(), items()
    problem = Problem(made, item, [0, 1], MIRRORED, FIT, 16)
    unknown = 0.1 * torch.randn(2, SMALL.code + 8, generator=torch.Generator().manual_seed(0))
    logits, rows = problem.slopes(unknown)

    def plain(numbers: Tensor) -> Tensor:
        codes, moves = numbers[:, : SMALL.code], numbers[:, SMALL.code :]
        frames = torch.from_numpy(item.frames)
        local = torch.from_numpy(item.points[:, :16].astype(np.float32))
        place = to_local(to_canonical(local, frames), frames + moves, MIRRORED)
        return made.logits(made.fold(codes[:, None]), place)

    whole = torch.autograd.functional.jacobian(plain, unknown)  # (M, P, M, U)
    assert torch.allclose(logits, plain(unknown), atol=1e-4)
    for m in range(2):
        assert torch.allclose(rows[m], whole[m, :, m], atol=1e-3, rtol=1e-3)
        assert not whole[m, :, 1 - m].any()


def test_what_the_experts_can_say_is_found() -> None:
    """A shape that some code and a moved frame give is found again, whatever the place of the search's beginning."""
    made, (item, *_) = lively(), items()
    generator = torch.Generator().manual_seed(1)
    codes = 0.5 * torch.randn(2, SMALL.code, generator=generator)
    moves = 0.02 * torch.randn(2, 8, generator=generator)
    goal = said(made, codes, moves, item)
    found, frames = run(newton_codes(made, goal, MIRRORED, MIDDLE, FIT, 0))
    again = said(made, found, frames - torch.from_numpy(item.frames), item)
    before = said(made, MIDDLE, torch.zeros(2, 8), item)

    def differing(one: LocalPoints) -> float:
        return float(((one.distance > 0) != (goal.distance > 0)).mean())

    assert differing(before) > 0.1 and differing(again) < differing(before) / 5  # points are few, and in half precision


def test_absent_parts_keep_the_start_and_experts_are_left_alone() -> None:
    made, points = experts(), items()
    before = [parameter.clone() for parameter in made.parameters()]
    start = torch.full((2, SMALL.code), 0.2)
    codes, frames = run(newton_codes(made, points[1], MIRRORED, start, FIT, 0))
    assert torch.equal(codes[1], start[1]) and not frames[1].any() and not torch.equal(codes[0], start[0])
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))
    nothing = replace(points[1], present=np.zeros(2, bool))
    assert torch.equal(run(newton_codes(made, nothing, MIRRORED, start, FIT, 0))[0], start)


@pytest.fixture(scope="module")
def taught() -> Experts:
    """Experts of a few ellipsoids."""
    torch.set_num_threads(1)
    made = experts()
    run(learn(made, items(), msgspec.structs.replace(FIT, steps=150), 0, None))
    return made


def own_frames(item: LocalPoints) -> Tensor:
    """(1, K, 8)."""
    return torch.from_numpy(item.frames)[None]


def copy_of(made: Experts) -> Experts:
    other = experts()
    other.load_state_dict(made.state_dict())
    return other


def error_of(made: Experts, codes: Tensor, item: LocalPoints, frames: Tensor | None = None) -> float:
    local, own = local_of([item]), own_frames(item)[0]
    local = local if frames is None else to_local(to_canonical(local, own), frames, MIRRORED)
    logits = made.logits(made.fold(codes[:, None]), local).detach()
    return float(misfit(logits, torch.from_numpy(item.distance).float(), FIT.band)[item.present].mean())


def test_fine_tuning_comes_nearer_and_goes_on_to_the_same_bits(taught: Experts, tmp_path: Path) -> None:
    """A shape unlike those that were learned from: codes help, learning on helps more; a stopped run ends the same."""
    new = make_local(craft(8), LOCAL, NAMES, (True, True), 9)
    start = torch.zeros(1, 2, SMALL.code)
    straight, stopped, fresh = copy_of(taught), copy_of(taught), copy_of(taught)
    seen = (own_frames(new), torch.tensor([True, True]))
    codes = run(fine_tune(straight, [new], start, *seen, FIT, 60, 0))
    assert error_of(straight, codes[0], new) < error_of(taught, start[0], new)
    assert run(fine_tune(stopped, [new], start, *seen, FIT, 60, 0, tmp_path), stop_at=3) is None
    assert torch.equal(codes, run(fine_tune(fresh, [new], start, *seen, FIT, 60, 0, tmp_path)))
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), fresh.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in straight.parameters())


def test_fine_tuning_goes_on_from_the_frames_that_codes_alone_moved() -> None:
    """What experts could say in moved frames would have to be learned anew in the item's own."""
    made, (item, *_) = lively(), items()
    generator = torch.Generator().manual_seed(1)
    goal = said(
        made, 0.5 * torch.randn(2, SMALL.code, generator=generator), 0.1 * torch.randn(2, 8, generator=generator), item
    )
    start, frames = run(newton_codes(made, goal, MIRRORED, MIDDLE, FIT, 0))

    def tuned(frames: Tensor) -> float:
        other = copy_of(made)
        codes = run(fine_tune(other, [goal], start[None], frames[None], MIRRORED, FIT, 20, 0))
        return error_of(other, codes[0], goal, frames)

    least = error_of(made, start, goal, frames)
    assert tuned(frames) < 1.02 * least < tuned(own_frames(goal)[0])


def test_fine_tuning_leaves_experts_of_absent_parts_alone(taught: Experts) -> None:
    made, start = copy_of(taught), torch.full((1, 2, SMALL.code), 0.3)
    (item,) = items()[1:2]
    codes = run(fine_tune(made, [item], start, own_frames(item), MIRRORED, FIT, 10, 0))
    for before, after in zip(taught.parameters(), made.parameters(), strict=True):
        assert torch.equal(before[1], after[1])
    assert not torch.equal(taught.weights[1][0], made.weights[1][0])
    assert torch.equal(codes[0, 1], start[0, 1]) and not torch.equal(codes[0, 0], start[0, 0])


class Balls(BasisField):
    """Two balls as distances of the basis."""

    def __init__(self) -> None:
        self.parts = ("left", "right")

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        middle = torch.tensor([-0.15 if name == "left" else 0.15, 0.0, 0.0])
        return lambda points: STEEPNESS * (0.2 - (points - middle).norm(dim=1))

    def __call__(self, points: Tensor) -> Tensor:
        return torch.maximum(self.part("left")(points), self.part("right")(points))


def test_a_smooth_union_fills_the_joint_and_nothing_else() -> None:
    """The wider, the larger; always closed; away from the joint not a vertex moves; no width is the plain union."""
    plain = run(extract(Balls(), 48))
    volumes = [volume(plain)]
    for width in (0.02, 0.05, 0.1):
        mesh = run(extract(SmoothUnion(Balls(), width), 48))
        assert is_watertight(mesh)
        volumes.append(volume(mesh))
        far = [one[np.abs(apart(one)) > width + 2 / 47] for one in (mesh.vertices, plain.vertices)]
        assert len(far[0]) == len(far[1]) > 100
        assert ordered(far[0]) == pytest.approx(ordered(far[1]), abs=1e-5)
    assert volumes == sorted(volumes) and volumes[-1] > 1.01 * volumes[0]
    points = torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    assert torch.equal(SmoothUnion(Balls(), 0.1).part("left")(points), Balls().part("left")(points))


def apart(vertices: np.ndarray) -> np.ndarray:
    """By how much the distances to the two balls differ."""
    return np.linalg.norm(vertices - [-0.15, 0, 0], axis=1) - np.linalg.norm(vertices - [0.15, 0, 0], axis=1)


def ordered(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.round(4).T)]


def test_a_smooth_union_knows_moved_parts_and_refuses_what_has_no_distances() -> None:
    class Other:
        parts: Sequence[str] = ("left",)
        part = Balls.part

    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    places = {"left": ("left", unmoved()), "copy": ("right", unmoved())}
    moved = SmoothUnion(PosedField(Balls(), places), 0.1)
    assert torch.equal(moved(points), SmoothUnion(Balls(), 0.1)(points))
    with pytest.raises(InputError, match="distances"):
        SmoothUnion(PosedField(Other(), {"left": ("left", unmoved())}), 0.1)  # type: ignore[arg-type]
