"""Painting parts on an item: strokes on its surface in the 3D view, what the live engine makes of them, and their history.

The marks are kept in the history at every stroke, under a kind of their own for each item, so that nothing is lost and all
can be undone; ``apply`` makes a job of them, which gives the item its parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from functools import partial
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from PySide6.QtCore import Signal

from engine.card import Three
from engine.datasets.axes import Stated, stated_in
from engine.datasets.marks import BROADEST, FINEST, Mark, Painting
from engine.jobs import ImportJob, PartsJob, RenameJob, TurnJob
from engine.live_client import Answer
from engine.live_requests import Paint as Request
from engine.live_requests import Painted
from engine.rows import ItemRow
from studio.models.looking import Looking
from studio.models.opened import OpenProject, ProjectModel
from studio.models.scene_contents import Colour, Ray, Shape
from studio.models.scene_painted import Surface, hit

CHANNEL = "paint"
PAINT = "paint "  # kinds of edits begin with it
RADIUS = 0.03  # canonical units, of the brush at first
STEP = 0.4  # of the radius: a stroke has a point each so far


class Paint(ProjectModel):
    """``item`` is what is painted on, "" = nothing. ``changed`` after anything; ``part`` "" is the brush that wipes off."""

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._scene = opened.model(Looking).scene
        self.item = self.title = self.part = ""
        self.radius = RADIUS
        self.painting = Painting("")
        self.applied = Painting("")  # what the item has its parts from
        self.symmetric = False
        self.ready = False  # whether the surface has come
        self.colours: dict[str, Colour] = {}
        self._names: tuple[str, ...] = ()  # parts to choose from that have no mark yet
        self._stroke: list[Three] = []
        self._surface: Surface | None = None
        self._shape: Shape | None = None
        self._registered: set[str] = set()
        self._kind = ""  # of the edits of the item as it stands
        for (
            kind
        ) in opened.history.kinds:  # what was painted in an earlier session can be undone before it is seen again
            if kind.startswith(PAINT):
                self._register(kind)
        self._scene.brushed.connect(self._brush)
        opened.queue.ended.connect(self._ended)
        self._scene.shapes_changed.connect(self._keep_in_view)
        opened.current.shape_changed.connect(self._follow)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        """Parts that can be painted."""
        return tuple(dict.fromkeys([*self.painting.names, *self._names]))

    @property
    def obstacle(self) -> str:
        """Why the marks cannot become parts now; "" when they can."""
        if not self.ready:
            return "The surface is made ready."
        queue = self._opened.queue
        open_jobs = [task.job for task in (queue.running, *queue.waiting) if task]
        if any(isinstance(job, TurnJob) and self.item in job.items for job in open_jobs):
            return "It is being turned, and what is painted would lie elsewhere."
        if self.painting == self.applied:
            return (
                "Paint on the shape: a stroke or two for each part." if not self.painting.marks else "All is applied."
            )
        if self.painting.marks and len(self.painting.names) < 2:
            return "One part is no division: paint another one, too."
        return ""

    def count(self, part: str) -> int:
        """Strokes of a part."""
        return sum(mark.part == part for mark in self.painting.marks)

    # begin and end ---------------------------------------------------------------------------------------------------
    def begin(self, item: ItemRow, title: str) -> None:
        """Paint on an item, with the names that it has, or those that were painted last."""
        self._kind = _kind(item.id, stated_in(self._opened.project.geometry_path(item.id).parent))
        self._register(self._kind)
        kept = self._opened.history.last(self._kind)
        self.item, self.title, self.ready = item.id, title, False
        self.painting = self.applied = Painting(item.id)
        if kept is not None:
            self.painting = msgspec.convert(kept["painting"], type=Painting)
        self._names = tuple(dict.fromkeys([*self._names, *item.parts]))
        self.part = self.part if self.part in self.names else next(iter(self.names), "")
        self._surface = self._shape = None
        self._scene.plane = None
        self._scene.select(None)
        self._scene.look = changed(self._scene.look, part_colours=True, explode=0.0, arrangement="one")
        self._opened.current.show(item.id)
        self._ask(surface=True)
        self.changed.emit()

    def begin_with(self, items: Sequence[ItemRow]) -> None:
        """Paint on the one of these items that is looked at, else on the first."""
        shown = self._opened.current.shape
        item = next((item for item in items if item.id == shown), items[0] if items else None)
        if item is not None:
            card = self._opened.library.card(item.id)
            self.begin(item, card.title if card else item.id)

    def end(self) -> None:
        """Put the brush away and show the item as it is. The marks stay."""
        if not self.item:
            return
        self.item, self._kind, self._stroke, self._shape, self._surface = "", "", [], None, None
        self._scene.brush = 0.0
        self._opened.live.withdraw(CHANNEL)
        self._opened.model(Looking).look(self._opened.current.shape)
        self.changed.emit()

    # what a person does ----------------------------------------------------------------------------------------------
    def choose(self, part: str) -> None:
        """Paint another part; "" wipes off."""
        self.part = part
        self._settle_brush()
        self.changed.emit()

    def add(self, name: str) -> None:
        """One more part, which is painted next."""
        name = " ".join(name.split())
        if name and name.isprintable():
            self._names = tuple(dict.fromkeys([*self._names, name]))
            self._ask()
            self.choose(name)

    def rename(self, old: str, new: str) -> None:
        """Call a part something else; two of one name become one. It can be undone."""
        new = " ".join(new.split())
        if not new or not new.isprintable() or new == old:
            self.changed.emit()  # whoever typed sees the old name again
            return
        marks = tuple(replace(mark, part=new) if mark.part == old else mark for mark in self.painting.marks)
        self._do(f"rename {old} to {new}", replace(self.painting, marks=marks))
        self._call(old, new)
        self.changed.emit()

    def set_radius(self, radius: float) -> None:
        """Another size of the brush, canonical units."""
        self.radius = min(max(radius, FINEST), BROADEST)
        self._settle_brush()

    def set_mirror(self, mirror: bool) -> None:
        """Let all marks stand on the other side, too, or not. It can be undone."""
        self._do("mirror the marks" if mirror else "mirror no marks", replace(self.painting, mirror=mirror))

    def clear(self) -> None:
        """Take all marks off. It can be undone."""
        self._do("take all marks off", replace(self.painting, marks=()))

    def apply(self) -> str:
        """Give the item the parts that are painted, or, without marks, those from before; returns the run."""
        run = self._opened.submit(PartsJob(painted=(self.painting,))) if not self.obstacle else ""
        if run:
            self.applied = self.painting
            self.changed.emit()
        return run

    # strokes ---------------------------------------------------------------------------------------------------------
    def _brush(self, key: str, ray: Ray | None) -> None:
        if not key:
            self._lift()
        elif key == self.item and self._surface is not None and ray is not None:
            place = hit(self._surface, ray)
            far = STEP * self.radius
            if place is not None and (not self._stroke or np.linalg.norm(np.subtract(place, self._stroke[-1])) > far):
                self._stroke.append(place)
                self._ask()

    def _lift(self) -> None:
        """A stroke is done."""
        if self._stroke:
            marks, self._stroke = self._with_stroke(), []
            self._do(f"paint {self.part}" if self.part else "wipe marks off", marks)

    def _with_stroke(self) -> Painting:
        if not self._stroke:
            return self.painting
        mark = Mark(self.part, tuple(self._stroke), self.radius)
        return replace(self.painting, marks=(*self.painting.marks, mark))

    def _do(self, text: str, painting: Painting) -> None:
        if painting != self.painting:
            action, inverse = ({"painting": msgspec.to_builtins(one)} for one in (painting, self.painting))
            self._opened.history.do(text, self._kind, action, inverse)

    def _register(self, kind: str) -> None:
        if kind not in self._registered:
            self._registered.add(kind)
            self._opened.history.register(kind, partial(self._set, kind))

    def _set(self, kind: str, data: Mapping[str, Any]) -> None:
        """How the marks of an item are now, by a stroke, undo or redo. A part that gets another name by it is followed."""
        if kind != self._kind:
            return
        before, self.painting = self.painting.names, msgspec.convert(data["painting"], type=Painting)
        gone = [name for name in before if name not in self.painting.names]
        come = [name for name in self.painting.names if name not in before]
        if len(gone) == len(come) == 1:
            self._call(gone[0], come[0])
        else:
            self._names = tuple(dict.fromkeys([*self._names, *gone]))
        if self.part not in self.names and not (self.part == "" and self.painting.marks):
            self.part = next(iter(self.names), "")
        self._settle_brush()
        self._ask()
        self.changed.emit()

    def _call(self, old: str, new: str) -> None:
        """A part is called something else from now on, in the list and by the brush."""
        self._names = tuple(dict.fromkeys(new if name == old else name for name in [*self._names, new]))
        self.part = new if self.part == old else self.part

    def _ended(self, run: str) -> None:
        """What the item has its parts from is what is on the disk, whatever became of a job."""
        task = self._opened.queue.task(run)
        if not self.item or task is None or not isinstance(task.job, PartsJob | RenameJob | TurnJob | ImportJob):
            return
        if _kind(self.item, stated_in(self._opened.project.geometry_path(self.item).parent)) != self._kind:
            self.end()  # it stands another way now: marks lie elsewhere
        else:
            self._ask(surface=True)

    # what comes of them ----------------------------------------------------------------------------------------------
    def _ask(self, surface: bool = False) -> None:
        if self.item:
            request = Request(painting=self._with_stroke(), names=self.names, surface=surface or self._surface is None)
            self._opened.live.ask(request, CHANNEL, then=self._answered)

    def _answered(self, answer: Answer) -> None:
        if answer.state == "failed":
            self._opened.troubles.tell(answer.text, answer.trace)
            self.end()
            return
        told = answer.content
        if not isinstance(told, Painted) or told.item != self.item:
            return
        if "faces" in answer.arrays:
            self._surface = Surface(answer.arrays["vertices"], answer.arrays["faces"])
            self.ready = True
            self._settle_brush()
        if told.before is not None:
            self.applied = told.before
            if not self.painting.marks and self._opened.history.last(self._kind) is None:
                self.painting = told.before
                if told.before.marks:
                    self._ask()
        self.symmetric = told.symmetric
        self.colours |= dict(zip(told.names, told.colours, strict=True))
        if self._surface is not None:
            parts = self._surface.parts(told.names, told.colours, answer.arrays["label"], answer.arrays["marked"])
            self._shape = Shape(self.item, self.title, parts)
            self._scene.show([self._shape])
        self.changed.emit()

    def _settle_brush(self) -> None:
        usable = self.item and self.ready and (self.part or self.painting.marks)
        self._scene.brush = self.radius if usable else 0.0

    def _keep_in_view(self) -> None:
        """What was read from the item's file meanwhile does not take the place of what is painted."""
        shown = self._scene.shapes
        if self._shape is not None and len(shown) == 1 and shown[0].key == self.item and shown[0] is not self._shape:
            self._scene.show([self._shape])

    def _follow(self, shown: str) -> None:
        """Something else is looked at."""
        if self.item and shown != self.item:
            self.end()


def _kind(item: str, axes: Stated | None) -> str:
    """Of the edits of an item; once it was turned, of another kind, since marks on what stood otherwise lie elsewhere."""
    return f"{PAINT}{item}" + (f" {axes.up} {axes.front}" if axes else "")
