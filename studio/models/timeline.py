"""The state of the timeline: a morph of shapes, its frames as the live engine sends them, the playhead, how plausible it is.

Frames are asked for from coarse to fine and kept, so that they can be scrubbed and played; what is to be kept for good are
jobs of the queue. Every edit goes through the history.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path

from PySide6.QtCore import QTimer, Signal

from engine.card import Move
from engine.errors import StudioError
from engine.jobs import FilmFormat
from engine.live_client import Answer
from engine.live_protocol import Priority
from engine.live_requests import Frames, Meshes, Plausibility, Plausible, Tween
from studio.models.looking import COARSE, Looking
from studio.models.opened import OpenProject
from studio.models.scene import PartMesh, Shape
from studio.models.timeline_command import command_of
from studio.models.timeline_keeping import Keeping
from studio.models.timeline_playhead import Playhead
from studio.models.timeline_state import (
    WHOLE,
    Mark,
    tween_of,
)

KEY = "timeline"  # of its shape in the scene
NOW, FILL, JUDGE = "timeline now", "timeline", "timeline plausible"  # channels of the live engine
SOON_MS = 200  # of quiet after an edit, before all frames are asked for


class Timeline(Playhead):
    """changed : the morph, or what can be done; selected_changed : another track

    cached : other frames are there; judged : how plausible they are
    """

    changed = Signal()
    selected_changed = Signal()
    cached = Signal()
    judged = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.scene = opened.model(Looking).scene
        self.selected = WHOLE
        self.losses: tuple[float, ...] = ()  # of the frames, lower is more plausible; () = not known
        self.judgement = ""  # why they are not known
        self._tween: Tween | None = None
        self._keeping = Keeping(opened.queue)
        self._awake = False
        self._asked = -1  # the frame that is asked for now
        self._soon = QTimer(self, singleShot=True, interval=SOON_MS)
        self._soon.timeout.connect(self._fill)
        self.state_changed.connect(self._arrange)
        self.went.connect(self._see)
        self.follow_history()
        opened.library.changed.connect(self._arrange)
        self.scene.selection_changed.connect(self._follow)
        self.scene.moved.connect(self._moved_in_view)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def command(self) -> str:
        """The command that makes the frames; "" where no single one does."""
        return command_of(self.state, self.parts, self._opened.folder) if self.state else ""

    def colour(self, part: str) -> tuple[float, float, float] | None:
        """Linear RGB of a part, the same as in the view; None before it was seen."""
        return self.reel.colours.get(part)

    def is_there(self, frame: int) -> bool:
        """Whether a frame can be shown at once."""
        return frame in self.reel

    # what a person does ----------------------------------------------------------------------------------------------
    def select(self, part: str) -> None:
        """Choose a track; `WHOLE` is that of all parts."""
        if part == self.selected or (part != WHOLE and part not in self.parts):
            return
        self.selected = part
        self.selected_changed.emit()
        if part != WHOLE and self._is_shown() and self.scene.shape(KEY).part(part) is not None:
            self.scene.select((KEY, part))

    # keeping ---------------------------------------------------------------------------------------------------------
    @property
    def can_film(self) -> bool:
        """Whether MP4 can be written here."""
        return find_spec("cv2") is not None

    def export(self, out: Path, form: FilmFormat = "", overwrite: bool = False) -> str:
        """Jobs in the queue that make the frames and write them; ``out``, ``form``: as in FilmJob. The film's run, or ""."""
        if self._tween is None or not self.can_play:
            return ""
        try:
            return self._keeping.film(self._tween, out, form, self.loop == "bounce", overwrite)
        except (StudioError, OSError) as error:
            self._opened.troubles.tell_error(error)
            return ""

    # seeing ----------------------------------------------------------------------------------------------------------
    def wake(self, awake: bool) -> None:
        """Whether the panel is looked at: only then frames are shown and asked for."""
        if awake == self._awake:
            return
        self._awake = awake
        if awake:
            self._look()
        else:
            self._rest()

    def close(self) -> None:
        """Play no more."""
        self._rest()

    # inside ----------------------------------------------------------------------------------------------------------
    def _rest(self) -> None:
        self._tick.stop()
        self._soon.stop()
        self._asked = -1
        self.scene.words.forget((KEY,))
        for channel in (NOW, FILL, JUDGE):
            self._opened.live.withdraw(channel)

    def _arrange(self) -> None:
        """Another morph, or other cards."""
        state, parts = self.state, self.parts
        tween = tween_of(state, parts) if state else None
        another = tween != self._tween
        self._tween = tween
        if self.selected != WHOLE and self.selected not in parts:
            self.selected = WHOLE
            self.selected_changed.emit()
        if another:
            self.reel.wind(tween, parts)
            self.losses, self.judgement, self.fault, self._asked = (), "", "", -1
            self.frame = min(self.frame, max(self.frames - 1, 0))
            if tween is None or not self.can_play:
                self._tick.stop()
        self.changed.emit()
        if another:
            self.judged.emit()
            self.moved.emit()
            self._look()

    def _look(self) -> None:
        """Show the frame at the playhead, and ask for the others when no more edits follow."""
        if not self._awake:
            return
        if self.state is None:
            self.scene.words.forget((KEY,))
            if self._is_shown():
                self.scene.show([])
            return
        self._show()
        self._soon.start()

    def _see(self) -> None:
        if self._awake:
            self._show()

    def _show(self) -> None:
        """The frame at the playhead, or the nearest there is; then it is asked for, unless it plays."""
        if not self.reel.marks:
            return
        meshes = self.reel.at(self.frame)
        if meshes is not None:
            self._put(meshes)
            return
        near = self.reel.near(self.frame)
        if near is not None:
            self._put(near)
        elif not self._is_shown() and not self.fault:
            self.scene.words.expect(KEY, lambda: "the morph")
        if not self.playing and self._asked != self.frame and self._tween and not self.fault:
            self._asked = self.frame
            self._ask((self.frame,), NOW)

    def _put(self, meshes: Sequence[PartMesh]) -> None:
        """These surfaces into the view; those that stand there already are not touched."""
        if not self._is_shown():
            self.scene.show([Shape(KEY, "Morph", tuple(meshes))])
            return
        before = {part.name: part for part in self.scene.shape(KEY).parts}
        for name in before.keys() - {mesh.name for mesh in meshes}:
            self.scene.remove_part(KEY, name)
        new = [mesh for mesh in meshes if before.get(mesh.name) is not mesh]
        if new:
            self.scene.set_parts(KEY, *new)

    def _is_shown(self) -> bool:
        return KEY in {shape.key for shape in self.scene.shapes}

    def _fill(self) -> None:
        """Ask for all frames that are not there, then how plausible they are."""
        if not self._awake or self._tween is None or self.fault:
            return
        missing = self.reel.missing
        if missing and not self.reel.is_full:
            self._ask(missing, FILL)
        else:
            self._judge()

    def _ask(self, which: tuple[int, ...], channel: str) -> None:
        assert self._tween is not None
        tween, marks = self._tween, self.reel.marks
        request = Frames(of=tween, which=which, resolution=COARSE)
        priority: Priority = "now" if channel == NOW else "later"
        self._opened.live.ask(
            request, channel, priority, lambda answer: self._came(answer, tween, marks, which, channel)
        )

    def _came(
        self, answer: Answer, tween: Tween, marks: tuple[Mark, ...], which: tuple[int, ...], channel: str
    ) -> None:
        """A frame has come, or the last of them."""
        content = answer.content
        if isinstance(content, Meshes):
            self.reel.keep(marks[content.frame], content, answer)
        if channel == NOW and answer.state != "going" and which == (self._asked,):
            self._asked = -1
        if tween is not self._tween or not self._awake:
            return
        if answer.state == "failed":
            self.fault = answer.text
            self.scene.words.forget((KEY,))
            self.pause()
            self._opened.troubles.tell(answer.text, answer.trace)
            self.changed.emit()
        elif isinstance(content, Meshes):
            self.cached.emit()
            if marks[content.frame] == marks[self.frame] or not self._is_shown():
                self._show()
            if channel == FILL and self.reel.is_full:
                self._opened.live.withdraw(FILL)
                self._judge()
        elif channel == FILL and answer.state == "done":
            self._judge()

    def _judge(self) -> None:
        """Ask how plausible the frames are, unless that is known."""
        if self.losses or self.judgement or not self.can_play or self._tween is None:
            return
        tween = self._tween

        def answered(answer: Answer) -> None:
            if tween is not self._tween:
                return
            if isinstance(answer.content, Plausible) and all(map(isfinite, answer.content.losses)):
                self.losses = answer.content.losses
            elif answer.state == "failed":
                self.judgement = answer.text
            self.judged.emit()

        self._opened.live.ask(Plausibility(of=tween), JUDGE, "later", answered)

    def _follow(self) -> None:
        """A part was chosen in the view."""
        if self.scene.selected and self.scene.selected[0] == KEY:
            self.select(self.scene.selected[1])

    def _moved_in_view(self, key: str, motion: Move) -> None:
        """Parts of a morph stand where its shapes have them."""
        if key == KEY:
            self.scene.reset_matrix((KEY, motion.part))
