"""The state of the part-swap panel: what is mixed, what is shown of it, how its parts meet, what was drawn anew.

What a person does with it is in `mix_edited`, and goes through the history, so that it can be undone, also tomorrow. What
must be seen now is asked of the live engine (`mix_shown`); what is to be kept is a job of the queue (`mix_work`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from PySide6.QtCore import Signal

from engine.card import Move
from engine.jobs import Job
from engine.live_requests import Mixture
from engine.project import Project
from studio.models import mix_state
from studio.models.export import Export
from studio.models.history import History
from studio.models.library import Library
from studio.models.live import Live
from studio.models.looking import Looking
from studio.models.mix_edited import KIND, Edited
from studio.models.mix_jobs import MixJobs, shapes_of
from studio.models.mix_shelf import Donors
from studio.models.mix_shown import KEY, Shown
from studio.models.mix_state import MixState
from studio.models.mix_work import MixWork, Tray
from studio.models.opened import OpenProject
from studio.models.scene import Scene
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Troubles

__all__ = ["KEY", "KIND", "Mix"]


class Mix(Edited):
    """changed : the mixture, its slots or what can be done; selected : another part; judged : how the parts meet.

    drawn : another reroll is on its way, or here
    made(shape, export) : the mixture, or what healing made of it, is a shape of the library; whether it is to be exported
    """

    judged = Signal()
    drawn = Signal()
    made = Signal(str, bool)

    @classmethod
    def of(cls, opened: OpenProject) -> Self:
        """The model of an open project."""
        found = cls(
            opened.project,
            opened.library,
            opened.thumbnails,
            opened.history,
            opened.live,
            opened.queue.submit,
            opened.model(Looking).scene,
            opened.troubles,
        )
        opened.queue.ended.connect(lambda run: found.ended(run, shapes_of(opened.project, run)))

        def choose(shape: str, export: bool) -> None:
            opened.current.choose((shape,))
            if export:
                opened.model(Export).ask()

        found.made.connect(choose)
        found.resume(lambda run: task.state if (task := opened.queue.task(run)) else "")
        return found

    def __init__(
        self,
        project: Project,
        library: Library,
        thumbnails: Thumbnails,
        history: History,
        live: Live,
        submit: Callable[[Job], str],
        scene: Scene,
        troubles: Troubles,
    ) -> None:
        super().__init__(project, library, thumbnails, history, troubles)
        self.folder, self.scene = project.folder, scene
        self._shown = Shown(live, scene, troubles, self.title)
        self._work = MixWork(MixJobs(project, submit, troubles, library), library, thumbnails, self._healed)
        history.register(KIND, self._apply)
        self._apply(history.last(KIND) or {"mix": None})
        self._shown.changed.connect(self.changed)
        self._shown.judged.connect(self.judged)
        self._work.drawn.connect(self.drawn)
        self._work.made.connect(self.made)
        scene.moved.connect(self._moved)
        scene.selection_changed.connect(self._follow)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def donors(self) -> Donors:
        """Cards of the shapes that can give the chosen part."""
        return self.shelf.donors

    @property
    def tray(self) -> Tray:
        """Cards of the variants that were drawn."""
        return self._work.tray

    @property
    def drawn_part(self) -> str:
        """The part of which the tray holds variants, "" = of none."""
        return self._work.drawn_part

    def colour(self, part: str) -> tuple[float, float, float] | None:
        """Linear RGB of a part or a copy, the same as in the view; None before it was seen."""
        copies = self.state.mixture.copies if self.state else {}
        return self._shown.colour(part) or self._shown.colour(copies.get(part, ""))

    @property
    def words(self) -> str:
        """How the parts meet; "" while that is not known."""
        return self._shown.words

    @property
    def numbers(self) -> str:
        """The same for those who measure, a line for each joint; "" while that is not known."""
        return self._shown.numbers

    @property
    def score(self) -> float:
        """0: all parts meet as usual; -1 while that is not known."""
        return self._shown.score

    @property
    def fault(self) -> str:
        """Why the mixture as it is cannot be made; "" as long as nothing is known to be wrong."""
        return self._shown.fault

    @property
    def waiting(self) -> str:
        """The run that draws variants or heals, "" = none."""
        return self._work.waiting

    @property
    def is_healing(self) -> bool:
        """Whether what is waited for heals the mixture; else it draws variants."""
        return self._work.is_healing

    @property
    def can_keep(self) -> bool:
        """Whether the mixture is something else than a shape that is kept, and nothing is wrong with it."""
        return self.state is not None and not self.fault and not self._work.is_kept(self.state)

    @property
    def can_work(self) -> bool:
        """Whether the mixture can be kept, healed and drawn anew: nothing is wrong with it, and nothing is on its way."""
        return self.state is not None and not self.fault and not self.waiting

    # what a person does ----------------------------------------------------------------------------------------------
    def select(self, name: str) -> None:
        """Choose a part, in the view too; the shelf offers donors of it."""
        if name == self.selected:
            return
        super().select(name)
        if not self._shown.is_there:
            self._shown.look()
        elif self.scene.shape(KEY).part(name) is not None and self.scene.selected != (KEY, name):
            self.scene.select((KEY, name))

    def try_fade(self, part: str, alpha: float) -> None:
        """Show the part at a place of its fader, while the hand is on it."""
        slot = self.slot(part)
        if self.state and slot and len(slot.donors) > 1:
            self._shown.attempt(mix_state.fade(self.state, part, slot.donors, alpha).mixture)

    # jobs ------------------------------------------------------------------------------------------------------------
    def keep(self) -> None:
        """Make the mixture a shape of the project."""
        if self.state and not self.fault:
            self._work.keep(self.state)
            self.changed.emit()

    def export(self) -> None:
        """Ask how to export the mixture; where it is not a shape of the project yet, as soon as it is one."""
        if self.state and not self.fault:
            self._work.keep(self.state, export=True)
            self.changed.emit()

    def heal(self) -> None:
        """Keep the mixture and let its parts fit together; what comes of it is mixed on."""
        if self.state and self.can_work:
            self._work.heal(self.state)

    def reroll(self, name: str = "") -> None:
        """Draw a part anew, all else as it is; variants come into the tray."""
        slot = self.slot(name or self.selected)
        if slot is None or self.state is None:
            return
        if slot.origin in ("absent", "removed"):
            self._troubles.tell(f"there is no {slot.name} to draw anew; take one from the shelf first")
        elif self.can_work:
            self._work.reroll(self.state, slot.part)

    def resume(self, state_of: Callable[[str], str]) -> None:
        """Wait again for what an earlier window healed or drew; ``state_of`` : as in MixJobs.restore."""
        self._work.resume(state_of)

    def ended(self, run: str, shapes: tuple[str, ...]) -> None:
        """A job ended; ``shapes`` are what it made, none where it failed."""
        self._work.ended(run, shapes)

    # seeing ----------------------------------------------------------------------------------------------------------
    def wake(self, awake: bool) -> None:
        """Whether the panel is looked at: only then the mixture is shown in the view."""
        self._shown.wake(awake)

    # inside ----------------------------------------------------------------------------------------------------------
    def _apply(self, data: Mapping[str, Any]) -> None:
        """The mixture is this one now: by an edit, by undo or redo, or as it was left."""
        before = self.state.mixture.base if self.state else ""
        super()._apply(data)
        if self.state is None or before != self.state.mixture.base:
            self._work.tray.show_names(())
        self._shown.follow(self.state.mixture if self.state else None)

    def _moved(self, key: str, motion: Move) -> None:
        """A part was moved in the view."""
        if key == KEY:
            self.move(motion)

    def _follow(self) -> None:
        """A part was chosen in the view."""
        if self.scene.selected and self.scene.selected[0] == KEY and self.slot(self.scene.selected[1]):
            self.select(self.scene.selected[1])

    def _healed(self, shape: str, of: str) -> None:
        """What healing made of the mixture is mixed on, unless a person has gone on mixing meanwhile."""
        if self.state and self._work.is_now(self.state, of):
            self._edit("heal", MixState(mixture=Mixture(base=shape)))
        else:
            self._troubles.tell(
                "healing is done, and you went on mixing: what it made is among the unkept shapes of the library",
                note=True,
            )
