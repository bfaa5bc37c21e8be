"""Points on surfaces, and the labelled samples of an item."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh, face_areas
from engine.geometry.regions import part_meshes_of
from engine.geometry.samples import Samples
from engine.settings import SampleSettings
from engine.storage import seed_of

PART_MARGIN = 0.1  # a part's box grows by this share of its size, half of it on each side
PROBES = 4096  # points in the whole, in the box of a region and near its labels that tell how far its inside reaches
JITTERS = (0.003, 0.01, 0.03)  # cube units from the labels
HALF = 0.5  # the cube is [-HALF, HALF]^3


def surface_points(mesh: Mesh, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(count, 3) points spread evenly over the area of ``mesh``, in its frame. Raises MeshError when it has no area."""
    return surface_samples(mesh, count, generator)[0]


def surface_samples(
    mesh: Mesh, count: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`surface_points`, and for each the face (count,) that it lies on."""
    cumulative = np.cumsum(face_areas(mesh))
    if not len(cumulative) or not cumulative[-1] > 0:
        raise MeshError("the mesh has no area to place points on")
    face = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right")
    face = face.clip(0, len(cumulative) - 1)
    u, v = generator.random((2, count, 1))
    over = u + v > 1  # fold the unit square onto the triangle
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = mesh.triangles[face].swapaxes(0, 1)
    return a + u * (b - a) + v * (c - a), face


def occupied(geometry: Geometry, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(P,) True inside the item: inside any part where solid parts make it up, else inside the surface."""
    return labelled(geometry, points)[0]


def labelled(
    geometry: Geometry, points: NDArray[np.floating]
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.bool_]]]:
    """(P,) True inside the item; and for each part by name (P,) True inside it.

    Parts are solids, or else the places inside the surface whose nearest labelled point has the part's label.
    """
    if geometry.parts:
        within = {name: inside(part, points) for name, part in geometry.parts.items()}
        whole = np.logical_or.reduce(list(within.values()))
        return whole if geometry.complete else whole | inside(geometry.surface, points), within
    whole = inside(geometry.surface, points)
    if geometry.regions is None:
        return whole, {}
    label = np.full(len(points), -1, np.int16)
    label[whole] = geometry.regions.label_of(points[whole])
    return whole, {name: label == k for k, name in enumerate(geometry.regions.names)}


def part_boxes(geometry: Geometry) -> dict[str, NDArray[np.float64]]:
    """(2, 3) lower and upper corner of each part that has an inside, grown by ``PART_MARGIN``, within the cube."""
    if geometry.parts or geometry.regions is None:
        return {name: _grown(part.bounds) for name, part in geometry.parts.items()}
    regions, boxes = geometry.regions, {}
    low, high = geometry.surface.bounds
    even = np.random.default_rng(0).uniform(low, high, (PROBES, 3))
    even = even[inside(geometry.surface, even)]
    label = regions.label_of(even)
    for k, name in enumerate(regions.names):
        points = regions.points_of(name).astype(np.float64)
        probes = _probes(points, np.random.default_rng(seed_of("part box", name)))  # the same for every set of samples
        probes = probes[inside(geometry.surface, probes)]
        found = np.concatenate([even[label == k], probes[regions.label_of(probes) == k]])
        if len(found):
            ends = np.concatenate([points, found])
            boxes[name] = _grown(np.stack([ends.min(0), ends.max(0)]))
    return boxes


def _probes(points: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(2 PROBES, 3) where the inside of a region may be: in twice its box, and close to its labelled points."""
    low, high = points.min(0), points.max(0)
    reach = np.maximum(high - low, PART_MARGIN * (high - low).max())  # labels may lie in one plane
    wide = (low + high) / 2 + generator.uniform(-1, 1, (PROBES, 3)) * reach
    jitter = generator.choice(JITTERS, (PROBES, 1)) * generator.normal(size=(PROBES, 3))
    return np.concatenate([wide, points[generator.integers(0, len(points), PROBES)] + jitter])


def sample(
    geometry: Geometry, settings: SampleSettings, vocabulary: tuple[str, ...], seed: int, held_out: bool
) -> Samples:
    """Labelled points of an item in canonical space; see ``Samples`` for the fields.

    Sections: "uniform" (``settings.uniform`` points, or ``settings.held_out``), "near" (surface points with Gaussian
    jitter, half of them on the whole and half shared equally by the parts; none when held out) and "part:<name>" for
    each part of ``vocabulary`` that the item has. Training and held-out sets come from different random streams. Parts
    of the item that the vocabulary lacks still count for occupancy. A part without an inside counts as absent.
    """
    kind = "held-out" if held_out else "train"

    def stream(section: str) -> np.random.Generator:
        return np.random.default_rng(seed_of("samples", seed, kind, section))

    count = settings.held_out if held_out else settings.uniform
    sections = {"uniform": stream("uniform").random((count, 3)) - HALF}
    if not held_out and settings.near:
        sections["near"] = _near(geometry, settings, stream("near"))
    present, boxes = np.zeros(len(vocabulary), bool), np.zeros((len(vocabulary), 2, 3), np.float32)
    found = part_boxes(geometry) if vocabulary else {}
    for k, name in enumerate(vocabulary):
        if name in found:
            present[k], boxes[k] = True, found[name]
            sections[f"part:{name}"] = stream(f"part:{name}").uniform(boxes[k, 0], boxes[k, 1], (settings.per_part, 3))
    stops = np.cumsum([len(points) for points in sections.values()]).tolist()
    points = np.concatenate(list(sections.values())).clip(-HALF, HALF).astype(np.float32)

    whole, labels = labelled(geometry, points)
    within = np.zeros((len(points), len(vocabulary)), np.uint8)
    for k in np.flatnonzero(present).tolist():
        within[:, k] = labels[vocabulary[k]]
    spans = dict(zip(sections, zip([0, *stops], stops, strict=False), strict=True))
    return Samples(points, whole.astype(np.uint8), within, present, boxes, spans, vocabulary)


def _grown(box: NDArray[np.floating]) -> NDArray[np.float64]:
    """The (2, 3) box with its margin, within the cube."""
    low, high = box
    margin = (high - low) * PART_MARGIN / 2
    return np.clip([low - margin, high + margin], -HALF, HALF)


def _near(geometry: Geometry, settings: SampleSettings, generator: np.random.Generator) -> NDArray[np.float64]:
    """(settings.near, 3) surface points with jitter; shuffled, so that a prefix is a fair sample too."""
    sources = [geometry.surface, *part_meshes_of(geometry).values()]
    whole = settings.near if len(sources) == 1 else settings.near // 2
    share = np.full(len(sources), (settings.near - whole) // max(len(sources) - 1, 1))
    share[0] = 0
    share[0] = settings.near - share.sum()
    points = np.concatenate(
        [surface_points(mesh, int(count), generator) for mesh, count in zip(sources, share, strict=True)]
    )
    points += generator.normal(0, settings.jitter, points.shape)
    return generator.permutation(points)
