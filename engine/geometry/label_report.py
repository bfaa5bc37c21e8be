"""How well the parts of an item are told: what has no label, and where labels contradict each other."""

from itertools import combinations
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.occupancy import surface_points
from engine.geometry.regions import Regions

FAR = 0.02  # of the longest side: farther than this from any labelled place the surface has no label
NEAR = 0.005  # of the longest side: closer than this, places of different labels contradict each other
OVERLAP = 0.1  # share of the smaller solid's volume from which an overlap is a contradiction
SURFACE = 20_000  # points on the surface that tell what is unlabelled
PROBES = 8_192  # points in the box of a solid that tell how much of it lies in another
NAMED = 3  # overlaps that the sentence names
NONE = 0.005  # shares below this are not worth a word


def label_report(geometry: Geometry) -> dict[str, Any]:
    """Numbers and a sentence about the parts of an item in canonical space; {} for an item without parts.

    unlabelled : share of the surface farther than FAR from any labelled place, or the share of the source that had no
        label, whichever is more
    contradictory : regions: share of the labelled points with one of another label within NEAR; solids: share of the
        solids that overlap another one by more than OVERLAP of the smaller one's volume
    overlaps : solids: [name, name, share of the smaller one's volume], largest first
    text : the same in words
    """
    if geometry.parts:
        return _of_solids(geometry)
    return _of_regions(geometry, geometry.regions) if geometry.regions else {}


def _of_regions(geometry: Geometry, regions: Regions) -> dict[str, Any]:
    unlabelled = max(_far(geometry.surface, regions.tree), regions.unlabelled)
    crossed = np.zeros(len(regions.points), bool)
    for k in range(len(regions.names)):
        own = regions.label == k
        if own.all():
            break
        others = cKDTree(regions.points[~own])
        crossed[own] = others.query(regions.points[own], distance_upper_bound=NEAR * LONGEST_SIDE)[0] < np.inf
    contradictory = float(crossed.mean())
    said = [f"{len(regions.names)} parts told by labels on the surface"]
    if unlabelled >= NONE:
        said.append(f"{unlabelled:.0%} of the surface has no label of its own and goes with the nearest one")
    if contradictory >= NONE:
        said.append(f"{contradictory:.0%} of the labels have a different one right beside them")
    return _report(unlabelled, contradictory, said)


def _of_solids(geometry: Geometry) -> dict[str, Any]:
    parts = geometry.parts
    unlabelled = 0.0
    if not geometry.complete:
        shares = [surface_points(part, SURFACE, np.random.default_rng(0)) for part in parts.values()]
        unlabelled = _far(geometry.surface, cKDTree(np.concatenate(shares)))
    overlaps = [
        (one, other, share)
        for one, other in combinations(parts, 2)
        if (share := _overlap(parts[one], parts[other])) > OVERLAP
    ]
    overlaps.sort(key=lambda found: -found[2])
    contradictory = len({name for one, other, _ in overlaps for name in (one, other)}) / len(parts)
    said = [f"{len(parts)} parts, each a solid"]
    if unlabelled >= NONE:
        said.append(f"{unlabelled:.0%} of the surface belongs to none of them")
    said += [f"{one} and {other} share {share:.0%} of the smaller one" for one, other, share in overlaps[:NAMED]]
    if len(overlaps) > NAMED:
        said.append(f"and {len(overlaps) - NAMED} more pairs overlap")
    found = _report(unlabelled, contradictory, said)
    return found | {"overlaps": [[one, other, round(share, 3)] for one, other, share in overlaps]}


def _report(unlabelled: float, contradictory: float, said: list[str]) -> dict[str, Any]:
    return {
        "unlabelled": round(unlabelled, 4),
        "contradictory": round(contradictory, 4),
        "text": "; ".join(said) + ".",
    }


def _far(surface: Mesh, tree: cKDTree) -> float:
    """Share of the surface that is farther than FAR from every point of ``tree``."""
    points = surface_points(surface, SURFACE, np.random.default_rng(0))
    return float((tree.query(points)[0] > FAR * LONGEST_SIDE).mean())


def _overlap(one: Mesh, other: Mesh) -> float:
    """Share of the volume of the smaller solid that lies in the other, by points in the box where they meet."""
    boxes = np.stack([one.bounds, other.bounds])
    low, high = boxes[:, 0].max(0), boxes[:, 1].min(0)
    if (low >= high).any():
        return 0.0
    generator = np.random.default_rng(0)
    shared = generator.uniform(low, high, (PROBES, 3))
    both = (inside(one, shared) & inside(other, shared)).mean() * (high - low).prod()
    return float(both / max(min(_volume(one), _volume(other)), 1e-300))


def _volume(mesh: Mesh) -> float:
    """Volume inside, by points in the box, so that pieces that overlap count once."""
    low, high = mesh.bounds
    points = np.random.default_rng(0).uniform(low, high, (PROBES, 3))
    return float(inside(mesh, points).mean() * (high - low).prod())
