"""How the attributes of procedural shapes are said: the words in `resources/captions`, checked when they are read."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from engine.conditions import word
from engine.errors import DamagedFileError
from engine.resources import resource

NAME = "captions/procedural.json"


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ways to say one thing: as a noun, before a noun, after "with", after "without" ("arms", "a back")."""

    noun: tuple[str, ...] = ()
    adjective: tuple[str, ...] = ()
    with_: tuple[str, ...] = msgspec.field(default=(), name="with")
    without: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        yield from (*self.noun, *self.adjective, *self.with_, *self.without)

    @property
    def ways(self) -> list[tuple[str, str]]:
        """(kind, phrase) for each way that is no noun."""
        kinds = {"adjective": self.adjective, "with": self.with_, "without": self.without}
        return [(kind, phrase) for kind, phrases in kinds.items() for phrase in phrases]


class Value(Phrases, frozen=True, forbid_unknown_fields=True):
    """Of a value of an attribute: the ways for training, and others that are held out to test with.

    of : the values that this one stands for as well ("several" shades for 2, 3, ...); () = a value of its own
    """

    of: tuple[str, ...] = ()
    held: Phrases = Phrases()


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a category is called, and the values of its attributes as `conditions.word` writes them."""

    noun: tuple[str, ...]
    attributes: dict[str, dict[str, Value]]
    held: Phrases = Phrases()

    def said(self, attributes: Mapping[str, Any]) -> dict[str, list[Value]]:
        """Attribute -> the values that can be said of it: first its own, then those that stand for it too."""
        found = {}
        for name, values in self.attributes.items():
            own = word(attributes.get(name))
            if of := [value for key, value in values.items() if key == own] + [
                value for value in values.values() if own in value.of
            ]:
                found[name] = of
        return found


@lru_cache(1)
def phrases() -> dict[str, Category]:
    """Category -> its words. Raises DamagedFileError when the file of the installation is not as it should be."""
    path = resource(NAME)
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Category])
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"{path} is damaged ({error}); install the program again") from error
