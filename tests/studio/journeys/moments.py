"""Moments at which a window is closed or killed, each as the deeds of a person and what is waited for in between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from studio.models.opened import OpenProject, Projects
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.queue_strip import QueueStrip
from studio.window import MainWindow
from tests.studio.fakes import SLOW
from tests.studio.journeys.person import CONTROL, Person

LONG = 150  # shapes of a job that is not at its end when something happens, also on a busy machine
Deeds = Iterator[Callable[[], bool]]


@dataclass
class Visit:
    """The window and what is behind it."""

    window: MainWindow
    projects: Projects
    folder: Path

    @property
    def opened(self) -> OpenProject:
        """The project, which is open."""
        assert self.projects.current is not None
        return self.projects.current

    @property
    def me(self) -> Person:
        """Who sits before it."""
        return Person(self.window, self.folder.parent / "pictures", "visit")

    def generate(self, count: int, seed: int) -> None:
        """Type a count and a seed, and click Generate."""
        make = self.me.sees(MakeView)
        self.me.write(make.count, str(count))
        self.me.write(make.seed, str(seed))
        self.me.click(make.go)

    def close(self) -> None:
        """Close the window by its frame; what it asks is answered by a click."""
        tell()
        QTimer.singleShot(0, self._answer)
        self.window.close()

    def _answer(self) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self.me.press("Pause and continue next time", box)


def tell() -> None:
    """Say that the moment has come."""
    print("ready", flush=True)


def _open(visit: Visit) -> bool:
    return visit.projects.current is not None and bool(visit.opened.library.cards)


def at_once(visit: Visit) -> Deeds:
    """Before anything was painted or started."""
    visit.close()
    yield lambda: True


def starting(visit: Visit) -> Deeds:
    """As soon as the engines were started, which cannot answer yet."""
    yield lambda: visit.projects.current is not None and len(visit.opened.pids) == 2
    visit.close()


def running(visit: Visit) -> Deeds:
    """In the middle of a job, with one more behind it."""
    yield lambda: _open(visit)
    visit.generate(256, SLOW)
    visit.generate(2, 1)
    yield lambda: visit.opened.queue.running is not None and visit.opened.queue.running.done > 3
    visit.close()


def drawing(visit: Visit) -> Deeds:
    """While the live engine is asked for pictures and surfaces."""
    yield lambda: _open(visit)
    visit.generate(3, 1)
    yield lambda: len(visit.opened.library.cards) > 3
    visit.me.click_card(visit.me.sees(LibraryView).list, 0)
    visit.opened.live._engine.kill()  # it dies over it, too
    visit.close()


def stopping(visit: Visit) -> Deeds:
    """While a cancelled job is being stopped."""
    yield lambda: _open(visit)
    visit.generate(256, SLOW)
    yield lambda: visit.opened.queue.running is not None and visit.opened.queue.running.done > 3
    visit.me.click(visit.me.sees(QueueStrip).cancel)
    visit.close()


def busy(visit: Visit) -> Deeds:
    """A queue of three jobs, a star, and nobody who closes the window: it is killed."""
    yield lambda: _open(visit)
    visit.generate(2, 1)
    yield lambda: any(card.kind == "shape" for card in visit.opened.library.cards)
    visit.me.click_card(visit.me.sees(LibraryView).list, 0)
    yield lambda: bool(visit.opened.current.chosen)
    visit.me.keys(Qt.Key.Key_B, CONTROL)
    yield lambda: bool(visit.opened.library.stars)
    visit.generate(LONG, SLOW)
    visit.generate(1, 2)
    visit.generate(2, 3)
    yield lambda: visit.opened.queue.running is not None and visit.opened.queue.running.done > 3
    tell()


def training(visit: Visit) -> Deeds:
    """A job that was waiting runs, until the window is killed."""
    yield lambda: visit.projects.current is not None and visit.opened.queue.running is not None
    task = visit.opened.queue.running
    assert task is not None
    saved = visit.folder / "runs" / task.run / "checkpoints"
    yield lambda: saved.is_dir() and any(saved.glob("*.safetensors"))
    tell()


MOMENTS: dict[str, Callable[[Visit], Deeds]] = {
    found.__name__: found for found in (at_once, starting, running, drawing, stopping, busy, training)
}
