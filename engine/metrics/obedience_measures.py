"""What can be read off a bare cloud: one number per question, from places and shares of points alone.

A cloud is (P, 3), P about 512 or more, points spread evenly over the outer surface, +Y up, front +Z. Everything is measured
after `settled`, so neither place nor size matters. Each measure says what it looks at; thresholds are the rules' business
(`obedience.RULES`).
"""

import numpy as np
from numpy.typing import NDArray

Cloud = NDArray[np.floating]
LONGEST = 0.95


def settled(cloud: Cloud) -> Cloud:
    """The cloud with the middle of its box at the origin and its longest side 0.95; a few stray points do not count."""
    low, high = np.quantile(cloud, [0.004, 0.996], axis=0)
    return (cloud - (low + high) / 2) * (LONGEST / max(float((high - low).max()), 1e-9))


def height(p: Cloud) -> Cloud:
    """(P,) 0 at the bottom, 1 at the top."""
    return _share(p[:, 1])


def length(p: Cloud) -> Cloud:
    """(P,) 0 at the rear, 1 at the front."""
    return _share(p[:, 2])


def extents(p: Cloud) -> Cloud:
    """Width, height and depth of the box, (3,)."""
    return np.maximum(np.ptp(np.quantile(p, [0.004, 0.996], axis=0), axis=0), 1e-9)


def _share(values: Cloud) -> Cloud:
    low, high = np.quantile(values, [0.004, 0.996])
    return (values - low) / max(float(high - low), 1e-9)


def quantile(values: Cloud, q: float, none: float = 0.0) -> float:
    """A quantile, or ``none`` of fewer than four values."""
    return float(np.quantile(values, q)) if len(values) > 3 else none


# proportions


def tall(p: Cloud) -> float:
    """Height over the longer side of the ground plan."""
    return float(extents(p)[1] / max(extents(p)[0], extents(p)[2]))


def broad(p: Cloud) -> float:
    """Width over depth: of an aeroplane its span over its length; of a mug what its handles add."""
    return float(extents(p)[0] / extents(p)[2])


# tables and chairs


def in_corners(xz: Cloud) -> float:
    """Share of the points in the corners of their own box, outside the ellipse that fills it by a tenth."""
    if len(xz) < 4:
        return 0.0
    low, high = np.quantile(xz, [0.005, 0.995], axis=0)
    u = (xz - (low + high) / 2) / np.maximum((high - low) / 2, 1e-9)
    return float(np.mean(np.hypot(*u.T) > 1.12))


def table_corners(p: Cloud) -> float:
    """Of the points of the table's top, the share in its corners."""
    return in_corners(p[p[:, 1] > np.quantile(p[:, 1], 0.996) - 0.05][:, [0, 2]])


def table_leg_reach(p: Cloud) -> float:
    """How far from the middle the points half-way down lie, 1 = at the edge of the top."""
    side = extents(p)[[0, 2]] / 2
    middle = p[(height(p) > 0.25) & (height(p) < 0.75)][:, [0, 2]]
    return quantile(np.hypot(*(middle / side).T), 0.5, 1.0)


def seat_height(p: Cloud) -> float:
    """y of a chair's seat: the highest level slab that covers nearly as much of the ground plan as any does."""
    cells = 6
    low, high = np.quantile(p, [0.01, 0.99], axis=0)
    place = np.clip((p - low) / np.maximum(high - low, 1e-9) * cells, 0, cells - 1e-6).astype(int)
    cell = place[:, 0] * cells + place[:, 2]
    levels = np.arange(low[1], high[1] + 0.01, 0.01)
    covered = np.array([len(np.unique(cell[np.abs(p[:, 1] - y) < 0.025])) for y in levels])
    return float(levels[np.flatnonzero(covered >= 0.8 * covered.max())[-1]]) - 0.0125


def seat(p: Cloud, thick: float = 0.04) -> Cloud:
    """The points of the seat."""
    return p[np.abs(p[:, 1] - seat_height(p)) < thick]


def chair_arms(p: Cloud) -> float:
    """Share of the points that lie above the sides of the seat, in front of its rear half."""
    y, z = seat_height(p), seat(p)[:, 2]
    front = np.quantile(z, 0.03) + 0.45 * np.ptp(np.quantile(z, [0.03, 0.97]))
    return float(np.mean((p[:, 1] > y + 0.05) & (p[:, 2] > front) & (np.abs(p[:, 0]) > 0.175 * extents(p)[0])))


def chair_back(p: Cloud) -> float:
    """Share of the points well above the seat."""
    return float(np.mean(p[:, 1] > seat_height(p) + 0.08))


def seat_corners(p: Cloud) -> float:
    """Of the points of the seat, the share in its corners."""
    return in_corners(p[np.abs(p[:, 1] - seat_height(p) + 0.015) < 0.03][:, [0, 2]])


def chair_floor(p: Cloud) -> float:
    """Share of the points on the floor: many of a disc, few of the ends of legs."""
    return float(np.mean(p[:, 1] < np.quantile(p[:, 1], 0.004) + 0.05))


def threefold(p: Cloud) -> float:
    """Whether the feet stand in three directions from the seat's middle rather than in four, -1 to 1."""
    low, top = np.quantile(p[:, 1], 0.004), seat_height(p)
    s = seat(p)
    middle = (np.quantile(s, 0.02, 0) + np.quantile(s, 0.98, 0)) / 2
    feet = p[p[:, 1] < low + 0.35 * (top - low)]
    if len(feet) < 3:
        return 0.0
    turn = np.arctan2(feet[:, 2] - middle[2], feet[:, 0] - middle[0])
    return float(abs(np.mean(np.exp(3j * turn))) - abs(np.mean(np.exp(4j * turn))))


def rear_legs(p: Cloud) -> float:
    """Of the points between floor and seat, the share behind the seat's middle: none of a cantilever."""
    low, top = np.quantile(p[:, 1], 0.004), seat_height(p)
    z = seat(p)[:, 2]
    middle = (np.quantile(z, 0.02) + np.quantile(z, 0.98)) / 2
    under = p[(p[:, 1] > low + 0.15 * (top - low)) & (p[:, 1] < low + 0.75 * (top - low))]
    return float(np.mean(under[:, 2] < middle)) if len(under) else 0.0


# mugs


def mug_body(p: Cloud) -> tuple[float, float]:
    """x of the middle of the body, and its radius: the window as wide as the mug is deep with most points in it."""
    radius = max(float(np.ptp(np.quantile(p[:, 2], [0.01, 0.99]))) / 2, 1e-9)
    x = np.sort(p[:, 0])
    inside = np.searchsorted(x, x + 2 * radius) - np.arange(len(x))
    return float(x[inside.argmax()]) + radius, radius


def both_sides(p: Cloud) -> float:
    """How far a mug reaches to the side where it reaches less, in radii of its body, and how evenly to both: two opposite
    handles do that, one does not."""
    low, high = np.quantile(p[:, 2], [0.01, 0.99])
    radius = max(float(high - low) / 2, 1e-9)
    body, far = (p[:, 0][np.abs(p[:, 2]) > share * radius] for share in (0.4, 0.5))  # handles lie near z = 0
    if not len(far):
        return 0.0
    middle = float(np.quantile(body, 0.03) + np.quantile(body, 0.97)) / 2
    left, right = np.abs(np.quantile(p[:, 0], [0.004, 0.996]) - middle)
    less, more = float(min(left, right)), max(float(left), float(right), 1e-9)
    return less / radius - 0.15 * (abs(float(far.mean())) / radius + 1 - less / more)


def mug_diagonal(p: Cloud) -> float:
    """How far the body reaches towards its diagonals, in radii: 1 of a round one, 1.2 of a square one."""
    middle, radius = mug_body(p)
    u, w = np.abs(p[:, 0] - middle) / radius, np.abs(p[:, 2]) / radius
    turn = np.arctan2(w, u)
    return quantile(np.hypot(u, w)[(u < 1.12) & (turn > 0.6) & (turn < 0.97)], 0.9, 1.0)


def mug_lid(p: Cloud) -> float:
    """Share of the points well within the rim, at the top."""
    middle, radius = mug_body(p)
    return float(np.mean((np.hypot(p[:, 0] - middle, p[:, 2]) < 0.6 * radius) & (height(p) > 0.9)))


# lamps


def thinnest(p: Cloud) -> float:
    """Height of the level with fewest points near it, 0 to 1, away from both ends: where a pole or a cord is."""
    counts = np.convolve(np.histogram(height(p), 20, (0, 1))[0], [1, 1, 1], "valid")  # of levels 1 to 18
    return (float(counts[1:-1].argmin()) + 2.5) / 20


def above_the_thinnest(p: Cloud) -> float:
    """Share of the points above the pole or cord: the shade of a standing lamp, the canopy of a hanging one."""
    return float(np.mean(height(p) > thinnest(p)))


def shade_of(p: Cloud) -> Cloud:
    """The points of the half of a lamp that has more of them."""
    up = height(p) > 0.5
    return p[up] if up.mean() > 0.5 else p[~up]


def shades_apart(p: Cloud) -> float:
    """How unevenly the points of the shade half lie round their middle: 0 of one round or oval shade, wherever it is, 1 of
    two opposite small ones."""
    xz = shade_of(p)[:, [0, 2]]
    low, high = np.quantile(xz, [0.02, 0.98], axis=0)
    x, z = ((xz - (low + high) / 2) / np.maximum(high - low, 1e-9)).T
    reach = np.hypot(x, z)
    turn = np.arctan2(z, x)[reach >= 0.5 * np.quantile(reach, 0.98)]
    return float(max(abs(np.mean(np.exp(1j * k * turn))) for k in range(1, 7)))


def lamp_overhang(p: Cloud) -> float:
    """How far in front of its foot a lamp's upper part is."""
    h = height(p)
    return abs(quantile(p[h > 0.6][:, 2], 0.5) - quantile(p[h < 0.05][:, 2], 0.5))


def three_feet(p: Cloud) -> float:
    """Whether the lowest points lie in three directions from the pole: 1 of a tripod, 0 of a disc."""
    h = height(p)
    low, pole = p[h < 0.15][:, [0, 2]], p[(h > 0.06) & (h < 0.5)][:, [0, 2]]
    if len(low) < 3 or len(pole) < 4:
        return 0.0
    x, z = (low - np.median(pole, axis=0)).T
    reach = np.hypot(x, z)
    return float(abs(np.mean(np.exp(3j * np.arctan2(z, x)[reach >= 0.25 * reach.max()]))))


def shade_taper(p: Cloud) -> float:
    """Radius of a standing lamp's shade at its top over that where it is widest: 1 of a drum, less of a cone."""
    upper = p[height(p) > max(0.55, thinnest(p))]
    reach, y = np.hypot(upper[:, 0], upper[:, 2]), upper[:, 1]
    widest = quantile(reach, 0.97, 1.0)
    low, high = quantile(y[reach > 0.85 * widest], 0.05), quantile(y, 0.97)
    walls = (reach > 0.5 * widest) & (y >= low)  # without poles and bulb
    if walls.sum() < 12:
        return 1.0
    level = (y[walls] - low) / max(high - low, 1e-9)
    return quantile(reach[walls][level > 0.65], 0.85) / max(quantile(reach[walls][level < 0.35], 0.85), 1e-9)


# cars


def body_width(p: Cloud) -> float:
    """How far apart a car's sides are, over its length: most of its points lie on them, or not far within."""
    side = np.abs(p[:, 0] - np.median(p[:, 0]))
    return 2 * quantile(side, 0.7) / float(extents(p)[2])


def rear_floor(p: Cloud) -> float:
    """How high the middle of a car's rear end is, of its whole height, less by how much its sides stand above it: a load bed
    lies low between its sides, a boot does not. Only the middle is asked, as boots fall off to their sides."""
    at, side, h = length(p), np.abs(p[:, 0]) / extents(p)[0], height(p)
    rear = (at > 0.05) & (at < 0.22)
    middle, sides = h[rear & (side < 0.2)], h[rear & (side > 0.36)]
    return 0.5 * quantile(middle, 0.75) + quantile(middle, 0.9) - quantile(sides, 0.9)


# aeroplanes


def along_span(p: Cloud) -> Cloud:
    """(P,) 0 at the middle, 1 at the wing tips."""
    side = np.abs(p[:, 0])
    span: Cloud = side / max(float(np.quantile(side, 0.995)), 1e-9)
    return span


def wing_depth(p: Cloud) -> float:
    """How far apart in height the wing's points lie at one place along the span: little of one wing, much of two."""
    s = along_span(p)
    m = (s > 0.25) & (s < 0.7) & (length(p) > 0.45)
    if m.sum() < 12:
        return 0.0
    rise = np.polyfit(s[m], p[m, 1], 1)
    low, high = np.quantile(p[m, 1] - np.polyval(rise, s[m]), [0.15, 0.85])
    return float(high - low)


def tailplane_height(p: Cloud) -> float:
    """How high the tailplane lies between the middle of the body (0) and the top of the fin (1)."""
    tail = p[length(p) < 0.2]
    body, top = quantile(p[np.abs(p[:, 0]) < 0.06][:, 1], 0.5), float(tail[:, 1].max()) if len(tail) else 0.0
    plane = tail[np.abs(tail[:, 0]) > 0.04][:, 1]
    return (quantile(plane, 0.5, body) - body) / max(top - body, 1e-9)


def wing_height(p: Cloud) -> float:
    """How high the wing lies between the underside of the body (0) and its top (1) there."""
    s = along_span(p)
    wing = p[(s > 0.15) & (s < 0.5)]
    body = p[(s < 0.12) & (np.abs(p[:, 2] - quantile(wing[:, 2], 0.5)) < 0.08)][:, 1]
    low, high = quantile(body, 0.03), quantile(body, 0.97, 1.0)
    return (quantile(wing[:, 1], 0.5) - low) / max(high - low, 1e-9)


def off_the_wing(p: Cloud) -> Cloud:
    """(K,) places along the span of points well below the plane that most of the wing's points lie in: hanging engines. The
    tailplane, which may lie below that plane too, is left out."""
    s = along_span(p)
    wing = (s > 0.2) & (s < 0.85) & (length(p) > 0.2)
    columns = np.c_[np.abs(p[:, 0]), p[:, 2], np.ones(len(p))]
    kept = wing
    below = np.zeros(len(p))
    for _ in range(6):
        if kept.sum() < 4:
            return np.zeros(0)
        below = p[:, 1] - columns @ np.linalg.lstsq(columns[kept], p[kept, 1], rcond=None)[0]
        kept = wing & (np.abs(below) <= np.quantile(np.abs(below[wing]), 0.7))
    return s[wing & (below < -0.018)]


def outer_engines(p: Cloud) -> float:
    """Of the points that hang below the wing, the share in its outer half."""
    s = off_the_wing(p)
    return float(np.mean(s > 0.5)) if len(s) > 4 else 0.0
