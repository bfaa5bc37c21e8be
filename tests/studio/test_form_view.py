"""The form on the screen: typed, stepped, searched, set back, by real keys and clicks."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from engine.methods import preset
from engine.settings import ExportOptions
from studio.models.form import Form
from studio.views.form import PATIENCE_MS, FieldRow, FormView
from studio.views.form_editors import Choice, ListEdit, NumberEdit, Switch


@pytest.fixture
def form() -> Form:
    return Form(preset("basis", "tiny"), {name: preset("basis", name) for name in ("full", "tiny")})


@pytest.fixture
def view(form: Form, qtbot: QtBot) -> FormView:
    shown = FormView(form, open_groups=("train", "expert"))
    qtbot.addWidget(shown)
    shown.resize(400, 3000)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def number(view: FormView, key: str) -> QLineEdit:
    """The line of a number, empty and with the focus."""
    editor = view.rows[key].editor
    assert isinstance(editor, NumberEdit)
    line = editor.lineEdit()
    line.setFocus()
    line.selectAll()
    return line


def said(row: FieldRow) -> str:
    return row._said.text() if row._said.isVisibleTo(row) else ""


def test_typing_reaches_the_settings(view: FormView, qtbot: QtBot) -> None:
    qtbot.keyClicks(number(view, "train.steps"), "12,000")
    qtbot.keyClicks(number(view, "train.lr"), "1e-4")
    assert (view.form.settings.train.steps, view.form.settings.train.lr) == (12_000, 1e-4)
    assert set(view.form.changes) == {"train.steps=12000", "train.lr=0.0001"}
    assert view.rows["train.lr"].reset.isVisible() and not view.rows["train.batch"].reset.isVisible()


def test_what_is_wrong_is_said_after_a_while_and_what_was_typed_stays(view: FormView, qtbot: QtBot) -> None:
    row = view.rows["train.steps"]
    line = number(view, "train.steps")
    qtbot.keyClicks(line, "many")
    assert not view.form.settings and line.text() == "many"
    assert not said(row), "not while a person types"
    qtbot.waitUntil(lambda: "whole number" in said(row), timeout=PATIENCE_MS + 2000)
    line.selectAll()
    qtbot.keyClicks(line, "5")
    assert view.form.settings.train.steps == 5 and not said(row)


def test_arrows_step_and_the_wheel_only_in_the_chosen_one(view: FormView, qtbot: QtBot) -> None:
    line = number(view, "train.lr")
    before = view.form.value("train.lr")
    qtbot.keyClick(line, Qt.Key.Key_Up)
    assert view.form.value("train.lr") == pytest.approx(2.5 * before)
    other = view.rows["train.batch"].editor
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(other, event)
    assert not view.form.is_changed("train.batch")


def test_reset_of_a_field_a_group_and_all(view: FormView, qtbot: QtBot) -> None:
    qtbot.keyClicks(number(view, "train.steps"), "7")
    qtbot.keyClicks(number(view, "train.batch"), "9")
    qtbot.keyClicks(number(view, "expert.code"), "8")
    qtbot.mouseClick(view.rows["train.steps"].reset, Qt.MouseButton.LeftButton)
    assert {change.partition("=")[0] for change in view.form.changes} == {"train.batch", "expert.code"}
    assert number(view, "train.steps").text() == "4000"
    qtbot.mouseClick(view.sections["train"]._reset, Qt.MouseButton.LeftButton)
    assert list(view.form.changes) == ["expert.code=8"]
    qtbot.mouseClick(view.reset, Qt.MouseButton.LeftButton)
    assert view.form.settings == preset("basis", "tiny")


def test_groups_fold_and_search_opens_them(view: FormView, qtbot: QtBot) -> None:
    row = view.rows["fit.lr"]
    assert not row.isVisible()
    qtbot.mouseClick(view.sections["fit"].heading, Qt.MouseButton.LeftButton)
    assert row.isVisible()
    qtbot.mouseClick(view.sections["fit"].heading, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(view.search, "learning rate")
    assert row.isVisible() and view.rows["train.lr"].isVisible()
    assert not view.rows["train.steps"].isVisible() and not view.sections["samples"].isVisible()
    view.search.clear()
    assert not row.isVisible() and view.rows["train.steps"].isVisible()
    view.form.put("train.csv", True)
    qtbot.mouseClick(view.only_changed, Qt.MouseButton.LeftButton)
    assert [key for key, one in view.rows.items() if one.isVisible()] == ["train.csv"]


def test_presets_choices_switches_and_lists(view: FormView, qtbot: QtBot) -> None:
    choice = view.rows["train.decay"].editor
    assert isinstance(choice, Choice)
    choice.setFocus()
    qtbot.keyClick(choice, Qt.Key.Key_Down)
    switch = view.rows["train.csv"].editor
    assert isinstance(switch, Switch)
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    hidden = view.rows["expert.hidden"].editor
    assert isinstance(hidden, ListEdit)
    qtbot.mouseClick(hidden.more, Qt.MouseButton.LeftButton)
    found = view.form.settings
    assert (found.train.decay, found.train.csv, found.expert.hidden) == ("step", True, (64, 64, 64, 64))
    view.presets.setFocus()
    qtbot.keyClick(view.presets, Qt.Key.Key_Up)
    assert view.form.settings == preset("basis", "full")
    assert choice.currentText() == "cosine" and not switch.isChecked()


def test_a_form_without_presets_shows_units(qtbot: QtBot) -> None:
    view = FormView(Form(ExportOptions()))
    qtbot.addWidget(view)
    view.show()
    assert not view.presets.isVisible()
    assert "mm" in [label.text() for label in view.rows["size_mm"].findChildren(type(view._none))]
