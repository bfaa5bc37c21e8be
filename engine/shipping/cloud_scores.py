"""How near clouds of a model are to real ones that it never saw, and how far from those that it learned from."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.method import Workspace
from engine.metrics.comparing import REAL, REFERENCES, SAMPLES, score_rows
from engine.metrics.measures import Means
from engine.metrics.obedience import Score as Obeyed
from engine.metrics.obeying import Clouds, drawn
from engine.metrics.scores import ScoreRow
from engine.metrics.shortlist import nearest
from engine.metrics.surfaces import Surface
from engine.opened import Model
from engine.project import Project
from engine.protocol import Stage
from engine.rows import ItemRow
from engine.settings import ProtocolSettings, override
from engine.shipped import Fresh
from engine.shipping.recipe import CloudRecipe
from engine.storage import read_tensors, seed_of
from engine.text.captions import caption


class Shown(msgspec.Struct, frozen=True):
    """A cloud (P, 3), what it was asked for, and the training cloud that is nearest to it."""

    category: str
    prompt: str
    cloud: NDArray[np.float32]
    nearest: NDArray[np.float32]


class CloudScores(msgspec.Struct, frozen=True):
    """Rows by category, novelty, and obedience by attribute."""

    rows: tuple[ScoreRow, ...]
    fresh: Fresh
    shown: tuple[Shown, ...]
    obeyed: tuple[Obeyed, ...] = ()


def measured(
    recipe: CloudRecipe,
    model: Model,
    learned: Sequence[ItemRow],
    unseen: Sequence[ItemRow],
    project: Project,
    space: Workspace,
) -> Stage[CloudScores]:
    """Rows of each category, by clouds that are drawn without guidance for captions of training shapes, one each, beside
    other training shapes; and how far such clouds are from the nearest training shape of their category."""
    means = Means(space.folder / "distances", 1)
    rows: list[ScoreRow] = []
    shown: list[Shown] = []
    away: dict[str, list[float]] = {SAMPLES: [], REFERENCES: []}
    for name in recipe.categories:
        mine, others = ([item for item in some if item.category == name] for some in (learned, unseen))
        prompts = [caption(item.category, item.attributes, recipe.draw) for item in mine[: len(others)]]
        free = override(model.about.settings.sampler, [f"points={recipe.points}", "guidance_scale=1", "emphasis=1"])
        seeds = [seed_of(recipe.draw, name, place) for place in range(len(prompts))]
        clouds = yield from drawn(model, prompts, free, seeds, space.folder / f"apart-{name}")
        real = _clouds(mine, recipe.points, project)
        sets = {SAMPLES: clouds, REFERENCES: _clouds(others, recipe.points, project)}
        protocol = ProtocolSettings(points=recipe.points, emd_points=0, resamples=recipe.resamples)
        surfaces = {key: _surfaces(some) for key, some in (sets | {REAL: real[-len(others) :]}).items()}
        rows += yield from score_rows(surfaces, "generated", name, (), protocol, 0, means)
        few = {key: some[: recipe.fresh] for key, some in sets.items()} | {REAL: real}
        found = yield from nearest(few, [(key, REAL) for key in sets], means)
        for key in sets:
            block = found.between(key, REAL)
            away[key] += block.min(1).tolist()
            if key == SAMPLES:
                shown += [
                    Shown(name, prompt, cloud, real[row])
                    for prompt, cloud, row in zip(prompts, few[key], block.argmin(1), strict=False)
                ]
    fresh = Fresh(
        drawn=float(np.median(away[SAMPLES])), unseen=float(np.median(away[REFERENCES])), clouds=len(away[SAMPLES])
    )
    return CloudScores(tuple(rows), fresh, tuple(shown))


def _surfaces(clouds: Clouds) -> list[Surface]:
    return [Surface(cloud.astype(np.float64), {}) for cloud in clouds]


def _clouds(items: Sequence[ItemRow], points: int, project: Project) -> Clouds:
    """(N, P, 3) points on the surfaces of items, as they were kept when the items were made."""
    paths = [project.geometry_path(item.id).with_name("cloud.safetensors") for item in items]
    return np.stack([read_tensors(path)[0]["clouds"][0][:points] for path in paths])
