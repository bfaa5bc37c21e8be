"""The representation of ``hyperdiffusion`` and ``semantic``: the latent of a shape is the weights of its own network."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from engine.datasets.cache import samples
from engine.errors import InputError
from engine.fields.evaluate import verdict
from engine.fields.fit import FitData, FitResult, fit_anchor, fit_fields
from engine.fields.mlp import WeightField, absent_row, field_logits, presence
from engine.fields.published import published_settings
from engine.fields.weights import field_layout
from engine.latents import LatentFile, Latents, join, write_latents
from engine.layout import Layout
from engine.method import Colour, Data, Encoded, Field, Part, Representation, Shapes, Workspace
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.parts.pose import posed
from engine.protocol import Progress, Saved, Stage
from engine.rows import ItemRow
from engine.storage import read_tensors, write_tensors


class WeightRepresentation(Representation):
    """One network per shape (no parts), or one expert per part and shape. What it learns is the anchor.

    anchor : (D,) buffer, the weights from which every shape's fit starts; NaN until ``fit``
    """

    anchor: Tensor

    def __init__(self, settings: HyperdiffusionSettings | SemanticSettings, colours: dict[str, Colour]) -> None:
        """colours : part name -> colour, in the order of the vocabulary; {} for one network per shape."""
        super().__init__()
        self.settings = msgspec.structs.replace(settings, fit=published_settings(settings.fit))
        self.vocabulary = tuple(colours)
        self.layout: Layout = field_layout(settings.field, self.vocabulary)
        self.parts = tuple(Part(name, colour, self.layout.spans_of(name)) for name, colour in colours.items())
        self.register_buffer("anchor", torch.full((self.layout.size,), torch.nan))

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        """Make the anchor, an artefact of the run, by the rule ``settings.fit.anchor``; read it back when it is there."""
        path = work.folder / "anchor.safetensors"
        if not path.exists():
            training = [item for item in data.items if item.split == "train"]  # unseen shapes must not leak in
            chosen = (training or data.items)[: self.settings.fit.anchor_shapes]
            found = yield from self._load(data, chosen, "sample anchor shapes")
            settings = self.settings
            anchor = yield from fit_anchor(found, settings.field, settings.fit, self.layout, settings.seed, work.device)
            write_tensors(path, {"anchor": anchor.cpu().numpy()}, {"rule": settings.fit.anchor})
            yield Saved(kind="anchor", path=str(path))
        self.anchor = torch.from_numpy(read_tensors(path)[0]["anchor"]).to(work.device)

    def encode(self, data: Data, work: Workspace) -> Stage[Latents]:
        """Fit every item, some at a time. Each group is one file, written when it is done, and never done twice."""
        path = work.folder / "latents.safetensors"
        if path.exists():
            return Latents(path)
        if not bool(torch.isfinite(self.anchor).all()):
            raise InputError("this representation has no anchor yet; run fit before encode")
        folder = work.folder / "latents"
        size = self.settings.fit.shapes_at_once
        groups = [data.items[first : first + size] for first in range(0, len(data.items), size)]
        steps = self.settings.fit.steps
        categories = tuple(sorted({item.category for item in data.items}))
        pieces = [folder / f"{g:06d}.safetensors" for g in range(len(groups))]
        for g, (group, piece) in enumerate(zip(groups, pieces, strict=True)):
            if piece.exists():
                continue
            found = yield from self._load(data, group, f"items {g * size + 1} to {g * size + len(group)}")
            settings = self.settings
            stage = fit_fields(found, settings.field, settings.fit, self.layout, self.anchor, settings.seed)
            result = yield from _scaled(stage, g * steps, len(groups) * steps, steps, f"{len(data.items)} shapes")
            self._write(piece, group, result, categories)
            yield Saved(kind="latents", path=str(piece))
            yield Progress(
                stage="fit", done=(g + 1) * steps, total=len(groups) * steps, message=f"{len(data.items)} shapes"
            )
        latents = join(pieces, path)
        for piece in pieces:
            piece.unlink()
        folder.rmdir()
        return latents

    def present(self, latent: Tensor) -> Tensor:
        """(N, D) -> (N, K) bool, which parts are there; K = 0 without parts."""
        if not self.parts:
            return torch.ones(len(latent), 0, dtype=torch.bool)
        return presence(latent, self.anchor.to(latent.device), self.layout)

    def decode(self, shapes: Shapes) -> Sequence[Field]:
        """One field per row: WeightField, or PosedField where parts were moved or stand in several places.

        Absent parts are the rows' own unless ``shapes.present`` says otherwise.
        """
        there = self.present(shapes.latent) if shapes.present is None else shapes.present
        fields = [
            WeightField(row, self.layout, self.settings.field, flags if self.parts else None)
            for row, flags in zip(shapes.latent, there, strict=True)
        ]
        known = replace(shapes, present=there)
        return [posed(field, known.row(row), self.parts) for row, field in enumerate(fields)] if self.parts else fields

    def absent(self) -> Tensor:
        """(D,) hidden layers of the anchor, last layers constantly empty."""
        return absent_row(self.anchor, self.layout)

    def meaning(self) -> str:
        """Weights say everything themselves, but for how neurons fire."""
        return f"weights, {self.settings.field.activation}"

    def part_logits(self, shapes: Shapes, points: Tensor) -> Tensor:
        """(P, 3) -> (N, K, P) logits of each expert."""
        return field_logits(shapes.latent, self.layout, self.settings.field, points)

    def _load(self, data: Data, items: Sequence[ItemRow], message: str) -> Stage[list[FitData]]:
        """Labelled points of items, on the way from or into the cache."""
        found = []
        for i, item in enumerate(items):
            yield Progress(stage="sample", done=i, total=len(items), message=message)
            pair = (
                samples(data.project, item, self.settings.samples, self.vocabulary, self.settings.seed, held_out)
                for held_out in (False, True)
            )
            found.append(FitData(item.id, *pair))
        return found

    def _write(self, path: Path, items: Sequence[ItemRow], result: FitResult, categories: tuple[str, ...]) -> None:
        records = []
        for i, item in enumerate(items):
            word, reason = verdict(result, i, self.settings.fit, self.vocabulary)
            names = tuple(name for name, flag in zip(self.vocabulary, result.present[i], strict=False) if flag)
            iou = float(result.iou[i])
            parts = {name: float(result.part_iou[i][self.vocabulary.index(name)]) for name in names}
            parts = {name: value for name, value in parts.items() if isfinite(value)}  # NaN where a fit diverged
            cpu_s = float(result.cpu_s) / len(items)
            records.append(Encoded(item.id, iou if isfinite(iou) else None, cpu_s, word, reason, names, parts))
        category = np.array([categories.index(item.category) for item in items], np.int64)
        file = LatentFile(self.layout, self.vocabulary, tuple(records), categories if len(categories) > 1 else ())
        write_latents(path, result.weights.cpu().numpy(), result.present.cpu().numpy(), category, file)


def _scaled(stage: Stage[FitResult], start: int, total: int, most: int, message: str) -> Stage[FitResult]:
    """The stage's progress as a share of the whole run: ``most`` units from ``start`` of ``total``."""
    while True:
        try:
            event = next(stage)
        except StopIteration as end:
            result: FitResult = end.value
            return result
        if isinstance(event, Progress):
            done = start + round(most * event.done / max(1, event.total))
            event = msgspec.structs.replace(event, stage="fit", done=done, total=total, message=message)
        yield event
