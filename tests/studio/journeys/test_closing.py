"""The window is closed at any moment, and leaves no process, no temporary file and no shared memory behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.project import Project
from tests.studio.journeys.left_behind import Trace, temporary_files

LATER = ("starting", "drawing", "stopping")


def visit(trace: Trace, project: Path, moment: str, engines: str = "fake") -> subprocess.Popen[str]:
    """The window in a process of its own."""
    command = [sys.executable, "-m", "tests.studio.journeys.visit", str(project), moment, engines]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=trace.environment, cwd=trace.place)


@pytest.mark.parametrize(
    "moment", ["at_once", "running", *(pytest.param(one, marks=pytest.mark.slow) for one in LATER)]
)
def test_nothing_is_left(moment: str, folder: Path, tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    with visit(trace, folder, moment) as window:
        assert window.stdout is not None and window.stderr is not None
        assert window.stdout.readline() == "ready\n", window.stderr.read()
        trace.look()
        _, said = window.communicate(timeout=120)
    assert window.returncode == 0 and "Traceback" not in said, said
    assert not trace.left()
    assert not temporary_files(folder)
    with Project(folder) as project:
        states = {run.id: run.state for run in project.catalogue.runs("generate")}
    assert "running" not in states.values(), "no run is held by a process that is no more"
