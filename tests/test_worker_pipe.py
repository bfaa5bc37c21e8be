"""What the engine does with whatever comes through the pipe, and with the end of it."""

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from engine.jobs import VERSION, SamplesJob
from engine.mailbox import Mailbox
from engine.project import Project
from engine.protocol import (
    Cancel,
    Cancelled,
    Event,
    Failed,
    Finished,
    Pause,
    Progress,
    Refused,
    Resume,
    Shutdown,
    Submit,
    Throttle,
    decode_event,
    encode,
)
from engine.worker import engine_main
from tests.worker_jobs import FAKE, job, posix, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as project:
        yield project


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
