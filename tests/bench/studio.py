"""`bench studio`: how soon the window is there, how smoothly it runs while a model trains, how soon it shows what is asked.

Every measure is a process of its own under Xvfb with the window, its real engines and the events of a mouse and keys; one
alone is run by ``python -m tests.bench.studio NAME``:

- start: a project opened from a new process, files in the page cache, until a search is answered on the screen
- stalls: the lateness of the window's loop while a model trains and a person does this and that (`_studio_person`)
- swap: an exchanged part painted at 64 grid points per side, and at 128, with the models that come with the program;
  an exchange that is never painted is a failure
- scrub: frames a second that are painted while the playhead asks for 60 a second that are there
- clouds: frames a second that are painted of a cloud of 1,024 points while it forms
- library: 5,000 cards opened, scrolled and searched
- cancel: from the click to the end of a training, a fit, a generation

Each budget is a baseline of its own; ``ratio`` of the whole is the worst of them (above 1 is good) and ``ours`` its part of
the budget. On a machine that is busy with other things the wall clock says little: ``load`` tells, and beside each lateness
stands ``own_ms``, what is left of it without the time for which the window waited for a processor.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from engine.errors import InputError
from engine.protocol import Progress, Stage
from tests.bench._studio_projects import large_project, work_project

ROOT = Path(__file__).parents[2]
NAMES = ("start", "stalls", "swap", "scrub", "clouds", "library", "cancel")
SCREEN = "-screen 0 2600x1600x24"
CARDS, TRIES = 5_000, 3
BUDGETS = {  # measure -> name of the figure -> (path to it, budget, whether more is better)
    "start": {"usable_s": ("usable_s", 3.0, False)},
    "stalls": {
        "p99_ms": ("late_ms.p99", 30.0, False),
        "p99.9_ms": ("late_ms.p99_9", 100.0, False),
        "worst_ms": ("late_ms.worst", 250.0, False),
    },
    "swap": {
        "painted_percent": ("painted_percent", 100.0, True),
        "first_ms": ("first_ms.p99", 300.0, False),
        "fine_ms": ("fine_ms.p99", 1500.0, False),
    },
    "scrub": {"frames_per_s": ("painted_per_s", 30.0, True)},
    "clouds": {"frames_per_s": ("painted_per_s", 20.0, True)},
    "library": {
        "open_s": ("open_s", 2.0, False),
        "scroll_p99_ms": ("scroll.late_ms.p99", 30.0, False),
        "memory_MiB": ("scrolled_MiB", 200.0, False),
    },
    "cancel": {"worst_ms": ("worst_ms", 1000.0, False)},
}


def run(quick: bool = False, only: str = "") -> Stage[dict[str, Any]]:
    """The benchmark's JSON object. ``quick`` is short; ``only`` one of `NAMES`. Raises InputError without a display."""
    default = ROOT / "build" / "bench"
    cache = Path(os.environ.get("SHAPESTUDIO_BENCH_CACHE", default)) / f"studio{'-quick' if quick else ''}"
    work = yield from work_project(cache / "work")
    large = large_project(cache / "large", 500 if quick else CARDS) if only in ("", "library") else work
    figures: dict[str, Any] = {}
    for name in [only] if only else NAMES:
        with tempfile.TemporaryDirectory() as place:
            project = large
            if name != "library":
                project = Path(place) / "Work"
                shutil.copytree(work, project)
            if name == "start":
                figures[name] = yield from _start(project, Path(place), 1 if quick else TRIES)
            else:
                words = ["tests.bench._studio_child", name, str(project), *(["--quick"] if quick else [])]
                figures[name] = yield from _window(words, Path(place))
    held = [row for name, found in figures.items() for row in _held(name, found)]
    worst = min(held, key=lambda row: row["ratio"])
    return {
        "name": "studio",
        "baseline": 1.0,
        "ours": round(1 / worst["ratio"], 3),
        "ratio": worst["ratio"],
        "details": {
            "unit": f"of the budget, {worst['measure']} {worst['figure']}",
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "budgets": held,
            "measures": figures,
        },
    }


def _held(name: str, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each figure of a measure beside its budget."""
    for figure, (path, budget, more) in BUDGETS[name].items():
        value: Any = found
        for key in path.split("."):
            value = value[key]
        ratio = value / budget if more else budget / max(value, 1e-3)
        yield {
            "measure": name,
            "figure": figure,
            "baseline": budget,
            "ours": round(value, 1),
            "ratio": round(ratio, 3),
        }


def _start(project: Path, place: Path, tries: int) -> Stage[dict[str, Any]]:
    """New processes one after the other; the first does not count."""
    found = []
    for _ in range(tries + 1):
        one = yield from _window(["tests.bench._studio_start", str(project)], place)
        if "torch" in one["loaded"]:
            raise InputError("the window's process has imported torch; see what imports it with python -X importtime")
        found.append(one)
    names = ("usable_s", "painted_s", "cpu_s", "waited_s")
    middle = {name: round(median(one[name] for one in found[1:]), 3) for name in names}
    return middle | {"loaded": found[-1]["loaded"], "load": os.getloadavg()[0]}


def _window(words: list[str], place: Path) -> Stage[dict[str, Any]]:
    """Run a module under a display of its own -> the JSON object that it prints last."""
    command = [sys.executable, "-m", *words]
    if shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", "-s", SCREEN, *command]
    elif sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise InputError("there is no display; install one that needs no screen (Debian, Ubuntu: apt-get install xvfb)")
    kept = {"XDG_CONFIG_HOME": str(place / "config"), "PYTHONPATH": str(ROOT)}
    with open(place / "output", "w+b") as output, open(place / "errors", "w+b") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | kept, stdout=output, stderr=errors)
        try:
            while process.poll() is None:
                time.sleep(0.2)
                yield Progress(stage=words[1] if len(words) > 2 else "start", done=0, total=1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        output.seek(0)
        errors.seek(0)
        lines = output.read().splitlines()
        if process.returncode or not lines:
            raise InputError(f"{words[0]} failed: {errors.read().decode(errors='replace')[-1500:]}")
    found: dict[str, Any] = msgspec.json.decode(lines[-1])
    return found


if __name__ == "__main__":
    from engine import console

    chosen = [word for word in sys.argv[1:] if word in NAMES]
    console.show(console.follow(run("--quick" in sys.argv, chosen[0] if chosen else "")), True)
