"""Fixed latents of a fit: rows in one memory-mapped file, written piece by piece while they come into being."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.card import Copy
from engine.conditions import Conditions
from engine.layout import Layout
from engine.method import Batch, Encoded, LatentSet, Shapes
from engine.storage import map_tensor, read_tensors, write_tensors


class LatentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Header of a latents file."""

    layout: Layout
    vocabulary: tuple[str, ...]
    records: tuple[Encoded, ...]
    categories: tuple[str, ...] = ()  # names of the classes in ``category``; () when there is only one
    posed: bool = False  # there is a tensor ``pose``
    copies: tuple[tuple[Copy, ...], ...] = ()  # of each row; () = none of any row
    version: int = 1


class Latents:
    """Rows of a latents file as a LatentSet. Reads rows as they are asked for, so the file may exceed the memory."""

    layout: Layout
    records: tuple[Encoded, ...]
    categories: tuple[str, ...]

    def __init__(self, path: Path) -> None:
        """Open ``path``. Raises DamagedFileError when it is not a latents file."""
        self._rows, header = map_tensor(path, "latent")  # (N, D) float32
        self._present = map_tensor(path, "present")[0]  # (N, K) uint8
        self._category = map_tensor(path, "category")[0]  # (N,) int64
        self.file = msgspec.json.decode(header["latents"], type=LatentFile)
        self._pose = map_tensor(path, "pose")[0] if self.file.posed else None  # (N, K, 3, 4) float32
        self.layout, self.records, self.categories = self.file.layout, self.file.records, self.file.categories

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, index: Tensor, generator: torch.Generator | None = None) -> Batch:
        """Rows ``index`` (B,); the generator is not used, since these latents are fixed."""
        picked = index.cpu().numpy()
        condition = {"category": torch.from_numpy(self._category[picked].copy())} if self.categories else {}
        return Batch(
            target=torch.from_numpy(np.array(self._rows[picked])),  # (B, D)
            condition=condition,
            present=torch.from_numpy(self._present[picked].astype(bool)),
        )

    def shapes(self, rows: Sequence[int]) -> Shapes:
        """The named rows with where their parts stand, to be decoded."""
        batch = self.batch(torch.tensor(list(rows), dtype=torch.int64))
        pose = None if self._pose is None else torch.from_numpy(np.array(self._pose[list(rows)]))
        copies = tuple(self.file.copies[row] for row in rows) if self.file.copies else ()
        return Shapes(batch.target, batch.present, pose, batch.condition, copies=copies)


def write_latents(
    path: Path,
    latent: NDArray[np.float32],
    present: NDArray[np.bool_],
    category: NDArray[np.int64],
    file: LatentFile,
    pose: NDArray[np.float32] | None = None,
) -> None:
    """Write latents (N, D), presence (N, K), class ids (N,) (-1: any), poses (N, K, 3, 4) and their header, atomically."""
    arrays: dict[str, NDArray] = {
        "latent": latent.astype(np.float32),
        "present": present.astype(np.uint8),
        "category": category,
    }
    if pose is not None:
        arrays["pose"] = pose.astype(np.float32)
    file = msgspec.structs.replace(file, posed=pose is not None)
    write_tensors(path, arrays, {"latents": msgspec.json.encode(file).decode()})


def join(pieces: Sequence[Path], path: Path) -> Latents:
    """Write the rows of ``pieces``, in order, into one file and open it."""
    read = [read_tensors(piece) for piece in pieces]
    headers = [msgspec.json.decode(header["latents"], type=LatentFile) for _, header in read]
    arrays = {name: np.concatenate([tensors[name] for tensors, _ in read]) for name in read[0][0]}
    records = tuple(record for header in headers for record in header.records)
    file = msgspec.structs.replace(headers[0], records=records)
    write_latents(path, arrays["latent"], arrays["present"].astype(bool), arrays["category"], file)
    return Latents(path)


class Chosen:
    """Some rows of a LatentSet as a LatentSet: the accepted ones of the training split."""

    layout: Layout
    records: tuple[Encoded, ...]
    categories: Sequence[str]

    def __init__(self, latents: LatentSet, rows: Sequence[int], told: Conditions | None = None) -> None:
        """told : classes of the chosen rows, in their order; None = what the set itself says of them"""
        self._latents, self._told = latents, told
        self._ids = None if told is None else torch.from_numpy(told.ids)  # (rows, C) int16
        self._rows = torch.tensor(list(rows), dtype=torch.int64)
        self.layout, self.categories = latents.layout, latents.categories
        self.records = tuple(latents.records[i] for i in rows)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Rows ``index`` (B,) of the chosen ones."""
        index = index.cpu()
        batch = self._latents.batch(self._rows[index], generator)
        if self._told is None or self._ids is None:
            return batch
        columns = self._ids[index].long().unbind(1)
        return replace(batch, condition=dict(zip(self._told.classes, columns, strict=True)))
