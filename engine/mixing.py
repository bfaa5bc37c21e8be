"""The stage of a MixJob: a shape made of parts of others, moved, doubled and taken away as asked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.blending import beside, faded, judge_of
from engine.card import Card, Move
from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.geometry.surface import extract
from engine.jobs import MixJob
from engine.method import Field, Shapes, Workspace
from engine.opened import Opened, draw_derived, keep_derived, open_shapes, picture_path
from engine.parts.mix import Mix, mix, remove
from engine.parts.pose import apply, moved_by, placed, places_of
from engine.parts.spans import numbers_of
from engine.project import Project
from engine.protocol import Note, Progress, Stage

BOX_GRID = 96  # grid points per side of the decode by which a part's box is measured
_COPY_NAME = re.compile(r"[^\W_][\w. -]{0,59}")

Places = Mapping[str, tuple[str, Tensor]]


def mix_parts(job: MixJob, project: Project, work: Workspace) -> Stage[dict[str, Any]]:
    """The job's shape, kept with its card and picture -> run, shapes, parts[{part, from, hash, numbers, place}], pictures."""
    names = taken_from(job)
    opened = dict(zip(names, (yield from open_shapes(names, project, work)), strict=True))
    base = opened[job.base]
    plain, opened = yield from faders_as_donors(job, opened, lambda first: judge_of("", first, project, work))
    mixed, places = arranged(plain, base, opened)
    held = _held(plain, base, mixed)
    absent = [part for part in plain.parts if part not in mixed.parents and part not in job.removed]
    if absent:
        missing = ", ".join(f"{part} ({plain.parts[part]})" for part in absent)
        yield Note(text=f"not in the mix, since the shape that it was to come from has none: {missing}")
    places = yield from moved_places(job.moves, mixed.shape, places, base)
    for one, other in _coinciding(places):
        yield Note(text=f"{one} stands exactly where {other} stands; move or mirror it", warning=True)
    shape = placed(mixed.shape, base.representation.parts, places)
    sides = [shape for part, blend in job.blends.items() if part in mixed.parents for shape in beside(blend)]
    card = Card(parents=dict(mixed.parents), blended=tuple(dict.fromkeys(sides)), held=held, moves=job.moves)
    ids = keep_derived(project, job, base, shape, [card], "mixed")
    yield from draw_derived(project, job, base, shape)
    moves = {move.part for move in job.moves}
    rows = [
        {
            "part": name,
            "from": (plain.parts if part in job.blends else mixed.parents)[part] if name == part else f"copy of {part}",
            "hash": mixed.hashes[part],
            "numbers": "held" if part in held else "free",
            "place": "moved" if name in moves else "",
        }
        for name, (part, _) in places.items()
    ]
    return {"run": job.run, "shapes": ids, "parts": rows, "pictures": str(picture_path(project, job, 0).parent)}


def taken_from(job: MixJob) -> list[str]:
    """The shapes that a mix is made of, each once; the base is the first."""
    faders = [name for blend in job.blends.values() for name in blend.shapes]
    return list(dict.fromkeys([job.base, *job.parts.values(), *faders]))


def faders_as_donors(
    job: MixJob, opened: Mapping[str, Opened], judge: Callable[[Opened], Stage[tuple[Any, Denoiser | None]]]
) -> Stage[tuple[MixJob, dict[str, Opened]]]:
    """The job with a donor for every fader, and the shapes that it is made of with these. Raises InputError.

    judge : gives the model whose units arcs are measured in, to shapes like the one that it is given
    """
    if twice := [part for part in job.blends if part in job.parts]:
        raise InputError(f"{', '.join(twice)} cannot be taken from one shape and blended of others; leave one out")
    parts, every = dict(job.parts), dict(opened)
    for part, blend in job.blends.items():
        keys = [opened[name] for name in blend.shapes]
        denoiser = None if blend.way == "linear" else (yield from judge(keys[0]))[1]
        parts[part] = f"{part} {blend.alpha:g} of the way from {' to '.join(blend.shapes)}"
        every[parts[part]] = faded(part, blend, keys, denoiser)
    return msgspec.structs.replace(job, parts=parts, blends={}), every


def arranged(job: MixJob, base: Opened, opened: Mapping[str, Opened]) -> tuple[Mix, Places]:
    """The mix before anything is moved, and where everything of it stands. Raises InputError for what cannot be done."""
    if not (job.parts or job.removed or job.copies or job.moves):
        raise InputError(f"say what of {job.base} is to change: parts to take from other shapes, to remove or to move")
    parts = base.representation.parts
    mixed = mix(base.parent, {part: opened[name].parent for part, name in job.parts.items()}, parts)
    names = {part.name for part in parts}
    before = places_of(mixed.shape, parts)
    copies = [name for name in job.removed if name in before and name not in names]
    removed = [name for name in job.removed if name not in copies]
    taken = [name for name in removed if name in job.parts]
    if taken:
        raise InputError(f"{', '.join(taken)} cannot be taken from another shape and removed as well; leave one out")
    numbers_of(removed, parts)
    gone = [name for name in removed if name not in before]
    if gone:
        raise InputError(f"{job.base} has no {', '.join(gone)} to remove; the mix has {', '.join(before)}")
    if removed:
        mixed = remove(mixed, removed, parts, base.representation.absent())
    places = {name: place for name, place in places_of(mixed.shape, parts).items() if name not in copies}
    if not places:
        raise InputError("nothing would be left of the shape; keep at least one part")
    for name, source in job.copies.items():
        if source not in places:
            raise InputError(f"there is no {source} to copy; the mix has {', '.join(places)}")
        if name in names or name in places or not _COPY_NAME.fullmatch(name):
            raise InputError(f"a copy cannot be named {name!r}; use a new name such as {source}.2")
        places[name] = places[source]
    unknown = [move.part for move in job.moves if move.part not in places]
    if unknown:
        raise InputError(f"there is no {', '.join(dict.fromkeys(unknown))} to move; the mix has {', '.join(places)}")
    return mixed, places


def _held(job: MixJob, base: Opened, mixed: Mix) -> tuple[str, ...]:
    """Parts that healing leaves as they are: those taken from other shapes, now or when the base itself was mixed, and
    others by the job's own word. So two mixes, one after the other, hold what one with all of it holds."""
    parts = base.representation.parts
    numbers_of([*job.held, *job.free], parts)
    both = set(job.held) & set(job.free)
    if both:
        raise InputError(f"{', '.join(sorted(both))} cannot be held and free at once; choose one")
    chosen = {*job.parts, *job.held, *base.card.held} - set(job.free)
    return tuple(part.name for part in parts if part.name in chosen and part.name in mixed.parents)


def moved_places(
    moves: Sequence[Move], shape: Shapes, places: Places, like: Opened
) -> Stage[dict[str, tuple[str, Tensor]]]:
    """``places`` of a single shape after all motions, in order. What then leaves the cube is said, since it is cut off."""
    still = like.representation.decode(replace(shape, pose=None, copies=()).to(like.device))[0]
    found, corners = dict(places), {}
    needed = {found[move.part][0] for move in moves}
    for done, part in enumerate(sorted(needed)):
        yield Progress(stage="measure", done=done, total=len(needed), message=part)
        corners[part] = yield from _surface(still, part)
    for move in moves:
        part, pose = found[move.part]
        low, high = _box(corners[part], pose)
        found[move.part] = part, moved_by(move, pose, ((low + high) / 2).tolist())
    for name in dict.fromkeys(move.part for move in moves):
        part, pose = found[name]
        low, high = _box(corners[part], pose)
        if low.max() >= 0.5 or high.min() <= -0.5:
            raise InputError(
                f"nothing of {name} is left: it stands outside the cube from -0.5 to 0.5 that a shape lives in; move it less"
            )
        if low.min() < -0.5 or high.max() > 0.5:
            cure = "make it smaller" if (high - low).max() > 1 else "move it back"
            yield Note(
                text=f"{name} reaches out of the cube from -0.5 to 0.5 that a shape lives in and is cut off there; {cure}",
                warning=True,
            )
    return found


def _surface(field: Field, part: str) -> Stage[NDArray[np.float64]]:
    """Vertices (V, 3) of a part where it was learned. Raises InputError for a part without a surface."""
    mesh = yield from extract(field.part(part), BOX_GRID)
    if not len(mesh.faces):
        raise InputError(
            f"the network of {part} is empty, so there is nothing to move; take the part from another shape"
        )
    return np.asarray(mesh.vertices, np.float64)


def _box(vertices: NDArray[np.float64], pose: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (3,) of a surface where its pose puts it."""
    there = apply(pose.double(), torch.from_numpy(vertices)).numpy()
    return there.min(0), there.max(0)


def _coinciding(places: Places) -> list[tuple[str, str]]:
    """Names that stand in one place: a copy that nobody moved, and its part."""
    seen: dict[tuple[str, bytes], str] = {}
    found = []
    for name, (part, pose) in places.items():
        first = seen.setdefault((part, pose.numpy().tobytes()), name)
        if first != name:
            found.append((name, first))
    return found
