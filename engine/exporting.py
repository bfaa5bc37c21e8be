"""Shapes and items to files of other programs."""

from pathlib import Path
from typing import Any

import msgspec

from engine.datasets.parts import colour
from engine.errors import EmptyShapeError, InputError
from engine.fields.representation import WeightRepresentation
from engine.foreign.bring import write_kept_model, write_kept_network
from engine.foreign.form import form_of_layout
from engine.foreign.networks import write_network
from engine.geometry.file import load_geometry
from engine.jobs import ExportJob
from engine.method import Part, Workspace
from engine.opened import open_shape
from engine.project import Project
from engine.protocol import Note, Saved, Stage
from engine.rows import ItemRow, ShapeRow
from engine.write import write_shape


def export(job: ExportJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Shapes -> mesh files, watertight, with named parts. Items can be named too: they are written as they came in."""
    if job.format == "ckpt":
        return _export_models(job, project)
    wanted = [_shape_or_item(name, project) for name in dict.fromkeys(job.shapes)]
    files, empty = [], []
    for row in wanted:
        path = Path(job.out) / f"{row.id.replace('/', '-')}.{job.format}"
        try:
            if isinstance(row, ItemRow):
                info = yield from _export_item(row, path, job, project)
            elif job.format == "pth":
                info = yield from _export_weights(row, path, project, work)
            else:
                info = yield from _export_shape(row, path, job, project, work)
        except EmptyShapeError as error:
            yield Note(text=str(error), warning=True)
            empty.append(row.id)
            continue
        files.append({"shape": row.id, **info})
        yield Saved(kind="export", path=info["path"])
    if not files:
        raise EmptyShapeError(f"nothing was written: all {len(empty)} shapes are empty")
    return {"files": files, "empty": empty}


def _export_models(job: ExportJob, project: Project) -> dict[str, Any]:
    """Denoisers of imported runs, as they came in."""
    files = []
    for name in dict.fromkeys(job.shapes):
        path = Path(job.out) / f"{name}.ckpt"
        write_kept_model(project.run_folder(project.catalogue.run(name).id), path)
        files.append({"shape": name, "path": str(path)})
    return {"files": files, "empty": []}


def _shape_or_item(name: str, project: Project) -> ShapeRow | ItemRow:
    try:
        return project.catalogue.shape(name)
    except InputError:
        if all(item.id != name for item in project.catalogue.items()):
            raise
        return project.catalogue.item(name)


def _export_shape(
    row: ShapeRow, path: Path, job: ExportJob, project: Project, work: Workspace
) -> Stage[dict[str, Any]]:
    opened = yield from open_shape(row.id, project, work)
    recipe = msgspec.to_builtins(opened.card)
    crumbs = job.crumbs / 10 if row.kind in ("fitted", "imported") else job.crumbs  # a fit has smaller ones
    parts = opened.representation.parts
    return (yield from write_shape(opened.decoded(), path, parts, job.resolution, recipe, crumbs, job.options))


def _export_weights(row: ShapeRow, path: Path, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """The weights of a shape as other programs write them; an imported network comes back bit for bit."""
    folder = project.run_folder(row.run)
    if row.kind == "imported":
        write_kept_network(folder, row.row, path)
    else:
        opened = yield from open_shape(row.id, project, work)
        if not isinstance(opened.representation, WeightRepresentation):
            raise InputError(f"{row.id} is not made of weights; export it as glb, obj, ply or stl")
        if opened.shape.pose is not None or any(opened.shape.copies):
            yield Note(text=f"{row.id}: moves and copies of parts are no weights; they are left out", warning=True)
        write_network(path, opened.shape.latent[0], form_of_layout(opened.layout), {}, opened.layout)
    return {"path": str(path), "parts": list(row.present)}


def _export_item(row: ItemRow, path: Path, job: ExportJob, project: Project) -> Stage[dict[str, Any]]:
    if job.format == "pth":
        raise InputError(f"{row.id} is an item and has no weights yet; fit it, and export the fitted shape")
    source = project.geometry_path(row.id)
    if not source.exists():
        raise InputError(f"item {row.id} has no surface to export ({row.verdict}: {row.reason})")
    recipe = {"item": row.id, "origin": row.origin, "licence": row.licence, "hash": row.hash}
    parts = tuple(Part(name, colour(name), ()) for name in row.parts)
    return (yield from write_shape(load_geometry(source), path, parts, job.resolution, recipe, options=job.options))
