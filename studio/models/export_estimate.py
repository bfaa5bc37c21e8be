"""How many faces and bytes an export comes to, by surfaces that the live engine makes of a few of its shapes."""

from PySide6.QtCore import Signal

from engine.errors import StudioError
from engine.jobs import ExportJob
from engine.live_client import Answer
from engine.live_requests import Decode, Meshes, Mixture
from studio.models.opened import OpenProject, ProjectModel

CHANNEL = "export"
LOOKED_AT = 3  # of many shapes; the others are taken to be like these
FINE = 128  # grid points per side; the number of faces grows with their square
PARTS_KEPT = ("glb", "obj", "usda", "usdc")  # formats with named parts unless told otherwise
PER_FACE = {"glb": 24, "obj": 35, "ply": 19, "stl": 50, "3mf": 12, "usdc": 17, "usda": 76}
"""Bytes, measured on closed surfaces of 5,120 and 20,480 faces, without UVs and with the usual normals."""


class Estimate(ProjectModel):
    """Faces of shapes, as far as they are known. ``changed`` comes when more is."""

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._names: tuple[str, ...] = ()
        self._items: dict[str, int] = {}  # faces of meshes, which are written as they came in
        self._faces: dict[str, dict[str, float]] = {}  # shape -> part -> faces over grid points squared
        self._unable: set[str] = set()

    def begin(self, shapes: tuple[str, ...], items: tuple[str, ...]) -> None:
        """Look at these from now on."""
        self._names = shapes[:LOOKED_AT]
        self._items = {name: faces for name in items if (faces := self._known(name))}
        self._unable = set()
        self._next()

    def end(self) -> None:
        """Nobody waits any more."""
        self._names = ()
        self._opened.live.withdraw(CHANNEL)

    def faces(self, job: ExportJob, items: tuple[str, ...]) -> int | None:
        """Of all files of a job together, ``items`` of which are meshes that came in; None while that is not known."""
        budget, count = job.options.faces, len(job.shapes)
        if budget:
            return budget * count
        known = [sum(self._faces[name].values()) for name in self._names if name in self._faces]
        if any(name not in self._items for name in items) or (count > len(items) and not known):
            return None
        of_shapes = (count - len(items)) * sum(known) / max(1, len(known)) * job.resolution**2
        return round(of_shapes) + sum(self._items[name] for name in items)

    def words(self, job: ExportJob, items: tuple[str, ...]) -> str:
        """What is known, for a person."""
        count, options = len(job.shapes), job.options
        if not count:
            return ""
        each = " each" if count > 1 else ""
        if options.points or job.format == "xyz":
            return f"{options.points or 2_048:,} points{each}."
        faces = self.faces(job, items)
        if faces is None:
            looking = [name for name in self._names if name not in self._faces and name not in self._unable]
            return "Looking at the surface…" if looking else "How many faces it has is known when it is made."
        joined = options.pieces == "union" or (options.pieces == "auto" and job.format not in PARTS_KEPT)
        inside = joined and any(len(parts) > 1 for parts in self._faces.values())  # faces within others go
        about = "" if options.faces else "at most " if inside else "about "
        text = f"{about}{_rounded(faces / count, bool(options.faces))} faces{each}"
        usual = not options.uvs and options.normals == "auto" and job.format in PER_FACE
        if usual:
            text += f", about {byte_words(faces * PER_FACE[job.format])}" + (" in all" if count > 1 else "")
        return text[:1].upper() + text[1:] + "."

    def _next(self) -> None:
        """Ask for the surface of the next shape that nothing is known of."""
        name = next((one for one in self._names if one not in self._faces and one not in self._unable), None)
        self.changed.emit()
        if name is not None:
            request = Decode(of=Mixture(base=name), resolution=FINE, refine=0)
            self._opened.live.ask(request, CHANNEL, then=self._answered)

    def _answered(self, answer: Answer) -> None:
        request, content = answer.ask.request, answer.content
        if not isinstance(request, Decode) or answer.state == "replaced":
            return
        name = request.of.base
        if isinstance(content, Meshes):
            known = self._faces.setdefault(name, {})
            for piece in content.pieces:
                if (mesh := answer.mesh(piece.name)) is not None:
                    known[piece.name] = len(mesh[1]) / content.resolution**2
        if answer.state == "failed":
            self._unable.add(name)
        if answer.state == "going":
            self.changed.emit()
        elif name in self._names:
            self._next()

    def _known(self, item: str) -> int:
        """Faces of a mesh that came in, by its report; 0 where that says nothing."""
        try:
            return int(self._opened.project.catalogue.item(item).report.get("faces", 0))
        except (StudioError, TypeError, ValueError):
            return 0


def byte_words(count: float) -> str:
    """ "830 kB", "4.6 MB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{max(1, round(count / 1e3))} kB"


def _rounded(number: float, exact: bool) -> str:
    """With two digits that matter, unless it was asked for."""
    if exact or number < 100:
        return f"{round(number):,}"
    scale = 10 ** (len(str(round(number))) - 2)
    return f"{round(number / scale) * scale:,}"
