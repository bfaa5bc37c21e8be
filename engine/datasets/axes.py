"""How each data set's axes turn to canonical ones: +Y up, front +Z, right-handed.

What was seen in real files (backrests of chairs, headboards of beds, cisterns of toilets, tails of airplanes; a car
looks the same from both ends to a measurement, so cars were not used):

- ShapeNet v1 and ShapeNetPart: chairs have the backrest at -X, airplanes the tail at -X: front +X, +Y up.
- ShapeNet v2: all six chairs have the backrest at +Z: front -Z, +Y up. So v2 = Ry(+90 deg) v1, (x, y, z) -> (z, y, -x).
- ModelNet meshes: +Z up; chairs have the backrest, toilets the cistern and beds the headboard at +Y: front -Y.
- ModelNet resampled clouds: (x, y, z) of a cloud is (-x, z, y) of the mesh, so +Y up and front -Z. Airplanes of ModelNet40
  point both ways; only ModelNet10 was aligned by hand.
- PartNet: the chair has the backrest and the bed the headboard at -Z: canonical already.
- HyperDiffusion's points are in ShapeNet v2 axes (ShapeNetPart clouds are turned to them by (x, y, z) -> (z, y, -x)).
- Occupancy Networks' files are in ShapeNet v1 axes.
- The Princeton benchmark's axes differ from mesh to mesh; such items keep theirs (axes "").
"""

import numpy as np
from numpy.typing import NDArray

Rows = tuple[tuple[float, ...], ...]

# Rotations R (3, 3) with canonical = R @ own, each named by a source's ``axes``.
TURNS: dict[str, Rows] = {
    "": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),  # nothing is known: kept
    "shapenet-v1": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),  # front +X -> +Z: Ry(-90 deg)
    "shapenet-v2": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),  # front -Z -> +Z: Ry(180 deg)
    "modelnet": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),  # +Z up -> +Y, front -Y -> +Z: Rx(-90 deg)
    "modelnet-resampled": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),  # front -Z -> +Z: Ry(180 deg)
    "partnet": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),  # as it should be
}


def turn(axes: str) -> NDArray[np.float64]:
    """Rotation (3, 3) to canonical axes, ``canonical = R @ own``; rows of points are turned by ``points @ R.T``."""
    return np.array(TURNS[axes], dtype=np.float64)
