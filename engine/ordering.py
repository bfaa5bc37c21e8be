"""Where the order of parts comes from: the training items of a fit, a model's own folder, or what a shipped model knows."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.errors import DamagedFileError
from engine.geometry.crumbs import shells
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Mesh, volume
from engine.known import read_known
from engine.parts.joints import CRUMB
from engine.parts.order import UP, Rule, rules_of
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.shipped import is_shipped
from engine.storage import write_json

FILE = "order.json"  # in the folder of a fit: its rules; in that of a training: those that its model draws by
MOST = 3_000  # items that are looked at; of more some, evenly chosen


def order_of_fit(fit: str, items: list[str], project: Project) -> Stage[tuple[Rule, ...]]:
    """The order of parts in the training ``items`` of a fit, of those that are solids; told at the first call and kept in
    its folder.

    Raises DamagedFileError.
    """
    path = project.run_folder(fit) / FILE
    if not path.exists():
        heights, some = [], items[:: max(-(-len(items) // MOST), 1)]
        for done, item in enumerate(some):
            yield Progress(stage="order", done=done, total=len(some))
            file = project.geometry_path(item)
            parts = load_geometry(file).parts if file.exists() else {}
            heights.append({name: _ends(mesh) for name, mesh in parts.items() if len(mesh.faces)})
        write_json(path, rules_of(heights))
    return _read(path)


def order_to_draw_in(model: str, project: Project) -> tuple[Rule, ...]:
    """The order in which a model draws parts; () of a model that draws in any. Raises DamagedFileError."""
    if is_shipped(model):
        known = read_known(model, project).about
        return known.order if known.drawn_in_order else ()
    if Path(model).suffix == ".safetensors":  # a file
        return ()
    path = project.run_folder(model) / FILE
    return _read(path) if path.exists() else ()


def heights_of(solids: Mapping[str, Mesh]) -> dict[str, tuple[float, float]]:
    """Bottom and top of each part along y, without its crumbs, as joints are looked at."""
    found = {}
    for name, mesh in solids.items():
        if pieces := shells(mesh):
            least = CRUMB * abs(volume(pieces[0]))
            ends = [_ends(piece) for piece in pieces if abs(volume(piece)) >= least]
            found[name] = min(bottom for bottom, _ in ends), max(top for _, top in ends)
    return found


def _ends(mesh: Mesh) -> tuple[float, float]:
    bottom, top = mesh.bounds[:, UP].tolist()
    return bottom, top


def _read(path: Path) -> tuple[Rule, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Rule, ...])
    except msgspec.DecodeError as error:
        raise DamagedFileError(
            f"{path} cannot be read ({error}); delete it: that of a fit is made anew, and a model without one draws parts in "
            "any order"
        ) from error
