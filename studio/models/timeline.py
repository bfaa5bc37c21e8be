"""The state of the timeline: a morph of shapes, its frames as the live engine sends them, the playhead, how plausible it is.

Frames are asked for from coarse to fine and kept, so that they can be scrubbed and played; what is to be kept for good are
jobs of the queue. Every edit goes through the history.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import msgspec
from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal

from engine.card import Move
from engine.errors import StudioError
from engine.jobs import FilmFormat
from engine.live_client import Answer
from engine.live_requests import Frames, Meshes, Plausibility, Plausible, Priority, Tween
from studio.models.looking import COARSE, Looking
from studio.models.mix_kin import Kin
from studio.models.opened import OpenProject, ProjectModel
from studio.models.scene import PartMesh, Shape
from studio.models.timeline_command import command_of
from studio.models.timeline_keeping import Keeping
from studio.models.timeline_reel import Reel
from studio.models.timeline_state import (
    FPS,
    WHOLE,
    Mark,
    TimelineState,
    add,
    frames_of,
    remove,
    stretch,
    tween_of,
)

KIND = "timeline"  # of its edits in the history
KEY = "timeline"  # of its shape in the scene
NOW, FILL, JUDGE = "timeline now", "timeline", "timeline plausible"  # channels of the live engine
SOON_MS = 200  # of quiet after an edit, before all frames are asked for
Loop = Literal["once", "loop", "bounce"]


class Timeline(ProjectModel):
    """changed : the morph, or what can be done; selected_changed : another track; moved : the playhead, or it plays or stops

    cached : other frames are there; judged : how plausible they are
    """

    changed = Signal()
    selected_changed = Signal()
    moved = Signal()
    cached = Signal()
    judged = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.scene = opened.model(Looking).scene
        self.reel = Reel()
        self.selected = WHOLE
        self.frame = 0
        self.loop: Loop = "loop"
        self.losses: tuple[float, ...] = ()  # of the frames, lower is more plausible; () = not known
        self.judgement = ""  # why they are not known
        self.fault = ""  # why the frames cannot be shown; "" as long as nothing is known to be wrong
        self._kin = Kin(opened.project)
        self._state: TimelineState | None = None
        self._tried: TimelineState | None = None
        self._tween: Tween | None = None
        self._keeping = Keeping(opened.queue)
        self._awake = False
        self._asked = -1  # the frame that is asked for now
        self._tick = QTimer(self, interval=round(1000 / FPS), timerType=Qt.TimerType.PreciseTimer)
        self._tick.timeout.connect(self.step)
        self._clock, self._from = QElapsedTimer(), 0
        self._soon = QTimer(self, singleShot=True, interval=SOON_MS)
        self._soon.timeout.connect(self._fill)
        opened.history.register(KIND, self._apply)
        self._apply(opened.history.last(KIND) or {"timeline": None})
        opened.library.changed.connect(self._arrange)
        self.scene.selection_changed.connect(self._follow)
        self.scene.moved.connect(self._moved_in_view)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def state(self) -> TimelineState | None:
        """The morph as it is, or as it would be while something is dragged; None before there is a shape."""
        return self._tried or self._state

    @property
    def frames(self) -> int:
        """How many frames there are; 0 without a shape."""
        return frames_of(self.state) if self.state else 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of any of the shapes, each with a track of its own."""
        cards = [self._opened.library.card(key.shape) for key in self.state.keys] if self.state else []
        return tuple(dict.fromkeys(part for card in cards if card for part in card.parts))

    @property
    def can_play(self) -> bool:
        """Whether it goes from somewhere to somewhere."""
        return self.state is not None and len(self.state.keys) > 1 and not self.fault

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._tick.isActive()

    @property
    def command(self) -> str:
        """The command that makes the frames; "" where no single one does."""
        return command_of(self.state, self.parts, self._opened.folder) if self.state else ""

    def title(self, shape: str) -> str:
        """What people call a shape."""
        card = self._opened.library.card(shape)
        return card.title if card else shape

    def colour(self, part: str) -> tuple[float, float, float] | None:
        """Linear RGB of a part, the same as in the view; None before it was seen."""
        return self.reel.colours.get(part)

    def is_there(self, frame: int) -> bool:
        """Whether a frame can be shown at once."""
        return frame in self.reel

    # what a person does ----------------------------------------------------------------------------------------------
    def add(self, shapes: Sequence[str], at: int | None = None) -> None:
        """Let the morph come to these shapes too, the first at a frame; None: behind all others."""
        state, titles = self._state, []
        for i, shape in enumerate(shapes):
            if self._fits(state, shape):
                state = add(state, shape, None if at is None else at + i)
                titles.append(self.title(shape))
        if titles:
            self.edit(f"add {titles[0]} to the timeline", state)

    def remove(self, number: int) -> None:
        """Take a shape out."""
        if self._state and 0 <= number < len(self._state.keys):
            title = self.title(self._state.keys[number].shape)
            self.edit(f"take {title} out of the timeline", remove(self._state, number))

    def clear(self) -> None:
        """Take all shapes out."""
        self.edit("empty the timeline", None)

    def stretch(self, frames: int, gesture: str = "") -> None:
        """Let it take so many frames."""
        if self._state:
            self.edit("length of the timeline", stretch(self._state, frames), gesture)

    def edit(self, text: str, state: TimelineState | None, gesture: str = "") -> None:
        """Let the morph be this one."""
        self._tried = None
        if state == self._state:
            self._arrange()
            return
        try:
            self._opened.history.do(text, KIND, _data(state), _data(self._state), gesture)
        except (StudioError, OSError) as error:
            self._opened.troubles.tell_error(error)
            self._arrange()

    def attempt(self, state: TimelineState | None) -> None:
        """Show the morph as if it were this one, while something is dragged; None: as it is."""
        self._tried = state
        self._arrange()

    def settle(self, text: str) -> None:
        """What is being tried is decided."""
        if self._tried is not None:
            self.edit(text, self._tried)

    def select(self, part: str) -> None:
        """Choose a track; `WHOLE` is that of all parts."""
        if part == self.selected or (part != WHOLE and part not in self.parts):
            return
        self.selected = part
        self.selected_changed.emit()
        if part != WHOLE and self._is_shown() and self.scene.shape(KEY).part(part) is not None:
            self.scene.select((KEY, part))

    # the playhead ----------------------------------------------------------------------------------------------------
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

    def _apply(self, data: Mapping[str, Any]) -> None:
        """The morph is this one now: by an edit, by undo or redo, or as it was left."""
        found = data["timeline"]
        self._state, self._tried = msgspec.convert(found, TimelineState) if found else None, None
        self._arrange()

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

    def _fits(self, state: TimelineState | None, shape: str) -> bool:
        """Whether a shape can be one of the morph's; why not is told."""
        card = self._opened.library.card(shape)
        if card is None or card.kind != "shape":
            what = card.title if card else "this"
            self._opened.troubles.tell(f"{what} is no shape of a model; fit it first, or choose a shape that was made")
            return False
        if state is None:
            return True
        first = state.keys[0].shape
        if self._kin.root(card.run) != self._kin.root(first.partition("/")[0]):
            self._opened.troubles.tell(
                f"{card.title} is of another model than {self.title(first)}, so there is no way between them; "
                "choose shapes of one model"
            )
            return False
        return True

    def _go(self, frame: int) -> None:
        self.frame = frame
        if self._awake:
            self._show()
        self.moved.emit()

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


def place_at(steps: int, frames: int, loop: Loop) -> tuple[int, bool]:
    """The frame after so many steps from frame 0, and whether that was the end."""
    last = frames - 1
    if loop == "once":
        return min(steps, last), steps >= last
    if loop == "loop":
        return steps % frames, False
    round_ = steps % (2 * last)
    return (round_ if round_ <= last else 2 * last - round_), False


def _data(state: TimelineState | None) -> dict[str, Any]:
    return {"timeline": msgspec.to_builtins(state) if state else None}
