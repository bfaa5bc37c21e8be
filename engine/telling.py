"""Between stages and conditions: what training rows are told of themselves, and which new shapes are not as asked."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine.asking import Asked, missed
from engine.conditions import CATEGORY, Conditions, Traits, conditions_of, read_conditions, write_conditions
from engine.diffusion.denoiser import NONE
from engine.method import LatentSet, Shapes
from engine.protocol import Note, Stage
from engine.rows import ItemRow

PIECE = 4096  # rows read at once


def settled_conditions(
    folder: Path, which: str, latents: LatentSet, rows: Sequence[int], items: Sequence[ItemRow], parts: Sequence[str]
) -> Conditions:
    """What each training row is told of itself, settled at the first start of a run and kept in its folder.

    which : as TrainSettings.conditions; parts : the representation's
    """
    path = folder / "conditions.safetensors"
    if not path.exists():
        known, traits = {item.id: item for item in items}, []
        for row, category in zip(rows, _categories(latents, rows), strict=True):
            record = latents.records[row]
            item = known[record.item]
            traits.append(Traits(category if latents.categories else item.category, record.present, item.attributes))
        write_conditions(path, conditions_of(traits, latents.categories, parts, which))
    return read_conditions(path)


def missed_parts(asked: Asked, names: Sequence[str], shapes: Shapes) -> list[tuple[str, ...]]:
    """Of each shape the parts that are not as asked. names : of the columns of ``shapes.present``"""
    if shapes.present is None:
        return [()] * len(shapes.latent)
    rows = ([part for part, flag in zip(names, row, strict=True) if flag] for row in shapes.present.tolist())
    return [missed(asked, has) for has in rows]


def tell_missed(asked: Asked, ids: Sequence[str], names: Sequence[str], shapes: Shapes) -> Stage[list[dict[str, Any]]]:
    """Shapes without parts that were asked for, or with parts that were not wanted: listed, and counted in a Note.

    names : of the columns of ``shapes.present``
    """
    wrong = [
        {"shape": name, "parts": list(parts)}
        for name, parts in zip(ids, missed_parts(asked, names, shapes), strict=True)
        if parts
    ]
    if wrong:
        counts = Counter(part for shape in wrong for part in shape["parts"])
        said = ", ".join(
            f"{n} {'without' if part in asked.with_parts else 'with'} {part}" for part, n in counts.items()
        )
        yield Note(text=f"{len(wrong)} of {len(ids)} shapes are not as asked: {said}", warning=True)
    return wrong


def _categories(latents: LatentSet, rows: Sequence[int]) -> list[str]:
    """Category of each row as the latents say, "" where they do not."""
    names = tuple(latents.categories)
    if not names:
        return [""] * len(rows)
    pieces = torch.tensor(list(rows)).split(PIECE)
    found = torch.cat([latents.batch(piece, torch.Generator()).condition[CATEGORY].cpu() for piece in pieces])
    return ["" if number == NONE else names[number] for number in found.tolist()]
