from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine import shipped
from engine.methods import preset
from engine.project import Project
from engine.shipped import Closed, ModelCard
from engine.storage import write_json
from studio.app import build
from studio.models.opened import Engines, OpenProject, Projects
from studio.models.preferences import Preferences
from studio.models.troubles import Trouble
from studio.window import MainWindow

FAKES = Engines("tests.studio.fakes:run", "tests.studio.fakes:FakeAnswers")


@dataclass
class Desk:
    """A window with all behind it, and what it has told of troubles."""

    window: MainWindow
    projects: Projects
    preferences: Preferences
    told: list[Trouble] = field(default_factory=list)

    @property
    def opened(self) -> OpenProject:
        """The open project."""
        assert self.projects.current is not None
        return self.projects.current


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one model, as far as the window can see: a header without numbers. Nothing else is on this machine."""
    monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "no models"))
    monkeypatch.setattr("studio.models.preferences.user_documents_path", lambda: tmp_path / "Documents")
    with Project.create(tmp_path / "Chairs") as project:
        run = project.catalogue.new_run("train", "basis")
        project.catalogue.end_run(run, "finished")
        write_model(project.run_folder(run) / "model.safetensors")
    return tmp_path / "Chairs"


def write_model(path: Path) -> None:
    """A model file whose header says that it knows chairs, and that chairs may have arms."""
    import msgspec
    import numpy as np
    from safetensors.numpy import save_file

    about = {
        "settings": msgspec.to_builtins(preset("basis", "tiny")),
        "vocabulary": ["seat", "arm"],
        "categories": ["chair"],
        "conditions": {"part:arm": ["absent", "present"], "attribute:legs": ["four", "star"]},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.encode({"type": "model", "about": about}).decode()
    save_file({"x": np.zeros(1, np.float32)}, path, metadata={"shape_studio": text})


@pytest.fixture
def shipped_chairs(folder: Path, tmp_path: Path) -> Path:
    """The same with a model that comes with the program, as far as the window can see."""
    write_model(tmp_path / "no models" / "chair.safetensors")
    card = ModelCard(
        name="chair",
        title="Chairs",
        method="basis",
        categories=("chair",),
        parts=("seat", "arm"),
        conditions={},
        data="made up",
        generator=1,
        training=300,
        unseen=30,
        settings={},
        command="",
        device="cpu",
        seconds={},
        scores=(),
        verdicts={},
        verdicts_unseen={},
        closed=Closed(shapes=1, watertight=1, one_shell=1),
        closed_real=Closed(shapes=1, watertight=1, one_shell=1),
        drawn_again=0,
        tried="",
        origin="here",
        licence="MIT",
        hash="h",
        hashes={},
        size=1,
    )
    write_json(tmp_path / "no models" / "chair.json", card)
    return folder


@pytest.fixture
def make_desk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes windows; all are closed in the end, and with them their engines."""
    desks: list[Desk] = []

    def make(engines: Engines = FAKES) -> Desk:
        preferences = Preferences(tmp_path / "preferences")
        window, projects = build(qapp, preferences, engines)
        desk = Desk(window, projects, preferences)
        projects._troubles.told.connect(desk.told.append)
        window.show()
        activate(qtbot, window)
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.window.may_close = lambda: True  # type: ignore[method-assign]
        desk.window.close()
        desk.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()  # a window that goes later takes the focus with it


def activate(qtbot: QtBot, window: QWidget) -> None:
    """Let a window have the keys, and see that it keeps them.

    There is no window manager under Xvfb that would give them to it, nor again after a late word of the server that a
    window before it is gone.
    """
    kept = 0
    while kept < 3:
        if not window.isActiveWindow():
            window.activateWindow()
            qtbot.waitActive(window)
            kept = 0
        qtbot.wait(20)
        kept += 1


@pytest.fixture
def desk(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> Desk:
    """The window with the project open and its library read."""
    found = make_desk()
    assert found.projects.open(folder)
    qtbot.waitUntil(lambda: bool(found.opened.library.cards), timeout=20_000)
    return found


def settle(qtbot: QtBot, condition: Callable[[], bool], seconds: float = 180) -> None:
    """Wait until something holds; the machine may be busy."""
    qtbot.waitUntil(condition, timeout=int(1000 * seconds))
