"""Items that come as points instead of a mesh: surface clouds, and points with inside flags that fields can be fitted to."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError, MeshError
from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.samples import Samples
from engine.settings import SampleSettings
from engine.storage import read_tensors, seed_of, write_tensors

HELD_OUT = 0.15  # share of the evenly drawn points that judges a fit and is never fitted to
LEAST = 2_000  # points that a field needs


@dataclass(frozen=True)
class Stored:
    """Points of an item, in canonical space.

    points : (P, 3) float32
    inside : (P,) bool, or (0,) for points on the surface
    label : (P,) int16 into ``names``, -1 for none; or (0,)
    near : how many of the points, from the first, were drawn near the surface; the others were drawn evenly
    to_source : (4, 4) float64, canonical coordinates -> coordinates of the source file
    colours : (P, 3) uint8 sRGB, or (0, 3)
    """

    points: NDArray[np.float32]
    inside: NDArray[np.bool_]
    label: NDArray[np.int16]
    names: tuple[str, ...]
    near: int
    to_source: NDArray[np.float64]
    colours: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 3), np.uint8))

    def save(self, path: Path) -> None:
        """Write as one safetensors file, atomically."""
        header = {"names": msgspec.json.encode(self.names).decode(), "near": str(self.near)}
        arrays: dict[str, NDArray] = {"points": self.points, "inside": self.inside.astype(np.uint8)}
        arrays |= {"label": self.label, "to_source": self.to_source}
        write_tensors(path, arrays | ({"colours": self.colours} if len(self.colours) else {}), header)

    @staticmethod
    def load(path: Path) -> "Stored":
        """Read back what ``save`` wrote. Raises DamagedFileError."""
        arrays, header = read_tensors(path)
        names = msgspec.json.decode(header["names"], type=tuple[str, ...])
        inside, colours = arrays["inside"].astype(bool), arrays.get("colours", np.zeros((0, 3), np.uint8))
        near, to_source = int(header["near"]), arrays["to_source"]
        return Stored(arrays["points"], inside, arrays["label"], names, near, to_source, colours)


def frame(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(4, 4) canonical coordinates -> coordinates of ``points`` (P, 3), by their bounding box. Raises MeshError."""
    if not len(points) or not np.isfinite(points).all():
        raise MeshError("there are no points, or some have coordinates that are not finite numbers")
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    if not side > 0:
        raise MeshError("all points are at one place")
    to_source = np.eye(4)
    to_source[:3, :3] *= side / LONGEST_SIDE
    to_source[:3, 3] = (low + high) / 2
    return to_source


def place(points: NDArray[np.floating], to_source: NDArray[np.float64]) -> NDArray[np.float32]:
    """Points (P, 3) of the source in canonical space."""
    back = np.linalg.inv(to_source)
    return (points @ back[:3, :3].T + back[:3, 3]).astype(np.float32)


def samples_of(stored: Stored, settings: SampleSettings, seed: int, held_out: bool) -> Samples:
    """Fitting or held-out points from those stored; as many as are asked for, or all there are.

    Which points are held out depends on nothing but their number, so a fit never sees them whatever its settings. Raises
    InputError for a cloud of surface points, and for too few points.
    """
    if not len(stored.inside):
        raise InputError("this item is a cloud of surface points: they do not tell inside from outside")
    even = np.random.default_rng(seed_of("held out", len(stored.points))).permutation(
        np.arange(stored.near, len(stored.points))
    )
    count = int(len(even) * HELD_OUT)
    if count < LEAST * HELD_OUT:
        raise InputError(f"{len(even)} evenly drawn points are too few to fit a field to; {LEAST} are the least")
    generator = np.random.default_rng(seed_of("stored samples", seed, held_out))
    uniform = generator.permutation(even[:count] if held_out else even[count:])
    uniform = uniform[: settings.held_out if held_out else settings.uniform]
    near = generator.permutation(stored.near)[: 0 if held_out else settings.near]
    index = np.concatenate([uniform, near]).astype(np.int64)
    sections = {"uniform": (0, len(uniform))}
    if len(near):
        sections["near"] = (len(uniform), len(index))
    none = np.zeros((len(index), 0), np.uint8)
    inside = stored.inside[index].astype(np.uint8)
    boxes = np.zeros((0, 2, 3), np.float32)
    return Samples(stored.points[index], inside, none, np.zeros(0, bool), boxes, sections, ())
