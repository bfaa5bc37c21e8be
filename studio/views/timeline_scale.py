"""Where frames stand across the timeline: the same for the ruler, the tracks and the plausibility."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from engine.card import Three
from studio.models.timeline import Timeline
from studio.models.timeline_state import FPS
from studio.palette import Palette

NAMES, RIGHT = 176, 28  # pixels of the column of names, and free at the right end
HEAD = 8  # pixels: half the width of what is painted of the playhead
GAMMA = 1 / 2.2  # from the linear colours of the scene to those of a screen, near enough for lines
STEPS = (1, 2, 5, 10, 15, 30, 60, 150, 300, 600, 1800)  # frames between two numbers of the ruler


@dataclass(frozen=True)
class Scale:
    """Frames from 0 to ``extent`` on a widget that is ``width`` pixels wide."""

    width: int
    extent: int

    @property
    def pixels(self) -> float:
        """Of a frame."""
        return max(self.width - NAMES - RIGHT, 40) / self.extent

    def x(self, frame: float) -> float:
        """Of a frame, pixels from the left."""
        return NAMES + frame * self.pixels

    def frame(self, x: float) -> int:
        """The frame nearest to a place; not under 0."""
        return max(0, round((x - NAMES) / self.pixels))

    @property
    def step(self) -> int:
        """Frames between two numbers, so that they do not touch."""
        return next((step for step in STEPS if step * self.pixels >= 44), STEPS[-1])


def scale_of(timeline: Timeline, width: int, held: int = 0) -> Scale:
    """The scale with some room behind the last frame; ``held`` : the extent while something is dragged, 0 = none."""
    last = max(timeline.frames - 1, FPS)
    return Scale(width, held or last + max(4, last // 12))


def paint_playhead(painter: QPainter, timeline: Timeline, scale: Scale, height: int, colours: Palette) -> None:
    """The line at the frame that is shown."""
    painter.fillRect(round(scale.x(timeline.frame)) - 1, 0, 2, height, QColor(colours.accent))


class Playhead:
    """Has a widget painted again only where the playhead was and where it is: playing costs next to nothing."""

    def __init__(self, widget: QWidget, timeline: Timeline, scale: Callable[[], Scale]) -> None:
        self._widget, self._timeline, self._scale = widget, timeline, scale
        self._frame = 0
        timeline.moved.connect(self._moved)

    def _moved(self) -> None:
        for frame in (self._frame, self._timeline.frame):
            self._widget.update(round(self._scale().x(frame)) - HEAD, 0, 2 * HEAD, self._widget.height())
        self._frame = self._timeline.frame


def screen_colour(colour: Three | None, colours: Palette) -> QColor:
    """A linear colour of the scene on the screen, told apart from the ground; that of dim words where there is none."""
    if colour is None:
        return QColor(colours.dim)
    found = QColor.fromRgbF(*(channel**GAMMA for channel in colour))
    if colours.dark:
        return found.lighter(170) if found.lightness() < 60 else found
    return found.darker(150) if found.lightness() > 195 else found
