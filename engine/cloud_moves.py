"""Parts that were found in a cloud are shifted until they touch, and end above one another, as they do in training shapes;
their frames say so."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from engine.basis.representation import BasisRepresentation
from engine.cloud_codes import CloudCodes
from engine.geometry.mesh import Mesh
from engine.joining import surfaces
from engine.method import Shapes
from engine.parts.joints import Limit, Pair
from engine.parts.mend import SHORT, mend
from engine.parts.order import Rule
from engine.parts.settings import HealSettings
from engine.protocol import Stage

Three = tuple[float, float, float]


@dataclass(frozen=True)
class Touched:
    """A shape of a cloud whose parts stand where they should.

    shapes : one row; misfit : as it was before; moves : part -> shift, canonical units
    joints : joint scores before and after; None where they were not looked at
    """

    shapes: Shapes
    misfit: float
    moves: Mapping[str, Three] = field(default_factory=dict)
    joints: tuple[float, float] | None = None


def touching(
    found: CloudCodes,
    representation: BasisRepresentation,
    usual: Mapping[Pair, Limit],
    order: Sequence[Rule],
    device: torch.device,
) -> Stage[Touched]:
    """The shape with parts shifted as `parts.mend` shifts them: no further than mends joints and order, and no code
    changes. Where a part would go farther than SHORT all stay, since the cloud shows where they stand.

    usual : how parts of training shapes meet; order : which of them end above which
    """

    def of(shape: Shapes, names: Collection[str]) -> Stage[dict[str, Mesh]]:
        return (yield from surfaces(representation, shape, names, device))

    mended = yield from mend(
        found.shapes, representation.parts, (), usual, of, HealSettings(mode="moves"), 0, rules=order
    )
    if any(math.hypot(*move) > SHORT for move in mended.moves.values()):
        return Touched(found.shapes, found.misfit, {}, (mended.before.total, mended.before.total))
    latent = shifted(representation, found.shapes.latent, mended.moves)
    joints = (mended.before.total, mended.after.total)
    shapes = Shapes(latent, found.shapes.present, model_id=found.shapes.model_id)
    return Touched(shapes, found.misfit, mended.moves, joints)


def shifted(representation: BasisRepresentation, row: torch.Tensor, moves: Mapping[str, Three]) -> torch.Tensor:
    """A row (1, D) whose parts stand elsewhere by (x, y, z), see `engine.basis.frames`: y and z lean along x.

    Parts that are learned as one half stand in the middle plane, which no shift leaves.
    """
    numbers = row.clone().view(len(representation.parts), -1)
    for k, part in enumerate(representation.parts):
        x, y, z = moves.get(part.name, (0.0, 0.0, 0.0))
        if bool(representation.mirrored[k]):
            x = 0.0
        lean_y, lean_z = numbers[k, 1:3].tolist()
        numbers[k, 3:6] += torch.tensor([x, y - lean_y * x, z - lean_z * x])
    return numbers.view(1, -1)
