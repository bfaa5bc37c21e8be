"""Copies of meshes placed in a scene, gathered into one mesh with their colours, and the names of nodes and materials as
labels."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.geometry.raw import FaceLabels, Raw
from engine.geometry.readers.coloured import Colours, coloured
from engine.geometry.readers.limits import Limits, check_faces, check_vertices
from engine.geometry.readers.polygons import assemble
from engine.geometry.readers.text import one_line


@dataclass
class Scene:
    """What has been placed so far; polygons stay in the order in which they come."""

    limits: Limits
    notes: list[str] = field(default_factory=list)
    _vertices: list[NDArray[np.float64]] = field(default_factory=list)
    _colours: dict[int, Colours] = field(default_factory=dict)  # by the number of the first vertex
    _sizes: list[NDArray[np.int64]] = field(default_factory=list)
    _corners: list[NDArray[np.int64]] = field(default_factory=list)
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict)  # scheme -> name -> its number
    _labels: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    _vertex_count: int = 0
    _face_count: int = 0

    def note(self, text: str) -> None:
        """Tell something odd once."""
        if text not in self.notes:
            self.notes.append(text)

    def place(self, vertices: NDArray[np.float64], matrix: NDArray[np.float64], colours: Colours | None = None) -> int:
        """Copy vertices (V, 3), moved by a (4, 4) ``matrix``, into the scene. Returns the number of the first one.

        colours : (V, 3) sRGB 0..1 of these vertices; those without are white where others have some
        """
        first = self._vertex_count
        if colours is not None:
            self._colours[first] = colours
        self._vertex_count += len(vertices)
        check_vertices(self._vertex_count, self.limits)
        with np.errstate(all="ignore"):
            self._vertices.append(vertices @ matrix[:3, :3].T + matrix[:3, 3])
        return first

    def add(
        self,
        first: int,
        count: int,
        sizes: NDArray[np.int64],
        corners: NDArray[np.int64],
        mirrored: bool,
        names: dict[str, list[str] | str],
    ) -> None:
        """Copy polygons into the scene whose corners count from ``first`` and must be below ``count``.

        mirrored : turn every polygon round, since the vertices were mirrored
        names : by scheme, one name for all polygons or one each
        """
        self._face_count += int(np.maximum(sizes - 2, 0).sum())
        check_faces(self._face_count, self.limits)
        if mirrored:
            ends = np.cumsum(sizes)
            owner = np.repeat(np.arange(len(sizes)), sizes)
            corners = corners[(2 * ends - sizes - 1)[owner] - np.arange(len(corners))]
        self._sizes.append(sizes)
        self._corners.append(np.where((corners >= 0) & (corners < count), corners + first, -1))
        for scheme, name in names.items():
            each = [name] if isinstance(name, str) else name
            known = self._numbers.setdefault(scheme, {})
            number = {}
            for word in dict.fromkeys(each):
                clean = one_line(word)
                number[word] = known.setdefault(clean, len(known)) if clean else -1
            index = np.array([number[word] for word in each], np.int32)
            whole = np.full(len(sizes), index[0]) if isinstance(name, str) else index
            self._labels.setdefault(scheme, []).append(whole)

    def raw(self) -> Raw:
        """The whole scene as one mesh. Raises MeshError when nothing in it can be used."""
        none = np.zeros(0, np.int64)
        labels = {
            scheme: FaceLabels(tuple(numbers), np.concatenate(self._labels[scheme]))
            for scheme, numbers in self._numbers.items()
        }
        raw = assemble(
            np.concatenate([np.zeros((0, 3)), *self._vertices]),
            np.concatenate([none, *self._sizes]),
            np.concatenate([none, *self._corners]),
            self.limits,
            labels,
            self.notes,
        )
        if not self._colours:
            return raw
        colours = np.ones((self._vertex_count, 3))
        for first, own in self._colours.items():
            colours[first : first + len(own)] = own
        return coloured(raw, colours)


def is_mirror(matrix: NDArray[np.float64]) -> bool:
    """Whether a (4, 4) matrix turns a right hand into a left one."""
    with np.errstate(all="ignore"):
        return bool(np.linalg.det(matrix[:3, :3]) < 0)
