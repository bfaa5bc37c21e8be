"""Labelled points of an item: what fields are fitted to and judged by, kept as one memory-mapped file per item."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.storage import map_tensor, write_tensors

NAMES = ("points", "occupancy", "inside", "present", "boxes")


@dataclass(frozen=True)
class Samples:
    """Points with labels, in canonical space.

    points : (P, 3) float32 in [-0.5, 0.5]^3
    occupancy : (P,) uint8, 1 inside the whole shape
    inside : (P, K) uint8, 1 inside the solid of each part of ``vocabulary`` (parts may overlap); K may be 0
    present : (K,) bool, which parts of the vocabulary the item has
    boxes : (K, 2, 3) float32, bounding box of each part grown by 10 % of its size; zeros for absent parts
    sections : name -> (start, stop) of the point list: "uniform", "near", and "part:<name>" for each present part
    vocabulary : K part names
    """

    points: NDArray[np.float32]
    occupancy: NDArray[np.uint8]
    inside: NDArray[np.uint8]
    present: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    sections: dict[str, tuple[int, int]]
    vocabulary: tuple[str, ...]

    def section(self, name: str) -> slice:
        """Slice of the named section."""
        return slice(*self.sections[name])

    def save(self, path: Path) -> None:
        """Write as one safetensors file, atomically."""
        header = {"sections": msgspec.json.encode(self.sections).decode(), "vocabulary": "\n".join(self.vocabulary)}
        arrays = {name: getattr(self, name) for name in NAMES}
        write_tensors(path, arrays, header)

    @staticmethod
    def load(path: Path) -> "Samples":
        """Open what ``save`` wrote, memory-mapped. Raises DamagedFileError."""
        arrays: dict[str, NDArray] = {}
        for name in NAMES:
            arrays[name], header = map_tensor(path, name)
        arrays["present"] = arrays["present"].astype(bool)
        sections = msgspec.json.decode(header["sections"], type=dict[str, tuple[int, int]])
        vocabulary = tuple(header["vocabulary"].split("\n")) if header["vocabulary"] else ()
        return Samples(**arrays, sections=sections, vocabulary=vocabulary)
