"""`bench upsampler`: new points from the learned upsampler, midway between neighbours, and by the base model at four times
the points.

Two models learn from procedural shapes of all six categories: the base, and the upsampler (denoiser.role=details, given
points are an eighth of its training clouds). Both are jobs of a project in a cache folder.

On shapes that no model has seen, whose surface is known: clouds of some sizes, ``even`` ones and ``rough`` ones (at random,
with noise of a fifth of their spacing, as drawn clouds are), get three times as many new points. ``midpoints`` are those
midpoints of neighbours that fill the widest gaps, ``closest`` those of the closest pairs, which lie nearer to the surface
and are less even (shown, but in no ratio), and ``filled`` what the program does where no model is named. The base is told
the given points too: at each step its guess for a quarter of the points is replaced. ``off`` is the distance of new points
to the surface, ``holes`` that of the surface to the points, ``uneven`` the deviation of nearest distances over their mean.

On clouds that the base draws for captions, of which no true surface is known: how uneven they are, how thick their
surfaces are, and how far from the nearest of the training shapes of that category, again with the base at four times the
points.

``baseline`` and ``ours`` are ``off`` and ``uneven``, means over the sizes and kinds, of the baseline that is harder to beat
(``midpoints`` or ``base``) and of the upsampler; ``ratio`` the least of the four ratios, so above 1 where ours is better
than either in both. Clouds are kept one by one, so a run that was stopped goes on.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine import device, methods
from engine.clouds.pool import CloudSet
from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampled import STEPS
from engine.clouds.upsampling import RATIO, filling, midpoints
from engine.datasets.procedural import CATEGORIES, VERSION
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.sample import draw
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.method import Workspace
from engine.methods.tiny3d.denoiser import PointDenoiser, Prompted
from engine.methods.tiny3d.reading import read_prompt
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.methods.tiny3d.upsampler import Upsampler
from engine.methods.tiny3d.upsampler_drawing import DRAWN, upsampled
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.settings import SamplerSettings, Settings, override
from engine.shapes import fit_of
from engine.storage import digest, write_json
from engine.text.captions import caption
from tests.bench._budget import Account, done
from tests.bench._source import ROOT, code_of
from tests.bench._upsampler_measures import against_shapes, against_surface, between_closest, given, means, unseen

SEED = 1
FIRST = 950_000  # of the seeds of unseen shapes
LEARNING = ("diffusion", "optimise.py", "clouds/pool.py", "methods/tiny3d/denoiser.py", "methods/tiny3d/network.py")
OWN = {"clouds": (), "details": ("clouds/upsampling.py", "methods/tiny3d/upsampler.py")}
WAYS = ("ours", "filled", "midpoints", "base")


class Recipe(Settings, frozen=True):
    """What is compared. ``base`` and ``details`` are changes of the preset tiny."""

    made: int = 80  # items per category
    base: tuple[str, ...] = ("fit.points=256", "fit.pool=8", "train.steps=1500", "train.batch=8")
    details: tuple[str, ...] = (
        *("fit.points=1024", "fit.pool=2", "train.steps=1500", "train.batch=4", "train.lr=2e-3", "train.ema=0.995"),
        *("denoiser.width=96", "denoiser.layers=3", "denoiser.min_snr=1"),
    )
    base_steps: int = 20  # of its sampler
    shapes: int = 24  # unseen ones
    kinds: tuple[str, ...] = ("even", "rough")
    sizes: tuple[int, ...] = (128, 256)
    drawn: int = 24  # clouds
    size: int = 256  # of drawn clouds
    version: int = VERSION


def _quick() -> Recipe:
    """Shows that everything runs; its figures mean nothing."""
    small = ("denoiser.width=16", "denoiser.layers=1", "denoiser.heads=1", "train.steps=2", "train.batch=2")
    return Recipe(
        made=4,
        base=("fit.points=32", "fit.pool=1", *small),
        details=("fit.points=128", "fit.pool=1", *small),
        base_steps=2,
        shapes=1,
        sizes=(16,),
        drawn=1,
        size=16,
    )


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object; the table comes as notes."""
    recipe = _quick() if quick else Recipe()
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / "upsampler"
    folder = cache / digest(msgspec.json.encode([recipe.made, recipe.version]))
    with Project(folder) if (folder / "project.json").exists() else Project.create(folder) as project:
        account = Account(folder / "cpu.json")
        for category in CATEGORIES:
            made = SamplesJob(run=f"samples-{category}", category=category, count=recipe.made)
            yield from done(made, project, account)
        details = yield from trained("details", recipe, project, account)
        base = yield from trained("clouds", recipe, project, account)
        models = yield from _opened(recipe, details, base, project)
        told = [STEPS, recipe.base_steps, recipe.size]
        place = folder / "cache" / digest(msgspec.json.encode([models.details.hash, models.base.hash, told]))
        rows = yield from _on_surfaces(recipe, models, place)
        drawn = yield from _on_drawn(recipe, models, place, project)
        spent = {name: account.spent[name] for name in (details, base)}
    for line in _table(rows, drawn):
        yield Note(text=line)
    return _judged(recipe, rows, drawn, spent)


def trained(role: str, recipe: Recipe, project: Project, account: Account) -> Stage[str]:
    """The run of the model that learned one role."""
    own = recipe.details if role == "details" else recipe.base
    settings = override(methods.preset("tiny3d", "tiny"), [f"seed={SEED}", *own])
    assert isinstance(settings, Tiny3dSettings)
    key = digest(msgspec.json.encode([recipe.made, own]) + code_of((*LEARNING, *OWN[role])))[:6]
    fit = FitJob(run=f"fit-{role}-{key}", settings=settings, device="cpu")
    yield from done(fit, project, account)
    learned = override(settings, [f"denoiser.role={role}"])
    yield from done(TrainJob(run=f"train-{role}-{key}", settings=learned, fit=fit.run, device="cpu"), project, account)
    return f"train-{role}-{key}"


@dataclass(frozen=True)
class Models:
    """Both models, and how they draw."""

    details: Model
    base: Model
    plainly: SamplerSettings  # the base

    @property
    def upsampler(self) -> Upsampler:
        """The network that puts points between others."""
        assert isinstance(self.details.trainee, Upsampler)
        return self.details.trainee

    @property
    def denoiser(self) -> PointDenoiser:
        """The network of the base."""
        assert isinstance(self.base.trainee, PointDenoiser)
        return self.base.trainee


class Told(Prompted):
    """The base, told that its first points are these: its guess for them is replaced at each step."""

    def __init__(self, denoiser: PointDenoiser, points: int, known: Tensor) -> None:
        """known : (1, N, 3), N at most ``points``."""
        super().__init__(denoiser, points, None)
        self._known = denoiser.normalise(known.flatten(1))

    def x0(self, x: Tensor, t: Tensor, condition: object, guidance_scale: float) -> Tensor:
        """See `Prompted`."""
        guess = super().x0(x, t, condition, guidance_scale)
        return torch.cat([self._known.expand(len(x), -1), guess[:, self._known.shape[1] :]], 1)


def _opened(recipe: Recipe, details: str, base: str, project: Project) -> Stage[Models]:
    work = Workspace(project.folder, device.choose("cpu"))
    one, other = (yield from open_model(details, project, work)), (yield from open_model(base, project, work))
    plain = SamplerSettings(sampler="ddim", spacing="even", batch=1)
    return Models(one, other, override(plain, [f"steps={recipe.base_steps}"]))


def _kept(path: Path, make: Callable[[], Stage[dict[str, Any]]]) -> Stage[dict[str, Any]]:
    if not path.exists():
        write_json(path, (yield from make()))
    found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return found


def _on_surfaces(recipe: Recipe, models: Models, place: Path) -> Stage[dict[str, dict[str, dict[str, float]]]]:
    """Kind and size -> way -> mean of each measure."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in recipe.kinds:
        for size in recipe.sizes:
            rows = []
            for number in range(recipe.shapes):
                path = place / f"{kind}-{size}-{number:03d}.json"
                rows.append((yield from _kept(path, lambda: _shape(models, kind, size, number))))  # noqa: B023, used at once
                yield Progress(stage=f"{kind} {size}", done=number + 1, total=recipe.shapes)
            found[f"{kind} {size}"] = {way: means([row[way] for row in rows]) for way in rows[0]}
    return found


def _shape(models: Models, kind: str, size: int, number: int) -> Stage[dict[str, Any]]:
    """One shape, in all ways."""
    surface, seed = unseen(number, FIRST), FIRST + number
    points = given(surface, kind, size, seed)
    known, count = torch.from_numpy(points[None]).float(), RATIO * size
    level = DRAWN if kind == "rough" else 0.0
    base = cast(Denoiser, Told(models.denoiser, count, known))
    clouds = {
        "ours": (yield from upsampled(models.upsampler, known, count, STEPS, seed, level=level))[:, size:],
        "filled": (yield from filling(known, count - size)),
        "midpoints": midpoints(known, count - size),
        "closest": torch.from_numpy(between_closest(points, count - size)[None]),
        "base": (yield from draw(base, 1, models.plainly, seed)).unflatten(1, (-1, 3))[:, size:],
    }
    return {way: against_surface(points, new[0].double().numpy(), surface, seed) for way, new in clouds.items()}


def _on_drawn(recipe: Recipe, models: Models, place: Path, project: Project) -> Stage[dict[str, dict[str, float]]]:
    """Way -> mean of each measure, of clouds drawn for captions."""
    fit = project.job(models.details.name)
    assert isinstance(fit, TrainJob)
    _, latents = yield from fit_of(fit.fit, project, Workspace(project.folder, device.choose("cpu")))
    assert isinstance(latents, CloudSet)
    rows = []
    for number in range(recipe.drawn):
        category = CATEGORIES[number % len(CATEGORIES)]
        items = project.catalogue.items(category, accepted=True)
        item = items[number // len(CATEGORIES) % len(items)]
        words = caption(item.category, item.attributes, SEED)
        mine = {item.id for item in items if item.split == "train"}
        shapes = [latents.even(i).astype(float) for i, one in enumerate(latents.records) if one.item in mine]
        path = place / f"drawn-{number:03d}.json"
        rows.append((yield from _kept(path, lambda: _prompt(recipe, models, words, number, shapes))))  # noqa: B023, used at once
        yield Progress(stage="drawn", done=number + 1, total=recipe.drawn)
    return {way: means([row[way] for row in rows]) for way in rows[0]}


def _prompt(recipe: Recipe, models: Models, words: str, seed: int, shapes: list[Any]) -> Stage[dict[str, Any]]:
    """One cloud for a caption, in all ways; ``given`` is what the others start from."""
    texts = []
    for model in (models.base, models.details):
        assert isinstance(model.trainee, PointDenoiser)
        assert isinstance(model.representation, CloudRepresentation)
        texts.append((yield from read_prompt(words, model.trainee, model.representation)))
    settings, size = override(models.plainly, ["guidance_scale=2"]), recipe.size
    few, many = (cast(Denoiser, Prompted(models.denoiser, count, texts[0])) for count in (size, RATIO * size))
    known = (yield from draw(few, 1, settings, seed)).unflatten(1, (-1, 3))
    clouds = {
        "given": known,
        "ours": (yield from upsampled(models.upsampler, known, RATIO * size, STEPS, seed, texts[1])),
        "filled": torch.cat([known, (yield from filling(known, (RATIO - 1) * size))], 1),
        "midpoints": torch.cat([known, midpoints(known, (RATIO - 1) * size)], 1),
        "base": (yield from draw(many, 1, settings, seed)).unflatten(1, (-1, 3)),
    }
    return {way: against_shapes(cloud[0].double().numpy(), shapes) for way, cloud in clouds.items()}


def _judged(recipe: Recipe, rows: dict[str, Any], drawn: dict[str, Any], spent: dict[str, float]) -> dict[str, Any]:
    """The benchmark's JSON object."""
    mean = {
        way: {name: round(float(np.mean([row[way][name] for row in rows.values()])), 4) for name in ("off", "uneven")}
        for way in WAYS
    }
    over = {name: {what: mean[name][what] / mean["ours"][what] for what in mean[name]} for name in WAYS[2:]}
    best = min(over, key=lambda name: min(over[name].values()))
    return {
        "name": "upsampler",
        "baseline": {"what": best, **mean[best]},
        "ours": mean["ours"],
        "ratio": round(min(over[best].values()), 3),
        "details": {
            "ratio_is": "the least of four: distance to the surface and unevenness, of either baseline over ours",
            "means": mean,
            "on_surfaces": rows,
            "drawn": drawn,
            "train_cpu_s": spent,
            "recipe": msgspec.to_builtins(recipe),
        },
    }


def _table(rows: dict[str, Any], drawn: dict[str, Any]) -> list[str]:
    """Lines of all means."""
    lines = []
    for name, ways in {**rows, "drawn": drawn}.items():
        measures = list(next(iter(ways.values())))
        lines.append(f"{name:<12}" + "".join(f"{measure:>10}" for measure in measures))
        lines += [f"  {way:<10}" + "".join(f"{row[m]:>10.3f}" for m in measures) for way, row in ways.items()]
    return lines
