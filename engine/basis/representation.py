"""The representation of ``basis``: experts that all shapes share; a shape is one code and one frame per part."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.basis.experts import Experts
from engine.basis.field import BasisField, part_logits
from engine.basis.frames import NUMBERS
from engine.basis.learn import find_codes, learn
from engine.basis.newton import newton_codes
from engine.basis.point_files import PointFile, PointFiles
from engine.basis.points import LocalPoints, lopsided, points_file
from engine.basis.tune import fine_tune
from engine.datasets.cache import samples
from engine.errors import InputError
from engine.fields.evaluate import iou
from engine.geometry.file import load_geometry
from engine.geometry.regions import part_meshes_of
from engine.latents import LatentFile, Latents, join, write_latents
from engine.layout import Layout, Slot
from engine.method import Colour, Data, Encoded, Field, Part, Representation, Shapes, Workspace
from engine.methods.basis.settings import BasisSettings, ExpertSettings
from engine.parts.pose import posed
from engine.protocol import Progress, Saved, Stage
from engine.rows import ItemRow
from engine.storage import once, read_tensors, seed_of, write_tensors

JUDGES = 16  # items that tell whether a kind of part is its own mirror image


def basis_layout(settings: ExpertSettings, names: Sequence[str]) -> Layout:
    """Slots of each part: ``there`` (1,), 1 where a shape has the part and -1 where not; ``frame`` (8,); ``code`` (C,)."""
    sizes = (("there", 1), ("frame", NUMBERS), ("code", settings.code))
    return Layout(tuple(Slot(f"parts.{part}.{name}", (size,), part) for part in names for name, size in sizes))


class BasisRepresentation(Representation):
    """Experts per part name, learned with the codes of the training shapes; other shapes get codes alone.

    mirrored : (K,) bool buffer, which parts are learned as one half of themselves
    middle : (K, 8 + C) buffer, mean frame and code of each part: what stands where a part is absent
    """

    mirrored: Tensor
    middle: Tensor

    def __init__(self, settings: BasisSettings, colours: dict[str, Colour]) -> None:
        """colours : part name -> colour, in the order of the vocabulary."""
        super().__init__()
        self.settings = settings
        self.vocabulary = tuple(colours)
        self.layout = basis_layout(settings.expert, self.vocabulary)
        self.parts = tuple(Part(name, colour, self.layout.spans_of(name)) for name, colour in colours.items())
        self.experts = Experts(settings.expert, len(colours), settings.fit.band)
        self.register_buffer("mirrored", torch.zeros(len(colours), dtype=torch.bool))
        self.register_buffer("middle", torch.zeros(len(colours), NUMBERS + settings.expert.code))

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        """Learn experts and codes of up to ``fit.most_shapes`` training items; read them back when they are there."""
        path = work.folder / "basis.safetensors"
        training = [item for item in data.items if item.split == "train"]  # unseen shapes must not leak in
        chosen = evenly(training or list(data.items), self.settings.fit.most_shapes)
        flags = yield from self._mirrors(data, chosen, work)
        if not path.exists():
            self.mirrored.copy_(torch.tensor(flags))
            points = yield from self._points(data, chosen)
            fit = self.settings.fit
            codes = yield from learn(self.experts, points, fit, self.settings.seed, work.folder / "basis")
            self._settle(points, codes)
            yield self._keep(path, chosen, {"codes": codes})
        self._load(path)

    def fine_tune(self, data: Data, work: Workspace, steps: int) -> Stage[None]:
        """Let the experts learn the items too, from what they know, for ``steps`` steps; read it back when it is there.

        What latents mean changes by it. ``middle`` stays as the model has it.
        """
        path = work.folder / "basis.safetensors"
        if not path.exists():
            points = yield from self._points(data, data.items)
            start, frames = yield from self._alone(points)
            fit, seed, folder = self.settings.fit, self.settings.seed, work.folder / "basis"
            codes = yield from fine_tune(self.experts, points, start, frames, self.mirrored, fit, steps, seed, folder)
            yield self._keep(path, data.items, {"codes": codes, "frames": frames})
        self._load(path)

    def lopsided_parts(self, data: Data) -> Stage[dict[str, list[str]]]:
        """Item -> its parts that are not their own mirror images, as these experts know them: one half, shown twice."""
        known = [name for name, flag in zip(self.vocabulary, self.mirrored.tolist(), strict=True) if flag]
        most = self.settings.local.mirror
        found = {}
        for done, item in enumerate(data.items):
            yield Progress(stage="sample", done=done, total=len(data.items), message="symmetry of parts")
            meshes = part_meshes_of(load_geometry(data.project.geometry_path(item.id)))
            found[item.id] = [
                name for name in known if name in meshes and lopsided(meshes[name], self.settings.seed) > most
            ]
        return {item: names for item, names in found.items() if names}

    def encode(self, data: Data, work: Workspace) -> Stage[Latents]:
        """Codes that ``fit`` or ``fine_tune`` learned, or codes of new items alone. Each group is a file, made once."""
        path = work.folder / "latents.safetensors"
        if path.exists():
            return Latents(path)
        if not bool(self.middle.any()):
            raise InputError("this representation has no experts yet; run fit before encode")
        size, total = self.settings.fit.code_shapes, len(data.items)
        learned = _learned(work.folder / "basis.safetensors")
        folder = work.folder / "latents"
        categories = tuple(sorted({item.category for item in data.items}))
        pieces = []
        for first in range(0, total, size):
            pieces.append(folder / f"{first:06d}.safetensors")
            if not pieces[-1].exists():
                group = data.items[first : first + size]
                yield from self._piece(data, group, learned, categories, pieces[-1])
                yield Saved(kind="latents", path=str(pieces[-1]))
            yield Progress(stage="codes", done=min(first + size, total), total=total)
        latents = join(pieces, path)
        for piece in pieces:
            piece.unlink()
        folder.rmdir()
        return latents

    def present(self, latent: Tensor) -> Tensor:
        """(N, D) -> (N, K) bool, which parts the rows say they have."""
        return latent.unflatten(1, (len(self.parts), -1))[:, :, 0] > 0

    def absent(self) -> Tensor:
        """(D,) every part absent: -1 and the mean frame and code of the part."""
        return torch.cat([torch.full_like(self.middle[:, :1], -1.0), self.middle], 1).flatten()

    def decode(self, shapes: Shapes) -> Sequence[Field]:
        """One field per row: BasisField, or PosedField where parts were moved or stand in several places."""
        there = self.present(shapes.latent) if shapes.present is None else shapes.present
        frames, codes = self._cut(shapes.latent)
        known = replace(shapes, present=there)
        fields = []
        for row in range(len(codes)):
            one = BasisField(self.experts, codes[row], frames[row], self.mirrored, self.vocabulary, there[row])
            fields.append(posed(one, known.row(row), self.parts))
        return fields

    def part_logits(self, shapes: Shapes, points: Tensor) -> Tensor:
        """(P, 3) -> (N, K, P) logits of each expert, also of absent parts."""
        frames, codes = self._cut(shapes.latent)
        return part_logits(self.experts, codes, frames, self.mirrored, points)

    def rows(self, frames: Tensor, codes: Tensor, present: Tensor) -> Tensor:
        """Latent rows (N, D) of frames (N, K, 8), codes (N, K, C) and presence (N, K) bool."""
        full = torch.cat([torch.ones_like(codes[..., :1]), frames.to(codes), codes], -1)
        empty = self.absent().view(len(self.parts), -1)
        return torch.where(present[..., None], full, empty).flatten(1)

    def _cut(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (N, K, 8) and codes (N, K, C) of rows (N, D)."""
        numbers = latent.unflatten(1, (len(self.parts), -1))
        return numbers[..., 1 : 1 + NUMBERS], numbers[..., 1 + NUMBERS :]

    def _mirrors(self, data: Data, items: Sequence[ItemRow], work: Workspace) -> Stage[list[bool]]:
        """Which kinds of parts are their own mirror images, told by the first of each category; kept in the run."""
        path, found = work.folder / "mirrored.json", []
        for name in self.vocabulary if not path.exists() and self.settings.local.mirror > 0 else ():
            shares = []
            having = [item for item in items if name in item.parts]
            for item in in_turn(having)[: max(JUDGES, len({item.category for item in having}))]:
                meshes = part_meshes_of(load_geometry(data.project.geometry_path(item.id)))
                shares += [lopsided(meshes[name], self.settings.seed)] if name in meshes else []
                yield Progress(stage="sample", done=len(shares), total=JUDGES, message=f"symmetry of part {name}")
            found.append(bool(shares) and max(shares) < self.settings.local.mirror)
        kept: list[bool] = once(path, found or [False] * len(self.vocabulary))
        return kept

    def _keep(self, path: Path, items: Sequence[ItemRow], own: dict[str, Tensor]) -> Saved:
        """Write what was learned, with the codes (N, K, C) of the items that it was learned from, and their frames
        (N, K, 8) where they are not those of their points."""
        found = {name: value.detach().cpu().numpy() for name, value in (self.state_dict() | own).items()}
        write_tensors(path, found, {"items": "\n".join(item.id for item in items)})
        return Saved(kind="basis", path=str(path))

    def _load(self, path: Path) -> None:
        """Take over what `_keep` wrote, frozen."""
        tensors, _ = read_tensors(path)
        own = ("codes", "frames")
        self.load_state_dict({name: torch.from_numpy(tensors[name]) for name in tensors if name not in own})
        self.experts.requires_grad_(False)

    def _alone(self, points: Sequence[LocalPoints]) -> Stage[tuple[Tensor, Tensor]]:
        """Codes (N, K, C) and frames (N, K, 8) of items, each by itself, with the experts as they are."""
        start, found = self.middle[:, NUMBERS:], []
        for item in points:
            fit, seed = self.settings.fit, self.settings.seed
            found.append((yield from newton_codes(self.experts, item, self.mirrored, start, fit, seed)))
        codes, frames = zip(*found, strict=True)
        return torch.stack(codes), torch.stack(frames)

    def _points(self, data: Data, items: Sequence[ItemRow]) -> Stage[PointFiles]:
        """Points of items in the frames of their parts, made where they are not in the cache."""
        settings, flags, found = self.settings, tuple(self.mirrored.tolist()), []
        for done, item in enumerate(items):
            yield Progress(stage="sample", done=done, total=len(items))
            path = points_file(data.project, item, settings.local, self.vocabulary, flags, settings.seed)
            found.append(PointFile.of(path))
        return PointFiles(found)

    def _settle(self, points: PointFiles, codes: Tensor) -> None:
        """Set ``middle`` from the frames and codes of the shapes that have each part."""
        present = torch.from_numpy(points.present).to(codes.device)  # (N, K)
        frames = torch.from_numpy(points.frames).to(codes)
        every = torch.cat([frames, codes], -1) * present[..., None]
        self.middle.copy_(every.sum(0) / present.sum(0)[:, None].clamp_min(1))

    def _piece(
        self,
        data: Data,
        items: Sequence[ItemRow],
        learned: dict[str, dict[str, Tensor]],
        categories: tuple[str, ...],
        path: Path,
    ) -> Stage[None]:
        """Latents of some items, judged, as one file."""
        points = yield from self._points(data, items)
        start = self.middle[:, NUMBERS:]
        new = [i for i, item in enumerate(items) if item.id not in learned]
        known = [learned.get(item.id, {}) for item in items]
        codes = torch.stack([one.get("codes", start).to(start) for one in known])
        plain = zip(known, torch.from_numpy(points.frames), strict=True)
        frames = torch.stack([one.get("frames", frame) for one, frame in plain]).to(start)
        begun = time.process_time()
        if new and learned:  # beside those of a fit, whose results stay as they are
            seed = seed_of("codes", self.settings.seed, *(items[i].id for i in new))
            fit = self.settings.fit
            codes[new] = yield from find_codes(self.experts, points.some(new), start, fit, seed)
        elif new:
            codes[new], frames[new] = yield from self._alone(points.some(new))
        spent = (time.process_time() - begun) / max(1, len(new))
        present = torch.from_numpy(points.present).to(start.device)
        latent = self.rows(frames, codes, present)
        records = []
        for i, (item, field) in enumerate(zip(items, self.decode(Shapes(latent, present)), strict=True)):
            records.append(self._judged(data, item, field, spent if i in new else 0.0))
            yield Progress(stage="judge", done=i + 1, total=len(items))
        category = np.array([categories.index(item.category) for item in items], np.int64)
        file = LatentFile(self.layout, self.vocabulary, tuple(records), categories if len(categories) > 1 else ())
        write_latents(path, latent.cpu().numpy(), present.cpu().numpy(), category, file)

    def _judged(self, data: Data, item: ItemRow, field: Field, cpu_s: float) -> Encoded:
        """Held-out IoU of the whole, on even points, and of each part in its box; and the verdict of the quality gate."""
        settings, fit = self.settings, self.settings.fit
        held = samples(data.project, item, settings.samples, self.vocabulary, settings.seed, held_out=True)
        points, truth = torch.from_numpy(held.points), torch.from_numpy(held.inside).bool()

        def score(one: Callable[[Tensor], Tensor], where: slice, wanted: Tensor) -> float:
            return float(iou(one(points[where]).cpu() > 0, wanted[where]))

        whole = score(field, held.section("uniform"), truth.any(1))
        parts = {
            name: score(field.part(name), held.section(f"part:{name}"), truth[:, self.vocabulary.index(name)])
            for name in field.parts
        }
        faults = [f"IoU {whole:.3f} is under {fit.accept:g}"] if whole < fit.accept else []
        faults += [
            f"part {name}: IoU {value:.3f} is under {fit.accept_part:g}"
            for name, value in parts.items()
            if value < fit.accept_part
        ]
        verdict = "quarantined" if faults else "accepted"
        return Encoded(item.id, whole, cpu_s, verdict, "; ".join(faults), field.parts, parts)


def in_turn(items: Sequence[ItemRow]) -> list[ItemRow]:
    """One item of each category, then another of each, as long as there are some; those of a category in their order."""
    seen: Counter[str] = Counter()
    turns = []
    for item in items:
        turns.append(seen[item.category])
        seen[item.category] += 1
    return [items[i] for i in sorted(range(len(items)), key=turns.__getitem__)]


def evenly(items: Sequence[ItemRow], most: int) -> list[ItemRow]:
    """Up to ``most`` items in their order, of each category as many as of the others or all that there are."""
    kept = {item.id for item in in_turn(items)[:most]}
    return [item for item in items if item.id in kept]


def _learned(path: Path) -> dict[str, dict[str, Tensor]]:
    """What a fit in this folder has learned of items, by their ids: ``codes`` (K, C), and ``frames`` (K, 8) if moved."""
    if not path.exists():
        return {}
    tensors, header = read_tensors(path)
    own = {name: torch.from_numpy(tensors[name]) for name in ("codes", "frames") if name in tensors}
    return {item: {name: some[i] for name, some in own.items()} for i, item in enumerate(header["items"].split("\n"))}
