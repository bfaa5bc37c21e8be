"""Jobs of the fake runner, and what an engine says of them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.client import EngineProcess
from engine.jobs import Job, SamplesJob
from engine.project import Project
from engine.protocol import TERMINAL, Event, Progress

ROOT = Path(__file__).parents[1]
FAKE = "tests.fake_runner:run"
posix = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


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


def wait_for(path: Path, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.01)
