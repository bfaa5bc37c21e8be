"""Whether a model obeys: clouds that it draws for prompts, one each by the first seed, and what the rules say of them.

Prompts ask each rule for both answers equally often, so a model that does not read them is right on half of them, whatever
it draws. How often its clouds of the same category say yes where a prompt asked for something else is told beside that: a
rule that is right on one kind alone is one that the model does not obey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine import methods
from engine.metrics.obedience import Score, scores
from engine.metrics.obedience_prompts import Prompt
from engine.opened import Model
from engine.protocol import Progress, Stage
from engine.settings import SamplerSettings
from engine.storage import read_tensors, write_tensors

PIECE = 10  # clouds that a stop may lose
SEED = 0  # the first one, with which the program draws unless it is told another

Clouds = NDArray[np.float32]


@dataclass(frozen=True)
class Obeyed:
    """One rule: its score, and the share of yes among clouds of its category that were drawn for other rules' prompts (nan
    without any)."""

    score: Score
    unasked: float


def drawn(
    model: Model, prompts: Sequence[str], sampler: SamplerSettings, seeds: Sequence[int], folder: Path
) -> Stage[Clouds]:
    """(N, P, 3) a cloud for each prompt: the first of its seed.

    seeds : one a prompt. Those that are held against a set of shapes need different ones: from the same noise come clouds
        that are more alike than such a set is
    folder : keeps them in pieces, so it is one of this model, these prompts, seeds and settings alone

    Raises InputError where the sampler's settings have no prompt.
    """
    method = methods.load(model.about.settings)
    found = []
    for start in range(0, len(prompts), PIECE):
        path = folder / f"{start:05d}.safetensors"
        if not path.exists():
            rows = []
            some = list(zip(prompts, seeds, strict=True))[start : start + PIECE]
            for place, (prompt, seed) in enumerate(some, start):
                yield Progress(stage="clouds", done=place, total=len(prompts), message=prompt)
                asked = msgspec.convert(msgspec.to_builtins(sampler) | {"prompt": prompt}, type(sampler))
                shapes = yield from method.sample(model.trainee, model.representation, 1, asked, seed, {})
                rows.append(shapes.latent.view(-1, 3).numpy())
            write_tensors(path, {"clouds": np.stack(rows)})
        found.append(read_tensors(path)[0]["clouds"])
    return np.concatenate(found)


def obeyed(prompts: Sequence[Prompt], clouds: Clouds) -> list[Obeyed]:
    """What the rules say of clouds (N, P, 3) drawn for prompts, one each, in the rules' order."""
    pairs = list(zip(prompts, clouds, strict=True))
    found = []
    for score in scores((prompt.rule, prompt.wanted, cloud) for prompt, cloud in pairs):
        rule = score.rule
        others = [
            rule.answer(cloud)
            for prompt, cloud in pairs
            if prompt.rule.category == rule.category and prompt.rule.attribute != rule.attribute
        ]
        found.append(Obeyed(score, float(np.mean(others)) if others else float("nan")))
    return found


def table_obeyed(found: Sequence[Obeyed], real: Mapping[str, float]) -> list[str]:
    """Lines of a table: attribute, obeyed where yes was wanted, where no was, both; chance; yes where it was not asked for;
    right on ``real`` clouds, by the rule's name."""
    width = max((len(one.score.rule.name) for one in found), default=0)
    lines = [f"{'attribute':{width}}  {'yes':>7}  {'no':>7}  obeyed  chance  unasked yes   real"]
    for one in found:
        score = one.score
        counts = f"{score.yes:3d}/{score.yes_of:<3d}  {score.no:3d}/{score.no_of:<3d}"
        known = real.get(score.rule.name)
        beside = f"{known:6.1%}" if known is not None else f"{'-':>6}"
        lines.append(
            f"{score.rule.name:{width}}  {counts}  {score.share:6.0%}  {0.5:6.0%}  {one.unasked:11.0%}  {beside}"
        )
    return lines
