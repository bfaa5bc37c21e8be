"""`bench live`: how soon an exchanged part is on screen, alone and while a model trains, against the budget of 300 ms.

Eight procedural aeroplanes, fitted shortly with ``basis`` and with ``semantic`` (how long a fit was changes nothing of how
long its decoding takes) and kept in a cache folder. A live engine in a process of its own is asked for a base shape, then for
exchanges of one part after the other by those of other shapes that it has not seen yet: ``first`` is the time from asking to
having the arrays of the new surface at 64 grid points per side, ``fine`` the same at 128. Then the same in a new engine while
the queue engine trains a denoiser on these shapes.

``ours`` is the 95th percentile of ``first`` in milliseconds, worst case, ``baseline`` the budget, ``ratio`` budget over it
(above 1 is good), and no more than that of ``fine``. On a machine that is busy with other things ``cpu_ms``, what the
engine computed for both answers of one exchange, tells more; ``load`` is how many processes wanted the processor.
"""

import os
import shutil
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine import methods, pipeline
from engine.client import EngineProcess
from engine.errors import InputError
from engine.jobs import FitJob, Job, SamplesJob, TrainJob
from engine.live_client import Answer, LiveEngine
from engine.live_requests import Decode, Meshes, Mixture, Request
from engine.project import Project
from engine.protocol import Cancel, Finished, Progress, Stage, Submit
from engine.settings import override

ROOT = Path(__file__).parents[2]
FIRST_MS, FINE_MS = 300.0, 1500.0
GRIDS = (64, 128)
PARTS = ("wing", "tail", "engine", "body")
SHAPES, SWAPS = 8, 24
SHORT = {
    "basis": ["fit.steps=400", "fit.code_steps=20"],
    "semantic": ["fit.steps=300", "fit.anchor_steps=300"],
}
GATE = ["samples.held_out=4000", "fit.accept=0", "fit.accept_part=0"]
QUICK = {"basis": ["fit.steps=50", "expert.hidden=[16,16]"], "semantic": ["fit.steps=30", "fit.anchor_steps=30"]}


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. ``quick`` fits for a few steps and exchanges a few parts."""
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", ROOT / "build/bench")) / f"live{'-quick' if quick else ''}"
    if not (cache / "project.json").exists():
        shutil.rmtree(cache, ignore_errors=True)
        Project.create(cache).close()
    cases = []
    with Project(cache) as project:
        yield from _run(SamplesJob(run="items", category="airplane", count=SHAPES), project)
        for method in ("basis",) if quick else ("basis", "semantic"):
            changes = GATE + SHORT[method] + (QUICK[method] if quick else [])
            settings = override(methods.preset(method, "tiny"), changes)
            fit = yield from _run(FitJob(run=f"fit-{method}", settings=settings, device="cpu"), project)
            names = [shape["id"] for shape in fit["shapes"]]
            cases.append({"method": method, "beside": "nothing"} | (yield from _exchanges(cache, names, quick)))
            long = override(settings, ["train.steps=1000000"])
            job = project.submit(TrainJob(settings=long, fit=fit["run"], device="cpu"))
            with EngineProcess(cache) as queue:
                queue.send(Submit(job=job))
                yield from _training(queue)
                found = yield from _exchanges(cache, names, quick)
                queue.send(Cancel())
                steps = sum(isinstance(event, Progress) for event in queue.events())
            cases.append({"method": method, "beside": f"a training ({steps} events)"} | found)
    worst = {grid: max(case[grid]["p95_ms"] for case in cases) for grid in ("first", "fine")}
    return {
        "name": "live",
        "baseline": FIRST_MS,
        "ours": worst["first"],
        "ratio": round(min(FIRST_MS / worst["first"], FINE_MS / worst["fine"]), 3),
        "details": {
            "unit": f"milliseconds to {GRIDS[0]}^3, 95th percentile",
            "fine": {"baseline": FINE_MS, "ours": worst["fine"], "unit": f"milliseconds to {GRIDS[1]}^3"},
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "cases": cases,
        },
    }


def _exchanges(cache: Path, names: list[str], quick: bool) -> Stage[dict[str, Any]]:
    """A new engine, warmed up by the base shape; then one exchange after the other."""
    times: dict[str, list[float]] = {"first": [], "fine": [], "cpu": []}
    pairs = list(product(names[1:], PARTS))[: 4 if quick else SWAPS]
    with LiveEngine(cache) as engine:
        shown = yield from _answers(engine, Decode(of=Mixture(base=names[0])))
        have = _have(shown[-1][1])
        process = psutil.Process(engine.pid)
        for done, (donor, part) in enumerate(pairs):
            yield Progress(stage="exchange", done=done, total=len(pairs), message=part)
            before = _cpu(process)
            request = Decode(of=Mixture(base=names[0], parts={part: donor}), have=have)
            shown = yield from _answers(engine, request)
            times["first"].append(1000 * shown[0][0])
            times["fine"].append(1000 * shown[-1][0])
            times["cpu"].append(1000 * (_cpu(process) - before))
    both = {name: {"p50_ms": _percentile(times[name], 50), "p95_ms": _percentile(times[name], 95)} for name in times}
    return {"first": both["first"], "fine": both["fine"], "cpu_ms": round(float(np.mean(times["cpu"])), 1)}


def _answers(engine: LiveEngine, request: Request) -> Stage[list[tuple[float, Answer]]]:
    """(seconds since asking, answer) of one request. Raises InputError where it fails."""
    found: list[tuple[float, Answer]] = []
    asked = time.perf_counter()
    engine.ask(request)
    while engine.busy:
        answers = engine.poll(0.2)
        found += [(time.perf_counter() - asked, answer) for answer in answers]
        if not answers:
            yield Progress(stage="wait", done=0, total=1)
    if found[-1][1].state != "done":
        raise InputError(found[-1][1].text)
    return found


def _have(answer: Answer) -> dict[str, str]:
    assert isinstance(answer.content, Meshes)
    return {piece.name: piece.key for piece in answer.content.pieces}


def _training(queue: EngineProcess) -> Stage[None]:
    """Until the training has made its first steps."""
    while queue.busy:
        for event in queue.poll(0.2):
            if isinstance(event, Progress) and event.stage == "train" and event.done > 0:
                return
        yield Progress(stage="start training", done=0, total=1)
    raise InputError("the training ended before anything was measured")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _percentile(values: list[float], share: float) -> float:
    return round(float(np.percentile(values, share)), 1)


def _run(job: Job, project: Project) -> Stage[dict[str, Any]]:
    """The job's result; at once where it is finished."""
    for event in pipeline.run(job, project):
        if isinstance(event, Finished):
            return event.result
        yield event
    raise InputError(f"{job.run} did not finish")
