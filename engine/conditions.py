"""What a model is told of its training shapes, and can be asked for: category, parts that are there or not, attributes.

A condition has a name, ``category``, ``part:arm`` or ``attribute:legs``, and classes, which have names too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFileError
from engine.storage import read_tensors, write_tensors

CATEGORY, PART, ATTRIBUTE = "category", "part:", "attribute:"
ABSENT, PRESENT = "absent", "present"
FEWEST = 5  # training shapes of a class: fewer cannot teach it
ANEW = "what its denoiser was told cannot be known any more, so start a new training on the same fit"
MOST = 12  # values of an attribute within one category: more are measures or names, not classes

Classes = dict[str, tuple[str, ...]]  # condition -> names of its classes, in the order of their numbers
Seen = dict[str, Classes]  # category -> condition -> classes that training shapes of the category had


class Traits(msgspec.Struct, frozen=True):
    """What is known of one training shape. ``parts`` are those that it has; attributes as the catalogue has them."""

    category: str = ""
    parts: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}

    def said(self, name: str) -> str:
        """The shape's class of a condition; "" where it has none, as for an attribute that it lacks."""
        if name == CATEGORY:
            return self.category
        if name.startswith(PART):
            return PRESENT if name.removeprefix(PART) in self.parts else ABSENT
        return word(self.attributes.get(name.removeprefix(ATTRIBUTE)))


class Conditions(msgspec.Struct, frozen=True):
    """The conditions of a training, and the classes of its shapes.

    ids : (N, C) class numbers in the order of ``classes``, -1 where a shape has none
    """

    classes: Classes
    seen: Seen
    ids: NDArray[np.int16]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of classes of each condition, from which a denoiser is built."""
        return {name: len(known) for name, known in self.classes.items()}


def word(value: Any) -> str:
    """An attribute's value as people write it; "" for what is not one word: lists, tables, nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else value if isinstance(value, str) else ""


def conditions_of(shapes: Sequence[Traits], categories: Sequence[str], parts: Sequence[str], which: str) -> Conditions:
    """The conditions that training shapes can teach.

    categories, parts : names that the fit knows, in its order; with one category there is nothing to choose
    which : as ``TrainSettings.conditions``

    Parts count where at least FEWEST shapes have them and as many lack them. An attribute counts with those of its values
    that at least FEWEST shapes have, if there are two; in a category where it has more than MOST values it does not count.
    """
    classes: Classes = {}
    if which != "none" and len(categories) > 1:
        classes[CATEGORY] = tuple(categories)
    if which == "all":
        having = Counter(part for shape in shapes for part in shape.parts)
        chosen = [part for part in parts if FEWEST <= having[part] <= len(shapes) - FEWEST]
        classes |= {PART + part: (ABSENT, PRESENT) for part in chosen} | _attributes(shapes)
    ids = np.full((len(shapes), len(classes)), -1, np.int16)
    for column, (name, known) in enumerate(classes.items()):
        number = {one: i for i, one in enumerate(known)}
        ids[:, column] = [number.get(shape.said(name), -1) for shape in shapes]
    return Conditions(classes, _seen(shapes, [*classes, *(PART + part for part in parts)], classes), ids)


def _attributes(shapes: Iterable[Traits]) -> Classes:
    """Attributes with the values that can be learned, both in order."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for shape in shapes:
        for key in shape.attributes:
            if value := shape.said(ATTRIBUTE + key):
                counts.setdefault((key, shape.category), Counter())[value] += 1
    total: dict[str, Counter[str]] = {}
    for (key, _), values in counts.items():
        if len(values) <= MOST:
            total.setdefault(key, Counter()).update(values)
    often = {key: sorted((v for v, n in values.items() if n >= FEWEST), key=_order) for key, values in total.items()}
    return {ATTRIBUTE + key: tuple(often[key]) for key in sorted(often) if len(often[key]) > 1}


def _order(value: str) -> tuple[int, str]:
    """Whole numbers by size, before words."""
    return (int(value) if value.isdecimal() else 10**9), value


def _seen(shapes: Iterable[Traits], names: Iterable[str], classes: Classes) -> Seen:
    """What shapes of each category had, of the named conditions but for the category."""
    found: dict[str, dict[str, set[str]]] = {}
    columns = [name for name in dict.fromkeys(names) if name != CATEGORY]
    for shape in shapes:
        own = found.setdefault(shape.category, {})
        for name in columns:
            value = shape.said(name)
            if value in classes.get(name, (ABSENT, PRESENT)):
                own.setdefault(name, set()).add(value)
    return {
        category: {name: tuple(sorted(values, key=_order)) for name, values in own.items()}
        for category, own in sorted(found.items())
    }


def write_conditions(path: Path, conditions: Conditions) -> None:
    """Keep the conditions of a training, atomically: a training that goes on learns the same."""
    names = {"classes": conditions.classes, "seen": conditions.seen}
    header = {key: msgspec.json.encode(value).decode() for key, value in names.items()}
    write_tensors(path, {"ids": conditions.ids}, header)


def read_conditions(path: Path) -> Conditions:
    """What `write_conditions` kept. Raises DamagedFileError."""
    arrays, header = read_tensors(path)
    try:
        classes = msgspec.json.decode(header["classes"], type=Classes)
        kept = Conditions(classes, msgspec.json.decode(header["seen"], type=Seen), arrays["ids"])
    except (KeyError, msgspec.DecodeError) as error:
        raise DamagedFileError(f"{path} does not hold the conditions of a training ({error}); {ANEW}") from error
    if kept.ids.ndim != 2 or kept.ids.shape[1] != len(classes):
        raise DamagedFileError(f"{path} holds classes of {kept.ids.shape} for {len(classes)} conditions; {ANEW}")
    return kept
