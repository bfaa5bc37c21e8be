"""Novelty of the shapes of an evaluation: their surfaces, parts and latents beside those of the training set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.method import Data, LatentSet, Workspace
from engine.metrics.matrices import distances
from engine.metrics.measures import Means
from engine.metrics.part_aware import part_matrices
from engine.metrics.shortlist import nearest
from engine.metrics.surfaces import Surface
from engine.metrics.verdict import NoveltyResult, PartNovelty, neighbours, part_novelty, verdicts
from engine.project import Project
from engine.protocol import Note, Stage
from engine.rows import ItemRow
from engine.shapes import fit_of, hash_of_file
from engine.storage import digest, read_tensors, write_tensors

PAIRS = (("g", "t"), ("u", "t"), ("t", "t"))


@dataclass(frozen=True)
class Known:
    """A set of shapes by their surfaces and their latents (N, D), None where latents cannot be compared."""

    surfaces: Sequence[Surface]
    latents: NDArray[np.float32] | None


def newness(
    samples: Known,
    unseen: Known,
    training: Known,
    fits: Callable[[list[int]], Stage[dict[int, Surface]]],
    names: Sequence[str],
    means: Means,
) -> Stage[tuple[NoveltyResult, tuple[PartNovelty, ...]]]:
    """Verdicts, and how near each part of ``names`` is to the training shapes'; parts that hardly any of them has are left
    out. Clouds are compared in canonical space under any protocol. Without latents the shapes alone are compared.

    fits : what the latents of some rows of the training set decode to, without those that are empty
    """
    sets = {"g": samples.surfaces, "u": unseen.surfaces, "t": training.surfaces}
    near, by_latent = None, {}
    if samples.latents is not None and unseen.latents is not None and training.latents is not None:
        near = yield from neighbours(samples.latents, unseen.latents, training.latents)
        by_latent = {"g": near.generated.rows[:, 0], "u": near.unseen.rows[:, 0]}
    wanted = sorted({int(row) for rows in by_latent.values() for row in rows})
    decoded = yield from fits(wanted)
    clouds = {name: np.stack([one.whole for one in shapes]) for name, shapes in sets.items()}
    whole = yield from nearest(clouds, PAIRS, means)
    column = {row: place for place, row in enumerate(decoded)}
    gt, ut = (whole.between(name, "t") for name in ("g", "u"))
    if decoded:
        clouds["f"] = np.stack([one.whole for one in decoded.values()])
        only = {(name, "f"): _own(rows, column) for name, rows in by_latent.items()}
        rebuilt = yield from distances(clouds, list(only), means.chamfer, means.folder, means.workers, only)
        gt, ut = (
            _nearer(whole.between(name, "t"), rebuilt.between(name, "f"), rows, column)
            for name, rows in by_latent.items()
        )
    found = verdicts(gt, ut, whole.between("t", "t"), near)
    by_part = yield from part_matrices(sets, names, PAIRS, lambda clouds, asked, _: nearest(clouds, asked, means))
    parts = []
    for name, blocks in by_part.items():
        has = [np.array([name in one.parts for one in shapes], bool) for shapes in sets.values()]
        if has[2].sum() >= 3:
            gt, ut, tt = (blocks.between(*pair) for pair in PAIRS)
            parts.append(part_novelty(name, gt, ut, tt, has))
    return found, tuple(parts)


def _own(rows: NDArray[np.int64], column: Mapping[int, int]) -> NDArray[np.bool_]:
    """(N, F) which fit is that of each shape's nearest latent ``rows`` (N,)."""
    mask = np.zeros((len(rows), len(column)), bool)
    for i, row in enumerate(rows.tolist()):
        if row in column:
            mask[i, column[row]] = True
    return mask


def _nearer(
    items: NDArray[np.float64], fits: NDArray[np.float64], rows: NDArray[np.int64], column: Mapping[int, int]
) -> NDArray[np.float64]:
    """Distances (N, T) to training items, for each shape's nearest latent ``rows`` (N,) to its fit where that is less."""
    found = items.copy()
    for i, row in enumerate(rows.tolist()):
        if row in column:
            found[i, row] = min(found[i, row], fits[i, column[row]])
    return found


def latents_of(items: Sequence[ItemRow], fit: str, project: Project, work: Workspace) -> Stage[NDArray[np.float32]]:
    """(N, D) latents of items: those of a fit, or where the fit lacks them made with its frozen representation, and kept in
    the project by fit and item."""
    representation, latents = yield from fit_of(fit, project, work)
    found = _rows(latents, [item.id for item in items])
    known = hash_of_file(project.run_folder(fit) / "representation.safetensors")
    place = {
        item.id: project.folder
        / "cache"
        / "latents"
        / f"{digest(f'{known}|{item.id}|{item.hash}'.encode())}.safetensors"
        for item in items
        if item.id not in found
    }
    found |= {name: read_tensors(path)[0]["latent"] for name, path in place.items() if path.exists()}
    missing = tuple(item for item in items if item.id not in found)
    if missing:
        yield Note(
            text=f"{len(missing)} unseen items are not part of {fit}; they are fitted now, for their latents alone"
        )
        data = Data(project, missing)
        made = yield from representation.encode(data, Workspace(work.folder / "unseen", work.device))
        for name, row in _rows(made, [item.id for item in missing]).items():
            write_tensors(place[name], {"latent": row})
            found[name] = row
    return np.stack([found[item.id] for item in items])


def _rows(latents: LatentSet, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Latents (D,) of those of the named items that are there."""
    place = {record.item: row for row, record in enumerate(latents.records)}
    there = [name for name in names if name in place]
    if not there:
        return {}
    rows = latents.batch(torch.tensor([place[name] for name in there]), torch.Generator()).target.numpy()
    return dict(zip(there, rows, strict=True))
