"""Marks that a person paints on the surface of an item to say what its parts are, as jobs and files have them. Torch-free."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.card import Three

FINEST, BROADEST = 0.005, 0.25  # radii of a brush, canonical units
PAINTING = "painting.json"  # in an item's folder: the marks that its parts were made of last
UNPAINTED = "unpainted.safetensors"  # beside it: the geometry from before


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stroke of a brush: all of the surface within ``radius`` of one of ``points`` that it comes to on the surface;
    it does not run over a sharp crease.

    part : whose the surface is there; "" wipes off what was painted before
    points : where the brush was, canonical space; each means the surface that is nearest to it
    radius : canonical units
    """

    part: str
    points: Annotated[tuple[Three, ...], Meta(min_length=1)]
    radius: Annotated[float, Meta(ge=FINEST, le=BROADEST)]


class Painting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All marks of an item, in the order in which they were painted: a later one lies over an earlier one.

    mirror : each mark stands on the other side, too, beyond the plane in which the shape is symmetric
    No marks at all: the item gets back the parts that it had before it was painted.
    """

    item: str
    marks: tuple[Mark, ...] = ()
    mirror: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Parts that have marks, in the order in which they came."""
        return tuple(dict.fromkeys(mark.part for mark in self.marks if mark.part))


def forget_painting(folder: Path) -> None:
    """Of an item that has got other parts than painted ones since; what it has now is what it was before the next mark."""
    (folder / PAINTING).unlink(missing_ok=True)
    (folder / UNPAINTED).unlink(missing_ok=True)
