"""How sound a surface is as the border of a volume: numbers, and the verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.geometry.canonical import probes
from engine.geometry.inside import inside, winding
from engine.geometry.mesh import Mesh, face_areas, is_closed, volume

SAMPLES, MANY = 1000, 8000  # MANY where it is a near thing
OFFSET = 0.01  # of the longest side: where the two sides are asked
CLOSE = 1e-4  # of the longest side: as good as on the surface
SOUND = 0.955  # share of the surface with exactly one side inside: 0.95 is asked, and this is a sample
NEAR = 0.03  # from SOUND: a near thing
BURIED = 0.75  # mean winding number of both sides from which a place lies within a solid
LOOSE = 0.3  # ... up to which it may belong to a loose sheet
CLEAR = 0.6  # share of an open surface that must have exactly one side inside, or be thin
NO_VOLUME = 1e-4  # mean thickness, in longest sides, below which a closed surface encloses nothing
LEAST_VOLUME = 5e-4  # of an open shape, in cubes of the longest side
LOST = 0.02  # share of the area that may be left out as loose sheets and the shape still be called whole


class Judgement(msgspec.Struct, frozen=True):
    """What a mesh is good for.

    verdict : "watertight" (closed as it came), "repaired" (closed now), "open" (usable, inside is told by winding
        number), "sheet" (no inside, usable only when it was given a thickness) or "refused"
    reason : what was found, what was done and what to do, in plain words
    numbers : the measurements behind it
    usable : whether networks can learn from it
    """

    verdict: str
    reason: str
    numbers: dict[str, float]
    usable: bool


@dataclass(frozen=True)
class Sides:
    """Surface samples, spread evenly over the area, and what lies on both sides of them.

    face : (S,) int64, the face of each
    front, back : (S,) bool, inside at OFFSET before and behind the surface
    middle : (S,) float64, winding number on the surface itself, mean of both sides: 0.5 on the border of a solid, 0 on a
        loose sheet, 1 and more within a solid
    """

    face: NDArray[np.int64]
    front: NDArray[np.bool_]
    back: NDArray[np.bool_]
    middle: NDArray[np.float64]

    @property
    def one(self) -> NDArray[np.bool_]:
        """(S,) exactly one side is inside."""
        return self.front ^ self.back

    @property
    def loose(self) -> NDArray[np.bool_]:
        """(S,) neither side is inside, and not because the solid is thin."""
        return ~self.front & ~self.back & (self.middle < LOOSE)

    @property
    def buried(self) -> NDArray[np.bool_]:
        """(S,) both sides are inside, however near."""
        return self.middle > BURIED

    @property
    def thin(self) -> NDArray[np.bool_]:
        """(S,) border of a solid that is thinner than OFFSET."""
        return ~self.front & ~self.back & (self.middle >= LOOSE)

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """(S,) border of a solid with another solid closer than OFFSET."""
        return self.front & self.back & (self.middle <= BURIED)


def sides(mesh: Mesh, count: int = SAMPLES) -> Sides:
    """Samples of a mesh with area, judged by its own winding number; always the same ones for the same mesh."""
    generator = np.random.default_rng(0)
    size = longest_side(mesh)
    sums = np.cumsum(face_areas(mesh))
    place = (np.arange(count) + generator.random(count)) / count * sums[-1]
    face = np.searchsorted(sums, place, side="right").clip(0, len(sums) - 1)
    corners = mesh.triangles[face]
    points = np.einsum("sc,scd->sd", generator.dirichlet(np.ones(3), count), corners)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    steps = np.array([OFFSET, -OFFSET, CLOSE, -CLOSE])[:, None, None] * size
    numbers = winding(mesh, (points + steps * normals).reshape(-1, 3)).reshape(4, -1)
    within = np.abs(numbers) >= 0.5
    return Sides(face, within[0], within[1], numbers[2:].mean(0))


def longest_side(mesh: Mesh) -> float:
    """Longest side of the bounding box."""
    return float(np.ptp(mesh.bounds, axis=0).max())


def enclosed(mesh: Mesh) -> float:
    """Volume inside, in cubes of the longest side; by counting 2,048 points where the mesh is not closed."""
    if is_closed(mesh):
        return abs(volume(mesh)) / longest_side(mesh) ** 3
    box = np.ptp(mesh.bounds, axis=0)
    return float(inside(mesh, probes(mesh, 2048)).mean() * (box / box.max()).prod())


def judge(mesh: Mesh, done: Sequence[str], changed: bool, lost: float, numbers: Mapping[str, float]) -> Judgement:
    """Verdict on a mended ``mesh`` with area.

    done : what was found and done, in words
    changed : True when more was done than merging vertices and turning all faces over at once
    lost : share of the area that was left out as loose sheets
    numbers : counts of what was found, which go into the judgement's own
    """
    found, size, closed = sides(mesh), longest_side(mesh), is_closed(mesh)
    if closed and changed and abs(found.one.mean() - SOUND) < NEAR:
        found = sides(mesh, MANY)
    masks = (found.one, found.loose, found.buried, found.thin, found.gaps)
    one, loose, buried, thin, gaps = (float(mask.mean()) for mask in masks)
    holds = enclosed(mesh)
    area = float(face_areas(mesh).sum()) / size**2
    shares = {"one_sided": one, "loose": loose, "buried": buried, "thin": thin, "gaps": gaps, "lost": lost}
    numbers = {**numbers, "faces": len(mesh.faces), "vertices": len(mesh.vertices), "area": area, "volume": holds}
    numbers |= {name: round(value, 4) for name, value in shares.items()}
    flat = 2 * holds < NO_VOLUME * area if closed else holds < LEAST_VOLUME
    if flat or (not closed and one + thin < CLEAR):
        return sheet(mesh, done, numbers)

    def verdict(word: str, first: str, *rest: str) -> Judgement:
        return Judgement(word, _prose(first, *done, *rest), numbers, True)

    hints = _hints(loose, thin, buried, gaps, lost)
    if not closed:
        first = f"The surface has openings; what is inside was worked out all the same, and is clear on {one:.0%} of it"
        return verdict("open", first, *hints)
    if not changed and not lost and buried <= 1 - SOUND:
        return verdict("watertight", "Closed as it came", *hints)
    if one >= SOUND and lost <= LOST:
        return verdict("repaired", "Closed after repair", *hints)
    if lost > LOST:
        return verdict("open", "Closed after repair, but not all of it could be kept", *hints)
    if buried > 1 - SOUND:
        return verdict("open", "Closed, but it goes through itself", *hints)
    return verdict(
        "open", "Closed after repair, with walls or gaps so thin that only a detailed fit shows them", *hints
    )


def sheet(mesh: Mesh, done: Sequence[str], numbers: Mapping[str, float], share: float = 1.0) -> Judgement:
    """The verdict on a mesh of which ``share`` of the area has no meaningful inside."""
    numbers = {**numbers, "faces": len(mesh.faces), "vertices": len(mesh.vertices), "lost": round(share, 4)}
    first = "a sheet without a meaningful inside"
    if share < 1:
        first = f"in large part a sheet: {share:.0%} of the area has no meaningful inside"
    advice = "to use it give it a thickness on import, for example 0.02 of its longest side"
    return Judgement("sheet", _prose(first, *done, advice), numbers, False)


def _prose(*sentences: str) -> str:
    """Sentences, which may begin in lower case and have no stop, as text."""
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in sentences)


def _hints(loose: float, thin: float, buried: float, gaps: float, lost: float) -> list[str]:
    found = []
    if lost:
        words = "have no inside and were left out; give them a thickness on import to keep them"
        found.append(f"loose sheets, {max(lost, 0.01):.0%} of the area, {words}")
    if loose > 1 - SOUND:
        found.append(f"{loose:.0%} of the surface has no inside on either side")
    if thin > 1 - SOUND:
        found.append(f"{thin:.0%} of the surface belongs to walls thinner than 1 % of the longest side")
    if gaps > 1 - SOUND:
        found.append(f"{gaps:.0%} of the surface faces gaps narrower than 1 % of the longest side")
    if buried > 1 - SOUND:
        found.append(f"{buried:.0%} of the surface lies within the solid")
    return found
