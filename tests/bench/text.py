"""`bench text`: which reader of captions `tiny3d` obeys best: words of its own, MiniLM, CLIP's text tower.

One small denoiser per reader, trained alike (same shapes, steps, batches, seeds) on procedural shapes of six categories.
The reader of words learns with it, from captions phrased anew at each step; MiniLM and CLIP are frozen and encode 16
captions of each shape once. Where no weights are at hand a reader is left out, which is said: MiniLM comes with the package
of the extra ``minilm`` (or SHAPESTUDIO_MINILM names a folder), a folder of CLIP is named by SHAPESTUDIO_CLIP.

``read`` asks the vectors alone: a linear classifier learns from captions in known phrasings which of the two answers of each
rule of `engine.metrics.obedience` they ask for, and is asked about others. ``obeyed`` asks the shapes: of each of 200
held-out prompts one cloud is drawn, first seed, and judged by its rule; chance is one half. Both are told apart by
phrasing: known words in a sentence pattern never trained on, and new words too.

``baseline`` is the mean obedience of words, the default; ``ours`` that of the best reader. ``details.surely_better`` tells
whether that one lies above words by more than two standard errors of the paired difference. Jobs are kept in
``text/<hash>`` of the cache folder, so the benchmark goes on where it was stopped.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

import msgspec
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from engine import methods
from engine.clouds.representation import CloudRepresentation
from engine.datasets.procedural import CATEGORIES, VERSION
from engine.errors import InputError
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.method import Workspace
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.reading import read_prompt
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.metrics.obedience import RULES
from engine.metrics.obedience_prompts import held_out, prompt_for
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.settings import Settings, override
from engine.stages import noting
from engine.storage import digest, seed_of, write_json
from engine.text.captions import Phrasing
from engine.text.clip import ClipTextEncoder
from engine.text.minilm import MiniLMEncoder, packaged
from tests.bench._budget import Account, done
from tests.bench._source import ROOT, code_of
from tests.bench.methods import LEARNING

OWN = ("clouds", "text", "methods/tiny3d")
KEEP_EVERY = 20  # prompts whose answers a killed process may lose
GAP = "\u2013"


class Recipe(Settings, frozen=True):
    """What is compared; its digest is part of the folder's name."""

    categories: tuple[str, ...] = CATEGORIES
    made: int = 75  # items per category
    prompts: int = 200
    taught: int = 12  # captions of either answer that a classifier learns from, and half as many to judge it by
    points: int = 512  # of the clouds that are judged
    settings: Tiny3dSettings = Tiny3dSettings()
    version: int = VERSION


FULL = ["train.steps=1500", "train.batch=8"]
SMALL = [
    "fit.points=32",
    "train.steps=4",
    "train.batch=4",
    "denoiser.width=32",
    "denoiser.layers=1",
    "denoiser.heads=1",
]
SMALL += ["text.dim=16", "text.width=16", "text.layers=1", "text.heads=1", "text.captions=2", "sampler.steps=2"]


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object; the table comes as notes. ``quick``: made-up weights where there are no others."""
    tiny = methods.preset("tiny3d", "tiny")
    assert isinstance(tiny, Tiny3dSettings)
    recipe = Recipe(settings=override(tiny, FULL))
    if quick:
        recipe = Recipe(categories=("mug",), made=6, prompts=25, taught=2, settings=override(tiny, SMALL))
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "text"
    folder = cache / digest(msgspec.json.encode(recipe))
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        account = Account(folder / "cpu.json")
        for category in recipe.categories:
            made = SamplesJob(run=f"samples-{category}", category=category, count=recipe.made)
            yield from done(made, project, account)
        rows = []
        for name in ("words", "minilm", "clip"):
            try:
                changes = _reader(name, folder if quick else None)
            except InputError as error:
                yield Note(text=f"{name} is left out: {error}", warning=True)
                continue
            rows.append((yield from _judged(recipe, name, override(recipe.settings, changes), project, account)))
    for line in _table(rows):
        yield Note(text=line)
    best = max(rows, key=lambda row: float(row["obeyed"]["all"]))
    apart = np.array(best["answers"], float) - np.array(rows[0]["answers"], float)
    deviation = float(apart.std(ddof=1) / np.sqrt(len(apart)))
    return {
        "name": "text",
        "baseline": rows[0]["obeyed"]["all"],
        "ours": best["obeyed"]["all"],
        "ratio": round(best["obeyed"]["all"] / rows[0]["obeyed"]["all"], 3),
        "details": {
            "best": best["reader"],
            "surely_better": bool(apart.mean() > 2 * deviation),
            "apart": [round(float(apart.mean()), 3), round(deviation, 3)],
            "readers": [{key: value for key, value in row.items() if key != "answers"} for row in rows],
            "recipe": msgspec.to_builtins(recipe),
        },
    }


def _reader(name: str, made_up: Path | None) -> list[str]:
    """Settings that name a reader. Raises InputError where its weights are not at hand.

    made_up : where small random weights are written instead
    """
    if name == "words":
        return []
    if made_up:
        folder = _made_up(name, made_up / name)
    elif given := os.environ.get(f"SHAPESTUDIO_{name.upper()}"):
        folder = Path(given)
    elif name == "minilm":
        folder = packaged()
    else:
        raise InputError("no folder of a CLIP model is named; set SHAPESTUDIO_CLIP")
    dim = (ClipTextEncoder(folder) if name == "clip" else MiniLMEncoder(folder, None)).dim
    return [f"text.encoder={name}", f"text.folder={folder}", f"text.dim={dim}"]


def _made_up(name: str, folder: Path) -> Path:
    """Small random weights in the layout of a reader."""
    from tests.text import test_clip, test_minilm

    if not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        if name == "minilm":
            test_minilm.folder_of(folder, test_minilm.random_weights())
        else:
            test_clip.folder_of(folder, test_clip.TEXT | {"projection_dim": 8})
    return folder


def _judged(
    recipe: Recipe, name: str, settings: Tiny3dSettings, project: Project, account: Account
) -> Stage[dict[str, Any]]:
    """One reader: trained, asked, and what came of it."""
    key = digest(msgspec.json.encode(settings) + code_of((*LEARNING, *OWN)))[:6]
    fit = FitJob(run=f"fit-{name}-{key}", settings=settings, device="cpu")
    train = TrainJob(run=f"train-{name}-{key}", settings=settings, fit=fit.run, device="cpu")
    yield from done(fit, project, account)
    yield from done(train, project, account)
    model = yield from open_model(train.run, project, Workspace(project.folder, torch.device("cpu")))
    answers = yield from _answers(recipe, model, project.run_folder(train.run) / "answers.json")
    prompts = held_out(recipe.prompts)
    obeyed = {
        phrasing: mean([answer for answer, prompt in zip(answers, prompts, strict=True) if prompt.phrasing in kinds])
        for phrasing, kinds in {"pattern": ("pattern",), "held": ("held",), "all": ("pattern", "held")}.items()
        if any(prompt.phrasing in kinds for prompt in prompts)
    }
    return {
        "reader": name,
        "read": (yield from _read(recipe, model)),
        "obeyed": obeyed,
        "fit_cpu_s": account.spent[fit.run],
        "train_cpu_s": account.spent[train.run],
        "answers": answers,
    }


def _answers(recipe: Recipe, model: Model, path: Path) -> Stage[list[int]]:
    """Whether the cloud of each held-out prompt is as it asks, 1 or 0."""
    prompts = held_out(recipe.prompts)
    found: list[int] = msgspec.json.decode(path.read_bytes()) if path.exists() else []
    method, settings = methods.load(model.about.settings), model.about.settings
    for number in range(len(found), len(prompts)):
        asked = override(settings.sampler, [f"prompt={msgspec.json.encode(prompts[number].text).decode()}"])
        asked = override(asked, [f"points={recipe.points}"])
        drawing = method.sample(model.trainee, model.representation, 1, asked, seed_of("first", number), {})
        shapes = yield from noting(drawing, [])
        cloud = shapes.latent.numpy().reshape(-1, 3)
        found.append(int(prompts[number].rule.answer(cloud) == prompts[number].wanted))
        if len(found) % KEEP_EVERY == 0 or len(found) == len(prompts):
            write_json(path, found)
        yield Progress(stage="prompts", done=number + 1, total=len(prompts))
    return found


def _read(recipe: Recipe, model: Model) -> Stage[dict[str, float]]:
    """Share of captions of which a linear classifier of the vectors tells the answer asked for, by phrasing."""
    rights: dict[str, list[float]] = {"known": [], "pattern": [], "held": []}
    for number in range(len(RULES)):
        texts: dict[str, tuple[list[str], list[bool]]] = {}
        for phrasing, count in {"taught": recipe.taught, **dict.fromkeys(rights, -(-recipe.taught // 2))}.items():
            own = texts[phrasing] = ([], [])
            for wanted in (True, False):
                own[0].extend(_texts(number, wanted, phrasing, count))
                own[1].extend([wanted] * count)
        taught, answers = texts.pop("taught")
        tell = LogisticRegression(C=10.0, max_iter=500).fit((yield from _vectors(taught, model)), answers)
        for phrasing, (asked, wanted_of) in texts.items():
            rights[phrasing].append(float(tell.score((yield from _vectors(asked, model)), wanted_of)))
        yield Progress(stage="read", done=number + 1, total=len(RULES))
    return {phrasing: mean(shares) for phrasing, shares in rights.items()}


def _texts(rule: int, wanted: bool, phrasing: str, count: int) -> list[str]:
    """Prompts that ask a rule for an answer; those "taught" are other known ones than those "known"."""
    found: list[str] = []
    attempt = 0
    while len(found) < count:
        rng, attempt = Random(seed_of("text", phrasing, rule, wanted, attempt)), attempt + 1
        kind: Phrasing = "pattern" if phrasing == "pattern" else "held" if phrasing == "held" else "known"
        said = prompt_for(RULES[rule], wanted, kind, rng)
        found += [said.text] if said else []
    return found


def _vectors(texts: Sequence[str], model: Model) -> Stage[np.ndarray]:
    """(B, dim) what the denoiser is told of some prompts."""
    trainee, representation = model.trainee, model.representation
    assert isinstance(trainee, PointDenoiser) and isinstance(representation, CloudRepresentation)
    rows: list[Tensor] = []
    for number, text in enumerate(texts):
        found = yield from noting(read_prompt(text, trainee, representation), [])
        rows.append(trainee.nothing[None] if found is None else found)
        if number % 8 == 0:
            yield Progress(stage="vectors", done=number, total=len(texts))
    return torch.cat(rows).numpy()


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lines of a table: a reader each."""
    lines = [
        f"{'reader':8} {'read: known':>12} {'pattern':>8} {'held':>8}   {'obeyed: pattern':>16} {'held':>8} {'all':>8}"
    ]
    for row in rows:
        read = [f"{row['read'][name]:.0%}" for name in ("known", "pattern", "held")]
        obeyed = [f"{row['obeyed'][name]:.0%}" if name in row["obeyed"] else GAP for name in ("pattern", "held", "all")]
        cells = (
            f"{row['reader']:8} {read[0]:>12} {read[1]:>8} {read[2]:>8}   {obeyed[0]:>16} {obeyed[1]:>8} {obeyed[2]:>8}"
        )
        lines.append(cells)
    return lines
