"""What can be asked of the live engine, and what it answers: small things that must be there at once. Torch-free.

What is shown is what is kept: a `Mixture` has the fields of a MixJob, a `Tween` those of an InterpolateJob, and
`job_to_keep` makes exactly the shape that was on screen.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.card import Move, Three
from engine.datasets.marks import Painting
from engine.jobs import MixJob
from engine.parts.settings import Blend, Curve

Resolution = Annotated[int, Meta(ge=16, le=256, description="grid points per side of the cube")]


# what is looked at ----------------------------------------------------------------------------------------------------
class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag=str.lower):
    """Base of what is asked for and of what is given."""


class Mixture(Asked, frozen=True):
    """A shape made of parts of others, or ``base`` alone as it is. Fields as in MixJob."""

    base: str
    parts: dict[str, str] = {}
    blends: dict[str, Blend] = {}
    removed: tuple[str, ...] = ()
    copies: dict[str, str] = {}
    moves: tuple[Move, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it is anything else than the base."""
        return bool(self.parts or self.blends or self.removed or self.copies or self.moves)


class Tween(Asked, frozen=True):
    """Frames on the way from shape to shape. Fields as in InterpolateJob."""

    shapes: Annotated[tuple[str, ...], Meta(min_length=2)]
    frames: Annotated[int, Meta(ge=2, le=10_000)] = 8
    curves: dict[str, Curve] = msgspec.field(default_factory=lambda: {"": Curve()})
    model: str = ""


# requests -------------------------------------------------------------------------------------------------------------
class Decode(Asked, frozen=True):
    """Surfaces of a shape -> `Meshes` at ``resolution``, then at ``refine`` where that is finer (0: not at all).

    have : name -> key of what the asker shows already, as `Piece` gave it; what has one of these keys is not sent again
    """

    of: Mixture
    resolution: Resolution = 64
    refine: Annotated[int, Meta(ge=0, le=256)] = 128
    have: dict[str, str] = {}


class Frames(Asked, frozen=True):
    """Surfaces of frames of a sequence, each as a `Meshes` in the order of ``which`` (() = all), and `Nothing` at last."""

    of: Tween
    which: tuple[int, ...] = ()
    resolution: Resolution = 64


class Section(Asked, frozen=True):
    """The field on a rectangle -> `Cut`. Point [i, j] lies at ``corner`` + i / (R - 1) ``across`` + j / (R - 1) ``up``,
    canonical space."""

    of: Mixture
    corner: Three
    across: Three
    up: Three
    resolution: Annotated[int, Meta(ge=2, le=512)] = 128


class Joints(Asked, frozen=True):
    """How the parts meet, beside what is usual among the training shapes of ``fit`` ("" = of the base) -> `Joined`."""

    of: Mixture
    fit: str = ""


class Plausibility(Asked, frozen=True):
    """The denoiser's loss of a shape, or of each frame; ``model`` "" = as for an InterpolateJob -> `Plausible`."""

    of: Mixture | Tween
    model: str = ""


class Thumbnail(Asked, frozen=True):
    """A small picture of a shape or an item, kept in the project -> `Picture`. Asked for again it is there at once."""

    name: str
    size: Annotated[int, Meta(ge=16, le=512, description="pixels per side")] = 256


class File(Asked, frozen=True):
    """A shape or an item as a file that other programs can be given, kept in the project -> `Filed`. Of an item that is the
    file that it came from, while that is there; else a GLB as an export writes it, of clouds a PLY."""

    name: str
    resolution: Resolution = 128


class Paint(Asked, frozen=True):
    """What marks on an item come to -> `Painted`. names : parts whose colours are wanted; surface : send that as well."""

    painting: Painting
    names: tuple[str, ...] = ()
    surface: bool = False


class Hardware(Asked, frozen=True):
    """What the answers are computed with -> `Computer`."""


Request = Decode | Frames | Section | Joints | Plausibility | Thumbnail | File | Paint | Hardware


# contents of answers --------------------------------------------------------------------------------------------------
class Piece(Asked, frozen=True):
    """One thing that stands in a shape: a part, a copy of one, or "shape" where there are no parts.

    key : of its surface: what has the same key looks the same. colour : linear RGB, 0..1
    """

    name: str
    part: str
    key: str
    colour: tuple[float, float, float]


class Meshes(Asked, frozen=True):
    """All that stands in a shape; the arrays hold "vertices/NAME" (V, 3) float32 canonical and "faces/NAME" (F, 3) int32 of
    what is new. What is not among the pieces is not there. A piece may have no faces: its network is empty. Of a cloud they
    hold "points/shape" (P, 3) float32 instead, and "colours/shape" (P, 3) float32 linear RGB where it has colours.

    notes : what a person should know, as of a part that is cut off. frame : of `Frames`
    """

    resolution: int
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()
    frame: int = -1


class Cut(Asked, frozen=True):
    """A section; the arrays hold "logits" (R, R) float32 of the whole, above 0 inside, and "part" (R, R) int16, the number in
    ``parts`` of the part that is largest there."""

    parts: tuple[str, ...]


class Joint(Asked, frozen=True):
    """A pair of parts (the second "" for all others): ``gap`` between them and ``overlap``, canonical units, the excess of
    both over what is usual, and whether it is judged."""

    parts: tuple[str, str]
    gap: float | None
    overlap: float
    excess: tuple[float, float]
    judged: bool


class Joined(Asked, frozen=True):
    """``score`` 0: all parts meet as usual; ``words`` says what does not."""

    score: float
    words: str
    joints: tuple[Joint, ...]


class Plausible(Asked, frozen=True):
    """Losses of a shape, or of each frame; lower is more plausible. Comparable for one model alone."""

    losses: tuple[float, ...]
    model: str


class Picture(Asked, frozen=True):
    """A file of the project."""

    path: str


class Filed(Asked, frozen=True):
    """A file to be given to other programs."""

    path: str


class Painted(Asked, frozen=True):
    """Marks of an item; the arrays hold "label" (F,) int16, the number in ``names`` of the part of each face, -1 for none,
    and "marked" (F,) bool; where the surface was asked for "vertices" (V, 3) float32, canonical, and "faces" (F, 3).

    colours : linear RGB, of each name; symmetric : whether marks can be mirrored; before : the marks that the item has its
    parts from, sent with the surface
    """

    item: str
    names: tuple[str, ...]
    colours: tuple[tuple[float, float, float], ...]
    symmetric: bool
    before: Painting | None = None


class Computer(Asked, frozen=True):
    """The name of a device, as people know it."""

    name: str


class Nothing(Asked, frozen=True):
    """All that there was has been given before."""


Content = Meshes | Cut | Joined | Plausible | Picture | Filed | Painted | Computer | Nothing


# names ---------------------------------------------------------------------------------------------------------------
def known_name(run: str, item: str) -> str:
    """What a training shape of the shipped model that a run drew with is called, wherever a shape can be looked at."""
    return f"{run}:{item}"


def known_of(name: str) -> tuple[str, str]:
    """Run and item of such a name; ("", "") of any other."""
    run, colon, item = name.partition(":")
    return (run, item) if colon and "/" not in run else ("", "")


# keeping --------------------------------------------------------------------------------------------------------------
def job_to_keep(mixture: Mixture, held: tuple[str, ...] = (), free: tuple[str, ...] = ()) -> MixJob:
    """The job that makes the shape of a mixture."""
    return MixJob(
        base=mixture.base,
        parts=mixture.parts,
        blends=mixture.blends,
        removed=mixture.removed,
        copies=mixture.copies,
        moves=mixture.moves,
        held=held,
        free=free,
    )
