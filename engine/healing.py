"""The stages of HealJob and RerollJob: parts of a shape are drawn anew by a denoiser, or moved, so that all fit together."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch

from engine.card import Card, ShiftMove
from engine.cards import hashes_of
from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.jobs import GenerateJob, HealJob, RerollJob, TrainJob
from engine.joining import Usual, fit_behind, guidance_points, surfaces, usual_of
from engine.method import Shapes, Workspace
from engine.opened import Model, Opened, draw_derived, keep_derived, open_model, open_shape, picture_path
from engine.parts.guidance import joint_guide, meetings
from engine.parts.heal import Guide, reroll
from engine.parts.mend import Mended, mend
from engine.parts.spans import numbers_of
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import ShapeRow
from engine.shipped import is_shipped


def heal_shape(job: HealJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """The job's shape with joints that are more usual, kept as a shape of the run -> see HealJob."""
    opened = yield from open_shape(job.shape, project, work)
    parts = opened.representation.parts
    if not parts:
        raise InputError(f"{job.shape} has no named parts to heal; take a shape of a model with parts")
    held = _held(job, opened)
    present = list(hashes_of(opened.shape, opened.layout))
    free = [name for name in present if name not in held]
    drawn_anew = job.settings.mode == "all" or (job.settings.mode == "free" and bool(free))
    model = denoiser = guide = None
    if drawn_anew or job.model:
        model, denoiser = yield from model_for(job.model, opened, project, work, job.fit)
    usual = yield from usual_of(job.fit or fit_behind(opened.row, project), project, work)
    if model and drawn_anew and job.settings.guidance > 0:
        guide = yield from _guide(opened, model, usual, job.settings.points)

    def of(shape: Shapes, names: Collection[str]) -> Stage[dict[str, Mesh]]:
        return (yield from surfaces(opened.representation, shape, names, work.device))

    settings, condition = job.settings, model.condition(opened.category) if model else {}
    mended = yield from mend(
        opened.shape, parts, free, usual.limits, of, settings, job.seed, denoiser, condition, guide, usual.order
    )
    yield from _said(mended, drawn_anew)
    card = Card(
        parents=dict.fromkeys(present, job.shape),
        held=tuple(held),
        seed=mended.seed,
        model=model.name if model and mended.seed is not None else "",
        model_hash=model.hash if model and mended.seed is not None else "",
        moves=tuple(ShiftMove(part=name, by=by) for name, by in mended.moves.items()),
        measured=_measured(mended),
    )
    ids = keep_derived(project, job, opened, mended.shape, [card], "healed")
    yield from draw_derived(project, job, opened, mended.shape)
    return {
        "run": job.run,
        "shapes": ids,
        "parts": _rows(opened, mended.shape, held, mended.moves),
        **_measured(mended),
        "pictures": str(picture_path(project, job, 0).parent),
    }


def reroll_parts(job: RerollJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """Variants of the job's shape whose named parts are drawn anew, the rest byte for byte -> see RerollJob."""
    opened = yield from open_shape(job.shape, project, work)
    parts = opened.representation.parts
    chosen = numbers_of(job.parts, parts)
    model, denoiser = yield from model_for(job.model, opened, project, work)
    condition = {name: int(ids[0]) for name, ids in model.condition(opened.category).items()}
    found = yield from reroll(
        denoiser, opened.shape.latent[0], job.parts, parts, job.count, job.settings, job.seed, condition
    )
    present = torch.ones(1, len(parts), dtype=torch.bool) if opened.shape.present is None else opened.shape.present
    there = present.expand(job.count, -1).clone()
    there[:, chosen] = opened.representation.present(found.latent.to(work.device)).cpu()[:, chosen]
    shapes = _many(opened.shape, found.latent, there)
    gone = [f"{job.run}/{i:04d}" for i in range(job.count) if not bool(there[i, chosen].all())]
    if gone:
        yield Note(text=f"drawn without one of the parts, as some training shapes are: {', '.join(gone)}")
    names = [name for name in hashes_of(opened.shape, opened.layout) if name not in job.parts]
    cards = [
        Card(
            parents=dict.fromkeys([*names, *job.parts], job.shape),
            held=tuple(names),
            seed=seed,
            model=model.name,
            model_hash=model.hash,
            measured={"loose": loose},
        )
        for seed, loose in zip(found.seeds, found.loose, strict=True)
    ]
    ids = keep_derived(project, job, opened, shapes, cards, "rerolled")
    yield from draw_derived(project, job, opened, shapes)
    rows = [{"shape": name, "seed": seed} for name, seed in zip(ids, found.seeds, strict=True)]
    return {
        "run": job.run,
        "shapes": ids,
        "drawn": rows,
        "parts": _rows(opened, shapes.row(0), names, {}) if job.count else [],
        "pictures": str(picture_path(project, job, 0).parent),
    }


def model_for(
    name: str, opened: Opened, project: Project, work: Workspace, fit: str = ""
) -> Stage[tuple[Model, Denoiser]]:
    """The named model, or the newest that was trained on what the shape is from, or else on ``fit``; with its denoiser.

    Raises InputError where there is none, or where it does not fit the shape.
    """
    model = yield from open_model(name or _newest(opened.row, project, fit), project, work)
    if not isinstance(model.trainee, Denoiser):
        raise InputError(f"{model.name} has no denoiser of latent rows; choose a model of a method with parts")
    if model.about.layout != opened.layout or model.representation.meaning() != opened.shape.model_id:
        raise InputError(
            f"the latents of {model.name} are built differently from those of {opened.row.id}; "
            "choose a model that was trained on a fit like the shape's own"
        )
    return model, model.trainee


def _newest(row: ShapeRow, project: Project, other: str) -> str:
    """The newest finished training on the fit behind a shape; where there is none, on an ``other``. Raises InputError."""
    job = project.job(row.run)
    if isinstance(job, GenerateJob) and not is_shipped(job.model):
        return job.model
    try:
        own = fit_behind(row, project)
    except InputError:
        if not other:
            raise
        own = other
    if is_shipped(own):
        return own
    runs = [run.id for run in project.catalogue.runs("train") if run.state == "finished"]
    jobs = {run: found for run in runs if isinstance(found := project.job(run), TrainJob)}
    for fit in (own, other):
        trained = [run for run, found in jobs.items() if found.fit == fit]
        if trained:
            return trained[-1]
    raise InputError(f"no model was trained on {own} yet; `train --run {own}`, or name one with --model")


def _held(job: HealJob, opened: Opened) -> list[str]:
    """Parts that keep their numbers: those that the shape's card holds, and others by the job's own word."""
    parts = opened.representation.parts
    numbers_of([*job.held, *job.free], parts)
    both = set(job.held) & set(job.free)
    if both:
        raise InputError(f"{', '.join(sorted(both))} cannot be held and free at once; choose one")
    chosen = {*opened.card.held, *job.held} - set(job.free)
    return [name for name in hashes_of(opened.shape, opened.layout) if name in chosen]


def _guide(opened: Opened, model: Model, usual: Usual, count: int) -> Stage[Guide | None]:
    """Joint guidance by what is usual among the training shapes; none, which is said, where they or the parts of the
    shape are not what the model would look at."""
    if usual.layout != opened.layout or usual.meaning != opened.shape.model_id:
        yield Note(
            text=f"the latents of {usual.fit} are built differently, so its joints judge the draws but do not guide them"
        )
        return None
    if opened.shape.pose is not None or opened.shape.copies:
        yield Note(text="parts were moved or copied, so joints judge the draws but do not guide them")
        return None
    points = guidance_points(usual, count).to(opened.device)
    pairs = yield from meetings(model.representation, usual.training.to(opened.device), points)
    return joint_guide(model.representation, opened.shape, pairs, points)


def _said(mended: Mended, drawn_anew: bool) -> Stage[None]:
    """What a person should know of how it went."""
    if mended.seed is None and not mended.moves:
        usual = mended.before.total == 0
        told = "its parts meet as they do in training shapes" if usual else "nothing that was tried is better"
        yield Note(text=f"{told}, so the shape is as it was")
    elif mended.seed is None and drawn_anew:
        yield Note(text="moves alone mend it as well, so all numbers are as they were")


def _measured(mended: Mended) -> dict[str, float]:
    found = {"joint score before": mended.before.total, "joint score after": mended.after.total}
    if mended.loss_before is not None and mended.loss_after is not None:
        found |= {"loss before": mended.loss_before, "loss after": mended.loss_after}
    return found


def _rows(
    opened: Opened, shape: Shapes, held: Collection[str], moves: Mapping[str, tuple[float, float, float]]
) -> list[dict[str, Any]]:
    """Each part with its hash before and after."""
    before, after = hashes_of(opened.shape, opened.layout), hashes_of(shape, opened.layout)
    return [
        {
            "part": name,
            "hash": value,
            "numbers": ("held" if name in held else "same") if before.get(name) == value else "drawn anew",
            "moved by": [round(one, 4) for one in moves.get(name, ())],
        }
        for name, value in after.items()
    ]


def _many(shape: Shapes, latent: torch.Tensor, present: torch.Tensor) -> Shapes:
    """Rows (K, D) that stand as a single shape does."""
    count = len(latent)
    return replace(
        shape,
        latent=latent,
        present=present,
        pose=None if shape.pose is None else shape.pose.expand(count, -1, -1, -1).clone(),
        condition={name: ids.expand(count) for name, ids in shape.condition.items()},
        copies=shape.copies * count,
    )
