"""Screenshots of the window: ``python -m tests.studio.pictures OUT [PROJECT]``. Look at every one.

Without a project a small one is made: procedural aeroplanes, a model that learned a little from them.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QApplication

from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.settings import override
from studio.app import application, build
from studio.models.looking import Looking
from studio.models.make import Make
from studio.models.preferences import Preferences
from studio.theme import Choice
from studio.window import MainWindow

THEMES: tuple[Choice, ...] = ("dark", "light")
SMALL = ("fit.steps=400", "train.steps=300", "train.watch_every=0")
PATIENCE_S = 400.0


def main(out: Path, project: Path | None) -> None:
    """Make the pictures of every state in both themes."""
    app = application(sys.argv[:1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "Aeroplanes"
        if project:
            shutil.copytree(project, folder)
        else:
            make_project(folder)
        window, projects = build(app, Preferences(Path(place) / "preferences"))
        window.show()
        wait(app, lambda: False, 0.5)
        shoot(app, window, out, "welcome")
        projects.open(folder)
        opened = projects.current
        assert opened is not None
        make = opened.model(Make)
        run = make.generate()
        wait(app, lambda: opened.library.card(f"{run}/0000") is not None)
        scene = opened.model(Looking).scene
        opened.current.choose((f"{run}/0000",))
        opened.current.show(f"{run}/0000")
        wait(app, lambda: bool(scene.shapes))
        shown = [card.name for card in opened.library.cards if card.kind == "shape"][:20]
        wait(app, lambda: all(opened.thumbnails.image(name) for name in shown))
        wait(app, lambda: False, 5)
        shoot(app, window, out, "make")
        window.tabs.setCurrentIndex(1)
        wait(app, lambda: False, 3)
        shoot(app, window, out, "mix")
        window.tabs.setCurrentIndex(0)
        opened.queue.hold(True)
        make.generate()
        make.generate()
        window.toggle_queue()
        opened.troubles.tell("the model is made of cheese; train another one", "Traceback\n  ...")
        wait(app, lambda: False, 2)
        shoot(app, window, out, "queue")
        window.close()


def make_project(folder: Path) -> None:
    """A project with ten aeroplanes, their fits and a model."""
    import engine

    settings = override(preset("basis", "tiny"), SMALL)
    with Project.create(folder) as project:
        list(engine.run(SamplesJob(category="airplane", count=10, seed=1), project))
        fit = project.submit(FitJob(settings=settings))
        list(engine.run(fit, project))
        list(engine.run(TrainJob(settings=settings, fit=fit.run), project))


def wait(app: QApplication, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Let the window work until something holds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)


def shoot(app: QApplication, window: MainWindow, out: Path, name: str) -> None:
    """The window as it is, in both themes."""
    for choice in THEMES:
        window.theme.choose(choice)
        wait(app, lambda: False, 1.5)
        window.grab().save(str(out / f"{name}-{choice}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
