"""What is asked of meshes, against the plain definitions; of broken ones too."""

from collections import Counter

import numpy as np
import pytest

from engine.geometry.mesh import Mesh, face_areas, is_watertight, sides

BALL = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)  # a tetrahedron


def is_watertight_by_definition(mesh: Mesh) -> bool:
    """No edge is passed twice the same way, and each is passed the other way too."""
    edges = Counter((int(face[k]), int(face[(k + 1) % 3])) for face in mesh.faces for k in range(3))
    return bool(edges) and max(edges.values()) == 1 and all((end, start) in edges for start, end in edges)


@pytest.mark.parametrize("seed", range(300))
def test_watertight(seed: int) -> None:
    """Tetrahedra that share corners or faces, with faces left out and faces that are none."""
    random = np.random.default_rng(seed)
    faces = [BALL + 4 * random.integers(0, 2) for _ in range(random.integers(1, 3))]
    for _ in range(random.choice(3, p=[0.6, 0.3, 0.1])):
        a, b = random.integers(0, 8, 2)
        faces.append(np.array([[a, a, b], [b, a, a]][: random.integers(1, 3)], np.int32))
    mesh = Mesh(random.normal(size=(8, 3)), np.concatenate(faces)[: -1 if random.random() < 0.3 else None])
    assert is_watertight(mesh) == is_watertight_by_definition(mesh)


def test_watertight_of_few() -> None:
    vertices = np.eye(4, 3)
    assert is_watertight(Mesh(vertices, BALL)) and is_watertight(Mesh(vertices, BALL[:, ::-1]))
    for faces in (BALL[:0], BALL[:3], BALL[[0, 0]], np.concatenate([BALL, BALL])):
        assert not is_watertight(Mesh(vertices, faces))


def test_sides_areas_and_bounds() -> None:
    """To the last bit: what is drawn from surfaces by their areas stays what it was."""
    random = np.random.default_rng(0)
    mesh = Mesh(random.normal(size=(50, 3)), random.integers(10, 40, (200, 3)).astype(np.int32))
    a, b, c = mesh.triangles.swapaxes(0, 1)
    for found, wanted in zip(sides(mesh), (b - a, c - a, c - b), strict=True):
        assert np.array_equal(np.stack(found, 1), wanted)
    assert np.array_equal(face_areas(mesh), np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)
    used = mesh.vertices[np.unique(mesh.faces)]
    assert np.array_equal(mesh.bounds, [used.min(0), used.max(0)])
