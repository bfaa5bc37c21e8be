"""Shapes for small requests: opened once, and mixed and blended by the very code of the jobs that keep them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from engine.blending import check_alike, judge_of, tweened
from engine.diffusion.denoiser import Denoiser
from engine.jobs import InterpolateJob
from engine.live_known import open_known
from engine.live_requests import Mixture, Tween, job_to_keep, known_of
from engine.live_surfaces import Kept
from engine.method import Shapes, Workspace
from engine.mixing import arranged, faders_as_donors, moved_places, taken_from
from engine.opened import Model, Opened, open_shape
from engine.parts.pose import placed
from engine.project import Project
from engine.protocol import Note, Stage
from engine.stages import noting

ROOM = 256 << 20  # bytes of opened shapes that are kept, and of models


@dataclass(frozen=True)
class Mixed:
    """A shape, one row, and what decodes it. notes : what a person should know of how it came to be."""

    like: Opened
    shape: Shapes
    notes: tuple[str, ...] = ()


class LiveShapes:
    """Shapes and models of a project, opened at the first request that needs them. What a shape is never changes."""

    def __init__(self, project: Project, work: Workspace) -> None:
        """work : device of all that is opened."""
        self.project = project
        self.work = work
        self._shapes: Kept[Opened] = Kept(ROOM)
        self._judges: Kept[tuple[Model | None, Denoiser | None]] = Kept(ROOM)

    def clear(self) -> None:
        """Let go of everything."""
        self._shapes.clear()
        self._judges.clear()

    def open(self, names: Iterable[str]) -> Stage[dict[str, Opened]]:
        """Shapes by name. Raises InputError for unknown ones, and for runs without a finished fit."""
        found = {}
        for name in dict.fromkeys(names):
            one = self._shapes.get(name)
            if one is None:
                opening = open_known if any(known_of(name)) else open_shape
                one = yield from opening(name, self.project, self.work)
                self._shapes.put(name, one, _size(one.representation) + one.shape.latent.nbytes)
            found[name] = one
        return found

    def mixed(self, mixture: Mixture) -> Stage[Mixed]:
        """The shape that the job of `job_to_keep` makes. Raises InputError for what they refuse."""
        job = job_to_keep(mixture)
        opened = yield from self.open(taken_from(job))
        base = opened[mixture.base]
        if not mixture.changed:
            return Mixed(base, base.shape)
        notes: list[Note] = []
        job, opened = yield from noting(faders_as_donors(job, opened, self.judge), notes)
        mixed, places = arranged(job, base, opened)
        places = yield from noting(moved_places(job.moves, mixed.shape, places, base), notes)
        return Mixed(base, placed(mixed.shape, base.representation.parts, places), tuple(note.text for note in notes))

    def frames(self, tween: Tween) -> Stage[tuple[Opened, Shapes]]:
        """The frames (F rows) that an InterpolateJob keeps, and what decodes them. Raises InputError for what it refuses."""
        opened = yield from self.open(tween.shapes)
        keys = [opened[name] for name in tween.shapes]
        job = InterpolateJob(shapes=tween.shapes, frames=tween.frames, curves=tween.curves, model=tween.model)
        check_alike(job, keys)
        denoiser = None
        if any(curve.way != "linear" for curve in job.curves.values()):  # arcs are measured in the units of the model
            _, denoiser = yield from self.judge(keys[0], job.model)
        frames, _ = tweened(job, keys, denoiser)
        return keys[0], frames

    def judge(self, first: Opened, name: str = "") -> Stage[tuple[Model | None, Denoiser | None]]:
        """The model that judges frames between shapes like ``first``; none where there is none to be had."""
        key = name, first.row.run
        found = self._judges.get(key)
        if found is None:
            found = yield from judge_of(name, first, self.project, self.work)
            self._judges.put(key, found, sum(_size(one) for one in found if isinstance(one, nn.Module)))
        return found


def _size(module: nn.Module) -> int:
    """Bytes of what a network has learned."""
    tensors: Sequence[Tensor] = [*module.parameters(), *module.buffers()]
    return sum(tensor.nbytes for tensor in tensors)
