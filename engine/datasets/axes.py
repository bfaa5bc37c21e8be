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

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.storage import write_json

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


AXES = "axes.json"  # in an item's folder: which axes of its file a person has said to be up and front
FRONTS = {"+y": "+z", "-y": "+z", "+z": "-y", "-z": "-y", "+x": "+z", "-x": "+z"}  # where only up is known


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The axes of a file that point up and to the front, as "+z" and "-y"."""

    up: str
    front: str

    @property
    def turn(self) -> NDArray[np.float64]:
        """Rotation (3, 3) to canonical axes, as ``turn`` gives it. Raises InputError where the two are on one line."""
        up, front = _along(self.up), _along(self.front)
        if up @ front:
            raise InputError(f"{self.up} cannot be up while {self.front} is the front; choose two different axes")
        return np.stack([np.cross(up, front), up, front])


def stated(up: str, front: str) -> Stated | None:
    """What a person has said, the other one found where only one was; None for twice ""."""
    if not up and not front:
        return None
    return Stated(up or ("+z" if front in ("+y", "-y") else "+y"), front or FRONTS[up])


def axes_of(rotation: NDArray[np.floating]) -> Stated:
    """The axes behind a rotation (3, 3) to canonical ones. Raises InputError where it is not by right angles."""
    return Stated(_name(rotation[1]), _name(rotation[2]))


def rotation_in(to_source: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation (3, 3) of a file to canonical axes, of the matrix (4, 4) that leads back. Raises InputError as `axes_of`."""
    scaled = to_source[:3, :3].T
    return axes_of(scaled / np.cbrt(np.linalg.det(scaled))).turn


def stated_in(folder: Path) -> Stated | None:
    """What was said of the item in a folder. Raises InputError where the file cannot be read."""
    path = folder / AXES
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Stated)
    except msgspec.DecodeError as error:
        raise InputError(f"{path} is damaged ({error}); delete it, and turn the shape upright again") from error


def state(folder: Path, axes: Stated) -> None:
    """Keep what was said of the item in a folder, for when its file is read again."""
    write_json(folder / AXES, axes)


def _along(name: str) -> NDArray[np.float64]:
    return np.eye(3)["xyz".index(name[1])] * (1.0 if name[0] == "+" else -1.0)


def _name(row: NDArray[np.floating]) -> str:
    place = int(np.abs(row).argmax())
    sign = float(np.sign(row[place]))
    if not np.allclose(row, np.eye(3)[place] * sign, atol=1e-4):
        raise InputError("this shape stands askew in its file: it can be turned by right angles only")
    return f"{'+' if sign > 0 else '-'}{'xyz'[place]}"
