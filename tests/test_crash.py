"""kill -9 at any moment loses nothing: a resumed run equals an uninterrupted one, bit for bit, and every file is whole."""

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.checkpoint import verify
from engine.events import read_events
from engine.project import Project
from engine.storage import read_tensors
from tests.command_line import call

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
    device = ["--device", "cpu"] if arguments[0] in ("fit", "train") else []
    return [sys.executable, "-m", "engine", *arguments, "--project", str(project), *device]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def engine(project: Path, *arguments: str) -> None:
    subprocess.run(command(project, *arguments), check=True, env=environment(), capture_output=True, text=True)


def wait_for_work(project: Path, process: subprocess.Popen[bytes], run: str) -> None:
    """Until the process has taken the lease of the run: from here on a kill can hurt."""
    while process.poll() is None:
        with sqlite3.connect(project / "catalogue.sqlite", timeout=30) as database:
            row = database.execute("SELECT lease_pid FROM runs WHERE id = ?", (run,)).fetchone()
        if row and row[0] == process.pid:
            return
        time.sleep(0.005)


def killed_runs(project: Path, start: list[str], working: float, kills: int, chance: random.Random) -> list[str]:
    """Kill -9 a run ``kills`` times at random moments of its work, each time resuming; the runs that were finished.

    A run that comes to its end between two kills is followed by another one of the same job.
    """
    hits, runs = 0, [f"{start[0]}-0001"]
    while True:
        begun = (project / "runs" / runs[-1] / "job.json").exists()
        arguments = ["resume", runs[-1]] if begun else start
        process = subprocess.Popen(command(project, *arguments), env=environment(), stderr=subprocess.DEVNULL)
        if hits < kills:
            wait_for_work(project, process, runs[-1])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, working))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                hits += 1
        process.wait()
        check_files(project, swept=False)
        if (project / "runs" / runs[-1] / "result.json").exists() and process.returncode == 0:
            if hits == kills:
                return runs
            runs.append(f"{start[0]}-{len(runs) + 1:04d}")


def check_files(project: Path, swept: bool) -> None:
    """Every file of the project can be read whole; ``swept``: no temporary file is left either."""
    with sqlite3.connect(project / "catalogue.sqlite", timeout=30) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for path in project.rglob("[!.]*.safetensors"):
        read_tensors(path)
        if path.parent.name == "checkpoints" or path.name in ("model.safetensors", "representation.safetensors"):
            verify(path)
    for path in project.rglob("[!.]*.json"):
        msgspec.json.decode(path.read_bytes())
    for path in project.rglob("events.jsonl"):
        read_events(path)
    assert not swept or not list((project / "runs").rglob(".*.tmp"))


def untimed(rows: bytes) -> dict[str, Any]:
    """Records of latents without CPU seconds."""
    told: dict[str, Any] = msgspec.json.decode(rows)
    for record in told["records"]:
        assert record.pop("cpu_s") >= 0
    return told


def same_tensors(a: Path, b: Path) -> None:
    first, second = read_tensors(a)[0], read_tensors(b)[0]
    assert first.keys() == second.keys()
    if "rows" in first:  # what is told of each row, with the time that it took
        assert untimed(first.pop("rows").tobytes()) == untimed(second.pop("rows").tobytes())
    for name in first:
        assert np.array_equal(first[name].view(np.uint8), second[name].view(np.uint8)), name


@pytest.mark.parametrize("kills", [pytest.param(1, id="1"), pytest.param(20, id="20", marks=pytest.mark.slow)])
def test_killed_runs_equal_the_uninterrupted_ones(tmp_path: Path, kills: int) -> None:
    """``kills`` times in a fit, and as often in a training on it."""
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    chance = random.Random(kills)
    for project in (straight, broken):
        call("new", str(project))
        call("samples", "--category", "airplane", "--count", "12", "--seed", "5", "--project", str(project))
    finished = {}
    for arguments in (FIT, TRAIN):
        engine(straight, *arguments)
        with Project(straight) as opened:
            run = opened.catalogue.run(f"{arguments[0]}-0001")
        working = (run.ended or 0.0) - run.created
        finished[arguments[0]] = killed_runs(broken, arguments, 0.3 * working, kills, chance)
        check_files(broken, swept=True)
    for kind, names in {"fit": ("latents", "anchor"), "train": ("model",)}.items():
        for ended, name in itertools.product(finished[kind], names):
            same_tensors(
                straight / "runs" / f"{kind}-0001" / f"{name}.safetensors",
                broken / "runs" / ended / f"{name}.safetensors",
            )
    with Project(straight) as a, Project(broken) as b:
        records = [[(s.item, s.quality, s.verdict) for s in p.catalogue.shapes("fit-0001")] for p in (a, b)]
        assert records[0] == records[1]
        assert {run.state for run in b.catalogue.runs()} == {"finished"}
