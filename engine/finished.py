"""The shapes of a generation, kept one by one as it becomes known that they stay, so that nothing waits for the last one."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import torch

from engine.card import ShiftMove
from engine.cards import keep_moves
from engine.checkpoint import read_about, save_model
from engine.conditions import CATEGORY
from engine.errors import StudioError
from engine.jobs import GenerateJob
from engine.latents import Latents
from engine.method import Shapes
from engine.narrow import DELICATE
from engine.opened import Model
from engine.project import Project
from engine.shapes import keep_generated
from engine.storage import write_json
from engine.whole import Lift

KEPT = "kept.json"  # of a run that goes on, or was stopped: what is finished, told as in its result
KEEP_S = 1.0  # between two times that what is finished is written down
SHARE = 0.05  # of the time at most that this takes, since all of it is written each time


class Finished:
    """``rows`` are those that stay, by number, in the order in which they came; ``joints`` how wide their narrowest joints
    are, see `engine.narrow`; ``lifts`` which part of one was shifted up or down, and by how much. A run that goes on leaves
    what it kept before as it is, until it has come as far again."""

    def __init__(self, job: GenerateJob, project: Project, model: Model) -> None:
        self.rows: dict[int, Shapes] = {}
        self.joints: dict[int, float] = {}
        self.lifts: dict[int, Lift] = {}
        self._job, self._project, self._model = job, project, model
        self._next = 0.0  # s, when what is finished is to be written down again; 0: it never was
        self._before = self._kept_before()

    def add(self, number: int, row: Shapes, joint: float, lift: Lift | None = None) -> None:
        """A shape stays; those that there are become shapes of the project, if that was a while ago."""
        self.rows[number], self.joints[number] = row, joint
        if lift:
            self.lifts[number] = lift
        began = time.monotonic()
        if not self.has_more or began < self._next:
            return
        if not self._next:
            self._keep_decoder()
        self._keep_some(list(self.rows))  # new rows come last: those that are read already stay where they are
        self._next = time.monotonic() + max(KEEP_S, (time.monotonic() - began) / SHARE)

    @property
    def has_more(self) -> bool:
        """Whether shapes stay that were not kept before this run was stopped and went on."""
        return self._before < self.rows.keys()

    def keep_all(self, shapes: Shapes) -> list[str]:
        """Keep all shapes of the job in their order, whatever they are -> their ids."""
        self._keep_decoder()
        return self._keep(shapes)

    def keep_stopped(self) -> tuple[list[str], Shapes]:
        """Keep those that stay, in the order of their numbers, as the job makes no more -> their ids, and all as one."""
        self._keep_decoder()
        return self._keep_some(sorted(self.rows))

    def tell(self, ids: Sequence[str], nearest: Sequence[Any]) -> None:
        """Write down what is known of a run that does not come to its result."""
        told = {
            "shapes": ids,
            "nearest": nearest,
            "loose": [],
            "joints": self.told_joints(),
            "moved": self.told_moves(),
        }
        write_json(self._project.run_folder(self._job.run) / KEPT, told)

    def told_joints(self) -> list[dict[str, Any]]:
        """Widths of the narrowest joints, in cube units, and whether a shape hangs by it as by a thread, for a result; none
        of clouds, which have no surface."""
        if not self._model.representation.ordered:
            return []
        return [
            {"shape": self._id(number), "width": round(width, 4), "delicate": width < DELICATE}
            for number, width in sorted(self.joints.items())
        ]

    def told_moves(self) -> list[dict[str, Any]]:
        """Which parts were shifted up or down, and by how much, cube units, for a result."""
        return [
            {"shape": self._id(number), "part": part, "by": round(by, 4)}
            for number, (part, by) in sorted(self.lifts.items())
        ]

    def _keep_some(self, numbers: Sequence[int]) -> tuple[list[str], Shapes]:
        shapes = _together([self.rows[number] for number in numbers])
        ids = self._keep(shapes, numbers)
        self.tell(ids, [])
        return ids, shapes

    def _keep(self, shapes: Shapes, numbers: Sequence[int] = ()) -> list[str]:
        about = self._model.about
        names = about.conditions.get(CATEGORY, ())
        ids = keep_generated(self._project, self._job, about.layout, about.vocabulary, shapes, names, numbers)
        lifted = {
            name: self.lifts[number]
            for number, name in zip(numbers or range(len(ids)), ids, strict=True)
            if number in self.lifts
        }
        for name, (part, by) in lifted.items():
            keep_moves(name, (ShiftMove(part=part, by=(0.0, by, 0.0)),), self._project)
        for card in (self._project.run_folder(self._job.run) / "cards").glob("*.json"):
            if f"{self._job.run}/{card.stem}" not in lifted:  # of the same run, begun before
                card.unlink()
        return ids

    def _kept_before(self) -> set[int]:
        """Numbers of the shapes that this run has kept already, drawn from the very same model."""
        folder = self._project.run_folder(self._job.run)
        latents, decoder = folder / "latents.safetensors", folder / "representation.safetensors"
        if not latents.is_file() or not decoder.is_file():
            return set()
        try:
            if read_about(decoder).get("model_hash") != self._model.hash:
                return set()
            return {int(record.item) for record in Latents(latents).records}
        except StudioError:  # nothing of it can be lost by writing it anew
            return set()

    def _keep_decoder(self) -> None:
        said = msgspec.to_builtins(self._model.about) | {"model_hash": self._model.hash}
        path = self._project.run_folder(self._job.run) / "representation.safetensors"
        save_model(path, {"representation": self._model.representation}, said)

    def _id(self, number: int) -> str:
        return f"{self._job.run}/{number:04d}"


def _together(rows: Sequence[Shapes]) -> Shapes:
    """Rows as a model drew them, without poses and copies, as one."""
    present = [row.present for row in rows if row.present is not None]
    latent = torch.cat([row.latent for row in rows])
    return Shapes(latent, torch.cat(present) if present else None, model_id=rows[0].model_id)
