"""A real mesh once more without its labels, which a fit with a model then borrows, see `engine.borrowing`."""

from dataclasses import replace

from engine.geometry.file import load_geometry, save_geometry
from engine.project import Project
from engine.rows import ItemRow
from tests.bench._real_parts import row_of


def bring_unnamed(project: Project, item: ItemRow) -> ItemRow:
    """The item without part names; what the project has already stays."""
    ident = f"{item.id}-unnamed"
    if all(other.id != ident for other in project.catalogue.items()):
        path = project.geometry_path(ident)
        plain = replace(load_geometry(project.geometry_path(item.id)), parts={}, regions=None, complete=True)
        save_geometry(path, plain)
        project.catalogue.add_items([row_of(ident, item.category, plain, path)])
    return project.catalogue.item(ident)
