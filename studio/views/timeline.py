"""The timeline: shapes at frames, a track for each part, play and scrub, how plausible it is, and what is made of it."""

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QHideEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSpinBox,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.cards import MIME
from studio.models.opened import OpenProject
from studio.models.timeline import Timeline
from studio.models.timeline_playhead import Loop
from studio.models.timeline_state import FPS, MOST, ease_of, frames_of, way_of
from studio.panel import Panel, in_menu
from studio.views.timeline_export import ExportMenu
from studio.views.timeline_plausibility import PlausibilityStrip
from studio.views.timeline_ruler import Ruler
from studio.views.timeline_scale import NAMES
from studio.views.timeline_tracks import ALL, EASES, ROW, WAYS, Tracks
from studio.widgets.empty_page import EmptyPage
from studio.widgets.words import Ground, button, label, line, tool

LOOPS: dict[Loop, str] = {"once": "Play once", "loop": "Loop", "bounce": "There and back"}
TRACKS, LEAST = 6, 4  # rows that there is room for at first, and whatever else wants the room
BEGINS = "They stand on the timeline in the order in which they were chosen"
ADDS = "Add what is chosen in the library (I)"
ABOUT = 156  # pixels above and below the tracks


class TimelineView(Ground):
    """The panel of an open project."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self.timeline = opened.model(Timeline)
        self.ruler = Ruler(self.timeline, opened.thumbnails)
        self.tracks = Tracks(self.timeline)
        self.strip = PlausibilityStrip(self.timeline)
        self.ruler.dragging.connect(self._hold)
        self.tracks.dragging.connect(self._hold)
        self.ruler.looked_at.connect(opened.current.show)
        self.setAcceptDrops(True)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._nothing())
        self._stack.addWidget(self._something())
        self._act()
        self.timeline.changed.connect(self._refresh)
        self.timeline.selected_changed.connect(self._choose)
        self.timeline.moved.connect(self._moved)
        opened.current.shape_changed.connect(lambda _: self._refresh())
        opened.current.chosen_changed.connect(self._refresh)
        opened.library.changed.connect(self._refresh)
        self._refresh()
        self._moved()

    # building --------------------------------------------------------------------------------------------------------
    def _nothing(self) -> QWidget:
        words = (
            "Drag two or more shapes of one model here, or choose them in the library. Each part can go its own way."
        )
        self.begin = button("Begin with the chosen shapes", self._add_chosen, "primary")
        return EmptyPage("Let one shape become another", words, self.begin)

    def _something(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(line())
        column.addWidget(self.ruler)
        column.addWidget(line())
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.tracks)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        scroll.setMinimumHeight(LEAST * ROW + 2)
        column.addWidget(scroll, 1)
        column.addWidget(line())
        column.addWidget(self.strip)
        return page

    def _head(self) -> QHBoxLayout:
        self.play = tool("play", "Play (Space)", self.timeline.toggle)
        self.looping = self._choice(LOOPS, "What comes after the last frame", self._loop)
        self.of = label("", "heading")
        self.of.setFixedWidth(110)
        self.ease = self._choice(EASES, "How it starts and stops between two shapes", self.tracks.set_ease)
        self.way = self._choice(WAYS, "An arc keeps to what the model has seen; it needs a model", self.tracks.set_way)
        self.length = QSpinBox()
        self.length.setRange(2, MOST + 1)
        self.length.setSuffix(" frames")
        self.length.setKeyboardTracking(False)
        self.length.setAccessibleName("Length")
        self.length.valueChanged.connect(lambda frames: self.timeline.stretch(frames, f"length {id(self)}"))
        self.add = button("Add shapes", self._add_chosen)
        self.copy = tool("copy", "Copy as command", self._copy)
        self.export = button("Export", lambda: None, "primary", tip="Make the frames and write them; jobs of the queue")
        self._exports = ExportMenu(self.timeline, self)
        self.export.setMenu(self._exports)
        for one in (self.add, self.export):
            one.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout()
        row.setContentsMargins(12, 6, 12, 6)
        row.setSpacing(8)
        left: tuple[QWidget, ...] = (self.play, self.looping, self.length)
        middle: tuple[QWidget, ...] = (self.of, self.ease, self.way)
        right: tuple[QWidget, ...] = (self.add, self.copy, self.export)
        for group in (left, middle, right):
            for widget in group:
                row.addWidget(widget)
            if group is not right:
                row.addStretch(1)
        return row

    def _choice(self, words: Mapping[Any, str], name: str, chosen: Callable[[Any], None]) -> QComboBox:
        box = QComboBox()
        for value, text in words.items():
            box.addItem(text, value)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.activated.connect(lambda place: chosen(box.itemData(place)))
        return box

    def _act(self) -> None:
        """Actions with their keys."""
        for text, keys, act in (
            ("Play or stop", "Space", self._space),
            ("Add chosen shapes to the timeline", "I", self._add_chosen),
            ("Empty the timeline", "", self.timeline.clear),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _=False, act=act: act())
            self.addAction(in_menu(action, "Shape"))

    # showing ---------------------------------------------------------------------------------------------------------
    def _refresh(self) -> None:
        timeline, state = self.timeline, self.timeline.state
        self._stack.setCurrentIndex(0 if state is None else 1)
        fault = timeline.why_not(self._chosen())
        for one, tip in ((self.begin, BEGINS), (self.add, ADDS)):
            one.setEnabled(not fault)
            one.setToolTip(fault or tip)
        if state is None:
            return
        part = timeline.selected
        self.of.setText(self.of.fontMetrics().elidedText(part or ALL, Qt.TextElideMode.ElideRight, 108))
        self.ease.setCurrentIndex(self.ease.findData(ease_of(state, part)))
        self.way.setCurrentIndex(self.way.findData(way_of(state, part)))
        self.looping.setCurrentIndex(self.looping.findData(timeline.loop))
        with QSignalBlocker(self.length):
            self.length.setValue(frames_of(state))
        self.length.setToolTip(f"{frames_of(state) / FPS:.2f} seconds")
        self.play.setEnabled(timeline.can_play)
        self.export.setEnabled(timeline.can_play)
        self.copy.setEnabled(bool(timeline.command))
        why = (
            ": not of this morph; its export in the queue has one" if timeline.can_play and not timeline.command else ""
        )
        self.copy.setToolTip(f"Copy as command{why}")

    def _choose(self) -> None:
        row = self.tracks.rows.index(self.timeline.selected)
        self._scroll.ensureVisible(0, row * ROW + ROW // 2, 0, ROW // 2)
        self._refresh()

    def _moved(self) -> None:
        playing = self.timeline.playing
        if self.play.property("playing") is not playing:
            self.play.setProperty("playing", playing)
            self.play.setIcon(icon("pause" if playing else "play"))
            self.play.setToolTip("Stop (Space)" if playing else "Play (Space)")

    def _hold(self, extent: int) -> None:
        for widget in (self.tracks, self.strip):
            widget.hold_extent(extent)
        self.ruler.hold_extent(extent)

    def sizeHint(self) -> QSize:
        """Room for all parts, and seven at least."""
        return QSize(900, ABOUT + ROW * (TRACKS + 1))

    # events ----------------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        """The morph is shown in the view while this panel is."""
        super().showEvent(event)
        self.timeline.wake(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self.timeline.wake(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Cards of shapes can be dropped here."""
        if event.mimeData().hasFormat(MIME):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Where they would stand."""
        at = self._target(event.position().x())
        self.ruler.aim(-1 if at is None else at)
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Gone again."""
        self.ruler.aim(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        """Let the morph come to these shapes."""
        self.ruler.aim(-1)
        names = bytes(event.mimeData().data(MIME).data()).decode().split("\n")
        self.timeline.add(names, self._target(event.position().x()))
        event.acceptProposedAction()

    # inside ----------------------------------------------------------------------------------------------------------
    def _target(self, x: float) -> int | None:
        """The frame at which a shape would stand that is dropped there; None: behind all others."""
        return self.ruler.scale.frame(x) if self.timeline.state is not None and x >= NAMES else None

    def _chosen(self) -> tuple[str, ...]:
        """Shapes that are chosen in the library, or else the one in the view."""
        current, library = self._opened.current, self._opened.library
        names = current.chosen or ((current.shape,) if current.shape else ())
        return tuple(name for name in names if (card := library.card(name)) and card.kind == "shape")

    def _add_chosen(self) -> None:
        self.timeline.add(self._chosen())

    def _space(self) -> None:
        """Space plays, unless it presses the button that the keyboard is on."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QAbstractButton) and focus is not self.play:
            focus.click()
        elif isinstance(focus, QComboBox):
            focus.showPopup()
        else:
            self.timeline.toggle()

    def _loop(self, loop: Loop) -> None:
        self.timeline.loop = loop

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.timeline.command)


PANEL = Panel("timeline", "Timeline", "below", TimelineView, workspaces=("Morph",))
