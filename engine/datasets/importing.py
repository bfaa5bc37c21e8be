"""Items into a project: mesh files and folders, and procedural shapes. Nothing is refused silently."""

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.datasets import procedural
from engine.datasets.splits import POINTS, listed_splits, near_duplicates, split_of, write_cloud
from engine.errors import InputError, MeshError
from engine.geometry.canonical import canonical, verdict
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry
from engine.geometry.occupancy import surface_points
from engine.geometry.read import FORMATS, read
from engine.jobs import ImportJob, SamplesJob
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import digest, seed_of

SHOWN = 5  # near-duplicates named one by one


def import_files(job: ImportJob, project: Project) -> Stage[dict[str, Any]]:
    """Read every mesh file named or found in folders. A file that cannot be used becomes an item with verdict refused."""
    if job.kind not in ("", "mesh"):
        raise InputError(f"there is no kind {job.kind!r}; known: mesh")
    found = list(_files(job.paths))
    if not found:
        raise InputError(f"no mesh files in {', '.join(job.paths)}; known formats: {', '.join(FORMATS)}")
    items: list[ItemRow] = []
    known = {item.id: item.split for item in project.catalogue.items()}  # an item stays where it was put first
    for i, (path, split) in enumerate(found):
        yield Progress(stage="import", done=i, total=len(found), message=path.name.encode(errors="replace").decode())
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror})") from error
        name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "mesh"
        ident = f"{name}-{hashlib.sha256(path.suffix.lower().encode() + data).hexdigest()[:10]}"
        row = ItemRow(
            id=ident,
            kind="mesh",
            category=job.category,
            path=str(path).encode(errors="replace").decode(),
            hash=digest(data),
            verdict="refused",
            reason="",
            split=split or known.get(ident) or split_of(ident),
            added=time.time(),
        )
        try:
            geometry = read(path)
            geometry = canonical(geometry.surface, geometry.parts, geometry.notes)
            word, reason = verdict(geometry)
        except UnicodeError:
            row = msgspec.structs.replace(row, reason="its name is not valid text; rename the file")
        except MeshError as error:
            row = msgspec.structs.replace(row, reason=str(error))
        else:
            row = msgspec.structs.replace(row, verdict=word, reason=reason, parts=tuple(geometry.parts))
            _keep(project, ident, geometry)
        project.catalogue.add_items([row])
        items.append(row)
    yield Progress(stage="import", done=len(found), total=len(found))
    yield from _warn_of_duplicates(project, items)
    return _result(items)


def make_samples(job: SamplesJob, project: Project) -> Stage[dict[str, Any]]:
    """Make ``count`` procedural items; item i of a seed is the same whatever the count."""
    items: list[ItemRow] = []
    for i in range(job.count):
        yield Progress(stage="make shapes", done=i, total=job.count)
        shape = procedural.make(job.category, seed_of(job.seed, i) % 2**31)
        ident = f"{job.category}-{job.seed}-{i:05d}"
        about = f"procedural/{procedural.VERSION}/{job.category}/{shape.seed}"
        word, reason = verdict(shape.geometry)
        _keep(project, ident, shape.geometry)
        row = ItemRow(
            id=ident,
            kind="procedural",
            category=job.category,
            path=about,
            hash=digest(about.encode()),
            verdict=word,
            reason=reason,
            split=split_of(ident),
            parts=tuple(shape.geometry.parts),
            captions=shape.captions,
            attributes=shape.attributes,
            origin=f"procedural generator, version {procedural.VERSION}",
            licence="CC0-1.0",
            added=time.time(),
        )
        project.catalogue.add_items([row])
        items.append(row)
    yield Progress(stage="make shapes", done=job.count, total=job.count)
    yield from _warn_of_duplicates(project, items)
    return _result(items)


def _files(paths: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Mesh files named or in folders, sorted, each with the split that lists beside it name ("" for none)."""
    for text in paths:
        path = Path(text)
        if path.is_dir():
            listed = listed_splits(path)
            for file in sorted(path.rglob("*")):
                if file.is_file() and file.suffix.lower() in FORMATS:
                    yield file, listed.get(file.stem, "")
        elif path.exists():
            yield path, ""
        else:
            raise InputError(f"{path}: there is no such file or folder")


def _keep(project: Project, ident: str, geometry: Geometry) -> None:
    path = project.geometry_path(ident)
    save_geometry(path, geometry)
    if geometry.surface.faces.size:
        generator = np.random.default_rng(seed_of("cloud", ident))
        cloud = surface_points(geometry.surface, 2 * POINTS, generator).reshape(2, POINTS, 3)
        write_cloud(path.with_name("cloud.safetensors"), cloud.astype(np.float32))


def _warn_of_duplicates(project: Project, items: Sequence[ItemRow]) -> Stage[None]:
    """Say which of the new items nearly equal one of another split: then "unseen" would not be true."""
    new = {item.id for item in items}
    rows = [item for item in project.catalogue.items() if item.verdict != "refused"]
    paths = {item.id: project.geometry_path(item.id).with_name("cloud.safetensors") for item in rows}
    found = yield from near_duplicates(rows, paths)
    pairs = [pair for pair in found if new & set(pair)]
    for a, b in pairs[:SHOWN]:
        yield Note(text=f"{a} and {b} are nearly the same shape but stand in different splits", warning=True)
    if len(pairs) > SHOWN:
        yield Note(text=f"... and {len(pairs) - SHOWN} more such pairs", warning=True)


def _result(items: Sequence[ItemRow]) -> dict[str, Any]:
    keys = ("id", "path", "kind", "verdict", "reason")
    return {"items": [{key: getattr(item, key) for key in keys} for item in items]}
