"""Films: shapes one after the other or turning, with one framing for all frames, as pictures, meshes or one moving mesh."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.carrying import carried
from engine.delivery import Delivery
from engine.errors import InputError
from engine.frames import Frame, Source, keep_frames, load_frame, named, open_sources, outline
from engine.geometry.crumbs import least_share
from engine.geometry.export import WRITERS, check_options
from engine.geometry.export.morph_glb import encode
from engine.geometry.mesh import Mesh
from engine.jobs import FilmJob
from engine.method import Workspace
from engine.pictures.camera import View, around, closer
from engine.pictures.gif import NO_COLOURS, encoded, hundredths, palette_of, tallied
from engine.pictures.render import Studio
from engine.pictures.sheet import save_png, sheet
from engine.pictures.video import require, write_mp4
from engine.project import Project
from engine.protocol import Progress, Saved, Stage
from engine.storage import write_atomic
from engine.write import write_shape

SINGLE = {".gif": "gif", ".mp4": "mp4", ".glb": "morph"}  # one file; anything else is a folder
LOOKED_AT = 48  # pictures from which the colours of a GIF are chosen
ROW = 3  # shapes that turn in one row before there are two


@dataclass(frozen=True)
class Reel:
    """What is made of a job.

    kind : gif, mp4, png, morph, or the suffix of a mesh sequence
    names : shapes and items, in order
    shots : for each picture the frames in it and how far the camera has turned, degrees
    plays : (picture or frame, for how many frames of the film it stands), in order
    """

    kind: str
    names: tuple[str, ...]
    shots: tuple[tuple[tuple[int, ...], float], ...]
    plays: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> int:
        """Frames of the film."""
        return sum(ticks for _, ticks in self.plays)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files in a folder, the main one last."""
        if self.kind == "png":
            return tuple(f"frame_{number:04d}.png" for number in range(self.frames))
        ends = (*WRITERS[self.kind].beside, self.kind)
        return tuple(f"frame_{number:04d}{end}" for number in range(len(self.names)) for end in ends)


def film(job: FilmJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Make a film. Every shape is decoded once and every picture taken once; a stopped film goes on with what it has.

    Raises InputError (names, options, a place that is taken), EmptyShapeError, and MeshError where one mesh cannot
    follow the film, see engine.carrying.
    """
    reel = _reel(job, project)
    out = Path(job.out)
    single = reel.kind in SINGLE.values()
    files = (out.name,) if single else reel.files
    if not single:
        _check_folder(out, files)
    delivery = Delivery(work.folder, out.parent if single else out, job.overwrite, {"film": files})
    whole = {} if single else {"path": str(out)}  # of a folder, not of its last file
    if info := delivery.done("film"):
        return info | whole
    sources = yield from open_sources(reel.names, project, work)
    staged = delivery.staged("film")
    staged.parent.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"kind": reel.kind.lstrip("."), "shapes": len(reel.names)}
    if single or reel.kind == "png":
        frames = yield from keep_frames(sources, work.folder / "frames", job.resolution, job.crumbs)
        if reel.kind == "morph":
            about |= yield from _morph(staged, reel, sources, frames, job, work)
        else:
            about |= yield from _pictures(staged, reel, frames, job, work)
        about |= {"frames": reel.frames, "seconds": round(reel.frames / job.fps, 3)}
    else:
        about |= yield from _meshes(staged.parent, reel, sources, job)
    info = delivery.deliver("film", about) | whole
    yield Saved(kind="film", path=info["path"])
    return info


def _reel(job: FilmJob, project: Project) -> Reel:
    """The plan of a film. Raises InputError for what cannot be made."""
    suffix = Path(job.out).suffix.lower()
    if job.format and suffix in SINGLE:
        raise InputError(f"--format is for the files in a folder, and {suffix} is one file; leave one of the two out")
    if job.format:
        kind = "png" if job.format == "png" else f".{job.format}"
    elif suffix in SINGLE or not suffix:
        kind = SINGLE.get(suffix, "png")
    else:
        raise InputError(
            f"a film cannot be written as {suffix}; choose .gif, .mp4, .glb, or a folder with --format png"
        )
    if kind == "mp4":
        require()
    names = tuple(named(job.shapes, project))
    if job.turn:
        if kind not in ("gif", "mp4", "png"):
            raise InputError("a turntable is pictures; choose .gif, .mp4 or a folder, or `export` for a mesh")
        everyone = tuple(range(len(names)))
        shots = tuple((everyone, 360 * k / job.turn) for k in range(job.turn))
        reel = Reel(kind, names, shots, tuple((k, 1) for k in range(job.turn)))
    else:
        if len(names) < 2:
            raise InputError("a film needs two shapes or more; for a single one there is `turntable`")
        shots = tuple(((k,), 0.0) for k in range(len(names)))
        reel = Reel(kind, names, shots, _plays(len(names), job))
    if kind == "gif":
        hundredths([ticks for _, ticks in reel.plays], job.fps)
    if kind.startswith("."):
        check_options(Path(f"frames{kind}"), job.options)
    if kind.startswith(".") and (job.options.size_mm or job.options.axes == "slicer"):
        raise InputError("size_mm and axes=slicer would scale and place each frame by its own box; leave them out")
    return reel


def _plays(count: int, job: FilmJob) -> tuple[tuple[int, int], ...]:
    """Frames in order, there and perhaps back; the first and the last stand longer."""
    order = [*range(count), *(range(count - 2, 0, -1) if job.bounce else ())]
    still = max(1, round(job.hold * job.fps))
    return tuple((k, still if k in (0, count - 1) else 1) for k in order)


def _check_folder(out: Path, files: Sequence[str]) -> None:
    """Raises InputError when a folder holds frames of a longer film, which would be played with those of this one."""
    if out.is_file():
        raise InputError(f"{out} is a file; choose a folder, or a name that ends in .gif, .mp4 or .glb")
    more = sorted({path.name for path in out.glob(f"frame_*{Path(files[-1]).suffix}")} - set(files))
    if more:
        raise InputError(f"{out} holds {more[0]} of another film; choose another folder, or empty this one")


def _pictures(staged: Path, reel: Reel, frames: Sequence[Path], job: FilmJob, work: Workspace) -> Stage[dict[str, Any]]:
    """GIF, MP4 or PNG files at ``staged``."""
    view = yield from _framing(reel, frames, job)
    paths = yield from _shoot(reel, frames, view, job, work.folder / "pictures")
    shown, ticks = [paths[k] for k, _ in reel.plays], [number for _, number in reel.plays]
    if reel.kind == "mp4":
        yield from write_mp4(staged, shown, ticks, job.fps)
    elif reel.kind == "gif":
        yield from _write_gif(staged, paths, shown, hundredths(ticks, job.fps))
    else:
        each = [path for path, number in zip(shown, ticks, strict=True) for _ in range(number)]
        for path, name in zip(each, reel.files, strict=True):
            shutil.copyfile(path, staged.with_name(name))
            yield Progress(stage="film", done=0, total=len(each), message=name)
    height, width = _picture(paths[0]).shape[:2]
    return {"pictures": len(paths), "width": width, "height": height}


def _framing(reel: Reel, frames: Sequence[Path], job: FilmJob) -> Stage[View]:
    """One view that holds every frame, and a floor that stays, under the lowest of them."""
    corners: list[Mesh] = []
    for number, path in enumerate(frames):
        yield Progress(stage="frame", done=number, total=len(frames))
        corners.append(outline(load_frame(path)))
    view = View(azimuth=job.azimuth, elevation=job.elevation)
    view = (around if job.turn else closer)([corners], view)
    return replace(view, floor=min(float(mesh.vertices[:, 1].min()) for mesh in corners))


def _shoot(reel: Reel, frames: Sequence[Path], view: View, job: FilmJob, folder: Path) -> Stage[list[Path]]:
    """The pictures of a film, each taken once and kept -> their files, in order."""
    paths = [folder / f"{number:04d}.png" for number in range(len(reel.shots))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if not missing:
        return paths
    loaded: dict[int, Frame] = {}
    with Studio() as studio:
        for number in missing:
            yield Progress(stage="pictures", done=number, total=len(paths))
            members, turned = reel.shots[number]
            loaded = {k: loaded[k] if k in loaded else load_frame(frames[k]) for k in members}
            seen = replace(view, azimuth=view.azimuth + turned)
            images = []
            for frame in loaded.values():
                images.append(studio.picture(frame.shown, job.size, seen))
                yield Progress(stage="pictures", done=number, total=len(paths))
            save_png(paths[number], _together(images, reel.names))
    yield Progress(stage="pictures", done=len(paths), total=len(paths))
    return paths


def _together(images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> NDArray[np.uint8]:
    """Several shapes side by side under their names; one alone."""
    if len(images) == 1:
        return images[0]
    columns = len(images) if len(images) <= ROW else ceil(len(images) ** 0.5)
    return sheet(images, columns, names)


def _write_gif(staged: Path, paths: Sequence[Path], shown: Sequence[Path], times: Sequence[int]) -> Stage[None]:
    chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, LOOKED_AT).round().astype(int))]
    tally = NO_COLOURS
    for path in chosen:
        tally = tallied(tally, _picture(path))
        yield Progress(stage="film", done=0, total=len(shown), message="colours")
    palette = palette_of(tally)
    data = bytearray()
    for number, piece in enumerate(encoded((_picture(path) for path in shown), times, palette)):
        data += piece
        yield Progress(stage="film", done=min(number + 1, len(shown)), total=len(shown))
    write_atomic(staged, bytes(data))


def _picture(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def _meshes(folder: Path, reel: Reel, sources: Sequence[Source], job: FilmJob) -> Stage[dict[str, Any]]:
    """One mesh file per frame, all in the frame of reference that export gives them."""
    for number, source in enumerate(sources):
        path = folder / f"frame_{number:04d}{reel.kind}"
        if path.exists():
            continue
        yield Progress(stage="film", done=number, total=len(sources), message=source.name)
        crumbs = least_share(job.crumbs, source.made)
        recipe = source.recipe
        yield from write_shape(source.decoded, path, source.parts, job.resolution, recipe, crumbs, job.options)
    return {"meshes": len(sources)}


def _morph(
    staged: Path, reel: Reel, sources: Sequence[Source], frames: Sequence[Path], job: FilmJob, work: Workspace
) -> Stage[dict[str, Any]]:
    """One GLB whose mesh moves."""
    out = Path(job.out)
    command = ["film", *job.shapes, "--out", str(out.with_suffix("")), "--format", "glb"]
    instead = f"write one mesh per frame: {shlex.join(command)}"
    pieces, error = yield from carried(sources, frames, work.folder / "carried", job.resolution, instead)
    keys, tick = [], 0
    for frame, ticks in reel.plays:
        ends = {tick, tick + ticks - 1}
        keys += [(end / job.fps, frame) for end in sorted(ends)]
        tick += ticks
    recipe = {"film": list(reel.names), "sources": [source.recipe for source in sources]}
    write_atomic(staged, encode(pieces, keys, recipe))
    return {"meshes": 1, "parts": list(pieces), "error_voxels": round(error, 3)}
