"""Points of an item in the frames of its parts, with signed distances: what experts and codes are fitted to."""

from dataclasses import dataclass
from pathlib import Path

import igl
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.basis.frames import NUMBERS, frame_of, to_canonical, to_local
from engine.geometry.file import load_geometry
from engine.geometry.inside import inside
from engine.geometry.mesh import Geometry, Mesh
from engine.geometry.occupancy import labelled, part_boxes, surface_points
from engine.geometry.regions import part_meshes_of
from engine.methods.basis.settings import LocalSettings
from engine.project import Project
from engine.rows import ItemRow
from engine.storage import digest, map_tensor, seed_of, write_tensors

MARGIN = 1.1  # the expert of a part knows its frame from -MARGIN to MARGIN
LEANING = 4_000  # points that a frame is fitted to
PROBES = 2_048  # points that tell whether a part is its own mirror image
FINE_SHARE = 0.6  # of the near points
NORMALS = igl.SIGNED_DISTANCE_TYPE_PSEUDONORMAL
PROOF = 512  # points whose side is told in two ways


@dataclass(frozen=True)
class LocalPoints:
    """Points of one item, part by part, shuffled: any stretch of them is a fair sample.

    points : (K, P, 3) float16, in the frame of each part, within MARGIN; zeros for absent parts
    distance : (K, P) float16, to the surface of the part in its frame, positive inside
    frames : (K, 8) float32; zeros for absent parts
    present : (K,) bool
    """

    points: NDArray[np.float16]
    distance: NDArray[np.float16]
    frames: NDArray[np.float32]
    present: NDArray[np.bool_]

    def save(self, path: Path) -> None:
        """Write as one safetensors file, atomically; without the zeros of absent parts where there are others."""
        kept = self.present if self.present.any() else slice(None)
        arrays: dict[str, NDArray] = {"points": self.points[kept], "distance": self.distance[kept]}
        write_tensors(path, arrays | {"frames": self.frames, "present": self.present.astype(np.uint8)})

    @staticmethod
    def load(path: Path) -> "LocalPoints":
        """Open what ``save`` wrote, memory-mapped where no part is absent. Raises DamagedFileError."""
        points, distance, frames, present = LocalPoints.mapped(path)
        if len(points) < len(present):
            held = points, distance
            points, distance = (np.zeros((len(present), *block.shape[1:]), block.dtype) for block in held)
            points[present], distance[present] = held
        return LocalPoints(points, distance, frames, present)

    @staticmethod
    def mapped(path: Path) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Points (M, P, 3) and distances (M, P) as they are in the file, memory-mapped; frames and presence in memory.

        M is K, or the number of parts that are there. Raises DamagedFileError.
        """
        points, distance, frames, present = (
            map_tensor(path, name)[0] for name in ("points", "distance", "frames", "present")
        )
        return points, distance, np.array(frames), present.astype(bool)


def points_file(
    project: Project,
    item: ItemRow,
    settings: LocalSettings,
    vocabulary: tuple[str, ...],
    mirrored: tuple[bool, ...],
    seed: int,
) -> Path:
    """File with the points of an item, made unless it is in the cache. The key holds everything that they depend on."""
    source = project.geometry_path(item.id)
    about = source.stat()
    key = digest(
        msgspec.json.encode(
            ["basis", settings, vocabulary, mirrored, seed, item.hash, about.st_size, about.st_mtime_ns]
        )
    )
    path = project.samples_path(item.id, key)
    if not path.exists():
        make_local(load_geometry(source), settings, vocabulary, mirrored, seed).save(path)
    return path


def make_local(
    geometry: Geometry, settings: LocalSettings, vocabulary: tuple[str, ...], mirrored: tuple[bool, ...], seed: int
) -> LocalPoints:
    """Draw and label the points of an item; a part without an inside counts as absent."""
    count = len(vocabulary)
    total = settings.near + settings.even
    points = np.zeros((count, total, 3), np.float16)
    distance = np.zeros((count, total), np.float16)
    frames = np.zeros((count, NUMBERS), np.float32)
    surfaces = part_meshes_of(geometry)
    boxes = part_boxes(geometry)
    present = np.array([name in surfaces and name in boxes for name in vocabulary], bool)
    for k in np.flatnonzero(present):
        name, surface = vocabulary[k], surfaces[vocabulary[k]]
        generator = np.random.default_rng(seed_of("local points", seed, name))
        spread = surface_points(surface, LEANING, generator)
        corners = surface.vertices
        if not geometry.parts:  # its inside may reach beyond its labels
            box = boxes[name]
            within = generator.uniform(box[0], box[1], (LEANING, 3))
            corners = np.concatenate([corners, within[_inside(geometry, name, within)]])
        frame = frame_of(spread, corners, mirrored[k], settings.skew)
        frames[k] = frame
        local = _draw(surface, frames[k], mirrored[k], settings, generator)
        points[k] = local.astype(np.float16)
        distance[k] = _distance(geometry, name, surface, frames[k], points[k].astype(np.float64))
    return LocalPoints(points, distance, frames, present)


def lopsided(mesh: Mesh, seed: int) -> float:
    """Share of the points in or mirrored into a part that are in only one of the two; 0 = its own mirror image in x."""
    generator = np.random.default_rng(seed_of("mirror", seed))
    low, high = mesh.bounds
    reach = max(abs(low[0]), abs(high[0]))
    low, high = np.array([0.0, *low[1:]]), np.array([reach, *high[1:]])
    points = generator.uniform(low, high, (PROBES, 3))
    right, left = inside(mesh, points), inside(mesh, points * [-1, 1, 1])
    return float((right != left).sum() / max(1, (right | left).sum()))


def _draw(
    surface: Mesh, frame: NDArray[np.float32], mirrored: bool, settings: LocalSettings, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(P, 3) local points, shuffled: near the surface with fine or coarse jitter, and even ones."""
    near = _local(surface_points(surface, settings.near, generator), frame, mirrored)
    fine = generator.random((settings.near, 1)) < FINE_SHARE
    near = near + generator.normal(size=near.shape) * np.where(fine, settings.fine, settings.coarse)
    even = generator.uniform(-MARGIN, MARGIN, (settings.even, 3))
    both = np.concatenate([near, even])
    if mirrored:  # what lies beyond the plane of symmetry is folded back
        half, middle = np.exp(np.float64(frame[5])), np.float64(frame[2])
        both[:, 0] = (np.abs(both[:, 0] * half + middle) - middle) / half
    return generator.permutation(both.clip(-MARGIN, MARGIN))


def _distance(
    geometry: Geometry, name: str, surface: Mesh, frame: NDArray[np.float32], local: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(P,) signed distance in the frame, positive inside.

    To the surface of a solid; where parts are labels on one surface, also to the nearest point on the other side of the
    border inside, which is as exact as the points are dense. Sides are told by the normals of the nearest faces, edges
    and corners (Baerentzen and Aanaes 2005), four times as fast as by winding numbers, which decide where a few points show
    that the two differ: where solids overlap.
    """
    place = to_canonical(torch.from_numpy(local), torch.from_numpy(frame).double()).numpy()
    # the half that is folded away leans the same way as the other, not mirrored: that half of it is never the nearest
    vertices = np.ascontiguousarray(_local(surface.vertices, frame, False))
    faces = np.ascontiguousarray(surface.faces, np.int64)
    found = igl.signed_distance(np.ascontiguousarray(local), vertices, faces, sign_type=NORMALS)[0]
    away, within = np.abs(found), found < 0
    few = slice(PROOF)  # the points are shuffled
    if not geometry.parts or (within[few] != _inside(geometry, name, place[few])).any():
        within = _inside(geometry, name, place)
    if not geometry.parts and 0 < within.sum() < len(within):
        for side in (True, False):
            other = cKDTree(local[within != side])
            away[within == side] = np.minimum(away[within == side], other.query(local[within == side])[0])
    signed: NDArray[np.float32] = np.where(within, away, -away).astype(np.float32)
    return signed


def _inside(geometry: Geometry, name: str, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    return inside(geometry.parts[name], points) if geometry.parts else labelled(geometry, points)[1][name]


def _local(points: NDArray[np.float64], frame: NDArray[np.float32], mirrored: bool) -> NDArray[np.float64]:
    numbers = torch.from_numpy(frame).double()
    result: NDArray[np.float64] = to_local(torch.from_numpy(points), numbers, torch.tensor(mirrored)).numpy()
    return result
