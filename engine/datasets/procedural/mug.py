"""Mugs: a plan of what to build, and the solids it becomes. The foot is y = 0; the handle is at +X; height about 1."""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold
from numpy.random import Generator

from engine.datasets.procedural.solids import Array, lathe, rounded_rectangle, spline, superellipse, sweep


@dataclass(frozen=True)
class Plan:
    """A mug in units of about ten centimetres."""

    type: str
    shape: str  # straight | tapered | flared | bulged | waisted | bowl | footed | stepped
    height: float
    radius: float
    amount: float  # how strong the shape is
    wall: float
    section: float  # exponent of the plan: 2 round, 4 square
    facets: bool
    rings: int
    handle: str  # none | C | D | ear | square | ring | double | loop below
    reach: float  # of the handle
    middle: float  # height of its middle, of the mug's
    spread: float  # distance of its ends, of the mug's height
    gauge: float
    flat: float  # width of its section, of its thickness
    lid: bool


def draw(rng: Generator) -> Plan:
    u = rng.uniform
    type_ = str(rng.choice(["mug", "tea cup", "beer mug", "espresso cup", "tumbler", "travel mug", "soup mug"],
                           p=[0.36, 0.15, 0.13, 0.1, 0.08, 0.09, 0.09]))  # fmt: skip
    shape = str(rng.choice(["straight", "tapered", "flared", "bulged", "waisted", "footed", "stepped", "bowl"]))
    tall = ["straight", "tapered", "flared", "bulged", "waisted", "stepped"]
    height, radius = u(0.75, 1.25), u(0.3, 0.55)
    handle = str(
        rng.choice(["C", "D", "ear", "square", "ring", "none", "double"], p=[0.24, 0.2, 0.2, 0.12, 0.14, 0.05, 0.05])
    )
    reach, spread, section = u(0.2, 0.55), u(0.35, 0.8), 2.0
    if type_ == "tea cup":
        height, radius, shape = u(0.5, 0.8), u(0.42, 0.68), str(rng.choice(["bowl", "flared", "footed", "tapered"]))
        spread, reach = u(0.4, 0.65), u(0.2, 0.34)
    elif type_ == "beer mug":
        height, radius, spread, reach = u(1.2, 1.8), u(0.34, 0.62), u(0.45, 0.8), u(0.28, 0.55)
        handle, shape = str(rng.choice(["C", "D", "square", "ear"])), str(rng.choice(tall))
    elif type_ == "espresso cup":
        height, radius, reach = u(0.6, 0.85), u(0.32, 0.45), u(0.18, 0.28)
    elif type_ == "tumbler":
        handle, height, radius, shape = "none", u(1.0, 1.7), u(0.32, 0.45), str(rng.choice(tall))
    elif type_ == "travel mug":
        height, radius = u(1.5, 1.9), u(0.36, 0.46)
        shape = str(rng.choice(["tapered", "straight", "stepped", "waisted"]))
        handle = str(rng.choice(["D", "ear", "none", "square"]))
    elif type_ == "soup mug":
        height, radius, shape = u(0.5, 0.8), u(0.55, 0.85), str(rng.choice(["bowl", "straight", "bulged", "flared"]))
        handle = str(rng.choice(["C", "ring", "double", "double", "D"]))
        reach = u(0.2, 0.3)
    if type_ in ("mug", "espresso cup", "tumbler") and rng.random() < 0.3:
        section = u(3.0, 6.0)
    return Plan(
        type_, shape, height, radius, u(0.08, 0.5), u(0.045, 0.075), section, bool(rng.random() < 0.12) and section == 2.0,
        int(rng.integers(1, 4)) if rng.random() < 0.15 else 0, handle, reach, u(0.44, 0.6), spread, u(0.075, 0.12),
        u(1.0, 2.0),
        type_ == "travel mug" and bool(rng.random() < 0.6),
    )  # fmt: skip


def side(plan: Plan, s: Array) -> Array:
    """Radius (S,) of the outside at the heights s, 0 at the foot and 1 at the rim."""
    a, r = plan.amount, plan.radius
    curve = {
        "straight": np.ones_like(s),
        "tapered": 1 - a * (1 - s),
        "flared": 1 - 1.3 * a * (1 - s) + 0.5 * a * s**6,
        "bulged": 1 - 0.35 * a + 0.9 * a * np.sin(np.pi * s * 0.92 + 0.1),
        "waisted": 1 - 0.8 * a * np.sin(np.pi * s),
        "bowl": np.maximum(1 - np.maximum(1 - s / 0.85, 0) ** (2 + 2 * a), 0.0) * 0.54 + 0.46,
        "footed": np.where(
            s < 0.14, 0.62 + 0.1 * np.cos(s * np.pi / 0.14), 1 - 0.42 * np.maximum(1 - (s - 0.1) / 0.4, 0) ** 2.2
        ),
        "stepped": 1 - 0.6 * a / (1 + np.exp((s - 0.35) * 40)),
    }[plan.shape]
    for k in range(plan.rings):
        curve = curve + 0.035 * np.exp(-(((s - 0.3 - 0.2 * k) / 0.03) ** 2))
    return r * curve


def build(plan: Plan) -> dict[str, list[Manifold]]:
    handles = [] if plan.handle == "none" else [0.0, 180.0] if plan.handle == "double" else [0.0]
    long = max(plan.height, 2 * plan.radius + plan.reach * len(handles))
    wall, h = max(plan.wall, 0.03 * long), plan.height
    count = 10 if plan.facets else 64
    s = np.linspace(0, 1, 36)
    outer = np.stack([side(plan, s), s * h], -1)
    outer[0, 0] -= 0.02
    lip = np.linspace(0, np.pi, 7)[1:-1]
    rim = np.stack([outer[-1, 0] - wall / 2 + wall / 2 * np.cos(lip), h + wall / 2 * np.sin(lip)], -1)
    floor = 1.3 * wall + (0.17 * h if plan.shape == "footed" else 0.0)
    t = np.linspace(1, floor / h, 28)
    inside = np.stack([side(plan, t) - wall, t * h], -1)
    inside[-3:, 0] -= np.array([0.06, 0.2, 0.5]) * wall  # a rounded inner edge
    full = lathe([[0, 0], *outer.tolist(), *rim.tolist(), *inside.tolist(), [0, floor]], count, plan.section)
    hollow = lathe(
        [[0, floor], *inside[::-1].tolist(), [float(inside[0, 0]), h + 1.0], [0, h + 1.0]], count, plan.section
    )
    body = [full]
    if plan.lid:
        r = float(outer[-1, 0])
        body.append(
            lathe(
                [
                    [0, h - 0.08],
                    [r - 0.5 * wall, h - 0.08],
                    [r + 0.04, h],
                    [r + 0.04, h + 0.06],
                    [0.86 * r, h + 0.1],
                    [0.3 * r, h + 0.1],
                    [0.28 * r, h + 0.07],
                    [0, h + 0.07],
                ],
                count,
                plan.section,
            )
        )
    return {"body": body, "handle": [handle(plan, turn, wall) - hollow for turn in handles]}


def handle(plan: Plan, turn: float, wall: float) -> Manifold:
    """A handle that starts and ends inside the wall; what sticks into the mug is cut off by the caller."""
    h, k = plan.height, plan.spread / 2
    top, low = min(plan.middle + k, 0.9) * h, max(plan.middle - k, 0.14) * h
    mid, half = (top + low) / 2, (top - low) / 2

    def wall_at(y: float) -> float:
        return float(side(plan, np.array([y / h]))[0]) - 0.5 * wall

    a, b, far = wall_at(top), wall_at(low), max(wall_at(top), wall_at(low), wall_at(mid)) + 0.5 * wall + plan.reach
    points = {
        "D": [
            [a, top],
            [far - 0.35 * plan.reach, top],
            [far, mid + 0.45 * half],
            [far, mid - 0.45 * half],
            [far - 0.35 * plan.reach, low],
            [b, low],
        ],
        "ear": [
            [a, top - 0.15 * half],
            [a + 0.5 * (far - a), top + 0.12 * half],
            [far, top - 0.4 * half],
            [far - 0.12 * plan.reach, mid - 0.2 * half],
            [b + 0.4 * (far - b), low + 0.15 * half],
            [b, low],
        ],
        "square": [
            [a, top],
            [0.7 * far + 0.3 * a, top],
            [far, top],
            [far, top - 0.3 * half],
            [far, low + 0.3 * half],
            [far, low],
            [0.7 * far + 0.3 * b, low],
            [b, low],
        ],
    }.get(plan.handle)
    if plan.handle == "ring":
        r = min(half * 0.8, 0.62 * plan.reach + 0.05)
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        centre = max(wall_at(mid + 0.6 * r), wall_at(mid - 0.6 * r), wall_at(mid)) + 0.72 * r
        path, closed = np.stack([centre + r * np.cos(angle), mid + r * np.sin(angle)], -1), True
    else:
        closed = False
        if points is None:
            angle = np.linspace(np.pi / 2, -np.pi / 2, 40)
            reach = np.cos(angle)
            root = b + (a - b) * (np.sin(angle) + 1) / 2
            path = np.stack([root + (far - root) * reach**0.75, mid + half * np.sin(angle)], -1)
        else:
            path = spline(points, 44)
    line = np.concatenate([path, np.zeros((len(path), 1))], 1)  # (K, 2) -> (K, 3)
    long = max(h, 2 * plan.radius + plan.reach)
    thick = max(plan.gauge, 0.045 * long)
    wide = thick * plan.flat  # along z
    section = (
        superellipse(thick, wide, 2.4, 20)
        if plan.handle != "square"
        else rounded_rectangle(thick, wide, 0.3 * thick, 4)
    )
    made = sweep(line, section, up=(0, 0, 1), ring=closed)
    return made.rotate((0, turn, 0))


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    handles = 0 if plan.handle == "none" else 2 if plan.handle == "double" else 1
    outline = "square" if plan.section > 2 else "faceted" if plan.facets else "round"
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "shape": plan.shape,
        "outline": outline,
        "handles": handles,
        "handle": plan.handle,
        "rings": plan.rings,
        "lid": plan.lid,
    }
    sides = {
        "straight": "straight sides",
        "tapered": "tapered sides",
        "flared": "flared sides",
        "bulged": "bulging sides",
        "waisted": "a waist",
        "bowl": "a bowl shape",
        "footed": "a foot",
        "stepped": "a step",
    }[plan.shape]
    grips = {
        "none": "no handle",
        "C": "a C-shaped handle",
        "D": "a D-shaped handle",
        "ear": "an ear-shaped handle",
        "square": "a square handle",
        "ring": "a ring handle",
        "double": "two handles",
    }[plan.handle]
    phrases = [sides, grips]
    phrases += [f"{('', 'one raised ring', 'two raised rings', 'three raised rings')[plan.rings]}"] * (plan.rings > 0)
    phrases += ["a lid"] * plan.lid
    ratio = plan.height / (2 * plan.radius)
    adjectives = [
        w
        for w in ("tall" if ratio > 1.7 else "wide" if ratio < 0.62 else "", outline if outline != "round" else "")
        if w
    ]
    return attributes, adjectives, phrases
