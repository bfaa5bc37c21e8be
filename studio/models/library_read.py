"""The cards of a project, read from its catalogue."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from engine.card import DERIVED
from engine.errors import StudioError
from engine.jobs import GenerateJob
from engine.project import Project
from engine.rows import ItemRow, RunRow, ShapeRow
from engine.shipped import is_shipped, shipped_card
from engine.text.asking import category_of, prompt_of
from studio.models.library_card import Card, Mood
from studio.models.novelty import Novelty, read_novelties
from studio.models.train_methods import CLOUDS


def read_cards(folder: Path) -> list[Card]:
    """All cards of a project, newest first, the shapes of a run in their order. For a thread: opens the project anew."""
    with Project(folder) as project:
        items, runs, shapes = project.catalogue.items(), project.catalogue.runs(), project.catalogue.shapes()
        novelties = read_novelties(project, runs)
        jobs = {run.id: job for run in runs if run.kind == "generate" and (job := _job(project, run))}
        asked = {run: _category_asked(job) for run, job in jobs.items()}
        fitted = {run.id: run.method for run in runs if run.kind == "fit"}
        drawn = {run: _method_of(job, runs, folder) for run, job in jobs.items()}
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
        card.cloud = drawn.get(shape.run, fitted.get(shape.run)) == CLOUDS
        if shape.kind == "generated" and (novelty := novelties.get(shape.id)):
            _tell_novelty(card, replace(novelty, whole=None, joint=None, by_points=True) if card.cloud else novelty)
        if card.cloud and shape.kind == "generated":
            _tell_prompt(card, prompt_of(jobs[shape.run].changes))
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
    note, mood, hint = "parts found" if shape.kind == "split" else shape.kind, "", ""
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


def _tell_prompt(card: Card, prompt: str) -> None:
    card.prompt = prompt
    if not card.novelty:
        card.note, card.mood, card.hint = "cloud", "", ""
    card.hint = "\n".join(filter(None, (f"“{prompt}”" if prompt else "", card.hint)))
    card.words = f"{card.words} cloud {prompt.lower()}"


def _job(project: Project, run: RunRow) -> GenerateJob | None:
    """What a generation was asked; None where its folder is gone."""
    try:
        job = project.job(run.id)
    except (StudioError, OSError):
        return None
    return job if isinstance(job, GenerateJob) else None


def _category_asked(job: GenerateJob) -> str:
    """What a generation was asked for, in words too, or what its model is named after."""
    if job.category or (prompt := prompt_of(job.changes)) == "":
        own = job.model.partition(":")[2].partition("@")[0] if is_shipped(job.model) else ""
        return job.category or (own if own != CLOUDS else "")
    return category_of(prompt)


def _method_of(job: GenerateJob, runs: Sequence[RunRow], folder: Path) -> str:
    """The method of the model that drew; "" where that is not known."""
    if not is_shipped(job.model):
        return next((run.method for run in runs if run.id == job.model), "")
    try:
        return shipped_card(job.model, folder).method
    except StudioError:
        return ""


def _item_title(item: ItemRow) -> str:
    """What its data set or its file calls it; numbers get the category before them."""
    name = item.name or Path(item.path).stem or item.id
    return f"{item.category} {name}".strip().capitalize() if name.isdigit() else name


def _words(*words: str) -> str:
    return " ".join(words).lower()
