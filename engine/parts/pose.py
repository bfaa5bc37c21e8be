"""Poses of parts: affine motions (3, 4) that compose, and the field of a shape whose parts stand somewhere else.

A pose ``[A | t]`` takes a point of the part as it was learned to where it stands now: ``A p + t``, canonical space. The
expert knows only the place where it learned, so points are pulled back before it is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec
import torch
from torch import Tensor

from engine.card import Copy, MirrorMove, Move, Pose, ScaleMove, ShiftMove, TurnMove
from engine.errors import InputError
from engine.method import Field, Part, Shapes

BESIDE = 20.0  # logits per unit of length by which a field falls outside the cube in which it learned
AXES: Mapping[str, tuple[int, int, int]] = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
EMPTY = -1e4  # logit of a shape without any part


def unmoved(*shape: int) -> Tensor:
    """The pose of parts that stand where they were learned: (*shape, 3, 4) float32."""
    return torch.eye(3, 4).repeat(*shape, 1, 1) if shape else torch.eye(3, 4)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """First ``inner``, then ``outer``: (..., 3, 4), in the precision of ``inner``, computed in float64."""
    a, b = outer.double(), inner.double()
    turn = a[..., :3] @ b[..., :3]
    shift = a[..., :3] @ b[..., 3:] + a[..., 3:]
    return torch.cat([turn, shift], -1).to(inner.dtype)


def moved_by(move: Move, pose: Tensor, centre: Sequence[float] = (0, 0, 0)) -> Tensor:
    """The pose after one recorded motion; ``centre`` (3,) is the middle of the part's box where it stands by then."""
    match move:
        case ShiftMove():
            return moved(pose, move.by)
        case TurnMove():
            return rotated(pose, AXES[move.axis], move.degrees, centre)
        case ScaleMove():
            return scaled(pose, move.factors, centre)
        case MirrorMove():
            return mirrored(pose, AXES[move.axis], (0, 0, 0) if move.middle else centre)


def inverse(pose: Tensor) -> Tensor:
    """The motion back, (3, 4) float64. Raises InputError for a pose that flattens the part."""
    turn = pose[:, :3].double()
    if not bool(torch.isfinite(pose).all()) or abs(float(torch.linalg.det(turn))) < 1e-9:
        raise InputError("this pose squeezes the part flat, so it has no inside; scale by a number that is not 0")
    back = torch.linalg.inv(turn)
    return torch.cat([back, -back @ pose[:, 3:].double()], 1)


def moved(pose: Tensor, offset: Sequence[float]) -> Tensor:
    """The pose (..., 3, 4) shifted by ``offset`` (3,), canonical units."""
    return compose(_motion(torch.eye(3, dtype=torch.float64), torch.tensor(offset, dtype=torch.float64)), pose)


def rotated(pose: Tensor, axis: Sequence[float], degrees: float, about: Sequence[float] = (0, 0, 0)) -> Tensor:
    """The pose turned about the line along ``axis`` (3,) through ``about`` (3,), counter-clockwise seen from its tip.

    Rodrigues' formula. Raises InputError for an axis without length.
    """
    x, y, z = _unit(axis).tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    turn = torch.eye(3, dtype=torch.float64) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross
    return compose(_about(turn, about), pose)


def scaled(pose: Tensor, factor: float | Sequence[float], about: Sequence[float] = (0, 0, 0)) -> Tensor:
    """The pose enlarged by ``factor``, one number or one per axis, away from ``about`` (3,). Raises InputError unless
    factors are positive (`mirrored` turns a part over)."""
    factors = torch.tensor(factor, dtype=torch.float64).expand(3)
    if not bool((factors > 0).all()):
        raise InputError(f"scale by {factor}: give factors above 0; mirroring is an operation of its own")
    return compose(_about(torch.diag(factors), about), pose)


def mirrored(pose: Tensor, normal: Sequence[float], about: Sequence[float] = (0, 0, 0)) -> Tensor:
    """The pose mirrored in the plane through ``about`` (3,) with ``normal`` (3,). Raises InputError for a zero normal."""
    n = _unit(normal)
    return compose(_about(torch.eye(3, dtype=torch.float64) - 2 * torch.outer(n, n), about), pose)


def apply(pose: Tensor, points: Tensor) -> Tensor:
    """Points (P, 3) of a part moved by its pose (3, 4) to where they stand."""
    return points @ pose[:, :3].T.to(points) + pose[:, 3].to(points)


class PosedField:
    """A shape whose parts stand where their poses say, as a Field. A part may stand in several places (duplicates)."""

    def __init__(self, field: Field, placements: Mapping[str, tuple[str, Tensor]]) -> None:
        """placements : name -> (part of ``field`` that stands there, pose (3, 4)); parts that are not named are left out.

        Raises InputError for a part that the field lacks and for poses without inverse.
        """
        missing = [part for part, _ in placements.values() if part not in field.parts]
        if missing:
            there = ", ".join(field.parts) or "none"
            raise InputError(f"the shape has no part {', '.join(missing)} to move; it has {there}")
        self.field = field
        self.parts: tuple[str, ...] = tuple(placements)
        self.part_of = {name: part for name, (part, _) in placements.items()}  # the learned part that stands there
        self._placed = {name: pulled_back(field.part(part), pose) for name, (part, pose) in placements.items()}

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (P,) of the whole at points (P, 3), or (P, 4) with time: the largest of its parts."""
        if not self._placed:
            return torch.full((len(points),), EMPTY, device=points.device)
        return torch.stack([field(points) for field in self._placed.values()]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The field of one part where it stands."""
        return self._placed[name]


def posed(field: Field, shape: Shapes, parts: Sequence[Part]) -> Field:
    """The field of a single shape of a model's ``parts`` with each where it stands; nothing moved, it is ``field`` itself."""
    if shape.pose is None and not any(shape.copies):
        return field
    places = places_of(shape, parts)
    still = all(name == part and torch.equal(pose, unmoved()) for name, (part, pose) in places.items())
    return field if still else PosedField(field, places)


def places_of(shape: Shapes, parts: Sequence[Part]) -> dict[str, tuple[str, Tensor]]:
    """Where everything of a single shape stands: name of a present part or copy -> (part, pose (3, 4))."""
    there = [True] * len(parts) if shape.present is None else shape.present[0].tolist()
    poses = unmoved(len(parts)) if shape.pose is None else shape.pose[0].cpu()
    places = {part.name: (part.name, poses[k]) for k, part in enumerate(parts) if there[k]}
    copies = [copy for copy in shape.copies[0] if copy.part in places] if shape.copies else []
    return places | {copy.name: (copy.part, torch.tensor(copy.pose)) for copy in copies}


def placed(shape: Shapes, parts: Sequence[Part], places: Mapping[str, tuple[str, Tensor]]) -> Shapes:
    """A single shape whose parts and copies stand in ``places``: what `places_of` gave, changed. Parts not named there
    stay. Where nothing was moved or copied, pose and copies are none."""
    own = {part.name for part in parts}
    poses = unmoved(1, len(parts)) if shape.pose is None else shape.pose.cpu().clone()
    for k, part in enumerate(parts):
        if part.name in places:
            poses[0, k] = places[part.name][1]
    copies = tuple(Copy(name, part, _numbers(pose)) for name, (part, pose) in places.items() if name not in own)
    moved_at_all = not torch.equal(poses, unmoved(1, len(parts)))
    return replace(shape, pose=poses if moved_at_all else None, copies=(copies,) if copies else ())


def _numbers(pose: Tensor) -> Pose:
    return msgspec.convert(pose.tolist(), Pose)


def pulled_back(field: Callable[[Tensor], Tensor], pose: Tensor) -> Callable[[Tensor], Tensor]:
    """The field of a part that was moved by ``pose`` (3, 4). An unmoved part keeps its field, bit for bit.

    Outside the cube [-0.5, 0.5]^3 in which it learned, a part is empty whatever its network says there: the logit of the
    nearest point of the cube, made negative, less ``BESIDE`` per unit of distance, which leaves no jump to stumble over.
    """
    if torch.equal(pose.cpu(), unmoved().to(pose.dtype)):
        return field
    back = inverse(pose.cpu())
    turn, shift = back[:, :3].T.float(), back[:, 3].float()

    def moved_field(points: Tensor) -> Tensor:
        place = points[:, :3] @ turn.to(points.device) + shift.to(points.device)
        inside = place.clamp(-0.5, 0.5)
        logits = field(torch.cat([inside, points[:, 3:]], 1))
        beyond = (place - inside).norm(dim=1).to(logits.device)
        return torch.where(beyond > 0, -logits.abs() - BESIDE * beyond, logits)

    return moved_field


def _motion(turn: Tensor, shift: Tensor) -> Tensor:
    return torch.cat([turn, shift[:, None]], 1)


def _about(turn: Tensor, centre: Sequence[float]) -> Tensor:
    """A linear map (3, 3) about a centre instead of the origin, as a motion (3, 4)."""
    middle = torch.tensor(centre, dtype=torch.float64)
    return _motion(turn, middle - turn @ middle)


def _unit(vector: Sequence[float]) -> Tensor:
    direction = torch.tensor(vector, dtype=torch.float64)
    length = direction.norm()
    if not float(length) > 0:
        raise InputError("give a direction that is not (0, 0, 0)")
    return direction / length
