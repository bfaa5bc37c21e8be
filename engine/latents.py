"""Fixed latents of a fit: rows in one memory-mapped file, written piece by piece while they come into being."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.card import Copy
from engine.conditions import Conditions
from engine.errors import DamagedFileError
from engine.layout import Layout
from engine.method import Batch, Encoded, LatentSet, Shapes
from engine.storage import map_tensor, write_tensors

T = TypeVar("T")


class LatentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a latents file: its header, but for what is known of each row.

    That is the tensor ``rows``, a `Rows` as JSON, since a header may not exceed 100 MB, and is read whenever the file is
    opened. Files of version 1 have it in the header.
    """

    layout: Layout
    vocabulary: tuple[str, ...]
    records: tuple[Encoded, ...]
    categories: tuple[str, ...] = ()  # names of the classes in ``category``; () when there is only one
    posed: bool = False  # there is a tensor ``pose``
    copies: tuple[tuple[Copy, ...], ...] = ()  # of each row; () = none of any row
    version: int = 2


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a latents file says of each row, as ``LatentFile``."""

    records: tuple[Encoded, ...]
    copies: tuple[tuple[Copy, ...], ...] = ()


class Latents:
    """Rows of a latents file as a LatentSet. Reads rows as they are asked for, so the file may exceed the memory."""

    layout: Layout
    categories: tuple[str, ...]

    def __init__(self, path: Path) -> None:
        """Open ``path``. Raises DamagedFileError when it is not a latents file."""
        self._path = path
        self._rows, header = map_tensor(path, "latent")  # (N, D) float32
        self._present = map_tensor(path, "present")[0]  # (N, K) uint8
        self._category = map_tensor(path, "category")[0]  # (N,) int64
        self._header = _decoded(path, header.get("latents", "").encode(), LatentFile)
        self._pose = map_tensor(path, "pose")[0] if self._header.posed else None  # (N, K, 3, 4) float32
        self.layout, self.categories = self._header.layout, self._header.categories

    @cached_property
    def file(self) -> LatentFile:
        """All that is known of the file. Raises DamagedFileError."""
        if self._header.version == 1:
            return self._header
        rows = _decoded(self._path, map_tensor(self._path, "rows")[0].tobytes(), Rows)
        return msgspec.structs.replace(self._header, records=rows.records, copies=rows.copies)

    @property
    def records(self) -> tuple[Encoded, ...]:
        """What is known of each row. Raises DamagedFileError."""
        return self.file.records

    @property
    def numbers(self) -> tuple[NDArray, NDArray, NDArray]:
        """All rows (N, D), presence (N, K) uint8 and class ids (N,) as they are in the file."""
        return self._rows, self._present, self._category

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
    rows = msgspec.json.encode(Rows(file.records, file.copies))
    arrays["rows"] = np.frombuffer(rows, np.uint8)
    header = msgspec.structs.replace(file, posed=pose is not None, records=(), copies=(), version=2)
    write_tensors(path, arrays, {"latents": msgspec.json.encode(header).decode()})


def join(pieces: Sequence[Path], path: Path) -> Latents:
    """Write the rows of ``pieces``, in order, into one file and open it."""
    opened = [Latents(piece) for piece in pieces]
    latent, present, category = (
        np.concatenate(blocks) for blocks in zip(*(one.numbers for one in opened), strict=True)
    )
    records = tuple(record for one in opened for record in one.records)
    file = msgspec.structs.replace(opened[0].file, records=records)
    write_latents(path, latent, present.astype(bool), category, file)
    return Latents(path)


def _decoded(path: Path, text: bytes, kind: type[T]) -> T:
    """JSON of a latents file. Raises DamagedFileError."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise DamagedFileError(
            f"{path} does not say what its shapes are ({error}); the run that made it must be run again"
        ) from error


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
