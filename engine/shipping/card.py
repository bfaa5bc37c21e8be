"""The card of a shipped model, from what its jobs have left in the project."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from engine.datasets.procedural import VERSION
from engine.metrics.intervals import Interval
from engine.metrics.result import read_evaluation
from engine.metrics.scores import ScoreRow
from engine.project import Project
from engine.reporting import RESULT
from engine.shapes import hash_of_file, read_model_about
from engine.shipped import CARD, KNOWN, MODEL, Closed, ModelCard, Score
from engine.shipping.learning import learning_version
from engine.shipping.page import page
from engine.shipping.recipe import LICENCE, METHOD, Recipe
from engine.storage import write_atomic, write_json

PICTURES = ("-shapes.webp", "-mixes.webp")
PAGE = ".md"
FILES = (MODEL, KNOWN, *PICTURES, PAGE, CARD)  # of a model, after its name; the card last


def card_of_model(
    recipe: Recipe,
    command: str,
    machine: str,
    project: Project,
    seconds: Mapping[str, float],
    closed: Closed,
    closed_real: Closed,
    tried: str,
) -> ModelCard:
    """The card without what its files tell.

    machine : what it was made on; seconds : wall clock of runs by name, over all sessions, where they were timed
    """
    about = read_model_about(project.run_folder("train") / "model.safetensors")
    evaluation = read_evaluation(project.run_folder(recipe.evaluated) / RESULT)
    drawn = msgspec.json.decode((project.run_folder(recipe.drawn) / "result.json").read_bytes())
    novelty = evaluation.novelty
    steps = {"samples": recipe.sampled, "fit": "fit", "train": "train"}
    return ModelCard(
        name=recipe.category,
        title=recipe.category.capitalize(),
        method=METHOD,
        categories=about.categories,
        parts=about.vocabulary,
        conditions=about.conditions,
        data=f"procedural generator, version {VERSION}",
        generator=VERSION,
        learning=learning_version(),
        training=len(about.items),
        unseen=recipe.unseen,
        settings=msgspec.to_builtins(about.settings),
        command=command,
        device=machine,
        seconds={step: round(seconds[name], 1) for step, name in steps.items() if name in seconds}
        | {"sample": round(seconds.get(recipe.drawn, drawn["seconds"]) / len(drawn["shapes"]), 4)},
        scores=tuple(score_of(row) for row in evaluation.rows if row.category == "all"),
        verdicts={} if novelty is None else {str(name): share for name, share in novelty.shares.items()},
        verdicts_unseen={} if novelty is None else {str(name): share for name, share in novelty.unseen_shares.items()},
        closed=closed,
        closed_real=closed_real,
        drawn_again=drawn["drawn_again"],
        moved=len(drawn["moved"]) if recipe.ordered else None,
        tried=tried,
        origin=f"{METHOD} model of {recipe.category} shapes, from the procedural generator, version {VERSION}",
        licence=LICENCE,
        hash="",
        hashes={},
        size=0,
    )


def finished(
    card: ModelCard, folder: Path, suffixes: Sequence[str] = FILES, told: Callable[[ModelCard], str] = page
) -> ModelCard:
    """The card with hashes and size of its files; written beside them in ``folder``, with its page, which ``told`` writes."""
    files = [folder / f"{card.name}{suffix}" for suffix in suffixes if suffix not in (PAGE, CARD)]
    card = msgspec.structs.replace(
        card,
        hash=hash_of_file(files[0]),
        hashes={path.name: sha256(path.read_bytes()).hexdigest() for path in files},
        size=sum(path.stat().st_size for path in files),
    )
    write_atomic(folder / f"{card.name}{PAGE}", told(card).encode())
    write_json(folder / f"{card.name}{CARD}", card)
    return card


def score_of(row: ScoreRow) -> Score:
    """A row of an evaluation as a card has it."""
    return Score(
        kind=row.kind,
        category=row.category,
        measure=row.measure,
        mmd=_bounds(row.mmd),
        coverage=_bounds(row.coverage),
        one_nna=_bounds(row.one_nna),
        shapes=row.generated,
        references=row.reference,
    )


def _bounds(score: Interval) -> tuple[float, float, float]:
    return score.value, score.low, score.high
