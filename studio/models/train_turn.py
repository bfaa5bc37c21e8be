"""Turning items upright: which axes of their files are up and front, seen in the 3D view before anything is changed."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal

from engine.datasets.axes import Stated, axes_of, rotation_in
from engine.errors import StudioError
from engine.jobs import TurnJob
from engine.project import Project
from engine.rows import MADE, ItemRow
from engine.storage import map_tensor
from studio.models.bring import Bring
from studio.models.looking import Looking
from studio.models.opened import OpenProject, ProjectModel
from studio.models.scene_motion import turn
from studio.models.train_paint import Paint

Scope = Literal["one", "import", "all"]
KINDS = ("mesh", "parts", "cloud", "occupancy")  # of items that came from files
QUARTER = 90.0  # degrees


class Turn(ProjectModel):
    """``item`` is what is being turned, "" = nothing; ``axes`` how it would stand. ``changed`` after anything."""

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._bring = opened.model(Bring)
        self._scene = opened.model(Looking).scene
        self.item = self.title = ""
        self.axes = self.before = Stated("+y", "+z")
        self.scope: Scope = "one"
        self._group: tuple[str, ...] = ()  # what came in with it
        self.run = ""  # the job that turns it
        self._paint = opened.model(Paint)
        self._paint.changed.connect(self._give_way)
        self._scene.shapes_changed.connect(self._preview)
        opened.current.shape_changed.connect(self._follow)
        opened.queue.ended.connect(self._ended)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def can_begin(self) -> bool:
        """Whether there is anything to turn."""
        return bool(self._from_files())

    def scopes(self) -> dict[Scope, int]:
        """What can be turned at once -> how many shapes that is; the same number is offered once."""
        counts: dict[Scope, int] = {"one": 1, "import": len(self._group), "all": len(self._from_files())}
        return {
            scope: count
            for i, (scope, count) in enumerate(counts.items())
            if not i or (count > 1 and count not in list(counts.values())[1:i])
        }

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items that would be turned."""
        if self.scope == "all":
            return tuple(row.id for row in self._from_files())
        return self._group if self.scope == "import" else (self.item,)

    @property
    def obstacle(self) -> str:
        """Why nothing can be turned now; "" when it can."""
        if self.run:
            return "It is being turned."
        if self._bring.busy:
            return "Shapes are still coming in."
        return "It stands like this now." if self.scope == "one" and self.axes == self.before else ""

    # begin and end ---------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Turn the item that is looked at, or else the first."""
        rows = sorted(self._from_files(), key=lambda row: row.id != self._opened.current.shape)
        row = next((row for row in rows if self._opened.project.geometry_path(row.id).is_file()), None)
        if row is None:
            self._opened.troubles.tell("none of these shapes has a surface that could be seen turning; bring in meshes")
            return
        try:
            there = map_tensor(self._opened.project.geometry_path(row.id), "to_source")[0]
            self.axes = self.before = axes_of(rotation_in(there))
        except StudioError as error:
            self._opened.troubles.tell_error(error)
            return
        self._paint.end()  # a brush would paint on how it stood
        card = self._opened.library.card(row.id)
        self.item, self.title = row.id, card.title if card else row.id
        self.scope, self._group, self.run = "one", (), ""
        self._opened.current.show(row.id)
        folder, item = self._opened.folder, row.id
        self._opened.background.do(
            lambda: came_with(folder, item), lambda names: self._know(item, names), self._opened.troubles.tell_error
        )
        self._preview()
        self.changed.emit()

    def end(self) -> None:
        """Leave everything as it is, and show it so."""
        if self.item:
            item, self.item, self.run = self.item, "", ""
            if self._is_shown(item):
                self._scene.place(item, None)
            self.changed.emit()

    # what a person does ----------------------------------------------------------------------------------------------
    def set_up(self, up: str) -> None:
        """This axis of the file points up. A front on the same line gives way to what was up."""
        front = self.axes.up if up[1] == self.axes.front[1] else self.axes.front
        self._take(Stated(up, front))

    def set_front(self, front: str) -> None:
        """This axis of the file is the front. What was up on the same line gives way to the old front."""
        up = self.axes.front if front[1] == self.axes.up[1] else self.axes.up
        self._take(Stated(up, front))

    def tip(self, axis: int) -> None:
        """A quarter round x, y or z (0, 1, 2) of the view, as one would with the hand."""
        self._take(axes_of(turn(axis, QUARTER) @ self.axes.turn))

    def set_scope(self, scope: Scope) -> None:
        """Turn this one, what came in with it, or all."""
        self.scope = scope
        self.changed.emit()

    def apply(self) -> str:
        """Put the job into the queue; returns its run."""
        if not self.item or self.obstacle:
            return ""
        axes = msgspec.to_builtins(self.axes)
        self.run = self._opened.submit(msgspec.convert({"items": self.items, **axes}, TurnJob))
        self.changed.emit()
        return self.run

    # inside ----------------------------------------------------------------------------------------------------------
    def _from_files(self) -> list[ItemRow]:
        rows = [row for row in self._bring.items if row.kind in KINDS and row.split != MADE]
        return [row for row in rows if row.verdict != "refused"]

    def _know(self, item: str, names: tuple[str, ...]) -> None:
        if item == self.item:
            there = {row.id for row in self._from_files()}
            self._group = tuple(name for name in names if name in there)
            self.changed.emit()

    def _take(self, axes: Stated) -> None:
        self.axes = axes
        self._preview()
        self.changed.emit()

    @property
    def _by(self) -> NDArray[np.float64]:
        """(3, 3) from how it stands now to how it would."""
        found: NDArray[np.float64] = self.axes.turn @ self.before.turn.T
        return found

    def _preview(self) -> None:
        if self.item and self._is_shown(self.item):
            matrix = np.eye(4)
            matrix[:3, :3] = self._by
            self._scene.place(self.item, matrix)

    def _is_shown(self, item: str) -> bool:
        return item in {shape.key for shape in self._scene.shapes}

    def _follow(self, shown: str) -> None:
        """Something else is looked at."""
        if self.item and shown != self.item:
            self.end()

    def _give_way(self) -> None:
        """Somebody begins to paint."""
        if self.item and self._paint.item:
            self.end()

    def _ended(self, run: str) -> None:
        if run and run == self.run:
            task = self._opened.queue.task(run)
            self.run = ""
            if task is not None and task.state == "finished":
                self.before = self.axes
                self.end()
            else:
                self.changed.emit()


def came_with(folder: Path, item: str) -> tuple[str, ...]:
    """Items of the newest import that brought one in, itself too; () where none did. For a thread: opens the project anew."""
    with Project(folder) as project:
        for run in reversed(project.catalogue.runs("import")):
            path = project.run_folder(run.id) / "result.json"
            if path.is_file():
                names = tuple(
                    dict.fromkeys(one["id"] for one in msgspec.json.decode(path.read_bytes()).get("items", ()))
                )
                if item in names:
                    return names
    return ()
