"""The export dialogue by keys and clicks, with engines that answer at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from engine.jobs import ExportJob
from engine.project import Project
from engine.rows import ShapeRow
from studio.models.export_presets import PRESETS
from studio.models.opened import Engines
from studio.views.export import ExportStrip
from studio.views.export_dialog import ExportDialog
from studio.views.form import FormView
from tests.studio.conftest import Desk, settle

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
SCRIPTED = Engines("tests.studio.test_export_runner:run", "tests.studio.fakes:FakeAnswers")
SHAPES = ("g/0000", "g/0001", "g/0002")


@pytest.fixture
def desk(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> Desk:
    """A window with three shapes in its library."""
    with Project(folder) as project:
        project.catalogue.new_run("generate", "", "g")
        project.catalogue.end_run("g", "finished")
        rows = [ShapeRow(id=name, run="g", row=i, kind="generated") for i, name in enumerate(SHAPES)]
        project.catalogue.add_shapes(rows)
    found = make_desk(SCRIPTED)
    assert found.projects.open(folder)
    settle(qtbot, lambda: found.opened.library.card(SHAPES[0]) is not None)
    return found


def strip_of(desk: Desk) -> ExportStrip:
    found = desk.window.findChild(ExportStrip)
    assert isinstance(found, ExportStrip)
    return found


def ask(desk: Desk, qtbot: QtBot) -> ExportDialog:
    """Ctrl+E."""
    qtbot.keyClick(desk.window, Qt.Key.Key_E, CTRL)
    return dialog_of(desk)


def ask_by_menu(desk: Desk) -> ExportDialog:
    """File > Export…, since without a window manager keys do not always come back from a closed dialogue."""
    (action,) = [one for one in desk.window.menus["File"].actions() if one.text() == "Export…"]
    action.trigger()
    return dialog_of(desk)


def dialog_of(desk: Desk) -> ExportDialog:
    dialog = strip_of(desk).dialog
    assert dialog is not None and dialog.isVisible()
    return dialog


def click_tab(dialog: ExportDialog, qtbot: QtBot, name: str) -> None:
    place = [preset.name for preset in PRESETS].index(name)
    qtbot.mouseClick(dialog.presets, LEFT, pos=dialog.presets.tabRect(place).center())


def test_from_the_key_to_the_files(desk: Desk, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, strip = tmp_path / "out", strip_of(desk)
    assert not strip.isVisible()
    desk.opened.current.choose(SHAPES)
    dialog = ask(desk, qtbot)
    assert dialog.title.text() == "Export 3 shapes" and dialog.presets.currentIndex() == 0
    dialog.folder.selectAll()
    qtbot.keyClicks(dialog.folder, str(out))
    settle(qtbot, lambda: "faces each" in dialog.expected.text())
    assert dialog.expected.text() == "About 24 faces each, about 2 kB in all."  # 6 at 64 points a side, 4 times at 128
    qtbot.mouseClick(dialog.go, LEFT)
    settle(qtbot, strip.isVisible)
    task = desk.opened.queue.done[0]
    assert isinstance(task.job, ExportJob) and task.job.shapes == SHAPES and not task.job.overwrite
    assert strip.words.text() == f"2 shapes exported to {out}; 1 refused" and strip.table.isVisible()
    cells = [[item.text() if (item := strip.table.item(r, c)) else "" for c in range(6)] for r in range(3)]
    assert cells[0][1:] == ["g-0000.glb", "1,234", "0.5 × 0.25 × 1 m", "5 kB", "closed"]
    assert cells[2][1] == "not written" and cells[2][5] == "it is made of cheese"
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    qtbot.mouseClick(strip.open, LEFT)
    assert opened == [str(out)]
    qtbot.mouseClick(strip.dismiss, LEFT)
    assert not strip.isVisible()
    replaces(desk, qtbot, out)


def replaces(desk: Desk, qtbot: QtBot, out: Path) -> None:
    """The next export begins where the last one went, and asks before it replaces."""
    desk.opened.current.choose(SHAPES[:1])
    dialog = ask_by_menu(desk)
    assert dialog.folder.text() == str(out)
    qtbot.mouseClick(dialog.go, LEFT)
    box = dialog.findChild(QMessageBox)
    assert box is not None and box.text() == "g-0000.glb is there already." and dialog.isVisible()
    count = len(desk.opened.queue.tasks)
    press(box, "Choose another folder", qtbot)
    assert dialog.isVisible() and len(desk.opened.queue.tasks) == count
    qtbot.waitUntil(lambda: dialog.findChild(QMessageBox) is None)
    qtbot.mouseClick(dialog.go, LEFT)
    box = dialog.findChild(QMessageBox)
    assert box is not None
    press(box, "Replace", qtbot)
    settle(qtbot, strip_of(desk).isVisible)
    task = desk.opened.queue.done[0]
    assert isinstance(task.job, ExportJob) and task.job.overwrite


def press(box: QMessageBox, words: str, qtbot: QtBot) -> None:
    (found,) = [button for button in box.findChildren(QPushButton) if button.text() == words]
    qtbot.mouseClick(found, LEFT)


def test_presets_settings_and_the_command(desk: Desk, qtbot: QtBot) -> None:
    assert "Choose shapes" in (dialog := ask(desk, qtbot)).hindrance.text() and not dialog.go.isEnabled()
    qtbot.mouseClick(dialog.cancel, LEFT)
    desk.opened.current.show(SHAPES[1])
    dialog = ask_by_menu(desk)
    export = strip_of(desk).export
    assert export.shapes == SHAPES[1:2], "what the view shows, when nothing is chosen"
    click_tab(dialog, qtbot, "3D print")
    assert export.job and (export.job.format, export.job.options.size_mm, export.job.health) == ("3mf", 100, True)
    assert dialog.format.currentData() == "3mf"
    click_tab(dialog, qtbot, "Unreal")
    assert dialog.presets.currentIndex() == 2, "though Blender's is the same"
    qtbot.mouseClick(dialog.more, LEFT)
    form = dialog.form
    assert isinstance(form, FormView) and form.rows["options.faces"].isVisible() and not form.presets.isVisible()
    export.form.put("options.faces", 5000)
    assert dialog.presets.tabText(dialog.presets.currentIndex()) == "Own"
    assert dialog.expected.text() == "5,000 faces, about 120 kB."
    qtbot.mouseClick(dialog.copy, LEFT)
    words = QGuiApplication.clipboard().text()
    assert f"export {SHAPES[1]} --format glb" in words and "--set faces=5000" in words
    export.form.put("resolution", 5)
    assert not dialog.go.isEnabled() and "More" in dialog.hindrance.text()
    assert not desk.opened.queue.tasks
