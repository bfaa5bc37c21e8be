"""What training practises: draws of shapes that differ in one attribute, each of its values as often, and told so."""

from collections.abc import Sequence
from random import Random

from engine.clouds.told import captioned
from engine.conditions import word
from engine.errors import InputError
from engine.rows import ItemRow
from engine.text.phrases import phrases

SHARE = 0.5  # of the draws
FEWEST = 2  # values of an attribute, or there is nothing to tell apart


class Practice:
    """Puts other rows in the place of half of the drawn ones.

    What is rare and small is learned last: 1 of 18 procedural aeroplanes has four jets on its wings, and they are 8 % of its
    points.
    """

    def __init__(self, names: Sequence[str], items: Sequence[ItemRow], rows: Sequence[int]) -> None:
        """names : "category.attribute", or "category.type.attribute" for shapes of one type; what stands twice comes twice as
        often. rows : of the items that are learned. Raises InputError for one that they do not differ in."""
        self._found = [(name.split(".")[-1], _values(name, items, rows)) for name in names]

    def instead(self, row: int, rng: Random) -> tuple[int, str]:
        """The row to learn where ``row`` was drawn, and the attribute that its caption must name; "" = any."""
        if rng.random() >= SHARE:
            return row, ""
        attribute, values = rng.choice(self._found)
        return rng.choice(rng.choice(values)), attribute


def _values(name: str, items: Sequence[ItemRow], rows: Sequence[int]) -> list[list[int]]:
    """Rows by the value of an attribute, of those whose captions are made to say it: not types, which are nouns."""
    category, _, rest = name.partition(".")
    type_, _, attribute = rest.rpartition(".")
    found: dict[str, list[int]] = {}
    for row in rows:
        item = items[row]
        if item.category != category or not captioned(item) or type_ not in ("", word(item.attributes.get("type"))):
            continue
        if category in phrases() and attribute in phrases()[category].said(item.attributes).keys() - {"type"}:
            found.setdefault(word(item.attributes[attribute]), []).append(row)
    if len(found) < FEWEST:
        raise InputError(
            f"denoiser.practice: captions tell {len(found)} values of {name!r} of the shapes to learn, it takes {FEWEST}; "
            "name a category and one of its attributes, as in mug.handles, or a type between the two, as in "
            "airplane.airliner.engines"
        )
    return [found[value] for value in sorted(found)]
