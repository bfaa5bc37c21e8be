"""Part vocabularies: which names a category's parts have, and in which order."""

import re
from collections.abc import Iterable, Sequence

from engine.colours import GROUP as GROUP
from engine.colours import WHOLE as WHOLE
from engine.colours import colour as colour
from engine.datasets.procedural import PARTS
from engine.errors import InputError
from engine.geometry.regions import REST
from engine.rows import ItemRow

SOLID = re.compile(rf"solid \d+|{REST}")  # connected pieces that were only counted: the numbers mean nothing elsewhere
DRAWN = re.compile(  # names that a drawing program numbers through, such as "mesh12_mesh12-geometry" or "material_0_24"
    r"(?=.*\d)(?:mesh|material|object|group|geometry|polysurface|node|default|[\W\d_])+", re.IGNORECASE
)

_NUMBERS = re.compile(r"(\d+)")


def vocabulary(items: Sequence[ItemRow], asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Part names of a model for these items: the asked ones, else the categories' own order, else as found.

    Parts of the same name are one part of the model, also when they belong to items of several categories: then a leg of
    a chair can stand under a table. At the same cost experts of their own fit a little better (IoU of training shapes in
    the part's box, 2,000 steps: legs of 64 chairs and 64 tables 0.883 and 0.895 against 0.849 and 0.868 shared; bodies of
    48 aeroplanes, cars and mugs each 0.983, 0.957, 0.968 against 0.972, 0.963, 0.934); `rename-part` by category gives them.
    Raises InputError when a part is asked for that no item has.
    """
    found = {part for item in items for part in item.parts}
    if asked:
        missing = [part for part in asked if part not in found]
        if missing:
            raise InputError(
                f"no item has a part named {', '.join(missing)}; the items have {', '.join(in_order(found)) or 'none'}"
            )
        return asked
    known = [part for category in dict.fromkeys(item.category for item in items) for part in PARTS.get(category, ())]
    return tuple(dict.fromkeys([part for part in known if part in found] + in_order(found)))


def in_order(names: Iterable[str]) -> list[str]:
    """Names by the alphabet, numbers in them by their size: "part 2" before "part 10"."""

    def key(name: str) -> list[tuple[bool, int, str]]:
        pieces = [piece for piece in _NUMBERS.split(name) if piece]
        return [(not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]

    return sorted(names, key=key)


def is_named(item: ItemRow) -> bool:
    """Whether a person, or the data set, has named the parts of an item: not all names are mere numbers."""
    return any(not (SOLID.fullmatch(part) or DRAWN.fullmatch(part)) for part in item.parts)


def still_named(items: Sequence[ItemRow], names: tuple[str, ...]) -> None:
    """Raise InputError when items of a fit that began with these part names have other names now."""
    gone = [name for name in names if not any(name in item.parts for item in items)]
    if gone:
        raise InputError(
            f"parts named {', '.join(gone)} have other names since this fit began; name them so again with `rename-part`, "
            "or start a new fit"
        )
