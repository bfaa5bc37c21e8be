"""The drawings of the analyses: maps, confusion matrices, distances with those that stand out."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.analysis.drawing import Drawing, Rgb, Shape, length_of, mixed
from engine.analysis.maps import Map
from engine.analysis.naming import NamingFound, Score
from engine.analysis.odd import Odd, OddFound
from engine.analysis.rows import REJECTED, TRAIN, UNSEEN, WHOLE, mark_order

PANEL, GAP, SIDE = 400, 30, 160  # units of maps: side of a panel, space between, width of the legend
SHAPES: dict[str, Shape] = {TRAIN: "circle", UNSEEN: "square", REJECTED: "cross"}
MARKS: dict[str, Rgb] = {TRAIN: (120, 178, 214), UNSEEN: (0, 80, 140), REJECTED: (120, 120, 120)}  # without parts
OWN: Rgb = (213, 94, 0)  # Okabe and Ito 2008: vermilion
FRAME: Rgb = (190, 195, 202)
DOT: Rgb = (150, 158, 168)
LOW, HIGH = (244, 248, 251), (8, 64, 120)  # of shares: one hue from light to dark, which every eye can order
CELL = 44
TOP, BOTTOM = 12.0, -4.0  # of the strips' axis, modified z-scores; beyond it marks stand at the rim
STRIP, HEIGHT = 170, 300


def map_drawing(found: Map, colours: Mapping[str, Rgb]) -> Drawing:
    """PCA and t-SNE side by side, with one legend. ``colours``: of parts; where there is one scope, marks have colours."""
    scopes = list(dict.fromkeys(place.part for place in found.places))
    kinds = sorted({place.mark for place in found.places}, key=mark_order)
    by_mark = {kind: MARKS.get(kind, OWN) for kind in kinds} if len(scopes) == 1 else {}
    what = scopes[0] or "whole shapes" if len(scopes) == 1 else "parts"
    title = f"Map of {what}" + (", each part's mean taken off" if found.centred else "")
    picture = Drawing(2 * PANEL + GAP + SIDE, PANEL + 46, title)
    picture.text(4, 18, title, 15)
    pair = [*found.variance[:2], 0.0, 0.0]
    axes = [(f"PCA: component 1 ({pair[0]:.0%} of variance)", f"component 2 ({pair[1]:.0%})"), (_tsne(found), "")]
    for number, (points, (across, up)) in enumerate(
        zip((_points(found, "pca"), _points(found, "tsne")), axes, strict=True)
    ):
        left, top = 22 + number * (PANEL + GAP), 32
        side = PANEL - 22
        _frame(picture, left, top, side, side)
        picture.text(left + side / 2, top + side + 20, across, 12, "middle", "faint")
        if up:
            picture.text(left - 6, top + side / 2, up, 12, "middle", "faint", turned=True)
        placed = left + 14 + (side - 28) * points[:, 0], top + side - 14 - (side - 28) * points[:, 1]
        order = sorted(range(len(found.places)), key=lambda i: kinds.index(found.places[i].mark))
        for i in order:
            one = found.places[i]
            colour = by_mark[one.mark] if by_mark else colours[one.part]
            radius = 3.2 if one.mark == TRAIN else 4.0 if one.mark in SHAPES else 5.0
            told = f"{one.shape} {one.part} ({one.mark})"
            picture.mark(_shape(one.mark), (float(placed[0][i]), float(placed[1][i])), radius, colour, told)
        if not by_mark and not found.centred:  # parts whose means are taken off lie over one another
            _names(picture, found, scopes, np.stack(placed, 1), (left, left + side, top + 14, top + side - 6))
    _legend(picture, 2 * PANEL + GAP + 14, 48, scopes, kinds, by_mark, colours)
    return picture


def confusion_drawing(found: NamingFound) -> Drawing:
    """Who is taken for whom: a matrix for each classifier (down) and kind of numbers (across), of fitted shapes."""
    scores = [score for score in found.scores if score.asked == "fitted"]
    columns = list(dict.fromkeys(score.numbers for score in scores))
    rows = list(dict.fromkeys(score.classifier for score in scores))
    names = max(length_of(name) for name in found.parts) + 14
    width, height = names + CELL * len(found.parts) + 34, CELL * len(found.parts) + 86
    wide = max(width, 240)
    picture = Drawing(round(wide * len(columns)), round(height * len(rows) + 30), "Part names from numbers")
    picture.text(4, 18, "Part names from numbers: unseen shapes (rows: true part, columns: said part)", 15)
    for score in scores:
        left, top = wide * columns.index(score.numbers) + 4, 34 + height * rows.index(score.classifier)
        _matrix(picture, score, found.parts, left, top, names)
    return picture


def odd_drawing(found: OddFound) -> Drawing:
    """How far each shape is from the training shapes, a strip for each part; those above the limit are named."""
    scopes = list(dict.fromkeys(one.part for one in found.measured))
    picture = Drawing(56 + STRIP * len(scopes) + 10, HEIGHT + 84, "Distance from the training shapes")
    picture.text(4, 18, "Distance from the training shapes (modified z-score)", 15)
    top = 36.0
    for tick in range(int(BOTTOM), int(TOP) + 1, 4):
        y = _height(tick, top)
        picture.line((50, y), (56 + STRIP * len(scopes), y), FRAME)
        picture.text(44, y + 4, f"{tick}" if tick < TOP else f"{tick}+", 12, "end", "faint")
    y = _height(found.limit, top)
    picture.line((50, y), (56 + STRIP * len(scopes), y), OWN, dashed=True)
    for number, scope in enumerate(scopes):
        middle = 56 + STRIP * number + 34
        _strip(picture, [one for one in found.measured if one.part == scope], middle, top, found.limit)
        picture.text(56 + STRIP * (number + 0.5) - 20, top + HEIGHT + 20, scope or WHOLE, 12, "middle")
    picture.text(50, top + HEIGHT + 42, f"dashed: {found.limit:g}; above it a shape stands out", 12, "start", "faint")
    return picture


def _tsne(found: Map) -> str:
    return f"t-SNE: perplexity {found.perplexity:g}, seed {found.seed} (axes mean nothing)"


def _points(found: Map, key: str) -> NDArray[np.float64]:
    """(N, 2) in 0..1, of one scale in both directions for t-SNE; PCA's axes are each filled, as they are named apart."""
    points = np.array([getattr(place, key) for place in found.places])
    low, extent = points.min(0), np.ptp(points, axis=0)
    extent = np.full(2, extent.max()) if key == "tsne" else extent
    middle = (points.max(0) + low) / 2
    return (points - middle) / np.maximum(extent, 1e-12) + 0.5


def _shape(mark: str) -> Shape:
    return SHAPES.get(mark, "diamond")


def _frame(picture: Drawing, x: float, y: float, width: float, height: float) -> None:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        picture.line(a, b, FRAME)


def _names(
    picture: Drawing, found: Map, scopes: Sequence[str], placed: NDArray[np.float64], room: tuple[float, ...]
) -> None:
    """The parts' names beside marks that keep together, where no other part's marks or name lie; spread ones have none."""
    left, right, top, bottom = room
    groups = {scope: placed[[place.part == scope for place in found.places]] for scope in scopes}
    boxes = {scope: (*here.min(0) - 5, *here.max(0) + 5) for scope, here in groups.items()}
    taken: list[tuple[float, ...]] = []
    for scope, here in groups.items():
        if (np.ptp(np.percentile(here, (10, 90), axis=0), axis=0) > 0.25 * (right - left)).any():
            continue
        half, (x0, y0, x1, y1) = length_of(scope, 13) / 2 + 3, boxes[scope]
        middle, level = float(np.median(here[:, 0])), float(np.median(here[:, 1])) + 5
        places = [(middle, y0 - 3), (middle, y1 + 14), (x0 - half, level), (x1 + half, level)]
        others = [box for other, box in boxes.items() if other != scope] + taken
        for x, y in places:
            label = (x - half, y - 13, x + half, y + 4)
            inside = left <= label[0] and label[2] <= right and top - 14 <= label[1] and label[3] <= bottom
            if inside and not any(_overlap(label, box) for box in others):
                taken.append(label)
                picture.text(x, y, scope, 13, "middle", halo=True)
                break


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes (left, top, right, bottom) share a place."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def free(y: float, taken: Sequence[float], step: float, top: float, bottom: float) -> float:
    """The place nearest to ``y``, in ``top`` to ``bottom``, that is ``step`` away from all that are taken."""
    tries = [y, *(one + way * step for one in taken for way in (1, -1))]
    good = [t for t in tries if top <= t <= bottom and all(abs(t - one) >= step - 1e-6 for one in taken)]
    return min(good, key=lambda t: abs(t - y)) if good else float(np.clip(y, top, bottom))


def _legend(
    picture: Drawing,
    x: float,
    y: float,
    scopes: Sequence[str],
    kinds: Sequence[str],
    by_mark: Mapping[str, Rgb],
    colours: Mapping[str, Rgb],
) -> None:
    if not by_mark:
        for scope in scopes:
            picture.mark("circle", (x + 6, y - 4), 5, colours[scope])
            picture.text(x + 20, y, scope)
            y += 20
        y += 14
    for kind in kinds:
        picture.mark(_shape(kind), (x + 6, y - 4), 5, by_mark.get(kind, DOT))
        picture.text(x + 20, y, kind)
        y += 20


def _matrix(picture: Drawing, score: Score, parts: Sequence[str], left: float, top: float, names: float) -> None:
    picture.text(left, top + 16, f"{score.numbers}: {score.classifier}", 13)
    told = f"{score.accuracy:.0%} right ({score.low:.0%} to {score.high:.0%}), chance {score.chance:.0%}"
    picture.text(left, top + 34, told, 12, ink="faint")
    x0, y0 = left + names, top + 66
    for column, name in enumerate(parts):
        short = name if length_of(name) <= CELL else name[:5] + "…"
        picture.text(x0 + CELL * (column + 0.5), y0 - 8, short, 12, "middle", "faint")
    for row, name in enumerate(parts):
        picture.text(x0 - 8, y0 + CELL * (row + 0.5) + 4, name, 12, "end", "faint")
        total = max(1, sum(score.confusion[row]))
        for column, count in enumerate(score.confusion[row]):
            share = count / total
            x, y = x0 + CELL * column, y0 + CELL * row
            told = f"{name} taken for {parts[column]}: {count} of {total}"
            picture.box(x, y, CELL - 2, CELL - 2, mixed(LOW, HIGH, share), told)
            ink: Rgb = (255, 255, 255) if share > 0.45 else (38, 42, 48)
            picture.text(x + CELL / 2 - 1, y + CELL / 2 + 4, str(count), 13, "middle", ink)


def _height(z: float, top: float) -> float:
    return top + HEIGHT * (TOP - min(TOP, max(BOTTOM, z))) / (TOP - BOTTOM)


def _strip(picture: Drawing, found: Iterable[Odd], middle: float, top: float, limit: float) -> None:
    """One strip: marks side by side where they would hide each other, names of those that stand out beside them."""
    taken: list[float] = []
    for number, one in enumerate(sorted(found, key=lambda one: -_z(one))):
        y = _height(_z(one), top)
        x = middle + 18 * np.sin(2.4 * number)
        told = f"{one.shape}: neighbours {one.neighbours_z:.1f}, robust {one.robust_z:.1f}"
        picture.mark(
            "diamond" if one.flagged else "circle", (x, y), 4 if one.flagged else 3, OWN if one.flagged else DOT, told
        )
        if one.flagged and len(taken) < 8:
            words = _short(one.shape)
            baseline = free(y + 4, taken, 14, top + 4, top + HEIGHT)
            taken.append(baseline)
            picture.text(middle + 28, baseline, words, 11, halo=True)


def _z(one: Odd) -> float:
    return max(one.neighbours_z, one.robust_z)


def _short(shape: str) -> str:
    """The end of a shape's name that fits beside its mark."""
    words = shape.rpartition("/")[2]
    while length_of(words, 11) > STRIP - 72:
        words = "…" + words.removeprefix("…")[1:]
    return words
