"""Brings what a person looks at into the scene: shapes through the live engine, meshes that came in from their file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.colours import PLAIN, colour
from engine.errors import StudioError
from engine.live_client import Answer
from engine.live_requests import Cut as Field
from engine.live_requests import Decode, Meshes, Mixture, Piece, Section, known_of
from engine.storage import read_tensors
from studio.models.opened import OpenProject, ProjectModel
from studio.models.scene import Cut, PartMesh, Scene, Shape
from studio.models.scene_cloud import cloud_mesh

CHANNEL = "look"
WHOLE = "shape"  # the name of what has no parts
COARSE, FINE = 64, 128  # grid points per side: at once, and soon after
SECTION = 128
PAINT = "colours.safetensors"  # beside the geometry of an item that has colours
HINT = "Click a shape to see it"


class Looking(ProjectModel):
    """Follows `Current`; ``scene`` is what the 3D view of the project is bound to."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.scene = Scene()
        self._wanted: tuple[str, ...] = ()
        opened.current.shape_changed.connect(self.look)
        self.scene.plane_changed.connect(self._cut)
        self.scene.shapes_changed.connect(self._cut)
        opened.library.changed.connect(self._hint)
        self._hint()

    def look(self, name: str) -> None:
        """Show a shape or an item, and the one beside it; what was shown stays until there is something to show."""
        self.scene.words.forget(self._wanted)
        self._wanted = tuple(dict.fromkeys(one for one in (name, self._opened.current.beside) if one))
        there = {shape.key for shape in self.scene.shapes}
        if not self._wanted or there & {*self._wanted}:
            self.scene.show([shape for shape in self.scene.shapes if shape.key in self._wanted])
        for channel, wanted in zip((CHANNEL, f"{CHANNEL} beside"), self._wanted, strict=False):
            self._fetch(wanted, channel)

    def follow(
        self, name: str, title: str, points: NDArray[np.floating], colours: NDArray[np.float32] | None = None
    ) -> None:
        """Show points (P, 3), with colours (P, 3) linear RGB where they have some, that are about to become a shape of that
        name, until something else is looked at."""
        if self._wanted != (name,):
            self.scene.words.forget(self._wanted)
            self._wanted = (name,)
            for channel in (CHANNEL, f"{CHANNEL} beside"):
                self._opened.live.withdraw(channel)
        self._came(Shape(name, title, (cloud_mesh(WHOLE, points, colours, rough=True),), forming=True))

    def _fetch(self, name: str, channel: str) -> None:
        card = self._opened.library.card(name)
        if (card is None or card.kind in ("shape", "item")) and name not in {shape.key for shape in self.scene.shapes}:
            self.scene.words.expect(name, lambda: self._title(name))
        if card is None or card.kind == "shape":
            request = Decode(of=Mixture(base=name), resolution=COARSE, refine=FINE)
            self._opened.live.ask(request, channel, then=self._answered)
        elif card.kind == "item":
            path, title = self._opened.project.geometry_path(name), card.title
            self._opened.background.do(
                lambda: read_item(path, name, title), self._came, lambda error: self._fail(name, error)
            )

    def _fail(self, name: str, error: Exception) -> None:
        self.scene.words.forget((name,))
        self._opened.troubles.tell_error(error)

    def _title(self, name: str) -> str:
        card = self._opened.library.card(name)
        known = known_of(name)[1].rpartition("-")[2]  # a training shape that only the model tells of
        return card.title if card else f"Training shape {known}" if known else name

    def _hint(self) -> None:
        """Where nothing is looked at, and there is something."""
        there = any(card.kind in ("shape", "item") for card in self._opened.library.cards)
        self.scene.words.hint = HINT if there else ""

    def _answered(self, answer: Answer) -> None:
        if answer.state == "failed":
            if isinstance(answer.ask.request, Decode):
                self.scene.words.forget((answer.ask.request.of.base,))
            self._opened.troubles.tell(answer.text, answer.trace)
            return
        request, content = answer.ask.request, answer.content
        if not isinstance(request, Decode) or not isinstance(content, Meshes):
            return
        name = request.of.base
        if name not in self._wanted:
            return
        parts = [part for piece in content.pieces if (part := part_of(answer, piece)) is not None]
        shown = {shape.key: shape for shape in self.scene.shapes}
        if name in shown:  # the fine surfaces of what is shown already
            kept = [part for part in shown[name].parts if part.name not in {new.name for new in parts}]
            parts = [part for part in kept if part.name in {piece.name for piece in content.pieces}] + parts
        self._came(Shape(name, self._title(name), tuple(parts)))

    def _cut(self) -> None:
        """Ask for the field on the plane at which the shape in front is cut open."""
        plane, name = self.scene.plane, self.scene.active
        card = self._opened.library.card(name)
        shown = next((shape for shape in self.scene.shapes if shape.key == name), None)
        if plane is None or card is None or card.kind != "shape" or shown is None or shown.is_cloud:
            return

        def answered(answer: Answer) -> None:
            if isinstance(answer.content, Field) and name == self.scene.active:
                cut = Cut(plane, answer.arrays["logits"], answer.arrays["part"], answer.content.parts)
                self.scene.set_cut(name, cut)

        corner, across, up = plane.rectangle
        request = Section(of=Mixture(base=name), corner=corner, across=across, up=up, resolution=SECTION)
        self._opened.live.ask(request, "cut", then=answered)

    def _came(self, shape: Shape) -> None:
        """Put a shape into its pane; two stand beside each other unless a wipe was chosen."""
        if shape.key not in self._wanted:
            return
        come = {**{one.key: one for one in self.scene.shapes}, shape.key: shape}
        if len(self._wanted) > 1 and self.scene.look.arrangement == "one":
            self.scene.look = replace(self.scene.look, arrangement="side")
        self.scene.show([come[key] for key in self._wanted if key in come])


def part_of(answer: Answer, piece: Piece) -> PartMesh | None:
    """A piece of an answer as the scene has it; None where it is there already."""
    if (cloud := answer.cloud(piece.name)) is not None:
        return cloud_mesh(piece.name, *cloud)
    mesh = answer.mesh(piece.name)
    return None if mesh is None else PartMesh(piece.name, *mesh, piece.colour)


def read_item(path: Path, name: str, title: str) -> Shape:
    """A mesh that was imported, by its parts, or else in its colours, from the files that `engine.geometry.file` and
    `engine.datasets.paint` write. Raises StudioError."""
    if not path.is_file():
        raise StudioError(f"{title} has no surface to look at; it came as points or was refused")
    arrays, header = read_tensors(path)
    names = msgspec.json.decode(header["parts"], type=list[str])
    if not names and "regions" in header:
        return Shape(name, title, _by_labels(arrays, msgspec.json.decode(header["regions"], type=list[str])))
    if not names and (paint := path.with_name(PAINT)).is_file():
        return Shape(name, title, (_painted(arrays, paint),))
    numbers = range(1, len(names) + 1) if names else range(1)
    parts = [
        PartMesh(part, arrays[f"{i}.vertices"], arrays[f"{i}.faces"], colour(part) if names else PLAIN)
        for i, part in zip(numbers, names or ["shape"], strict=True)
    ]
    return Shape(name, title, tuple(parts))


def _painted(arrays: Mapping[str, NDArray], paint: Path) -> PartMesh:
    """The surface in the colours of the points that are nearest to its vertices."""
    from scipy.spatial import cKDTree  # see below

    found, vertices, to_source = read_tensors(paint)[0], arrays["0.vertices"], arrays["to_source"]
    nearest = cKDTree(found["points"]).query(vertices @ to_source[:3, :3].T + to_source[:3, 3])[1]
    tones = found["colours"].astype(np.float32) / 255  # sRGB
    light = np.where(tones <= 0.04045, tones / 12.92, ((tones + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return PartMesh("shape", vertices, arrays["0.faces"], colours=light[nearest])


def _by_labels(arrays: Mapping[str, NDArray], names: list[str]) -> tuple[PartMesh, ...]:
    """The surface by the labelled point that is nearest to the middle of each face."""
    from scipy.spatial import cKDTree  # where the first such item is looked at, in the thread that reads it

    vertices, faces = arrays["0.vertices"], arrays["0.faces"]
    nearest = cKDTree(arrays["regions.points"].astype(np.float64)).query(vertices[faces].mean(1))[1]
    label = arrays["regions.label"][nearest]
    parts = []
    for i, name in enumerate(names):
        used, own = np.unique(faces[label == i], return_inverse=True)
        if len(used):
            parts.append(PartMesh(name, vertices[used], own.reshape(-1, 3).astype(np.int32), colour(name)))
    return tuple(parts)
