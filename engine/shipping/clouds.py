"""The model of clouds that comes with the program: made of all categories at once, and measured by what it is asked."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine import device as devices
from engine import pipeline
from engine.datasets.procedural import VERSION
from engine.errors import InputError
from engine.jobs import Device, FitJob, Job, SamplesJob, TrainJob
from engine.method import Workspace
from engine.metrics.obedience_prompts import held_out
from engine.metrics.obeying import SEED, drawn, obeyed
from engine.opened import open_model
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.rows import ItemRow
from engine.settings import override
from engine.shipped import CARD, MATCH, MODEL
from engine.shipping.card import PAGE, finished
from engine.shipping.clock import Clock
from engine.shipping.cloud_card import card_of_clouds, cloud_page
from engine.shipping.cloud_pictures import draw_nearest, draw_prompts
from engine.shipping.cloud_scores import CloudScores, Shown, measured
from engine.shipping.learning import CLOUD_PLACES, MATCH_PLACES, learning_version
from engine.shipping.pack import average, pack_matcher, pack_model
from engine.shipping.put import put, tried_of
from engine.shipping.recipe import CloudRecipe
from engine.storage import digest

FIT, TRAIN = "fit", "train"
PICTURES = (SHAPES, NEAREST) = ("-shapes.webp", "-nearest.webp")


def make_clouds(recipe: CloudRecipe, out: Path, work: Path, device: Device, command: str) -> Stage[dict[str, Any]]:
    """The model of a recipe, trained, packed, measured as it is packed, and put into ``out``; see `make.make_model`."""
    yield Note(text=f"{recipe.name}: {recipe.items} procedural shapes of each category, preset {recipe.preset}")
    known = msgspec.json.encode([recipe.learned, VERSION, learning_version(places=CLOUD_PLACES)])
    folder = work / f"{recipe.name}-{digest(known)}"
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        clock = Clock(folder / "seconds.json")

        def do(job: Job) -> Stage[dict[str, Any]]:
            stage = pipeline.run(job, project)
            done = (project.run_folder(job.run) / "result.json").exists()  # asking again takes no time of its own
            return stage if done else clock.timed(job.run, stage)

        for name in recipe.categories:
            yield from do(
                SamplesJob(run=f"samples-{name}-{recipe.items}", category=name, count=recipe.items, seed=recipe.seed)
            )
        learned, unseen = split(recipe, project)
        names = tuple(item.id for item in learned)
        yield from do(FitJob(run=FIT, settings=recipe.settings, items=names, device=device))
        trainings = [f"{TRAIN}-{number}" for number in range(1, 1 + len(recipe.trainings))]
        for run, fork, settings in zip(trainings, ("", *trainings), recipe.trainings, strict=False):
            yield from do(TrainJob(run=run, settings=settings, fit=FIT, fork=fork, device=device))
        version = learning_version(places=MATCH_PLACES)
        rank = f"match-{digest(msgspec.json.encode([recipe.match, version]))[:6]}"  # learned anew without the rest
        if recipe.match:
            yield from do(TrainJob(run=rank, settings=recipe.matching, fit=FIT, device=device))
        packed = folder / f"packed-{recipe.measured}"
        model = packed / f"{recipe.name}{MODEL}"
        if not model.exists():
            last = [project.run_folder(run) / "model.safetensors" for run in trainings[-recipe.averaged :]]
            average(last, whole := packed / f"full{MODEL}")
            yield from clock.timed("pack", pack_model(whole, model, recipe.drawing))
        if recipe.match:
            pack_matcher(project.run_folder(rank) / "model.safetensors", packed / f"{recipe.name}{MATCH}")
        space = Workspace(packed / "cache", devices.choose(device))
        found = yield from clock.timed(
            f"measure-{recipe.measured}", _measured(recipe, model, learned, unseen, project, space)
        )
        machine = f"{devices.describe(space.device).split(' (')[0]}, {platform.machine()}"
        tried = tried_of(recipe.name, out)
        spent = {name: value for name, value in clock.seconds.items() if not name.startswith("match-") or name == rank}
        card = card_of_clouds(recipe, command, machine, model, len(learned), spent, found, tried)
        card = finished(card, packed, files_of(recipe), cloud_page)
        size = put(card.name, files_of(recipe), packed, out)
    yield Saved(kind="model", path=str(out / f"{card.name}{MODEL}"))
    return {
        "name": card.name,
        "1-NNA": None if card.one_nna is None else round(card.one_nna, 3),
        "obeyed": None if card.obeyed is None else round(card.obeyed, 3),
        "bytes": size,
        "minutes": round(sum(clock.seconds.values()) / 60, 1),
    }


def files_of(recipe: CloudRecipe) -> tuple[str, ...]:
    """The files of its model, after the model's name; the card last."""
    return (MODEL, *((MATCH,) if recipe.match else ()), *PICTURES, PAGE, CARD)


def split(recipe: CloudRecipe, project: Project) -> tuple[list[ItemRow], list[ItemRow]]:
    """The items that are learned, and those that are held against, category by category. Raises InputError for too few."""
    learned: list[ItemRow] = []
    unseen: list[ItemRow] = []
    for name in recipe.categories:
        items = project.catalogue.items(name, accepted=True)
        others = [item for item in items if item.split != "train"]
        if len(others) < recipe.unseen:
            raise InputError(f"{len(others)} of the {recipe.items} {name} shapes are left of {recipe.unseen} needed")
        learned += [item for item in items if item.split == "train"]
        unseen += others[: recipe.unseen]
    return learned, unseen


def _measured(
    recipe: CloudRecipe,
    path: Path,
    learned: Sequence[ItemRow],
    unseen: Sequence[ItemRow],
    project: Project,
    space: Workspace,
) -> Stage[CloudScores]:
    """The packed model's figures, and the pictures beside it; what was drawn is kept, so a stopped measurement goes on."""
    model = yield from open_model(str(path), project, space)
    prompts = held_out(recipe.prompts)
    asked = override(model.about.settings.sampler, [f"points={recipe.asked_points}"])
    texts = [prompt.text for prompt in prompts]
    clouds = yield from drawn(model, texts, asked, [SEED] * len(texts), space.folder / f"asked-{SEED}")
    found = yield from measured(recipe, model, learned, unseen, project, space)
    pictures = [path.with_name(f"{recipe.name}{suffix}") for suffix in PICTURES]
    seeds = [recipe.draw] * len(recipe.shown)
    whole = yield from drawn(model, recipe.shown, model.about.settings.sampler, seeds, space.folder / "shown")
    draw_prompts(recipe.shown, whole, pictures[0])
    draw_nearest(_some(found.shown, recipe.categories), pictures[1])
    return msgspec.structs.replace(found, obeyed=tuple(one.score for one in obeyed(prompts, clouds)))


def _some(shown: Sequence[Shown], categories: Sequence[str], each: int = 2) -> list[Shown]:
    """The first of each category."""
    return [one for name in categories for one in [one for one in shown if one.category == name][:each]]
