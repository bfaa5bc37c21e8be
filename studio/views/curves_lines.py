"""What stands in a plot of curves: the lines of a run, and the steps along the bottom."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from studio.models.curves import Shown
from studio.models.curves_series import Numbers, thinned

APART = 16  # pixels between two marks with words
FINE = 5_000  # readings up to which lines are drawn with soft edges


class Lines:
    """What stands in the plot for one run: its readings, their average, the band, what real shapes have."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self._raw, self._smooth, self._low, self._high, self._real = (pg.PlotDataItem() for _ in range(5))
        self._band = pg.FillBetweenItem(self._low, self._high)
        for item in (self._band, self._low, self._high, self._real, self._raw, self._smooth):
            plot.addItem(item)

    def draw(self, shown: Shown, colour: QColor, smoothed: bool, left: float, right: float, most: int) -> None:
        """Between two steps, with at most so many points."""
        faded = QColor(colour)
        faded.setAlpha(90)
        thin = self._plot.devicePixelRatioF()  # pens of plots are as wide in the screen's own pixels
        dashes = pg.mkPen(colour, width=thin, style=Qt.PenStyle.DashLine)

        def put(item: pg.PlotDataItem, values: Numbers | None, pen: QPen, soft: bool = False) -> None:
            if values is None:
                item.setData([], [])
            else:
                item.setData(*thinned(shown.steps, values, left, right, most), pen=pen, antialias=soft)

        put(self._raw, shown.values if smoothed else None, pg.mkPen(faded, width=thin))
        put(self._smooth, shown.smooth, pg.mkPen(colour, width=2 * thin), soft=len(shown.steps) <= FINE)
        put(self._real, shown.real, dashes)
        nothing = pg.mkPen(0, 0, 0, 0)  # a line without a pen is no border for a band either
        put(self._low, shown.low, nothing)
        put(self._high, shown.high, nothing)
        faded.setAlpha(45)
        self._band.setBrush(faded)
        self._band.setVisible(shown.low is not None and shown.high is not None)

    def remove(self) -> None:
        for item in (self._band, self._low, self._high, self._real, self._raw, self._smooth):
            self._plot.removeItem(item)


class Steps(pg.AxisItem):
    """Steps along the bottom, as 500, 2k, 1.5M."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The words under the marks."""
        return [_short(value) for value in values]


class Values(pg.AxisItem):
    """Values along the left; on a logarithmic axis some marks have no words, so that none stand upon each other."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The words beside the marks."""
        words: list[str] = super().tickStrings(values, scale, spacing)
        if self.logMode:
            low, high = self.range
            pixels, taken = self.height() / max(high - low, 1e-9), -np.inf
            for i in sorted(range(len(values)), key=lambda i: values[i]):
                if (values[i] - taken) * pixels < APART:
                    words[i] = ""
                else:
                    taken = values[i]
        return words


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
