"""`python -m engine models`: from procedural shapes to the models that come with the program, in one resumable go."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine import device as devices
from engine import pipeline
from engine.datasets.procedural import VERSION
from engine.errors import InputError
from engine.jobs import Device, EvaluateJob, FitJob, GenerateJob, Job, SamplesJob, TrainJob
from engine.joining import usual_of
from engine.known import VERSION as KNOWN_VERSION
from engine.known import read_known_file
from engine.latents import Latents
from engine.method import Workspace
from engine.ordering import FILE as ORDER
from engine.ordering import order_to_draw_in
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.rows import ItemRow
from engine.shipped import KNOWN, MODEL
from engine.shipping.card import FILES, card_of_model, finished
from engine.shipping.clock import Clock
from engine.shipping.closed import closed_items, closed_shapes
from engine.shipping.clouds import make_clouds
from engine.shipping.learning import learning_version
from engine.shipping.mixes import healed_mixes
from engine.shipping.pack import pack_known, pack_model
from engine.shipping.pictures import draw_sheet
from engine.shipping.put import put, tried_of
from engine.shipping.recipe import CloudRecipe, Recipe
from engine.storage import digest, write_json

FIT, TRAIN = "fit", "train"


def make_models(
    recipes: Sequence[Recipe | CloudRecipe], out: Path, work: Path, device: Device, command: str
) -> Stage[dict[str, Any]]:
    """Make the models of some recipes -> models[{name, 1-NNA, copies, bytes, minutes}], out.

    work : folder of a project per recipe, in which a stopped run goes on; out : folder that gets the files of each model
    once all of them are made; ``notes/NAME.md`` there says what was tried; command : what the cards say
    """
    rows = []
    for recipe in recipes:
        if isinstance(recipe, CloudRecipe):
            rows.append((yield from make_clouds(recipe, out, work, device, command)))
            continue
        yield Note(text=f"{recipe.category}: {recipe.made} procedural shapes, preset {recipe.preset}")
        rows.append((yield from make_model(recipe, out, work, device, command)))
    return {"models": rows, "out": str(out)}


def make_model(recipe: Recipe, out: Path, work: Path, device: Device, command: str) -> Stage[dict[str, Any]]:
    """The model of one recipe, trained, measured, packed and put into ``out``; each step is a job and is done once.

    The folder is named after all that a trained model follows from, the runs in it after what measures it: who asks for
    other samples, or for more unseen shapes, does not train anew.
    """
    known = msgspec.json.encode([recipe.learned, VERSION, learning_version()])
    folder = work / f"{recipe.category}-{digest(known)}"
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        clock = Clock(folder / "seconds.json")
        steps = [closing := f"closed-{recipe.measured}", packing := f"pack-{recipe.measured}"]

        def do(job: Job) -> Stage[dict[str, Any]]:
            steps.append(job.run)
            stage = pipeline.run(job, project)
            done = (project.run_folder(job.run) / "result.json").exists()  # asking again takes no time of its own
            return stage if done else clock.timed(job.run, stage)

        yield from do(SamplesJob(run=recipe.sampled, category=recipe.category, count=recipe.made, seed=recipe.seed))
        training, unseen = _items(recipe, project)
        settings = recipe.settings
        yield from do(FitJob(run=FIT, settings=settings, items=training, device=device))
        yield from do(TrainJob(run=TRAIN, settings=settings, fit=FIT, device=device))
        if recipe.ordered:
            order = (yield from usual_of(FIT, project, Workspace(folder / "packing", devices.choose(device)))).order
        write_json(project.run_folder(TRAIN) / ORDER, order if recipe.ordered else ())
        draw = GenerateJob(
            run=recipe.drawn, model=TRAIN, count=recipe.samples, seed=recipe.draw, device=device, whole=True
        )
        drawn = yield from do(msgspec.structs.replace(draw, picture=False))
        against = EvaluateJob(
            run=recipe.evaluated, names=(recipe.drawn,), against=unseen, protocol=recipe.protocol, device=device
        )
        yield from do(against)
        packed = folder / f"packed-{recipe.measured}"
        space = Workspace(folder / "packing", devices.choose(device))
        yield from clock.timed(packing, _packed(packed / recipe.category, project, space))
        names: list[str] = drawn["shapes"]
        own = closed_shapes(names, recipe.grid, packed / "closed-generated.json", project, space)
        closed = yield from clock.timed(closing, own)
        real = yield from closed_items(unseen, packed / "closed-real.json", project)
        yield from draw_sheet(names[: recipe.shown], packed / f"{recipe.category}-shapes.webp", project, space)
        rows = [row for row in project.catalogue.shapes(recipe.drawn)[: recipe.shown] if row.present]
        mixes = yield from healed_mixes(recipe.mixes, rows, recipe.seed, device, do, recipe.mixed, project, space)
        yield from draw_sheet(mixes, packed / f"{recipe.category}-mixes.webp", project, space)
        machine = f"{devices.describe(space.device).split(' (')[0]}, {platform.machine()}"
        tried = tried_of(recipe.category, out)
        card = card_of_model(recipe, command, machine, project, clock.seconds, closed, real, tried)
        card = finished(card, packed)
        size = put(card.name, FILES, packed, out)
        yield Saved(kind="model", path=str(out / f"{card.name}{MODEL}"))
        return {
            "name": card.name,
            "1-NNA": None if card.one_nna is None else round(card.one_nna, 3),
            "copies": card.verdicts.get("copy"),
            "bytes": size,
            "minutes": round(sum(clock.seconds.get(step, 0.0) for step in set(steps)) / 60, 1),
        }


def _items(recipe: Recipe, project: Project) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the training and the unseen items. Raises InputError where too few of them can be used."""
    items = project.catalogue.items(recipe.category, accepted=True)

    def some(which: Sequence[ItemRow], count: int) -> tuple[str, ...]:
        if len(which) < count:
            raise InputError(f"{len(which)} of the {recipe.made} {recipe.category} shapes are there of {count} needed")
        return tuple(item.id for item in which[:count])

    train = [item for item in items if item.split == "train"]
    return some(train, recipe.training or len(train)), some(
        [item for item in items if item.split != "train"], recipe.unseen
    )


def _packed(place: Path, project: Project, space: Workspace) -> Stage[None]:
    """The model and what it knows, beside each other."""
    fit, train = project.run_folder(FIT), project.run_folder(TRAIN)
    latents = Latents(fit / "latents.safetensors")
    rows: list[int] = msgspec.json.decode((train / "rows.json").read_bytes())
    model, known = place.with_name(place.name + MODEL), place.with_name(place.name + KNOWN)
    if not model.exists():
        yield from pack_model(train / "model.safetensors", model)
    if not known.exists() or read_known_file(known).about.version < KNOWN_VERSION:
        order = (yield from usual_of(FIT, project, space)).order
        in_order = bool(order_to_draw_in(TRAIN, project))
        yield from pack_known(known, model, latents, rows, fit / "joints.safetensors", order, in_order)
