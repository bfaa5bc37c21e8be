"""A surface made the border of a volume as far as that is safe: turned, without what is loose or buried, closed, united."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.canonical import probes
from engine.geometry.clean import components, unbalanced
from engine.geometry.inside import inside
from engine.geometry.judge import sides
from engine.geometry.mesh import Mesh, drop_unused, face_areas, join
from engine.geometry.orient import Oriented, as_it_came, orient
from engine.geometry.patches import is_twisted
from engine.geometry.repair import fill_holes
from engine.geometry.solids import united
from engine.geometry.visible import HIDDEN

MOSTLY = 0.7  # share of a patch's samples that must be loose or buried for the patch to be left out
FEW = 3  # samples without which nothing is said about a patch
GUESS = 0.2  # mean winding number of both sides below which an open patch is a sheet rather than half a solid
BETTER = 0.05  # by so much the inside must be clearer with open patches wound as they came
OVERLAP = 0.002  # share of the surface within a solid from which solids are united
SAME = 0.995  # share of points that must be inside as before when solids are united


@dataclass
class Record:
    """What is found and done on the way.

    said : in words; empty when nothing had to be done
    changed : True when more was done than merging vertices and turning all faces over at once
    numbers : counts and shares of what was found
    """

    said: list[str] = field(default_factory=list)
    changed: bool = False
    numbers: dict[str, float] = field(default_factory=dict)

    def change(self, text: str) -> None:
        """Something was changed; say what."""
        self.said.append(text)
        self.changed = True


def mend(mesh: Mesh, trusted: bool, record: Record) -> tuple[Mesh, Mesh]:
    """Solids and loose sheets of a mesh: the mended surface without the sheets, and the sheets (either may be empty).

    mesh : clean faces with area, in canonical space; ``trusted`` when their winding means something
    """
    surface, sheets = _sorted_out(mesh, trusted, record)
    if not len(surface.faces):
        return surface, sheets
    surface, filled, left = fill_holes(surface)
    record.numbers |= {"filled_holes": filled, "open_holes": left}
    if filled:
        record.change(_count(filled, "small hole or slit was filled", "small holes and slits were filled"))
    return _one_body(surface, record) if len(surface.faces) else surface, sheets


@dataclass(frozen=True)
class _Sorted:
    """Faces of an oriented mesh told apart: (F,) bool each, and how clear the inside is with what is kept."""

    oriented: Oriented
    buried: NDArray[np.bool_]
    loose: NDArray[np.bool_]
    clear: float

    def faces(self, which: NDArray[np.bool_]) -> Mesh:
        return drop_unused(Mesh(self.oriented.mesh.vertices, self.oriented.mesh.faces[which]))

    def area(self, which: NDArray[np.bool_]) -> float:
        areas = face_areas(self.oriented.mesh)
        return float(areas[which].sum() / areas.sum())


def _sorted_out(mesh: Mesh, trusted: bool, record: Record) -> tuple[Mesh, Mesh]:
    """Turned outwards; what is kept, and the loose sheets. The better of two ways to turn an open mesh is taken: by
    volume and visibility, or as it came."""
    oriented = orient(mesh, trusted)
    best = _sort(oriented, oriented.seen)
    if trusted and not oriented.closed.all() and 0 < oriented.turned < 1:
        came = _sort(as_it_came(mesh), oriented.seen)
        best = came if came.clear > best.clear + BETTER else best
    found = best.oriented
    record.numbers |= {"components": len(found.closed), "closed_components": int(found.closed.sum())}
    record.numbers["turned"] = round(found.turned, 4)
    if found.turned == 1 and trusted:
        record.said.append("all faces pointed inwards and were flipped")
    elif found.turned and trusted:
        record.change(f"{max(found.turned, 0.01):.0%} of the faces pointed inwards or against their neighbours; turned")
    elif found.turned:
        record.change("the pieces were turned outwards by what is seen of them")
    if found.hollows:
        record.said.append(_count(found.hollows, "hollow inside was kept", "hollows inside were kept"))
    if not found.closed.all() and is_twisted(found.mesh):
        record.said.append("in places the surface runs into its own back, as a Moebius strip does")
    if best.buried.any():
        record.change(f"open faces hidden inside, {best.area(best.buried):.0%} of the area, were left out")
    return best.faces(~best.buried & ~best.loose), best.faces(best.loose)


def _sort(oriented: Oriented, seen: NDArray[np.float64]) -> _Sorted:
    """Open patches are buried when nobody sees them and both their sides are inside. They are loose when neither is, or
    when their back sees so much of the open (a fifth of all directions and more) that filling it would be a guess."""
    mesh, group, none = oriented.mesh, oriented.group, np.zeros(len(oriented.group), bool)
    found = sides(mesh)
    if oriented.closed.all():
        return _Sorted(oriented, none, none, 1.0)
    count = len(oriented.closed)
    of = group[found.face]
    sampled = np.bincount(of, minlength=count)

    def mostly(flags: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
        hits = np.bincount(of, flags, count)
        return ((sampled >= FEW) & (hits >= share * sampled) & ~oriented.closed)[group]

    buried = mostly(found.front & found.back, MOSTLY) & (seen < HIDDEN)
    loose = (mostly(found.loose, MOSTLY) | mostly(found.middle < GUESS, 0.5)) & ~buried
    kept = ~(buried | loose)[found.face]
    clear = float(((found.one | found.thin) & kept).mean() / max((kept | loose[found.face]).mean(), 1e-9))
    return _Sorted(oriented, buried, loose, clear)


def _one_body(mesh: Mesh, record: Record) -> Mesh:
    """Closed solids that overlap are united; pieces that are open stay as they are."""
    component = components(mesh)
    closed = np.ones(component.max() + 1, bool)
    closed[component[unbalanced(mesh)]] = False
    record.numbers["boundary_faces"] = int(unbalanced(mesh).sum())
    found = sides(mesh)
    of_solids = closed[component[found.face]]
    if not closed.any() or (found.buried & of_solids).mean() <= OVERLAP:
        return mesh
    solids = drop_unused(Mesh(mesh.vertices, mesh.faces[closed[component]]))
    rest = drop_unused(Mesh(mesh.vertices, mesh.faces[~closed[component]]))
    try:
        whole = join([united(solids), rest])
    except MeshError:
        return mesh
    points = probes(mesh, 2048)
    if not len(whole.faces) or (inside(mesh, points) == inside(whole, points)).mean() < SAME:
        return mesh
    if sides(whole).buried.mean() < found.buried.mean():
        record.change("solids that overlap were united")
        return whole
    return mesh


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
