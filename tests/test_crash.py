"""kill -9 at any moment loses nothing: a resumed run equals an uninterrupted one, bit for bit, and every file is whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.checkpoint import verify
from engine.events import read_events
from engine.project import Project
from engine.storage import read_tensors

SMALL = [
    *("--set", "samples.uniform=2000", "--set", "samples.near=2000", "--set", "samples.per_part=500"),
    *("--set", "samples.held_out=2000", "--set", "field.hidden=[12,12]", "--set", "fit.shapes_at_once=2"),
    *("--set", "fit.accept=0", "--set", "fit.accept_part=0"),
]
FIT = ["fit", "--method", "semantic", *SMALL, "--set", "fit.steps=150", "--set", "fit.anchor_steps=150"]
TRAIN = [
    *("train", "--method", "semantic", "--set", "denoiser.width=48", "--set", "denoiser.layers=2"),
    *(
        "--set",
        "denoiser.heads=4",
        "--set",
        "train.steps=600",
        "--set",
        "train.save_every=40",
        "--set",
        "train.batch=4",
    ),
]


def command(project: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine", *arguments, "--project", str(project), "--device", "cpu"]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def engine(project: Path, *arguments: str) -> None:
    subprocess.run(command(project, *arguments), check=True, env=environment(), capture_output=True, text=True)


def killed_run(project: Path, start: list[str], longest: float, kills: int, chance: random.Random) -> int:
    """Start a run and kill -9 it ``kills`` times at random moments, then let it finish; how often it was really hit."""
    hits = 0
    arguments = start
    for _ in range(kills):
        process = subprocess.Popen(command(project, *arguments), env=environment(), stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, longest))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            hits += 1
        process.wait()
        if (project / "runs" / f"{start[0]}-0001" / "job.json").exists():
            arguments = ["resume", f"{start[0]}-0001"]
        if (project / "runs" / f"{start[0]}-0001" / "result.json").exists():
            break
    engine(project, *arguments)
    return hits


def check_files(project: Path) -> None:
    """Every file of the project can be read whole."""
    with sqlite3.connect(project / "catalogue.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for path in project.rglob("*.safetensors"):
        read_tensors(path)
        if path.parent.name == "checkpoints" or path.name == "model.safetensors":
            verify(path)
    for path in project.rglob("*.json"):
        msgspec.json.decode(path.read_bytes())
    for path in project.rglob("events.jsonl"):
        assert read_events(path)
    assert not list((project / "runs").rglob(".*.tmp"))


def same_tensors(a: Path, b: Path) -> None:
    first, second = read_tensors(a)[0], read_tensors(b)[0]
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name].view(np.uint8), second[name].view(np.uint8)), name


@pytest.mark.parametrize("kills", [pytest.param(2, id="2"), pytest.param(20, id="20", marks=pytest.mark.slow)])
def test_killed_runs_equal_the_uninterrupted_ones(tmp_path: Path, kills: int) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    chance = random.Random(kills)
    times = {}
    for project in (straight, broken):
        engine(project, "new", str(project))
        engine(project, "samples", "--category", "airplane", "--count", "12", "--seed", "5")
    for arguments in (FIT, TRAIN):
        clock = time.monotonic()
        engine(straight, *arguments)
        times[arguments[0]] = time.monotonic() - clock
    for arguments in (FIT, TRAIN):
        assert killed_run(broken, arguments, times[arguments[0]], kills, chance) > 0
        check_files(broken)
    for name in ("fit-0001/latents.safetensors", "fit-0001/anchor.safetensors", "train-0001/model.safetensors"):
        same_tensors(straight / "runs" / name, broken / "runs" / name)
    with Project(straight) as a, Project(broken) as b:
        records = [[(s.id, s.quality, s.verdict) for s in p.catalogue.shapes()] for p in (a, b)]
        assert records[0] == records[1]
        assert {run.state for run in b.catalogue.runs()} == {"finished"}
