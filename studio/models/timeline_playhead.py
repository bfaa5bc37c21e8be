"""The playhead of the timeline: where it stands, and how it goes on by the clock."""

from typing import Literal

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal

from studio.models.opened import OpenProject
from studio.models.timeline_morph import Morph
from studio.models.timeline_reel import Reel
from studio.models.timeline_state import FPS

Loop = Literal["once", "loop", "bounce"]


class Playhead(Morph):
    """moved : it stands elsewhere, or it plays or stops; went : the same, before anybody else knows

    fault : why there is nothing to play; "" as long as nothing is known to be wrong
    """

    moved = Signal()
    went = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.reel = Reel()
        self.frame = 0
        self.loop: Loop = "loop"
        self.fault = ""
        self._tick = QTimer(self, interval=round(1000 / FPS), timerType=Qt.TimerType.PreciseTimer)
        self._tick.timeout.connect(self.step)
        self._clock, self._from = QElapsedTimer(), 0

    @property
    def can_play(self) -> bool:
        """Whether it goes from somewhere to somewhere."""
        return self.state is not None and len(self.state.keys) > 1 and not self.fault

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._tick.isActive()

    def seek(self, frame: int) -> None:
        """Look at a frame; playing stops."""
        self.pause()
        if self.state:
            self._go(min(max(frame, 0), self.frames - 1))

    def toggle(self) -> None:
        """Play, or stop."""
        if self.playing:
            self.pause()
        elif self.can_play:
            self._from = 0 if self.loop == "once" and self.frame >= self.frames - 1 else self.frame
            self._clock.start()
            self._tick.start()
            self.moved.emit()

    def pause(self) -> None:
        """Stop where it is."""
        if self.playing:
            self._tick.stop()
            self._go(self.frame)

    def step(self) -> None:
        """Go where the clock says that the playhead is, which drops frames rather than being late; hold before the first."""
        if not self.reel.has_begun:
            self._from = self.frame
            self._clock.restart()
            return
        frame, ended = place_at(self._from + self._clock.elapsed() * FPS // 1000, self.frames, self.loop)
        if ended:
            self._tick.stop()
        if frame != self.frame or ended:
            self._go(frame)

    def _go(self, frame: int) -> None:
        self.frame = frame
        self.went.emit()
        self.moved.emit()


def place_at(steps: int, frames: int, loop: Loop) -> tuple[int, bool]:
    """The frame after so many steps from frame 0, and whether that was the end."""
    last = frames - 1
    if loop == "once":
        return min(steps, last), steps >= last
    if loop == "loop":
        return steps % frames, False
    round_ = steps % (2 * last)
    return (round_ if round_ <= last else 2 * last - round_), False
