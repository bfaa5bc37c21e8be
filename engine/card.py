"""A shape's card: how it came to be. It goes where the shape goes, also into exported files. Torch-free."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

VERSION = 1
WHOLE = ""  # the name under which a card keeps what holds for the whole shape

Operation = Literal["fitted", "generated", "imported", "mixed", "healed", "rerolled", "interpolated", "split"]
DERIVED = ("mixed", "healed", "rerolled", "interpolated", "split")  # operations whose cards are kept
Axis = Literal["x", "y", "z"]
Three = tuple[float, float, float]
LEAST_FACTOR, MOST_FACTOR = 0.01, 100.0  # of a scale: beyond these a part is a dot, or fills the cube
Factor = Annotated[float, Meta(ge=LEAST_FACTOR, le=MOST_FACTOR)]
Pose = tuple[tuple[float, float, float, float], tuple[float, float, float, float], tuple[float, float, float, float]]


class Copy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A second place where a part stands, under a name of its own such as "engine.2".

    pose : (3, 4), takes a point of ``part`` as it was learned to where the copy stands (whatever pose the part has)
    """

    name: str
    part: str
    pose: Pose


class MoveBase(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag=lambda name: name.removesuffix("Move").lower(),
):
    """One motion of a part or a copy, by name. They act one after the other, each on where the part stands by then."""

    part: str


class ShiftMove(MoveBase, frozen=True):
    """Shifted by ``by`` (x, y, z), canonical units: the longest side of a shape as it was learned is 0.95."""

    by: Three


class TurnMove(MoveBase, frozen=True):
    """Turned about an axis through the centre of the part's box, counter-clockwise seen from the axis's tip."""

    axis: Axis
    degrees: float


class ScaleMove(MoveBase, frozen=True):
    """Made larger along x, y and z, away from the centre of the part's box."""

    factors: tuple[Factor, Factor, Factor]


class MirrorMove(MoveBase, frozen=True):
    """Mirrored along an axis: in the centre of the part's box, or in the middle plane of the cube (0)."""

    axis: Axis
    middle: bool = False


Move = ShiftMove | TurnMove | ScaleMove | MirrorMove


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an input came from, and under which licence."""

    origin: str
    licence: str


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of how a shape came to be.

    shape : its name, run/number
    job : the job that made it, as plain data (a file may be read by a program that knows other jobs)
    parents : part -> the shape that it is from; "" -> what the whole shape is from
    blended : all shapes that its numbers are blended from, where they are blended; ``parents`` then names the nearest
    hashes : part -> hash of the bytes of its numbers: two parts with one hash are equal bit for bit ("" without parts)
    held : parts that keep their numbers when the shape is healed; the others are free
    seed : what random numbers were drawn with; None where none were
    model, model_hash : the network that drew its numbers, or the fit that learned them; "" where there is none
    sources : all that went into it
    moves, copies : motions of this operation, and the places where parts stand a second time
    measured : name -> number, such as joint scores before and after
    """

    shape: str = ""
    operation: Operation = "mixed"
    job: dict[str, Any] = {}
    parents: dict[str, str] = {}
    blended: tuple[str, ...] = ()
    hashes: dict[str, str] = {}
    held: tuple[str, ...] = ()
    seed: int | None = None
    model: str = ""
    model_hash: str = ""
    sources: tuple[Source, ...] = ()
    moves: tuple[Move, ...] = ()
    copies: tuple[Copy, ...] = ()
    measured: dict[str, float] = {}
    version: int = VERSION

    @property
    def made_of(self) -> tuple[str, ...]:
        """Every shape that went into it, each once."""
        return tuple(dict.fromkeys([*self.parents.values(), *self.blended]))
