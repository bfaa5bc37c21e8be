"""`bench methods`: ``basis`` against ``hyperdiffusion`` and ``semantic``, on the same shapes.

Procedural aeroplanes and chairs, a model per category and method: one fit of 512 training shapes, three denoisers of
different seeds on it, 512 samples of each against 512 shapes that no model has seen. Everything is a job of one project in
a cache folder (``methods/<hash of the data's recipe and the generator's version>``), named with a hash of the method's
settings and code (remarks and layout do not count): the benchmark may be stopped at any time and called again, goes on
where it was, and a change of one method leaves the runs of the others standing. Jobs run on the CPU, one after the other.

A row (one method on one category) that is finished is kept in ``tests/bench/measured`` under the name of all that it follows
from, the engine's code included, with its day and machine: so another machine goes on where one has stopped. With
SHAPESTUDIO_BENCH_ANEW=1 and an empty cache everything is measured again.

Settings are each method's preset ``tiny``, which its author chose for some hundreds of shapes and minutes of CPU; nothing
is tuned here, and running scores are off. The only change is the budget of CPU time: 30 minutes for a fit, points and
judging included, and 15 for a denoiser. What would not end in time, as its progress foretells or as it turns out, is
stopped and started anew with fewer steps, so that its learning rate still falls to its end; ``stopped_cpu_s`` tells what
the stopped attempts took, and ``steps`` what was left of the preset's.

Surfaces are decoded on a grid of 128 for all methods. Exact EMD (some ms a pair) is of the first 128 samples against the
first 128 references, and its real row of as many training shapes. Verdicts need latents of the references: they are
fitted by each method after the training, outside its budget (``evaluate_cpu_s``). Empty samples are in no
score, and fits that their quality gate refuses teach no denoiser (``empty`` and ``learned`` in the table). An interval of
a method is from the lowest to the highest bound of its seeds' 95 % bootstrap intervals. Times of fit and training are CPU
seconds of the attempt that counts, times of sampling wall-clock seconds without decoding.

``baseline`` is in each category the better of the other two by 1-NNA (Chamfer), and ``ratio`` how much farther it lies from
the best value, 0.5, than ``basis``, mean over the categories.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
from msgspec.structs import replace

from engine import methods
from engine.datasets.procedural import VERSION
from engine.errors import InputError, TrainingError
from engine.jobs import EvaluateJob, FitJob, GenerateJob, SamplesJob, TrainJob
from engine.latents import Latents
from engine.metrics.result import Evaluation, read_evaluation
from engine.metrics.scores import ScoreRow
from engine.project import Project
from engine.protocol import Note, Stage
from engine.reporting import RESULT
from engine.settings import ProtocolSettings, Settings, override
from engine.storage import digest
from tests.bench._budget import Account, done, steps_of, within
from tests.bench._kept_rows import KeptRows
from tests.bench._methods_table import table
from tests.bench._methods_verdict import verdict
from tests.bench._source import ROOT, code_of

ANEW = "SHAPESTUDIO_BENCH_ANEW"  # environment: rows that are kept are measured again
OURS = "basis"
ROW = 1  # counts up where rows have other columns
COMPARED = ("hyperdiffusion", "semantic", OURS)
UNWATCHED = ["train.watch_every=0"]
LEARNING = (
    "diffusion",
    "fields",
    "latents.py",
    "optimise.py",
)  # code that a model follows from, beside its method's own:
WEIGHT_SPACE = ("methods/hyperdiffusion", "methods/semantic")
OWN = {"hyperdiffusion": WEIGHT_SPACE, "semantic": WEIGHT_SPACE, "basis": ("basis", "methods/basis")}
NOT_MEASURING = (
    "geometry/thicken.py",  # of sheets, which no procedural shape has
    *(
        f"metrics/{name}.py" for name in ("obedience", "obedience_measures", "obedience_prompts", "obeying")
    ),  # of prompts
)
MEASURING = (
    *(
        place
        for pattern in ("metrics/**/*.py", "geometry/*.py")  # files' formats are in folders below
        for file in sorted((ROOT / "engine").glob(pattern))
        if (place := file.relative_to(ROOT / "engine").as_posix()) not in NOT_MEASURING
    ),
    "evaluating.py",
)  # rows were renamed, not measured again, when files that no row follows from were left out


class Recipe(Settings, frozen=True):
    """What is compared; its digest is part of the folder's name."""

    categories: tuple[str, ...] = ("airplane", "chair")
    made: int = 1_100  # items per category
    shapes: int = 512  # training shapes, and as many unseen ones
    seeds: tuple[int, ...] = (1, 2, 3)  # of denoisers and their samples
    fit_s: float = 1_800.0  # CPU seconds
    train_s: float = 900.0
    protocol: ProtocolSettings = ProtocolSettings(grid=128, part_novelty=False)  # of parts, which no row tells
    emd_shapes: int = 128
    settings: dict[str, methods.MethodSettings] = msgspec.field(
        default_factory=lambda: {name: override(methods.preset(name, "tiny"), UNWATCHED) for name in COMPARED}
    )
    version: int = VERSION


SMALL = ["fit.accept=0", "fit.accept_part=0", "samples.per_part=256", "samples.held_out=1024", "sampler.steps=5"]
SMALL += ["denoiser.width=32", "denoiser.layers=1", "denoiser.heads=2", "train.steps=60", *UNWATCHED]
WEIGHTS = [*SMALL, "samples.uniform=2000", "samples.near=2000", "fit.steps=60", "fit.anchor_steps=100"]
CODES = [*SMALL, "local.near=512", "local.even=256", "expert.hidden=[24,24]", "expert.code=6"]
CODES += ["fit.steps=150", "fit.shapes=3", "fit.code_steps=20"]


def _quick() -> Recipe:
    """Shows that everything runs; its figures mean nothing."""
    small = {
        "hyperdiffusion": [*WEIGHTS, "field.hidden=[16,16]", "fit.steps=200", "train.steps=200"],
        "semantic": [*WEIGHTS, "field.hidden=[8]"],
        "basis": CODES,
    }
    return Recipe(
        categories=("airplane",),
        made=36,
        shapes=16,
        seeds=(1,),
        protocol=ProtocolSettings(points=256, part_points=64, emd_points=32, grid=32, resamples=10),
        emd_shapes=8,
        settings={name: override(methods.preset(name, "tiny"), changes) for name, changes in small.items()},
    )


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object; the table comes as notes."""
    recipe = _quick() if quick else Recipe()
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "methods"
    data = replace(recipe, settings={}, fit_s=0.0, train_s=0.0, seeds=())
    folder = cache / digest(msgspec.json.encode(data))
    kept = None if quick else KeptRows("methods", anew=bool(os.environ.get(ANEW)))
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        account = Account(folder / "cpu.json")
        rows = []
        for category in recipe.categories:
            rows += yield from _category(recipe, category, project, account, kept)
    for line in table(rows):
        yield Note(text=line)
    found = verdict(rows, recipe.categories, OURS, len(recipe.settings))
    plain = msgspec.to_builtins(recipe)
    settings, protocol = plain.pop("settings"), plain.pop("protocol")
    details = {"holds": found.pop("holds"), "claims": found.pop("claims"), "rows": rows, "recipe": plain}
    return {"name": "methods", **found, "details": {**details, "settings": settings, "protocol": protocol}}


def _category(
    recipe: Recipe, category: str, project: Project, account: Account, kept: KeptRows | None
) -> Stage[list[dict[str, Any]]]:
    """A row for each method, in order; measured where none is kept."""
    rows = []
    for method, settings in recipe.settings.items():
        learning = msgspec.json.encode([settings, recipe.fit_s, recipe.train_s]) + code_of((*LEARNING, *OWN[method]))
        job = FitJob(run=f"fit-{method}-{category}-{digest(learning)[:6]}", settings=settings, device="cpu")
        measuring = code_of(MEASURING) + msgspec.json.encode([ROW, recipe.seeds, recipe.emd_shapes])
        name = f"{method}-{category}-{digest(job.run.encode() + measuring + project.folder.name.encode())}"
        row = kept.row(name) if kept else None
        if row is not None:
            yield Note(text=f"{method}, {category}: measured {row['measured']}")
        else:
            try:
                row = yield from _method(recipe, job, category, project, account)
                row = kept.keep(name, row) if kept else row
            except (InputError, TrainingError) as error:
                yield Note(text=f"{method}, {category}: {error}", warning=True)
                row = {"category": category, "method": method, "failed": str(error)}
        rows.append(row)
    return rows


def _items(recipe: Recipe, category: str, project: Project, account: Account) -> Stage[tuple[list[str], list[str]]]:
    """Shapes to learn from, and references that no model sees. Raises InputError for too few."""
    made = SamplesJob(run=f"samples-{category}", category=category, count=recipe.made)
    yield from done(made, project, account)
    items = project.catalogue.items(category, accepted=True)
    learned = [item.id for item in items if item.split == "train"][: recipe.shapes]
    others = sorted((item for item in items if item.id not in learned), key=lambda item: item.split == "train")
    references = [item.id for item in others][: recipe.shapes]
    if min(len(learned), len(references)) < recipe.shapes:
        raise InputError(f"{len(items)} items of {category} do not give {recipe.shapes} for each of two sets")
    return learned, references


def _method(recipe: Recipe, job: FitJob, category: str, project: Project, account: Account) -> Stage[dict[str, Any]]:
    """One method on one category: its fit, and what the seeds gave."""
    learned, references = yield from _items(recipe, category, project, account)
    job = replace(job, items=tuple(learned))
    fit, fitted = yield from within(job, recipe.fit_s, project, account)
    shapes, seeds = fitted["shapes"], []
    for seed in recipe.seeds:
        own = replace(fit.settings, seed=seed)
        train = TrainJob(run=f"train-{fit.run}-{seed}", settings=own, fit=fit.run, device="cpu")
        seeds.append((yield from _seed(recipe, train, references, project, account)))
    folder = project.run_folder(fit.run)
    return {
        "category": category,
        "method": methods.name_of(fit.settings),
        "accepted": sum(shape["verdict"] == "accepted" for shape in shapes),
        "iou": mean(shape["iou"] or 0.0 for shape in shapes),
        "steps": steps_of(fit),
        "steps_of_preset": steps_of(job),
        "fit_cpu_s": account.spent[fit.run],
        "stopped_cpu_s": account.stopped(job.run),
        "train_cpu_s": mean(one["train_cpu_s"] for one in seeds),
        "sample_s": mean(one["sample_s"] for one in seeds),
        "bytes_per_shape": 4 * Latents(folder / "latents.safetensors").layout.size,
        "bytes_shared": (folder / "representation.safetensors").stat().st_size,
        "empty": mean(one["empty"] for one in seeds),
        "copies": mean(one["copies"] for one in seeds),
        "copies_of_unseen_real": mean(one["copies_of_unseen_real"] for one in seeds),
        "scores": {name: _over_seeds([one["scores"][name] for one in seeds]) for name in seeds[0]["scores"]},
        "real": {name: _over_seeds([one["real"][name] for one in seeds]) for name in seeds[0]["real"]},
        "seeds": seeds,
    }


def _seed(
    recipe: Recipe, job: TrainJob, references: Sequence[str], project: Project, account: Account
) -> Stage[dict[str, Any]]:
    """A denoiser of one seed, and how good its samples are."""
    train, _ = yield from within(job, recipe.train_s, project, account)
    drawn = GenerateJob(
        run=f"generate-{train.run}",
        model=train.run,
        count=recipe.shapes,
        seed=job.settings.seed,
        device="cpu",
        whole=False,  # samples as they come
    )
    made = yield from done(drawn, project, account)
    assert made is not None
    version = digest(code_of(MEASURING))[:6]
    whole = EvaluateJob(
        run=f"evaluate-{version}-{drawn.run}",
        names=(drawn.run,),
        against=tuple(references),
        protocol=replace(recipe.protocol, emd_points=0),
        device="cpu",
    )
    few = replace(
        whole,
        run=f"emd-{version}-{drawn.run}",
        names=tuple(made["shapes"][: recipe.emd_shapes]),
        against=tuple(references[: recipe.emd_shapes]),
        protocol=recipe.protocol,
    )
    for evaluate in (whole, few):
        yield from done(evaluate, project, account)
    scored, matched = (read_evaluation(project.run_folder(one.run) / RESULT) for one in (whole, few))
    novelty = scored.novelty
    assert novelty is not None
    return {
        "seed": job.settings.seed,
        "steps": steps_of(train),
        "steps_of_preset": steps_of(job),
        "train_cpu_s": account.spent[train.run],
        "stopped_cpu_s": account.stopped(job.run),
        "sample_s": made["seconds"] / recipe.shapes,
        "evaluate_cpu_s": sum(account.spent[one.run] for one in (whole, few)),
        "empty": scored.rows[0].empty,
        "copies": novelty.shares["copy"],
        "copies_of_unseen_real": novelty.unseen_shares["copy"],
        "scores": _scores(scored, matched, "generated"),
        "real": _scores(scored, matched, "real"),
    }


def _scores(whole: Evaluation, few: Evaluation, kind: str) -> dict[str, Any]:
    """Scores by measure: Chamfer and parts of all shapes, EMD of a few."""
    rows = [row for row in whole.rows if row.kind == kind]
    rows += [row for row in few.rows if row.kind == kind and row.measure.startswith("emd")]
    return {row.measure: _score(row) for row in rows}


def _score(row: ScoreRow) -> dict[str, Any]:
    bounds = [row.one_nna.low, row.one_nna.high]
    return {
        "one_nna": row.one_nna.value,
        "interval": bounds,
        "coverage": row.coverage.value,
        "mmd": row.mmd.value,
        "shapes": [row.generated, row.reference],
    }


def _over_seeds(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds, and the interval that holds theirs."""
    low, high = min(one["interval"][0] for one in scores), max(one["interval"][1] for one in scores)
    return {key: mean(one[key] for one in scores) for key in ("one_nna", "coverage", "mmd")} | {"interval": [low, high]}
