"""The two-minute tour: what it says at each step, and what a person does that ends the step."""

from dataclasses import dataclass

from PySide6.QtCore import Signal

from studio.models.make import Make
from studio.models.mix import Mix
from studio.models.opened import OpenProject, ProjectModel

Place = tuple[str, str]  # the kind of a view, and the name of the control in it; "" = the view itself


@dataclass(frozen=True)
class Step:
    """One stop. name : of what ends it, see `Tour.did`; place : the control that it points at; workspace : where that is"""

    name: str
    title: str
    words: str
    place: Place
    workspace: str = ""


STEPS = (
    Step(
        "generate",
        "Make new shapes",
        "Press Generate. The model above invents shapes of its own; nobody has drawn them before.",
        ("MakeView", "go"),
        "Make",
    ),
    Step(
        "choose",
        "Pick one you like",
        "Shapes form here. Click one as soon as it is ready to see it large.",
        ("GalleryView", ""),
        "Make",
    ),
    Step(
        "turn",
        "Look at it from all sides",
        "Drag to turn it, roll the wheel to come nearer. Point at a part to read its name.",
        ("View3D", ""),
        "Make",
    ),
    Step(
        "mix",
        "It is made of parts",
        "Parts can be exchanged between shapes. Go to Mix, at the top right.",
        ("MainWindow", "tabs"),
    ),
    Step(
        "begin",
        "Take it apart",
        "Press the button: each part of the shape gets a slot of its own.",
        ("MixView", "begin"),
        "Mix",
    ),
    Step(
        "swap",
        "Give it another part",
        "Choose a slot, then double-click one of these shapes to take its part. R invents a new one.",
        ("MixView", "shelf"),
        "Mix",
    ),
    Step(
        "keep",
        "Keep it, take it along",
        "Keep makes it a shape of your project. Export takes it to Blender, a game or a 3D printer.",
        ("MixView", "keep"),
        "Mix",
    ),
    Step(
        "library",
        "Everything stays here",
        "All that you make is kept in the library. Right-click a shape to see what else can be done with it.",
        ("LibraryView", "list"),
    ),
)


class Tour(ProjectModel):
    """Where somebody is on the tour of an open project. ``changed`` at every step; ``ended`` when it was left or is over."""

    changed = Signal()
    ended = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.number: int | None = None
        self._mix = opened.model(Mix)
        opened.model(Make).asked.connect(lambda _: self.did("generate"))
        opened.current.shape_changed.connect(lambda shape: self.did("choose") if "/" in shape else None)
        self._mix.changed.connect(self._mixed)
        self._mix.made.connect(lambda *_: self.did("keep"))

    @property
    def step(self) -> Step | None:
        """The step that is shown; None while nobody takes the tour."""
        return None if self.number is None else STEPS[self.number]

    def start(self) -> None:
        """Begin at the first step."""
        if not self._opened.model(Make).sources:
            self._opened.troubles.tell(
                "The tour begins with a model that makes shapes, and there is none yet", note=True
            )
            return
        self._go(0)

    def next(self) -> None:
        """Go on, whether or not it was done; from the last step to the end."""
        if self.number is not None:
            skip = STEPS[self.number].name == "mix" and self._mix.base is not None  # there are slots already
            self._go(self.number + (2 if skip else 1))

    def back(self) -> None:
        """Read the step before once more."""
        if self.number:
            self._go(self.number - 1)

    def leave(self) -> None:
        """Enough of it."""
        if self.number is not None:
            self.number = None
            self.changed.emit()
            self.ended.emit()

    def did(self, name: str) -> None:
        """Somebody did what a step asks for; of other steps nothing follows."""
        if self.step is not None and self.step.name == name:
            self.next()

    def _mixed(self) -> None:
        if self._mix.base is not None:
            self.did("begin")
            if self._mix.is_changed:
                self.did("swap")

    def _go(self, number: int) -> None:
        if number >= len(STEPS):
            self.leave()
            return
        self.number = number
        if STEPS[number].workspace:
            self._opened.current.go_to(STEPS[number].workspace)
        self.changed.emit()
