"""Plots as inline SVG text, without scripts, fonts or anything from outside; they follow the text colour of the page."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from engine.metrics.intervals import Interval

WIDTH, LEFT, RIGHT = 500, 206, 26  # pixels
COLOURS = ("#2a6db0", "#d1772e", "#4a9a55", "#a04f9e")
SHARES = ("#b03a2e", "#9a6a00", "#6b6f76", "#2a6db0")  # of copy, blend, near and new, told apart by lightness too
DASHES = ("3 3", "9 4")


def intervals_plot(title: str, rows: Sequence[tuple[str, Interval, float]], top: float | None = None) -> str:
    """A line per (label, score, ideal), from 0 to ``top``: the interval as a bar, the score as a dot, the ideal as a tick."""
    high = top or 1.05 * max([one.high for _, one, _ in rows] + [ideal for *_, ideal in rows] + [1e-300])
    parts, line = [], 24
    for place, (label, one, ideal) in enumerate(rows):
        y = 20 + line * place
        low_x, x, high_x, ideal_x = (_x(v, high) for v in (one.low, one.value, one.high, ideal))
        told = f"{label}: {one.value:.4g} [{one.low:.4g}, {one.high:.4g}], ideal {ideal:.4g}"
        parts.append(
            f"<g><title>{escape(told)}</title>"
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(label)}</text>'
            f'<line x1="{low_x}" x2="{high_x}" y1="{y}" y2="{y}" stroke="{COLOURS[0]}" stroke-width="5" opacity=".45"/>'
            f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS[0]}"/>'
            f'<line x1="{ideal_x}" x2="{ideal_x}" y1="{y - 9}" y2="{y + 9}" stroke="{COLOURS[1]}" stroke-width="2"/></g>'
        )
    return _svg(title, 20 + line * len(rows), "".join(parts), high)


def steps_plot(title: str, curves: Mapping[str, Sequence[float]], marks: Mapping[str, float]) -> str:
    """Cumulative shares of sorted, not negative values, a curve per name; ``marks`` are upright lines (thresholds)."""
    every = [value for values in curves.values() for value in values]
    high = 1.02 * max([*np.percentile(every, [99]), *marks.values(), 1e-300]) if every else 1.0
    height, parts = 180, []
    for place, (name, values) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        points, done = [f"{_x(0, high)},{height}"], 0.0
        for count, value in enumerate(sorted(values), 1):
            share = count / len(values)
            x = _x(min(value, high), high)
            points += [f"{x},{_y(done, height)}", f"{x},{_y(share, height)}"]
            done = share
        points.append(f"{_x(high, high)},{_y(done, height)}")
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="4" y="{30 + 18 * place}" fill="{colour}">{escape(name)}</text>')
    for place, (name, value) in enumerate(marks.items()):
        x, y, dashes = _x(value, high), 26 + 18 * (len(curves) + place), DASHES[place % len(DASHES)]
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="10" y2="{height}" stroke="currentColor" stroke-dasharray="{dashes}"/>'
            f'<line x1="4" x2="30" y1="{y}" y2="{y}" stroke="currentColor" stroke-dasharray="{dashes}"/>'
            f'<text x="36" y="{y + 4}">{escape(name)}</text>'
        )
    return _svg(title, height, "".join(parts), high)


def shares_plot(title: str, bars: Mapping[str, Mapping[str, float]]) -> str:
    """One bar per name, cut into shares that sum to 1, in the order of the first bar; each part tells its share."""
    parts = []
    for place, (name, shares) in enumerate(bars.items()):
        y, start = 12 + 34 * place, 0.0
        parts.append(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        for number, (word, share) in enumerate(shares.items()):
            x, end = _x(start, 1), _x(start + share, 1)
            start += share
            told = escape(f"{word} {share:.1%}")
            parts.append(
                f'<g><title>{escape(name)}: {told}</title><rect x="{x}" y="{y}" width="{round(max(0, end - x), 2)}" '
                f'height="24" fill="{SHARES[number % len(SHARES)]}"/>'
            )
            parts.append(
                f'<text x="{x + 4}" y="{y + 16}" fill="#fff">{told}</text></g>' if end - x > 7 * len(told) else "</g>"
            )
    return _svg(title, 12 + 34 * len(bars), "".join(parts), 1)


def _x(value: float, high: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * value / high, 2)


def _y(share: float, height: int) -> float:
    return round(height - (height - 10) * share, 2)


def _svg(title: str, height: int, inside: str, high: float) -> str:
    """The drawing with its axis from 0 to ``high`` below."""
    ticks = "".join(
        f'<text x="{_x(value, high)}" y="{height + 18}" text-anchor="middle">{value:.3g}</text>'
        for value in np.linspace(0, high, 5)
    )
    axis = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" y2="{height}" stroke="currentColor"/>'
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height + 26}" width="{WIDTH}" '
        f'role="img" aria-label="{escape(title)}">{inside}{axis}{ticks}</svg></figure>'
    )
