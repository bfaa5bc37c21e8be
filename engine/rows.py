"""What the catalogue knows of an item, a run, a shape and an edit."""

from collections.abc import Sequence
from typing import Any

import msgspec

MADE = "made"  # split of items that carry a card: not real shapes, so neither learned from nor compared with unasked


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """An item: a mesh, a cloud (later: clip, posed photos) that the project knows.

    name : what its data set calls it, such as a model id; labels find their mesh by it
    usable : whether fields can be fitted to it
    parts : the named parts it has
    report : the numbers behind the verdict, and what is odd about its parts
    """

    id: str
    kind: str
    category: str
    path: str
    hash: str
    verdict: str
    reason: str
    split: str  # train, val or test, or MADE
    name: str = ""
    usable: bool = True
    parts: tuple[str, ...] = ()
    report: dict[str, Any] = {}
    captions: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    origin: str = ""
    licence: str = ""
    added: float = 0.0


def without_doubles(items: Sequence[ItemRow]) -> list[ItemRow]:
    """Items without the clouds of points that are there as a usable mesh too, by name and category."""
    solid = {(item.name, item.category.casefold()) for item in items if item.usable and item.name}
    solid |= {(name, "") for name, _ in solid}  # clouds whose category is not known stand beside any
    return [i for i in items if i.verdict != "points" or (i.name, i.category.casefold()) not in solid]


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a job. States: queued, running, finished, failed, cancelled."""

    id: str
    kind: str
    method: str
    state: str
    reason: str = ""
    created: float = 0.0
    ended: float | None = None
    lease_host: str | None = None
    lease_pid: int | None = None
    lease_start: float | None = None
    lease_beat: float | None = None


class ShapeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A latent that can be decoded: row ``row`` of the latents of run ``run``.

    kind : how it came to be, a `card.Operation`
    parents : what it was made from: an item, a model, or the shapes whose parts it has
    """

    id: str
    run: str
    row: int
    kind: str
    item: str = ""
    quality: float | None = None
    verdict: str = ""
    reason: str = ""
    cpu_s: float | None = None
    present: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    added: float = 0.0


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the edit log: what was done, and what undoes it."""

    seq: int
    at: float
    action: dict[str, Any]
    inverse: dict[str, Any]
