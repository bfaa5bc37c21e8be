"""Whether the name of a part can be told from its numbers, by shapes that no classifier has seen."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.learned import Array, Classified, Classify, asked, learner
from engine.analysis.rows import REJECTED, TRAIN, UNSEEN, Rows
from engine.errors import InputError
from engine.protocol import Stage

FOLDS = 5
FEWEST = 10  # fitted shapes
RESAMPLES = 1000

TEXT = """Classifiers learn part names from the numbers of fitted shapes, and are asked about shapes that they have
not seen: the fitted shapes are cut into five groups, each named by classifiers that learned from the other four (no
shape is ever in both). Chance is what always saying the commonest part would score. Beware of the first row: where
every part's fit starts from an anchor of its own, parts are told apart by their anchors, whatever shape they hold.
"Anchor removed" takes off what the fits started from; "mean removed" takes off the mean of each part, learned from
the other groups: what is left is how shapes differ within a part, and a score near chance there means that this alone
does not tell the part. Where neighbours still do better than chance then, parts differ in which of their numbers vary
and how much, which the anchor decides too: it settles which units are ever active."""


class Score(msgspec.Struct, frozen=True):
    """Accuracy of a classifier on unseen shapes, with the bounds of its 95 % bootstrap interval over shapes. Where none
    (or all) are wrong, resampling cannot tell, and the bound is 3 / shapes away (Hanley and Lippman-Hand 1983).

    numbers : what was classified: as stored, anchor removed, mean removed
    asked : fitted (each group by the others), or the kind of shapes of the run
    chance : accuracy of always saying the commonest part
    confusion : row = true part, column = said part, counts
    """

    numbers: str
    classifier: str
    asked: str
    count: int
    accuracy: float
    low: float
    high: float
    chance: float
    confusion: tuple[tuple[int, ...], ...]


class Mistaken(msgspec.Struct, frozen=True):
    """A part that was taken for another one."""

    shape: str
    part: str
    said: str
    numbers: str
    classifier: str


class NamingFound(msgspec.Struct, frozen=True):
    """Scores, what was mistaken, and the order of the parts in the confusion matrices."""

    parts: tuple[str, ...]
    scores: tuple[Score, ...]
    mistaken: tuple[Mistaken, ...]
    left_out: tuple[str, ...]


def naming(rows: Rows, seed: int) -> Stage[NamingFound]:
    """Accuracy of naming parts by their numbers. InputError where there are not two parts of one width, or few shapes."""
    fitted = np.isin(rows.marks, (TRAIN, UNSEEN, REJECTED))
    counts = {p.name: int(rows.present[fitted, k].sum()) for k, p in enumerate(rows.parts)}
    widths = [rows.width(p.name) for p in rows.parts if counts[p.name] >= FEWEST]
    usual = max(set(widths), key=widths.count) if widths else 0
    names = tuple(p.name for p in rows.parts if counts[p.name] >= FEWEST and rows.width(p.name) == usual)
    if len(names) < 2:
        raise InputError(f"naming parts needs two parts of equally large networks that {FEWEST} fitted shapes have")
    pairs = np.array([(k, row) for k, name in enumerate(names) for row in rows.having(name)])  # (M, 2)
    labels, owner = pairs.T
    fold = np.full(len(rows), -1)
    fold[fitted] = np.random.default_rng(seed).permutation(fitted.sum()) % FOLDS
    folds = fold[owner]
    found: list[Score] = []
    mistaken: list[Mistaken] = []
    with learner() as child:
        for numbers, table, centred in _variants(rows, names):
            request = Classify(Array.of(table), Array.of(labels), Array.of(folds), centred, seed)
            answer = yield from asked(child, request, Classified, f"naming parts, {numbers}")
            for classifier, packed in answer.predicted.items():
                said = packed.array()
                for kind in ("fitted", *dict.fromkeys(rows.marks[~fitted])):
                    these = fitted[owner] if kind == "fitted" else rows.marks[owner] == kind
                    score = _score(labels[these], said[these], owner[these], len(names), seed)
                    found.append(Score(numbers, classifier, str(kind), int(these.sum()), *score))
                wrong = np.flatnonzero((said != labels) & rows.own[owner])
                mistaken += [
                    Mistaken(rows.names[owner[i]], names[labels[i]], names[said[i]], numbers, classifier) for i in wrong
                ]
    left_out = tuple(part.name for part in rows.parts if part.name not in names)
    return NamingFound(names, tuple(found), tuple(mistaken), left_out)


def _variants(rows: Rows, names: tuple[str, ...]) -> list[tuple[str, NDArray[np.float32], bool]]:
    """(what it is, (M, d) numbers, whether means are taken off)."""
    stored = [rows.numbers(name, rows.having(name)) for name in names]
    table = np.concatenate(stored)
    found = [("as stored", table, False), ("mean removed", table, True)]
    anchors = [anchor for name in names if (anchor := rows.anchor_of(name)) is not None]
    if anchors:
        moved = np.concatenate([block - anchor for block, anchor in zip(stored, anchors, strict=True)])
        found.insert(1, ("anchor removed", moved, False))
    return found


def _score(
    labels: NDArray[np.int64], said: NDArray[np.int64], owner: NDArray[np.int64], count: int, seed: int
) -> tuple[float, float, float, float, tuple[tuple[int, ...], ...]]:
    """Accuracy, the bounds of its interval, chance, and the confusion matrix."""
    right = (labels == said).astype(np.float64)
    shapes, place = np.unique(owner, return_inverse=True)
    hits, asked_of = np.bincount(place, right), np.bincount(place)
    drawn = np.random.default_rng(seed).integers(
        len(shapes), size=(RESAMPLES, len(shapes))
    )  # by shape: parts go together
    low, high = np.percentile(hits[drawn].sum(1) / asked_of[drawn].sum(1), (2.5, 97.5))
    low, high = (1 - 3 / len(shapes) if low == 1 else low), (3 / len(shapes) if high == 0 else high)
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (labels, said), 1)
    chance = matrix.sum(1).max() / len(labels)
    return float(right.mean()), float(low), float(high), float(chance), tuple(map(tuple, matrix.tolist()))
