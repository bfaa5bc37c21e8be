"""Whoever dies: the engine ends with its window, is started again after a crash, and a run has one runner."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.client import EngineProcess
from engine.jobs import Job
from engine.project import Project
from engine.protocol import TERMINAL, Cancel, Cancelled, Failed, Finished, Note, Pause, Paused, Resume, Submit
from tests.worker_jobs import FAKE, ROOT, gone, job, last, posix, started, until, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as project:
        yield project


WINDOW = """
import sys
from engine import worker
from engine.client import EngineProcess
from engine.project import Project
from engine.protocol import Submit

if __name__ == "__main__":
    project = Project(sys.argv[1])
    engine = EngineProcess(project.folder, "tests.fake_runner:run")
    engine.send(Submit(job=project.job(sys.argv[2])))
    print(engine.pid, flush=True)
    for event in engine.events():
        print(event, flush=True)
        if sys.argv[3] == "leave":
            break
"""
Open = Callable[..., tuple[subprocess.Popen[str], int]]


@pytest.fixture
def window(tmp_path: Path, project: Project) -> Iterator[Open]:
    """Starts another program with an engine; returns it and the engine's process number."""
    programs = []
    script = tmp_path / "window.py"
    script.write_text(WINDOW)

    def start(task: Job, how: str = "stay") -> tuple[subprocess.Popen[str], int]:
        program = subprocess.Popen(
            [sys.executable, str(script), str(project.folder), task.run, how],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        programs.append(program)
        assert program.stdout is not None
        return program, int(program.stdout.readline())

    yield start
    for program in programs:
        program.kill()
        program.wait()
        if program.stdout is not None:
            program.stdout.close()


@posix
@pytest.mark.parametrize("what", ["count", "native", "locked"])
def test_the_engine_ends_with_its_window(window: Open, project: Project, what: str) -> None:
    task = job(project, what)
    program, engine = window(task)
    wait_for(project.run_folder(task.run) / ("inside" if what != "count" else "saved.json"))
    program.kill()
    program.communicate()
    assert gone(engine, 5.0)
    (project.run_folder(task.run) / "inside").unlink(missing_ok=True)
    with EngineProcess(project.folder, FAKE) as mine:  # the lease of the dead is free
        mine.send(Submit(job=task))
        if what == "count":
            until(mine, started)
        else:
            wait_for(project.run_folder(task.run) / "inside")
        mine.force_stop()
        assert last(list(mine.events())) == Cancelled()


@posix
def test_a_program_that_forgets_to_close_ends_all_the_same(window: Open, project: Project) -> None:
    program, engine = window(job(project, "count"), "leave")
    program.communicate(timeout=5.0)
    assert program.returncode == 0 and gone(engine, 5.0)


@posix
def test_ctrl_c_goes_to_the_window_and_not_to_the_engine(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        engine.send(Submit(job=job(project, "count", 60)))
        until(engine, started)
        assert engine.pid is not None
        assert os.getpgid(engine.pid) != os.getpgid(0)
        assert psutil.Process(engine.pid).nice() > 0
        os.kill(engine.pid, signal.SIGINT)
        assert isinstance(last(list(engine.events())), Finished)


@posix
def test_a_crash_restarts_the_engine_and_the_same_job_goes_on(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        engine.send(Submit(job=job(project, "crash-once", 10)))
        events = list(engine.events())
        notes = [event for event in events if isinstance(event, Note)]
        assert len(notes) == 1 and notes[0].warning and "SIGKILL" in notes[0].text
        assert last(events) == Finished(result={"from": 3, "to": 10})


@posix
def test_the_second_crash_fails_the_job_and_tells_why(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        task = job(project, "crash", 10)
        engine.send(Submit(job=task))
        end = last(list(engine.events()))
        assert isinstance(end, Failed) and "ended twice" in end.text and "SIGSEGV" in end.text
        assert "the last words" in end.trace and "in _act" in end.trace, "output and faulthandler's stack"
        row = project.catalogue.run(task.run)
        assert row.state == "failed" and "the last words" in row.reason and row.lease_pid is None
        engine.send(Submit(job=job(project, "count", 3)))  # and the next job gets a new engine
        assert isinstance(last(list(engine.events())), Finished)


@posix
def test_a_crash_keeps_the_pause(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        engine.send(Submit(job=job(project, "count", 50)))
        engine.send(Pause())
        until(engine, lambda event: event == Paused())
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        events = until(engine, lambda event: event == Paused())
        assert sum(isinstance(event, Note) for event in events) == 1
        assert engine.poll(0.3) == []
        engine.send(Resume())
        assert isinstance(last(list(engine.events())), Finished)


@posix
def test_force_stop_ends_a_job_that_does_not_answer(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        task = job(project, "locked")
        engine.send(Submit(job=task))
        wait_for(project.run_folder(task.run) / "inside")
        engine.send(Cancel())
        assert not [event for event in engine.poll(0.5) if isinstance(event, TERMINAL)]
        began = time.monotonic()
        engine.force_stop()
        assert last(list(engine.events())) == Cancelled()
        assert time.monotonic() - began < 1.0
        row = project.catalogue.run(task.run)
        assert row.state == "cancelled" and row.lease_pid is None
        engine.send(Submit(job=job(project, "count", 3)))
        assert isinstance(last(list(engine.events())), Finished)


@posix
def test_an_engine_that_dies_idle_is_started_by_the_next_job(project: Project) -> None:
    with EngineProcess(project.folder, FAKE) as engine:
        engine.kill()
        assert engine.poll() == [] and not engine.alive
        engine.send(Submit(job=job(project, "count", 3)))
        assert last(list(engine.events())) == Finished(result={"from": 0, "to": 3})


@posix
def test_a_run_has_one_runner_and_is_taken_over_after_its_death(window: Open, project: Project) -> None:
    task = job(project, "count", 150)
    program, engine = window(task)
    saved = project.run_folder(task.run) / "saved.json"
    wait_for(saved)
    with EngineProcess(project.folder, FAKE) as mine:
        mine.send(Submit(job=task))
        end = last(list(mine.events()))
        assert isinstance(end, Failed) and f"process {engine}" in end.text
        assert project.catalogue.run(task.run).state == "running", "the refused one leaves the run alone"
        os.kill(engine, signal.SIGKILL)
        program.kill()
        assert gone(engine, 5.0)
        mine.send(Submit(job=task))
        end = last(list(mine.events()))
        assert isinstance(end, Finished) and end.result["from"] >= 1 and end.result["to"] == 150
    program.communicate()
