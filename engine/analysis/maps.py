"""Maps: each part of each shape as a point of the plane, by PCA and by t-SNE."""

from collections import Counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.learned import Array, Embed, Embedded, asked, learner
from engine.analysis.rows import Rows
from engine.analysis.scale import evened
from engine.protocol import Note, Stage

MOST = 2**26  # numbers that go into a map; of more shapes some are drawn

TEXT = """Every mark is one part of one shape, in its part's colour. PCA is a straight projection: what it shows is
true of the share of the variance that its axes name, and of nothing else. The components are those of all shapes
shown: latents have more numbers than there are shapes, and components of the training shapes alone would put all
others too near the middle. t-SNE keeps near neighbours near and nothing more: the size of a group, the gap between
groups and the place of a group mean nothing, other seeds and perplexities give other maps, and it can show groups
where there are none. Groups by part are expected where every part's fit starts from an anchor of its own; the second
map takes each part's mean off first, so that what is left is how shapes differ. No map shows whether a shape is good
or new."""


class Place(msgspec.Struct, frozen=True):
    """One point of the maps."""

    shape: str
    part: str
    mark: str
    pca: tuple[float, float]
    tsne: tuple[float, float]


class Map(msgspec.Struct, frozen=True):
    """A pair of maps and how they were made.

    variance : share of the variance along each principal component, at most 10
    divergence : Kullback-Leibler divergence that t-SNE ended with
    centred : each part's training mean was taken off
    """

    places: tuple[Place, ...]
    variance: tuple[float, ...]
    perplexity: float
    seed: int
    divergence: float
    centred: bool


class MapsFound(msgspec.Struct, frozen=True):
    """As they are, and with each part's mean taken off (not where there is one part alone); parts left out of them."""

    maps: tuple[Map, ...]
    left_out: tuple[str, ...]


def maps(rows: Rows, part: str, perplexity: float, seed: int) -> Stage[MapsFound]:
    """Maps of the parts of all shapes, of the run and of its training; of whole latents where there are no parts.

    Parts share a map when they are as wide; those of other widths are left out. InputError with too few shapes.
    """
    scopes = rows.scopes(part)
    if rows.parts and not part:
        scopes = scopes[1:]
    usual = Counter(rows.width(s) for s in scopes).most_common(1)[0][0] if scopes != ("",) else 0
    left_out = tuple(s for s in scopes if s and rows.width(s) != usual)
    scopes = tuple(s for s in scopes if s not in left_out)
    index = {s: rows.having(s) for s in scopes}
    most = max(10, MOST // max(1, sum(rows.numbers(s, i[:1]).shape[1] for s, i in index.items())))
    if len(rows) > most:
        yield Note(text=f"the maps show {most} of {len(rows)} shapes, drawn by the seed")
        some = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        index = {s: i[np.isin(i, some)] for s, i in index.items()}
    found = []
    with learner() as child:
        for centred in (False, True) if len(scopes) > 1 else (False,):
            table = stacked(rows, index, centred)
            request = Embed(Array.of(table), perplexity, seed)
            answer = yield from asked(child, request, Embedded, "maps")
            found.append(_map(rows, index, answer, seed, centred))
    return MapsFound(tuple(found), left_out)


def stacked(rows: Rows, index: dict[str, NDArray[np.int64]], centred: bool) -> NDArray[np.float32]:
    """(M, d) numbers of the parts of all shapes one below the other, each over its spread.

    centred : the mean of each part is taken off first. Means and spreads are those of all shapes shown: unseen shapes would
    seem to vary more over the training shapes' own, and components would turn to them.
    """
    blocks = [rows.numbers(scope, i) for scope, i in index.items()]
    table = np.concatenate([block - block.mean(0) if centred else block for block in blocks])
    return evened(table, table[:0])[0]


def _map(rows: Rows, index: dict[str, NDArray[np.int64]], answer: Embedded, seed: int, centred: bool) -> Map:
    pca, tsne = answer.pca.array(), answer.tsne.array()
    pairs = [(scope, int(row)) for scope, i in index.items() for row in i]
    places = tuple(
        Place(rows.names[row], scope, str(rows.marks[row]), (float(a), float(b)), (float(c), float(d)))
        for (scope, row), (a, b), (c, d) in zip(pairs, pca, tsne, strict=True)
    )
    return Map(places, answer.variance[:10], answer.perplexity, seed, answer.divergence, centred)
