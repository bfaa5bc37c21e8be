"""All that a project holds, as cards: shapes, meshes that came in, models, runs. Read in the background, kept in memory."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QMimeData, QObject, Signal

from engine.card import DERIVED
from engine.errors import StudioError
from engine.jobs import GenerateJob
from engine.project import Project
from engine.rows import ItemRow, RunRow, ShapeRow
from studio.models.background import Background
from studio.models.history import History
from studio.models.novelty import Novelty, Word, read_novelties
from studio.models.troubles import Troubles

Kind = Literal["shape", "item", "model", "run"]
Mood = Literal["", "good", "warn", "bad"]
STARS, TAGS = "stars", "tags"  # kinds of edits in the history: all names that have a star; the tags of each name


@dataclass(slots=True)
class Card:
    """One thing of the project.

    name : what the engine calls it; title : what people do; note : a few words on it, in the colour of its ``mood``
    hint : the same in full; quality : IoU of a fit; nearest : the training shape that it is nearest to
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


@dataclass(frozen=True)
class Filter:
    """Which cards are shown; what is empty does not restrict. ``text`` is words that must all be in a card or its tags.

    quality : of fits, whether they were accepted
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


class Library(QObject):
    """The cards of a project. ``changed`` comes after they were read anew, ``starred(name)`` after a mark, ``tagged``
    after other cards have a tag."""

    changed = Signal()
    starred = Signal(str)
    tagged = Signal()

    def __init__(self, project: Project, background: Background, history: History, troubles: Troubles) -> None:
        super().__init__()
        self._folder, self._background, self._history, self._troubles = project.folder, background, history, troubles
        self.cards: list[Card] = []
        self.carry: Callable[[Sequence[str]], QMimeData] | None = None  # what dragged shapes and items are elsewhere
        self._by_name: dict[str, Card] = {}
        self._reading = self._again = False
        self.stars: set[str] = set((history.last(STARS) or {}).get("names", ()))
        self.tags: dict[str, tuple[str, ...]] = {}
        self._set_tags(history.last(TAGS) or {"tags": {}})
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

    def all_tags(self) -> list[str]:
        """Tags that there are."""
        return sorted({tag for some in self.tags.values() for tag in some})

    def shown(self, choice: Filter) -> list[Card]:
        """Cards that a filter keeps, in order."""
        return [card for card in self.cards if choice.keeps(card, self.stars, self.tags.get(card.name, ()))]

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
        self.cards = cards
        self._by_name = {card.name: card for card in reversed(cards)}
        self.changed.emit()
        if self._again:
            self._again = False
            self.refresh()

    def _miss(self, error: Exception) -> None:
        self._reading = False
        self._troubles.tell_error(error)


def read_cards(folder: Path) -> list[Card]:
    """All cards of a project, newest first, the shapes of a run in their order. For a thread: opens the project anew."""
    with Project(folder) as project:
        items, runs, shapes = project.catalogue.items(), project.catalogue.runs(), project.catalogue.shapes()
        novelties = read_novelties(project, runs)
        asked = {run.id: _category_asked(project, run) for run in runs if run.kind == "generate"}
    by_item = {item.id: item for item in items}
    number = {run.id: i for i, run in enumerate(runs, 1)}
    began = {run.id: run.created for run in runs}
    cards = [_of_item(item) for item in items]
    for run in runs:
        cards.append(_of_run(run, "run"))
        if run.kind == "train" and run.state == "finished":
            cards.append(_of_run(run, "model"))
    kinds = _categories(shapes, by_item, asked)
    for shape in shapes:
        card = _of_shape(shape, by_item.get(shape.item), kinds[shape.id], number.get(shape.run, 0))
        if shape.kind == "generated" and (novelty := novelties.get(shape.id)):
            _tell_novelty(card, novelty)
        card.ordered = began.get(shape.run, shape.added)
        cards.append(card)
    cards.sort(key=lambda card: (-card.ordered, card.run, card.row, card.name))
    return cards


def _categories(shapes: Sequence[ShapeRow], items: Mapping[str, ItemRow], asked: Mapping[str, str]) -> dict[str, str]:
    """Category of each shape: that of its item, or what was asked for; of one made of others, theirs if they have one."""
    found: dict[str, str] = {}
    for shape in sorted(shapes, key=lambda one: one.added):  # what others are made of was there before them
        item = items.get(shape.item)
        category = asked.get(shape.run, "") or (item.category if item else "")
        if not category and shape.kind in DERIVED:
            several = {found.get(parent, "") for parent in shape.parents}
            category = several.pop() if len(several) == 1 else ""
        found[shape.id] = category
    return found


def _of_item(item: ItemRow) -> Card:
    mood: Mood = "bad" if not item.usable else "warn" if item.verdict in ("open", "sheet") else "good"
    title = _item_title(item)
    note = item.verdict + (f": {item.reason}" if item.reason and not item.usable else "")
    return Card(
        "item",
        item.id,
        title,
        note,
        mood,
        item.category,
        item.parts,
        ordered=item.added,
        words=_words(item.id, title, item.category, item.verdict, item.split, item.origin, *item.parts),
    )


def _of_run(run: RunRow, kind: Literal["run", "model"]) -> Card:
    mood: Mood = "bad" if run.state == "failed" else ""
    when = time.strftime("%d %b %H:%M", time.localtime(run.created))
    title = f"{run.method or run.kind} {run.id.rpartition('-')[2]}".capitalize() if kind == "model" else run.id
    note = when if kind == "model" else f"{run.state}, {when}"
    words = _words(run.id, run.kind, run.method, run.state)
    return Card(kind, run.id, title, note, mood, run=run.id, ordered=run.created, words=words)


def _of_shape(shape: ShapeRow, item: ItemRow | None, category: str, run: int) -> Card:
    title = f"{category or shape.kind} {run}.{shape.row + 1}".capitalize()
    if item and not item.name.isdigit():  # numbers that its data set gave it say nothing to people
        title = _item_title(item)
    note, mood, hint = shape.kind, "", ""
    if shape.quality is not None:
        good = shape.verdict == "accepted"
        note, mood = f"{'good' if good else 'poor'} fit  {shape.quality:.2f}", "good" if good else "warn"
        hint = f"IoU with its mesh {shape.quality:.3f}: {shape.verdict}" + (f", {shape.reason}" if shape.reason else "")
    return Card(
        "shape",
        shape.id,
        title,
        note,
        mood,  # type: ignore[arg-type]
        category,
        shape.present,
        shape.parents,
        shape.kind,
        shape.quality,
        hint=hint,
        run=shape.run,
        row=shape.row,
        words=_words(shape.id, title, category, shape.kind, shape.verdict, *shape.present),
    )


def _tell_novelty(card: Card, novelty: Novelty) -> None:
    card.novelty, card.nearest, card.hint = novelty.word, novelty.nearest, novelty.sentence
    card.note, card.mood = novelty.note, "good" if novelty.good else "warn"


def _category_asked(project: Project, run: RunRow) -> str:
    """What a generation was asked for, or what its model is named after."""
    try:
        job = project.job(run.id)
    except (StudioError, OSError):
        return ""
    if not isinstance(job, GenerateJob):
        return ""
    return job.category or (job.model.partition(":")[2].partition("@")[0] if job.model.startswith("shipped:") else "")


def _item_title(item: ItemRow) -> str:
    """What its data set or its file calls it; numbers get the category before them."""
    name = item.name or Path(item.path).stem or item.id
    return f"{item.category} {name}".strip().capitalize() if name.isdigit() else name


def _words(*words: str) -> str:
    return " ".join(words).lower()
