"""Shapes whose fields are known exactly: each expert is set by hand to an octahedron, ``radius - |p - centre|_1``."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from engine.fields.mlp import WeightField
from engine.fields.weights import field_layout, layout_parts
from engine.method import Part, Shapes
from engine.parts.mix import Parent
from engine.protocol import Note, Progress, Stage
from engine.settings import FieldSettings

T = TypeVar("T")
Octahedron = tuple[Sequence[float], float]  # centre, radius
FIELD = FieldSettings(hidden=(6,), bands=0)
NAMES = ("body", "wing", "tail")
LAYOUT = field_layout(FIELD, NAMES)
PARTS = tuple(Part(name, (0.5, 0.5, 0.5), LAYOUT.spans_of(name)) for name in NAMES)
AIRPLANE: Mapping[str, Octahedron] = {
    "body": ((0, 0, 0), 0.2),
    "wing": ((0.15, 0, 0), 0.15),
    "tail": ((0, 0.2, 0), 0.1),
}


def row(solids: Mapping[str, Octahedron] = AIRPLANE) -> Tensor:
    """(D,) weights of a shape; parts that are not named are empty everywhere."""
    pieces = []
    for name in NAMES:
        centre, radius = solids.get(name, ((0, 0, 0), -8.0))
        middle, eye = torch.tensor(centre, dtype=torch.float32), torch.eye(3)
        pieces += [
            torch.cat([eye, -eye]).flatten(),
            torch.cat([-middle, middle]),
            -torch.ones(6),
            torch.tensor([radius]),
        ]
    return torch.cat(pieces)


def present(solids: Mapping[str, Octahedron] = AIRPLANE) -> Tensor:
    """(1, K) which parts are there."""
    return torch.tensor([[name in solids for name in NAMES]])


def parent(name: str, solids: Mapping[str, Octahedron] = AIRPLANE) -> Parent:
    """A shape to mix."""
    return Parent(name, LAYOUT, Shapes(row(solids)[None], present(solids)))


def field(shape: Shapes) -> WeightField:
    """The field of a single unmoved shape."""
    return WeightField(shape.latent[0], LAYOUT, FIELD, None if shape.present is None else shape.present[0])


def exact(points: Tensor, solid: Octahedron) -> Tensor:
    """What the octahedron's expert must say at points (P, 3)."""
    return solid[1] - (points - torch.tensor(solid[0], dtype=torch.float32)).abs().sum(1)


def points(count: int = 500, seed: int = 0) -> Tensor:
    """(P, 3) points of the cube."""
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def drive(stage: Stage[T], notes: list[str] | None = None) -> T:
    """Run a stage to its end; progress must stay within its total and grow. Notes are put into ``notes``."""
    done = 0
    while True:
        try:
            event = next(stage)
        except StopIteration as end:
            value: T = end.value
            return value
        if isinstance(event, Note):
            assert notes is not None, event.text
            notes.append(event.text)
            continue
        assert isinstance(event, Progress)
        assert done <= event.done <= event.total
        assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
        done = event.done


assert layout_parts(LAYOUT) == NAMES
