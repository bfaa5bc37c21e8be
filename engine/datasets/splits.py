"""Which items are for training and which are unseen, and whether near-copies stand on both sides."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.metrics.chamfer import chamfer
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.rows import ItemRow
from engine.storage import read_tensors, seed_of, write_tensors

SHARES = (("train", 0.80), ("val", 0.05), ("test", 0.15))  # as the published splits
POINTS = 512
SHOWN = 5  # near-duplicates named one by one


def split_of(name: str) -> str:
    """Split of an item by a stable hash of its name: the same in every project and on every machine."""
    place = seed_of("split", name) / 2.0**63
    for split, share in SHARES:
        if place < share:
            return split
        place -= share
    return SHARES[-1][0]


def write_cloud(path: Path, clouds: NDArray[np.float32]) -> None:
    """Keep two independent clouds (2, P, 3) of an item's surface; the second tells how far chance alone puts them apart."""
    write_tensors(path, {"clouds": clouds})


def near_duplicates(
    items: Sequence[ItemRow], clouds: dict[str, Path], new: Collection[str]
) -> Stage[list[tuple[str, str]]]:
    """Pairs of items in different splits, one of them ``new``, whose surfaces agree to within sampling noise.

    Candidates share a rotation-free descriptor (quantiles of the distance to the centre, and the box); a pair counts when
    the Chamfer distance of their clouds is at most 1.2 times that of two clouds of one and the same item.
    """
    read = {}
    for i, item in enumerate(items):
        if clouds[item.id].exists():
            read[item.id] = read_tensors(clouds[item.id])[0]["clouds"]
        if i % 64 == 0:
            yield Progress(stage="compare", done=i, total=len(items), message="looking for near-copies")
    rows = [item for item in items if item.id in read]
    if len(rows) < 2:
        return []
    found = []
    described = np.stack([_descriptor(read[item.id]) for item in rows])
    pairs = [
        (a, b)
        for a, b in sorted(cKDTree(described).query_pairs(0.05))
        if rows[a].split != rows[b].split
        and rows[a].category == rows[b].category
        and (rows[a].id in new or rows[b].id in new)
    ]
    for done, (a, b) in enumerate(pairs):
        if done % 64 == 0:
            yield Progress(stage="compare", done=done, total=len(pairs), message="looking for near-copies")
        first, second = rows[a], rows[b]
        noise = max(chamfer(*read[first.id]), chamfer(*read[second.id]))
        if chamfer(read[first.id][0], read[second.id][0]) <= 1.2 * noise:
            found.append((first.id, second.id))
    return found


def _descriptor(clouds: NDArray[np.float32]) -> NDArray[np.float32]:
    points = clouds.reshape(-1, 3)
    distance = np.linalg.norm(points, axis=1)
    quantiles = np.quantile(distance, np.linspace(0.05, 0.95, 10))
    return np.concatenate([quantiles, np.ptp(points, axis=0)]).astype(np.float32)


def warn_of_duplicates(project: Project, items: Sequence[ItemRow]) -> Stage[None]:
    """Say which of the new items nearly equal one of another split: then "unseen" would not be true."""
    new = {item.id for item in items}
    rows = [item for item in project.catalogue.items() if item.usable]
    paths = {item.id: project.geometry_path(item.id).with_name("cloud.safetensors") for item in rows}
    pairs = yield from near_duplicates(rows, paths, new)
    for a, b in pairs[:SHOWN]:
        yield Note(
            text=f"{a} and {b} are nearly the same shape in different splits: scores on unseen shapes would flatter",
            warning=True,
        )
    if len(pairs) > SHOWN:
        yield Note(text=f"... and {len(pairs) - SHOWN} more such pairs", warning=True)
