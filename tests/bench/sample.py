"""`bench sample`: few steps of DPM-Solver++(2M) against 500 steps of DDIM, on a denoiser of real fitted weights.

The denoiser is ``hyperdiffusion`` on procedural aeroplanes, fitted and trained here by the engine's own code and kept in
a cache folder, so that a second run only samples. It counts only if its 500-step samples score a 1-NNA below 0.9 against
aeroplanes it has never seen. Distances are between surface clouds of decoded shapes; the distance between two sets of
samples is the mean squared Chamfer distance from each shape to the nearest of the other set, both ways averaged.

A sampler passes when both hold. From the same noise, its sets lie no farther from the 500-step sets than the nearest two
500-step sets of different noise lie from each other. And from other noise, its sets lie no farther from the 500-step sets
than those lie from each other, in the mean over all pairs of seeds. The excess is also given seed by seed as a standard
error: a sampler without any fault would fail the second test half of the time, by about as much.
"""

import os
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load
from torch import Tensor

from engine.checkpoint import load_model, read_about, save_model
from engine.datasets.procedural import VERSION, make
from engine.diffusion.denoiser import Denoiser, build
from engine.diffusion.sample import draw
from engine.diffusion.samplers import evaluations
from engine.fields.fit import FitData, fit_anchor, fit_fields
from engine.fields.mlp import WeightField
from engine.fields.weights import field_layout
from engine.geometry.occupancy import sample, surface_points
from engine.geometry.surface import extract
from engine.method import Batch
from engine.metrics.matrices import distances
from engine.metrics.measures import CHAMFER
from engine.metrics.scores import ScoreRow, score
from engine.optimise import optimise
from engine.protocol import Note, Progress, Stage
from engine.settings import (
    DenoiserSettings,
    FieldSettings,
    FitSettings,
    SamplerSettings,
    SampleSettings,
    Settings,
    TrainSettings,
)
from engine.storage import digest, seed_of, write_tensors
from tests.bench._one_thread import one_thread

ROOT = Path(__file__).parents[2]
UNSEEN = 1_000_000  # seeds of shapes that are never trained on start here
POINTS = 1024  # of a surface cloud
SEEDS = (11, 12, 13, 14, 15, 16)  # drawn by every sampler; the step spacing was chosen on seeds 1 to 6
GRID = 72  # grid points per side of a decoded shape

T = TypeVar("T")


class Recipe(Settings, frozen=True):
    """What the denoiser is made from; its digest names the cache folder."""

    shapes: int = 256
    samples: SampleSettings = SampleSettings(uniform=24_000, near=24_000, jitter=0.02, held_out=8_000)
    field: FieldSettings = FieldSettings(hidden=(64, 64, 64))
    fit: FitSettings = FitSettings(
        optimiser="adam",
        steps=900,
        near=0.5,
        whiten=0.0,
        check_every=300,
        anchor_shapes=64,
        anchor_steps=1_500,
        lr=5e-3,
        keep_near_anchor=2e-3,
        accept=0.7,
    )
    denoiser: DenoiserSettings = DenoiserSettings(
        width=192, layers=4, heads=6, schedule="cosine", time="smooth", normalise="token"
    )
    train: TrainSettings = TrainSettings(steps=3_000, lr=1e-3, warmup=100, ema=0.99, save_every=250)
    version: int = VERSION


QUICK = Recipe(
    shapes=8,
    field=FieldSettings(hidden=(16, 16)),
    samples=SampleSettings(uniform=2_000, near=2_000, jitter=0.02, held_out=1_024),
    fit=FitSettings(steps=60, check_every=60, anchor_shapes=4, anchor_steps=60, accept=0.0),
    denoiser=DenoiserSettings(width=32, layers=1, heads=2, schedule="cosine", time="smooth"),
    train=TrainSettings(steps=60, lr=1e-3, warmup=10, ema=0.9),
)
SLOW = SamplerSettings(sampler="ddim", steps=500)
FAST = tuple(SamplerSettings(sampler="dpmpp-2m", steps=steps) for steps in (33, 25, 10))


def run(quick: bool = False) -> Stage[dict]:
    """The benchmark's JSON object. ``quick`` shrinks everything: it shows that the benchmark runs and nothing else."""
    recipe, count = (QUICK, 8) if quick else (Recipe(), 64)
    folder = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench"))
    folder = folder / f"sample-{digest(msgspec.json.encode(recipe) + code())}"
    with one_thread():
        return (yield from _compare(recipe, count, folder))


def code() -> bytes:
    """The source that fits and trains: another engine starts from scratch."""
    places = [ROOT / "engine" / place for place in ("fields", "diffusion", "datasets/procedural", "optimise.py")]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*.py")))]
    return b"".join(file.read_bytes() for file in files)


def _compare(recipe: Recipe, count: int, folder: Path) -> Stage[dict]:
    rows = yield from latents(recipe, folder)
    denoiser = yield from trained(recipe, rows, folder)
    real = [surface_of(seed) for seed in range(UNSEEN, UNSEEN + 2 * count)]
    reference, other = np.stack(real[:count]), np.stack(real[count:])
    training = np.stack([surface_of(seed) for seed in range(recipe.shapes)])
    floor = yield from compared(other, reference)
    refitted = yield from decoded(recipe, rows[:count], "refitted")
    rebuilt = yield from compared(refitted, reference)

    slow, slow_s, empty = yield from drawn(recipe, denoiser, count, SLOW, SEEDS[0])
    nearness = near_training(denoiser, (yield from draw(denoiser, count, FAST[0], SEEDS[0])), rows)
    sets = [slow]
    for seed in SEEDS[1:]:
        sets.append((yield from drawn(recipe, denoiser, count, SLOW, seed))[0])
    scores = yield from compared(slow, reference)
    nearer = yield from near_by_shape(slow, training)
    apart = np.zeros((len(sets), len(sets)))  # distance of the 500-step sets of two seeds
    for i, j in combinations(range(len(sets)), 2):
        apart[i, j] = apart[j, i] = yield from between(sets[i], sets[j])
    pairs = apart[np.triu_indices(len(sets), 1)]
    rungs = []
    for settings in FAST:
        across = np.zeros_like(apart)  # distance of the fast set of one seed to the 500-step set of another
        lost = 0
        for place, seed in enumerate(SEEDS):
            clouds, seconds, missing = yield from drawn(recipe, denoiser, count, settings, seed)
            lost += missing
            if place == 0:
                quality = yield from compared(clouds, reference)
            for against, one in enumerate(sets):
                across[place, against] = yield from between(clouds, one)
        same = float(np.diag(across).mean())
        by_seed = (across - apart).sum(1) - np.diag(across)  # over the other seeds
        excess = by_seed / (len(sets) - 1) / pairs.mean()
        mean, error = float(excess.mean()), float(excess.std(ddof=1) / len(excess) ** 0.5)
        rungs.append(
            {
                "sampler": settings.sampler,
                "evaluations": evaluations(settings),
                "cpu_s": round(seconds, 2),
                "one_nna": quality.one_nna.value,
                "distance_to_500_same_noise": same,
                "excess_over_500_other_noise": round(mean, 5),
                "standard_error_of_excess": round(error, 5),
                "empty": lost,
                "passes": bool(same <= pairs.min() and mean <= 0),
            }
        )
    passing = [rung for rung in rungs if rung["passes"]]
    best = passing[-1] if passing else rungs[0]
    taken, valid = evaluations(FAST[rungs.index(best)]), scores.one_nna.value < 0.9
    ratio = evaluations(SLOW) / taken if passing and valid else 0.0
    if not valid:
        text = f"the denoiser's 1-NNA is {scores.one_nna.value:.2f}, not below 0.9: the ratio says nothing"
        yield Note(text=text, warning=True)
    return {
        "name": "sample",
        "baseline": {"sampler": "ddim", "evaluations": evaluations(SLOW), "cpu_s": round(slow_s, 2)},
        "ours": best,
        "ratio": round(ratio, 2),
        "details": {
            "shapes": recipe.shapes,
            "samples": count,
            "one_nna": scores.one_nna.value,
            "mmd": scores.mmd.value,
            "coverage": scores.coverage.value,
            "one_nna_of_refitted_training_shapes": rebuilt.one_nna.value,
            "one_nna_of_real_shapes": floor.one_nna.value,
            "nearer_to_training_than_it_to_itself": nearer,
            "weights_to_nearest_training_row": nearness,
            "distance_between_two_500_step_seeds": float(np.mean(pairs)),
            "distances_of_the_seed_pairs": pairs.tolist(),
            "empty": empty,
            "rungs": rungs,
        },
    }


def latents(recipe: Recipe, folder: Path) -> Stage[Tensor]:
    """Weights (N, D) of the fitted aeroplanes, accepted ones only; kept group by group."""
    layout, field, fit = field_layout(recipe.field, ()), recipe.field, recipe.fit

    def data(seed: int) -> FitData:
        geometry = make("airplane", seed).geometry
        train, held_out = (sample(geometry, recipe.samples, (), seed, flag) for flag in (False, True))
        return FitData(f"airplane-{seed}", train, held_out)

    path = folder / "anchor.safetensors"
    if not path.exists():
        members = yield from each([*range(fit.anchor_shapes)], data, "sample anchor shapes")
        anchor = yield from fit_anchor(members, field, fit, layout, 0)
        write_tensors(path, {"anchor": anchor.numpy()})
    anchor = torch.from_numpy(load(path.read_bytes())["anchor"])
    rows = []
    for start in range(0, recipe.shapes, fit.shapes_at_once):
        path = folder / f"weights-{start:05d}.safetensors"
        if not path.exists():
            members = [data(seed) for seed in range(start, min(start + fit.shapes_at_once, recipe.shapes))]
            result = yield from fit_fields(members, field, fit, layout, anchor, 0)
            write_tensors(path, {"weights": result.weights.numpy(), "iou": result.iou.numpy()})
        found = load(path.read_bytes())
        rows.append(found["weights"][found["iou"] >= fit.accept])
        yield Progress(stage="fit aeroplanes", done=start + fit.shapes_at_once, total=recipe.shapes)
    return torch.from_numpy(np.concatenate(rows))


def trained(recipe: Recipe, rows: Tensor, folder: Path) -> Stage[Denoiser]:
    """The denoiser with averaged weights, from the cache or trained (resumably)."""
    path = folder / "model.safetensors"
    if not path.exists():
        torch.manual_seed(seed_of("bench sample"))
        denoiser = Denoiser(field_layout(recipe.field, ()), recipe.denoiser)
        denoiser.fit_statistics([rows])

        def loss(step: int, generator: torch.Generator) -> Tensor:
            index = torch.randint(len(rows), (recipe.train.batch,), generator=generator)
            return denoiser.loss(Batch(rows[index]), generator)

        outcome = yield from optimise({"denoiser": denoiser}, loss, recipe.train, seed=0, folder=folder)
        with outcome.ema.swapped():
            save_model(path, {"denoiser": denoiser}, denoiser.about())
    denoiser = build(read_about(path))
    load_model(path, {"denoiser": denoiser})
    return denoiser


def drawn(
    recipe: Recipe, denoiser: Denoiser, count: int, settings: SamplerSettings, seed: int
) -> Stage[tuple[NDArray[np.float64], float, int]]:
    """Surface clouds of the samples that have a surface, the CPU seconds of drawing (not decoding), how many are empty."""
    begun = time.process_time()
    rows = yield from draw(denoiser, count, settings, seed)
    seconds = time.process_time() - begun
    clouds = yield from decoded(recipe, rows, f"{settings.sampler} {settings.steps} {seed}")
    return clouds, seconds, count - len(clouds)


def decoded(recipe: Recipe, rows: Tensor, name: str) -> Stage[NDArray[np.float64]]:
    """Weights (N, D) -> points (up to N, POINTS, 3) on the fields' surfaces, drawn anew for each named set."""
    layout, clouds = field_layout(recipe.field, ()), []
    for i, row in enumerate(rows):
        mesh = yield from extract(WeightField(row, layout, recipe.field), GRID)
        if len(mesh.faces):
            clouds.append(surface_points(mesh, POINTS, np.random.default_rng(seed_of(name, i))))
        yield Progress(stage="decode", done=i + 1, total=len(rows))
    return np.stack(clouds)


def surface_of(seed: int) -> NDArray[np.float64]:
    """Points (POINTS, 3) on the surface of a procedural aeroplane."""
    return surface_points(make("airplane", seed).geometry.surface, POINTS, np.random.default_rng(seed))


def between(a: NDArray[np.float64], b: NDArray[np.float64]) -> Stage[float]:
    """Distance between two sets of clouds: mean Chamfer distance to the nearest of the other set, both ways averaged."""
    found = yield from distances({"a": a, "b": b}, [("a", "b")], CHAMFER)
    matrix = found.between("a", "b")
    return float(matrix.min(1).mean() + matrix.min(0).mean()) / 2


def compared(generated: NDArray[np.float64], reference: NDArray[np.float64]) -> Stage[ScoreRow]:
    """Scores of one set of clouds against another."""
    sets, pairs = {"g": generated, "r": reference}, [("g", "g"), ("g", "r"), ("r", "r")]
    found = yield from distances(sets, pairs, CHAMFER)
    return (yield from score(found, "g", "r", resamples=2))


def near_by_shape(new: NDArray[np.float64], training: NDArray[np.float64]) -> Stage[float]:
    """Share of samples nearer to a training shape than 99 % of the training shapes are to another one; 0.01 is new."""
    found = yield from distances({"g": new, "t": training}, [("g", "t"), ("t", "t")], CHAMFER)
    among = found.between("t", "t").copy()
    np.fill_diagonal(among, np.inf)
    limit = np.percentile(among.min(1), 1)
    return float((found.between("g", "t").min(1) < limit).mean())


def near_training(denoiser: Denoiser, new: Tensor, rows: Tensor) -> float:
    """How near samples lie to training rows in normalised weights: the median distance, as a share of the median
    distance between a training row and its nearest neighbour. Well below 1 is memorised, near 1 is new."""
    x, known = denoiser.normalise(new), denoiser.normalise(rows)
    among = torch.cdist(known, known).fill_diagonal_(torch.inf)
    return float(torch.cdist(x, known).min(1).values.median() / among.min(1).values.median())


def each(seeds: Sequence[int], make_one: Callable[[int], T], stage: str) -> Stage[list[T]]:
    """``make_one(seed)`` of each seed, with progress."""
    found: list[T] = []
    for seed in seeds:
        found.append(make_one(seed))
        yield Progress(stage=stage, done=len(found), total=len(seeds))
    return found
