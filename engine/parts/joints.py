"""Joints: how far neighbouring parts gape or run into each other, and how unusual that is among the training shapes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, permutations
from math import inf
from types import MappingProxyType

import igl
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.geometry.crumbs import shells
from engine.geometry.mesh import Mesh, face_areas, join, volume
from engine.geometry.occupancy import surface_points
from engine.parts.order import UP
from engine.protocol import Progress, Stage
from engine.storage import seed_of

POINTS = 384  # samples of each part's surface; a gap is overestimated by at most about their spacing
CRUMB = 0.1  # shells under this share of the volume of a part's largest are details or crumbs, and not looked at
PERCENTILE = 95.0
NEIGHBOURS = 0.02  # parts are neighbours when the median of their gap over training shapes is at most this
NOISE = 5e-4  # an excess under this is none: samples and grids do not tell it from 0
LEAST = 5  # training shapes that must have a joint before it is judged

REST = ""  # the second name of a pair: all other parts together, to any of which a piece may be fixed

Pair = tuple[str, str]
Points = NDArray[np.float64]

ORIGIN: Points = np.zeros(3)


@dataclass(frozen=True)
class Solid:
    """A part prepared for measuring, in canonical space.

    mesh : its closed surface, without crumbs
    points : (P, 3) samples of it; shell : (P,) which connected piece each lies on
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
    def _winding(self) -> igl.FastWindingNumberBVH:
        hierarchy = igl.FastWindingNumberBVH()
        hierarchy.init(*self._arrays)
        return hierarchy

    @cached_property
    def bounds(self) -> Points:
        """(2, 3) lower and upper corner."""
        return self.mesh.bounds

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where its bottom and its top are along y, which is up."""
        bottom, top = self.bounds[:, UP].tolist()
        return bottom, top

    @cached_property
    def _arrays(self) -> tuple[Points, NDArray[np.int64]]:
        return np.ascontiguousarray(self.mesh.vertices, np.float64), np.ascontiguousarray(self.mesh.faces, np.int64)

    def distance(self, points: Points) -> tuple[Points, Points]:
        """Signed distance (P,) of ``points`` (P, 3) to the surface, negative inside, and its nearest points (P, 3)."""
        points = np.ascontiguousarray(points)
        squared, _, nearest = self._tree.squared_distance(*self._arrays, points)
        distance = np.sqrt(squared)
        low, high = self.bounds
        near = np.flatnonzero(((points >= low) & (points <= high)).all(1))
        if len(near):
            inside = np.abs(self._winding.winding_number(np.ascontiguousarray(points[near]))) >= 0.5
            distance[near[inside]] *= -1
        return distance, nearest


@dataclass(frozen=True)
class Side:
    """One part as seen from another, all in canonical space.

    gaps : (S,) distance of each piece of the part to the other part, 0 where they meet
    ends : (S, 2, 3) the two points between which that is
    depth : mean depth of the part's samples inside the other (0 for those outside)
    deep : (O, 3) the samples that lie inside
    least : (P,) what the signed distance of each sample is at least, when the part stands ``place`` (3,) from the other
    """

    gaps: Points
    ends: Points
    depth: float
    deep: Points
    least: Points
    place: Points


@dataclass(frozen=True)
class Joint:
    """How two parts meet, or one part and the rest (``REST``), in units of canonical space.

    gap : distance between the surfaces, 0 where they touch. Of a part in several pieces (two wings, four engines) that of
        the loosest piece
    overlap : mean depth of the samples of one part's surface inside the other, the larger of both; 0 for the rest
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
    """How unusual a shape's joints are, and the order of its parts.

    total : sum of all that follows, 0 when every joint is usual and no part is out of order
    excess : pair -> (gap, overlap) beyond its limit
    order : (lower, upper) -> by how much the one ends above the other, see `parts.order`
    """

    total: float
    excess: Mapping[Pair, tuple[float, float]]
    order: Mapping[Pair, float] = field(default_factory=dict)


def solid(mesh: Mesh, name: str = "") -> Solid:
    """A part's closed mesh, prepared. Samples are the same for the same mesh and name. Raises MeshError without area."""
    pieces = shells(mesh) or [mesh]  # the largest first
    pieces = [piece for piece in pieces if abs(volume(piece)) >= CRUMB * abs(volume(pieces[0]))]
    areas = np.array([face_areas(piece).sum() for piece in pieces])
    counts = np.maximum(32, np.round(POINTS * areas / max(areas.sum(), 1e-12))).astype(int)
    generator = np.random.default_rng(seed_of("joint", name))
    points = [surface_points(piece, count, generator) for piece, count in zip(pieces, counts, strict=True)]
    return Solid(join(pieces), np.concatenate(points), np.repeat(np.arange(len(points)), counts))


def solids(meshes: Mapping[str, Mesh]) -> dict[str, Solid]:
    """All parts of a shape that have a surface, prepared."""
    return {name: solid(mesh, name) for name, mesh in meshes.items() if len(mesh.faces)}


def side(a: Solid, b: Solid, place_a: Points = ORIGIN, place_b: Points = ORIGIN, before: Side | None = None) -> Side:
    """Part ``a`` as seen from part ``b`` when both are shifted by their places (3,).

    before : the same at other places, which makes it quick and changes nothing: a sample's signed distance cannot have
        changed by more than the shift, so far ones are neither the nearest of their piece nor inside, and are not asked
    """
    place = place_a - place_b
    pieces = [a.shell == s for s in range(int(a.shell.max()) + 1)]
    least = np.full(len(a.points), -inf)
    asked = np.ones(len(a.points), bool)
    if before is not None:
        shift = float(np.linalg.norm(place - before.place)) + 1e-9
        least = before.least - shift
        for piece in pieces:
            asked[piece] = least[piece] <= max(0.0, float(before.least[piece].min()) + shift)
    distance, found = np.full(len(a.points), inf), np.zeros((len(a.points), 3))
    distance[asked], found[asked] = b.distance(a.points[asked] + place)
    where = a.points + place_a
    first = [np.flatnonzero(piece)[distance[piece].argmin()] for piece in pieces]
    ends = np.stack([where[first], found[first] + place_b], 1)
    depth = float(np.maximum(-distance, 0).mean())
    least = np.where(asked, distance, least)
    return Side(np.maximum(distance[first], 0), ends, depth, where[distance < 0], least, place)


def sides(parts: Mapping[str, Solid], places: Mapping[str, Points]) -> dict[Pair, Side]:
    """Every part as seen from every other, (seen, from) -> Side."""
    return {(a, b): side(parts[a], parts[b], places[a], places[b]) for a, b in permutations(parts, 2)}


def joint(there: Side, back: Side) -> Joint:
    """How two parts meet, from the one as seen from the other and the reverse; their order does not matter.

    The gap is told by the part with more pieces, each of which should be fixed.
    """
    most = max(len(there.gaps), len(back.gaps))
    told = min((one for one in (there, back) if len(one.gaps) == most), key=lambda one: float(one.gaps.max()))
    deep = np.concatenate([there.deep, back.deep])
    return Joint(float(told.gaps.max()), max(there.depth, back.depth), told.ends[told.gaps > 0], deep)


def hold(there: Sequence[Side], back: Sequence[Side]) -> Joint:
    """How a part is fixed to the rest, from its sides as seen from every other part and the reverse.

    Each piece may be fixed to any other part, as engines are to a wing or to the body.
    """
    gaps, ends = np.stack([one.gaps for one in there]), np.stack([one.ends for one in there])  # (B, S), (B, S, 2, 3)
    if gaps.shape[1] == 1:  # the samples of others tell of a part in one piece as well
        gaps = np.concatenate([gaps, *(one.gaps[:, None] for one in back)])
        ends = np.concatenate([ends, *(one.ends[:, None, ::-1] for one in back)])
    nearest, pieces = gaps.argmin(0), np.arange(gaps.shape[1])
    gaps, ends = gaps[nearest, pieces], ends[nearest, pieces]
    return Joint(float(gaps.max()), 0.0, ends[gaps > 0], np.zeros((0, 3)))


def joints_of(seen: Mapping[Pair, Side], names: Sequence[str]) -> dict[Pair, Joint]:
    """The joints of a shape from all its sides: every pair in the order of ``names``, and (part, REST) for every part."""
    pairs = {(a, b): joint(seen[a, b], seen[b, a]) for a, b in combinations(names, 2)}
    if len(names) < 2:
        return pairs
    others = {a: [b for b in names if b != a] for a in names}
    rest = {(a, REST): hold([seen[a, b] for b in others[a]], [seen[b, a] for b in others[a]]) for a in names}
    return {**pairs, **rest}


def joints(parts: Mapping[str, Solid]) -> dict[Pair, Joint]:
    """The joints of one shape (`joints_of`) whose parts, in the model's order, stand where they are."""
    return joints_of(sides(parts, dict.fromkeys(parts, ORIGIN)), list(parts))


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


def score(
    found: Mapping[Pair, Joint], usual: Mapping[Pair, Limit], order: Mapping[Pair, float] = MappingProxyType({})
) -> Score:
    """How far joints go beyond what is usual, pairs without a limit do not count; and parts out of ``order``."""
    excess = {pair: excess_of(one, usual[pair]) for pair, one in found.items() if pair in usual}
    return Score(sum(gap + overlap for gap, overlap in excess.values()) + sum(order.values()), excess, order)


def excess_of(found: Joint, limit: Limit) -> tuple[float, float]:
    """(gap, overlap) of one joint beyond its limit, 0 where it is within, or beyond it by less than ``NOISE``."""
    gap, overlap = found.gap - limit.gap, found.overlap - limit.overlap
    return gap if gap > NOISE else 0.0, overlap if overlap > NOISE else 0.0
