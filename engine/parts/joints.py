"""Joints: how far neighbouring parts gape or run into each other, and how unusual that is among the training shapes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import inf

import igl
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.crumbs import shells
from engine.geometry.inside import inside
from engine.geometry.mesh import Mesh, face_areas
from engine.geometry.occupancy import surface_points
from engine.protocol import Progress, Stage
from engine.storage import seed_of

POINTS = 384  # samples of each part's surface; a gap is overestimated by at most about their spacing
CRUMB = 0.02  # shells under this share of a part's area are not asked whether they hang together
PERCENTILE = 95.0
NEIGHBOURS = 0.02  # parts are neighbours when the median of their gap over training shapes is at most this
LEAST = 5  # training shapes that must have a joint before it is judged

Pair = tuple[str, str]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Solid:
    """A part prepared for measuring, in canonical space.

    mesh : its closed surface; points : (P, 3) samples of it; shell : (P,) which connected piece each sample lies on
    """

    mesh: Mesh
    points: Points
    shell: NDArray[np.int64]

    @cached_property
    def _tree(self) -> igl.AABB:
        tree = igl.AABB()
        tree.init(*self._arrays)
        return tree

    @cached_property
    def _arrays(self) -> tuple[Points, NDArray[np.int64]]:
        return np.ascontiguousarray(self.mesh.vertices, np.float64), np.ascontiguousarray(self.mesh.faces, np.int64)

    def distance(self, points: Points) -> tuple[Points, Points]:
        """Signed distance (P,) of ``points`` (P, 3) to the surface, negative inside, and its nearest points (P, 3)."""
        squared, _, nearest = self._tree.squared_distance(*self._arrays, np.ascontiguousarray(points))
        return np.where(inside(self.mesh, points), -1.0, 1.0) * np.sqrt(squared), nearest


@dataclass(frozen=True)
class Joint:
    """How two parts meet, in units of canonical space.

    gap : distance between the surfaces, 0 where they touch. Of a part in several pieces (two wings, four engines) that of
        the loosest piece
    overlap : mean depth of the samples of one part's surface inside the other (0 for those outside), the larger of both
    gaps : (G, 2, 3) for display: the two points between which each loose piece gapes
    overlaps : (O, 3) for display: samples of one surface that lie inside the other
    """

    gap: float
    overlap: float
    gaps: Points
    overlaps: Points


@dataclass(frozen=True)
class Limit:
    """What is usual for a joint: the 95th percentile over ``count`` training shapes; ``gap`` is inf for parts that are no
    neighbours, which may be as far apart as they like."""

    gap: float
    overlap: float
    count: int


@dataclass(frozen=True)
class Score:
    """``total`` : sum of all excesses, 0 when every joint is usual. ``excess`` : pair -> (gap, overlap) beyond its limit."""

    total: float
    excess: Mapping[Pair, tuple[float, float]]


def solid(mesh: Mesh, name: str = "") -> Solid:
    """A part's closed mesh, prepared. Samples are the same for the same mesh and name. Raises MeshError without area."""
    pieces = [piece for piece in shells(mesh) if len(piece.faces)] if len(mesh.faces) else [mesh]
    areas = np.array([face_areas(piece).sum() for piece in pieces])
    kept = [(piece, area) for piece, area in zip(pieces, areas, strict=True) if area >= CRUMB * areas.sum()]
    generator = np.random.default_rng(seed_of("joint", name))
    points = [surface_points(piece, max(32, round(POINTS * area / areas.sum())), generator) for piece, area in kept]
    shell = np.repeat(np.arange(len(points)), [len(found) for found in points])
    return Solid(mesh, np.concatenate(points), shell)


def solids(meshes: Mapping[str, Mesh]) -> dict[str, Solid]:
    """All parts of a shape that have a surface, prepared."""
    return {name: solid(mesh, name) for name, mesh in meshes.items() if len(mesh.faces)}


def joint(a: Solid, b: Solid, shift: Sequence[float] | Points = (0.0, 0.0, 0.0)) -> Joint:
    """How two parts meet when ``a`` is shifted by ``shift`` (3,). Exchanging the parts (and the shift) changes nothing."""
    offset = np.asarray(shift, np.float64)
    of_a, near_a = b.distance(a.points + offset)
    of_b, near_b = a.distance(b.points - offset)
    overlap = max(float(np.maximum(-one, 0).mean()) for one in (of_a, of_b))
    ways = [
        _loose(of_a, a.shell, a.points + offset, near_a),
        _loose(of_b, b.shell, b.points, near_b + offset),
    ]
    most = max(len(gaps) for gaps, _ in ways)
    chosen = [(gaps, ends) for gaps, ends in ways if len(gaps) == most]  # of the part with more pieces
    gaps, ends = min(chosen, key=lambda way: float(way[0].max()))
    deep = np.concatenate([(a.points + offset)[of_a < 0], b.points[of_b < 0]])
    return Joint(float(gaps.max()), overlap, ends[gaps > 0], deep)


def joints(parts: Mapping[str, Solid]) -> dict[Pair, Joint]:
    """Every pair of the parts of one shape, named in the order of ``parts``."""
    return {(a, b): joint(parts[a], parts[b]) for a, b in combinations(parts, 2)}


def measure(shapes: Sequence[Mapping[str, Mesh]]) -> Stage[list[dict[Pair, Joint]]]:
    """The joints of many shapes, each given as part name -> closed mesh, parts in the order of the vocabulary."""
    found = []
    for done, meshes in enumerate(shapes):
        yield Progress(stage="joints", done=done, total=len(shapes))
        found.append(joints(solids(meshes)))
    yield Progress(stage="joints", done=len(shapes), total=len(shapes))
    return found


def limits(training: Iterable[Mapping[Pair, Joint]]) -> dict[Pair, Limit]:
    """What is usual, from the joints of training shapes; pairs that fewer than ``LEAST`` shapes have are left out.

    Raises InputError when no pair is left, since then nothing can be judged.
    """
    seen: dict[Pair, list[Joint]] = {}
    for shape in training:
        for pair, found in shape.items():
            seen.setdefault(pair, []).append(found)
    result = {}
    for pair, all_of in seen.items():
        if len(all_of) < LEAST:
            continue
        gaps = [one.gap for one in all_of]
        gap = float(np.percentile(gaps, PERCENTILE)) if float(np.median(gaps)) <= NEIGHBOURS else inf
        result[pair] = Limit(gap, float(np.percentile([one.overlap for one in all_of], PERCENTILE)), len(all_of))
    if not result:
        raise InputError(f"no two parts stand together in {LEAST} training shapes or more, so no joint can be judged")
    return result


def score(found: Mapping[Pair, Joint], usual: Mapping[Pair, Limit]) -> Score:
    """How far joints go beyond what is usual; pairs without a limit do not count."""
    excess = {pair: excess_of(one, usual[pair]) for pair, one in found.items() if pair in usual}
    return Score(sum(gap + overlap for gap, overlap in excess.values()), excess)


def excess_of(found: Joint, limit: Limit) -> tuple[float, float]:
    """(gap, overlap) of one joint beyond its limit, 0 where it is within."""
    return max(0.0, found.gap - limit.gap), max(0.0, found.overlap - limit.overlap)


def _loose(distance: Points, shell: NDArray[np.int64], points: Points, nearest: Points) -> tuple[Points, Points]:
    """Of each piece of a part: its gap (S,) to the other part, and the two points (S, 2, 3) between which that is."""
    first = [np.flatnonzero(shell == s)[distance[shell == s].argmin()] for s in range(int(shell.max()) + 1)]
    return np.maximum(distance[first], 0), np.stack([points[first], nearest[first]], 1)
