"""The plot: what is chosen is drawn, values under the pointer, both themes."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.protocol import Metric
from studio.models.curves import Curves
from studio.theme import Theme
from studio.views.curves import DARK_LINES, LIGHT_LINES, CurvesView, weight_of


@pytest.fixture
def curves() -> Curves:
    found = Curves()
    for shift, run in enumerate(("first", "second")):
        found.add_all(run, [Metric(name="loss", step=i, value=1 + shift + i / 100) for i in range(200)])
        found.add_all(run, [Metric(name="watch/copies", step=10 * i, value=0.1 * shift) for i in range(5)])
    return found


@pytest.fixture
def view(curves: Curves, qtbot: QtBot) -> CurvesView:
    shown = CurvesView(curves)
    qtbot.addWidget(shown)
    shown.resize(700, 320)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def drawn(view: CurvesView, run: str) -> np.ndarray:
    """(2, N) of the main line of a run, as it lies in the plot."""
    return np.array(view._lines[run]._smooth.getData())


def test_lines_are_the_readings_and_grow(view: CurvesView, qtbot: QtBot) -> None:
    assert (drawn(view, "first")[1] == 1 + np.arange(200) / 100).all()
    view.curves.add("first", Metric(name="loss", step=200, value=9.0))
    qtbot.waitUntil(lambda: drawn(view, "first")[1][-1] == 9.0)


def test_choosing_hiding_smoothing_and_log(view: CurvesView, qtbot: QtBot) -> None:
    view.which.setFocus()
    qtbot.keyClick(view.which, Qt.Key.Key_Down)
    assert drawn(view, "second").shape[1] == 5 and view.which.currentText() == "Copies of samples"
    qtbot.keyClick(view.which, Qt.Key.Key_Up)
    qtbot.mouseClick(view.chips["first"], Qt.MouseButton.LeftButton)
    assert list(view._lines) == ["second"]
    qtbot.mouseClick(view.chips["first"], Qt.MouseButton.LeftButton)
    view.smoothing.setFocus()
    qtbot.keyClick(view.smoothing, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: np.ptp(drawn(view, "first")[1]) < 1.5)
    assert view._lines["first"]._raw.getData()[1] is not None, "the readings stay beside the average"
    qtbot.mouseClick(view.log, Qt.MouseButton.LeftButton)
    assert view.plot.getPlotItem().getAxis("left").logMode


def test_values_under_the_pointer(view: CurvesView, qtbot: QtBot) -> None:
    centre = view.plot.viewport().rect().center()
    qtbot.mouseMove(view.plot.viewport(), centre + QPoint(-3, 0))
    qtbot.mouseMove(view.plot.viewport(), centre)
    qtbot.waitUntil(view.under.isVisible)
    assert "first" in view.under.text() and "second" in view.under.text()
    place = view.plot.getViewBox().mapSceneToView(view.plot.mapToScene(centre)).x()
    assert f"{view.curves.readings_at(place)[0][2]:.4g}" in view.under.text()
    assert view.plot.rect().contains(view.under.geometry())


def test_colours_follow_the_theme(view: CurvesView, qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme = Theme(app, "dark")
    assert view._lines["first"]._smooth.opts["pen"].color().name() == DARK_LINES[0]
    theme.choose("light")
    assert view._lines["first"]._smooth.opts["pen"].color().name() == LIGHT_LINES[0]
    app.setStyleSheet("")


def test_nothing_to_show_says_so(qtbot: QtBot) -> None:
    view = CurvesView(Curves())
    qtbot.addWidget(view)
    view.show()
    assert view._empty.isVisible() and not view.plot.isVisible()
    view.curves.add("a", Metric(name="loss", step=0, value=1.0))
    assert view.plot.isVisible()


def test_smoothing_goes_from_none_to_long() -> None:
    weights = [weight_of(place) for place in range(101)]
    assert weights[0] == 0 and weights == sorted(weights) and 0.99 < weights[-1] < 1


def test_words_on_a_logarithmic_axis_do_not_stand_upon_each_other(view: CurvesView, qtbot: QtBot) -> None:
    view.resize(700, 150)
    view.curves.set_log(True)
    axis = view.plot.getPlotItem().getAxis("left")
    qtbot.waitUntil(lambda: axis.height() > 20 and 0 < axis.range[1] - axis.range[0] < 1)
    marks = np.log10([1, 1.1, 1.2, 1.3, 2, 3, 4])
    words = axis.tickStrings(marks.tolist(), 1.0, 1.0)
    places = np.array([mark for mark, word in zip(marks, words, strict=True) if word])
    assert len(places) >= 2 and np.diff(places).min() * axis.height() / np.ptp(axis.range) >= 16
    assert "" in words
