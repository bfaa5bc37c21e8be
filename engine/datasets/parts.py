"""Part vocabularies and colours: which names a category's parts have, in which order, and how they look everywhere."""

import colorsys
from collections.abc import Sequence

from engine.datasets.procedural import COLOURS, PARTS
from engine.errors import InputError
from engine.method import Colour
from engine.rows import ItemRow
from engine.storage import seed_of


def colour(name: str) -> Colour:
    """Colour of a part, linear RGB: the palette's own, or a stable one made from the name."""
    if name in COLOURS:
        return COLOURS[name]
    hue = seed_of("colour", name) % 360 / 360
    return colorsys.hls_to_rgb(hue, 0.5, 0.45)


def vocabulary(items: Sequence[ItemRow], asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Part names of a model for these items: the asked ones, else the categories' own order, else as found.

    Raises InputError when a part is asked for that no item has.
    """
    found = {part for item in items for part in item.parts}
    if asked:
        missing = [part for part in asked if part not in found]
        if missing:
            raise InputError(
                f"no item has a part named {', '.join(missing)}; the items have {', '.join(sorted(found)) or 'none'}"
            )
        return asked
    known = [part for category in dict.fromkeys(item.category for item in items) for part in PARTS.get(category, ())]
    return tuple(dict.fromkeys([part for part in known if part in found] + sorted(found)))
