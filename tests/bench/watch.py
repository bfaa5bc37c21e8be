"""`bench watch`: what running scores cost a training, and that they change nothing of it.

64 procedural aeroplanes, ``semantic`` tiny, fitted once and kept in a cache folder. Two trainings of equal seed, the second
with running scores as often as their share of time allows: ``ratio`` is the CPU time of the second over that of the first,
1.05 at most, and the weights of the two models must be equal bit for bit. Run it on a quiet machine; on a busy one the CPU
time of one and the same training varies by more than 5 %.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from engine import methods, pipeline
from engine.checkpoint import read
from engine.jobs import FitJob, Job, SamplesJob, TrainJob
from engine.project import Project
from engine.protocol import Finished, Metric, Stage
from engine.settings import override

ROOT = Path(__file__).parents[2]
SMALL = [
    "samples.uniform=2000",
    "samples.near=2000",
    "samples.per_part=500",
    "samples.held_out=1024",
    "field.hidden=[8]",
]
SMALL += ["fit.steps=60", "fit.anchor_steps=60", "fit.anchor_shapes=4", "fit.accept=0", "fit.accept_part=0"]


def run(quick: bool = False) -> Stage[dict]:
    """The benchmark's JSON object. ``quick`` trains small networks for a few steps."""
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / f"watch{'-quick' if quick else ''}"
    settings = override(methods.preset("semantic", "tiny"), SMALL if quick else [])
    steps = 100 if quick else 2_000
    if not (cache / "project.json").exists():
        shutil.rmtree(cache, ignore_errors=True)
        Project.create(cache).close()
    with Project(cache) as project:
        if not project.catalogue.items():
            yield from _run(SamplesJob(category="airplane", count=30 if quick else 64), project)
        fits = [row.id for row in project.catalogue.runs("fit") if row.state == "finished"]
        fit = fits[-1] if fits else (yield from _run(FitJob(settings=settings, device="cpu"), project))[0]
        taken: list[float] = []
        runs: list[str] = []
        readings = 0
        for every in (0, 10 if quick else 50):
            changed = override(settings, [f"train.steps={steps}", f"train.watch_every={every}"])
            if quick:
                changed = override(changed, ["train.watch_share=1.0", "sampler.steps=3"])
            start = time.process_time()
            name, readings = yield from _run(TrainJob(settings=changed, fit=fit, device="cpu"), project)
            taken.append(time.process_time() - start)
            runs.append(name)
        models = [read(project.run_folder(name) / "model.safetensors")[0] for name in runs]
    equal = all(torch.equal(models[0][key], value) for key, value in models[1].items())
    return {
        "name": "watch",
        "baseline": {"watched": False, "cpu_s": round(taken[0], 2)},
        "ours": {"watched": True, "cpu_s": round(taken[1], 2), "readings": readings},
        "ratio": round(taken[1] / taken[0], 4),
        "details": {"steps": steps, "weights_equal_bit_for_bit": equal},
    }


def _run(job: Job, project: Project) -> Stage[tuple[str, int]]:
    """The job's run and the number of readings it told."""
    readings = 0
    result: dict[str, Any] = {}
    for event in pipeline.run(job, project):
        readings += isinstance(event, Metric) and event.name == "watch/empty"
        if isinstance(event, Finished):
            result = event.result
        else:
            yield event
    return result.get("run", ""), readings
