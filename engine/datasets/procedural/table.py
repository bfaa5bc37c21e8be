"""Tables: a plan of what to build, and the solids it becomes. The floor is y = 0; lengths are about metres."""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold
from numpy.random import Generator

from engine.datasets.procedural.solids import Array, bar, both, box, lathe, rounded_path, rounded_rectangle, slab, standing, superellipse, tube


@dataclass(frozen=True)
class Plan:
    """A table in metres."""

    type: str
    width: float
    depth: float
    height: float
    top: str  # rectangular | square | round | oval | hexagonal
    thick: float
    leg: str  # four | three | pedestal | twin pedestal | trestle | sled | panel | hairpin | cross | cabinet | drum
    gauge: float
    square: bool
    splay: float
    slim: float
    inset: float  # of the legs, of the half width
    apron: bool
    stretcher: str  # none | sides | H | shelf
    drawers: int
    curl: float  # shape of a pedestal


def draw(rng: Generator) -> Plan:
    u = rng.uniform

    def one(*options: str) -> str:
        return str(rng.choice(options))

    type_ = str(rng.choice(["dining table", "coffee table", "side table", "desk", "console table", "bar table", "nightstand", "bench table"],
                           p=[0.24, 0.2, 0.14, 0.16, 0.08, 0.07, 0.06, 0.05]))  # fmt: skip
    top = one("rectangular", "square", "round", "oval", "hexagonal")
    long = {"rectangular": u(1.3, 2.3), "oval": u(1.25, 1.8)}.get(top, 1.0)
    depth, height = u(0.75, 1.15), u(0.7, 0.78)
    leg = one("four", "four", "four", "pedestal", "trestle", "sled", "panel", "three", "cross", "hairpin", "drum")
    drawers, stretcher, apron = 0, one("none", "none", "none", "sides", "H", "shelf"), bool(rng.random() < 0.45)
    if type_ == "coffee table":
        depth, height = u(0.45, 0.9), u(0.28, 0.48)
    elif type_ == "side table":
        depth, height, long = u(0.36, 0.55), u(0.45, 0.7), min(long, 1.3)
        drawers = int(rng.choice([0, 0, 1, 2]))
    elif type_ == "desk":
        top, depth, long = "rectangular", u(0.55, 0.8), u(1.6, 2.4)
        drawers, leg = int(rng.integers(0, 5)), one("four", "four", "panel", "sled", "trestle", "hairpin")
    elif type_ == "console table":
        top, depth, height, long = "rectangular", u(0.28, 0.4), u(0.75, 0.95), u(2.4, 3.8)
        drawers, leg = int(rng.integers(0, 4)), one("four", "four", "panel", "sled", "hairpin")
    elif type_ == "bar table":
        top, depth, height, long = one("round", "square", "hexagonal"), u(0.5, 0.75), u(0.95, 1.15), 1.0
        leg, apron = one("pedestal", "pedestal", "four", "three", "cross"), False
    elif type_ == "nightstand":
        top, depth, height, long = "rectangular", u(0.38, 0.5), u(0.42, 0.62), u(1.0, 1.35)
        drawers, leg = int(rng.integers(1, 4)), "cabinet"
    elif type_ == "bench table":
        top, depth, height, long = "rectangular", u(0.75, 0.95), u(0.68, 0.76), u(2.0, 2.6)
        leg = one("trestle", "cross")
    if top in ("round", "hexagonal", "oval"):
        leg = {"panel": "drum", "sled": "cross", "trestle": "twin pedestal" if top == "oval" else "pedestal"}.get(leg, leg)
        drawers = 0
        apron = apron and top != "hexagonal"
    if leg == "three" and top in ("rectangular", "oval"):
        leg = "four"
    if leg not in ("four", "cabinet", "panel"):
        drawers = min(drawers, 1) if leg in ("sled", "trestle", "hairpin") else 0
    if leg not in ("four", "three"):
        stretcher, apron = "none", apron and leg in ("hairpin",)
    elif leg == "three" and stretcher == "H":
        stretcher = "sides"
    return Plan(
        type_, depth * long, depth, height, top, u(0.02, 0.075), leg, u(0.035, 0.085), bool(rng.random() < 0.5),
        u(0.0, 0.25) if rng.random() < 0.5 else 0.0, u(0.45, 1.0), u(0.04, 0.3), apron, stretcher, drawers, u(0.0, 1.0),
    )  # fmt: skip


class Table:
    """The solids of one plan, gathered part by part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.least = 0.019 * max(plan.width, plan.depth, plan.height)
        self.thick = max(plan.thick, 1.1 * self.least)
        self.gauge = max(plan.gauge * min(1.0, plan.depth + 0.35), 1.4 * self.least)
        self.under = plan.height - self.thick
        self.x = plan.width / 2 * (1 - plan.inset * plan.depth / plan.width) - 0.6 * self.gauge  # of a corner's leg
        self.z = plan.depth / 2 * (1 - plan.inset) - 0.6 * self.gauge
        if plan.top in ("round", "oval", "hexagonal"):
            self.x, self.z = 0.7 * self.x, 0.7 * self.z
        self.top: list[Manifold] = []
        self.leg: list[Manifold] = []
        self.drawer: list[Manifold] = []

    def outline(self, scale: float = 1.0) -> Array:
        p = self.plan
        w, d = p.width * scale, p.depth * scale
        if p.top in ("round", "oval"):
            return superellipse(w, d, 2.0 if p.top == "round" else 2.3, 56)
        if p.top == "hexagonal":
            turn = np.arange(7) * np.pi / 3
            corner = np.stack([np.cos(turn) * w / 2, np.sin(turn) * d / 2], -1)
            return np.concatenate([a + (b - a) * np.linspace(0, 1, 6)[:-1, None] for a, b in zip(corner[:-1], corner[1:], strict=True)])
        return rounded_rectangle(w, d, 0.015 + 0.1 * d * (p.curl > 0.6), 6)

    def make_top(self) -> None:
        p = self.plan
        bevel = self.thick * (0.48 if p.curl > 0.5 else 0.2)
        self.top.append(slab(self.outline(), self.thick, bevel).translate((0, p.height - self.thick / 2, 0)))
        if p.apron:
            tall = min(0.09, 0.14 * p.height)
            y = self.under - tall / 2 + 0.01
            if p.top in ("round", "oval"):
                self.top.append(slab(self.outline(0.72), tall, 0.004).translate((0, y, 0)))
            else:
                t = 1.1 * self.least
                self.top += [box((2 * self.x + t, tall, t), 0.0, (0, y, s * self.z)) for s in (-1, 1)]
                self.top += both(box((t, tall, 2 * self.z + t), 0.0, (self.x, y, 0)))

    def make_legs(self) -> None:
        p, g, x, z = self.plan, self.gauge, self.x, self.z
        joint, out = self.under + 0.5 * self.thick, p.splay * self.under
        thin = max(0.55 * g, 1.15 * self.least)
        if p.leg in ("four", "three"):
            feet = [(x, z), (-x, z), (-x, -z), (x, -z)] if p.leg == "four" else [(1.1 * x, 0.64 * z), (-1.1 * x, 0.64 * z), (0.0, -1.3 * z)]
            ends = []
            for fx, fz in feet:
                away = np.array([fx, 0.0, fz]) / np.hypot(fx, fz)
                a, b = np.array([fx, joint, fz]), np.array([fx, 0.0, fz]) + out * away
                ends.append((a, b))
                self.leg.append(self.turned(a, b) if p.curl > 0.8 and p.splay == 0 else bar(a.tolist(), b.tolist(), g, max(p.slim * g, 1.1 * self.least), p.square))
            self.stretch(ends, thin)
        elif p.leg in ("pedestal", "twin pedestal"):
            r = 0.34 * p.depth if p.height < 0.85 else 0.4 * p.depth
            n, t = max(0.6 * g, 0.16 * r * (1 - p.curl) + 0.5 * g), 1.2 * self.least
            where = [0.0] if p.leg == "pedestal" else [-0.27 * p.width, 0.27 * p.width]
            s = np.linspace(0, 1, 14)
            if p.curl < 0.35:  # a disc and a column
                shape = [[0, 0], [r, 0], [r, 0.7 * t], [0.97 * r, t], [n, 1.4 * t], [n, joint - 0.03], [2.5 * n, joint], [0, joint]]
            elif p.curl < 0.7:  # a tulip
                foot = np.stack([n + (r - n) * (1 - s) ** 4, t + (0.6 * joint - t) * s], -1).tolist()
                head = np.stack([n + (0.6 * r - n) * s**3, 0.6 * joint + 0.4 * joint * s], -1).tolist()
                shape = [[0, 0], [r, 0], [r, 0.7 * t], *foot, *head[1:], [0, joint]]
            else:  # a turned baluster
                y = 1.3 * t + (joint - 1.3 * t) * s
                shape = [[0, 0], [0.5 * r, 0], [0.5 * r, t], *np.stack([n * (1.4 + 0.7 * np.sin(4.6 * np.pi * s) * (1 - 0.5 * s)), y], -1).tolist(), [0, joint]]
            for at in where:
                self.leg.append(lathe(shape, 40).translate((at, 0, 0)))
                if p.curl >= 0.7:
                    for k in range(4 if p.square else 3):
                        a = np.pi / 2 + (k + 0.5 * p.square) * 2 * np.pi / (4 if p.square else 3)
                        far = np.array([np.cos(a), 0, np.sin(a)])
                        path = rounded_path([[at, 0.3 * joint, 0], far * 0.55 * r + [at, 0.22 * joint, 0], far * r + [at, 0.55 * g, 0]], 0.2)
                        self.leg.append(tube(path, max(0.4 * g, 0.65 * self.least)))
        elif p.leg == "trestle":
            x = 0.72 * p.width / 2
            for s in (-1, 1):
                self.leg.append(bar((s * x, 0, z), (s * x, joint, 0.25 * z), g, g, True))
                self.leg.append(bar((s * x, 0, -z), (s * x, joint, -0.25 * z), g, g, True))
                self.leg.append(box((0.9 * g, g, 1.5 * z), 0.1 * g, (s * x, 0.38 * joint, 0)))
                self.leg.append(box((0.95 * g, 0.8 * g, 1.5 * z), 0.1 * g, (s * x, joint - 0.5 * g, 0)))
            self.leg.append(box((2 * x, 0.8 * g, 0.7 * g), 0.1 * g, (0, 0.38 * joint, 0)))
        elif p.leg == "sled":
            for s in (-1, 1):
                path = [[s * x, joint, z], [s * x, 0.5 * thin, z + out * 0.3], [s * x, 0.5 * thin, -z - out * 0.3], [s * x, joint, -z]]
                self.leg.append(tube(rounded_path(path, 0.07 * p.curl + 0.01), 0.6 * thin))
        elif p.leg == "panel":
            wide = max(g, 1.3 * self.least)
            self.leg += both(box((wide, joint, 2 * z + wide), 0.15 * wide, (x, joint / 2, 0)))
            self.leg.append(box((2 * x, 0.3 * joint, 1.15 * self.least), 0.0, (0, 0.75 * joint, -0.5 * z)))
        elif p.leg == "hairpin":
            for sx in (-1, 1):
                for sz in (-1, 1):
                    foot = [sx * (x + 0.06), 0.55 * self.least, sz * (z + 0.04)]
                    path = [[sx * x, joint, sz * (z - 0.13)], foot, [sx * (x - 0.13), joint, sz * z]]
                    self.leg.append(tube(rounded_path(path, 0.05, 8), 0.58 * self.least))
        elif p.leg == "cross":
            if p.width < 1.25 * p.depth:
                for s in (-1, 1):
                    self.leg.append(bar((s * 1.1 * x, 0, 1.1 * z), (-s * x, joint, -z), g, g, p.square))
                    self.leg.append(bar((s * 1.1 * x, 0, -1.1 * z), (-s * x, joint, z), g, g, p.square))
            else:
                for s in (-1, 1):
                    self.leg.append(bar((s * x, 0, z), (s * x, joint, -z), g, g, True))
                    self.leg.append(bar((s * x, 0, -z), (s * x, joint, z), g, g, True))
                self.leg.append(bar((-x, joint / 2, 0), (x, joint / 2, 0), 0.8 * g, 0.8 * g))
        elif p.leg == "drum":
            s = np.linspace(0, 1, 16)
            r = 0.3 * p.depth * (1 + (0.5 * p.curl - 0.25) * np.cos(2 * np.pi * s)) + 0.06 * p.depth * p.slim * (1 - s)
            stretch = min(p.width / p.depth, 1.8)
            self.leg.append(lathe([[0, 0], *np.stack([r, joint * s], -1).tolist(), [0, joint]], 44, 2.0 if not p.square else 5.0).scale((stretch, 1, 1)))
        else:  # cabinet
            tall = self.under - 0.11
            shell = box((0.96 * p.width, tall, 0.94 * p.depth), 0.006, (0, 0.115 + tall / 2, 0))
            self.leg.append(shell)
            for sx in (-1, 1):
                self.leg += [bar((sx * 0.4 * p.width, 0.14, sz * 0.38 * p.depth), (sx * 0.41 * p.width, 0, sz * 0.4 * p.depth), g, max(0.6 * g, 1.1 * self.least), p.square) for sz in (-1, 1)]

    def turned(self, a: Array, b: Array) -> Manifold:
        """A leg from the lathe, with beads and a vase."""
        s = np.linspace(0, 1, 26)
        bead = 0.5 * self.gauge * (0.82 + 0.32 * np.sin(3 * np.pi * s) ** 2 - 0.2 * s)
        tall = float(a[1] - b[1])
        shape = [[0, 0], *np.stack([np.maximum(bead[::-1], 0.6 * self.least), tall * s], -1).tolist(), [0, tall]]
        return lathe(shape, 24).translate(b.tolist())

    def stretch(self, ends: list[tuple[Array, Array]], thin: float) -> None:
        p = self.plan
        if p.stretcher == "none":
            return
        at = [a + (b - a) * 0.72 for a, b in ends]
        if p.stretcher == "shelf":
            if p.leg == "four":
                wide, deep = 2 * abs(at[0][0]), 2 * abs(at[0][2])
                self.leg.append(slab(rounded_rectangle(wide, deep, 0.02, 4), 1.1 * self.least, 0.006).translate((0, at[0][1], 0)))
            else:
                r = 2 * float(np.hypot(at[0][0], at[0][2]))
                self.leg.append(slab(superellipse(r, r, 2, 40), 1.1 * self.least, 0.006).translate((0, at[0][1], 0)))
            return
        count = len(at)
        if p.stretcher == "H" and count == 4:
            self.leg += [bar(at[1], at[2], thin, thin, p.square), bar(at[0], at[3], thin, thin, p.square)]
            self.leg.append(bar((at[1] + at[2]) / 2, (at[0] + at[3]) / 2, thin, thin, p.square))
        else:
            self.leg += [bar(at[k], at[(k + 1) % count], thin, thin, p.square) for k in range(count)]

    def make_drawers(self) -> None:
        p = self.plan
        if not p.drawers:
            return
        t = self.least
        knob = lathe([[0, 0], [0.35 * t, 0], [0.4 * t, 0.6 * t], [0.8 * t, 0.9 * t], [0.8 * t, 1.3 * t], [0.5 * t, 1.6 * t], [0, 1.65 * t]], 18).rotate((90, 0, 0))
        if p.leg == "cabinet":
            tall = (self.under - 0.13) / p.drawers
            fronts = [(0.0, 0.125 + tall * (k + 0.5), 0.88 * p.width, tall - 0.02, 0.06, 0.47 * p.depth + 0.012) for k in range(p.drawers)]
        elif p.type == "desk" and p.drawers > 2:  # a stack under one side, or one under each
            tall = min(0.11 if p.drawers > 3 else 0.15, (self.under - 0.12) / (p.drawers - 1))
            wide, deep = 0.26 * p.width, 1.7 * self.z
            x = self.x - wide / 2 - 0.2 * self.gauge
            fronts = []
            for side in (-1, 1) if p.square else (1,):
                self.drawer.append(box((wide, tall * (p.drawers - 1) + 0.02, deep), 0.004, (side * x, self.under - tall * (p.drawers - 1) / 2 + 0.004, 0)))
                fronts += [(side * x, self.under - tall * (k + 0.5), wide - 0.02, tall - 0.02, 0.05, deep / 2 + 0.01) for k in range(p.drawers - 1)]
        else:
            tall, span = min(0.12, 0.2 * p.height), 2 * self.x - self.gauge - 0.02
            deep = 1.7 * self.z
            self.drawer.append(box((span + 0.02, tall, deep), 0.004, (0, self.under - tall / 2 + 0.006, 0)))
            wide = span / p.drawers
            fronts = [(-span / 2 + wide * (k + 0.5), self.under - tall / 2 - 0.004, wide - 0.025, tall - 0.025, 0.05, deep / 2 + 0.01) for k in range(p.drawers)]
        for x, y, wide, tall, deep, z in fronts:
            self.drawer.append(box((wide, tall, deep), 0.005, (x, y, z - deep / 2 + 0.006)))
            for at in (0.0,) if wide < 0.55 else (-0.25 * wide, 0.25 * wide):
                self.drawer.append(knob.translate((x + at, y, z + 0.002)))


def build(plan: Plan) -> dict[str, list[Manifold]]:
    table = Table(plan)
    table.make_top()
    table.make_legs()
    table.make_drawers()
    return {"top": table.top, "leg": standing(table.leg, plan.height - 0.3 * table.thick), "drawer": table.drawer}


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    count = plan.drawers
    if plan.type == "desk" and plan.drawers > 2:
        count = (plan.drawers - 1) * (2 if plan.square else 1)
    turned = plan.leg in ("four", "three") and plan.curl > 0.8 and plan.splay == 0
    attributes: dict[str, str | int | bool] = {
        "type": plan.type, "top": plan.top, "legs": plan.leg, "drawers": count, "stretcher": plan.stretcher, "apron": plan.apron,
        "turned": turned,
    }  # fmt: skip
    legs = {"four": "four legs", "three": "three legs", "pedestal": "a pedestal", "twin pedestal": "two pedestals",
            "trestle": "trestle legs", "sled": "sled legs", "panel": "solid side panels", "hairpin": "hairpin legs",
            "cross": "crossed legs", "drum": "a drum base", "cabinet": "short feet"}[plan.leg]  # fmt: skip
    if turned or (plan.leg in ("four", "three") and plan.splay > 0.12):
        legs = f"{plan.leg} {'turned' if turned else 'splayed'} legs"
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
    phrases = [f"a {plan.top} top" if plan.top != "oval" else "an oval top", legs]
    phrases += [f"{numbers[count]} drawer{'s' * (count > 1)}"] * (count > 0)
    phrases += {"none": [], "sides": ["stretchers"], "H": ["an H-shaped stretcher"], "shelf": ["a shelf below"]}[plan.stretcher]
    low = "low" if plan.height < 0.36 * max(plan.width, 0.9) else "tall" if plan.height > 1.35 * plan.width else ""
    return attributes, [low] if low else [], phrases
