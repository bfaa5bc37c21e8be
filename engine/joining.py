"""How parts meet: what is usual among the training shapes of a fit, measured once, and the stage of a JointsJob."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
from shutil import rmtree
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputError
from engine.geometry.mesh import Mesh, transform
from engine.geometry.surface import extract
from engine.jobs import FitJob, GenerateJob, JointsJob, SplitJob, TrainJob
from engine.known import read_known
from engine.layout import Layout
from engine.method import Representation, Shapes, Workspace
from engine.opened import Opened, open_shapes
from engine.ordering import heights_of, order_of_fit
from engine.parts.joints import (
    CRUMB,
    LEAST,
    NEIGHBOURS,
    PERCENTILE,
    POINTS,
    REST,
    Joint,
    Limit,
    Pair,
    Score,
    Solid,
    joints,
    limits,
    score,
    solid,
)
from engine.parts.mend import limits_of
from engine.parts.order import Rule, out_of_order, rules_for
from engine.parts.pose import places_of
from engine.project import Project
from engine.protocol import Progress, Saved, Stage
from engine.rows import ShapeRow
from engine.shapes import fit_of, read_fit_about, version_of
from engine.shipped import is_shipped
from engine.stages import as_part_of
from engine.storage import digest, read_tensors, seed_of, write_json, write_tensors

GRID = 128  # grid points per side of the surfaces that are measured; thin wings vanish on coarser ones
MOST = 256  # training shapes that are measured, evenly chosen
VERSION = 1  # of the way of measuring: another one where joints of the same shapes come out differently
SAMPLES = 16  # of each part of a training shape, kept for joint guidance


@dataclass(frozen=True)
class Usual:
    """What is usual among the training shapes of a fit.

    limits : pair of parts -> its limit
    points : (P, 3) float32 samples of the surfaces of their parts
    training : the shapes themselves, latents and presence
    fit, layout, meaning : whose they are, and what their latents mean (`Representation.meaning`)
    order : of their parts
    """

    limits: Mapping[Pair, Limit]
    points: NDArray[np.float32]
    training: Shapes
    fit: str
    layout: Layout
    meaning: str
    order: tuple[Rule, ...] = ()


class _Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One limit on disk; ``gap`` is null for parts that are no neighbours."""

    parts: tuple[str, str]
    gap: float | None
    overlap: float
    count: int


class _Met(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One joint of a training shape on disk, without what is for display."""

    parts: Pair
    gap: float
    overlap: float


def measure_joints(job: JointsJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Joints of shapes beside what is usual -> run, shapes[{shape, score, joints}], file with points for display."""
    opened = yield from open_shapes(job.shapes, project, work)
    rows, shown = [], []
    for one in opened:
        usual = yield from usual_of(job.fit or fit_behind(one.row, project), project, work)
        found, judged = yield from joints_of_shape(one, usual)
        rows.append({"shape": one.row.id, "joint score": judged.total, "unusual": words_of(judged)})
        shown.append({"shape": one.row.id, "score": judged.total, "joints": _for_display(found, judged)})
    path = project.run_folder(job.run) / "joints.json"
    write_json(path, {"version": 1, "frame": "canonical", "shapes": shown})
    yield Saved(kind="joints", path=str(path))
    return {"run": job.run, "shapes": rows, "file": str(path)}


def joints_of_shape(one: Opened, usual: Usual) -> Stage[tuple[dict[Pair, Joint], Score]]:
    """The joints of a shape where its parts stand, and how far they are beyond what is usual."""
    parts = one.representation.parts
    if not parts:
        raise InputError(f"{one.row.id} has no named parts, so it has no joints")
    places = places_of(one.shape, parts)
    meshes = yield from surfaces(one.representation, one.shape, list(places), one.device)
    found, part_of = joints(solids_of(meshes)), {name: part for name, (part, _) in places.items()}
    order = out_of_order(heights_of(meshes), rules_for(part_of, usual.order))
    return found, score(found, limits_of(part_of, usual.limits), order)


def surfaces(
    representation: Representation, shape: Shapes, names: Collection[str], device: torch.device
) -> Stage[dict[str, Mesh]]:
    """Surfaces of some parts and copies of a single shape where they stand; without those that have none.

    Each part is decoded where it was learned and its surface is moved, so that a moved part measures as it did before.
    """
    field = representation.decode(replace(shape, pose=None, copies=()).to(device))[0]
    learned: dict[str, Mesh] = {}
    found = {}
    for name, (part, pose) in places_of(shape, representation.parts).items():
        if name not in names:
            continue
        if part not in learned:
            learned[part] = yield from extract(field.part(part), GRID)
        if len(learned[part].faces):
            motion = np.vstack([pose.double().numpy(), [0.0, 0.0, 0.0, 1.0]])
            found[name] = transform(learned[part], motion)
    return found


def solids_of(meshes: Mapping[str, Mesh]) -> dict[str, Solid]:
    """Surfaces prepared for measuring."""
    return {name: solid(mesh, name) for name, mesh in meshes.items()}


def fit_behind(row: ShapeRow, project: Project) -> str:
    """The fit whose shapes tell what is usual for a shape: its own, its model's, or its parents'; a shipped model stands
    for the fit that it was trained on.

    Raises InputError where no fit of the project is behind it, as with imported networks.
    """
    if found := _fit_of_run(row.run, project):
        return found
    if row.kind not in ("fitted", "generated", "imported") and row.parents:
        return fit_behind(project.catalogue.shape(row.parents[0]), project)
    raise InputError(
        f"no fit of this project says what joints of {row.id} should be like; name one of the same kind with --fit"
    )


def _fit_of_run(run: str, project: Project) -> str:
    """The fit behind the shapes of a run, "" where there is none. What was fitted with the experts of a model as they are
    is of that model's."""
    job = project.job(run)
    if isinstance(job, TrainJob):
        return job.fit
    if isinstance(job, SplitJob):
        model = read_fit_about(run, project).model
        return model if is_shipped(model) else _fit_of_run(model, project)
    if isinstance(job, GenerateJob) or isinstance(job, FitJob) and job.model and not job.fine_tune:
        if is_shipped(job.model):
            return version_of(run, project)
        if Path(job.model).suffix != ".safetensors":
            return _fit_of_run(job.model, project)
    return run if isinstance(job, FitJob) else ""


def usual_of(fit: str, project: Project, work: Workspace) -> Stage[Usual]:
    """What is usual in a fit, from its accepted training shapes; measured at the first call and kept in its folder,
    anew where the program measures otherwise by now. Shipped models bring along what is usual.

    Raises InputError for a run that is no fit, and where too few shapes have a joint.
    """
    if is_shipped(fit):
        return _brought(fit, project)
    if not isinstance(project.job(fit), FitJob):
        raise InputError(f"{fit} is not a fit; `list runs` shows what there is")
    representation, latents = yield from fit_of(fit, project, work)
    if not representation.parts:
        raise InputError(f"{fit} has no named parts, so its shapes have no joints")
    seen = {item.id for item in project.catalogue.items() if item.split == "train"}
    rows = [i for i, r in enumerate(latents.records) if r.verdict == "accepted" and r.item in seen]
    chosen = rows[:: -(-len(rows) // MOST)] if rows else rows
    batch = latents.batch(torch.tensor(chosen, dtype=torch.int64), torch.Generator())
    training = Shapes(batch.target, batch.present)
    path = project.run_folder(fit) / "joints.safetensors"
    how = _how([latents.records[i].item for i in chosen])
    tensors, header = read_tensors(path) if path.exists() else ({}, {})
    if header.get("how") != how:
        pieces = path.with_name(f"joints-{how}")
        measured, points = yield from _measured(representation, training, pieces, work)
        kept = [
            _Limit(pair, one.gap if isfinite(one.gap) else None, one.overlap, one.count)
            for pair, one in limits(measured).items()
        ]
        tensors, header = {"points": points}, {"limits": msgspec.json.encode(kept).decode(), "how": how}
        write_tensors(path, tensors, header)
        rmtree(pieces)
        yield Saved(kind="joints", path=str(path))
    order = yield from order_of_fit(fit, [latents.records[i].item for i in rows], project)
    usual = _limits(header["limits"])
    return Usual(usual, tensors["points"], training, fit, latents.layout, representation.meaning(), order)


def _brought(model: str, project: Project) -> Usual:
    """What is usual among the training shapes of a shipped model. Raises InputError where they have no parts."""
    known = read_known(model, project)
    if not known.about.limits:
        raise InputError(f"{model} has no named parts, so its shapes have no joints")
    training = known.shapes.rows(slice(None, None, -(-len(known.shapes.latent) // MOST)))
    about = known.about
    return Usual(_limits(about.limits), known.points, training, model, about.layout, about.meaning, about.order)


def _limits(kept: str) -> dict[Pair, Limit]:
    """Limits as they are on disk."""
    found = msgspec.json.decode(kept, type=list[_Limit])
    return {one.parts: Limit(inf if one.gap is None else one.gap, one.overlap, one.count) for one in found}


def _how(items: Sequence[str]) -> str:
    """A fingerprint of what is measured and how: limits on disk with another one are out of date."""
    how = (VERSION, GRID, SAMPLES, CRUMB, POINTS, PERCENTILE, NEIGHBOURS, LEAST, *items)
    return digest(msgspec.json.encode(how))[:16]


def _measured(
    representation: Representation, training: Shapes, folder: Path, work: Workspace
) -> Stage[tuple[list[dict[Pair, Joint]], NDArray[np.float32]]]:
    """The joints of all training shapes, and samples of their surfaces; each shape is kept in ``folder`` once measured."""
    found: list[dict[Pair, Joint]] = []
    points: list[NDArray[np.float32]] = []
    folder.mkdir(exist_ok=True)
    for done in range(len(training.latent)):
        event = Progress(stage="joints", done=done, total=len(training.latent), message="what is usual")
        yield event
        path = folder / f"{done:04d}.safetensors"
        if not path.exists():
            names = [part.name for part in representation.parts]
            stage = surfaces(representation, training.row(done), names, work.device)
            parts = solids_of((yield from as_part_of(event, stage)))
            random = np.random.default_rng(seed_of("guidance", done))
            some = [random.permutation(part.points)[:SAMPLES] for part in parts.values()]
            met = [_Met(pair, one.gap, one.overlap) for pair, one in joints(parts).items()]
            samples = np.concatenate([np.zeros((0, 3)), *some]).astype(np.float32)
            write_tensors(path, {"points": samples}, {"joints": msgspec.json.encode(met).decode()})
        tensors, header = read_tensors(path)
        points.append(tensors["points"])
        kept = msgspec.json.decode(header["joints"], type=list[_Met])
        none = np.zeros((0, 2, 3)), np.zeros((0, 3))
        found.append({one.parts: Joint(one.gap, one.overlap, *none) for one in kept})
    yield Progress(stage="joints", done=len(training.latent), total=len(training.latent), message="what is usual")
    return found, np.concatenate([np.zeros((0, 3), np.float32), *points])


def words_of(judged: Score) -> str:
    """What is unusual, for a person."""
    told = []
    for (a, b), (gap, overlap) in judged.excess.items():
        name = f"{a} and {b}" if b != REST else f"{a} and the rest"
        told += [f"{name} {gap:.3f} too far apart"] if gap > 0 else []
        told += [f"{name} {overlap:.3f} too deep in each other"] if overlap > 0 else []
    told += [f"{lower} {over:.3f} too high beside {upper}" for (lower, upper), over in judged.order.items()]
    return "; ".join(told)


def _for_display(found: Mapping[Pair, Joint], judged: Score) -> Sequence[dict[str, Any]]:
    return [
        {
            "parts": list(pair),
            "gap": one.gap,
            "overlap": one.overlap,
            "excess": list(judged.excess.get(pair, (0.0, 0.0))),
            "judged": pair in judged.excess,
            "gaps": one.gaps.tolist(),
            "overlaps": one.overlaps.tolist(),
        }
        for pair, one in found.items()
    ]


def guidance_points(usual: Usual, count: int) -> Tensor:
    """(P, 3) at most ``count`` of the points, spread over all training shapes."""
    step = max(1, len(usual.points) // count)
    return torch.from_numpy(usual.points[::step][:count].copy())
