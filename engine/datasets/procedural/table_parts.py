"""Tables: how a plan becomes solids. The floor is y = 0; lengths are about metres."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.solids import (
    Array,
    bar,
    both,
    box,
    lathe,
    rounded_path,
    rounded_rectangle,
    slab,
    standing,
    superellipse,
    tube,
)
from engine.datasets.procedural.table import Plan


class Table:
    """The solids of one plan, gathered part by part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.least = 0.019 * max(plan.width, plan.depth, plan.height)
        self.thick = max(plan.thick, 1.1 * self.least)
        self.gauge = max(plan.gauge * min(1.0, plan.depth + 0.35), 1.4 * self.least)
        self.under = plan.height - self.thick
        self.joint = self.under + 0.5 * self.thick  # y at which legs end inside the top
        self.thin = max(0.55 * self.gauge, 1.15 * self.least)
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
            return np.concatenate(
                [a + (b - a) * np.linspace(0, 1, 6)[:-1, None] for a, b in zip(corner[:-1], corner[1:], strict=True)]
            )
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
        makers = {
            "four": self.corner_legs, "three": self.corner_legs, "pedestal": self.pedestals, "twin pedestal": self.pedestals,
            "trestle": self.trestle, "sled": self.sled, "panel": self.panels, "hairpin": self.hairpins,
            "cross": self.crossed, "drum": self.drum, "cabinet": self.cabinet,
        }  # fmt: skip
        makers[self.plan.leg]()

    def corner_legs(self) -> None:
        p, g, x, z = self.plan, self.gauge, self.x, self.z
        if p.leg == "four":
            feet = [(x, z), (-x, z), (-x, -z), (x, -z)]
        else:
            feet = [(1.1 * x, 0.64 * z), (-1.1 * x, 0.64 * z), (0.0, -1.3 * z)]
        ends = []
        for fx, fz in feet:
            away = np.array([fx, 0.0, fz]) / np.hypot(fx, fz)
            head, foot = np.array([fx, self.joint, fz]), np.array([fx, 0.0, fz]) + p.splay * self.under * away
            ends.append((head, foot))
            if p.curl > 0.8 and p.splay == 0:
                self.leg.append(self.turned(head, foot))
            else:
                self.leg.append(bar(head, foot, g, max(p.slim * g, 1.1 * self.least), p.square))
        self.stretch(ends)

    def pedestals(self) -> None:
        p, g, joint = self.plan, self.gauge, self.joint
        r = 0.34 * p.depth if p.height < 0.85 else 0.4 * p.depth
        n, t = max(0.6 * g, 0.16 * r * (1 - p.curl) + 0.5 * g), 1.2 * self.least
        s = np.linspace(0, 1, 14)
        shape: list[list[float]]
        if p.curl < 0.35:  # a disc and a column
            shape = [[r, 0], [r, 0.7 * t], [0.97 * r, t], [n, 1.4 * t], [n, joint - 0.03], [2.5 * n, joint]]
        elif p.curl < 0.7:  # a tulip
            foot = np.stack([n + (r - n) * (1 - s) ** 4, t + (0.6 * joint - t) * s], -1)
            head = np.stack([n + (0.6 * r - n) * s**3, 0.6 * joint + 0.4 * joint * s], -1)
            shape = [[r, 0], [r, 0.7 * t], *foot.tolist(), *head[1:].tolist()]
        else:  # a turned baluster
            wave = n * (1.4 + 0.7 * np.sin(4.6 * np.pi * s) * (1 - 0.5 * s))
            shape = [[0.5 * r, 0], [0.5 * r, t], *np.stack([wave, 1.3 * t + (joint - 1.3 * t) * s], -1).tolist()]
        for at in [0.0] if p.leg == "pedestal" else [-0.27 * p.width, 0.27 * p.width]:
            self.leg.append(lathe([[0, 0], *shape, [0, joint]], 40).translate((at, 0, 0)))
            if p.curl >= 0.7:
                count = 4 if p.square else 3
                for k in range(count):
                    turn = np.pi / 2 + (k + 0.5 * p.square) * 2 * np.pi / count
                    far, middle = np.array([np.cos(turn), 0, np.sin(turn)]), np.array([at, 0, 0])
                    path = [
                        middle + [0, 0.3 * joint, 0],
                        middle + far * 0.55 * r + [0, 0.22 * joint, 0],
                        middle + far * r + [0, 0.55 * g, 0],
                    ]
                    self.leg.append(tube(rounded_path(path, 0.2), max(0.4 * g, 0.65 * self.least)))

    def trestle(self) -> None:
        g, z, joint = self.gauge, self.z, self.joint
        x = 0.72 * self.plan.width / 2
        for s in (-1, 1):
            self.leg.append(bar((s * x, 0, z), (s * x, joint, 0.25 * z), g, g, True))
            self.leg.append(bar((s * x, 0, -z), (s * x, joint, -0.25 * z), g, g, True))
            self.leg.append(box((0.9 * g, g, 1.5 * z), 0.1 * g, (s * x, 0.38 * joint, 0)))
            self.leg.append(box((0.95 * g, 0.8 * g, 1.5 * z), 0.1 * g, (s * x, joint - 0.5 * g, 0)))
        self.leg.append(box((2 * x, 0.8 * g, 0.7 * g), 0.1 * g, (0, 0.38 * joint, 0)))

    def sled(self) -> None:
        x, z, thin, joint = self.x, self.z, self.thin, self.joint
        out = 0.3 * self.plan.splay * self.under
        for s in (-1, 1):
            path = [[s * x, joint, z], [s * x, 0.5 * thin, z + out], [s * x, 0.5 * thin, -z - out], [s * x, joint, -z]]
            self.leg.append(tube(rounded_path(path, 0.07 * self.plan.curl + 0.01), 0.6 * thin))

    def panels(self) -> None:
        joint, wide = self.joint, max(self.gauge, 1.3 * self.least)
        self.leg += both(box((wide, joint, 2 * self.z + wide), 0.15 * wide, (self.x, joint / 2, 0)))
        self.leg.append(box((2 * self.x, 0.3 * joint, 1.15 * self.least), 0.0, (0, 0.75 * joint, -0.5 * self.z)))

    def hairpins(self) -> None:
        x, z, joint = self.x, self.z, self.joint
        for sx in (-1, 1):
            for sz in (-1, 1):
                foot = [sx * (x + 0.06), 0.55 * self.least, sz * (z + 0.04)]
                path = [[sx * x, joint, sz * (z - 0.13)], foot, [sx * (x - 0.13), joint, sz * z]]
                self.leg.append(tube(rounded_path(path, 0.05, 8), 0.58 * self.least))

    def crossed(self) -> None:
        p, g, x, z, joint = self.plan, self.gauge, self.x, self.z, self.joint
        if p.width < 1.25 * p.depth:  # all four meet in the middle
            for s in (-1, 1):
                self.leg.append(bar((s * 1.1 * x, 0, 1.1 * z), (-s * x, joint, -z), g, g, p.square))
                self.leg.append(bar((s * 1.1 * x, 0, -1.1 * z), (-s * x, joint, z), g, g, p.square))
            return
        for s in (-1, 1):
            self.leg.append(bar((s * x, 0, z), (s * x, joint, -z), g, g, True))
            self.leg.append(bar((s * x, 0, -z), (s * x, joint, z), g, g, True))
        self.leg.append(bar((-x, joint / 2, 0), (x, joint / 2, 0), 0.8 * g, 0.8 * g))

    def drum(self) -> None:
        p, joint = self.plan, self.joint
        s = np.linspace(0, 1, 16)
        r = 0.3 * p.depth * (1 + (0.5 * p.curl - 0.25) * np.cos(2 * np.pi * s)) + 0.06 * p.depth * p.slim * (1 - s)
        shape = [[0, 0], *np.stack([r, joint * s], -1).tolist(), [0, joint]]
        made = lathe(shape, 44, 2.0 if not p.square else 5.0)
        self.leg.append(made.scale((min(p.width / p.depth, 1.8), 1, 1)))

    def cabinet(self) -> None:
        p, g = self.plan, self.gauge
        tall = self.under - 0.11
        self.leg.append(box((0.96 * p.width, tall, 0.94 * p.depth), 0.006, (0, 0.115 + tall / 2, 0)))
        for sx in (-1, 1):
            for sz in (-1, 1):
                head = (sx * 0.4 * p.width, 0.14, sz * 0.38 * p.depth)
                foot = (sx * 0.41 * p.width, 0.0, sz * 0.4 * p.depth)
                self.leg.append(bar(head, foot, g, max(0.6 * g, 1.1 * self.least), p.square))

    def turned(self, a: Array, b: Array) -> Manifold:
        """A leg from the lathe, with beads and a vase."""
        s = np.linspace(0, 1, 26)
        bead = 0.5 * self.gauge * (0.82 + 0.32 * np.sin(3 * np.pi * s) ** 2 - 0.2 * s)
        tall = float(a[1] - b[1])
        shape = [[0, 0], *np.stack([np.maximum(bead[::-1], 0.6 * self.least), tall * s], -1).tolist(), [0, tall]]
        return lathe(shape, 24).translate(b.tolist())

    def stretch(self, ends: list[tuple[Array, Array]]) -> None:
        p, thin = self.plan, self.thin
        if p.stretcher == "none":
            return
        at = [a + (b - a) * 0.72 for a, b in ends]
        if p.stretcher == "shelf":
            if p.leg == "four":
                wide, deep = 2 * abs(at[0][0]), 2 * abs(at[0][2])
                self.leg.append(
                    slab(rounded_rectangle(wide, deep, 0.02, 4), 1.1 * self.least, 0.006).translate((0, at[0][1], 0))
                )
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
        knob = lathe(
            [
                [0, 0],
                [0.35 * t, 0],
                [0.4 * t, 0.6 * t],
                [0.8 * t, 0.9 * t],
                [0.8 * t, 1.3 * t],
                [0.5 * t, 1.6 * t],
                [0, 1.65 * t],
            ],
            18,
        ).rotate((90, 0, 0))
        if p.leg == "cabinet":
            tall = (self.under - 0.13) / p.drawers
            fronts = [
                (0.0, 0.125 + tall * (k + 0.5), 0.88 * p.width, tall - 0.02, 0.06, 0.47 * p.depth + 0.012)
                for k in range(p.drawers)
            ]
        elif p.type == "desk" and p.drawers > 2:  # a stack under one side, or one under each
            tall = min(0.11 if p.drawers > 3 else 0.15, (self.under - 0.12) / (p.drawers - 1))
            wide, deep = 0.26 * p.width, 1.7 * self.z
            x = self.x - wide / 2 - 0.2 * self.gauge
            fronts = []
            for side in (-1, 1) if p.square else (1,):
                self.drawer.append(
                    box(
                        (wide, tall * (p.drawers - 1) + 0.02, deep),
                        0.004,
                        (side * x, self.under - tall * (p.drawers - 1) / 2 + 0.004, 0),
                    )
                )
                fronts += [
                    (side * x, self.under - tall * (k + 0.5), wide - 0.02, tall - 0.02, 0.05, deep / 2 + 0.01)
                    for k in range(p.drawers - 1)
                ]
        else:
            tall, span = min(0.12, 0.2 * p.height), 2 * self.x - self.gauge - 0.02
            deep = 1.7 * self.z
            self.drawer.append(box((span + 0.02, tall, deep), 0.004, (0, self.under - tall / 2 + 0.006, 0)))
            wide = span / p.drawers
            fronts = [
                (
                    -span / 2 + wide * (k + 0.5),
                    self.under - tall / 2 - 0.004,
                    wide - 0.025,
                    tall - 0.025,
                    0.05,
                    deep / 2 + 0.01,
                )
                for k in range(p.drawers)
            ]
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
