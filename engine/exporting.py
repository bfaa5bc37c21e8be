"""Shapes and items to files of other programs."""

from pathlib import Path
from typing import Any

import msgspec

from engine.abreast import AHEAD, abreast
from engine.checkup import LEAST_WALL, Order, quick, thorough
from engine.datasets.paint import FILE, load_paint
from engine.datasets.parts import colour
from engine.delivery import Delivery
from engine.device import side_by_side
from engine.embedded import pack
from engine.errors import EmptyShapeError, InputError, MeshError, StudioError
from engine.fields.representation import WeightRepresentation
from engine.foreign.bring import FORMS, write_kept_model, write_kept_network
from engine.foreign.form import form_of_layout
from engine.foreign.networks import write_network
from engine.geometry.crumbs import least_share
from engine.geometry.export import WRITERS, attach, check_options
from engine.geometry.file import load_geometry
from engine.jobs import ExportJob, Format
from engine.loose import made
from engine.method import Part, Workspace
from engine.metrics.decoding import known_solids
from engine.opened import Opened, open_shape
from engine.project import Project
from engine.protocol import Note, Progress, Saved, Stage
from engine.rows import ItemRow, ShapeRow
from engine.settings import ExportOptions
from engine.stages import as_part_of
from engine.storage import write_atomic
from engine.write import Solid, write_shape, write_surface

WEIGHTS = ("pth", "ckpt")
FINE = 256  # grid points per side above which surfaces are so large that one at a time is made: 1 GB at 1024
KNIFE = 0.01  # share of thin walls that is not told of: edges of wings end in nothing


def export(job: ExportJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Shapes -> mesh files, watertight, with named parts. Items can be named too: they are written as they came in.

    Each file is made in the run's folder and then put into its place, so going on with a stopped export finds its own
    files. Some are made side by side, one per core, and put into their places in the order that was asked for. A shape
    that has no surface, or not one that can be written as asked for, does not keep the others.
    """
    if job.format in WEIGHTS and (job.options != ExportOptions() or job.health):
        raise InputError(
            f"{job.format} files hold numbers, no surface, so nothing can be set about one; leave that out"
        )
    wanted = _wanted(job, project)
    for name in wanted if job.format not in WEIGHTS else ():
        check_options(Path(f"{name}.{job.format}"), job.options)
    names = {name: _names(name, job.format) for name in wanted}
    delivery = Delivery(work.folder, Path(job.out), job.overwrite, names)
    files = {name: info for name in wanted if (info := delivery.done(name))}
    refused: dict[str, InputError] = {}
    waiting = [name for name in wanted if name not in files]
    while waiting:
        bunch, waiting = waiting[:1], waiting[1:]
        stages = [(yield from _prepared(wanted[bunch[0]], delivery.staged(bunch[0]), job, project, work))]
        at_once = side_by_side(work.device) if job.resolution <= FINE else 1  # after the first is opened, which sets it
        while waiting and at_once > 1 and len(bunch) < AHEAD * at_once:
            bunch.append(waiting.pop(0))
            stages.append((yield from _prepared(wanted[bunch[-1]], delivery.staged(bunch[-1]), job, project, work)))
        with abreast(stages, at_once) as results:
            for name in bunch:
                sign = Progress(stage="export", done=len(files), total=len(wanted), message=name)
                try:
                    info = yield from (as_part_of(sign, results.next()) if len(bunch) > 1 else results.next())
                except InputError as error:
                    refused[name] = _named(error, name, delivery.staged(name))
                    if not isinstance(error, (EmptyShapeError, MeshError)):
                        raise refused[name] from error
                    if len(wanted) > 1:
                        yield Note(text=str(refused[name]), warning=True)
                    continue
                files[name] = delivery.deliver(name, {"shape": name, **info})
                yield Saved(kind="export", path=files[name]["path"])
    if not files:
        first, *more = refused.values()
        raise type(first)(f"nothing was written, none of {1 + len(more)} could be: {first}" if more else str(first))
    empty = [name for name, error in refused.items() if isinstance(error, EmptyShapeError)]
    others = {name: str(error) for name, error in refused.items() if name not in empty}
    return {"files": [files[name] for name in wanted if name in files], "empty": empty, "refused": others}


def keep_file(name: str, path: Path, resolution: int, project: Project, work: Workspace) -> Stage[None]:
    """The file ``path``, whole or not at all: a shape or an item as an export to GLB or PLY with usual settings writes it.

    Raises InputError for unknown names, EmptyShapeError and MeshError where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}")
    kind: Format = "ply" if path.suffix == ".ply" else "glb"
    job = ExportJob(shapes=(name,), out=str(path.parent), format=kind, resolution=resolution)
    yield from (yield from _prepared(_shape_or_item(name, project), staged, job, project, work))
    staged.replace(path)


def _names(name: str, format_: str) -> tuple[str, ...]:
    """File names of a shape, the main one last."""
    stem, suffix = name.replace("/", "-"), f".{format_}"
    return tuple(stem + end for end in (*(WRITERS[suffix].beside if suffix in WRITERS else ()), suffix))


def _wanted(job: ExportJob, project: Project) -> dict[str, ShapeRow | ItemRow | str]:
    """What is to be written by name; names of runs for models. Raises InputError for unknown names."""
    names = dict.fromkeys(job.shapes)
    if job.format == "ckpt":
        return {name: project.catalogue.run(name).id for name in names}
    wanted = {name: _shape_or_item(name, project) for name in names}
    if job.format == "pth" and (items := [name for name, row in wanted.items() if isinstance(row, ItemRow)]):
        raise InputError(f"{items[0]} is an item and has no weights yet; fit it, and export the fitted shape")
    places = {_names(name, job.format): name for name in wanted}
    if len(places) < len(wanted):
        twice = next(name for name in wanted if places[_names(name, job.format)] != name)
        other = places[_names(twice, job.format)]
        raise InputError(f"{twice} and {other} would have the same file; export them into two folders")
    return dict(wanted)


def _named(error: InputError, name: str, path: Path) -> InputError:
    """The same of the shape ``name``, not of the file ``path`` in the run's folder."""
    text = str(error).replace(str(path), name)
    return type(error)(text if text.startswith(name) else f"{name}: {text}")


def _prepared(
    row: ShapeRow | ItemRow | str, path: Path, job: ExportJob, project: Project, work: Workspace
) -> Stage[Stage[dict[str, Any]]]:
    """The stage that makes one file in the run's folder, or raises; it asks no catalogue, so it can run beside
    others."""
    try:
        if isinstance(row, str):  # denoisers of imported runs, as they came in
            write_kept_model(project.run_folder(row), path)
            return _just({})
        if job.format == "pth" and isinstance(row, ShapeRow):
            return _just((yield from _weights(row, path, project, work)))
        if isinstance(row, ItemRow):
            return _looked_at(_item(row, path, job, project), path, job)
        opened = yield from open_shape(row.id, project, work)
        return _looked_at(_shape(opened, path, job, project, least_share(job.crumbs, made(opened, project))), path, job)
    except StudioError as error:  # told when its turn comes
        return _just({}, error)


def _just(info: dict[str, Any], error: StudioError | None = None) -> Stage[dict[str, Any]]:
    """A stage that has nothing left to do."""
    yield from ()
    if error is not None:
        raise error
    return info


def _looked_at(surface: Stage[dict[str, Any]], path: Path, job: ExportJob) -> Stage[dict[str, Any]]:
    """What ``surface`` tells of the file that it makes, with its health."""
    info = yield from surface
    if not info["faces"]:  # points, or something that has no surface
        return info
    sized = job.options.size_mm or job.format == "3mf" or job.options.axes == "slicer"
    least = LEAST_WALL * {"mm": 1, "cm": 0.1, "m": 0.001}[info["unit"]] if sized else 0.0
    found = (yield from thorough(Order(str(path), least_wall=least))) if job.health else quick(path, least)
    if found.thin >= KNIFE:
        text = f"{path.name}: {found.thin:.0%} of its walls are thinner than the {LEAST_WALL} mm that printers need"
        yield Note(text=f"{text}; make it larger or thicker", warning=True)
    about = {name: value for name, value in msgspec.to_builtins(found).items() if name not in ("faces", "watertight")}
    return info | {"health": about}


def _shape_or_item(name: str, project: Project) -> ShapeRow | ItemRow:
    try:
        return project.catalogue.shape(name)
    except InputError:
        if all(item.id != name for item in project.catalogue.items()):
            raise
        return project.catalogue.item(name)


def _shape(opened: Opened, path: Path, job: ExportJob, project: Project, crumbs: float) -> Stage[dict[str, Any]]:
    """A decoded shape; a GLB also carries what it was decoded from."""
    recipe, parts, decoded = msgspec.to_builtins(opened.card), opened.representation.parts, opened.decoded()
    known = known_solids(opened, job.resolution, 0.0, project)
    info = yield from write_shape(decoded, path, parts, job.resolution, recipe, crumbs, job.options, known)
    if job.format == "glb" and isinstance(decoded, Solid):
        write_atomic(path, attach(path.read_bytes(), *pack(opened)))
    return info


def _weights(row: ShapeRow, path: Path, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """The weights of a shape as other programs write them; an imported network comes back bit for bit."""
    folder = project.run_folder(row.run)
    if row.kind == "imported" and (folder / FORMS).is_file():
        write_kept_network(folder, row.row, path)
    else:
        opened = yield from open_shape(row.id, project, work)
        if not isinstance(opened.representation, WeightRepresentation):
            raise InputError(f"{row.id} is not made of weights; export it as glb, obj, ply or stl")
        if opened.shape.pose is not None or any(opened.shape.copies):
            yield Note(text=f"{row.id}: moves and copies of parts are no weights; they are left out", warning=True)
        write_network(path, opened.shape.latent[0], form_of_layout(opened.layout), {}, opened.layout)
    return {"parts": list(row.present)}


def _item(row: ItemRow, path: Path, job: ExportJob, project: Project) -> Stage[dict[str, Any]]:
    """The surface of an item, in its colours where it has some."""
    source = project.geometry_path(row.id)
    if not source.exists():
        raise MeshError(f"item {row.id} has no surface to export ({row.verdict}: {row.reason})")
    recipe = {"item": row.id, "origin": row.origin, "licence": row.licence, "hash": row.hash}
    parts = tuple(Part(name, colour(name), ()) for name in row.parts)
    geometry, paint = load_geometry(source), source.with_name(FILE)
    colours = load_paint(paint, geometry.to_source) if paint.exists() else None
    return (yield from write_surface(geometry, path, parts, recipe, job.options, colours))
