"""`bench obedience`: whether clouds are what prompts ask for, attribute by attribute, and how right those are who judge.

Judges: for each rule of `engine.metrics.obedience` as many real procedural shapes of either kind, which the rules were not
set on, as clouds of 512 points. A rule is fit to judge at 97 %. The same clouds made rough and crooked (`_rough`) are judged
as well: what is drawn is rough, and a rule asks what it is, not how fine.

Model: the 200 held-out prompts (words and sentences never trained on), first seed, 512 points, the model's own sampler. The
model is the file that SHAPESTUDIO_BENCH_MODEL names, or else the one that comes with the program; without either the judges
alone are shown. For each rule: prompts obeyed where yes was wanted and where no was, both; chance; how often its clouds of
the category say yes where the prompt asked for something else; the judge's share on real clouds. Clouds are kept in the
cache folder, so a stopped benchmark goes on.

``ours`` is the mean share of prompts obeyed (of right answers on real clouds without a model), ``baseline`` chance: every
rule is asked for yes and for no equally often, so whoever does not listen is right on one half.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine import device
from engine.datasets.procedural import make
from engine.geometry.occupancy import surface_points
from engine.method import Workspace
from engine.metrics.obedience import RULES, Score, mean, scores, table
from engine.metrics.obedience_measures import Cloud
from engine.metrics.obedience_prompts import held_out, seeds_of
from engine.metrics.obeying import SEED, Obeyed, drawn, obeyed, table_obeyed
from engine.opened import open_model
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.settings import override
from engine.shipped import shipped_for
from engine.storage import digest
from tests.bench._rough import roughened

ROOT = Path(__file__).parents[2]
POINTS = 512
FIRST = 8 * 10**6  # seed
MODEL = "SHAPESTUDIO_BENCH_MODEL"  # environment: a model.safetensors


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. ``quick``: 2 shapes of either kind for each rule instead of 100, and 25 prompts."""
    judged, rough, about = yield from _judges(2 if quick else 100)
    for title, found in (("real clouds", judged), ("the same, rough and crooked", rough)):
        for line in (title, *table(found)):
            yield Note(text=line)
    real = {score.rule.name: score.share for score in judged}
    ours, name = mean(judged), os.environ.get(MODEL) or shipped_for(method="tiny3d")
    if name:
        answers = yield from _model(name, 25 if quick else 200)
        ours = mean([one.score for one in answers])
        for line in table_obeyed(answers, real):
            yield Note(text=line)
        about |= {"model": name, "obeyed": {one.score.rule.name: [*_counts(one.score), one.unasked] for one in answers}}
    else:
        yield Note(text=f"no model that reads words comes with the program; name a file in {MODEL}", warning=True)
    about |= {"rules": _named(judged), "rules_on_rough": _named(rough)}
    return {"name": "obedience", "baseline": 0.5, "ours": ours, "ratio": ours / 0.5, "details": about}


def _judges(count: int) -> Stage[tuple[list[Score], list[Score], dict[str, Any]]]:
    """Scores of the rules on ``count`` real clouds of either kind each, and on the same clouds made rough."""
    asked, rough = [], []
    begun = time.process_time()
    for i, rule in enumerate(RULES):
        for wanted in (True, False):
            for seed in seeds_of(rule, wanted, count, FIRST):
                yield Progress(stage="clouds", done=i, total=len(RULES))
                surface = make(rule.category, seed).geometry.surface
                cloud: Cloud = surface_points(surface, POINTS, np.random.default_rng(seed))
                asked.append((rule, wanted, cloud))
                rough.append((rule, wanted, roughened(cloud, np.random.default_rng([seed, 1]))))
    made_s = time.process_time() - begun
    found = scores(asked)
    judged_ms = 1000 * (time.process_time() - begun - made_s) / len(asked)
    return found, scores(rough), {"clouds": len(asked), "points": POINTS, "cpu_ms_per_cloud": judged_ms}


def _model(name: str, count: int) -> Stage[list[Obeyed]]:
    """How a model obeys held-out prompts."""
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "obedience"
    with Project(cache) if (cache / "project.json").exists() else Project.create(cache) as project:
        model = yield from open_model(name, project, Workspace(cache, device.choose("auto")))
        prompts = held_out(count)
        sampler = override(model.about.settings.sampler, [f"points={POINTS}"])
        told = f"{model.hash} {[prompt.text for prompt in prompts]}".encode() + msgspec.json.encode(sampler)
        texts = [prompt.text for prompt in prompts]
        clouds = yield from drawn(model, texts, sampler, [SEED] * len(texts), cache / digest(told))
    return obeyed(prompts, clouds)


def _named(found: Sequence[Score]) -> dict[str, list[float]]:
    return {score.rule.name: _counts(score) for score in found}


def _counts(score: Score) -> list[float]:
    return [score.yes, score.yes_of, score.no, score.no_of]
