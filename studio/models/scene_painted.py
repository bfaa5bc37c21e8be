"""A surface that is painted on: which place a line of sight meets, and its faces by part, as the 3D view shows them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.card import Three
from studio.models.scene_contents import Colour, PartMesh, Ray

BARE: Colour = (0.42, 0.43, 0.45)  # linear RGB, of what belongs to no part yet
PALE = 0.5  # how much of that is in the colour of what is not itself painted


class Surface:
    """Triangles in canonical space. vertices : (V, 3) float32; faces : (F, 3) int32"""

    def __init__(self, vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> None:
        self.vertices, self.faces = vertices, faces
        self.corner, second, third = vertices[faces].swapaxes(0, 1)  # (F, 3) each
        self.sides = second - self.corner, third - self.corner
        self._made: dict[str, tuple[NDArray[np.bool_], PartMesh]] = {}

    def parts(
        self,
        names: Sequence[str],
        colours: Sequence[Colour],
        label: NDArray[np.int16],
        marked: NDArray[np.bool_],
    ) -> tuple[PartMesh, ...]:
        """The faces by part (``label`` (F,), -1 for none), those that are ``marked`` (F,) themselves in the full colour."""
        made: dict[str, tuple[NDArray[np.bool_], PartMesh]] = {}
        for number, (name, colour) in enumerate([*zip(names, colours, strict=True), ("no part", BARE)]):
            own = label == (number if number < len(names) else -1)
            pale = (1 - PALE) * np.array(colour) + PALE * np.array(BARE)
            for title, chosen, shade in (
                (name, own & ~marked, (float(pale[0]), float(pale[1]), float(pale[2]))),
                (f"{name}, painted", own & marked, colour),
            ):
                if chosen.any():
                    made[title] = chosen, self._mesh(title, chosen, shade)
        self._made = made
        return tuple(mesh for _, mesh in made.values())

    def _mesh(self, title: str, chosen: NDArray[np.bool_], colour: Colour) -> PartMesh:
        """Some of the faces; the same mesh as the last time where they are the same."""
        before = self._made.get(title)
        if before is not None and np.array_equal(before[0], chosen) and before[1].colour == colour:
            return before[1]
        faces = self.faces[chosen]
        used = np.zeros(len(self.vertices), bool)
        used[faces.ravel()] = True
        return PartMesh(title, self.vertices[used], (np.cumsum(used) - 1).astype(np.int32)[faces], colour)


def hit(surface: Surface, ray: Ray) -> Three | None:
    """The first place at which a line of sight meets a surface, or None (Moeller and Trumbore 1997)."""
    way, eye = ray.way.astype(np.float32), ray.eye.astype(np.float32)
    one, two = surface.sides
    across = np.cross(way, two)
    scale = (one * across).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / scale
        gap = eye - surface.corner
        u = (gap * across).sum(1) * inverse
        turned = np.cross(gap, one)
        v = (turned @ way) * inverse
        along = (turned * two).sum(1) * inverse
        met = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0)
    if not met.any():
        return None
    x, y, z = ray.eye + float(along[met].min()) * ray.way
    return float(x), float(y), float(z)
