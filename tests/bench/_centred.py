"""A real mesh once more, stood with its own plane of symmetry at x = 0, see `engine.upright`."""

from engine.geometry.file import load_geometry, save_geometry
from engine.project import Project
from engine.rows import ItemRow
from engine.upright import centred
from tests.bench._real_parts import row_of


def bring_centred(project: Project, item: ItemRow) -> tuple[ItemRow, float, float]:
    """The item `centred`, how far it was from there and how much it leant; what the project has already stays."""
    ident = f"{item.id}-centred"
    found, off, leaning = centred(load_geometry(project.geometry_path(item.id)))
    if all(other.id != ident for other in project.catalogue.items()):
        path = project.geometry_path(ident)
        save_geometry(path, found)
        project.catalogue.add_items([row_of(ident, item.category, found, path)])
    return project.catalogue.item(ident), round(off, 4), round(leaning, 2)
