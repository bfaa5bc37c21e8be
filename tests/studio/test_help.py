"""The pages of the menu Help: what is in them, and that they come up without torch."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.jobs import GenerateJob
from studio.models.diagnostics import TAIL_LINES, tail
from studio.models.licences import OWN, licences
from studio.views.help import Diagnostics, Licences
from tests.studio.conftest import Desk, settle

HELP = "Help"


def open_page(desk: Desk, text: str) -> None:
    next(action for action in desk.window.menus[HELP].actions() if action.text() == text).trigger()


def test_a_report_holds_versions_and_the_last_words_of_the_engine(desk: Desk, qtbot: QtBot) -> None:
    desk.opened.submit(GenerateJob(model="train-0001", count=1))
    settle(qtbot, lambda: bool(desk.opened.queue.done))
    open_page(desk, "Diagnostics")
    (page,) = desk.window.findChildren(Diagnostics)
    settle(qtbot, page.copy.isEnabled)
    qtbot.mouseClick(page.copy, Qt.MouseButton.LeftButton)
    words = QApplication.clipboard().text()
    for wanted in ("torch 2", "PySide6-Essentials 6", "GB free", "--- engine.log", "ready", "generate-0001"):
        assert wanted in words, wanted
    qtbot.keyClick(page.text, Qt.Key.Key_Escape)
    settle(qtbot, lambda: not desk.window.findChildren(Diagnostics))


def test_of_a_log_the_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    assert "none" in tail(path)
    path.write_text("\n".join(f"line {i}" for i in range(100_000)))
    lines = tail(path).splitlines()
    assert len(lines) == TAIL_LINES and lines[-1] == "line 99999"


def test_every_package_has_a_licence_with_a_text() -> None:
    found = {one.package.lower().replace("_", "-"): one for one in licences()}
    assert next(iter(found)) == OWN and "MIT" in found[OWN].text
    for name in ("torch", "pyside6-essentials", "numpy", "vtk"):
        assert found[name].kind and found[name].text, name
    assert "BSD" in found["numpy"].kind and "Redistribution" in found["numpy"].text
    assert not [name for name in found if "pytest" in name], "what only tests need is not shipped"


def test_licences_can_be_read(desk: Desk, qtbot: QtBot) -> None:
    open_page(desk, "Licences")
    (page,) = desk.window.findChildren(Licences)
    settle(qtbot, lambda: page.list.count() > 10)
    assert "MIT" in page.text.toPlainText()
    page.list.setCurrentRow(3)
    assert page.text.toPlainText() and page.list.item(3).text().split()[0].lower() != OWN
    page.close()
