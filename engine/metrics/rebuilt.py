"""How well one item is rebuilt by the shape that was fitted to it."""

from collections.abc import Mapping

import numpy as np
import torch
from trimesh import Trimesh
from trimesh.sample import sample_surface

from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.occupancy import occupied
from engine.method import Field
from engine.metrics.chamfer import chamfer
from engine.metrics.reconstruction import f_score, iou, normal_consistency
from engine.metrics.result import Reconstruction
from engine.metrics.surfaces import outer_points
from engine.settings import ProtocolSettings
from engine.storage import seed_of

POINTS = 30_000  # on each surface, so that they lie closer together than the threshold of the F-score
INSIDE = 100_000  # in the cube, that tell inside from outside


def rebuilt(
    name: str, solids: Mapping[str, Mesh], field: Field, level: float, geometry: Geometry, protocol: ProtocolSettings
) -> Reconstruction:
    """Chamfer distance (of ``protocol.points`` points), F-score, IoU and normal consistency of a decoded shape against its
    item, in canonical space. EmptyShapeError when it has no surface."""
    ours, item, inside = (np.random.default_rng(seed_of("rebuilt", protocol.seed, name, word)) for word in "abc")
    a, a_normals = outer_points(solids, field, level, POINTS, ours)
    surface = Trimesh(geometry.surface.vertices, geometry.surface.faces, process=False)
    b, face = sample_surface(surface, POINTS, seed=item)
    b, b_normals = np.asarray(b), surface.face_normals[face]
    cube = inside.random((INSIDE, 3)) - 0.5
    with torch.no_grad():
        logits = field(torch.from_numpy(cube.astype(np.float32))).cpu().numpy()
    overlap = iou(logits > level, occupied(geometry, cube))
    return Reconstruction(
        name=name,
        chamfer=chamfer(a[: protocol.points], b[: protocol.points]),
        f_score=f_score(a, b),
        iou=None if np.isnan(overlap) else overlap,
        normal_consistency=normal_consistency(a, a_normals, b, b_normals),
    )
