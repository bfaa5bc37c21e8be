"""The answers to small requests: each a stage over shapes and surfaces that are kept from request to request."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from itertools import permutations
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine import device, joining
from engine.errors import InputError
from engine.fields.mlp import EMPTY
from engine.geometry.blocks import CHUNK
from engine.geometry.mesh import Mesh, transform
from engine.live_clouds import cloud_of, points_of
from engine.live_painting import Canvases
from engine.live_pictures import Thumbnails
from engine.live_requests import (
    Computer,
    Cut,
    Decode,
    File,
    Filed,
    Frames,
    Hardware,
    Joined,
    Joint,
    Joints,
    Meshes,
    Mixture,
    Nothing,
    Paint,
    Picture,
    Plausibility,
    Plausible,
    Request,
    Section,
    Thumbnail,
    Tween,
)
from engine.live_shapes import LiveShapes, Mixed
from engine.live_surfaces import Kept, Surfaces, key_at, standing
from engine.live_worker import Given
from engine.mailbox import Preview
from engine.method import Workspace
from engine.metrics.decoding import key_of
from engine.parts.interpolate import plausibility
from engine.parts.joints import Side, Solid, joints_of, score, side, solid
from engine.parts.mend import limits_of
from engine.parts.order import out_of_order, rules_for
from engine.parts.pose import places_of
from engine.project import Project
from engine.protocol import Event, Progress
from engine.rows import ShapeRow
from engine.storage import digest

Answering = Generator[Event | Preview | Given, None, Given]
Arrays = dict[str, NDArray]

JUDGED = 32 << 20  # bytes of parts prepared for measuring, and as much of what is usual in fits


class LiveAnswers:
    """What the live engine knows, see ``live_worker.Answers``."""

    def __init__(self, folder: Path) -> None:
        """folder : of the project."""
        self.project = Project(folder)
        self.shapes = LiveShapes(self.project, Workspace(self.project.folder, device.choose("auto")))
        self.surfaces = Surfaces()
        self.thumbnails = Thumbnails(self.project, self.shapes, self.surfaces)
        self._canvases = Canvases(self.project)
        self._solids: Kept[Solid] = Kept(JUDGED)
        self._usual: Kept[joining.Usual] = Kept(JUDGED)

    def answer(self, request: Request) -> Answering:
        """The stage of one request."""
        match request:
            case Decode():
                return self._decode(request)
            case Frames():
                return self._frames(request)
            case Section():
                return self._section(request)
            case Joints():
                return self._joints(request)
            case Plausibility():
                return self._plausibility(request)
            case Thumbnail():
                return self._thumbnail(request)
            case Paint():
                return self._paint(request)
            case Hardware():
                return self._hardware()
            case File():
                return self._file(request)

    def relieve(self) -> bool:
        """Let go of all that is kept, and of the GPU; whether that can have helped."""
        before = len(self.surfaces.kept) + len(self._solids)
        self.surfaces.kept.clear()
        self.shapes.clear()
        self._solids.clear()
        self._canvases.clear()
        on_gpu = self.shapes.work.device.type != "cpu"
        self.shapes.work = replace(self.shapes.work, device=torch.device("cpu"))
        return bool(before) or on_gpu

    def close(self) -> None:
        """Give graphics and catalogue back."""
        self.thumbnails.close()
        self._canvases.clear()
        self.project.close()

    # surfaces --------------------------------------------------------------------------------------------------------
    def _decode(self, request: Decode) -> Answering:
        mixed = yield from self.shapes.mixed(request.of)
        if (cloud := cloud_of(mixed)) is not None:
            return Given(*points_of(cloud))
        what = standing(mixed.like, mixed.shape)
        fine = max(request.resolution, request.refine)
        levels: dict[str, int] = {}
        arrays: Arrays = {}
        for name, key in what.keys.items():
            has = request.have.get(name)
            levels[name] = fine
            if has == key_at(key, fine):
                continue
            mesh = self.surfaces.find(what, name, fine)
            if mesh is None:
                levels[name] = request.resolution
                if has == key_at(key, request.resolution):
                    continue
                mesh = yield from self.surfaces.surface(what, name, request.resolution)
            arrays |= _arrays(name, mesh)
        first = Given(Meshes(resolution=request.resolution, pieces=what.pieces(levels), notes=mixed.notes), arrays)
        coarse = [name for name, level in levels.items() if level < fine]
        if not coarse:
            return first
        yield first
        finer: Arrays = {}
        for name in coarse:
            finer |= _arrays(name, (yield from self.surfaces.surface(what, name, fine)))
        pieces = what.pieces(dict.fromkeys(levels, fine))
        return Given(Meshes(resolution=fine, pieces=pieces, notes=mixed.notes), finer)

    def _frames(self, request: Frames) -> Answering:
        like, shapes = yield from self.shapes.frames(request.of)
        count = len(shapes.latent)
        wanted = request.which or tuple(range(count))
        if not all(0 <= frame < count for frame in wanted):
            raise InputError(f"this sequence has frames 0 to {count - 1}")
        for frame in wanted:
            what = standing(like, shapes.row(frame))
            arrays: Arrays = {}
            for name in what.keys:
                arrays |= _arrays(name, (yield from self.surfaces.surface(what, name, request.resolution)))
            pieces = what.pieces(dict.fromkeys(what.keys, request.resolution))
            yield Given(Meshes(resolution=request.resolution, pieces=pieces, frame=frame), arrays)
        return Given(Nothing())

    def _section(self, request: Section) -> Answering:
        mixed = yield from self.shapes.mixed(request.of)
        what = standing(mixed.like, mixed.shape)
        names, side = tuple(what.keys), np.linspace(0, 1, request.resolution)
        across, up = np.outer(side, request.across), np.outer(side, request.up)
        points = (np.asarray(request.corner) + across[:, None] + up[None]).reshape(-1, 3).astype(np.float32)
        logits = np.full(len(points), EMPTY, np.float32)
        part = np.zeros(len(points), np.int16)
        within = (np.abs(points) <= 0.5).all(1)
        inside = np.flatnonzero(within)
        for number, name in enumerate(names):
            field = what.field.part(name) if what.field.parts else what.field
            for start in range(0, len(inside), CHUNK):
                yield Progress(stage="section", done=number, total=len(names), message=name)
                rows = inside[start : start + CHUNK]
                with torch.no_grad():
                    found = field(torch.from_numpy(points[rows])).to("cpu", torch.float32).numpy()
                part[rows] = np.where(found > logits[rows], number, part[rows])
                logits[rows] = np.maximum(logits[rows], found)
        logits[~within] = min(-1.0, logits[inside].min(initial=0.0))  # outside the cube all is empty
        shape = (request.resolution, request.resolution)
        return Given(Cut(parts=names), {"logits": logits.reshape(shape), "part": part.reshape(shape)})

    # judgements ------------------------------------------------------------------------------------------------------
    def _joints(self, request: Joints) -> Answering:
        mixed = yield from self.shapes.mixed(request.of)
        parts = mixed.like.representation.parts
        if not parts:
            raise InputError(f"{request.of.base} has no named parts, so it has no joints")
        usual = yield from self._usual_of(request.fit, mixed.like.row)
        places = places_of(mixed.shape, parts)
        still, what = standing(mixed.like, mixed.shape, learned=True), standing(mixed.like, mixed.shape)
        solids: dict[str, Solid] = {}
        for name, (part, pose) in places.items():
            key = name, what.keys[name]
            found = self._solids.get(key)
            if found is None:
                mesh = yield from self.surfaces.surface(still, part, joining.GRID)
                if not len(mesh.faces):
                    continue
                found = solid(transform(mesh, np.vstack([pose.double().numpy(), [0.0, 0.0, 0.0, 1.0]])), name)
                self._solids.put(key, found, 4 * (mesh.vertices.nbytes + mesh.faces.nbytes))
                yield Progress(stage="joints", done=len(solids), total=len(places), message=name)
            solids[name] = found
        seen: dict[tuple[str, str], Side] = {}
        for a, b in permutations(solids, 2):  # as `sides`; a part exchanged meanwhile need not wait for all of them
            yield Progress(stage="joints", done=len(seen), total=len(solids) * (len(solids) - 1), message=f"{a}, {b}")
            seen[a, b] = side(solids[a], solids[b])
        met = joints_of(seen, list(solids))
        part_of = {name: part for name, (part, _) in places.items()}
        order = out_of_order({name: one.ends for name, one in solids.items()}, rules_for(part_of, usual.order))
        judged = score(met, limits_of(part_of, usual.limits), order)
        told = tuple(
            Joint(
                parts=pair,
                gap=one.gap if isfinite(one.gap) else None,
                overlap=one.overlap,
                excess=judged.excess.get(pair, (0.0, 0.0)),
                judged=pair in judged.excess,
            )
            for pair, one in met.items()
        )
        return Given(Joined(score=judged.total, words=joining.words_of(judged), joints=told))

    def _usual_of(self, fit: str, row: ShapeRow) -> Generator[Event | Preview, None, joining.Usual]:
        name = fit or joining.fit_behind(row, self.project)
        found = self._usual.get(name)
        if found is None:
            found = yield from joining.usual_of(name, self.project, self.shapes.work)
            self._usual.put(name, found, found.points.nbytes + found.training.latent.nbytes)
        return found

    def _plausibility(self, request: Plausibility) -> Answering:
        match request.of:
            case Mixture(base=base):
                mixed = yield from self.shapes.mixed(request.of)
                like, shapes = mixed.like, mixed.shape
                opened = yield from self.shapes.open([base])
            case Tween(shapes=names):
                like, shapes = yield from self.shapes.frames(request.of)
                opened = yield from self.shapes.open(names)
        classes = {one.category for one in opened.values()}
        category = classes.pop() if len(classes) == 1 else ""
        model, denoiser = yield from self.shapes.judge(like, request.model)
        if model is None or denoiser is None:
            raise InputError("no model of this project can judge it; train one on the fit behind the shape")
        asked = {name: ids.expand(len(shapes.latent)) for name, ids in model.condition(category).items()}
        losses = yield from plausibility(denoiser, shapes.latent, condition=asked)
        return Given(Plausible(losses=tuple(losses.tolist()), model=model.name))

    def _thumbnail(self, request: Thumbnail) -> Answering:
        path = yield from self.thumbnails.find(request.name, request.size)
        return Given(Picture(path=str(path)))

    def _paint(self, request: Paint) -> Answering:
        yield Progress(stage="paint", done=0, total=1, message=request.painting.item)
        return Given(*self._canvases.paint(request))

    def _hardware(self) -> Answering:
        """The device that is in use: the CPU, once a graphics card had too little memory."""
        yield from ()
        return Given(Computer(name=device.name_of(self.shapes.work.device)))

    def _file(self, request: File) -> Answering:
        from engine.exporting import keep_file  # what writes files is loaded when one is wanted

        suffix = ".glb"
        if "/" in request.name:
            opened = (yield from self.shapes.open([request.name]))[request.name]
            suffix = ".ply" if cloud_of(Mixed(opened, opened.shape)) is not None else suffix
            about = key_of(opened.shape, opened.about.settings, request.resolution, 0.0)
        else:
            row = self.project.catalogue.item(request.name)
            if (source := Path(row.path)).is_file():
                return Given(Filed(path=str(source)))
            geometry = self.project.geometry_path(row.id)
            stat = geometry.stat() if geometry.exists() else None
            about = f"{row.hash}|{(stat.st_size, stat.st_mtime_ns) if stat else ''}|{request.resolution}"
        key = digest(f"{request.name}|{about}".encode())  # another file where a name stands for something else by now
        path = self.project.folder / "cache" / "files" / key / f"{request.name.replace('/', '-')}{suffix}"
        if not path.exists():
            yield from keep_file(request.name, path, request.resolution, self.project, self.shapes.work)
        return Given(Filed(path=str(path)))


def _arrays(name: str, mesh: Mesh) -> Mapping[str, NDArray]:
    """A surface as answers have it."""
    return {f"vertices/{name}": mesh.vertices.astype(np.float32), f"faces/{name}": mesh.faces.astype(np.int32)}
