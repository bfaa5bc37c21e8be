import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MeshError
from engine.geometry.mesh import Mesh, face_areas
from engine.geometry.raw import FaceLabels
from engine.geometry.readers.limits import Limits
from engine.geometry.readers.polygons import assemble, spans, triangulate

LIMITS = Limits()


def cut(points: np.ndarray) -> np.ndarray:
    """Triangles of one polygon."""
    return triangulate(points, np.array([len(points)]), np.arange(len(points)))[0]


def newell(points: np.ndarray) -> np.ndarray:
    """Area of a polygon as a vector."""
    return np.cross(points, np.roll(points, -1, 0)).sum(0) / 2


@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.booleans())
@settings(max_examples=100, deadline=None)
def test_simple_polygons_are_covered_once(seed: int, size: int, straight: bool) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, size))
    angle += np.linspace(0, 1e-3, size)  # no two alike
    reach = rng.uniform(0.1, 1, size)
    flat = np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1)
    if np.diff(angle, append=angle[0] + 2 * np.pi).max() > 3:  # the centre must see every edge
        flat = np.stack([np.cos(angle), np.sin(angle)], 1)
    if straight:  # corners in the middle of edges
        flat = np.stack([flat, (flat + np.roll(flat, -1, 0)) / 2], 1).reshape(-1, 2)
    frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = np.roll(flat @ frame[:2] * 10.0 ** rng.integers(-6, 7) + rng.normal(size=3), int(rng.integers(size)), 0)
    triangles = cut(points)
    area = newell(points)
    parts = (
        np.cross(points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]])
        / 2
    )
    whole = np.linalg.norm(area)
    assert len(triangles) == len(points) - 2
    assert (parts @ area > -1e-6 * whole**2).all()  # none turned over
    assert np.linalg.norm(parts, axis=1).sum() == pytest.approx(whole, rel=1e-6)


def test_a_quad_is_cut_along_the_diagonal_inside_it() -> None:
    dart = np.array([[0.0, 0, 0], [2, 0, 0], [0.5, 0.5, 0], [0, 2, 0]])
    for turn in range(4):
        points = np.roll(dart, turn, 0)
        assert face_areas(Mesh(points, cut(points).astype(np.int32))).sum() == pytest.approx(1)


@pytest.mark.parametrize("points", [np.zeros((6, 3)), np.ones((5, 3)) * 1e308, np.arange(15.0).reshape(5, 3)])
def test_polygons_without_area_become_a_fan(points: np.ndarray) -> None:
    assert np.array_equal(cut(points)[:, 0], np.zeros(len(points) - 2))


def test_many_different_polygons_stay_in_order() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(3, 9, 1000)
    triangles, owner = triangulate(rng.normal(size=(50, 3)), sizes, rng.integers(0, 50, sizes.sum()))
    assert np.array_equal(owner, np.repeat(np.arange(1000), sizes - 2)) and triangles.shape == (len(owner), 3)


def test_what_cannot_be_used_is_left_out_and_counted() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 0, 0], [np.inf, 0, 0]])
    polygons = [(0, 1, 2), (0, 1), (0, 1, 3), (0, 1, 5), (2, 1, 0), (0, -1, 2), (0, 4, 9), (), (0, 0, 1)]
    sizes = np.array([len(polygon) for polygon in polygons])
    labels = {"group": FaceLabels(("x", "y", "z"), np.array([2, 0, 0, 0, -1, 0, 0, 0, 1], np.int32))}
    labels["material"] = FaceLabels(("only left out",), np.array([-1, 0, 0, 0, -1, 0, 0, 0, -1], np.int32))
    raw = assemble(vertices, sizes, np.array([v for polygon in polygons for v in polygon]), LIMITS, labels, ["first"])
    assert raw.mesh.faces.tolist() == [[0, 1, 2], [2, 1, 0], [0, 0, 1]] and raw.polygon.tolist() == [0, 4, 8]
    assert raw.labels.keys() == {"group"}
    assert raw.labels["group"].names == ("z", "y") and raw.labels["group"].index.tolist() == [0, -1, 1]
    assert raw.notes == (
        "first",
        "left out 2 faces with fewer than three corners",
        "left out 3 faces naming a vertex that does not exist",
        "left out 1 face with a coordinate that is not a finite number",
    )


def test_no_usable_face_is_an_error_that_says_why() -> None:
    with pytest.raises(MeshError, match=r"no faces that can be used \(1 face naming a vertex that does not exist\)"):
        assemble(np.zeros((2, 3)), np.array([3]), np.array([0, 1, 2]), LIMITS)


def test_limits_count_triangles() -> None:
    with pytest.raises(MeshError, match="4 faces are more than the 3"):
        assemble(np.zeros((6, 3)), np.array([6]), np.arange(6), Limits(faces=3))


def test_spans_hold_until_the_next_name() -> None:
    labels = spans([(0, "a"), (0, "b"), (2, ""), (3, "c"), (4, "b")], 6)
    assert labels.names == ("a", "b", "c") and labels.index.tolist() == [1, 1, -1, 2, 1, 1]
