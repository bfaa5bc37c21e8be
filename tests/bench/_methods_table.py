"""The table of `bench methods`, in lines of plain text."""

from collections.abc import Iterator, Sequence
from typing import Any

from engine.metrics.part_aware import NAME as PART_AWARE


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines: a head, then each category's real shapes and methods."""
    yield (
        f"{'':<24}{'1-NNA CD':>22}{'EMD':>8}{'p-CD':>8}{'COV':>8}{'MMD':>10}{'copies (unseen)':>18}"
        f"{'empty':>7}{'learned':>9}{'IoU':>7}"
        f"{'fit s':>8}{'train s':>9}{'s/sample':>10}{'bytes':>9}"
    )
    named = ""
    for row in rows:
        if "failed" in row:
            yield f"{row['category']} {row['method']}: failed, {row['failed']}"
            continue
        if row["category"] != named:
            named = row["category"]
            scored = [one["real"] for one in rows if one["category"] == named and "real" in one]
            yield _line(f"{named} real", max(scored, key=len))
        unseen = f"{row['copies']:.1%} ({row['copies_of_unseen_real']:.1%})"
        line = _line(f"{named} {row['method']}", row["scores"])
        line += f"{unseen:>18}{row['empty']:7.1f}{row['accepted']:9d}{row['iou']:7.3f}"
        line += f"{row['fit_cpu_s']:8.0f}{row['train_cpu_s']:9.0f}"
        yield f"{line}{row['sample_s']:10.4f}{row['bytes_per_shape']:9d}"


def _line(name: str, scores: dict[str, Any]) -> str:
    """Name and scores: the interval is told of the Chamfer distance alone."""
    whole = scores["chamfer"]
    emd = next((value["one_nna"] for key, value in scores.items() if key.startswith("emd")), None)
    part = scores[PART_AWARE]["one_nna"] if PART_AWARE in scores else None
    low, high = whole["interval"]
    interval = f"{whole['one_nna']:.3f} [{low:.3f}, {high:.3f}]"
    text = f"{name:<24}{interval:>22}"
    text += "".join(f"{value:8.3f}" if value is not None else f"{'-':>8}" for value in (emd, part))
    return f"{text}{whole['coverage']:8.1%}{whole['mmd']:10.2e}"
