"""What is written to a file: named pieces in the frame and unit of that file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh

Colour = tuple[float, float, float]  # linear RGB, 0..1
GREY: Colour = (0.42, 0.47, 0.55)
WHOLE = "shape"  # name of the only object of a shape without parts
GENERATOR = "Shape Studio"


@dataclass(frozen=True)
class PerCorner:
    """Values of face corners. ``values : (K, C) float64``, ``index : (F, 3) int32`` into them."""

    values: NDArray[np.float64]
    index: NDArray[np.int32]


@dataclass(frozen=True)
class Piece:
    """One object of a file.

    mesh : vertices are shared by the faces around them
    colour : linear RGB
    normals : (K, 3) unit vectors per corner, None where the file needs none
    uvs : (K, 2) per corner, 0..1 from the lower left; None where there are none
    shades : (V, 3) linear RGB of the vertices, which ``colour`` multiplies; None where they have none
    """

    mesh: Mesh
    colour: Colour = GREY
    normals: PerCorner | None = None
    uvs: PerCorner | None = None
    shades: NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Scene:
    """Everything that goes into one file.

    pieces : by name, in order; ``named`` False when it is the only one and its name says nothing
    recipe : how the shape came about, JSON text
    """

    pieces: Mapping[str, Piece]
    named: bool
    recipe: str = "{}"

    @property
    def only(self) -> Piece:
        """The piece of a scene for a format with one object."""
        (piece,) = self.pieces.values()
        return piece


@dataclass(frozen=True)
class Split:
    """A mesh whose vertices have one position, normal and UV each, as graphics cards want them.

    points : (V, 3), faces : (F, 3), normals : (V, 3) or None, uvs : (V, 2) or None, shades : (V, 3) linear RGB or None
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int32]
    normals: NDArray[np.float64] | None
    uvs: NDArray[np.float64] | None
    shades: NDArray[np.floating] | None


def split(piece: Piece) -> Split:
    """A piece with its vertices doubled where normals or UVs have seams; the order stays where there are none."""
    mesh, extras = piece.mesh, [extra for extra in (piece.normals, piece.uvs) if extra is not None]
    if all(np.array_equal(extra.index, mesh.faces) for extra in extras):
        place = [np.arange(len(mesh.vertices))] * (1 + len(extras))
        faces = mesh.faces
    else:
        corners = np.stack([mesh.faces.ravel(), *(extra.index.ravel() for extra in extras)], axis=1)
        rows, inverse = np.unique(corners, axis=0, return_inverse=True)
        place, faces = list(rows.T), inverse.reshape(-1, 3).astype(np.int32)
    found = [extra.values[at] for extra, at in zip(extras, place[1:], strict=True)]
    normals = found.pop(0) if piece.normals is not None else None
    shades = None if piece.shades is None else piece.shades[place[0]]
    return Split(mesh.vertices[place[0]], faces, normals, found[0] if found else None, shades)


def encoded(linear: float) -> float:
    """Linear intensity 0..1 to sRGB (IEC 61966-2-1), which programs expect in colours of .mtl, .ply and .3mf."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def to_srgb(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    """`encoded` of many intensities, each held between 0 and 1."""
    held = np.asarray(linear, np.float64).clip(0, 1)
    return np.where(held <= 0.0031308, 12.92 * held, 1.055 * held ** (1 / 2.4) - 0.055)


def to_linear(srgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """The way back from sRGB (IEC 61966-2-1) to linear intensities, each held between 0 and 1."""
    held = np.asarray(srgb, np.float64).clip(0, 1)
    return np.where(held <= 0.04045, held / 12.92, ((held + 0.055) / 1.055) ** 2.4)
