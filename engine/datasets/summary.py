"""What an import comes to, in a few sentences that a person reads: what is usable, what is not, why, and what to do."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.datasets.parts import is_named
from engine.datasets.source import is_unknown
from engine.rows import MADE, ItemRow

WORDS = {  # verdict -> what it means for a person
    "watertight": "closed as they came",
    "repaired": "closed after repair",
    "open": "usable with reservations: open, or with walls too thin for a coarse fit",
    "sheet": "sheets without an inside",
    "points": "points without an inside: for clouds (tiny3d), and their labels go to meshes of the same name",
    "samples": "points with inside flags, usable as they are",
    "network": "networks, kept as shapes: `list shapes` names them, `export SHAPE --out DIR` makes meshes",
    "model": "denoisers, ready to generate",
    "refused": "refused",
}
ADVICE = {
    "sheet": "give them a thickness with `--thickness 0.02` (share of the longest side), or leave them to tiny3d",
    "points": "import the meshes too",
}


def summary(items: Sequence[ItemRow], thickness: float = 0.0) -> list[str]:
    """Sentences, the most important first."""
    shapes = [item for item in items if item.kind not in ("network", "denoiser")]
    counts = Counter(item.verdict for item in items)
    lines = [f"{sum(item.usable for item in shapes)} of {len(shapes)} can be fitted"] if shapes else []
    for verdict, words in WORDS.items():
        if counts[verdict]:
            thick = verdict == "sheet" and thickness > 0
            words = f"sheets, made solid with a thickness of {thickness:g}" if thick else words
            advice = "" if thick or verdict not in ADVICE else f"; {ADVICE[verdict]}"
            lines.append(f"{counts[verdict]} {words}{advice}")
    parts = Counter(part for item in items for part in item.parts)
    if parts:
        named = ", ".join(f"{name} ({count})" for name, count in parts.most_common(8))
        more = f" and {len(parts) - 8} more" if len(parts) > 8 else ""
        lines.append(f"parts: {named}{more}; `rename-part OLD NEW` renames one everywhere")
    nameless = sum(item.usable and item.kind != "occupancy" and not is_named(item) for item in shapes)
    if nameless:
        lines.append(f"{nameless} have no named parts; `parts --auto` finds some, by connected solids")
    splits = Counter(item.split for item in shapes if item.usable)
    if splits:
        shares = ", ".join(f"{splits[split]} {split}" for split in ("train", "val", "test", MADE) if splits[split])
        made = " (their cards say so: no real shapes, fitted only when named)" if splits[MADE] else ""
        lines.append(f"splits, by the data sets' own lists or else by name: {shares}{made}")
    unsorted = sum(not item.category for item in shapes if item.usable)
    if unsorted:
        lines.append(f"{unsorted} have no category; `--category chair` gives one to all that is imported at once")
    unknown = sum(is_unknown(item.licence) for item in items)
    if unknown:
        lines.append(
            f"{unknown} have no licence on record; state it with `--licence` before you share what comes of them"
        )
    return lines


def result_of(items: Sequence[ItemRow]) -> dict[str, Any]:
    """What a job that makes items tells of them."""
    keys = ("id", "path", "kind", "verdict", "usable", "reason", "parts", "licence", "report")
    return {"items": [{key: getattr(item, key) for key in keys} for item in items]}
