"""The engine in a real spawned process: cancel, pause, throttle, crash, restart, force stop, end of the pipe, lease."""

import multiprocessing
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine import worker
from engine.client import EngineProcess
from engine.errors import BusyError, InputError
from engine.jobs import VERSION, Job, SamplesJob
from engine.lifeline import Inbox
from engine.mailbox import Mailbox
from engine.project import Project
from engine.protocol import (
    TERMINAL,
    Cancel,
    Cancelled,
    Event,
    Failed,
    Finished,
    Note,
    Pause,
    Paused,
    Progress,
    Refused,
    Resume,
    Resumed,
    Saved,
    Shutdown,
    Submit,
    Throttle,
    decode_event,
    encode,
)
from engine.worker import engine_main

ROOT = Path(__file__).parents[1]
FAKE = "tests.fake_runner:run"
posix = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


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


def job(project: Project, what: str, count: int = 1000) -> Job:
    return project.submit(SamplesJob(category=what, count=count))


def until(engine: EngineProcess, wanted: Callable[[Event], bool], seconds: float = 20.0) -> list[Event]:
    """All events up to the first that is wanted."""
    events: list[Event] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in engine.poll(0.1):
            events.append(event)
            if wanted(event):
                return events
    raise AssertionError(f"nothing that was wanted within {seconds} s, only {events[-10:]}")


def started(event: Event) -> bool:
    return isinstance(event, Progress)


def last(events: list[Event]) -> Event:
    assert [event for event in events if isinstance(event, TERMINAL)] == events[-1:], "one terminal event, the last"
    return events[-1]


def gone(pid: int, seconds: float) -> bool:
    """Whether the process and all of its group end in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


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


# what the pipe may carry -----------------------------------------------------------------------------------------------
class Raw:
    """The worker without the client: the bare pipe."""

    def __init__(self, folder: Path, runner: str = FAKE) -> None:
        context = multiprocessing.get_context("spawn")
        self.mailbox = Mailbox.create(1 << 12)
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=engine_main, args=(theirs, str(folder), self.mailbox.name, runner))
        self.process.start()
        theirs.close()

    def read(self, seconds: float = 20.0) -> Event:
        assert self.pipe.poll(seconds), "no answer"
        return decode_event(self.pipe.recv_bytes())

    def answer(self, data: bytes) -> Event:
        """The first answer that is no progress."""
        self.pipe.send_bytes(data)
        while isinstance(event := self.read(), Progress):
            pass
        return event

    def close(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()
        self.mailbox.close()


@pytest.fixture
def raw(project: Project) -> Iterator[Raw]:
    raw = Raw(project.folder)
    yield raw
    raw.close()


def test_what_the_engine_cannot_read_gets_an_answer_and_harms_nothing(raw: Raw, project: Project) -> None:
    good = job(project, "count", 20)
    newer = encode(Submit(job=good)).replace(b"\xa7version\x01", b"\xa7version\x7f")
    odd = [
        b"",
        b"\x91" * 100_000,
        b"\x81\xa4type\xa2\xff\xff",
        b"\xc1",
        b"\x00" * 40,
        b'{"type":"cancel"}',
        encode(Cancel())[:-1],
        b"\x81\xa4type\xa6dancey",
        os.urandom(300),
    ]
    for data in odd:
        assert isinstance(raw.answer(data), Refused), data
    assert newer != encode(Submit(job=good)) and VERSION < 127
    for data in (newer, encode(Submit(job=good)).replace(b"category", b"catagory")):
        assert isinstance(raw.answer(data), Failed)  # whoever submitted it waits for a last event
    answer = raw.answer(encode(Submit(job=SamplesJob(category="count", count=1))))
    assert isinstance(answer, Failed) and "no run" in answer.text
    answer = raw.answer(encode(Submit(job=SamplesJob(run="../../x", category="count", count=1))))
    assert isinstance(answer, Failed) and "cannot name a run" in answer.text
    assert raw.answer(encode(Throttle(share=float("nan")))).__class__ is Refused
    raw.pipe.send_bytes(encode(Submit(job=good)))
    assert isinstance(raw.read(), Progress)
    for data in odd:
        assert isinstance(raw.answer(data), Refused), data
    answer = raw.answer(encode(Submit(job=job(project, "count"))))
    assert isinstance(answer, Refused) and good.run in answer.text
    while isinstance(end := raw.read(), Progress):
        pass
    assert end == Finished(result={"from": 0, "to": 20})


def test_a_project_that_is_none_is_told(tmp_path: Path) -> None:
    raw = Raw(tmp_path)
    try:
        answer = raw.answer(encode(Submit(job=SamplesJob(run="a", category="count", count=1))))
        assert isinstance(answer, Failed) and "is not a project" in answer.text
    finally:
        raw.close()


def test_a_runner_that_cannot_be_loaded_is_told(project: Project) -> None:
    raw = Raw(project.folder, "engine.not_there:run")
    try:
        task = job(project, "count")
        answer = raw.answer(encode(Submit(job=task)))
        assert isinstance(answer, Failed) and "not_there" in answer.text
        assert project.catalogue.run(task.run).state == "failed"
    finally:
        raw.close()


def test_random_commands_never_hang_or_kill_the_engine(raw: Raw, project: Project) -> None:
    rng = random.Random(7)
    kinds = ["count", "count", "refuse", "fault", "memory", "preview", "large", "unsendable"]
    for _ in range(10):
        for _ in range(rng.randrange(40)):
            match rng.randrange(9):
                case 0 | 1 | 2:
                    command = encode(Submit(job=job(project, rng.choice(kinds), rng.randrange(1, 30))))
                case 3:
                    command = encode(Cancel())
                case 4:
                    command = encode(Pause())
                case 5 | 6:
                    command = encode(Resume())
                case 7:
                    command = encode(Throttle(share=rng.choice([-1.0, 0.0, 0.3, 0.7, float("nan"), float("inf")])))
                case _:
                    command = rng.randbytes(rng.randrange(50))
            raw.pipe.send_bytes(command)
            if rng.random() < 0.3:
                time.sleep(rng.random() * 0.05)
            while raw.pipe.poll():
                raw.read()
        for command in (encode(Throttle(share=0.0)), encode(Cancel()), b"\x81\xa4type\xa7barrier"):
            raw.pipe.send_bytes(command)
        while not (isinstance(event := raw.read(), Refused) and "barrier" in event.text):
            pass  # answers come in the order of the commands
        raw.pipe.send_bytes(encode(Submit(job=job(project, "count", 2))))
        while isinstance(event := raw.read(), Progress):
            pass
        assert event == Finished(result={"from": 0, "to": 2})
        assert raw.process.is_alive()
    assert not [run for run in project.catalogue.runs() if run.state == "running"]


def test_shutdown_saves_the_job_and_ends_the_process(raw: Raw, project: Project) -> None:
    task = job(project, "count")
    raw.pipe.send_bytes(encode(Submit(job=task)))
    assert isinstance(raw.read(), Progress)
    assert raw.answer(encode(Shutdown())) == Cancelled()
    raw.process.join(3.0)
    assert raw.process.exitcode == 0
    assert project.catalogue.run(task.run).state == "cancelled"


# the end of the pipe ---------------------------------------------------------------------------------------------------
def test_the_end_of_the_pipe_saves_the_job_and_ends_the_engine(raw: Raw, project: Project) -> None:
    task = job(project, "count")
    raw.pipe.send_bytes(encode(Submit(job=task)))
    assert isinstance(raw.read(), Progress)
    raw.pipe.close()
    raw.process.join(2.0)
    assert raw.process.exitcode == 0
    assert project.catalogue.run(task.run).state == "cancelled"


@posix
def test_the_end_of_the_pipe_ends_the_engine_during_a_native_call(raw: Raw, project: Project) -> None:
    task = job(project, "native")
    raw.pipe.send_bytes(encode(Submit(job=task)))
    wait_for(project.run_folder(task.run) / "inside")
    raw.pipe.close()
    raw.process.join(2.5)
    assert raw.process.exitcode is not None
    assert "in _act" in (project.run_folder(task.run) / "engine.log").read_text(), "the log tells where it hung"


def wait_for(path: Path, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.01)


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


# death -----------------------------------------------------------------------------------------------------------------
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


# lease -----------------------------------------------------------------------------------------------------------------
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


def test_importing_the_boundary_brings_no_torch() -> None:
    check = "import sys, engine.worker, engine.client, engine.mailbox; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
