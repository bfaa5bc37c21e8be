"""The frames of the morph on the timeline: which of them are kept, which come next, and the colours of their parts. No Qt."""

from collections.abc import Sequence

from engine.live_client import Answer
from engine.live_requests import Meshes, Tween
from studio.models.scene import PartMesh
from studio.models.timeline_frames import FrameCache
from studio.models.timeline_state import Mark, coarse_to_fine, marks_of

FIRST = 4  # frames that there must be before a morph can play


class Reel:
    """Frames of one morph after the other; those of an earlier one stay in ``cache`` while there is room."""

    def __init__(self) -> None:
        self.cache = FrameCache()
        self.marks: tuple[Mark, ...] = ()  # what each frame shows
        self.colours: dict[str, tuple[float, float, float]] = {}  # linear RGB of each part that was seen
        self._wanted: frozenset[Mark] = frozenset()

    def wind(self, tween: Tween | None, parts: Sequence[str]) -> None:
        """From now on it is this morph, or none."""
        self.marks = marks_of(tween, parts) if tween else ()
        self._wanted = frozenset(self.marks)

    def __contains__(self, frame: int) -> bool:
        return frame < len(self.marks) and self.marks[frame] in self.cache

    def at(self, frame: int) -> tuple[PartMesh, ...] | None:
        """The surfaces of a frame; None where they are not kept."""
        return self.cache.get(self.marks[frame])

    def near(self, frame: int) -> tuple[PartMesh, ...] | None:
        """Those of the nearest frame that is kept; None without any."""
        there = [one for one in range(len(self.marks)) if one in self]
        return self.at(min(there, key=lambda one: abs(one - frame))) if there else None

    @property
    def has_begun(self) -> bool:
        """Whether there are enough frames to play from one to the next, be it coarsely."""
        there = {mark for mark in self._wanted if mark in self.cache}
        return self.is_full or len(there) >= min(FIRST, len(self._wanted))

    @property
    def missing(self) -> tuple[int, ...]:
        """Frames to ask for, from coarse to fine, each look of the morph once."""
        first: dict[Mark, int] = {}
        for frame in coarse_to_fine(len(self.marks)):
            if frame not in self:
                first.setdefault(self.marks[frame], frame)
        return tuple(first.values())

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more frames of this very morph."""
        return self.cache.is_full and sum(mark in self.cache for mark in self._wanted) >= len(self.cache)

    def keep(self, mark: Mark, content: Meshes, answer: Answer) -> None:
        """A frame that has come."""
        pieces = []
        for piece in content.pieces:
            if (mesh := answer.mesh(piece.name)) is not None:
                pieces.append((piece.key, PartMesh(piece.name, *mesh, piece.colour)))
                self.colours[piece.part] = piece.colour
        self.cache.put(mark, pieces, self._wanted)
