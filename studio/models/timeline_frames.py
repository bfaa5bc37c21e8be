"""Frames of morphs that are kept to be shown at once, the least used forgotten when they take too much room. No Qt."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from studio.models.scene import PartMesh
from studio.models.timeline_state import Mark

ROOM = 256 << 20  # bytes of surfaces


@dataclass
class _Use:
    """A surface and in how many frames it stands."""

    mesh: PartMesh
    frames: int = 0

    @property
    def size(self) -> int:
        return self.mesh.vertices.nbytes + self.mesh.faces.nbytes


class FrameCache:
    """Frames by their `Mark`; a surface that stands in many frames is kept, and counted, once."""

    def __init__(self, room: int = ROOM) -> None:
        """room : bytes."""
        self.room, self.size = room, 0
        self._frames: OrderedDict[Mark, tuple[str, ...]] = OrderedDict()  # keys of the surfaces
        self._uses: dict[str, _Use] = {}

    def __contains__(self, mark: Mark) -> bool:
        return mark in self._frames

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more frame like those that there are."""
        return bool(self._frames) and self.size * (len(self._frames) + 1) > self.room * len(self._frames)

    def get(self, mark: Mark) -> tuple[PartMesh, ...] | None:
        """The surfaces of a frame, which is now the one used last."""
        keys = self._frames.get(mark)
        if keys is None:
            return None
        self._frames.move_to_end(mark)
        return tuple(self._uses[key].mesh for key in keys)

    def put(self, mark: Mark, meshes: Sequence[tuple[str, PartMesh]], wanted: Collection[Mark] = ()) -> None:
        """Keep a frame: (key, surface) of each piece. Others go where there is no room, the ``wanted`` ones last."""
        if mark in self._frames:
            return
        keys = tuple(f"{mesh.name}/{key}" for key, mesh in meshes)
        for key, (_, mesh) in zip(keys, meshes, strict=True):
            use = self._uses.setdefault(key, _Use(mesh))
            self.size += 0 if use.frames else use.size
            use.frames += 1
        self._frames[mark] = keys
        while self.size > self.room and len(self._frames) > 1:
            others = (one for one in self._frames if one != mark)
            self._forget(next((one for one in self._frames if one != mark and one not in wanted), next(others)))

    def clear(self) -> None:
        """Forget all."""
        self._frames.clear()
        self._uses.clear()
        self.size = 0

    def _forget(self, mark: Mark) -> None:
        for key in self._frames.pop(mark):
            use = self._uses[key]
            use.frames -= 1
            if not use.frames:
                self.size -= use.size
                del self._uses[key]
