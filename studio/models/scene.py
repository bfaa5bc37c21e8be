"""What the 3D view shows and how, as observable state: no widgets, no VTK. Coordinates are canonical space."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from engine.card import Move
from engine.errors import InputError
from studio.models.scene_contents import (
    MOST,
    Arrangement,
    Colour,
    Cut,
    Look,
    Matrix,
    PartMesh,
    Plane,
    Shape,
    Spot,
    Style,
)
from studio.models.scene_motion import matrix_of
from studio.models.scene_words import Words

__all__ = ["Arrangement", "Colour", "Cut", "Look", "Matrix", "PartMesh", "Plane", "Scene", "Shape", "Spot", "Style"]


@dataclass
class _Shown:
    """A shape and what was done to it in the view."""

    shape: Shape
    matrices: dict[str, Matrix] = field(default_factory=dict)  # parts that were moved and not decoded anew
    hidden: set[str] = field(default_factory=set)
    cut: Cut | None = None


class Scene(QObject):
    """Up to four shapes, what is hidden, selected, moved and cut, and how it looks. ``changed`` comes after any change.

    words : what the view says where there is nothing to see yet
    """

    changed = Signal()
    shapes_changed = Signal()  # which shapes there are, or which one is in front
    look_changed = Signal()
    selection_changed = Signal()
    hover_changed = Signal()
    visibility_changed = Signal()
    plane_changed = Signal()  # ask the engine for the section of `plane.rectangle`, and give it to `set_cut`
    moving = Signal(str, object)  # key, engine.card.Move: a part follows the mouse (nothing is decided yet)
    moved = Signal(str, object)  # key, engine.card.Move: decided; the part stands there in the view already
    brushed = Signal(str, object)  # key, Ray: the brush is held there; key "": it was lifted

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.words = Words(self)
        self._shown: dict[str, _Shown] = {}
        self._active = ""
        self._look = Look()
        self._selected: Spot | None = None
        self._hovered: Spot | None = None
        self._isolated: str | None = None
        self._plane: Plane | None = None
        self._motion: tuple[str, Move] | None = None
        self._brush = 0.0
        for signal in (self.shapes_changed, self.look_changed, self.selection_changed, self.hover_changed):
            signal.connect(self.changed)
        for signal in (self.visibility_changed, self.plane_changed):
            signal.connect(self.changed)

    # shapes -----------------------------------------------------------------------------------------------------------
    @property
    def shapes(self) -> tuple[Shape, ...]:
        """All shapes, in the order of their panes."""
        return tuple(shown.shape for shown in self._shown.values())

    @property
    def active(self) -> str:
        """Key of the shape in front; "" where there is none."""
        return self._active

    def shape(self, key: str) -> Shape:
        """The shape of that key. KeyError where it is not shown."""
        return self._shown[key].shape

    def show(self, shapes: Iterable[Shape]) -> None:
        """Show these and no others. What was hidden, moved and cut stays so for keys that stay."""
        wanted = {shape.key: shape for shape in shapes}
        if len(wanted) > MOST:
            raise InputError(f"the view shows at most {MOST} shapes at once, not {len(wanted)}; take some away")
        before, self._shown = self._shown, {}
        for key, shape in wanted.items():
            self._shown[key] = _Shown(shape)
            if key in before:
                kept = before[key]
                same = {name: matrix for name, matrix in kept.matrices.items() if _same_part(kept.shape, shape, name)}
                self._shown[key] = replace(kept, shape=shape, matrices=same)
        if self._active not in self._shown:
            self._active = next(iter(self._shown), "")
        self._forget_absent()
        self.words.forget(wanted)
        self.shapes_changed.emit()

    def activate(self, key: str) -> None:
        """Bring a shape to the front. KeyError where it is not shown."""
        self.shape(key)
        if key != self._active:
            self._active = key
            self.shapes_changed.emit()

    def set_parts(self, key: str, *meshes: PartMesh) -> None:
        """Replace or add parts of a shape; they stand where their vertices say. The other parts are untouched."""
        shown = self._shown[key]
        parts = {part.name: part for part in shown.shape.parts} | {mesh.name: mesh for mesh in meshes}
        shown.shape = replace(shown.shape, parts=tuple(parts.values()))
        for mesh in meshes:
            shown.matrices.pop(mesh.name, None)
        self.changed.emit()

    def remove_part(self, key: str, name: str) -> None:
        """Take a part away; nothing where it is not there."""
        shown = self._shown[key]
        shown.shape = replace(shown.shape, parts=tuple(part for part in shown.shape.parts if part.name != name))
        self._forget_absent()
        self.changed.emit()

    # look, selection, visibility --------------------------------------------------------------------------------------
    @property
    def look(self) -> Look:
        """How everything is shown."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        if look != self._look:
            self._look = look
            self.look_changed.emit()

    @property
    def selected(self) -> Spot | None:
        """The part that is selected."""
        return self._selected

    def select(self, spot: Spot | None) -> None:
        """Select a part, or none. InputError where there is no such part."""
        if spot is not None and (spot[0] not in self._shown or self.shape(spot[0]).part(spot[1]) is None):
            raise InputError(f"there is no part {spot[1]!r} in the view")
        if spot != self._selected:
            self._motion = None
            self._selected = spot
            self.selection_changed.emit()

    @property
    def hovered(self) -> Spot | None:
        """The part under the mouse."""
        return self._hovered

    def hover(self, spot: Spot | None) -> None:
        """Say what is under the mouse."""
        if spot != self._hovered:
            self._hovered = spot
            self.hover_changed.emit()

    @property
    def isolated(self) -> str | None:
        """Name of the part that alone is shown, in every shape."""
        return self._isolated

    def isolate(self, name: str | None) -> None:
        """Show the parts of this name alone; None shows the others again."""
        if name != self._isolated:
            self._isolated = name
            self.visibility_changed.emit()

    def visible(self, spot: Spot) -> bool:
        """Whether a part is neither hidden nor outside of what is isolated."""
        return spot[1] not in self._shown[spot[0]].hidden and self._isolated in (None, spot[1])

    def set_hidden(self, spot: Spot, hidden: bool) -> None:
        """Hide a part or show it; a hidden part is not selected."""
        parts = self._shown[spot[0]].hidden
        if hidden != (spot[1] in parts):
            (parts.add if hidden else parts.discard)(spot[1])
            self.visibility_changed.emit()
        if hidden and self._selected == spot:
            self.select(None)

    def show_all(self) -> None:
        """Nothing hidden, nothing isolated."""
        self._isolated = None
        for shown in self._shown.values():
            shown.hidden.clear()
        self.visibility_changed.emit()

    @property
    def brush(self) -> float:
        """Radius of the brush that paints on shapes, canonical units; 0: there is none, and clicks select."""
        return self._brush

    @brush.setter
    def brush(self, radius: float) -> None:
        if radius != self._brush:
            self._brush = radius
            self.look_changed.emit()

    # section ----------------------------------------------------------------------------------------------------------
    @property
    def plane(self) -> Plane | None:
        """Where all shapes are cut open; None: whole."""
        return self._plane

    @plane.setter
    def plane(self, plane: Plane | None) -> None:
        if plane != self._plane:
            self._plane = plane
            self.plane_changed.emit()

    def set_cut(self, key: str, cut: Cut | None) -> None:
        """The field of a shape on the plane. It is shown while the plane is that of the cut."""
        self._shown[key].cut = cut
        self.changed.emit()

    def cut(self, key: str) -> Cut | None:
        """The field to show on the plane now: None where it was sampled on another one."""
        cut = self._shown[key].cut
        return cut if cut is not None and cut.plane == self._plane else None

    # motions ----------------------------------------------------------------------------------------------------------
    def matrix(self, spot: Spot) -> Matrix:
        """(4, 4) from a part's vertices to where it stands, with the motion that is being tried."""
        settled = self._shown[spot[0]].matrices.get(spot[1], np.eye(4))
        if self._motion and (self._motion[0], self._motion[1].part) == spot:
            return matrix_of(self._motion[1], self.centre(spot)) @ settled
        return settled

    def is_moved(self, key: str) -> bool:
        """Whether a part stands elsewhere than its vertices say."""
        return bool(self._shown[key].matrices) or (self._motion is not None and self._motion[0] == key)

    def centre(self, spot: Spot) -> NDArray[np.float64]:
        """(3,) middle of the part's box where it stands, without the motion that is being tried: what moves turn about."""
        mesh = self.shape(spot[0]).part(spot[1])
        if mesh is None or not len(mesh.faces):
            return np.zeros(3)
        matrix = self._shown[spot[0]].matrices.get(spot[1])
        if matrix is None:
            return mesh.bounds.mean(0)
        placed = mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        return (placed.min(0) + placed.max(0)) / 2

    def try_motion(self, key: str, move: Move | None) -> None:
        """Show a part as if it were moved; None: as it stood."""
        self._motion = None if move is None else (key, move)
        self.changed.emit()
        if move is not None:
            self.moving.emit(key, move)

    def settle_motion(self) -> None:
        """What is being tried is decided: the part stands there until its surface is replaced."""
        if self._motion is None:
            return
        key, move = self._motion
        settled = self.matrix((key, move.part))
        self._motion = None
        self._shown[key].matrices[move.part] = settled
        self.changed.emit()
        self.moved.emit(key, move)

    def place(self, key: str, matrix: Matrix | None) -> None:
        """Let all parts of a shape stand elsewhere for the moment; None: where their vertices say. KeyError as `shape`."""
        parts = self.shape(key).parts
        self._shown[key].matrices = {} if matrix is None else {part.name: matrix for part in parts}
        self.changed.emit()

    def reset_matrix(self, spot: Spot) -> None:
        """The part stands where its vertices say (a move was undone)."""
        if self._shown[spot[0]].matrices.pop(spot[1], None) is not None:
            self.changed.emit()

    def _forget_absent(self) -> None:
        """Nothing that is gone stays selected or under the mouse."""
        there = {(key, part.name) for key, shown in self._shown.items() for part in shown.shape.parts}
        if self._selected not in there:
            self.select(None)
        if self._hovered not in there:
            self.hover(None)
        if self._motion and (self._motion[0], self._motion[1].part) not in there:
            self._motion = None
        if self._isolated is not None and self._isolated not in {name for _, name in there}:
            self._isolated = None


def _same_part(one: Shape, other: Shape, name: str) -> bool:
    return one.part(name) is other.part(name)
