"""The engine in a real spawned process: cancel, pause, throttle, errors, previews, the lease of a paused job."""

import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine import worker
from engine.client import EngineProcess
from engine.errors import BusyError, InputError
from engine.jobs import SamplesJob
from engine.lifeline import Inbox
from engine.mailbox import Mailbox
from engine.project import Project
from engine.protocol import (
    Cancel,
    Cancelled,
    Failed,
    Finished,
    Pause,
    Paused,
    Resume,
    Resumed,
    Saved,
    Submit,
    Throttle,
    encode,
)
from tests.worker_jobs import FAKE, ROOT, job, last, started, until


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as project:
        yield project


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EngineProcess, Project]]:
    """One engine for all tests that must not harm it: each leaves it idle and alive."""
    folder = tmp_path_factory.mktemp("shared") / "project"
    with Project.create(folder) as project, EngineProcess(folder, FAKE, capacity=1 << 15) as engine:
        yield engine, project


# between the events ----------------------------------------------------------------------------------------------------
def test_a_job_runs_to_its_end(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    engine.send(Submit(job=job(project, "count", 5)))
    assert last(list(engine.events())) == Finished(result={"from": 0, "to": 5})
    assert not engine.busy and engine.alive


def test_cancel_stops_between_steps_and_the_same_job_goes_on(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    task = job(project, "count", 100)
    engine.send(Submit(job=task))
    until(engine, started)
    asked = time.monotonic()
    engine.send(Cancel())
    assert last(list(engine.events())) == Cancelled()
    assert time.monotonic() - asked < 1.0
    assert project.catalogue.run(task.run).state == "cancelled"
    engine.send(Submit(job=task))
    end = last(list(engine.events()))
    assert isinstance(end, Finished) and end.result["from"] > 0 and end.result["to"] == 100


def test_pause_holds_and_resume_goes_on(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    task = job(project, "count", 60)
    engine.send(Submit(job=task))
    until(engine, started)
    engine.send(Pause())
    until(engine, lambda event: event == Paused())
    saved = project.run_folder(task.run) / "saved.json"
    before = saved.read_text()
    assert engine.poll(0.5) == [] and saved.read_text() == before
    with pytest.raises(BusyError):
        engine.send(Submit(job=job(project, "count")))
    engine.send(Resume())
    events = list(engine.events())
    assert events[0] == Resumed() and last(events) == Finished(result={"from": 0, "to": 60})


def test_a_paused_job_can_be_cancelled(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    engine.send(Submit(job=job(project, "count")))
    engine.send(Pause())
    until(engine, lambda event: event == Paused())
    engine.send(Cancel())
    assert last(list(engine.events())) == Cancelled()


def test_throttle_leaves_time_to_others_and_cancel_interrupts_it(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared

    def pace(share: float, count: int) -> float:
        engine.send(Throttle(share=share))
        engine.send(Submit(job=job(project, "count", count)))
        until(engine, started)
        began = time.monotonic()
        list(engine.events())
        return (time.monotonic() - began) / (count - 1)

    free, throttled = pace(0.0, 40), pace(0.8, 15)
    engine.send(Throttle(share=0.0))
    assert throttled > 2.5 * free  # five times, less what the clock and the other process blur


def test_commands_for_no_job_change_nothing(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    for command in (Cancel(), Pause(), Resume(), Cancel()):
        engine.send(command)
    engine.send(Submit(job=job(project, "count", 3)))
    assert [type(event) for event in engine.events()][-1] is Finished


# errors ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("refuse", "the cheese is too old; buy another one"),
        ("fault", "a slip of ours"),
        ("memory", "out of memory"),
        ("exit", "SystemExit"),
        ("no-result", "without a result"),
        ("bad-result", "unsupported"),
        ("unsendable", "unsupported"),
    ],
)
def test_an_error_fails_the_job_and_not_the_engine(shared: tuple[EngineProcess, Project], what: str, text: str) -> None:
    engine, project = shared
    pid = engine.pid
    task = job(project, what, 10)
    engine.send(Submit(job=task))
    end = last(list(engine.events()))
    assert isinstance(end, Failed) and text in end.text
    assert "Traceback" in end.trace and "\n" not in end.text
    assert "Traceback" in (project.run_folder(task.run) / "engine.log").read_text()
    if what != "bad-result":
        assert project.catalogue.run(task.run).state in ("failed", "cancelled")
    engine.send(Submit(job=job(project, "count", 3)))
    assert isinstance(last(list(engine.events())), Finished) and engine.pid == pid


def test_torch_out_of_memory_is_told_honestly(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    engine.send(Submit(job=job(project, "torch-memory", 10)))
    end = last(list(engine.events()))
    assert isinstance(end, Failed) and end.text.startswith("out of memory: make the batch")


def test_a_command_that_breaks_a_bound_is_refused_before_it_is_sent(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    with pytest.raises(InputError, match="count"):
        engine.send(Submit(job=SamplesJob(run="x", category="count", count=0)))
    with pytest.raises(InputError, match="no run"):
        engine.send(Submit(job=SamplesJob(category="count", count=1)))
    assert not engine.busy


def test_previews_come_through_the_mailbox_or_as_a_file(shared: tuple[EngineProcess, Project]) -> None:
    engine, project = shared
    engine.send(Submit(job=job(project, "preview", 10)))
    list(engine.events())
    preview = engine.preview()
    assert preview is not None and preview.kind == "step" and np.all(preview.arrays["x"] == 10)
    task = job(project, "large", 10)
    engine.send(Submit(job=task))
    saved = [event for event in engine.events() if isinstance(event, Saved)]
    assert saved and Path(saved[-1].path).is_file() and project.run_folder(task.run) in Path(saved[-1].path).parents
    assert engine.preview() is None


def test_a_paused_job_keeps_its_lease_and_stops_when_it_was_taken_over(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BEAT_S", 0.02)
    run = job(project, "count").run
    project.catalogue.acquire(run)
    taken = project.catalogue.run(run).lease_beat
    ours, theirs = multiprocessing.Pipe()
    inbox: Inbox = queue.SimpleQueue()
    with Mailbox.create(100) as mailbox:
        engine = worker._Engine(theirs, inbox, project.folder, mailbox, FAKE)
        inbox.put(encode(Pause()))
        threading.Timer(0.3, lambda: inbox.put(encode(Resume()))).start()
        assert engine._hold(project, run, 0.0)
        beaten = project.catalogue.run(run).lease_beat
        assert taken is not None and beaten is not None and beaten > taken + 0.1
        project.catalogue._db.execute("UPDATE runs SET lease_pid = ? WHERE id = ?", (os.getppid(), run))
        inbox.put(encode(Pause()))
        with pytest.raises(BusyError, match="taken over"):
            engine._hold(project, run, 0.0)
    ours.close()
    theirs.close()


def test_importing_the_boundary_brings_no_torch() -> None:
    check = "import sys, engine.worker, engine.client, engine.mailbox; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
