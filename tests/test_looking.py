"""Of how many pieces a shape is, told by the surfaces of its parts; and that what was looked at is not decoded again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import Project, write
from engine.geometry.crumbs import least_share
from engine.geometry.surface import extract
from engine.holding import CRUMBS, shells_of, union_of
from engine.jobs import ExportJob, GenerateJob
from engine.looking import in_one_piece
from engine.method import Workspace
from engine.metrics.decoding import decoded_solids, solids_of
from engine.opened import open_shape
from engine.protocol import Stage
from engine.stages import ended
from tests.hearing import finished

GRID = 36
Ball = tuple[float, float, float, float]  # middle and radius; < 0 for a hole


class Balls:
    """A field of parts that are balls, some with holes."""

    def __init__(self, balls: Mapping[str, tuple[Ball, ...]]) -> None:
        self.balls, self.parts = balls, tuple(balls)

    def __call__(self, points: Tensor) -> Tensor:
        return torch.stack([self.part(name)(points) for name in self.parts]).amax(0)

    def part(self, name: str) -> Callable[[Tensor], Tensor]:
        """Balls less holes."""

        def logits(points: Tensor) -> Tensor:
            each = [abs(r) - (points - torch.tensor(middle)).norm(dim=1) for *middle, r in self.balls[name]]
            full = torch.stack([one for one, ball in zip(each, self.balls[name], strict=True) if ball[3] > 0]).amax(0)
            holes = [-one for one, ball in zip(each, self.balls[name], strict=True) if ball[3] < 0]
            return torch.stack([full, *holes]).amin(0)

        return logits


def seen(field: Balls) -> bool | None:
    return in_one_piece(ended(decoded_solids(field, GRID)), GRID, least_share(CRUMBS, True))


@pytest.mark.parametrize(
    ("balls", "one"),
    [
        ({"a": ((0, 0, 0, 0.2),)}, True),
        ({"a": ((-0.1, 0, 0, 0.2),), "b": ((0.1, 0, 0, 0.2),)}, True),
        ({"a": ((-0.25, 0, 0, 0.15),), "b": ((0.25, 0, 0, 0.15),)}, False),
        ({"a": ((-0.25, 0, 0, 0.15), (0.25, 0, 0, 0.15)), "b": ((0, 0, 0, 0.14),)}, True),  # b joins both
        ({"a": ((0, 0, 0, 0.3), (0, 0, 0, -0.2))}, False),  # hollow
        ({"a": ((0, 0, 0, 0.3), (0, 0, 0, -0.2)), "b": ((0, 0, 0, 0.22),)}, True),  # another part fills it
        ({"a": ((0, 0, 0, 0.3), (0, 0, 0, -0.2)), "b": ((0, 0, 0, 0.1),)}, False),
        ({"a": ((0.1, 0, 0, 0.25), (-0.4, 0, 0, 0.05))}, True),  # a crumb
        ({"a": ((0.1, 0, 0, 0.25),), "b": ((-0.4, 0, 0, 0.05),)}, False),  # as small, but all that there is of a part
        ({"a": ((0.45, 0, 0, 0.2),)}, True),  # cut off by the cube
    ],
)
def test_pieces_are_told_by_parts(balls: Mapping[str, tuple[Ball, ...]], one: bool) -> None:
    assert seen(Balls(balls)) is one


def test_nothing_is_no_piece() -> None:
    assert in_one_piece({}, GRID, 0.03) is False


def test_parts_tell_what_their_union_tells() -> None:
    """Of random heaps of balls, with holes and crumbs; where parts cannot tell, they say so, and that is seldom."""
    generator, unsure, found = np.random.default_rng(5), 0, []
    for _ in range(40):
        balls = {
            part: tuple(
                (
                    *generator.uniform(-0.33, 0.33, 3),
                    generator.choice([0.17, 0.1, 0.04, -0.08], p=[0.4, 0.35, 0.2, 0.05]),
                )
                for _ in range(generator.integers(1, 5))
            )
            for part in "abc"[: generator.integers(1, 4)]
        }
        field = Balls({part: ((*those[0][:3], 0.15), *those) for part, those in balls.items()})
        closed, shells = shells_of(ended(union_of("", field, GRID)))
        told = seen(field)
        unsure += told is None
        found.append(closed and shells == 1)
        assert told in (None, found[-1]), field.balls
    assert unsure <= 8 and 5 <= sum(found) <= 35


def test_what_was_looked_at_is_written_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export of a shape that was just drawn decodes nothing, and writes the parts that decoding would give."""
    torch.set_num_threads(1)
    with Project.create(tmp_path / "p") as project:
        (name,) = finished(GenerateJob(model="shipped:airplane", count=1, seed=3, picture=False), project)["shapes"]
        opened = ended(open_shape(name, project, Workspace(tmp_path, torch.device("cpu"))))
        anew = {part: ended(extract(opened.decoded().part(part), 128)) for part in opened.decoded().parts}
        assert len(list((project.folder / "cache" / "meshes").iterdir())) == 1
        kept = ended(solids_of(opened, 128, 0.0, project))
        assert len(list((project.folder / "cache" / "meshes").iterdir())) == 1, (
            "kept by another name than it is found by"
        )
        assert list(kept) == list(anew), "parts in another order"
        for part, mesh in anew.items():
            assert np.array_equal(kept[part].faces, mesh.faces)
            assert np.allclose(kept[part].vertices, mesh.vertices, rtol=0, atol=5e-8)

        def never(*_: Any, **__: Any) -> Stage[Any]:
            raise AssertionError("decoded again")

        monkeypatch.setattr(write, "extract", never)
        (file,) = finished(ExportJob(shapes=(name,), out=str(tmp_path / "out"), resolution=128), project)["files"]
        assert file["watertight"] and set(file["parts"]) == set(anew)
