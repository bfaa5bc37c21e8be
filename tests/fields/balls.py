"""Items whose shape is known exactly: balls, with labels from the formula instead of a mesh."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from engine.fields.fit import FitData
from engine.geometry.samples import Samples
from engine.protocol import Progress, Stage

T = TypeVar("T")
Ball = tuple[tuple[float, float, float], float]  # centre, radius
ONE: Mapping[str, Ball] = {"ball": ((0.0, 0.0, 0.0), 0.3)}
TWO: Mapping[str, Ball] = {"left": ((-0.2, 0.0, 0.0), 0.2), "right": ((0.2, 0.05, 0.0), 0.15)}


def samples(balls: Mapping[str, Ball], vocabulary: tuple[str, ...], seed: int, count: int = 4000) -> Samples:
    """Points and labels of a union of balls; with a vocabulary the balls are its parts."""
    generator = np.random.default_rng(seed)
    points, sections, start = [generator.random((count, 3)) - 0.5], {"uniform": (0, count)}, count
    directions = generator.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centres, radii = (np.array(values) for values in zip(*balls.values(), strict=True))
    which = generator.integers(0, len(balls), count)
    points.append(centres[which] + directions * radii[which, None] + generator.normal(0, 0.01, (count, 3)))
    sections["near"] = (start, start + count)
    start += count
    present, boxes = np.zeros(len(vocabulary), bool), np.zeros((len(vocabulary), 2, 3), np.float32)
    for k, name in enumerate(vocabulary):
        if name in balls:
            centre, radius = np.array(balls[name][0]), balls[name][1]
            present[k], boxes[k] = True, [centre - radius * 1.1, centre + radius * 1.1]
            points.append(generator.uniform(boxes[k, 0], boxes[k, 1], (count // 4, 3)))
            sections[f"part:{name}"] = (start, start + count // 4)
            start += count // 4
    place = np.concatenate(points).clip(-0.5, 0.5).astype(np.float32)
    within = {
        name: np.linalg.norm(place - np.array(centre), axis=1) < radius for name, (centre, radius) in balls.items()
    }
    inside = np.zeros((len(place), len(vocabulary)), np.uint8)
    for k, name in enumerate(vocabulary):
        inside[:, k] = within.get(name, False)
    whole = np.logical_or.reduce(list(within.values())).astype(np.uint8)
    return Samples(place, whole, inside, present, boxes, sections, vocabulary)


def item(name: str, balls: Mapping[str, Ball] = ONE, vocabulary: tuple[str, ...] = (), seed: int = 0) -> FitData:
    """Training and held-out points of one union of balls."""
    return FitData(name, samples(balls, vocabulary, seed), samples(balls, vocabulary, seed + 1000))


def result(stage: Stage[T]) -> T:
    """Run a stage to its end; every event must be a sign of progress within its total."""
    while True:
        try:
            event = next(stage)
        except StopIteration as end:
            value: T = end.value
            return value
        assert isinstance(event, Progress)
        assert 0 <= event.done <= event.total
