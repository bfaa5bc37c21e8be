"""The queue over a real engine process with scripted jobs: order, states, and what outlives a crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob, MixJob, SamplesJob
from engine.project import Project
from engine.protocol import Progress
from studio.models.opened import OpenProject
from studio.models.queue_file import FILE, QueueFile
from studio.models.task import Task
from studio.models.troubles import Trouble, Troubles
from tests.studio.conftest import FAKES, settle
from tests.studio.fakes import CRASH_ONCE, FAIL, SLOW, WORDS

ROOT = Path(__file__).parents[2]
Open = Callable[[], OpenProject]


@pytest.fixture
def told() -> list[Trouble]:
    return []


@pytest.fixture
def reopen(qapp: QApplication, tmp_path: Path, told: list[Trouble]) -> Iterator[Open]:
    """Opens the project, closing what was open before."""
    Project.create(tmp_path / "p").close()
    last: list[OpenProject] = []

    def again() -> OpenProject:
        while last:
            last.pop().close()
        troubles = Troubles()
        troubles.told.connect(told.append)
        last.append(OpenProject(tmp_path / "p", troubles, FAKES))
        return last[-1]

    yield again
    while last:
        last.pop().close()


def begin(opened: OpenProject) -> None:
    """Start the engine for jobs, not the one for questions."""
    opened.session.start()
    opened.queue.open()


def job(seed: int = 0, count: int = 3) -> GenerateJob:
    return GenerateJob(model="m", count=count, seed=seed)


def test_jobs_run_in_their_order_and_a_failure_stops_nobody(reopen: Open, qtbot: QtBot, told: list[Trouble]) -> None:
    found = reopen()
    queue = found.queue
    queue.hold(True)
    first, bad, last = (queue.submit(job(seed)) for seed in (0, FAIL, 1))
    queue.move(last, 0)
    assert [task.run for task in queue.waiting] == [last, first, bad]
    ended: list[str] = []
    queue.ended.connect(ended.append)
    assert found.project.catalogue.run(first).state == "queued"
    queue.hold(False)
    begin(found)
    settle(qtbot, lambda: len(queue.done) == 3)
    assert ended == [last, first, bad]
    failed = queue.task(bad)
    assert failed is not None and failed.state == "failed" and WORDS in failed.text
    assert [trouble.text for trouble in told] == [f"Generate 3 shapes did not finish: {WORDS}"]
    assert {queue.task(run).state for run in (first, last)} == {"finished"}  # type: ignore[union-attr]


def test_an_engine_that_dies_is_replaced_and_the_job_goes_on(reopen: Open, qtbot: QtBot) -> None:
    opened = reopen()
    begin(opened)
    run = opened.queue.submit(job(CRASH_ONCE))
    settle(qtbot, lambda: bool(opened.queue.done))
    task = opened.queue.task(run)
    assert task is not None and task.state == "finished"
    assert any("started again" in words for words in task.warnings)


def test_a_job_that_does_not_hear_is_forced(reopen: Open, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.models.queue.PATIENCE_MS", 200)
    opened = reopen()
    queue = opened.queue
    begin(opened)
    run = queue.submit(SamplesJob(category="native", count=5))  # a native call of a minute
    inside = opened.project.run_folder(run) / "inside"
    settle(qtbot, inside.exists)
    queue.cancel(run)
    settle(qtbot, lambda: queue.running is not None and queue.running.stubborn)
    queue.force_stop(run)
    settle(qtbot, lambda: queue.running is None)
    assert [task.state for task in queue.done] == ["cancelled"]
    queue.retry(run)
    assert queue.running is not None and queue.running.run == run


def test_closing_keeps_the_queue_and_opening_goes_on(reopen: Open, qtbot: QtBot) -> None:
    opened = reopen()
    begin(opened)
    queue = opened.queue
    running, waiting, dropped = (queue.submit(job(SLOW, 30)), queue.submit(job(1)), queue.submit(job(2)))
    queue.cancel(dropped)
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    again = reopen()
    assert [task.run for task in again.queue.waiting] == [running, waiting]
    assert [task.run for task in again.queue.done] == [dropped]
    begin(again)
    settle(qtbot, lambda: again.queue.count == 0)
    assert again.project.catalogue.run(running).state == again.project.catalogue.run(waiting).state == "finished"
    assert again.project.catalogue.run(dropped).state == "cancelled"


def test_what_waits_says_behind_what_and_can_go_first(reopen: Open, qtbot: QtBot) -> None:
    """What ran is set aside with what it has, goes on after it, and is lost at no moment, also not by closing."""
    opened = reopen()
    begin(opened)
    queue = opened.queue
    long, other, short = queue.submit(job(SLOW, 40)), queue.submit(job(1)), queue.submit(job(2))
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    assert queue.waits(long) == "" and queue.waits(short).startswith("waits behind Generate 40 shapes")
    assert queue.waits(short).endswith("and 1 more job")
    ended: list[str] = []
    queue.ended.connect(ended.append)
    queue.run_first(short)
    kept = msgspec.json.decode((opened.folder / FILE).read_bytes(), type=QueueFile)
    assert kept.waiting == (short, long, other)
    settle(qtbot, lambda: ended == [short])
    assert queue.running is not None and queue.running.run == long, "it goes on, before what came after it"
    assert [task.run for task in queue.waiting] == [other]
    again = reopen()
    assert [task.run for task in again.queue.waiting] == [long, other]


def test_what_goes_first_takes_along_what_it_needs(reopen: Open, qtbot: QtBot, told: list[Trouble]) -> None:
    """As healing does the mixture that it heals, which is another job; what runs stays where it is needed itself."""
    opened = reopen()
    begin(opened)
    queue = opened.queue
    long = queue.submit(job(SLOW, 40))
    other, needed = queue.submit(job(1)), queue.submit(job(2))
    last = queue.submit(MixJob(base=f"{needed}/0000"))
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    ended: list[str] = []
    queue.ended.connect(ended.append)
    queue.run_first(last)
    kept = msgspec.json.decode((opened.folder / FILE).read_bytes(), type=QueueFile)
    assert kept.waiting == (needed, last, long, other)
    settle(qtbot, lambda: ended == [needed, last])
    settle(qtbot, lambda: queue.running is not None and queue.running.run == long and queue.running.done > 0)
    follows = queue.submit(MixJob(base=f"{long}/0000"))
    queue.run_first(follows)
    assert queue.running is not None and queue.running.state == "running"
    assert [task.run for task in queue.waiting] == [follows, other] and "right after that" in told[-1].text


def test_what_makes_way_can_still_be_cancelled(reopen: Open, qtbot: QtBot) -> None:
    opened = reopen()
    begin(opened)
    queue = opened.queue
    long, short = queue.submit(job(SLOW, 40)), queue.submit(job(1))
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    queue.run_first(short)
    queue.cancel(long)
    kept = msgspec.json.decode((opened.folder / FILE).read_bytes(), type=QueueFile)
    assert kept.waiting == (short,)
    settle(qtbot, lambda: len(queue.done) == 2 and not queue.count)
    cancelled = queue.task(long)
    assert cancelled is not None and cancelled.state == "cancelled"


def test_what_makes_way_waits_behind_all_that_were_let_first(reopen: Open, qtbot: QtBot) -> None:
    opened = reopen()
    begin(opened)
    queue = opened.queue
    long, first, second = queue.submit(job(SLOW, 40)), queue.submit(job(1)), queue.submit(job(2))
    settle(qtbot, lambda: queue.running is not None and queue.running.done > 0)
    queue.run_first(first)
    queue.run_first(second)
    kept = msgspec.json.decode((opened.folder / FILE).read_bytes(), type=QueueFile)
    assert kept.waiting == (second, first, long)


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from engine.jobs import GenerateJob
from studio.models.opened import Engines, OpenProject
from studio.models.troubles import Troubles
from tests.studio.fakes import SLOW

if __name__ == "__main__":
    app = QApplication(sys.argv)
    opened = OpenProject(Path(sys.argv[1]), Troubles(), Engines("tests.studio.fakes:run"))
    opened.session.start()
    opened.queue.open()
    opened.queue.submit(GenerateJob(model="m", count=1000, seed=SLOW))
    opened.queue.submit(GenerateJob(model="m", count=1))
    opened.queue.progressed.connect(lambda run: print(run, opened.session.pid, flush=True))
    app.exec()
"""


def test_a_window_that_is_killed_loses_nothing(reopen: Open, qtbot: QtBot, tmp_path: Path) -> None:
    script = tmp_path / "window.py"
    script.write_text(WINDOW)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(tmp_path / "p")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as window:
        assert window.stdout is not None
        run, pid = window.stdout.readline().split()
        os.kill(window.pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists(), "its engine ends with it"
    opened = reopen()
    assert [task.run for task in opened.queue.waiting] == [run, "generate-0002"]
    begin(opened)
    settle(qtbot, lambda: opened.queue.running is not None and opened.queue.running.done > 0)
    opened.queue.cancel(run)
    settle(qtbot, lambda: opened.queue.count == 0)
    assert opened.project.catalogue.run("generate-0002").state == "finished"


def test_what_was_refused_and_left_no_run_can_be_copied_and_tried_again(reopen: Open, qtbot: QtBot) -> None:
    found = reopen()
    begin(found)
    run = found.queue.submit(job(FAIL))
    settle(qtbot, lambda: bool(found.queue.done))
    found.project.forget(run)
    assert "generate" in found.queue.command(run)
    found.queue.hold(True)
    found.queue.retry(run)
    assert [task.run for task in found.queue.waiting] == [run] and found.project.job(run) == msgspec.structs.replace(
        job(FAIL), run=run
    )


def test_a_retry_that_was_queued_waits_again(reopen: Open, qtbot: QtBot) -> None:
    """A run that failed is no failure any more once it was queued anew, also where the window ends before it begins; it is
    one again when it has failed since."""
    opened = reopen()
    begin(opened)
    run = opened.queue.submit(job(FAIL))
    settle(qtbot, lambda: bool(opened.queue.done))
    opened.queue.hold(True)
    opened.queue.retry(run)
    again = reopen()
    assert [task.run for task in again.queue.waiting] == [run] and not again.queue.done
    begin(again)
    again.queue.hold(False)
    settle(qtbot, lambda: bool(again.queue.done))
    assert [task.run for task in reopen().queue.done] == [run]


def test_a_generation_has_one_progress_that_never_goes_back_nor_ends_too_soon() -> None:
    """As the engine tells it: drawing, then looking at each shape, whose surfaces count for themselves, and drawing again."""
    task, seen = Task(GenerateJob(model="m", count=4), state="running"), list[float]()
    said = [("sample", i, 10) for i in (1, 5, 10)]
    for done in range(4):
        said += [("whole", done, 4), ("extract", 1, 3), ("extract", 3, 3), ("sample", 2, 10), ("sample", 10, 10)]
    for stage, done, total in (*said, ("whole", 4, 4), ("latents", 4, 4)):
        task.hear(Progress(stage=stage, done=done, total=total))
        seen.append(task.share or 0.0)
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 0.995, "99 % at most"
    assert {0.25, 0.5, 0.75} <= set(seen)


def test_shapes_that_are_kept_as_drawn_are_done_when_drawn() -> None:
    task = Task(GenerateJob(model="m", count=4, whole=False), state="running")
    task.hear(Progress(stage="sample", done=5, total=10))
    assert task.share == 0.5
