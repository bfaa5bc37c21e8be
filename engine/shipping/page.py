"""The card of a shipped model as a page for people, in Markdown."""

from collections.abc import Mapping, Sequence

from engine.shipped import Closed, Interval, ModelCard, Score

NAMES = {"generated": "generated", "real": "real, training"}
BEST = "The rows of real training shapes say what is the best that can be had; 1-NNA is best at 50 %."
STEPS = {
    "samples": "procedural shapes",
    "train": "training",
    "match": "what ranks candidates",
    "sample": "a shape drawn, looked at and drawn again",
}


def page(card: ModelCard) -> str:
    """The page; every figure is the card's."""
    pictures = [
        f"![The first shapes that it draws]({card.name}-shapes.webp)",
        "",
        "*The first shapes that it draws, not chosen by hand; what came apart was drawn again.*",
        "",
        f"![Mixes of its shapes, healed]({card.name}-mixes.webp)",
        "",
        "*Random mixes of parts of them, healed; what comes apart all the same, or has a part moved by more than 0.3 of the "
        "cube, or is twice as unlikely as those shapes to the model, has made way for the next.*",
    ]
    found = [*_scores(card), *_novelty(card)]
    if card.closed is not None and card.closed_real is not None:
        found += _closed(card.closed, card.closed_real, card)
    return written(card, pictures, found)


def written(card: ModelCard, pictures: Sequence[str], found: Sequence[str]) -> str:
    """A page of any card. pictures, found : lines of its pictures, and of the sections with what was measured"""
    lines = [
        f"# {card.title}",
        "",
        f"Made by `{card.command}`. This page is written by the same command, from `{card.name}.json`.",
        "",
        *pictures,
        "",
        *_facts(card),
        *found,
    ]
    if card.tried:
        lines += ["", "## What was tried", "", card.tried.strip()]
    return "\n".join(lines) + "\n"


def _facts(card: ModelCard) -> list[str]:
    """The table of what the model is and what it took."""
    asked = [f"{name.partition(':')[2] or name} ({', '.join(values)})" for name, values in card.conditions.items()]
    seconds = ", ".join(f"{_step(step)} {_time(value)}" for step, value in card.seconds.items())
    words = "anything about its categories, in words"
    rows = {
        "method": f"`{card.method}`",
        "categories": ", ".join(card.categories),
        **({"parts": ", ".join(card.parts)} if card.parts else {}),
        "can be asked for": words if card.reads_words else "; ".join(asked) or "nothing, it has no conditions",
        "learned from": f"{card.training} shapes of the {card.data}",
        **({"learned with": f"code of version `{card.learning}`"} if card.learning else {}),
        "measured against": f"{card.unseen} shapes that it never saw",
        "made in": f"{seconds} ({card.device})",
        "size": f"{card.size / 1e6:.1f} MB with pictures",
        "licence": card.licence,
        "hash": f"`{card.hash}`",
    }
    return ["|  |  |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def _scores(card: ModelCard) -> list[str]:
    lines = [
        "",
        "## Quality",
        "",
        f"Brackets are 95 % bootstrap intervals. {BEST}",
        "",
        "| shapes | distance | MMD | coverage | 1-NNA | number |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {NAMES.get(row.kind, row.kind)} | {row.measure} | {figures(row)} |"
        for row in sorted(card.scores, key=lambda row: (row.measure, row.kind))
    ]


def _novelty(card: ModelCard) -> list[str]:
    if not card.verdicts:
        return []
    told, real = (_shares(shares) for shares in (card.verdicts, card.verdicts_unseen))
    return ["", "## Novelty", "", f"Of its shapes {told}; of real shapes that it never saw, by the same rules, {real}."]


def _closed(own: Closed, real: Closed, card: ModelCard) -> list[str]:
    def told(one: Closed) -> str:
        total = max(1, one.shapes)
        return f"{one.watertight / total:.1%} are watertight and {one.one_shell / total:.1%} are so in one shell"

    ordered = "" if card.moved is None else " or had a part above one that it belongs below"
    moved = f", and in {card.moved} shapes a part was shifted up or down to where it belongs" if card.moved else ""
    return [
        "",
        "## Meshes",
        "",
        f"Of {own.shapes} unions {told(own)}; of {real.shapes} unseen real shapes {told(real)}. {card.drawn_again} draws "
        f"more came apart{ordered} and were drawn again{moved}, as `generate` does unless told `--as-drawn`.",
    ]


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{share:.1%} are {verdict}" for verdict, share in shares.items())


def _step(name: str) -> str:
    """What a step is called: "training", of several in a row "training 2"."""
    step, _, number = name.partition("-")
    return f"{STEPS.get(step, step)} {number}".rstrip()


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def figures(row: Score) -> str:
    """Cells of a table: MMD, coverage, 1-NNA, and how many shapes were held against how many."""
    mmd = "{:.3g} [{:.3g}, {:.3g}]".format(*row.mmd)
    return f"{mmd} | {_share(row.coverage)} | {_share(row.one_nna)} | {row.shapes} against {row.references}"


def _share(score: Interval) -> str:
    return "{:.1%} [{:.1%}, {:.1%}]".format(*score)
