"""Live curves: loss, scores with their bands, several runs beside one another, with what lies under the pointer."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QPixmap, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from studio.icons import icon
from studio.models.curves import Curves, name_for_people
from studio.theme import palette_of
from studio.views.curves_lines import Lines, Steps, Values

DRAW_MS = 100  # between two drawings of what has grown
SMOOTHEST = 0.995
DARK_LINES = ("#6ea8fe", "#e3b45f", "#7fc893", "#f29389", "#b9a2f0", "#6cc9cf")
LIGHT_LINES = ("#2361c4", "#8a5a00", "#1c6e37", "#ae2a20", "#6b3fc0", "#0b6b78")


class CurvesView(QWidget):
    """A plot of a `Curves`, with what to look at above it and its runs below."""

    def __init__(self, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = curves
        self.setProperty("role", "panel")
        self.plot = pg.PlotWidget(axisItems={"bottom": Steps("bottom"), "left": Values("left")})
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.getViewBox().setAutoVisible(y=True)
        self.plot.getViewBox().setDefaultPadding(0.03)
        self.plot.getPlotItem().layout.setContentsMargins(10, 4, 12, 2)
        self.plot.setMinimumHeight(120)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.hide()
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.under = QLabel(self.plot)  # what lies under the pointer
        self.under.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.under.hide()
        self._lines: dict[str, Lines] = {}
        self._waits = QTimer(self)
        self._waits.setSingleShot(True)
        self._waits.setInterval(DRAW_MS)
        self._waits.timeout.connect(self.draw)
        self._empty = QLabel("Curves appear here while something is fitted or trained.")
        self._empty.setProperty("role", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = QWidget()
        self._stack = QStackedLayout(middle)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.plot)
        self.chips: dict[str, QToolButton] = {}  # the runs under the plot
        self._legend = QHBoxLayout()
        self._legend.setContentsMargins(12, 2, 12, 8)
        self._legend.setSpacing(4)
        self._legend.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(self._head())
        column.addWidget(middle, 1)
        column.addLayout(self._legend)
        self.plot.getViewBox().sigXRangeChanged.connect(self._later)
        self.plot.scene().sigMouseMoved.connect(self._hover)
        curves.grown.connect(self._later)
        curves.arranged.connect(self._arrange)
        self._arrange()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 8, 12, 2)
        row.setSpacing(8)
        self.which = QComboBox()
        self.which.setAccessibleName("Curve")
        self.which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.which.setToolTip("Which number is drawn")
        self.which.activated.connect(lambda i: self.curves.choose(self.which.itemData(i)))
        words = QLabel("Smoothing")
        words.setProperty("role", "dim")
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 100)
        self.smoothing.setFixedWidth(110)
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setToolTip("Running average; the readings themselves stay as a fine line")
        self.smoothing.valueChanged.connect(lambda value: self.curves.set_smoothing(weight_of(value)))
        self.log = _button("Logarithmic axis", "Log")
        self.log.setCheckable(True)
        self.log.toggled.connect(self.curves.set_log)
        self.fit = _button("Show all of the curves again", "Fit")
        self.fit.clicked.connect(self.plot.enableAutoRange)
        row.addWidget(self.which)
        row.addStretch(1)
        row.addWidget(words)
        row.addWidget(self.smoothing)
        row.addWidget(self.log)
        row.addWidget(self.fit)
        return row

    # drawing ---------------------------------------------------------------------------------------------------------
    def draw(self) -> None:
        """Draw what there is now. Called by itself, a tenth of a second after something has come."""
        shown = self.curves.shown()
        box = self.plot.getViewBox()
        left, right = (-np.inf, np.inf) if box.autoRangeEnabled()[0] else box.viewRange()[0]
        most = max(int(box.width()), 400)  # points: a lowest and a highest for each two columns of pixels
        for run in set(self._lines) - {one.run for one in shown}:
            self._lines.pop(run).remove()
        colours = self._colours()
        for one in shown:
            if one.run not in self._lines:
                self._lines[one.run] = Lines(self.plot)
            colour = QColor(colours[self.curves.colour(one.run) % len(colours)])
            self._lines[one.run].draw(one, colour, self.curves.smoothing > 0, left, right, most)
        self._stack.setCurrentWidget(self.plot if shown else self._empty)

    def _later(self) -> None:
        if self.isVisible() and not self._waits.isActive():
            self._waits.start()

    def _arrange(self) -> None:
        """Other runs, another curve, another axis."""
        names = self.curves.metrics
        if [self.which.itemData(i) for i in range(self.which.count())] != list(names):
            self.which.clear()
            for name in names:
                self.which.addItem(name_for_people(name), name)
        self.which.setCurrentIndex(self.which.findData(self.curves.metric))
        self.which.setVisible(bool(names))
        self.plot.setLogMode(y=self.curves.log)
        self._cursor.hide()
        self.under.hide()
        self._label()
        self._dress()
        self.draw()

    def _label(self) -> None:
        """The runs under the plot; a click hides one."""
        for run in set(self.chips) - set(self.curves.runs):
            chip = self.chips.pop(run)
            chip.hide()
            chip.deleteLater()
        colours = self._colours()
        for run in self.curves.runs:
            if run not in self.chips:
                chip = self.chips[run] = _button("Hide or show this run", "")
                chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
                chip.clicked.connect(lambda _=False, run=run: self.curves.hide(run, not self.curves.is_hidden(run)))
                self._legend.insertWidget(self._legend.count() - 1, chip)
            chip = self.chips[run]
            chip.setText(self.curves.title(run))
            chip.setIcon(_swatch(colours[self.curves.colour(run) % len(colours)], self.curves.is_hidden(run)))

    def _colours(self) -> Sequence[str]:
        return DARK_LINES if palette_of(self.palette()).dark else LIGHT_LINES

    def _dress(self) -> None:
        """The colours of the theme."""
        colours = palette_of(self.palette())
        self.plot.setBackground(None)
        self.plot.viewport().setAutoFillBackground(False)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(colours.line))
            axis.setTextPen(pg.mkPen(colours.dim))
            axis.setStyle(tickLength=-4)
        self.plot.showGrid(x=False, y=True, alpha=0.25)
        self._cursor.setPen(pg.mkPen(colours.dim))
        self.under.setStyleSheet(
            f"background: {colours.raised}; color: {colours.text}; border: 1px solid {colours.line};"
            "border-radius: 4px; padding: 4px 8px;"
        )

    # events ----------------------------------------------------------------------------------------------------------
    def changeEvent(self, event: QEvent) -> None:
        """Other colours when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_legend"):
            self._label()
            self._dress()
            self.draw()

    def showEvent(self, event: QShowEvent) -> None:
        """What came while nobody looked."""
        super().showEvent(event)
        self.draw()

    def leaveEvent(self, event: QEvent) -> None:
        """No values without a pointer."""
        super().leaveEvent(event)
        self._cursor.hide()
        self.under.hide()

    def _hover(self, place: QPointF) -> None:
        """The values nearest to the pointer."""
        box = self.plot.getViewBox()
        inside = box.sceneBoundingRect().contains(place)
        readings = self.curves.readings_at(box.mapSceneToView(place).x()) if inside else []
        self._cursor.setVisible(bool(readings))
        self.under.setVisible(bool(readings))
        if not readings:
            return
        nearest = min(readings, key=lambda one: abs(one[1] - box.mapSceneToView(place).x()))[1]
        self._cursor.setValue(nearest)
        colours = self._colours()
        rows = [f"<tr><td colspan=2>step {nearest:,.0f}</td></tr>"]
        rows += [
            f"<tr><td><font color='{colours[self.curves.colour(run) % len(colours)]}'>\N{BLACK SQUARE}</font> "
            f"{self.curves.title(run)}&nbsp;&nbsp;</td><td align=right>{value:.4g}</td></tr>"
            for run, _, value in readings
        ]
        self.under.setText(f"<table cellspacing=1>{''.join(rows)}</table>")
        self.under.adjustSize()
        here = self.plot.mapFromScene(place)
        left = here.x() + 14 if here.x() < self.plot.width() / 2 else here.x() - 14 - self.under.width()
        top = min(max(here.y() - self.under.height() // 2, 4), self.plot.height() - self.under.height() - 4)
        self.under.move(left, top)


def weight_of(slider: int) -> float:
    """Weight of the running average for a place of the slider, 0 to 100: its memory grows evenly in powers of ten."""
    return 0.0 if slider == 0 else 1 - (1 - SMOOTHEST) ** (slider / 100)


def _swatch(colour: str, hidden: bool) -> QIcon:
    if hidden:
        return icon("close", "dim")
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def _button(words: str, text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(words)
    button.setProperty("role", "flat")
    return button
