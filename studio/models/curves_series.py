"""One curve: values over steps, smoothed as they come, and thinned to what a plot can show."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BLOCK = 128  # values that are smoothed by one product of matrices


@dataclass
class Series:
    """One curve: values over steps that rise. The arrays grow in place; ``smooth`` is remembered and goes on."""

    _steps: Numbers = field(default_factory=lambda: np.empty(256))
    _values: Numbers = field(default_factory=lambda: np.empty(256))
    _smooth: Numbers = field(default_factory=lambda: np.empty(256))
    _running: Numbers = field(default_factory=lambda: np.empty((256, 2)))  # sums of weighted readings, and of weights
    _count: int = 0
    _smoothed: int = 0
    _weight: float = -1.0

    def __len__(self) -> int:
        return self._count

    @property
    def steps(self) -> Numbers:
        """(N,) rising."""
        return self._steps[: self._count]

    @property
    def values(self) -> Numbers:
        """(N,) as they were measured; may be NaN."""
        return self._values[: self._count]

    def add(self, step: float, value: float) -> None:
        """One more reading; everything from ``step`` on is forgotten first."""
        if self._count and step <= self._steps[self._count - 1]:
            self._count = int(np.searchsorted(self.steps, step))
            self._smoothed = min(self._smoothed, self._count)
        if self._count == len(self._steps):
            self._steps, self._values, self._smooth, self._running = (
                np.concatenate([one, np.empty_like(one)])
                for one in (self._steps, self._values, self._smooth, self._running)
            )
        self._steps[self._count], self._values[self._count] = step, value
        self._count += 1

    def smooth(self, weight: float) -> Numbers:
        """(N,) running average, ``weight`` 0 (as measured) to below 1: of all readings so far, each counting ``weight`` times
        as much as the one after it.

        The first reading counts no more than its share (as in Adam, Kingma and Ba 2015), so that a short curve is not held
        up by where it began. NaN readings are left out of the average; before the first real one it is NaN. Only what came
        since the last call is worked on.
        """
        if weight != self._weight:
            self._weight, self._smoothed = weight, 0
        while self._smoothed < self._count:
            start, stop = self._smoothed, min(self._smoothed + BLOCK, self._count)
            values, before = self._values[start:stop], self._running[start - 1] if start else np.zeros(2)
            sums = self._running[start:stop] = _summed(values, before, weight)
            with np.errstate(invalid="ignore"):  # 0 / 0 before the first real reading
                self._smooth[start:stop] = sums[:, 0] / sums[:, 1] if weight else values
            self._smoothed = stop
        return self._smooth[: self._count]

    def at(self, step: float) -> int:
        """Index of the reading nearest to ``step``; -1 when there is none."""
        if not self._count:
            return -1
        after = int(np.searchsorted(self.steps, step))
        nearest = [one for one in (after - 1, after) if 0 <= one < self._count]
        return min(nearest, key=lambda one: abs(self._steps[one] - step))


def thinned(steps: Numbers, values: Numbers, left: float, right: float, most: int) -> tuple[Numbers, Numbers]:
    """Of a curve between two steps, with one reading more on either side, at most ``most`` points that look the same.

    Of each of ``most`` / 2 stretches the lowest and the highest reading stay, in their order; NaN counts as neither.
    """
    start = max(int(np.searchsorted(steps, left)) - 1, 0)
    stop = min(int(np.searchsorted(steps, right, "right")) + 1, len(steps))
    steps, values = steps[start:stop], values[start:stop]
    size = -(-2 * len(steps) // most)
    if size <= 2:
        return steps, values
    whole = len(steps) // size * size
    rows = values[:whole].reshape(-1, size)
    gaps = np.isnan(rows)
    low, high = (np.where(gaps, fill, rows) if gaps.any() else rows for fill in (np.inf, -np.inf))
    both = np.stack([low.argmin(1), high.argmax(1)], 1)
    places = np.unique(both + np.arange(0, whole, size)[:, None])
    places = np.append(places, np.arange(whole, len(steps)))
    return steps[places], values[places]


def beside(series: Series, bound: Series | None) -> Numbers | None:
    """The values of a bound at the steps of its curve; NaN where it has none."""
    if bound is None or not len(bound):
        return None
    if len(bound) == len(series) and bool((bound.steps == series.steps).all()):
        return bound.values
    place = np.clip(np.searchsorted(bound.steps, series.steps), 0, len(bound) - 1)
    return np.where(bound.steps[place] == series.steps, bound.values[place], np.nan)


def _summed(values: Numbers, before: Numbers, weight: float) -> Numbers:
    """(B, 2) running sums of a block (B,): of the weighted readings and of their weights, going on from ``before`` (2,)."""
    real = ~np.isnan(values)
    found = np.stack([values[real], np.ones(int(real.sum()))], 1)
    kernel, decay = _kernel(weight)
    count = len(found)
    own = kernel[:count, :count] @ found + decay[:count, None] * before
    behind = np.cumsum(real) - 1  # a gap stays at the value before it
    return np.where((behind >= 0)[:, None], own[behind] if count else before, before)


@lru_cache(maxsize=4)
def _kernel(weight: float) -> tuple[Numbers, Numbers]:
    """What each reading of a block adds to each average (B, B), and what the average before it adds (B,)."""
    k = np.arange(BLOCK)
    kernel = np.tril((1 - weight) * np.power(weight, np.abs(k[:, None] - k[None, :]), dtype=np.float64))
    return kernel, np.power(weight, k + 1.0, dtype=np.float64)
