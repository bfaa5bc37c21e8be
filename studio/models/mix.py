"""The state of the part-swap panel: what is mixed, what is shown of it, how its parts meet, what was drawn anew.

It asks the live engine for what must be seen now, and puts jobs into the queue for what is to be kept. Everything that a
person does goes through the history, so that it can be undone, also tomorrow.
"""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

import msgspec
from PySide6.QtCore import QObject, Signal

from engine.card import Move
from engine.errors import StudioError
from engine.jobs import HealJob, Job, RerollJob
from engine.live_client import Answer
from engine.live_requests import Cut as Field
from engine.live_requests import Decode, Joined, Joints, Meshes, Mixture, Section, jobs_to_keep
from engine.project import Project
from studio.models import mix_state
from studio.models.history import History
from studio.models.library import Card, Library
from studio.models.live import Live
from studio.models.looking import COARSE, FINE, SECTION, Looking
from studio.models.mix_command import command_of
from studio.models.mix_kin import Donors, Kin, Tray
from studio.models.mix_state import MixState, Slot
from studio.models.opened import OpenProject
from studio.models.scene import Cut, PartMesh, Scene, Shape
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Troubles

KIND = "mix"  # of its edits in the history
KEY = "mix"  # of its shape in the scene
VARIANTS = 4
AS_USUAL = "all parts meet as usual"


class Mix(QObject):
    """changed : the mixture, its slots or what can be done; selected : another part; judged : how the parts meet.

    drawn : another reroll is on its way, or here
    """

    changed = Signal()
    selected_changed = Signal()
    judged = Signal()
    drawn = Signal()

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
        opened.queue.ended.connect(lambda run: found.ended(run, _result(opened, run)))
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
        self._project, self._library, self._history, self._live = project, library, history, live
        self._submit, self.scene, self._troubles = submit, scene, troubles
        self.folder = project.folder
        self._kin = Kin(project)
        self.donors = Donors(library, thumbnails)
        self.tray = Tray(library, thumbnails)
        self.state: MixState | None = None
        self.selected = ""
        self.words, self.score = "", -1.0  # how the parts meet; -1 = not known
        self.fault = ""  # why the mixture as it is cannot be made; "" as long as nothing is known to be wrong
        self.waiting = ""  # the run that draws variants or heals
        self._pieces: dict[str, tuple[str, PartMesh]] = {}
        self._offered = ("", "")  # part, root of the shapes on the shelf
        self._vocabulary_of: tuple[str, tuple[str, ...]] = ("", ())  # base, names
        self._awake = False
        self._gestures = count()
        self._gesture = ""
        self._after: dict[str, Callable[[tuple[str, ...]], None]] = {}
        history.register(KIND, self._apply)
        self._apply(history.last(KIND) or {"mix": None})
        library.changed.connect(self._read)
        scene.moved.connect(self._moved)
        scene.selection_changed.connect(self._follow)
        scene.plane_changed.connect(self._cut)

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
        found = self._pieces.get(part) or self._pieces.get(copies.get(part, ""))
        return found[1].colour if found else None

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from the base."""
        return self.state is not None and self.state.mixture.changed

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
        if not self._is_shown():
            self.wake(self._awake)
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
            self._edit(f"take {part} of {self.title(shape)}", mix_state.take(self.state, part, shape))

    def add_donor(self, part: str, shape: str) -> None:
        """One more shape on the part's fader."""
        if self.state and self.base and self._can_give(part, shape):
            self._edit(f"blend {part}", mix_state.add_donor(self.state, part, shape, self.base.parts))

    def try_fade(self, part: str, alpha: float) -> None:
        """Show the part at a place of its fader, while the hand is on it."""
        slot = self.slot(part)
        if self.state and slot and len(slot.donors) > 1:
            self._show(mix_state.fade(self.state, part, slot.donors, alpha).mixture)

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
        self._keep()

    def heal(self) -> None:
        """Keep the mixture and let its parts fit together; what comes of it is mixed on."""
        self._keep_and(lambda shape: HealJob(shape=shape), self._take_healed)

    def reroll(self, name: str = "") -> None:
        """Draw a part anew, all else as it is; variants come into the tray."""
        slot = self.slot(name or self.selected)
        if slot is None:
            return
        if slot.origin in ("absent", "removed"):
            self._troubles.tell(f"there is no {slot.name} to draw anew; take one from the shelf first")
            return
        job = lambda shape: RerollJob(shape=shape, parts=(slot.part,), count=VARIANTS)  # noqa: E731
        self._keep_and(job, self.tray.show_names)

    def ended(self, run: str, shapes: tuple[str, ...]) -> None:
        """A job ended; ``shapes`` are what it made, none where it failed."""
        then = self._after.pop(run, None)
        if then is None:
            return
        if run == self.waiting:
            self.waiting = ""
        if shapes:
            then(shapes)
        self.drawn.emit()

    # seeing ----------------------------------------------------------------------------------------------------------
    def wake(self, awake: bool) -> None:
        """Whether the panel is looked at: only then the mixture is shown in the view."""
        self._awake = awake
        if awake and self.state:
            self._show(self.state.mixture)
            self._judge()

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
        before = self.state.mixture if self.state else None
        self.state = msgspec.convert(data["mix"], MixState) if data["mix"] else None
        mixture = self.state.mixture if self.state else None
        if before is None or mixture is None or before.base != mixture.base:
            self._pieces.clear()
            self.tray.show_names(())
        if self.state and self.slot(self.selected) is None:
            slots = self.slots
            self.selected = slots[0].name if slots else ""
            self.selected_changed.emit()
        self._arranged()
        if mixture is not None and mixture != before and self._awake:
            self._show(mixture)
            self._judge()

    def _arranged(self) -> None:
        if not self.selected and self.slots:
            self.selected = self.slots[0].name
            self.selected_changed.emit()
        self._offer()
        self.changed.emit()

    def _offer(self) -> None:
        """Donors of the chosen part, of shapes that mean the same; nothing to do where these are on the shelf already."""
        slot = self.slot(self.selected)
        root = self._kin.root(self.base.run) if self.base else ""
        offered = (slot.part, root) if slot else ("", "")
        if offered != self._offered:
            self._offered = offered
            self.donors.offer(offered[0], lambda card: bool(root and card.run) and self._kin.root(card.run) == root)

    def _read(self) -> None:
        """The library is another."""
        self._vocabulary_of = ("", ())
        self._arranged()

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

    def _show(self, mixture: Mixture) -> None:
        have = {name: key for name, (key, _) in self._pieces.items()} if self._is_shown() else {}
        self.fault = ""
        request = Decode(of=mixture, resolution=COARSE, refine=FINE, have=have)
        self._live.ask(request, "mix", then=self._seen)

    def _is_shown(self) -> bool:
        return KEY in {shape.key for shape in self.scene.shapes}

    def _seen(self, answer: Answer) -> None:
        if answer.state == "failed":
            self.fault = answer.text
            self._troubles.tell(answer.text, answer.trace)
            self.changed.emit()
        content = answer.content
        if not isinstance(content, Meshes) or self.state is None or not self._awake:
            return
        new = {}
        for piece in content.pieces:
            if (mesh := answer.mesh(piece.name)) is not None:
                new[piece.name] = (piece.key, PartMesh(piece.name, *mesh, piece.colour))
        there = {piece.name for piece in content.pieces}
        self._pieces = {name: one for name, one in {**self._pieces, **new}.items() if name in there}
        if self._is_shown():
            for part in self.scene.shape(KEY).parts:
                if part.name not in there:
                    self.scene.remove_part(KEY, part.name)
            self.scene.set_parts(KEY, *(mesh for _, mesh in new.values()))
        else:
            title = f"Mix of {self.title(self.state.mixture.base)}"
            self.scene.show([Shape(KEY, title, tuple(mesh for _, mesh in self._pieces.values()))])
        self.changed.emit()

    def _judge(self) -> None:
        """Ask how the parts meet, when there is time."""
        self.words, self.score = "", -1.0
        self.judged.emit()
        if self.state:
            self._live.ask(Joints(of=self.state.mixture), "mix joints", "later", self._met)

    def _met(self, answer: Answer) -> None:
        if isinstance(answer.content, Joined):
            self.words, self.score = answer.content.words or AS_USUAL, answer.content.score
        elif answer.state == "failed":
            self.words, self.score = answer.text, -1.0
        self.judged.emit()

    def _cut(self) -> None:
        """The field on the plane at which the mixture is cut open."""
        plane = self.scene.plane
        if plane is None or self.state is None or self.scene.active != KEY:
            return

        def answered(answer: Answer) -> None:
            if isinstance(answer.content, Field) and self._is_shown():
                cut = Cut(plane, answer.arrays["logits"], answer.arrays["part"], answer.content.parts)
                self.scene.set_cut(KEY, cut)

        corner, across, up = plane.rectangle
        request = Section(of=self.state.mixture, corner=corner, across=across, up=up, resolution=SECTION)
        self._live.ask(request, "cut", then=answered)

    def _moved(self, key: str, motion: Move) -> None:
        """A part was moved in the view."""
        if key == KEY and self.state:
            self._edit(f"move {motion.part}", mix_state.move(self.state, motion))

    def _follow(self) -> None:
        """A part was chosen in the view."""
        if self.scene.selected and self.scene.selected[0] == KEY and self.slot(self.scene.selected[1]):
            self.select(self.scene.selected[1])

    def _keep(self) -> list[Job]:
        """Jobs in the queue that make the mixture; [] where it is the base itself, or that failed, which is told."""
        if self.state is None or self.fault or not self.is_changed:
            return []
        try:
            submit = lambda job: self._project.job(self._submit(job))  # noqa: E731
            return jobs_to_keep(self.state.mixture, submit, self.state.held, self.state.free)
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return []

    def _keep_and(self, make: Callable[[str], Job], then: Callable[[tuple[str, ...]], None]) -> None:
        """Work on what the mixture is kept as; ``then`` gets the shapes that come of it."""
        if self.state is None or not self.can_work:
            return
        kept = self._keep()
        if self.is_changed and not kept:
            return
        try:
            run = self._submit(make(f"{kept[-1].run}/0000" if kept else self.state.mixture.base))
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return
        self.waiting = run
        self._after[run] = then
        self.drawn.emit()

    def _take_healed(self, shapes: tuple[str, ...]) -> None:
        self._edit("heal", MixState(mixture=Mixture(base=shapes[0])))


def _data(state: MixState | None) -> dict[str, Any]:
    return {"mix": msgspec.to_builtins(state) if state else None}


def _result(opened: OpenProject, run: str) -> tuple[str, ...]:
    """Shapes that a finished run made."""
    path: Path = opened.project.run_folder(run) / "result.json"
    if not path.is_file():
        return ()
    shapes = msgspec.json.decode(path.read_bytes()).get("shapes", ())
    return tuple(one if isinstance(one, str) else one["id"] for one in shapes)
