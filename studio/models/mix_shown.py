"""What is seen of a mixture: its surfaces in the scene, how its parts meet, and the field where it is cut open."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Signal

from engine.live_client import Answer
from engine.live_requests import Cut as Field
from engine.live_requests import Decode, Joined, Joints, Meshes, Mixture, Section
from studio.models.joint_words import numbers_of, words_of
from studio.models.live import Live
from studio.models.looking import COARSE, FINE, SECTION
from studio.models.scene import Cut, PartMesh, Scene, Shape
from studio.models.troubles import Troubles

KEY = "mix"  # of the mixture's shape in the scene
AS_USUAL = "all parts meet as usual"


class Shown(QObject):
    """Asks the live engine for what must be seen now, while the panel is looked at.

    changed : other surfaces, or something is known to be wrong; judged : how the parts meet
    words, numbers, score : how they meet, for people, for those who measure, and in all; -1 = not known
    fault : why the mixture cannot be made, "" as long as nothing is wrong
    """

    changed = Signal()
    judged = Signal()

    def __init__(self, live: Live, scene: Scene, troubles: Troubles, title: Callable[[str], str]) -> None:
        """title : gives what people call a shape."""
        super().__init__()
        self._live, self._scene, self._troubles, self._title = live, scene, troubles, title
        self.words, self.numbers, self.score = "", "", -1.0
        self.fault = ""
        self._mixture: Mixture | None = None
        self._pieces: dict[str, tuple[str, PartMesh]] = {}  # name -> key of its surface, and that
        self._awake = False
        scene.plane_changed.connect(self._cut)

    @property
    def is_there(self) -> bool:
        """Whether the scene shows the mixture."""
        return KEY in {shape.key for shape in self._scene.shapes}

    def colour(self, name: str) -> tuple[float, float, float] | None:
        """Linear RGB of a part or a copy, the same as in the view; None before it was seen."""
        found = self._pieces.get(name)
        return found[1].colour if found else None

    def wake(self, awake: bool) -> None:
        """Whether the panel is looked at: only then the mixture is shown."""
        self._awake = awake
        if not awake:
            self._scene.words.forget((KEY,))
        self.look()

    def follow(self, mixture: Mixture | None) -> None:
        """The mixture is this one from now on."""
        before, self._mixture = self._mixture, mixture
        if before is None or mixture is None or before.base != mixture.base:
            self._pieces.clear()
        if mixture is None:
            self._scene.words.forget((KEY,))
        if mixture != before:
            self.look()

    def attempt(self, mixture: Mixture) -> None:
        """Show this one for the moment, as while a hand is on a fader."""
        have = {name: key for name, (key, _) in self._pieces.items()} if self.is_there else {}
        self.fault = ""
        if not self.is_there:
            self._scene.words.expect(KEY, lambda: self._name(mixture))
        request = Decode(of=mixture, resolution=COARSE, refine=FINE, have=have)
        self._live.ask(request, "mix", then=self._seen)

    def look(self) -> None:
        """Ask for what is to be seen, if anybody looks."""
        if self._awake and self._mixture:
            self.attempt(self._mixture)
            self._judge(self._mixture)

    # inside ----------------------------------------------------------------------------------------------------------
    def _name(self, mixture: Mixture) -> str:
        return f"Mix of {self._title(mixture.base)}"

    def _seen(self, answer: Answer) -> None:
        if answer.state == "failed":
            self.fault = answer.text
            self._scene.words.forget((KEY,))
            self._troubles.tell(answer.text, answer.trace)
            self.changed.emit()
        content = answer.content
        if not isinstance(content, Meshes) or self._mixture is None or not self._awake:
            return
        new = {}
        for piece in content.pieces:
            if (mesh := answer.mesh(piece.name)) is not None:
                new[piece.name] = (piece.key, PartMesh(piece.name, *mesh, piece.colour))
        there = {piece.name for piece in content.pieces}
        self._pieces = {name: one for name, one in {**self._pieces, **new}.items() if name in there}
        if self.is_there:
            for part in self._scene.shape(KEY).parts:
                if part.name not in there:
                    self._scene.remove_part(KEY, part.name)
            self._scene.set_parts(KEY, *(mesh for _, mesh in new.values()))
        else:
            self._scene.show([Shape(KEY, self._name(self._mixture), tuple(mesh for _, mesh in self._pieces.values()))])
        self.changed.emit()

    def _judge(self, mixture: Mixture) -> None:
        """Ask how the parts meet, when there is time."""
        self.words, self.numbers, self.score = "", "", -1.0
        self.judged.emit()
        self._live.ask(Joints(of=mixture), "mix joints", "later", self._met)

    def _met(self, answer: Answer) -> None:
        if isinstance(met := answer.content, Joined):
            self.words = words_of(met.joints, self._length) or met.words or AS_USUAL
            self.numbers, self.score = numbers_of(met.joints), met.score
        elif answer.state == "failed":
            self.words, self.numbers, self.score = answer.text, "", -1.0
        self.judged.emit()

    @property
    def _length(self) -> float:
        """The longest side of what is shown, canonical units; 1 as long as nothing is."""
        seen = [mesh.vertices for _, mesh in self._pieces.values() if len(mesh.vertices)]
        return float(np.ptp(np.concatenate(seen), 0).max()) or 1.0 if seen else 1.0

    def _cut(self) -> None:
        """The field on the plane at which the mixture is cut open."""
        plane = self._scene.plane
        if plane is None or self._mixture is None or self._scene.active != KEY:
            return

        def answered(answer: Answer) -> None:
            if isinstance(answer.content, Field) and self.is_there:
                cut = Cut(plane, answer.arrays["logits"], answer.arrays["part"], answer.content.parts)
                self._scene.set_cut(KEY, cut)

        corner, across, up = plane.rectangle
        request = Section(of=self._mixture, corner=corner, across=across, up=up, resolution=SECTION)
        self._live.ask(request, "cut", then=answered)
