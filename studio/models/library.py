"""All that a project holds, as cards: shapes, meshes that came in, models, runs. Read in the background, kept in memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QMimeData, QObject, Signal

from engine.project import Project
from studio.models.background import Background
from studio.models.history import History
from studio.models.library_card import Card, Filter, Kind, Mood, Place
from studio.models.library_read import read_cards
from studio.models.places import Places
from studio.models.titles import counted
from studio.models.troubles import Troubles

__all__ = ["Card", "Filter", "Kind", "Library", "Mood", "Place", "read_cards"]

STARS, TAGS = "stars", "tags"  # kinds of edits in the history: all names that have a star; the tags of each name


class Library(QObject):
    """The cards of a project: ``cards`` that are kept, ``drafts`` that came along the way, such as of healing, and nobody
    has kept, and those that were ``removed``, whose files stay.

    ``changed`` comes after other ones are there, ``starred(name)`` after a mark, ``tagged`` after other cards have a tag.
    """

    changed = Signal()
    starred = Signal(str)
    tagged = Signal()

    def __init__(self, project: Project, background: Background, history: History, troubles: Troubles) -> None:
        super().__init__()
        self._folder, self._background, self._history, self._troubles = project.folder, background, history, troubles
        self._all: list[Card] = []
        self.cards: list[Card] = []
        self.drafts: list[Card] = []
        self.removed: list[Card] = []
        self.carry: Callable[[Sequence[str]], QMimeData] | None = None  # what dragged shapes and items are elsewhere
        self._by_name: dict[str, Card] = {}
        self._reading = self._again = False
        self.stars: set[str] = set((history.last(STARS) or {}).get("names", ()))
        self.tags: dict[str, tuple[str, ...]] = {}
        self._set_tags(history.last(TAGS) or {"tags": {}})
        self._places = Places(history, project.folder)
        self._places.changed.connect(self._sort)
        history.register(STARS, self._set_stars)
        history.register(TAGS, self._set_tags)

    def card(self, name: str) -> Card | None:
        """The card of this name."""
        return self._by_name.get(name)

    def refresh(self) -> None:
        """Read the catalogue again, soon; several calls become one."""
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._background.do(lambda: read_cards(self._folder), self._take, self._miss)

    def star(self, names: Sequence[str], on: bool) -> None:
        """Mark cards, or take the marks away; it can be undone."""
        stars = self.stars | set(names) if on else self.stars - set(names)
        action, inverse = ({"names": sorted(some)} for some in (stars, self.stars))
        self._history.do("star" if on else "take the star off", STARS, action, inverse)

    def tag(self, names: Sequence[str], tag: str, on: bool) -> None:
        """Give cards a tag, or take it away; it can be undone."""
        tag, before = " ".join(tag.split()), {name: list(some) for name, some in self.tags.items()}
        after = dict(before)
        for name in names:
            after[name] = sorted({*before.get(name, ()), tag} if on else {*before.get(name, ())} - {tag})
        after = {name: some for name, some in after.items() if some}
        if tag and after != before:
            text = f"tag “{tag}”" if on else f"take off the tag “{tag}”"
            self._history.do(text, TAGS, {"tags": after}, {"tags": before})

    def draft(self, run: str) -> None:
        """The shapes of this run come along the way: they are drafts until somebody keeps them."""
        try:
            self._places.draft(run)
        except OSError as error:  # then they are kept, and nothing is lost
            self._troubles.tell_error(error)

    def place(self, name: str) -> Place:
        """Where a shape belongs."""
        return self._places.of(name)

    def keep(self, names: Sequence[str]) -> None:
        """Keep drafts, and put back what was removed; it can be undone."""
        self._places.move(names, "kept", f"keep {self.told(names)}")

    def remove(self, names: Sequence[str]) -> None:
        """Take shapes out of the library; it can be undone, and their files stay."""
        shapes = [name for name in names if (card := self.card(name)) and card.kind == "shape"]
        if shapes:
            self._places.move(shapes, "removed", f"remove {self.told(shapes)}")

    def told(self, names: Sequence[str]) -> str:
        """What shapes are called together: the title of one, or how many they are."""
        card = self.card(names[0]) if len(names) == 1 else None
        return card.title if card else counted(len(names), "shape")

    def all_tags(self) -> list[str]:
        """Tags that there are."""
        return sorted({tag for some in self.tags.values() for tag in some})

    def shown(self, choice: Filter) -> list[Card]:
        """Cards that a filter keeps, in order."""
        cards = {"kept": self.cards, "drafts": self.drafts, "removed": self.removed}[choice.place]
        return [card for card in cards if choice.keeps(card, self.stars, self.tags.get(card.name, ()))]

    def categories(self) -> list[str]:
        """Categories that there are."""
        return sorted({card.category for card in self.cards} - {""})

    def parts(self) -> list[str]:
        """Names of parts that there are."""
        return sorted({part for card in self.cards for part in card.parts})

    def count(self, kind: Kind) -> int:
        """Number of cards of a kind."""
        return sum(card.kind == kind for card in self.cards)

    def _set_stars(self, data: Mapping[str, Any]) -> None:
        before, self.stars = self.stars, set(data["names"])
        for name in before ^ self.stars:
            self.starred.emit(name)

    def _set_tags(self, data: Mapping[str, Any]) -> None:
        self.tags = {name: tuple(some) for name, some in data["tags"].items()}
        self.tagged.emit()

    def _take(self, cards: list[Card]) -> None:
        self._reading = False
        self._all = cards
        self._by_name = {card.name: card for card in reversed(cards)}
        self._sort()
        if self._again:
            self._again = False
            self.refresh()

    def _sort(self) -> None:
        """Put each card where it belongs."""
        found: dict[Place, list[Card]] = {"kept": [], "drafts": [], "removed": []}
        for card in self._all:
            found[self._places.of(card.name) if card.kind == "shape" else "kept"].append(card)
        self.cards, self.drafts, self.removed = found["kept"], found["drafts"], found["removed"]
        self.changed.emit()

    def _miss(self, error: Exception) -> None:
        self._reading = False
        self._troubles.tell_error(error)
