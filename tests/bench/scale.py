"""`bench scale`: what a step of the fit and of the denoiser of ``basis`` costs with 100, 1,000 and 10,000 shapes.

The shapes are balls: a few files of points, linked under as many names as there are shapes, and as many random latents. A
step reads the same bytes as with shapes that differ, but they stay in the page cache, so that waiting for a disk is not in
the figures. Every row is a process of its own, with one thread: milliseconds of CPU time per step (median of some stretches
of steps), the most memory (with files that are mapped) and the most files open at once, seconds until the first step.

``baseline`` are the fewest shapes and ``ours`` the most; ``ratio`` is the cost of a step with the fewest over that with the
most, of fit or denoiser what is worse: 1 where the number of shapes does not matter. Also told is what many parts cost, with
``fit.pairs`` and without.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import psutil
import torch

from engine import methods
from engine.basis.experts import Experts
from engine.basis.learn import learn
from engine.basis.point_files import PointFile, PointFiles
from engine.basis.points import LocalPoints
from engine.basis.representation import BasisRepresentation
from engine.datasets.parts import colour
from engine.diffusion.denoiser import Denoiser
from engine.latents import Chosen, LatentFile, Latents, write_latents
from engine.method import Encoded
from engine.methods.basis.settings import BasisSettings
from engine.optimise import optimise
from engine.protocol import Metric, Progress, Stage

ROOT = Path(__file__).parents[2]
FILES = 8  # of points, that all shapes share
PARTS, MANY_PARTS = 6, 48


class Case(msgspec.Struct, frozen=True):
    """One row. ``pairs`` : as in the settings of the fit."""

    shapes: int
    parts: int = PARTS
    pairs: int = 0
    fit_steps: int = 150
    denoiser_steps: int = 0


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object."""
    counts = (20, 60) if quick else (100, 1_000, 10_000)
    steps, few = (60, 6) if quick else (150, 24)
    cases = [Case(count, fit_steps=steps, denoiser_steps=2 * steps) for count in counts]
    many = [Case(counts[0], MANY_PARTS, pairs, fit_steps=few) for pairs in (0, 16 * PARTS)]
    rows = []
    for case in [*cases, *many]:
        rows.append((yield from _in_a_process(case)))
    curve, parts = rows[: len(cases)], rows[len(cases) :]
    first, last = curve[0], curve[-1]
    return {
        "name": "scale",
        "baseline": first,
        "ours": last,
        "ratio": round(min(first[name] / last[name] for name in ("fit_ms", "denoiser_ms")), 3),
        "details": {
            "unit": "CPU milliseconds per step",
            "ratio_is": "cost of a step with the fewest shapes over that with the most, of fit or denoiser the worse",
            "point_files": FILES,
            "shapes": curve,
            "many_parts": parts,
        },
    }


def _in_a_process(case: Case) -> Stage[dict[str, Any]]:
    """The row of a case, measured in a new process."""
    words = [sys.executable, "-m", "tests.bench.scale", msgspec.json.encode(case).decode()]
    threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | threads)
    while process.poll() is None:
        time.sleep(0.2)
        yield Progress(stage=f"{case.shapes} shapes of {case.parts} parts", done=0, total=1)
    assert process.stdout is not None
    if process.returncode:
        raise RuntimeError(f"the measurement of {case} failed; see above")
    row: dict[str, Any] = msgspec.json.decode(process.stdout.read())
    return row


class Watcher:
    """Looks at this process while a stage goes on."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.files, self.memory = 0, 0

    def look(self) -> None:
        """Keep the most that was seen."""
        self.files = max(self.files, self.process.num_fds() if hasattr(self.process, "num_fds") else 0)
        self.memory = max(self.memory, self.process.memory_info().rss)

    def cost(self, stage: Stage[Any]) -> float:
        """CPU milliseconds per step of a training: the median of the stretches between its events but the first."""
        seen: list[tuple[int, float]] = []
        for event in stage:
            self.look()
            step = event.step if isinstance(event, Metric) else event.done if isinstance(event, Progress) else 0
            if not seen or step > seen[-1][0]:
                seen.append((step, time.process_time()))
        stretches = pairwise(seen[1:] if len(seen) > 2 else seen)
        return 1_000 * median((b[1] - a[1]) / (b[0] - a[0]) for a, b in stretches)


def measure(case: Case, folder: Path) -> dict[str, Any]:
    """The row of a case, in this process."""
    torch.set_num_threads(1)
    settings = methods.preset("basis", "tiny")
    assert isinstance(settings, BasisSettings)
    made = BasisRepresentation(settings, {f"part {k}": colour(f"part {k}") for k in range(case.parts)})
    watcher, begun = Watcher(), time.process_time()
    points = _points(case, settings, folder)
    opened = time.process_time() - begun
    fit = msgspec.structs.replace(settings.fit, steps=case.fit_steps, pairs=case.pairs)
    experts = Experts(settings.expert, case.parts, fit.band)
    row: dict[str, Any] = {"shapes": case.shapes, "parts": case.parts, "pairs": case.pairs, "open_s": round(opened, 2)}
    row["fit_ms"] = round(watcher.cost(learn(experts, points, fit, 0, None)), 2)
    if case.denoiser_steps:
        row["denoiser_ms"] = round(_denoiser(case, settings, made, folder, watcher.cost), 2)
    return row | {"memory_mb": watcher.memory // 2**20, "open_files": watcher.files}


def _points(case: Case, settings: BasisSettings, folder: Path) -> PointFiles:
    """A ball of another size for each part of some files, and links to them."""
    generator = np.random.default_rng(0)
    size = (case.parts, settings.local.near + settings.local.even)
    for i in range(FILES):
        points = generator.uniform(-1, 1, (*size, 3)).astype(np.float16)
        distance = generator.uniform(0.5, 1, (case.parts, 1)) - np.linalg.norm(points.astype(np.float32), axis=2)
        present, frames = np.ones(case.parts, bool), np.zeros((case.parts, 8), np.float32)
        LocalPoints(points, distance.astype(np.float16), frames, present).save(folder / f"{i}.safetensors")
    for i in range(FILES, case.shapes):
        os.link(folder / f"{i % FILES}.safetensors", folder / f"{i}.safetensors")
    return PointFiles(PointFile.of(folder / f"{i}.safetensors") for i in range(case.shapes))


def _denoiser(
    case: Case,
    settings: BasisSettings,
    made: BasisRepresentation,
    folder: Path,
    cost: Callable[[Stage[Any]], float],
) -> float:
    """CPU milliseconds per step of a denoiser on random latents in a file."""
    generator = np.random.default_rng(0)
    latent = generator.standard_normal((case.shapes, made.layout.size), np.float32)
    present, category = np.ones((case.shapes, case.parts), bool), np.zeros(case.shapes, np.int64)
    names = made.vocabulary
    parts = dict.fromkeys(names, 0.9)
    records = tuple(Encoded(f"item-{i:06d}", 0.95, 0.0, "accepted", "", names, parts) for i in range(case.shapes))
    path = folder / "latents"
    write_latents(path, latent, present, category, LatentFile(made.layout, names, records))
    del latent
    method, chosen = methods.load(settings), Chosen(Latents(path), range(case.shapes))
    trainee = method.trainee(settings, made.layout, {})
    assert isinstance(trainee, Denoiser)
    method.prepare(trainee, chosen)
    plain = msgspec.structs.replace(settings.train, steps=case.denoiser_steps)

    def loss(step: int, random: torch.Generator) -> torch.Tensor:
        batch = chosen.batch(torch.randint(case.shapes, (plain.batch,), generator=random), random)
        return method.loss(trainee, made, settings, batch, random)

    return cost(optimise({"trainee": trainee}, loss, plain, seed=0))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        told = measure(msgspec.json.decode(sys.argv[1], type=Case), Path(place))
    sys.stdout.write(msgspec.json.encode(told).decode())
