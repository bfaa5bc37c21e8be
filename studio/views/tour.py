"""The tour on the real controls: a bubble beside the one that a step is about, and a frame round it. Nothing is blocked."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent, QPen, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from studio.models.tour import STEPS, Place, Tour
from studio.theme import palette_of
from studio.widgets.words import button, label, tool

FOLLOW_MS = 120  # controls move: docks, sizes, workspaces
WIDE, GAP, MARGIN = 300, 12, 10  # pixels of the bubble, from its control, and from the window's edge
AROUND, RADIUS = 4, 7  # of the frame
TOUCHED = (QEvent.Type.MouseButtonRelease, QEvent.Type.Wheel, QEvent.Type.KeyPress)


class TourFrame(QWidget):
    """A frame in the accent colour that lets everything through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frame alone."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(palette_of(self.palette()).accent), 2.5))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), RADIUS, RADIUS)
        painter.end()


class TourBubble(QFrame):
    """What a step says. Alt+N goes on, Esc leaves; what has the focus keeps it."""

    def __init__(self, window: QMainWindow, tour: Tour) -> None:
        super().__init__(window)
        self._window, self._tour = window, tour
        self.setProperty("role", "banner")
        self.setProperty("mood", "note")
        self.setFixedWidth(WIDE)
        self.frame = TourFrame(window)
        self.target: QWidget | None = None
        self.count, self.title, self.words = label(role="dim"), label(role="heading"), label(wrap=True)
        self.away = tool("close", "Leave the tour (Esc)", tour.leave)
        self.back = button("&Back", tour.back, "flat", tip="The step before")
        self.next = button("&Next", tour.next, "primary", tip="Go on (Alt+N)")
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.away)
        foot = QHBoxLayout()
        foot.addWidget(self.count)
        foot.addStretch(1)
        foot.addWidget(self.back)
        foot.addWidget(self.next)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 8, 10, 10)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.words)
        column.addLayout(foot)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), window)
        self._escape.activated.connect(tour.leave)
        self._timer = QTimer(self, interval=FOLLOW_MS)
        self._timer.timeout.connect(self._follow)
        tour.changed.connect(self._draw)
        self._draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Whoever has touched the view has turned it."""
        if event.type() in TOUCHED and watched is self.target:
            QTimer.singleShot(0, lambda: self._tour.did("turn"))
        return False

    def end(self) -> None:
        """Go, with the project."""
        self._timer.stop()
        self._escape.deleteLater()
        self.frame.deleteLater()
        self.deleteLater()

    # drawing ---------------------------------------------------------------------------------------------------------
    def _draw(self) -> None:
        step, shown = self._tour.step, self.isVisible()
        self._escape.setEnabled(step is not None)
        if step is None or self._tour.number is None:
            self._timer.stop()
            self._aim(None)
            self.hide()
            self.frame.hide()
            return
        last = self._tour.number == len(STEPS) - 1
        self.title.setText(step.title)
        self.words.setText(step.words)
        self.count.setText(f"{self._tour.number + 1} of {len(STEPS)}")
        self.back.setVisible(self._tour.number > 0)
        self.next.setText("&Done" if last else "&Next")
        self.setAccessibleName(f"Tour: {step.title}. {step.words}")
        self._aim(self._find(step.place))
        self.resize(WIDE, self.heightForWidth(WIDE))
        self.show()
        if not shown:
            self.next.setFocus()
        self._timer.start()
        self._follow()

    def _aim(self, target: QWidget | None) -> None:
        if self.target is not None:
            self.target.removeEventFilter(self)
        self.target = target
        if target is not None:
            target.installEventFilter(self)

    def _find(self, place: Place) -> QWidget | None:
        """The control that a step points at."""
        kind, name = place
        views = [self._window, *self._window.findChildren(QWidget)]
        view = next((one for one in views if type(one).__name__ == kind), None)
        found = getattr(view, name, None) if name else view
        return found if isinstance(found, QWidget) else None

    def _follow(self) -> None:
        """Stay beside the control, wherever it goes."""
        step, target = self._tour.step, self.target
        if step is None:
            return
        mix = self._find(("MixView", "")) if step.name == "mix" else None
        if mix is not None and mix.isVisible():
            self._tour.did("mix")
            return
        if target is None or not target.isVisible():
            target = self._find((step.place[0], ""))  # such as a panel that is empty yet
        there = target is not None and target.isVisible()
        room = self._window.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        around = room
        if there and target is not None:
            around = QRect(target.mapTo(self._window, QPoint()), target.size())
            self.frame.setGeometry(around.adjusted(-AROUND, -AROUND, AROUND, AROUND) & self._window.rect())
        self.frame.setVisible(there)
        place = place_beside(around, self.size(), room)
        if place != self.pos():
            self.move(place)
        self.frame.raise_()
        self.raise_()


def place_beside(target: QRect, size: QSize, room: QRect) -> QPoint:
    """Where a bubble of this size stands in ``room`` beside a control without covering it; where none is free, in it."""
    wide, high = size.width(), size.height()
    x = min(max(target.center().x() - wide // 2, room.left()), room.right() - wide + 1)
    y = min(max(target.center().y() - high // 2, room.top()), room.bottom() - high + 1)
    places = (
        QPoint(target.left() - GAP - wide, y),
        QPoint(target.right() + GAP, y),
        QPoint(x, target.bottom() + GAP),
        QPoint(x, target.top() - GAP - high),
    )
    free = (place for place in places if room.contains(QRect(place, size)))
    return next(free, QPoint(x, min(target.bottom() - GAP - high, room.bottom() - high + 1)))
