"""`bench newfit`: real meshes become latents of a model that knows procedural shapes only, and how near they come.

Eight Princeton aircraft and five ShapeNet chairs, their parts named by ``_real_parts``. Each is fitted in three ways: by
codes of the model alone, by fine-tuning the model's experts on this shape, and by networks of its own (preset ``tiny`` of
``semantic``), which is the baseline. IoU is that of the whole on points that no fit saw. CPU seconds of codes alone are
those of the search; those of the others are of their jobs, which include judging (``judging_cpu_s`` says what that takes).
Labelled points are made once for all (``points_cpu_s``) and count for none.

The model is the one that comes with the program, or else one trained here: preset ``tiny`` on 256 procedural shapes.
"""

import os
from pathlib import Path
from statistics import mean, median
from typing import Any

import msgspec

from engine import methods, shipped
from engine.datasets.procedural import VERSION
from engine.fitting import open_basis
from engine.jobs import FitJob, SamplesJob
from engine.project import Project
from engine.protocol import Stage
from engine.settings import Settings, override
from engine.storage import digest
from tests.bench._budget import Account, done
from tests.bench._real_parts import bring
from tests.bench.methods import CODES, WEIGHTS

ROOT = Path(__file__).parents[2]
GOAL = {"cpu_s": 10}
WAYS = ("codes", "fine-tuned", "separate")


class Recipe(Settings, frozen=True):
    """What is done; its digest is part of the folder's name."""

    categories: tuple[str, ...] = ("airplane", "chair")
    made: int = 256
    shapes: int = 99  # real ones of each category, at most
    fine_tune: int = 300
    model: methods.MethodSettings = methods.preset("basis", "tiny")
    own: methods.MethodSettings = methods.preset("semantic", "tiny")
    version: int = VERSION


def _quick() -> Recipe:
    """Shows that everything runs; its figures mean nothing."""
    model, own = override(methods.preset("basis", "tiny"), CODES), override(methods.preset("semantic", "tiny"), WEIGHTS)
    return Recipe(made=6, shapes=1, fine_tune=20, model=model, own=override(own, ["field.hidden=[8]"]))


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. Raises InputError where the real meshes are absent."""
    recipe = _quick() if quick else Recipe()
    data = Path(os.environ.get("SHAPESTUDIO_TEST_DATA", ROOT / "../shared/data")).resolve()
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "newfit"
    folder = cache / digest(msgspec.json.encode(recipe))
    rows: list[dict[str, Any]] = []
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        account = Account(folder / "cpu.json")
        for category in recipe.categories:
            rows += yield from _category(recipe, category, project, data, account, quick)
    return _judged(recipe, rows)


def _category(
    recipe: Recipe, category: str, project: Project, data: Path, account: Account, quick: bool
) -> Stage[list[dict[str, Any]]]:
    """A row for each real shape of a category."""
    items = [item.id for item in bring(project, data, category, recipe.shapes)]
    model = "" if quick else shipped.shipped_for(category)
    if not model:
        model = f"fit-{category}"
        yield from done(SamplesJob(run=f"samples-{category}", category=category, count=recipe.made), project, account)
        made = tuple(item.id for item in project.catalogue.items(category) if item.id not in items)
        yield from done(FitJob(run=model, settings=recipe.model, items=made, device="cpu"), project, account)
    settings = open_basis(model, project).about.settings
    rows = []
    for item in items:
        row: dict[str, Any] = {"category": category, "shape": item, "model": model}
        jobs = {
            "points": FitJob(settings=settings, model=model),
            "codes": FitJob(settings=settings, model=model),
            "fine-tuned": FitJob(settings=settings, model=model, fine_tune=recipe.fine_tune),
            "separate-points": FitJob(settings=override(recipe.own, ["fit.steps=1", "fit.anchor_steps=1"])),
            "separate": FitJob(settings=recipe.own),
        }
        for way, job in jobs.items():
            job = msgspec.structs.replace(job, run=f"{way}-{item}", items=(item,), device="cpu")
            result = yield from done(job, project, account)
            assert result is not None
            (shape,) = result["shapes"]
            spent = round(account.spent[job.run], 2)
            if way in WAYS:
                row[way] = {"iou": shape["iou"], "cpu_s": shape["cpu_s"] if way == "codes" else spent}
            if way == "codes":
                row["judging_cpu_s"] = round(spent - shape["cpu_s"], 2)
            if way == "points":  # the same once before, when there were no points yet
                row["points_cpu_s"] = spent
        row["points_cpu_s"] = round(row["points_cpu_s"] - row["codes"]["cpu_s"] - row["judging_cpu_s"], 2)
        rows.append(row)
    return rows


def _judged(recipe: Recipe, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The benchmark's result: medians of CPU seconds, means of IoU."""

    def told(way: str, some: list[dict[str, Any]]) -> dict[str, float]:
        found = [row[way] for row in some]
        return {
            "cpu_s": round(median(one["cpu_s"] for one in found), 2),
            "iou": round(mean(one["iou"] for one in found), 4),
        }

    by_category = {
        name: {way: told(way, some) for way in WAYS}
        for name in recipe.categories
        if (some := [row for row in rows if row["category"] == name])
    }
    ours, theirs = told("codes", rows), told("separate", rows)
    return {
        "name": "newfit",
        "baseline": {"what": "networks of its own for each shape, preset tiny of semantic", **theirs},
        "ours": {"what": "codes of a model of procedural shapes, its experts frozen", **ours},
        "ratio": round(theirs["cpu_s"] / ours["cpu_s"], 1),
        "details": {
            "ratio_is": "CPU seconds per shape, median of networks of its own over median of codes alone",
            "goal": GOAL,
            "most_cpu_s": max(row["codes"]["cpu_s"] for row in rows),
            "fine_tune": {"steps": recipe.fine_tune, **told("fine-tuned", rows)},
            "categories": by_category,
            "shapes": rows,
        },
    }
