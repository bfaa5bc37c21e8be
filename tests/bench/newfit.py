"""`bench newfit`: real meshes become latents of a model that knows procedural shapes only, and how near they come.

Eight Princeton aircraft and five ShapeNet chairs, their parts named by ``_real_parts``. Each is fitted in these ways; ``IoU``
is that of the whole on 40,000 even points about it that no fit saw (of those that a fit is judged by, some dozens are inside
a thin aircraft, too few to tell):

- codes: of the model alone, its experts frozen
- centred: the same of the shape stood with its plane of symmetry at x = 0 (`engine.upright`)
- unnamed: the same without labels, parts borrowed from the known shape that is most like it (`engine.borrowing`)
- fine-tuned: after the model's experts have learned this shape
- separate: networks of its own (preset ``tiny`` of ``semantic``), the baseline
- hurried: the same with so few steps that they take the CPU seconds of the codes

CPU seconds of codes are those of the search; those of the others are of their jobs, which include the fit's
own judging (``judging_cpu_s`` says what that takes). Labelled points are made once for all (``points_cpu_s``) and count for
none. The codes also take part in mixes with a shape that the model made (`_real_mixes`).

The model is the one that comes with the program, or else one trained here: preset ``tiny`` on 256 procedural shapes, which
are then mixed with too. Every figure is kept when it is there, and a stopped benchmark goes on.
"""

import os
from pathlib import Path
from statistics import mean, median
from typing import Any

import msgspec
import numpy as np
import torch

from engine import methods, shipped
from engine.datasets.procedural import VERSION
from engine.fields.evaluate import iou
from engine.fitting import open_basis
from engine.geometry.file import load_geometry
from engine.geometry.inside import inside
from engine.jobs import FitJob, GenerateJob, SamplesJob
from engine.method import Workspace
from engine.methods import MethodSettings
from engine.opened import open_shape
from engine.project import Project
from engine.protocol import Stage
from engine.rows import ItemRow
from engine.settings import FitSettings, Settings, override
from engine.storage import digest, write_json
from tests.bench._borrowed_parts import bring_unnamed
from tests.bench._budget import Account, done
from tests.bench._centred import bring_centred
from tests.bench._real_mixes import mixed
from tests.bench._real_parts import bring
from tests.bench.methods import CODES, WEIGHTS

ROOT = Path(__file__).parents[2]
GOAL = {"cpu_s": 10}
EVEN, MARGIN = 40_000, 0.02  # points, and how far they reach beyond the shape's box
BY_CODES = ("codes", "centred", "unnamed")
WAYS = (*BY_CODES, "fine-tuned", "separate", "hurried")


class Recipe(Settings, frozen=True):
    """What is done; its digest is part of the folder's name."""

    categories: tuple[str, ...] = ("airplane", "chair")
    made: int = 256
    shapes: int = 99  # real ones of each category, at most
    fine_tune: int = 300
    model: MethodSettings = methods.preset("basis", "tiny")
    own: MethodSettings = methods.preset("semantic", "tiny")
    version: int = VERSION


def _quick() -> Recipe:
    """Shows that everything runs; its figures mean nothing."""
    model, own = override(methods.preset("basis", "tiny"), CODES), override(methods.preset("semantic", "tiny"), WEIGHTS)
    return Recipe(made=6, shapes=1, fine_tune=20, model=model, own=override(own, ["field.hidden=[8]"]))


class Bench:
    """Jobs about real shapes of one category and the model that they become shapes of."""

    def __init__(self, recipe: Recipe, category: str, project: Project, account: Account) -> None:
        self.recipe, self.category, self.project, self.account = recipe, category, project, account
        self.work = Workspace(project.folder / "looking", torch.device("cpu"))
        self.model, self.other = "", ""

    def prepare(self, quick: bool, real: list[str]) -> Stage[None]:
        """Find the model, or make one; and a shape that it made, or learned from."""
        if model := "" if quick else shipped.shipped_for(self.category):
            drawn = GenerateJob(run=f"drawn-{self.category}", model=model, count=1, picture=False, device="cpu")
            yield from done(drawn, self.project, self.account)
            self.model, self.other = model, f"{drawn.run}/0000"
            return
        self.model = f"fit-{self.category}"
        samples = SamplesJob(run=f"samples-{self.category}", category=self.category, count=self.recipe.made)
        yield from done(samples, self.project, self.account)
        made = tuple(item.id for item in self.project.catalogue.items(self.category) if item.id not in real)
        fit = FitJob(run=self.model, settings=self.recipe.model, items=made, device="cpu")
        yield from done(fit, self.project, self.account)
        self.other = self.project.catalogue.shapes(self.model)[0].id

    def row(self, item: ItemRow) -> Stage[dict[str, Any]]:
        """What came of one real shape, kept in a file."""
        path = self.project.folder / "rows" / f"{item.id}.json"
        if path.exists():
            kept: dict[str, Any] = msgspec.json.decode(path.read_bytes())
            return kept
        row: dict[str, Any] = {"category": self.category, "shape": item.id, "model": self.model}
        codes = FitJob(settings=open_basis(self.model, self.project).about.settings, model=self.model)
        yield from self._fitted("points", item.id, codes)
        row["codes"] = yield from self._fitted("codes", item.id, codes)
        spent = self.account.spent
        row["judging_cpu_s"] = round(spent[f"codes-{item.id}"] - row["codes"]["cpu_s"], 2)
        row["points_cpu_s"] = round(spent[f"points-{item.id}"] - spent[f"codes-{item.id}"], 2)
        stood, row["off_centre"], row["leaning_deg"] = bring_centred(self.project, item)
        row["centred"] = yield from self._fitted("codes", stood.id, codes)
        if shipped.is_shipped(self.model):
            nameless = bring_unnamed(self.project, item)
            row["unnamed"] = yield from self._fitted("codes", nameless.id, codes)
        tuned = msgspec.structs.replace(codes, fine_tune=self.recipe.fine_tune)
        row["fine-tuned"] = yield from self._fitted("fine-tuned", item.id, tuned)
        own = self.recipe.own
        yield from self._fitted("separate-points", item.id, FitJob(settings=_of_steps(own, 0.0)))
        row["separate"] = yield from self._fitted("separate", item.id, FitJob(settings=own))
        share = row["codes"]["cpu_s"] / max(row["separate"]["cpu_s"], 1e-3)
        row["hurried"] = yield from self._fitted("hurried", item.id, FitJob(settings=_of_steps(own, share)))
        shape = f"codes-{stood.id}/{stood.id}"
        row["mixes"] = yield from mixed(
            item.id, shape, self.other, self.category, self.project, self.account, self.work
        )
        write_json(path, row)
        return row

    def _fitted(self, way: str, item: str, job: FitJob) -> Stage[dict[str, float]]:
        """IoU and CPU seconds of a fit of one item."""
        job = msgspec.structs.replace(job, run=f"{way}-{item}", items=(item,), device="cpu")
        result = yield from done(job, self.project, self.account)
        assert result is not None
        (shape,) = result["shapes"]
        spent = shape["cpu_s"] if way == "codes" else self.account.spent[job.run]
        return {"iou": (yield from self._agreement(item, shape["id"])), "cpu_s": round(spent, 2)}

    def _agreement(self, item: str, shape: str) -> Stage[float]:
        """IoU of a shape with its item."""
        geometry = load_geometry(self.project.geometry_path(item))
        low, high = geometry.surface.bounds + np.array([[-MARGIN], [MARGIN]])
        points = np.random.default_rng(0).uniform(low, high, (EVEN, 3)).astype(np.float32)
        opened = yield from open_shape(shape, self.project, self.work)
        with torch.no_grad():
            logits = opened.decoded()(torch.from_numpy(points))
        return round(float(iou(logits > 0, torch.from_numpy(inside(geometry.surface, points)))), 4)


def _of_steps(own: MethodSettings, share: float) -> MethodSettings:
    """The settings with a share of the steps of the anchor and of the shape, at least one each."""
    assert isinstance(own.fit, FitSettings)
    steps = {"fit.steps": own.fit.steps, "fit.anchor_steps": own.fit.anchor_steps}
    return override(own, [f"{name}={max(1, round(share * count))}" for name, count in steps.items()])


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
            items = bring(project, data, category, recipe.shapes)
            bench = Bench(recipe, category, project, account)
            yield from bench.prepare(quick, [item.id for item in items])
            for item in items:
                rows.append((yield from bench.row(item)))
                write_json(folder / "newfit.json", judged(recipe, rows))
    return judged(recipe, rows)


def judged(recipe: Recipe, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The benchmark's result: medians of CPU seconds, means of IoU."""
    ours, theirs = told("codes", rows), told("separate", rows)
    named = {name: [row for row in rows if row["category"] == name] for name in recipe.categories}
    return {
        "name": "newfit",
        "baseline": {"what": "networks of its own for each shape, preset tiny of semantic", **theirs},
        "ours": {"what": "codes of a model of procedural shapes, its experts frozen", **ours},
        "ratio": round(theirs["cpu_s"] / ours["cpu_s"], 1),
        "details": {
            "ratio_is": "CPU seconds per shape, median of networks of its own over median of codes alone",
            "goal": GOAL,
            "most_cpu_s": max(row["codes"]["cpu_s"] for row in rows),
            "fine_tune_steps": recipe.fine_tune,
            "all": {way: told(way, rows) for way in WAYS if told(way, rows)},
            "categories": {
                name: {way: told(way, some) for way in WAYS if told(way, some)} for name, some in named.items() if some
            },
            "mixes": {way: sound_share(way, rows) for way in ("alone", "given", "taken")},
            "shapes": rows,
        },
    }


def told(way: str, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of one way; {} where no shape was fitted so."""
    found = [row[way] for row in rows if way in row]
    if not found:
        return {}
    seconds, agreement = median(one["cpu_s"] for one in found), [one["iou"] for one in found]
    return {"cpu_s": round(seconds, 2), "iou": round(mean(agreement), 4), "least_iou": round(min(agreement), 4)}


def sound_share(way: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many unions are watertight, and of how many of these is there one shell."""
    found = [row["mixes"][way] for row in rows]
    tight = [one for one in found if one["watertight"]]
    return {"shapes": len(found), "watertight": len(tight), "one_shell": sum(one["shells"] == 1 for one in tight)}
