"""Points on surfaces, and the labelled samples of an item."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh, face_areas
from engine.geometry.samples import Samples
from engine.settings import SampleSettings
from engine.storage import seed_of

PART_MARGIN = 0.1  # a part's box grows by this share of its size, half of it on each side
HALF = 0.5  # the cube is [-HALF, HALF]^3


def surface_points(mesh: Mesh, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(count, 3) points spread evenly over the area of ``mesh``, in its frame. Raises MeshError when it has no area."""
    cumulative = np.cumsum(face_areas(mesh))
    if not len(cumulative) or not cumulative[-1] > 0:
        raise MeshError("the mesh has no area to place points on")
    face = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right")
    face = face.clip(0, len(cumulative) - 1)
    u, v = generator.random((2, count, 1))
    over = u + v > 1  # fold the unit square onto the triangle
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = mesh.triangles[face].swapaxes(0, 1)
    return a + u * (b - a) + v * (c - a)


def occupied(geometry: Geometry, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(P,) True inside the item: inside any part where parts are known, else inside the surface."""
    if not geometry.parts:
        return inside(geometry.surface, points)
    return np.logical_or.reduce([inside(part, points) for part in geometry.parts.values()])


def sample(
    geometry: Geometry, settings: SampleSettings, vocabulary: tuple[str, ...], seed: int, held_out: bool
) -> Samples:
    """Labelled points of an item in canonical space; see ``Samples`` for the fields.

    Sections: "uniform" (``settings.uniform`` points, or ``settings.held_out``), "near" (surface points with Gaussian
    jitter, half of them on the whole and half shared equally by the parts; none when held out) and "part:<name>" for
    each part of ``vocabulary`` that the item has. Training and held-out sets come from different random streams. Parts
    of the item that the vocabulary lacks still count for occupancy.
    """
    kind = "held-out" if held_out else "train"
    parts = [(k, name, geometry.parts[name]) for k, name in enumerate(vocabulary) if name in geometry.parts]

    def stream(section: str) -> np.random.Generator:
        return np.random.default_rng(seed_of("samples", seed, kind, section))

    count = settings.held_out if held_out else settings.uniform
    sections = {"uniform": stream("uniform").random((count, 3)) - HALF}
    if not held_out and settings.near:
        sections["near"] = _near(geometry, settings, stream("near"))
    present, boxes = np.zeros(len(vocabulary), bool), np.zeros((len(vocabulary), 2, 3), np.float32)
    for k, name, part in parts:
        low, high = part.bounds
        margin = (high - low) * PART_MARGIN / 2
        present[k], boxes[k] = True, np.clip([low - margin, high + margin], -HALF, HALF)
        sections[f"part:{name}"] = stream(f"part:{name}").uniform(boxes[k, 0], boxes[k, 1], (settings.per_part, 3))
    stops = np.cumsum([len(points) for points in sections.values()]).tolist()
    points = np.concatenate(list(sections.values())).clip(-HALF, HALF).astype(np.float32)

    labels = {name: inside(part, points) for name, part in geometry.parts.items()}
    within = np.zeros((len(points), len(vocabulary)), np.uint8)
    for k, name, _ in parts:
        within[:, k] = labels[name]
    whole = np.logical_or.reduce(list(labels.values())) if labels else inside(geometry.surface, points)
    spans = dict(zip(sections, zip([0, *stops], stops, strict=False), strict=True))
    return Samples(points, whole.astype(np.uint8), within, present, boxes, spans, vocabulary)


def _near(geometry: Geometry, settings: SampleSettings, generator: np.random.Generator) -> NDArray[np.float64]:
    """(settings.near, 3) surface points with jitter; shuffled, so that a prefix is a fair sample too."""
    sources = [geometry.surface, *geometry.parts.values()]
    whole = settings.near if len(sources) == 1 else settings.near // 2
    share = np.full(len(sources), (settings.near - whole) // max(len(sources) - 1, 1))
    share[0] = 0
    share[0] = settings.near - share.sum()
    points = np.concatenate(
        [surface_points(mesh, int(count), generator) for mesh, count in zip(sources, share, strict=True)]
    )
    points += generator.normal(0, settings.jitter, points.shape)
    return generator.permutation(points)
