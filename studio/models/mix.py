"""The state of the part-swap panel: what is mixed, what is shown of it, how its parts meet, what was drawn anew.

It asks the live engine for what must be seen now, and puts jobs into the queue for what is to be kept. Everything that a
person does goes through the history, so that it can be undone, also tomorrow.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Self

import msgspec
from PySide6.QtCore import QObject, Signal

from engine.card import Move
from engine.errors import StudioError
from engine.jobs import HealJob, Job, RerollJob
from engine.live_requests import Mixture
from engine.project import Project
from studio.models import mix_state
from studio.models.export import Export
from studio.models.history import History
from studio.models.library import Card, Library
from studio.models.live import Live
from studio.models.looking import Looking
from studio.models.mix_command import command_of
from studio.models.mix_jobs import MixJobs, shapes_of
from studio.models.mix_kin import Donors, Kin, Tray
from studio.models.mix_shown import KEY, Shown
from studio.models.mix_state import MixState, Slot
from studio.models.opened import OpenProject
from studio.models.scene import Scene
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Troubles

__all__ = ["KEY", "KIND", "Mix"]

KIND = "mix"  # of its edits in the history
VARIANTS = 4


class Mix(QObject):
    """changed : the mixture, its slots or what can be done; selected : another part; judged : how the parts meet.

    drawn : another reroll is on its way, or here
    made(shape, export) : the mixture, or what healing made of it, is a shape of the library; whether it is to be exported
    """

    changed = Signal()
    selected_changed = Signal()
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
        super().__init__()
        self._project, self._library, self._history = project, library, history
        self.folder, self.scene, self._troubles = project.folder, scene, troubles
        self._kin = Kin(project)
        self.donors = Donors(library, thumbnails)
        self.tray = Tray(library, thumbnails)
        self._shown = Shown(live, scene, troubles, self.title)
        self._jobs = MixJobs(project, submit, troubles)
        self.state: MixState | None = None
        self.selected = ""
        self._offered = ("", "", "")  # part, root of the shapes on the shelf, the base, which is none of them
        self._vocabulary_of: tuple[str, tuple[str, ...]] = ("", ())  # base, names
        self._gestures = count()
        self._gesture = ""
        self._coming: dict[str, bool] = {}  # shapes that were made and that the library does not know yet; see ``made``
        history.register(KIND, self._apply)
        self._apply(history.last(KIND) or {"mix": None})
        self._shown.changed.connect(self.changed)
        self._shown.judged.connect(self.judged)
        library.changed.connect(self._read)
        scene.moved.connect(self._moved)
        scene.selection_changed.connect(self._follow)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def base(self) -> Card | None:
        """The shape whose parts stay unless another is chosen."""
        return self._library.card(self.state.mixture.base) if self.state else None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """One for each part that the base or a donor has, then the copies."""
        if self.state is None or self.base is None:
            return ()
        return mix_state.slots_of(self.state, self.base.parts, self._vocabulary())

    def slot(self, name: str) -> Slot | None:
        """The slot of that name."""
        return next((one for one in self.slots if one.name == name), None)

    def title(self, shape: str) -> str:
        """What people call a shape."""
        card = self._library.card(shape)
        return card.title if card else shape

    def colour(self, part: str) -> tuple[float, float, float] | None:
        """Linear RGB of a part or a copy, the same as in the view; None before it was seen."""
        copies = self.state.mixture.copies if self.state else {}
        return self._shown.colour(part) or self._shown.colour(copies.get(part, ""))

    @property
    def words(self) -> str:
        """How the parts meet; "" while that is not known."""
        return self._shown.words

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
        return self._jobs.waiting

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from the base."""
        return self.state is not None and self.state.mixture.changed

    @property
    def can_keep(self) -> bool:
        """Whether the mixture is something else than a shape of the project, and nothing is wrong with it."""
        return self.state is not None and self.is_changed and not self.fault and not self._jobs.is_kept(self.state)

    @property
    def can_work(self) -> bool:
        """Whether the mixture can be kept, healed and drawn anew: nothing is wrong with it, and nothing is on its way."""
        return self.state is not None and not self.fault and not self.waiting

    @property
    def command(self) -> str:
        """The command that makes the mixture; "" where no single one does."""
        return command_of(self.state, self._project.folder) if self.state else ""

    # what a person does ----------------------------------------------------------------------------------------------
    def begin(self, shape: str) -> None:
        """Mix this shape: its own parts in all slots."""
        if self._library.card(shape) is None or not self._library.card(shape).parts:  # type: ignore[union-attr]
            self._troubles.tell("only shapes with named parts can be mixed; choose one that a model with parts made")
            return
        self._edit(f"mix {self.title(shape)}", MixState(mixture=Mixture(base=shape)))

    def select(self, name: str) -> None:
        """Choose a part; the shelf offers donors of it."""
        if name == self.selected:
            return
        self.selected = name
        self._offer()
        self.selected_changed.emit()
        if not self._shown.is_there:
            self._shown.look()
        elif self.scene.shape(KEY).part(name) is not None and self.scene.selected != (KEY, name):
            self.scene.select((KEY, name))

    def select_number(self, number: int) -> None:
        """Choose the slot at a place, from 1."""
        if 1 <= number <= len(self.slots):
            self.select(self.slots[number - 1].name)

    def take(self, part: str, shape: str) -> None:
        """Put the part of another shape into a slot."""
        if self.state and self._can_give(part, shape):
            self.select(part)
            self._edit(f"use the {part} of {self.title(shape)}", mix_state.take(self.state, part, shape))

    def add_donor(self, part: str, shape: str) -> None:
        """One more shape on the part's fader."""
        if self.state and self.base and self._can_give(part, shape):
            self._edit(f"blend {part}", mix_state.add_donor(self.state, part, shape, self.base.parts))

    def try_fade(self, part: str, alpha: float) -> None:
        """Show the part at a place of its fader, while the hand is on it."""
        slot = self.slot(part)
        if self.state and slot and len(slot.donors) > 1:
            self._shown.attempt(mix_state.fade(self.state, part, slot.donors, alpha).mixture)

    def fade(self, part: str, alpha: float) -> None:
        """Leave the fader of a part at a place."""
        slot = self.slot(part)
        if self.state and slot and len(slot.donors) > 1 and alpha != slot.alpha:
            self._edit(f"blend {part}", mix_state.fade(self.state, part, slot.donors, alpha), self._gesture)

    def begin_gesture(self) -> None:
        """From now on steps of a fader are one edit, until the next time."""
        self._gesture = f"fader {next(self._gestures)} {id(self)}"

    def remove(self, name: str) -> None:
        """Take a part or a copy out."""
        if self.state and self.base and self.slot(name):
            self._edit(f"remove {name}", mix_state.remove(self.state, name, self.base.parts))

    def reset(self, name: str) -> None:
        """The base's own part again, where it stood."""
        if self.state:
            self._edit(f"reset {name}", mix_state.reset(self.state, name))

    def duplicate(self, name: str) -> None:
        """A second one beside it."""
        slot = self.slot(name)
        if self.state and slot and slot.origin not in ("absent", "removed"):
            state, copy = mix_state.duplicate(self.state, name)
            self._edit(f"duplicate {slot.part}", state)
            self.select(copy)

    def mirror(self, name: str) -> None:
        """To the other side of the middle."""
        if self.state and (slot := self.slot(name)) and slot.origin not in ("absent", "removed"):
            self._edit(f"mirror {name}", mix_state.mirror(self.state, name))

    def lock(self, part: str, held: bool) -> None:
        """Keep the numbers of a part when the mixture is healed, or let them go."""
        if self.state:
            self._edit(f"{'hold' if held else 'free'} {part}", mix_state.lock(self.state, part, held))

    # jobs ------------------------------------------------------------------------------------------------------------
    def keep(self) -> None:
        """Make the mixture a shape of the project."""
        if self.state and not self.fault:
            self._jobs.keep(self.state, lambda shapes: self._arrive(shapes[0]))
            self.changed.emit()

    def export(self) -> None:
        """Ask how to export the mixture; where it is not a shape of the project yet, as soon as it is one."""
        if self.state is None or self.fault:
            return
        if self.is_changed:
            self._jobs.keep(self.state, lambda shapes: self._arrive(shapes[0], export=True))
            self.changed.emit()
        else:
            self.made.emit(self.state.mixture.base, True)

    def heal(self) -> None:
        """Keep the mixture and let its parts fit together; what comes of it is mixed on."""
        self._work(lambda shape: HealJob(shape=shape), self._take_healed)

    def reroll(self, name: str = "") -> None:
        """Draw a part anew, all else as it is; variants come into the tray."""
        slot = self.slot(name or self.selected)
        if slot is None:
            return
        if slot.origin in ("absent", "removed"):
            self._troubles.tell(f"there is no {slot.name} to draw anew; take one from the shelf first")
            return
        self._work(lambda shape: RerollJob(shape=shape, parts=(slot.part,), count=VARIANTS), self._draw)

    def resume(self, state_of: Callable[[str], str]) -> None:
        """Wait again for what an earlier window healed or drew; ``state_of`` : as in MixJobs.restore."""
        if self._jobs.restore(state_of, lambda job: self._take_healed if isinstance(job, HealJob) else self._draw):
            self.drawn.emit()

    def ended(self, run: str, shapes: tuple[str, ...]) -> None:
        """A job ended; ``shapes`` are what it made, none where it failed."""
        if self._jobs.ended(run, shapes):
            self.drawn.emit()

    # seeing ----------------------------------------------------------------------------------------------------------
    def wake(self, awake: bool) -> None:
        """Whether the panel is looked at: only then the mixture is shown in the view."""
        self._shown.wake(awake)

    # inside ----------------------------------------------------------------------------------------------------------
    def _edit(self, text: str, state: MixState | None, gesture: str = "") -> None:
        if state == self.state:
            return
        try:
            self._history.do(text, KIND, _data(state), _data(self.state), gesture)
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)

    def _apply(self, data: Mapping[str, Any]) -> None:
        """The mixture is this one now: by an edit, by undo or redo, or as it was left."""
        before = self.state.mixture.base if self.state else ""
        self.state = msgspec.convert(data["mix"], MixState) if data["mix"] else None
        if self.state is None or before != self.state.mixture.base:
            self.tray.show_names(())
        if self.state and self.slot(self.selected) is None:
            slots = self.slots
            self.selected = slots[0].name if slots else ""
            self.selected_changed.emit()
        self._arranged()
        self._shown.follow(self.state.mixture if self.state else None)

    def _arranged(self) -> None:
        if not self.selected and self.slots:
            self.selected = self.slots[0].name
            self.selected_changed.emit()
        self._offer()
        self.changed.emit()

    def _offer(self) -> None:
        """Donors of the chosen part, other shapes that mean the same; nothing to do where these are on the shelf already."""
        slot = self.slot(self.selected)
        root = self._kin.root(self.base.run) if self.base else ""
        own = self.base.name if self.base else ""
        offered = (slot.part, root, own) if slot else ("", "", "")
        if offered != self._offered:
            self._offered = offered
            self.donors.offer(
                offered[0],
                lambda card: bool(root and card.run) and card.name != own and self._kin.root(card.run) == root,
            )

    def _read(self) -> None:
        """The library is another."""
        self._vocabulary_of = ("", ())
        self._arranged()
        for shape in [one for one in self._coming if self._library.card(one)]:
            self.made.emit(shape, self._coming.pop(shape))

    def _vocabulary(self) -> tuple[str, ...]:
        """Parts of the base, then those that only others of its kind have; looked up once for a base."""
        assert self.base is not None
        if self._vocabulary_of[0] != self.base.name:
            root = self._kin.root(self.base.run)
            kin = (card for card in self._library.cards if card.kind == "shape" and self._kin.root(card.run) == root)
            names = tuple(dict.fromkeys([*self.base.parts, *(part for card in kin for part in card.parts)]))
            self._vocabulary_of = (self.base.name, names)
        return self._vocabulary_of[1]

    def _can_give(self, part: str, shape: str) -> bool:
        card = self._library.card(shape)
        if card is None or self.base is None:
            return False
        if card.kind != "shape" or self._kin.root(card.run) != self._kin.root(self.base.run):
            self._troubles.tell(
                f"{card.title} is of another model than {self.base.title}, so their parts do not fit; "
                "choose a shape from the shelf"
            )
            return False
        if part not in card.parts:
            self._troubles.tell(f"{card.title} has no {part}; choose a shape from the shelf")
            return False
        return True

    def _moved(self, key: str, motion: Move) -> None:
        """A part was moved in the view."""
        if key == KEY and self.state:
            self._edit(f"move {motion.part}", mix_state.move(self.state, motion))

    def _follow(self) -> None:
        """A part was chosen in the view."""
        if self.scene.selected and self.scene.selected[0] == KEY and self.slot(self.scene.selected[1]):
            self.select(self.scene.selected[1])

    def _work(self, make: Callable[[str], Job], then: Callable[[tuple[str, ...]], None]) -> None:
        """Work on what the mixture is kept as; ``then`` gets the shapes that come of it."""
        if self.state and self.can_work:
            self._jobs.work(self.state, make, then)
            self.drawn.emit()

    def _arrive(self, shape: str, export: bool = False) -> None:
        """A shape was made; where the library does not know it yet, it hears of it next."""
        if self._library.card(shape):
            self.made.emit(shape, export)
        else:
            self._coming[shape] = export or self._coming.get(shape, False)

    def _draw(self, shapes: tuple[str, ...]) -> None:
        self.tray.show_names(shapes)

    def _take_healed(self, shapes: tuple[str, ...]) -> None:
        self._edit("heal", MixState(mixture=Mixture(base=shapes[0])))
        self._arrive(shapes[0])


def _data(state: MixState | None) -> dict[str, Any]:
    return {"mix": msgspec.to_builtins(state) if state else None}
