"""Points of items as a fit reads them: from any number of files, of which one is open at a time, or held in memory."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from engine.basis.points import LocalPoints
from engine.errors import DamagedFileError

Stretch = tuple[NDArray[np.float16], NDArray[np.float16]]


class Points(Protocol):
    """Points of N items.

    present : (N, K) bool
    frames : (N, K, 8) float32
    length : how many points there are of each part
    """

    present: NDArray[np.bool_]
    frames: NDArray[np.float32]
    length: int

    def stretch(self, item: int, part: int, start: int, count: int) -> Stretch:
        """Local points (count, 3) and distances (count,) of a part of an item, from ``start``; zeros where it is absent."""
        ...


class PointFile(NamedTuple):
    """What is known of the file of an item without its points. ``places`` : bytes before its points and its distances."""

    path: str
    present: NDArray[np.bool_]
    frames: NDArray[np.float32]
    length: int
    places: tuple[int, int]
    whole: bool  # absent parts have zeros in the file

    @staticmethod
    def of(path: Path) -> "PointFile":
        """Look into a file of `LocalPoints.save`. Raises DamagedFileError."""
        points, distance, frames, present = LocalPoints.mapped(path)
        places = (getattr(points, "offset", 0), getattr(distance, "offset", 0))
        return PointFile(str(path), present, frames, distance.shape[1], places, len(points) == len(present))


class PointFiles(Sequence[LocalPoints]):
    """Points of items as files: some hundred bytes of each are in memory, the rest is read when it is asked for."""

    def __init__(self, files: Iterable[PointFile]) -> None:
        """Files of at least one item, all with the same parts and as many points."""
        paths, present, frames, lengths, places, whole = zip(*files, strict=True)
        self.present: NDArray[np.bool_] = np.stack(present)
        self.frames: NDArray[np.float32] = np.stack(frames)
        self.length: int = lengths[0]
        self._paths: tuple[str, ...] = paths
        self._places = np.array(places, np.int64)  # (N, 2)
        # (N, K) which block of a file is that of a part
        every = np.arange(self.present.shape[1])
        self._blocks = np.where(np.array(whole)[:, None], every, self.present.cumsum(1) - 1).astype(np.int32)
        self._whole: tuple[bool, ...] = whole

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> LocalPoints: ...
    @overload
    def __getitem__(self, index: slice) -> "PointFiles": ...
    def __getitem__(self, index: int | slice) -> "LocalPoints | PointFiles":
        if isinstance(index, slice):
            return self.some(range(len(self))[index])
        return LocalPoints.load(Path(self._paths[index]))

    def some(self, rows: Iterable[int]) -> "PointFiles":
        """Those of some items."""
        return PointFiles(
            PointFile(
                self._paths[i],
                self.present[i],
                self.frames[i],
                self.length,
                (int(self._places[i, 0]), int(self._places[i, 1])),
                self._whole[i],
            )
            for i in rows
        )

    def stretch(self, item: int, part: int, start: int, count: int) -> Stretch:
        """As `Points`. Raises DamagedFileError when the file is gone or cut short."""
        points, distance = np.zeros((count, 3), np.float16), np.zeros(count, np.float16)
        if not self.present[item, part]:
            return points, distance
        first = int(self._blocks[item, part]) * self.length + start
        path = self._paths[item]
        try:
            with open(path, "rb", buffering=0) as file:
                for place, into in zip(self._places[item].tolist(), (points, distance), strict=True):
                    file.seek(place + first * into.nbytes // count)
                    if file.readinto(into.data) != into.nbytes:
                        raise DamagedFileError(f"{path} is cut short; delete it and resume the fit")
        except OSError as error:
            raise DamagedFileError(f"{path} cannot be read ({error}); resume the fit, which makes it anew") from error
        return points, distance


class HeldPoints:
    """Points of items that are in memory, as `Points`."""

    def __init__(self, items: Sequence[LocalPoints]) -> None:
        self.items = items
        self.present: NDArray[np.bool_] = np.stack([item.present for item in items])
        self.frames: NDArray[np.float32] = np.stack([item.frames for item in items])
        self.length: int = items[0].distance.shape[1]

    def stretch(self, item: int, part: int, start: int, count: int) -> Stretch:
        """As `Points`."""
        held = self.items[item]
        return held.points[part, start : start + count], held.distance[part, start : start + count]
