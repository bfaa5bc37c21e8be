"""The page of preferences: every setting has its effect at once, is kept, and can be reached by keys alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from studio.models.machine import THREADS, let_use
from studio.models.preferences import Preferences
from studio.tab_order import focusable
from studio.views.library import LibraryView
from studio.views.make import MakeView
from studio.views.preferences import PreferencesPage
from tests.studio.conftest import Desk, activate, settle
from tests.studio.seen import clipped, unexplained

LEFT = Qt.MouseButton.LeftButton
GENERATE, SEED = "Model/Generate", "Model/Another seed"


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> Iterator[PreferencesPage]:
    """Asked for by its keys."""
    qtbot.keyClick(desk.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    (found,) = desk.window.findChildren(PreferencesPage)
    activate(qtbot, found)
    yield found
    desk.preferences.save(text=100, pictures=100, theme="system", cores=0)
    let_use(0)


def choose(box: QComboBox, value: object) -> None:
    """As a person chooses in a list."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def test_how_the_window_looks(desk: Desk, page: PreferencesPage, qtbot: QtBot) -> None:
    library, make = desk.window.findChild(LibraryView), desk.window.findChild(MakeView)
    assert library is not None and make is not None
    height = make.go.fontMetrics().height()
    for theme in ("light", "dark"):
        choose(page.theme, theme)
        assert desk.window.theme.palette.dark is (theme == "dark") and desk.preferences.kept.theme == theme
    choose(page.text, 130)
    settle(qtbot, lambda: make.go.fontMetrics().height() > height, 10)
    choose(page.pictures, 75)
    side = library.list.iconSize().width()
    choose(page.pictures, 150)
    assert library.list.iconSize().width() > side, "cards fill the width, so that fewer are larger"
    kept = Preferences(desk.preferences.folder).kept
    assert (kept.theme, kept.text, kept.pictures) == ("dark", 130, 150)
    desk.window._choose_theme("light")
    assert page.theme.currentData() == "light", "the menu and the page agree"


def test_where_new_projects_go(desk: Desk, page: PreferencesPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.folder.setFocus()
    qtbot.keyClicks(page.folder, str(tmp_path / "shapes"))
    qtbot.keyClick(page.folder, Qt.Key.Key_Return)
    assert desk.projects.create_somewhere("Lamps") and desk.opened.folder == tmp_path / "shapes" / "Lamps"
    for typed in ("~/shapes", "shapes"):
        page.folder.selectAll()
        qtbot.keyClicks(page.folder, typed)
        qtbot.keyClick(page.folder, Qt.Key.Key_Return)
        assert desk.preferences.kept.projects == page.folder.text() == str(Path.home() / "shapes")
    page.folder.clear()
    qtbot.keyClick(page.folder, Qt.Key.Key_Return)
    assert desk.preferences.place == tmp_path / "Documents" / "Shape Studio"


def test_engines_take_as_many_cores_as_they_are_given(
    desk: Desk, page: PreferencesPage, qtbot: QtBot, folder: Path
) -> None:
    choose(page.cores, 1)
    desk.projects.close()
    assert desk.projects.open(folder)
    desk.opened.start()
    settle(qtbot, lambda: desk.opened.session.pid is not None)
    assert [psutil.Process(pid).environ()[THREADS] for pid in desk.opened.pids] == ["1"] * len(desk.opened.pids)


def test_layouts_and_the_tour_begin_anew(desk: Desk, page: PreferencesPage, qtbot: QtBot) -> None:
    desk.preferences.save(toured=True)
    assert not page.tour.isChecked()
    page.tour.setFocus()
    qtbot.keyClick(page.tour, Qt.Key.Key_Space)
    assert not desk.preferences.kept.toured
    docks = desk.window._docks._docks
    wide = docks["make"].width()
    desk.window.resizeDocks([docks["make"]], [wide + 150], Qt.Orientation.Horizontal)
    docks["library"].hide()
    desk.opened.current.go_to("Mix")
    desk.opened.current.go_to("Make")
    assert not docks["library"].isVisible()
    qtbot.mouseClick(page.layout_back, LEFT)
    assert docks["library"].isVisible() and set(desk.preferences.kept.layouts) <= {"Make"}


def test_actions_take_other_keys(
    desk: Desk, page: PreferencesPage, make_desk: Callable[..., Desk], qtbot: QtBot, folder: Path
) -> None:
    editor = page.editors[SEED]
    assert (
        editor.keySequence().toString() == "Ctrl+D" and page.editors["Edit/Undo"].keySequence().toString() == "Ctrl+Z"
    )

    def press(keys: str) -> None:
        editor.setKeySequence(QKeySequence(keys))
        editor.editingFinished.emit()

    press("Ctrl+Z")
    assert "Undo" in page.said.text() and editor.keySequence().toString() == "Ctrl+D", "they are taken"
    press("Ctrl+Alt+D")
    assert page.said.isHidden()
    make = desk.window.findChild(MakeView)
    assert make is not None
    activate(qtbot, desk.window)
    seed = make.seed.value()
    qtbot.keyClick(desk.window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert make.seed.value() == seed
    qtbot.keyClick(desk.window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    assert make.seed.value() != seed
    desk.projects.close()
    assert desk.projects.open(folder)
    assert {one.name: one.keys for one in desk.window.pages.keys.all()}[SEED] == "Ctrl+Alt+D", (
        "also in the next project"
    )
    qtbot.mouseClick(page.keys_back, LEFT)
    assert {one.name: one.keys for one in desk.window.pages.keys.all()}[SEED] == "Ctrl+D"
    assert not desk.preferences.kept.keys


def test_by_keys_alone(desk: Desk, page: PreferencesPage, qtbot: QtBot) -> None:
    assert not unexplained(page) and not clipped(page)
    inside = {widget for widget in focusable(page) if isinstance(widget, QComboBox | QPushButton)}
    seen = set()
    page.theme.setFocus()
    for _ in range(len(focusable(page)) + 20):
        now = QApplication.focusWidget()
        seen.add(now)
        page.focusNextChild()
    assert inside <= seen
    page.theme.setFocus()
    qtbot.keyClick(page.theme, Qt.Key.Key_Escape)
    settle(qtbot, lambda: not desk.window.findChildren(PreferencesPage), 10)


def test_what_was_kept_badly_is_put_right(tmp_path: Path) -> None:
    (tmp_path / "window.json").write_text('{"text": 4000, "pictures": 1, "cores": -3, "theme": "mauve"}')
    kept = Preferences(tmp_path).kept
    assert (kept.text, kept.pictures, kept.cores) == (150, 75, 0)
