"""`bench start`: from nothing to files with a model that comes with the program, against the budget of 10 seconds.

For each model that is of one category: a new process makes a project, draws 12 shapes, decodes them on a grid of 128 and
writes them as GLB, as ``generate --category C --count 12 --seed 3 --out DIR`` does; files are in the page cache, since a
first try does not count. ``ours`` is the median of the tries in wall-clock seconds, worst category, and ``baseline`` the
budget. On a machine that is busy with other things ``cpu_s`` (user and system, of the process and its children) tells
more. Shapes are looked at and written side by side, one per core, which is about four fifths of that; OMP_NUM_THREADS=1
has them one after the other.

In the details also: one shape in a running engine, drawn and decoded on a grid of 64 with the model opened (budget 1 s), and
the largest card of the shapes (budget 5,000 bytes).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import torch

from engine import device, methods, shipped
from engine.cards import card_of
from engine.datasets.procedural import CATEGORIES
from engine.errors import InputError
from engine.holding import part_meshes
from engine.method import Workspace
from engine.opened import open_model
from engine.project import Project
from engine.protocol import Note, Progress, Stage

ROOT = Path(__file__).parents[2]
BUDGET_S, SHAPE_S, CARD_BYTES = 10.0, 1.0, 5_000
COUNT, SEED, TRIES = 12, 3, 3


def run(quick: bool = False) -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. Raises InputError in a checkout without shipped models."""
    names = [name for name in shipped.names() if name in CATEGORIES]  # the model of clouds is asked in words
    if not names:
        raise InputError("no models are shipped yet; make some with `make models`")
    names, count, tries = (names[:1], 2, 1) if quick else (names, COUNT, TRIES)
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            row = yield from _start(name, Path(folder), count, tries)
            rows.append(row | (yield from _running(name, Path(folder) / "0", tries)))
        yield Note(text=f"{name}: {row['wall_s']:.1f} s, {row['cpu_s']:.1f} CPU-s")
    worst = max(row["wall_s"] for row in rows)
    return {
        "name": "start",
        "baseline": BUDGET_S,
        "ours": worst,
        "ratio": BUDGET_S / worst,
        "details": {
            "unit": f"seconds for {count} shapes",
            "cores": os.cpu_count(),
            "threads": device.CORES,
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "models": rows,
            "one_shape_budget_s": SHAPE_S,
            "card_budget_bytes": CARD_BYTES,
        },
    }


def _start(name: str, folder: Path, count: int, tries: int) -> Stage[dict[str, Any]]:
    """New processes one after the other; the first does not count."""
    walls, cpus, files = [], [], 0
    for one in range(tries + 1):
        yield Progress(stage=f"start {name}", done=one, total=tries + 1)
        words = ["generate", "--category", name, "--model", f"{shipped.PREFIX}{name}", "--count", str(count)]
        words += ["--seed", str(SEED), "--project", str(folder / f"{one}"), "--out", str(folder / f"{one}-files")]
        clock, before = time.perf_counter(), _children()
        process = subprocess.Popen(
            [sys.executable, "-m", "engine", *words, "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while process.poll() is None:
            time.sleep(0.02)
            if time.perf_counter() - clock > 0.5:
                yield Progress(stage=f"start {name}", done=one, total=tries + 1)
        wall, cpu = time.perf_counter() - clock, _children() - before
        output, errors = process.communicate()
        if process.returncode:
            raise InputError(f"generate failed: {errors.decode(errors='replace')[-500:]}")
        files = len(msgspec.json.decode(output)["files"])
        if one:
            walls.append(wall)
            cpus.append(cpu)
    return {"model": name, "wall_s": median(walls), "cpu_s": median(cpus), "files": files}


def _running(name: str, folder: Path, tries: int) -> Stage[dict[str, Any]]:
    """One shape after the other in this process, and the largest card of the shapes that are there."""
    with Project(folder) as project:
        model = yield from open_model(f"{shipped.PREFIX}{name}", project, Workspace(folder, torch.device("cpu")))
        method, seconds = methods.load(model.about.settings), []
        for seed in range(tries + 1):
            clock = time.perf_counter(), time.process_time()
            sampler = model.about.settings.sampler
            shapes = yield from method.sample(model.trainee, model.representation, 1, sampler, seed, {})
            yield from part_meshes(model.representation.decode(shapes)[0], 64)
            seconds.append((time.perf_counter() - clock[0], time.process_time() - clock[1]))
        cards = [msgspec.json.encode(card_of(row, project)) for row in project.catalogue.shapes()]
    wall, cpu = (median(one[k] for one in seconds[1:]) for k in (0, 1))
    return {"one_shape_wall_s": wall, "one_shape_cpu_s": cpu, "card_bytes": max(map(len, cards))}


def _children() -> float:
    """CPU seconds of children that have ended."""
    return sum(os.times()[2:4])
