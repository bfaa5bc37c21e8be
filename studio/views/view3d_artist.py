"""Pictures of the 3D view, by the thread that draws: one at a time, a quick one, and once all stands still a fine one.

Nothing runs while nothing changes. `Artist.shut` ends the thread; the next picture that is wanted starts it anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QMetaObject, QObject, Qt, QThread, QTimer, Signal

from studio.views.view3d_frame import Frame
from studio.views.view3d_pointing import Pointing

if TYPE_CHECKING:
    from studio.views.view3d_stage import Drawn, Stage

PAUSE = 150  # milliseconds without change, after which a fine picture is drawn
WAIT = 8000  # milliseconds for the thread to end: it may be in the middle of a picture
SMOOTH = 0.04  # seconds that a picture may take while things move; beyond, it is drawn coarser
COARSEST = 0.5

Wanted = Callable[[int, float, bool], Frame | None]  # number, coarser, fine -> what to draw, if anything


class Artist(QObject):
    """Has the last picture.

    drawn : None where there is none; error : why not
    """

    asked = Signal(object)  # this frame is wanted
    came = Signal()  # there is another picture, or another error
    settled = Signal()  # a fine picture of all that there is has come
    failed = Signal(str)  # one sentence: why there is no picture

    def __init__(self, may: Callable[[bool], bool], wanted: Wanted, pointing: Pointing, parent: QObject) -> None:
        """may : whether a picture, or a fine one, can be drawn now; pointing : asks the same thread what lies where."""
        super().__init__(parent)
        self._may, self._wanted, self._pointing = may, wanted, pointing
        self.drawn: Drawn | None = None
        self.error = ""
        self.busy = False  # a picture is being made
        self._stage: Stage | None = None
        self._ended: weakref.finalize | None = None
        self._number = 0  # of the last frame that was asked for
        self._stale = False  # it shows something older than what there is
        self._coarser = 1.0
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._ask)
        self._still = QTimer(self, singleShot=True, interval=PAUSE)
        self._still.timeout.connect(lambda: self._ask(fine=True))

    def touch(self) -> None:
        """Something has changed: a new picture is wanted."""
        self._stale = True
        self._still.stop()
        if not self.busy and self._may(False):
            self._soon.start()

    def shut(self) -> None:
        """End the thread that draws, and give the graphics memory back."""
        self._soon.stop()
        self._still.stop()
        self.drawn, self._stage, self.busy = None, None, False
        self._pointing.forget()
        if self._ended is not None:
            self._ended()
            self._ended = None

    def _start(self) -> None:
        """VTK is loaded here, which takes a third of a second: after the first paint."""
        from studio.views.view3d_stage import Stage, own_thread

        stage = Stage()
        self._pointing.forget()
        self.asked.connect(stage.draw)
        self._pointing.ask.connect(stage.find)
        stage.drawn.connect(self._take)
        stage.found.connect(self._pointing.answer)
        stage.failed.connect(self._fail)
        thread = own_thread(stage)
        self._ended = weakref.finalize(self, _end, stage, thread)
        self._stage = stage

    def _ask(self, fine: bool = False) -> None:
        """Ask for a picture of what there is now."""
        if self.busy or not self._may(fine):
            return
        frame = self._wanted(self._number + 1, self._coarser, fine)
        if frame is None:
            self.drawn = None
            self.came.emit()
            return
        if self._stage is None:
            self._start()
        self._number = frame.number
        self.busy, self._stale = True, False
        self.asked.emit(frame)

    def _take(self, drawn: Drawn) -> None:
        """A picture has come."""
        if self._stage is None or self.sender() is not self._stage:
            return
        self.busy, self.drawn, self.error = False, drawn, ""
        if not drawn.frame.fine:
            self._judge(drawn)
        self.came.emit()
        if self._stale:
            self._soon.start()
        elif drawn.frame.fine:
            self.settled.emit()
        else:
            self._still.start()
        self._pointing.again()

    def _judge(self, drawn: Drawn) -> None:
        """How coarse the next picture is while things move."""
        if drawn.frame.number == 1:
            return  # shaders were made for it
        full = drawn.seconds / self._coarser**2
        self._coarser = 1.0 if full < 1.5 * SMOOTH else max(COARSEST, round((SMOOTH / full) ** 0.5 * 8) / 8)

    def _fail(self, text: str) -> None:
        self.busy, self.error = False, text
        self.came.emit()
        self.failed.emit(text)


def _end(stage: Stage, thread: QThread | None) -> None:
    """Close the stage in its own thread, and wait for that thread, which may be in the middle of a picture."""
    QMetaObject.invokeMethod(stage, "close", Qt.ConnectionType.AutoConnection)
    if thread is not None and not thread.wait(WAIT):
        _LATE.append((stage, thread))


_LATE: list[object] = []  # threads not waited for any longer; kept, since Qt ends a program that drops one that runs
