"""What a person asks a model for, by name: made into class numbers, or refused with what the model knows."""

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from engine.conditions import ABSENT, ATTRIBUTE, CATEGORY, PART, PRESENT, Classes, Seen
from engine.errors import InputError


class Asked(msgspec.Struct, frozen=True):
    """A question. ``category`` "" = any; what is not named may be as it likes."""

    category: str = ""
    with_parts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    attributes: dict[str, str] = {}

    @property
    def parts(self) -> dict[str, str]:
        """Part -> the class asked for."""
        return dict.fromkeys(self.with_parts, PRESENT) | dict.fromkeys(self.without, ABSENT)


class Askable(msgspec.Struct, frozen=True):
    """What a model knows, as its file says: its categories, parts, conditions and what its training shapes had of them."""

    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    classes: Classes = {}
    seen: Seen = {}

    def of(self, category: str) -> Classes:
        """Conditions with the classes that training shapes of a category ("": any) had, as a form offers them."""
        return {
            name: tuple(one for one in known if not self.seen or one in self.had(category, name))
            for name, known in self.classes.items()
            if name != CATEGORY and (not self.seen or self.had(category, name))
        }

    def had(self, category: str, name: str) -> tuple[str, ...]:
        """Classes of a condition that training shapes of a category ("": any) had."""
        some = [self.seen[category]] if category in self.seen else self.seen.values()
        return tuple(dict.fromkeys(one for own in some for one in own.get(name, ())))


def class_ids(asked: Asked, model: Askable) -> dict[str, int]:
    """Condition -> class number. Raises InputError for what the model does not know, listing what it does."""
    found: dict[str, int] = {}
    if both := set(asked.with_parts) & set(asked.without):
        raise InputError(f"{', '.join(sorted(both))}: asked for both with and without; choose one")
    if asked.category:
        _category(asked.category, model, found)
    if (asked.parts or asked.attributes) and not set(model.classes) - {CATEGORY}:
        raise InputError(
            "this model was trained without conditions, so it cannot be asked for parts or attributes; "
            "`train --set train.conditions=all` makes one that can"
        )
    for part, wanted in asked.parts.items():
        _part(part, wanted, asked.category, model, found)
    for key, value in asked.attributes.items():
        name = ATTRIBUTE + _known(
            key, "attribute", _attributes(model.of(asked.category)), _attributes(model.classes), asked.category
        )
        classes = model.classes[name]
        here = model.of(asked.category).get(name) or classes
        found[name] = classes.index(_known(value, f"{key} =", here, classes, asked.category))
    return found


def unusual(asked: Asked, model: Askable) -> list[str]:
    """What no training shape of the category asked for was, in words: the model was told of it with other categories only."""
    if asked.category not in model.seen:
        return []
    words = {PRESENT: "with", ABSENT: "without"}
    parts = [(PART + part, one, f"{words[one]} {part}") for part, one in asked.parts.items()]
    attributes = [(ATTRIBUTE + key, one, f"{key} = {one}") for key, one in asked.attributes.items()]
    return [said for name, one, said in parts + attributes if one not in model.had(asked.category, name)]


def missed(asked: Asked, present: Sequence[str]) -> tuple[str, ...]:
    """Parts that a shape with parts ``present`` lacks though asked for, or has though asked to do without."""
    return tuple(part for part, wanted in asked.parts.items() if (part in present) != (wanted == PRESENT))


def _category(category: str, model: Askable, found: dict[str, int]) -> None:
    if not model.categories or model.categories == ("",):
        raise InputError("this model does not say what its shapes are; leave the category out")
    _known(category, "category", model.categories, model.categories)
    if CATEGORY in model.classes:
        found[CATEGORY] = model.classes[CATEGORY].index(category)
    elif len(model.categories) > 1:
        raise InputError(
            f"this model was trained without conditions, so it cannot be asked for one of {', '.join(model.categories)}; "
            "`train --set train.conditions=category` makes one that can"
        )


def _part(part: str, wanted: str, category: str, model: Askable, found: dict[str, int]) -> None:
    name = PART + part
    choices = [one.removeprefix(PART) for one in model.of(category) if one.startswith(PART)]
    _known(part, "part", choices, model.parts, category)
    if name in model.classes:
        found[name] = model.classes[name].index(wanted)
    elif model.had("", name) != (wanted,):
        raise InputError(
            f"this model has not learned to choose whether there is a {part}: nearly all of its training shapes agree on "
            f"it; it can be asked about {', '.join(choices) or 'none'}"
        )


def _attributes(classes: Classes) -> list[str]:
    return [name.removeprefix(ATTRIBUTE) for name in classes if name.startswith(ATTRIBUTE)]


def _known(word: str, what: str, offered: Sequence[str], known: Sequence[str], category: str = "") -> str:
    """``word`` if it is one of ``known``. Raises InputError with near matches and what is ``offered``."""
    if word in known:
        return word
    near = get_close_matches(word, [*offered, *known], 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    of = f" of {category}" if category else ""
    raise InputError(f"this model knows no {what} {word}{hint}; it knows{of}: {', '.join(offered) or 'none'}")
