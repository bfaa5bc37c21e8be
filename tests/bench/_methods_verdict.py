"""What `bench methods` says of its rows: whether ``basis`` is better, and by how much."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

FLOOR = 0.005  # distances of a 1-NNA from 0.5 below this one are not told apart
COPIES = 0.02  # more copies than among unseen real shapes that are still allowed


def verdict(rows: Sequence[dict[str, Any]], categories: Sequence[str], ours: str, methods: int) -> dict[str, Any]:
    """``baseline``, ``ours`` and ``ratio`` as the benchmark has them, ``holds`` and ``claims`` by category.

    ours : the method that others are held against; methods : how many there should be
    """
    told, baseline, claims, ratios = {}, {}, [], []
    for category in categories:
        mine = [row for row in rows if row["category"] == category and "scores" in row]
        own = next((row for row in mine if row["method"] == ours), None)
        others = sorted((row for row in mine if row["method"] != ours), key=_one_nna)
        told[category] = _told(own) if own else None
        baseline[category] = _told(others[0]) if others else None
        if own is None or not others:
            ratios.append(0.0)
            continue
        ratios.append(max(FLOOR, abs(_one_nna(others[0]) - 0.5)) / max(FLOOR, abs(_one_nna(own) - 0.5)))
        lowest = min(row["scores"]["chamfer"]["interval"][0] for row in others)
        claims.append(
            {
                "category": category,
                "all_methods_scored": len(mine) == methods,
                "intervals_apart": own["scores"]["chamfer"]["interval"][1] < lowest,
                "copies_at_most_unseen_plus_2_points": own["copies"] <= own["copies_of_unseen_real"] + COPIES,
            }
        )
    holds = len(claims) == len(categories) and all(all(claim.values()) for claim in claims)
    return {
        "baseline": baseline,
        "ours": told,
        "ratio": round(mean(ratios), 3),
        "holds": holds,
        "claims": claims,
    }


def _one_nna(row: dict[str, Any]) -> float:
    return float(row["scores"]["chamfer"]["one_nna"])


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What a table shows of a row."""
    return {"method": row["method"], **row["scores"]["chamfer"], "copies": row["copies"]}
