"""Points on unions of parts, and what is told of a rebuilt item."""

import numpy as np
import pytest
import torch

from engine.errors import EmptyShapeError
from engine.metrics.rebuilt import rebuilt
from engine.metrics.surfaces import by_part, item_surface, outer_points, shape_surface
from engine.parts.pose import PosedField
from engine.settings import ProtocolSettings
from tests.metrics.balls import BallField, geometry, solids

TWO = {"body": ((0.0, 0, 0), 0.3), "wing": ((0.25, 0, 0), 0.2)}
PROTOCOL = ProtocolSettings(points=400, part_points=100)


def test_no_point_lies_inside_another_part_and_all_of_the_outside_has_some() -> None:
    field = BallField(TWO)
    points, normals = outer_points(solids(TWO), field, 0.0, 20_000, np.random.default_rng(0))
    apart = np.stack([np.linalg.norm(points - centre, axis=1) - radius for centre, radius in TWO.values()])
    assert points.shape == normals.shape == (20_000, 3)
    assert apart.min(0) == pytest.approx(0, abs=2e-3)  # on the one or the other, inside none
    plane = (0.25**2 + 0.3**2 - 0.2**2) / (2 * 0.25)  # where the balls cut each other
    body = 0.3 + plane  # heights of the caps that are left, which the areas are proportional to, times the radii
    wing = 0.2 + 0.25 - plane
    share = 0.3 * body / (0.3 * body + 0.2 * wing)
    assert (np.abs(apart[0]) < np.abs(apart[1])).mean() == pytest.approx(share, abs=0.015)


def test_a_copy_is_its_part_whatever_it_is_called() -> None:
    pose = torch.eye(4)[:3]
    away = pose.clone()
    away[0, 3] = -0.25
    placed = {"body": ("body", pose), "nav.light": ("wing", pose), "spare": ("wing", away)}
    field = PosedField(BallField(TWO), placed)
    meshes = solids({"body": TWO["body"], "nav.light": TWO["wing"], "spare": ((0.0, 0, 0), 0.2)})
    parts = shape_surface("a", meshes, field, 0.0, PROTOCOL).parts
    assert set(parts) == {"body", "wing"}
    apart = np.stack([np.linalg.norm(parts["wing"] - np.array(c), axis=1) - 0.2 for c in ((0.25, 0, 0), (0.0, 0, 0))])
    assert np.abs(apart).min(0) == pytest.approx(0, abs=2e-3) and (np.abs(apart) < 2e-3).any(1).all()
    assert [part for part, _ in by_part(meshes, field)] == ["body", "wing", "wing"]


def test_points_follow_from_seed_and_name_alone() -> None:
    field, meshes = BallField(TWO), solids(TWO)
    one, again = (shape_surface("a", meshes, field, 0.0, PROTOCOL) for _ in range(2))
    other = shape_surface("b", meshes, field, 0.0, PROTOCOL)
    assert np.array_equal(one.whole, again.whole) and not np.array_equal(one.whole, other.whole)
    assert one.whole.shape == (400, 3) and {name: cloud.shape for name, cloud in one.parts.items()} == {
        "body": (100, 3),
        "wing": (100, 3),
    }
    item = item_surface("a", geometry(TWO), PROTOCOL)
    assert set(item.parts) == {"body", "wing"} and not np.array_equal(item.whole, one.whole)


def test_what_has_no_surface_is_named() -> None:
    with pytest.raises(EmptyShapeError, match="no inside"):
        outer_points({}, BallField(TWO), 0.0, 10, np.random.default_rng(0))
    hidden = {"a": ((0.0, 0, 0), 0.3), "b": ((0.0, 0, 0), 0.301)}
    lies = {"a": hidden["b"], "b": hidden["b"]}  # each says that the other's surface is inside it
    with pytest.raises(EmptyShapeError, match="hide one another"):
        outer_points(
            {"a": solids(hidden)["a"], "b": solids(hidden)["a"]}, BallField(lies), 0.0, 500, np.random.default_rng(0)
        )


def test_a_true_rebuild_scores_full_marks_and_a_smaller_one_less() -> None:
    item = geometry({"": ((0.0, 0, 0), 0.3)})
    good = rebuilt("a", solids({"": ((0.0, 0, 0), 0.3)}), BallField({"": ((0.0, 0, 0), 0.3)}), 0.0, item, PROTOCOL)
    assert good.f_score > 0.99 and good.iou is not None and good.iou > 0.99 and good.normal_consistency > 0.99
    small = {"": ((0.0, 0, 0), 0.27)}
    less = rebuilt("a", solids(small), BallField(small), 0.0, item, PROTOCOL)
    assert less.iou == pytest.approx(0.9**3, abs=0.02)
    assert less.f_score == 0 and less.chamfer > 2 * 0.03**2 > good.chamfer / 2
