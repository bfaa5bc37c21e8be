"""What a surface is made of one piece by, and told so: crumbs are left out, and what is too thin to hold together grows.

Fields of learned shapes are a little too small where something is thin, and a thin strut that is missing a cell of the grid
leaves a wing in the air. Parts that do not hang together are therefore made thicker by a fraction of a grid step, if that
is all that is missing; what is farther apart is left as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.basis.field import STEEPNESS, BasisField
from engine.geometry.blocks import CHUNK
from engine.geometry.clean import clean, components
from engine.geometry.crumbs import least_share, without_crumbs
from engine.geometry.mesh import Mesh, is_watertight
from engine.geometry.surface import extract
from engine.looking import in_one_piece, loose_parts
from engine.method import Field
from engine.parts.pose import PosedField
from engine.protocol import Note, Progress, Stage

GRID = 128  # grid points per side of the surfaces that are looked at
CRUMBS = 0.03  # as an export leaves them out unless told otherwise
GROWTH = (0.002, 0.004)  # cube units; a quarter and half a step of that grid


class Grown:
    """A field some of whose parts are larger."""

    def __init__(self, field: Field, by: Mapping[str, float]) -> None:
        """by : part -> how much its logits are raised."""
        self.field, self.by, self.parts = field, dict(by), field.parts

    def __call__(self, points: Tensor) -> Tensor:
        """Logits (P,) of the whole at points (P, 3)."""
        return torch.stack([self.part(name)(points) for name in self.parts]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """The field of one part."""
        own, more = self.field.part(name), self.by.get(name, 0.0)
        return own if not more else lambda points: own(points) + more


@dataclass(frozen=True)
class Held:
    """A field that hangs together as well as it can, and the surfaces of its parts on a grid.

    grown : parts that are thicker than they were, by ``by`` cube units; whole : whether the union is of one shell
    """

    field: Field
    solids: Mapping[str, Mesh]
    whole: bool
    grown: tuple[str, ...] = ()
    by: float = 0.0

    def note(self, name: str) -> Note | None:
        """What to tell of the shape ``name``."""
        if not self.grown:
            return None
        more = f"{', '.join(self.grown)} thicker by {self.by:.1%} of the cube on each side"
        return Note(text=f"{name}: {more}, so that all holds together")


def has_distances(field: Field) -> bool:
    """Whether logits are distances, times STEEPNESS, so that `held_together` can make parts thicker."""
    return isinstance(field.field if isinstance(field, PosedField) else field, BasisField)


def held_together(field: Field, solids: Mapping[str, Mesh], grid: int = GRID) -> Stage[Held]:
    """A field with surfaces ``solids`` of its parts on a ``grid``, grown by the least of GROWTH that makes one piece of it.

    Where none does, and where logits are no distances, it stays as it is.
    """
    held = Held(field, solids, (yield from _in_one_piece(field, solids, grid)))
    if held.whole or not has_distances(field):
        return held
    loose = loose_parts(solids, grid, least_share(CRUMBS, True))
    if not loose:
        return held
    for by in GROWTH:
        grown = Grown(field, dict.fromkeys(loose, STEEPNESS * by))
        more = dict(solids)
        for name in loose:
            more[name] = yield from extract(grown.part(name), grid)
        if (yield from _in_one_piece(grown, more, grid)):
            return Held(grown, more, True, loose, by)
    return held


def part_meshes(field: Field, resolution: int) -> Stage[dict[str, Mesh]]:
    """Watertight mesh of each part that has an inside, by name."""
    found = {}
    for name in field.parts:
        mesh = yield from extract(field.part(name), resolution)
        if len(mesh.faces):
            found[name] = mesh
    return found


def union_of(name: str, field: Field, grid: int) -> Stage[Mesh]:
    """The union of a shape that a model made, as an export writes it."""
    if field.parts and has_distances(field):
        field = (yield from held_together(field, (yield from part_meshes(field, grid)), grid)).field
    return (yield from _plain_union(name, field, grid))


def shells_of(mesh: Mesh) -> tuple[bool, int]:
    """Whether a mesh is watertight, and of how many shells it is; (False, 0) of none."""
    mesh = clean(mesh)
    shells = int(components(mesh).max()) + 1 if len(mesh.faces) else 0
    return bool(shells) and is_watertight(mesh), shells


def tidied(name: str, field: Field, solids: dict[str, Mesh], resolution: int, crumbs: float) -> Stage[dict[str, Mesh]]:
    """The meshes of a field, by part or as one, without loose crumbs under that share; a Note says of which parts."""
    reach = 2 / resolution
    kept, left_out = without_crumbs(solids, crumbs, reach)
    if left_out and field.parts and not any(solids):  # one surface: a part that stands alone is no crumb of the others
        owners = yield from _owners(field, solids[""])
        kept, left_out = without_crumbs(solids, crumbs, reach, owners)
    if left_out:
        told = " and ".join(f"{count} of {part}" if part else f"{count}" for part, count in left_out.items())
        yield Note(text=f"{name}: left out loose crumbs ({told}), each under {crumbs:.1%} of the volume")
    return kept


def _plain_union(name: str, field: Field, grid: int) -> Stage[Mesh]:
    mesh = yield from extract(field, grid)
    if not len(mesh.faces):  # an empty shape has no pieces to choose from
        return mesh
    return (yield from tidied(name, field, {"": mesh}, grid, least_share(CRUMBS, True)))[""]


def _in_one_piece(field: Field, solids: Mapping[str, Mesh], grid: int) -> Stage[bool]:
    """Whether the union is of one shell: told by the parts, and where they do not tell for sure, by the union."""
    found = in_one_piece(solids, grid, least_share(CRUMBS, True))
    if found is not None:
        return found
    mesh = yield from extract(lambda points: field(points), grid)
    if not len(mesh.faces) or shells_of(mesh)[1] == 1:  # before crumbs are left out
        return bool(len(mesh.faces))
    closed, shells = shells_of((yield from tidied("", field, {"": mesh}, grid, least_share(CRUMBS, True)))[""])
    return closed and shells == 1


def _owners(field: Field, mesh: Mesh) -> Stage[NDArray[np.str_]]:
    """(V,) the part on whose surface each vertex of a union lies: the one that is largest there."""
    points = torch.from_numpy(mesh.vertices.astype(np.float32))
    number = []
    for start in range(0, len(points), CHUNK):
        logits = []
        for part in field.parts:
            yield Progress(stage="crumbs", done=start, total=len(points))
            logits.append(field.part(part)(points[start : start + CHUNK]).cpu())
        number.append(torch.stack(logits).argmax(0))
    return np.array(field.parts)[torch.cat(number).numpy()]
