"""A card: one thing of a project as people see it; and which cards are shown."""

from dataclasses import dataclass
from typing import Literal

from studio.models.novelty import Word

Kind = Literal["shape", "item", "model", "run"]
Mood = Literal["", "good", "warn", "bad"]
Place = Literal[
    "kept", "drafts", "removed"
]  # what a person keeps; what came along the way and nobody kept; what was removed


@dataclass(slots=True)
class Card:
    """One thing of the project.

    name : what the engine calls it; title : what people do; note : a few words on it, in the colour of its ``mood``
    hint : the same in full; quality : IoU of a fit; nearest : the training shape that it is nearest to
    cloud : whether it is points without a surface; prompt : the words that it was asked for in
    ordered : number by which the newest come first; run, row : where a shape lies; words : all that a search looks at
    """

    kind: Kind
    name: str
    title: str
    note: str = ""
    mood: Mood = ""
    category: str = ""
    parts: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    operation: str = ""
    quality: float | None = None
    novelty: Word = ""
    nearest: str = ""
    hint: str = ""
    ordered: float = 0.0
    run: str = ""
    row: int = 0
    words: str = ""
    cloud: bool = False
    prompt: str = ""


@dataclass(frozen=True)
class Filter:
    """Which cards are shown; what is empty does not restrict. ``text`` is words that must all be in a card or its tags.

    quality : of fits, whether they were accepted; place : of shapes, whether they are kept, came along the way, or were
        removed
    """

    kinds: tuple[Kind, ...] = ("shape",)
    text: str = ""
    category: str = ""
    part: str = ""
    parent: str = ""
    run: str = ""
    tag: str = ""
    quality: Literal["", "good", "poor"] = ""
    novelty: Word = ""
    starred: bool = False
    place: Place = "kept"

    def keeps(self, card: Card, stars: set[str], tags: tuple[str, ...] = ()) -> bool:
        """Whether a card is shown."""
        poor = card.mood != "good"
        return (
            card.kind in self.kinds
            and (not self.starred or card.name in stars)
            and self.category in ("", card.category)
            and (not self.part or self.part in card.parts)
            and (not self.parent or self.parent in card.parents)
            and self.run in ("", card.run)
            and (not self.tag or self.tag in tags)
            and (not self.quality or card.quality is not None and poor == (self.quality == "poor"))
            and self.novelty in ("", card.novelty)
            and all(word in card.words or word in " ".join(tags).lower() for word in self.text.lower().split())
        )
