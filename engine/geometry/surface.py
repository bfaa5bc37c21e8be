"""Field to mesh: the field is computed only where its surface can be, then marching cubes."""

from typing import Any

from engine.errors import InputError
from engine.geometry.blocks import Field, Lattice
from engine.geometry.marching import polygonise
from engine.geometry.mesh import Mesh
from engine.geometry.search import Search
from engine.protocol import Stage

FIRST_GRID = 32  # samples per axis of the first grid
FINEST = 1024  # memory is bounded up to this resolution: about 1 GB


def extract(field: Field, resolution: int, level: float = 0.0, coarse: int | None = None) -> Stage[Mesh]:
    """Watertight mesh of ``field`` = ``level`` inside the cube [-0.5, 0.5]^3; what is outside the cube counts as empty.

    field : points (P, 3) float32 in canonical space -> (P,) logits, larger inside. Of a field with ``parts`` (method.Field)
        at level 0 every vertex stands where the own mesh of one of its parts has it, so that the surface of a part is the
        same whatever stands far from it
    resolution : grid vertices per axis; vertex i stands at i / (resolution - 1) - 0.5
    coarse : least samples per axis of the first grid, FIRST_GRID by default; ``resolution`` computes every vertex
    returns a mesh with faces counter-clockwise seen from outside; no faces when nothing is inside.
    Raises InputError for a resolution out of range, MeshError when the field gives NaN.
    """
    if not 2 <= resolution <= FINEST:
        raise InputError(f"resolution {resolution}: choose 2 to {FINEST} grid vertices per axis")
    least = FIRST_GRID if coarse is None else coarse
    stride = next(s for s in (8, 4, 2, 1) if s == 1 or resolution >= s * least)
    blocks = yield from Search(Lattice(field, resolution, level), stride).run()
    of_parts: Any = field
    parts = [of_parts.part(name) for name in getattr(field, "parts", ())] if level == 0 else []
    return (yield from polygonise(blocks, parts))
