"""The stage of an InterpolateJob: frames on the way from shape to shape, whole or part by part."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from engine.card import WHOLE, Card
from engine.cards import hashes_of
from engine.diffusion.denoiser import NONE, Denoiser
from engine.errors import InputError
from engine.healing import model_for
from engine.jobs import InterpolateJob
from engine.method import Shapes, Workspace
from engine.opened import Model, Opened, draw_derived, keep_derived, open_shapes, picture_path
from engine.parts.interpolate import alphas, interpolate, nearest_key, plausibility
from engine.parts.motion import between
from engine.parts.pose import unmoved
from engine.parts.settings import Blend, Curve
from engine.parts.spans import numbers_of
from engine.project import Project
from engine.protocol import Note, Stage


def blend(job: InterpolateJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """The job's frames, kept as shapes of the run in their order -> see InterpolateJob."""
    opened = yield from open_shapes(job.shapes, project, work)
    first = opened[0]
    check_alike(job, opened)
    if not job.curves:
        raise InputError("name the whole or a part that is to change")
    model, denoiser = yield from judge_of(job.model, first, project, work)
    shapes, alpha = tweened(job, opened, denoiser)
    classes = {one.category for one in opened}
    category = classes.pop() if len(classes) == 1 else ""
    shapes = replace(shapes, condition=_classes(first, category, job.frames))
    losses: Tensor | None = None
    if model is not None and denoiser is not None:
        asked = {name: ids.expand(job.frames) for name, ids in model.condition(category).items()}
        losses = yield from plausibility(denoiser, shapes.latent, condition=asked)
    cards = [
        Card(
            parents=_parents(shapes.row(f), first, alpha, f, job.shapes),
            blended=_blended(alpha, f, job.shapes),
            model=model.name if model else "",
            model_hash=model.hash if model else "",
            measured=_numbers(alpha, f) | ({} if losses is None else {"loss": float(losses[f])}),
        )
        for f in range(job.frames)
    ]
    ids = keep_derived(project, job, first, shapes, cards, "interpolated")
    yield from draw_derived(project, job, first, shapes)
    frames = [{"shape": name, **card.measured} for name, card in zip(ids, cards, strict=True)]
    return {"run": job.run, "shapes": ids, "frames": frames, "pictures": str(picture_path(project, job, 0).parent)}


def faded(part: str, blend: Blend, keys: Sequence[Opened], denoiser: Denoiser | None) -> Opened:
    """The nearest of ``keys``, but with the part where a fader between all of them says. Raises InputError as `check_alike`.

    denoiser : what arcs are measured in
    """
    curve = Curve(((0.0, 0.0), (1.0, blend.alpha)), blend.way)
    job = InterpolateJob(shapes=blend.shapes, frames=2, curves={part: curve})
    check_alike(job, keys)
    frames, alpha = tweened(job, keys, denoiser)
    nearest = int(nearest_key(len(keys), alpha[part][1:])[0])
    return replace(keys[nearest], shape=frames.row(1))


def beside(blend: Blend) -> tuple[str, ...]:
    """The shapes on either side of a fader; that one alone which it stands at."""
    return tuple(dict.fromkeys(blend.shapes[side(blend.place)] for side in (math.floor, math.ceil)))


def check_alike(job: InterpolateJob, keys: Sequence[Opened]) -> None:
    """Raise InputError for curves of unknown parts, and for shapes that are not of one model or are clouds."""
    first = keys[0]
    if not first.representation.ordered:
        raise InputError(
            f"{first.row.id} is a cloud, whose points are in no order, so nothing lies between two of them; "
            "interpolate between shapes that are surfaces"
        )
    numbers_of([name for name in job.curves if name != WHOLE], first.representation.parts)
    for other in keys[1:]:
        if other.layout != first.layout or other.shape.model_id != first.shape.model_id:
            raise InputError(
                f"{other.row.id} is built differently from {first.row.id}; interpolate between shapes of one model"
            )


def tweened(job: InterpolateJob, keys: Sequence[Opened], denoiser: Denoiser | None) -> tuple[Shapes, dict[str, Tensor]]:
    """The job's frames (F rows), of no class, and alpha (F,) of each part, or of the whole where there are none."""
    parts, rest = keys[0].representation.parts, job.curves.get(WHOLE)
    named = {name: curve for name, curve in job.curves.items() if name != WHOLE}
    centre, scale = (None, None) if denoiser is None else (denoiser.mean.cpu(), denoiser.std.cpu())
    latents = torch.cat([one.shape.latent for one in keys])
    latent = interpolate(latents, job.frames, parts, named, rest, centre, scale)
    alpha = {part.name: _alphas(job, named.get(part.name, rest)) for part in parts}
    frames = _frames(latent, [one.shape for one in keys], list(alpha.values()))
    return frames, alpha or {WHOLE: _alphas(job, rest)}


def judge_of(
    name: str, first: Opened, project: Project, work: Workspace
) -> Stage[tuple[Model | None, Denoiser | None]]:
    """The model that says how plausible frames are and what arcs are measured in; none where there is none to be had.

    name : "" = the newest that was trained on the fit behind ``first``
    """
    try:
        return (yield from model_for(name, first, project, work))
    except InputError as error:
        if name:
            raise
        yield Note(text=f"frames are not judged: {error}")
        return None, None


def _classes(first: Opened, category: str, frames: int) -> dict[str, Tensor]:
    """The condition of frames between shapes of one class; of any class ("") where it is not one."""
    if not first.categories:
        return {}
    number = first.categories.index(category) if category in first.categories else NONE
    return {"category": torch.full((frames,), number)}


def _alphas(job: InterpolateJob, curve: Curve | None) -> Tensor:
    """Alpha (F,) of each frame; 0 for what stays the first shape's."""
    return torch.zeros(job.frames, dtype=torch.float64) if curve is None else alphas(job.frames, curve)


def _frames(latent: Tensor, keys: Sequence[Shapes], alpha: Sequence[Tensor]) -> Shapes:
    """Frames (F, D) with presence, poses and copies; ``alpha`` : of each part.

    A part is there, and copies are, where the nearest shape has them; poses go along with the part.
    """
    first, count = keys[0], len(alpha)
    if not count:
        return replace(first, latent=latent, condition={})
    nearest = torch.stack([nearest_key(len(keys), one) for one in alpha], 1)  # (F, K)
    there = [torch.ones(1, count, dtype=torch.bool) if one.present is None else one.present for one in keys]
    present = torch.cat(there).gather(0, nearest)
    pose = None
    if any(one.pose is not None for one in keys):
        poses = torch.cat([unmoved(1, count) if one.pose is None else one.pose for one in keys])  # (M, K, 3, 4)
        pose = torch.stack([between(poses[:, k], alpha[k]) for k in range(count)], 1)
    main = torch.stack(list(alpha)).amax(0)
    copies = tuple(keys[i].copies[0] if keys[i].copies else () for i in nearest_key(len(keys), main).tolist())
    return Shapes(latent, present, pose, {}, first.model_id, copies if any(copies) else ())


def _parents(
    shape: Shapes, first: Opened, alpha: Mapping[str, Tensor], frame: int, names: Sequence[str]
) -> dict[str, str]:
    """Each part with the shape that it is nearest to."""
    there = hashes_of(shape, first.layout)
    nearest = {
        name: names[int(nearest_key(len(names), values[frame : frame + 1])[0])] for name, values in alpha.items()
    }
    return {name: nearest[name] for name in there}


def _blended(alpha: Mapping[str, Tensor], frame: int, names: Sequence[str]) -> tuple[str, ...]:
    """The shapes on either side of a frame, of any of its parts; of a frame that is one of them, that one alone."""
    places = [float(values[frame]) * (len(names) - 1) for values in alpha.values()]
    beside = {int(side) for place in places for side in (math.floor(place), math.ceil(place))}
    return tuple(dict.fromkeys(names[number] for number in sorted(beside)))


def _numbers(alpha: Mapping[str, Tensor], frame: int) -> dict[str, float]:
    """Alpha of a frame: one number where all parts go together, else one per part."""
    values = {name: float(one[frame]) for name, one in alpha.items()}
    if len(set(values.values())) == 1:
        return {"alpha": next(iter(values.values()))}
    return {f"alpha of {name}": value for name, value in values.items()}
