"""The basis: frames, points, experts, codes and the representation, on ellipsoids whose shape is known exactly."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import trimesh

from engine import methods
from engine.basis.experts import Experts, inputs_of
from engine.basis.frames import frame_of, to_canonical, to_local
from engine.basis.learn import Codes, Pool, find_codes, learn, misfit
from engine.basis.points import MARGIN, LocalPoints, lopsided, make_local
from engine.basis.representation import BasisRepresentation
from engine.datasets.parts import colour
from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.geometry.mesh import Geometry, Mesh
from engine.method import Batch, Shapes
from engine.methods.basis.settings import BasisFitSettings, BasisSettings, ExpertSettings, LocalSettings
from engine.parts.mix import Parent, mix
from engine.parts.pose import moved, unmoved
from engine.protocol import Stage
from engine.settings import override

NAMES = ("body", "pod")
LOCAL = LocalSettings(near=384, even=128)
FIT = BasisFitSettings(steps=40, shapes=2, points=64, warmup=5, code_steps=30, code_points=64, save_every=10)
SMALL = ExpertSettings(hidden=(12, 12), bands=2, code=4)


def ellipsoid(half: Sequence[float], centre: Sequence[float] = (0, 0, 0)) -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions=4)
    return Mesh(ball.vertices * np.array(half) + np.array(centre), ball.faces.astype(np.int32))


def pair(half: Sequence[float], centre: Sequence[float]) -> Mesh:
    """An ellipsoid and its mirror image."""
    one, (x, *rest) = ellipsoid(half, centre), centre
    other = ellipsoid(half, (-x, *rest))
    return Mesh(
        np.concatenate([one.vertices, other.vertices]), np.concatenate([one.faces, other.faces + len(one.vertices)])
    )


def craft(number: int, pods: bool = True) -> Geometry:
    """A body, long or short, and a pair of pods beside it."""
    parts = {"body": ellipsoid((0.1, 0.08, 0.2 + 0.05 * number))}
    if pods:
        parts["pod"] = pair((0.04, 0.03, 0.06 + 0.02 * number), (0.2, 0.0, 0.05))
    return Geometry(surface=parts["body"], parts=parts)


def items(count: int = 3, **changes: Any) -> list[LocalPoints]:
    local = msgspec.structs.replace(LOCAL, **changes)
    return [make_local(craft(i, pods=i != 1), local, NAMES, (True, True), i) for i in range(count)]


def run(stage: Stage[Any], stop_at: int | None = None) -> Any:
    """The result of a stage, or None when it was stopped after some events."""
    for count in range(10**9):
        if count == stop_at:
            stage.close()
            return None
        try:
            next(stage)
        except StopIteration as end:
            return end.value


def experts(seed: int = 0) -> Experts:
    torch.manual_seed(seed)
    return Experts(SMALL, len(NAMES), FIT.band)


def representation() -> BasisRepresentation:
    torch.manual_seed(0)
    made = BasisRepresentation(BasisSettings(expert=SMALL, fit=FIT), {name: colour(name) for name in NAMES})
    made.middle[:, 5:8] = -2.0
    made.mirrored[1] = True
    return made


def rows(made: BasisRepresentation, count: int = 2) -> Shapes:
    """Shapes whose parts lie somewhere in the cube."""
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(count, 2, 8, generator=generator) * 0.2
    frames[..., 2].abs_()  # a mirrored part stands at x > 0
    frames[..., 5:] -= 1.2
    codes = 0.3 * torch.randn(count, 2, SMALL.code, generator=generator)
    present = torch.ones(count, 2, dtype=torch.bool)
    return Shapes(made.rows(frames, codes, present), present)


@pytest.mark.parametrize("mirrored", [True, False])
def test_frames_enclose_a_part_and_can_be_undone(mirrored: bool) -> None:
    """All corners lie in [-1, 1]^3 and touch its sides; a leaning sheet comes to lie flat."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-0.4, 0.4, 500)
    lift = 0.3 * (np.abs(x) if mirrored else x)
    sheet = np.stack([x, lift + generator.uniform(-0.01, 0.01, 500), generator.uniform(-0.1, 0.1, 500)], 1)
    frame = torch.from_numpy(frame_of(sheet, sheet, mirrored, skew=True))
    local = to_local(torch.from_numpy(sheet), frame, torch.tensor(mirrored))
    assert local.abs().amax(0).numpy() == pytest.approx(np.ones(3))
    back = to_canonical(local, frame).numpy()
    assert back == pytest.approx(np.concatenate([np.abs(sheet[:, :1]), sheet[:, 1:]], 1) if mirrored else sheet)
    assert float(frame[6].exp()) < 0.02  # not the 0.06 of an upright box
    upright = frame_of(sheet, sheet, mirrored, skew=False)
    assert not upright[:2].any() and np.exp(upright[6]) > 0.06


def test_distances_are_those_in_the_frame() -> None:
    """An ellipsoid fills its frame as the unit ball, whatever its half sides: the distance is 1 - |p|."""
    made = make_local(craft(2), msgspec.structs.replace(LOCAL, skew=False), NAMES, (False, False), 0)
    length = np.linalg.norm(made.points[0].astype(np.float64), axis=1)
    assert made.distance[0].astype(np.float64) == pytest.approx(1 - length, abs=0.01)
    assert np.abs(made.points).max() <= MARGIN + 1e-3


def test_a_mirrored_part_is_learned_as_one_half() -> None:
    """Both pods become one: the frame is that of a single pod, and no point lies beyond the plane of symmetry."""
    made = make_local(craft(0), LOCAL, NAMES, (True, True), 0)
    assert np.exp(made.frames[1, 5:]) == pytest.approx([0.04, 0.03, 0.06], rel=0.02)
    assert made.frames[1, 2:5] == pytest.approx([0.2, 0.0, 0.05], abs=0.005)
    place = to_canonical(torch.from_numpy(made.points[0]).float(), torch.from_numpy(made.frames[0]))
    assert float(place[:, 0].min()) >= -1e-3


def test_symmetry_is_told_from_the_mesh() -> None:
    both, one = pair((0.05, 0.05, 0.1), (0.2, 0, 0)), ellipsoid((0.05, 0.05, 0.1), (0.2, 0, 0))
    assert lopsided(both, 0) == 0 and lopsided(one, 0) == 1


def test_absent_parts_are_marked_and_the_same_seed_gives_the_same_points(tmp_path: Path) -> None:
    made, again = (make_local(craft(1, pods=False), LOCAL, NAMES, (True, True), 0) for _ in range(2))
    assert made.present.tolist() == [True, False] and not made.points[1].any() and not made.frames[1].any()
    assert (made.points == again.points).all() and (made.distance == again.distance).all()
    made.save(tmp_path / "points.safetensors")
    read = LocalPoints.load(tmp_path / "points.safetensors")
    assert (read.points == made.points).all() and (read.frames == made.frames).all() and not read.present[1]


def test_folding_is_the_bent_network() -> None:
    """Folded weights give what scaling and shifting every hidden layer gives."""
    made = experts()
    codes, local = torch.randn(2, 3, SMALL.code), torch.rand(6, 50, 3) * 2 - 1
    found = made.logits(made.fold(codes), local).view(2, 3, 50)
    for k in range(2):
        for s in range(3):
            hidden = inputs_of(local.view(2, 3, 50, 3)[k, s], SMALL.bands)
            for i, bend in enumerate(made.bends):
                gain, shift = (codes[k, s] @ bend[k]).chunk(2)
                hidden = ((hidden @ made.weights[i][k].T + made.biases[i][k]) * (1 + gain) + shift).relu()
            wanted = hidden @ made.weights[-1][k].T + made.biases[-1][k]
            assert torch.allclose(found[k, s], wanted[:, 0], atol=1e-5)


def test_targets_of_the_loss_are_distances() -> None:
    """The misfit is least where the logit is twice the distance over the band."""
    distance = torch.linspace(-0.3, 0.3, 13)
    logits = (2 * distance / 0.15).requires_grad_()
    misfit(logits, distance, 0.15).sum().backward()
    assert logits.grad is not None and float(logits.grad.abs().max()) < 1e-6


def test_a_field_is_what_the_differentiable_logits_say() -> None:
    """Two ways to the same numbers, also beyond the reach of a part; the union is the largest."""
    made = representation()
    shapes, points = rows(made), torch.rand(500, 3, generator=torch.Generator().manual_seed(2)) - 0.5
    logits = made.part_logits(shapes, points)
    for n, field in enumerate(made.decode(shapes)):
        for k, name in enumerate(NAMES):
            assert torch.allclose(field.part(name)(points), logits[n, k], atol=1e-4)
        assert torch.equal(field(points), torch.maximum(field.part("body")(points), field.part("pod")(points)))


def test_fields_rise_no_faster_than_distances_beyond_the_reach() -> None:
    """Beyond its reach a part is empty, and all the more so the farther away."""
    made = representation()
    (field,) = made.decode(rows(made, 1))
    far = torch.tensor([[0.5, 0.5, 0.5], [5.0, 5.0, 5.0]])
    assert 0 > field(far)[0] > field(far)[1]


def test_logits_are_differentiable_in_codes_and_frames() -> None:
    made = representation()
    shapes = rows(made)
    latent = shapes.latent.clone().requires_grad_()
    made.part_logits(replace(shapes, latent=latent), torch.rand(200, 3) - 0.5).sum().backward()
    assert latent.grad is not None and torch.isfinite(latent.grad).all()
    slopes = latent.grad.unflatten(1, (2, -1))
    assert not slopes[..., 0].any() and (slopes[..., 1:9] != 0).all() and (slopes[..., 9:] != 0).all()


def test_absence_is_told_by_the_row() -> None:
    """The absent row has no part; a shape lacks what its row or its presence says, and can be empty."""
    made = representation()
    shapes = rows(made, 1)
    absent = made.absent()[None]
    assert made.present(shapes.latent).all() and not made.present(absent).any()
    span = made.parts[1].spans[0].start, made.parts[1].spans[-1].stop
    without = shapes.latent.clone()
    without[:, slice(*span)] = absent[:, slice(*span)]
    (by_row,), points = made.decode(Shapes(without)), torch.rand(50, 3) - 0.5
    (by_flag,) = made.decode(replace(shapes, present=torch.tensor([[True, False]])))
    assert by_row.parts == by_flag.parts == ("body",)
    assert torch.equal(by_row(points), by_flag(points))
    (nothing,) = made.decode(Shapes(absent))
    assert nothing.parts == () and (nothing(points) < -1000).all()
    assert torch.equal(made.rows(*made._cut(without), torch.tensor([[True, False]])), without)


def test_parts_of_two_shapes_mix_bit_for_bit() -> None:
    """The part of a mix is the donor's part exactly; the other stays the base's; moved parts move."""
    made = representation()
    shapes, points = replace(rows(made), model_id=made.meaning()), torch.rand(400, 3) - 0.5
    base, donor = (Parent(str(i), made.layout, shapes.row(i)) for i in (0, 1))
    mixed = mix(base, {"pod": donor}, made.parts)
    (field,), (first, second) = made.decode(mixed.shape), made.decode(shapes)
    assert torch.equal(field.part("pod")(points), second.part("pod")(points))
    assert torch.equal(field.part("body")(points), first.part("body")(points))
    pose = unmoved(1, 2).clone()
    pose[0, 1] = moved(unmoved(), (0.0, 0.1, 0.0))
    (shifted,) = made.decode(replace(mixed.shape, pose=pose.float()))
    up = points - torch.tensor([0.0, 0.1, 0.0])
    near = (up.abs() < 0.5).all(1)
    assert torch.allclose(shifted.part("pod")(points)[near], field.part("pod")(up)[near], atol=1e-3)


def test_stopped_learning_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """A fit that is stopped and started again equals one that ran through."""
    straight, stopped = experts(), experts()
    codes = run(learn(straight, items(), FIT, 0, None))
    assert run(learn(stopped, items(), FIT, 0, tmp_path), stop_at=2) is None
    fresh = experts(seed=5)  # what a new process starts from does not matter
    again = run(learn(fresh, items(), FIT, 0, tmp_path))
    assert torch.equal(codes, again)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), fresh.parameters(), strict=True))


def test_learning_learns(tmp_path: Path) -> None:
    """After some steps experts tell inside from outside; codes of absent parts are never touched."""
    made, points = experts(), items()
    fit = msgspec.structs.replace(FIT, steps=300)
    codes = run(learn(made, points, fit, 0, None))
    start = run(learn(experts(), points, msgspec.structs.replace(FIT, steps=1), 0, None))
    assert torch.equal(codes[1, 1], start[1, 1]) and not torch.equal(codes[0, 1], start[0, 1])
    logits = made.logits(made.fold(codes.transpose(0, 1)), local_of(points))
    right = (logits > 0).view(2, 3, -1).numpy() == (np.stack([one.distance for one in points], 1) > 0)
    assert right[0].mean() > 0.85 and right[1, [0, 2]].mean() > 0.85  # 0.6 are outside


def local_of(points: Sequence[LocalPoints]) -> torch.Tensor:
    """(K*N, P, 3) all points of some items."""
    return torch.from_numpy(np.stack([one.points for one in points], 1)).float().flatten(0, 1)


def test_codes_of_new_shapes_fit_better_and_depend_on_no_neighbour() -> None:
    """Experts stay as they are; an item's code is the same alone and among others; absent parts keep the start."""
    made, points = experts(), items()
    run(learn(made, points, FIT, 0, None))
    before = [parameter.clone() for parameter in made.parameters()]
    start = torch.zeros(2, SMALL.code)
    new = [make_local(craft(5), LOCAL, NAMES, (True, True), 9), points[1]]
    both = run(find_codes(made, new, start, FIT, 0))
    alone = run(find_codes(made, new[:1], start, FIT, 0))
    assert torch.allclose(both[:1], alone, atol=1e-5) and not both[1, 1].any()
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters(), strict=True))

    def loss(codes: torch.Tensor) -> float:
        logits = made.logits(made.fold(codes.transpose(0, 1)), local_of(new[:1]))
        return float(misfit(logits, torch.from_numpy(new[0].distance).float(), FIT.band).mean())

    assert loss(alone) < loss(start[None])


def test_a_step_reads_the_same_however_many_shapes_there_are() -> None:
    """What a step draws and reads has the same size for 3 items and for 3,000; experts do not grow at all."""
    few = items()
    many = few * 1000
    for pool in (Pool(few), Pool(many)):
        which = pool.pick(4, torch.Generator().manual_seed(0))
        local, distance = pool.read(which, torch.zeros_like(which), 32)
        assert local.shape == (8, 32, 3) and distance.shape == (8, 32)
    assert sum(p.numel() for p in Codes(torch.zeros(1, 2, 4), 1.0).parameters()) == 8
    with pytest.raises(InputError, match="most_shapes"):
        Pool([few[1]]).pick(4, torch.Generator())


def test_sizes_can_be_known_without_memory() -> None:
    """On the meta device: a row is 9 numbers and a code per part; experts have the sizes that settings say."""
    settings = BasisSettings()
    with torch.device("meta"):
        made = BasisRepresentation(settings, {name: colour(name) for name in ("body", "wing", "tail", "engine")})
    assert made.layout.size == 4 * (9 + settings.expert.code)
    width, inputs, code = 64, 27, settings.expert.code
    each = inputs * width + 2 * width**2 + width + 3 * width + 1 + 3 * code * 2 * width
    assert sum(p.numel() for p in made.experts.parameters()) == 4 * each


def test_noise_on_codes_reaches_the_loss_of_the_denoiser() -> None:
    """With ``code_noise`` the denoiser sees blurred rows; without it the rows as they are."""
    quiet = override(methods.preset("basis", "tiny"), ["code_noise=0.0", "denoiser.dropout=0.0", "expert.code=4"])
    method = methods.load(quiet)
    made = representation()
    trainee = method.trainee(quiet, made.layout, {})
    assert isinstance(trainee, Denoiser)
    batch = Batch(rows(made, 8).latent)

    def loss(noise: float) -> float:
        settings = override(quiet, [f"code_noise={noise}"])
        return method.loss(trainee, made, settings, batch, torch.Generator().manual_seed(0)).item()

    torch.manual_seed(0)
    assert loss(0.0) == loss(0.0) and loss(0.5) != loss(0.0)
    assert loss(0.0) == trainee.loss(batch, torch.Generator().manual_seed(0), 0.1).item()
