"""Surfaces of shapes part by part, kept while there is room: an exchange of one part costs the decoding of that part."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from torch import Tensor

from engine.errors import InputError
from engine.geometry.export import GREY, WHOLE
from engine.geometry.mesh import Mesh
from engine.geometry.surface import extract
from engine.live_requests import Piece
from engine.method import Field, Shapes
from engine.opened import Opened
from engine.parts.pose import places_of, unmoved
from engine.parts.spans import part_values
from engine.protocol import Stage
from engine.storage import digest
from engine.write import Solid

SURFACES = 256 << 20  # bytes of surfaces that are kept
FIRST = 16  # samples per axis of the first grid, fewer than an export takes: twice as fast at 64 points per side

T = TypeVar("T")


class Kept(Generic[T]):
    """The values that were used last, up to so many bytes in all; the newest always stays."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.size = 0
        self._values: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """The value, which counts as used."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: Hashable, value: T, size: int) -> T:
        """Keep a value of that many bytes; gives it back."""
        self.drop(key)
        self._values[key] = value, size
        self.size += size
        while self.size > self.room and len(self._values) > 1:
            self.drop(next(iter(self._values)))
        return value

    def drop(self, key: Hashable) -> None:
        """Let go of one value, if it is there."""
        _, size = self._values.pop(key, (None, 0))
        self.size -= size

    def clear(self) -> None:
        """Let go of all."""
        self._values.clear()
        self.size = 0

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True)
class Standing:
    """What stands in a shape, by name: each a part in a place, known by a key that says all that its surface depends on
    but the resolution. ``field`` gives their fields by the same names; the whole, as "shape", where there are no parts."""

    field: Field
    parts: Mapping[str, str]
    keys: Mapping[str, str]
    colours: Mapping[str, tuple[float, float, float]]

    def pieces(self, resolution: Mapping[str, int]) -> tuple[Piece, ...]:
        """As answers have them, each at its resolution."""
        return tuple(
            Piece(name=name, part=part, key=key_at(self.keys[name], resolution[name]), colour=self.colours[name])
            for name, part in self.parts.items()
        )


def key_at(key: str, resolution: int) -> str:
    """Key of a surface: of what it is of, and how fine it is."""
    return f"{key}:{resolution}"


def standing(like: Opened, shape: Shapes, learned: bool = False) -> Standing:
    """What stands in a single ``shape`` that ``like`` decodes. learned : each part once, where it was learned.

    Raises InputError for shapes that have no surface.
    """
    shape = shape if not learned else Shapes(shape.latent, shape.present, None, shape.condition, shape.model_id)
    field = like.representation.decode(shape.to(like.device))[0]
    if not isinstance(field, Solid):
        raise InputError(f"{like.row.id} is a {type(field).__name__}, which has no surface to show")
    known = {part.name: part for part in like.representation.parts}
    places = places_of(shape, like.representation.parts) if known else {WHOLE: (WHOLE, unmoved())}
    base = digest(msgspec.json.encode((like.about.settings, like.layout, shape.model_id)))
    keys = {}
    for name, (part, pose) in places.items():
        numbers = part_values(shape.latent[0], known[part]) if known else shape.latent[0]
        keys[name] = digest(base.encode() + part.encode() + _bytes(numbers) + _bytes(pose))
    colours = {name: known[part].colour if known else GREY for name, (part, _) in places.items()}
    return Standing(field, {name: part for name, (part, _) in places.items()}, keys, colours)


def _bytes(tensor: Tensor) -> bytes:
    found: bytes = tensor.detach().cpu().contiguous().numpy().tobytes()
    return found


class Surfaces:
    """Decoded surfaces, kept by what they depend on."""

    def __init__(self, room: int = SURFACES) -> None:
        """room : bytes."""
        self.kept: Kept[Mesh] = Kept(room)
        self.decoded = 0  # how many were not there yet

    def find(self, what: Standing, name: str, resolution: int) -> Mesh | None:
        """The surface of a piece if it is there."""
        return self.kept.get(key_at(what.keys[name], resolution))

    def surface(self, what: Standing, name: str, resolution: int) -> Stage[Mesh]:
        """The same, decoded where it is not there yet. Raises MeshError where the field gives NaN."""
        found = self.find(what, name, resolution)
        if found is not None:
            return found
        field = what.field.part(name) if what.field.parts else what.field
        mesh = yield from extract(field, resolution, coarse=min(FIRST, resolution))
        self.decoded += 1
        return self.kept.put(key_at(what.keys[name], resolution), mesh, mesh.vertices.nbytes + mesh.faces.nbytes)
