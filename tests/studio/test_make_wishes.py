"""What a model can be asked for, as people read it, and how wishes are made and taken back."""

from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.asking import Askable
from studio.models.make import Make
from studio.views.make import MakeView
from tests.studio.conftest import Desk

CLASSES = {
    "part:arm": ("absent", "present"),
    "attribute:arm": ("block", "loop", "none"),
    "attribute:arms": ("no", "yes"),
    "attribute:legs": ("four", "star"),
    "attribute:wheel": ("0", "4"),
    "attribute:tip_tanks": ("no", "yes"),
    "attribute:type": ("armchair", "stool"),
}


def shown(desk: Desk) -> tuple[Make, MakeView]:
    """The panel with a model that can be asked for CLASSES."""
    model, view = desk.opened.model(Make), desk.window.findChild(MakeView)
    assert view is not None and model.source is not None
    model.sources = [replace(model.source, name="m", askable=Askable(("chair",), ("arm", "leg", "wheel"), CLASSES))]
    model.choose("m")
    return model, view


def test_each_thing_is_asked_once_and_what_matters_most_first(desk: Desk) -> None:
    model, _ = shown(desk)
    words = [model.words_of(name) for name, _ in model.questions()]
    assert words == ["Type", "Arm part", "Kind of arm", "Kind of legs", "Wheel", "Tip tanks"]


def test_wishes_are_taken_back_by_one_click(desk: Desk, qtbot: QtBot) -> None:
    model, view = shown(desk)
    assert not view.clear.isVisible()
    for name, wanted in (("part:arm", "absent"), ("attribute:type", "stool")):
        box = view._questions[name]
        box.setCurrentIndex(box.findData(wanted))
        box.activated.emit(box.currentIndex())
    job = model.job
    assert job is not None and (job.without, job.attributes) == (("arm",), {"type": "stool"})
    qtbot.mouseClick(view.clear, Qt.MouseButton.LeftButton)
    job = model.job
    assert job is not None and (job.without, job.attributes) == ((), {})
    assert view._questions["part:arm"].currentText() == "As it comes" and not view.clear.isVisible()


def test_scrolling_past_a_wish_does_not_change_it(desk: Desk) -> None:
    model, view = shown(desk)
    box = view._questions["part:arm"]
    view.go.setFocus()
    at, down = QPointF(box.rect().center()), QPoint(0, -120)
    none, plain = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    wheel = QWheelEvent(at, box.mapToGlobal(at), QPoint(), down, none, plain, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(box, wheel)
    assert box.currentText() == "As it comes" and not model.answers and not box.hasFocus()
