"""kill -9 of the engine in the middle of a training, and of the window itself: said, gone on with, nothing lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import engine
from engine.jobs import FitJob, GenerateJob, Job, SamplesJob, TrainJob
from engine.project import Project
from engine.protocol import Finished, Progress
from engine.settings import override
from engine.storage import write_json
from studio.models.opened import ENGINES
from studio.models.queue import FILE, QueueFile
from tests.studio.conftest import FAKES, Desk
from tests.studio.journeys.left_behind import Trace, temporary_files
from tests.studio.journeys.moments import LONG as SHAPES
from tests.studio.journeys.person import Person
from tests.studio.journeys.soundness import check_project
from tests.studio.journeys.test_closing import visit
from tests.test_engine_process import SMALL

STEPS, EVERY = 700, 50
LONG = override(SMALL, [f"train.steps={STEPS}", f"train.save_every={EVERY}", "train.watch_every=0"])


def make_project(folder: Path, *more: Job) -> str:
    """Six chairs, their fit, and a queue in which a training waits, with ``more`` behind it. Returns the training's run."""
    with Project.create(folder) as project:
        *_, last = engine.run(SamplesJob(category="chair", count=6), project)
        assert isinstance(last, Finished)
        fit = project.submit(FitJob(settings=LONG))
        list(engine.run(fit, project))
        training = project.submit(TrainJob(settings=LONG, fit=fit.run))
        waiting = (training.run, *(project.submit(job).run for job in more))
        write_json(folder / FILE, QueueFile(waiting=waiting))
    return training.run


def newest(saved: Path) -> int:
    """Step of the last checkpoint; 0 before there is one."""
    return max((int(path.stem.rpartition("-")[2]) for path in saved.glob("step-*.safetensors")), default=0)


def test_the_engine_is_killed_while_it_trains(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    run = make_project(tmp_path / "Real")
    saved = tmp_path / "Real" / "runs" / run / "checkpoints"
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "d")
    me.open(tmp_path / "Real")
    me.wait(lambda: newest(saved) > 0, 400, "a checkpoint")
    queue, pid = desk.opened.queue, desk.opened.session.pid
    assert queue.running is not None and pid is not None
    step, seen = newest(saved), list[int]()
    os.kill(pid, signal.SIGKILL)
    me.reads("started again and the job goes on", 60)

    def watch(_: str, event: object) -> None:
        if isinstance(event, Progress) and event.stage == "train":
            seen.append(event.done)

    desk.opened.session.said.connect(watch)  # all that the new engine says
    me.shoot("the engine was killed")
    assert len(desk.told) == 1 and desk.opened.session.pid not in (pid, None)
    me.wait(lambda: bool(queue.done), 400, "the end of the training")
    assert queue.done[0].state == "finished", queue.done[0].text
    assert seen and min(seen) >= step, "it goes on from the checkpoint"
    check_project(tmp_path / "Real", closed=False)


def reopened(desk: Desk, me: Person, folder: Path, runs: list[str]) -> None:
    """The queue stands as it was, and comes to its end."""
    me.open(folder)
    queue = desk.opened.queue
    assert [task.run for task in (*queue.tasks,) if task.state != "finished"] == runs
    me.wait(lambda: queue.count == 0, 500, "the queue to come to its end")
    assert {task.state for task in queue.done} == {"finished"}, [task.text for task in queue.done]
    assert not [one.text for one in desk.told if not one.note]
    check_project(folder, folder.name == "Real", closed=False)


def killed(trace: Trace, folder: Path, moment: str, engines: str) -> None:
    """The window is ended by force when the moment has come, and all that it started ends with it."""
    with visit(trace, folder, moment, engines) as window:
        assert window.stdout is not None and window.stderr is not None
        assert window.stdout.readline() == "ready\n", window.stderr.read()
        trace.look()
        window.kill()
    assert not trace.left()


@pytest.mark.slow
def test_the_window_is_killed_while_it_trains(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    model = "train-0001"
    run = make_project(tmp_path / "Real", *(GenerateJob(model=model, count=1, seed=seed) for seed in (1, 2)))
    assert run == model
    saved = tmp_path / "Real" / "runs" / run / "checkpoints"
    killed(Trace(tmp_path / "trace"), tmp_path / "Real", "training", "real")
    assert newest(saved) < STEPS
    desk = make_desk(ENGINES)
    me = Person(desk.window, tmp_path / "pictures", "e")
    reopened(desk, me, tmp_path / "Real", [run, "generate-0001", "generate-0002"])
    me.shoot("all is done")


def test_the_window_is_killed_with_a_queue(make_desk: Callable[..., Desk], folder: Path, tmp_path: Path) -> None:
    killed(Trace(tmp_path / "trace"), folder, "busy", "fake")
    desk = make_desk(FAKES)
    me = Person(desk.window, tmp_path / "pictures", "e")
    reopened(desk, me, folder, ["generate-0002", "generate-0003", "generate-0004"])
    library = desk.opened.library
    me.wait(lambda: library.count("shape") == 2 + SHAPES + 1 + 2, 60, "all shapes")
    assert len(library.stars) == 1 and library.card(next(iter(library.stars))), "the star of the window that was killed"
    assert not temporary_files(folder / "runs")
