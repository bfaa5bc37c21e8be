"""What can be done with cards: the same in the gallery and in the library, as plain values that a menu is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtGui import QGuiApplication

from engine.errors import StudioError
from engine.jobs import AnalyseJob, GenerateJob, Job
from engine.live_requests import known_of
from engine.shipped import is_shipped
from studio.models.bring import Bring
from studio.models.cloud_work import SPLIT, CloudWork
from studio.models.export import Export
from studio.models.library import Card
from studio.models.lineage import Lineage
from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.opened import OpenProject
from studio.models.titles import counted
from studio.models.train_with_model import WithModel

FIT = "Fit with a model, to mix"


@dataclass(frozen=True)
class Offer:
    """A line of a menu. ``work`` does it; or ``typed`` takes words that are typed into it; or ``lines`` are a menu of their
    own. ``on`` is whether it is ticked, None where it cannot be. Without any of these it only says something."""

    text: str
    work: Callable[[], object] | None = None
    typed: Callable[[str], object] | None = None
    lines: tuple["Offer", ...] = ()
    on: bool | None = None


def offers(opened: OpenProject, names: Sequence[str]) -> list[list[Offer]]:
    """What can be done with the chosen cards, the last of which is meant where only one can be; in groups."""
    cards = [card for name in names if (card := opened.library.card(name))]
    if not cards:
        return []
    card = cards[-1]
    groups = [
        _look(opened, card),
        _mix(opened, card),
        _cloud(opened, [one for one in cards if one.cloud]),
        _fit(opened, [one.name for one in cards if one.kind == "item"]),
        _export(
            opened, [one.name for one in cards if one.kind == "shape" or (one.kind == "item" and one.mood != "bad")]
        ),
        _mark(opened, [one.name for one in cards]),
        _tell(opened, cards),
        _place(opened, [one.name for one in cards if one.kind == "shape"]),
    ]
    return [group for group in groups if group]


def remove(opened: OpenProject, names: Sequence[str]) -> None:
    """Take shapes out of the library, look at the next one, and say how they come back."""
    library, current = opened.library, opened.current
    shapes = [name for name in names if (card := library.card(name)) and card.kind == "shape"]
    shapes = [name for name in shapes if library.place(name) != "removed"]
    if not shapes:
        opened.troubles.tell("only shapes that are in the library can be removed from it")
        return
    there = [card.name for card in library.cards if card.kind == "shape"]
    library.remove(shapes)
    if current.shape in shapes:
        place = there.index(current.shape) if current.shape in there else 0
        left = [name for name in (*there[place:], *reversed(there[:place])) if name not in shapes]
        current.choose(tuple(left[:1]))
        current.show(left[0] if left else "")
    opened.troubles.tell(
        f"{library.told(shapes)} removed; Ctrl+Z brings {'it' if len(shapes) == 1 else 'them'} back", note=True
    )


def copy_commands(opened: OpenProject, names: Sequence[str]) -> None:
    """Put the commands that made these cards on the clipboard."""
    cards = [opened.library.card(name) for name in names]
    commands = [opened.queue.command(run) for run in dict.fromkeys(card.run for card in cards if card and card.run)]
    QGuiApplication.clipboard().setText("\n".join(commands))
    opened.troubles.tell(f"{counted(len(commands), 'command')} copied to the clipboard", note=True)


def _look(opened: OpenProject, card: Card) -> list[Offer]:
    if card.kind not in ("shape", "item"):
        return []
    found = [Offer("Look at it", lambda: opened.current.show(card.name))]
    if card.nearest and (opened.library.card(card.nearest) or any(known_of(card.nearest))):
        found.append(Offer("Nearest training shape beside it", lambda: opened.current.show(card.name, card.nearest)))
    other = opened.current.shape
    if other not in ("", card.name) and opened.library.card(other):
        found.append(Offer("Compare with what is shown", lambda: opened.current.show(other, card.name)))
    if card.operation == "generated" and not (card.novelty or card.cloud or _is_of_shipped(opened, card)):
        job = AnalyseJob(of=card.run, kind="nearest")
        found.append(Offer("Find nearest training shapes", lambda: opened.submit(job)))
    return found


def _mix(opened: OpenProject, card: Card) -> list[Offer]:
    if card.kind != "shape" or not card.parts:
        return []
    mix = opened.model(Mix)

    def begin() -> None:
        mix.begin(card.name)
        opened.current.go_to("Mix")

    def take(part: str) -> None:
        mix.take(part, card.name)
        opened.current.go_to("Mix")

    found = [Offer("Mix it", begin)]
    if mix.base is not None and mix.base.name != card.name:
        parts = tuple(Offer(part.capitalize(), partial(take, part)) for part in card.parts)
        found.append(Offer(f"Use a part of it in {mix.base.title}", lines=parts))
    return found


def _cloud(opened: OpenProject, cards: list[Card]) -> list[Offer]:
    """What becomes of clouds."""
    if not cards:
        return []
    work, names = opened.model(CloudWork), tuple(card.name for card in cards)
    categories = work.categories(names)
    lines = tuple(Offer(one.capitalize(), partial(work.split, names, one)) for one in categories)
    split = replace(lines[0], text=SPLIT) if len(lines) == 1 else Offer(f"{SPLIT} as", lines=lines)
    return [split if lines else Offer(work.why_not(names)), Offer("Make a mesh", lambda: work.mesh(names))]


def _fit(opened: OpenProject, names: list[str]) -> list[Offer]:
    """What lets meshes be mixed."""
    usable = {item.id: item for item in opened.model(Bring).items if item.usable} if names else {}
    work, items = opened.model(WithModel), [usable[name] for name in names if name in usable]
    first = work.source(items) if items else None
    if first is None:
        return []
    ids = [item.id for item in items]
    others = [one for one in work.sources if one.name != first.name]
    lines = tuple(Offer(one.title, partial(work.fit, ids, one.name)) for one in (first, *others))
    return [replace(lines[0], text=f"{FIT}: {first.title}") if not others else Offer(FIT, lines=lines)]


def _mark(opened: OpenProject, names: list[str]) -> list[Offer]:
    library = opened.library
    starred = all(name in library.stars for name in names)
    tags = [
        Offer(tag, partial(library.tag, names, tag, not has), on=has)
        for tag in library.all_tags()
        for has in [all(tag in library.tags.get(name, ()) for name in names)]
    ]
    new = Offer("New tag", typed=lambda text: library.tag(names, text, True))
    return [
        Offer("Take the star off" if starred else "Star", lambda: library.star(names, not starred)),
        Offer("Tags", lines=(*tags, new)),
    ]


def _export(opened: OpenProject, names: list[str]) -> list[Offer]:
    if not names:
        return []

    def ask() -> None:
        opened.current.choose(tuple(names))
        opened.model(Export).ask()

    return [Offer("Export…", ask)]


def _tell(opened: OpenProject, cards: list[Card]) -> list[Offer]:
    """Where a card comes from, and the command that made it."""
    found, last = [], cards[-1]
    if last.kind == "shape":
        found.append(Offer("Show lineage", lambda: opened.model(Lineage).ask(last.name)))
    if last.operation == "generated" and isinstance(job := _job(opened, last), GenerateJob):

        def recall() -> None:
            if opened.model(Make).recall(job):
                opened.current.go_to("Make")

        found.append(Offer("Ask for the same again", recall))
    if any(card.run for card in cards):
        found.append(Offer("Copy as command", lambda: copy_commands(opened, [card.name for card in cards])))
    return found


def _place(opened: OpenProject, names: list[str]) -> list[Offer]:
    """Whether shapes stay in the library."""
    library, found = opened.library, list[Offer]()
    if away := [name for name in names if library.place(name) != "kept"]:
        words = "Put it back" if all(library.place(name) == "removed" for name in away) else "Keep"
        found.append(Offer(words, lambda: library.keep(away)))
    if there := [name for name in names if library.place(name) != "removed"]:
        found.append(Offer("Remove from the library", lambda: remove(opened, there)))
    return found


def _job(opened: OpenProject, card: Card) -> Job | None:
    """What made a card; None where its folder is gone."""
    try:
        return opened.project.job(card.run)
    except StudioError:
        return None


def _is_of_shipped(opened: OpenProject, card: Card) -> bool:
    job = _job(opened, card)
    return isinstance(job, GenerateJob) and is_shipped(job.model)
