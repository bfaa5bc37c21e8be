"""Chairs: how a plan becomes solids. A sitting person looks along +Z; the floor is y = 0."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.chair import Plan
from engine.datasets.procedural.solids import (
    Array,
    bar,
    both,
    box,
    lathe,
    loft,
    rounded_path,
    rounded_rectangle,
    slab,
    spline,
    standing,
    superellipse,
    sweep,
    tube,
)


class Chair:
    """The solids of one plan, gathered part by part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        tall = plan.height + (plan.rise if plan.back != "none" else 0.0)
        self.least = 0.018 * max(tall, plan.width, plan.depth)
        self.gauge = max(plan.gauge, 1.35 * self.least)
        self.back: list[Manifold] = []
        self.seat: list[Manifold] = []
        self.leg: list[Manifold] = []
        self.arm: list[Manifold] = []
        self.under = plan.height - plan.thick  # y of the seat's lower face
        self.half = (
            plan.width / 2 * {"round": 0.68, "rounded": 0.78, "tapered": 0.72, "square": 0.93}[plan.seat]
        )  # of the back
        edge = self.outline()
        corners = [edge[np.argmax(edge @ [1, side])] for side in (1, -1)]
        inward = 0.75 * self.gauge / np.sqrt(2)
        self.joint = self.under + 0.5 * min(plan.thick, 0.06)  # y at which legs end inside the seat
        self.front, self.rear = (
            np.array([c[0] - inward, c[1] - np.sign(c[1]) * inward]) for c in corners
        )  # (x, z) of legs
        self.x, self.z = float(min(self.front[0], self.rear[0])), float(self.front[1])

    def outline(self, grow: float = 0.0) -> Array:
        p = self.plan
        w, d = p.width + grow, p.depth + grow
        if p.seat == "round":
            return superellipse(w, d, 2.1, 48)
        edge = rounded_rectangle(w, d, {"square": 0.03, "rounded": 0.14, "tapered": 0.05}[p.seat] * 1.2, 8)
        if p.seat == "tapered":
            edge[:, 0] *= 0.9 + 0.2 * (edge[:, 1] / d)
        return edge

    def make_seat(self) -> None:
        p = self.plan
        if p.back == "cushion" and p.thick > 0.1:  # a frame with a cushion on it
            low = 0.45 * p.thick
            self.seat.append(slab(self.outline(), low, 0.02).translate((0, self.under + low / 2, 0)))
            top = p.thick - low + 0.02
            self.seat.append(slab(self.outline(-0.015), top, 0.045, p.belly).translate((0, p.height - top / 2, 0)))
        else:
            thick = max(p.thick, 1.2 * self.least)
            self.seat.append(
                slab(self.outline(), thick, min(0.03, 0.45 * thick), p.belly).translate((0, p.height - thick / 2, 0))
            )

    def behind(self, x: Array) -> Array:
        """z of the back's foot at the distances x from the middle: just inside the seat's rear edge."""
        edge = self.outline(-1.3 * self.least)
        rear = edge[edge[:, 1] < 0]
        order = np.argsort(rear[:, 0])
        return np.interp(x, rear[order, 0], rear[order, 1])

    def bend(self, made: Manifold, foot: float) -> Manifold:
        """Curve and lean what stands in the plane z = 0 and move it to the rear of the seat."""
        p, half = self.plan, self.half

        def place(v: Array) -> Array:
            x, y, z = v.T
            high = np.clip((y - foot) / p.rise, -0.3, 1.2)
            bow = p.curve * (1 - np.minimum((x / half) ** 2, 1)) * np.clip(high * 2, 0, 1)
            wide = x * (1 + (p.flare - 1) * np.clip(high, 0, 1))
            slope = (self.behind(x + 0.01) - self.behind(x - 0.01)) / 0.02
            z = z * np.sqrt(1 + np.minimum(slope, 1.5) ** 2 + p.lean**2)  # as thick across a slanted place as elsewhere
            return np.stack([wide, y, z - bow - p.lean * np.maximum(y - foot, 0) + self.behind(x)], -1)

        return made.refine_to_length(0.06).warp_batch(place)

    def make_back(self) -> None:
        p, t = self.plan, max(self.least, 0.02)
        if p.back == "none":
            return
        foot = p.height - 0.6 * p.thick if p.back != "cushion" else p.height - 0.5 * p.thick
        top, half = p.height + p.rise, self.half
        post = 1.3 * t
        if p.back == "tub":
            self.tub(t * 1.6)
            return
        rails: list[Manifold] = []

        def rail(y: float, tall: float, reach: float = half, thick: float = 1.15 * t) -> None:
            rails.append(box((2 * reach, tall, thick), 0.4 * thick, (0, y, 0)))

        def posts(high: float) -> None:
            for x in (-half + post / 2, half - post / 2):
                rails.append(bar((x, foot, 0), (x, high, 0), 1.4 * post, 1.1 * post, p.square))

        if p.back == "panel":
            stem = 0.22 * p.rise if p.type in ("office chair", "side chair") or p.bars % 2 else 0.0
            tall = p.rise - stem + (0 if stem else 0.5 * p.thick)
            edge = rounded_rectangle(2 * half, tall, (0.04, 0.1, 0.16)[p.bars % 3], 8)
            rails.append(slab(edge, 1.3 * t, 0.5 * t).rotate((90, 0, 0)).translate((0, top - tall / 2, 0)))
            if stem:
                for x in (-0.55 * half, 0.55 * half) if p.bars % 2 else (0.0,):
                    wide = post if p.bars % 2 else 3 * post
                    rails.append(
                        box(
                            (wide, stem + 0.5 * p.thick + 0.06, 1.1 * t),
                            0.3 * t,
                            (x, p.height + stem / 2 - 0.25 * p.thick + 0.03, 0),
                        )
                    )
        elif p.back == "cushion":
            tall = p.rise + 0.5 * p.thick
            edge = rounded_rectangle(2 * half, tall, 0.08, 8)
            deep = float(np.clip(0.7 * p.thick, 2.2 * t, 0.14))
            rails.append(
                slab(edge, deep, 0.42 * deep, 0.35 * p.belly)
                .rotate((90, 0, 0))
                .translate((0, top - tall / 2, 0.2 * deep))
            )
        elif p.back in ("slats", "frame", "ladder", "low rail"):
            posts(top)
            rail(top - 0.37 * t, 3.0 * t + 0.02)
            if p.back == "slats":
                for x in np.linspace(-half, half, p.bars + 2)[1:-1]:
                    rails.append(bar((x, foot, 0), (x, top, 0), 1.3 * t, 1.3 * t, p.square))
            if p.back == "ladder":
                for y in np.linspace(p.height, top, min(p.bars, 4) + 2)[1:-1]:
                    rail(float(y), min(0.06, 0.4 * p.rise / p.bars))
            if p.back == "frame":
                rail(p.height + 0.3 * p.rise, 1.6 * t)
                edge = rounded_rectangle(1.5 * half, 0.45 * p.rise, 0.03, 6)
                rails.append(
                    slab(edge, 1.1 * t, 0.4 * t).rotate((90, 0, 0)).translate((0, p.height + 0.62 * p.rise, 0))
                )
                rails.append(box((1.3 * t, 0.75 * p.rise, t), 0.3 * t, (0, p.height + 0.62 * p.rise, 0)))
        elif p.back == "hoop":
            arch = np.linspace(0, np.pi, 40)
            path = np.stack([half * np.cos(arch) * 0.96, foot + (top - foot) * np.sin(arch) ** 0.6, np.zeros(40)], -1)
            rails.append(tube(spline(path, 56), 0.7 * t))
            for x in np.linspace(-half, half, p.bars + 2)[1:-1]:
                high = foot + (top - foot) * np.sin(np.arccos(x / half / 0.96)) ** 0.6
                rails.append(bar((x * 0.85, foot, 0), (x, high, 0), 1.15 * t, 1.15 * t))
        else:  # oval
            mid, tall = p.height + 0.62 * p.rise, 0.4 * p.rise
            round_ = np.linspace(0, 2 * np.pi, 48, endpoint=False)
            path = np.stack([half * 0.85 * np.cos(round_), mid + tall * np.sin(round_), np.zeros(48)], -1)
            rails.append(tube(path, 0.85 * t, ring=True))
            if p.bars % 2:
                oval = superellipse(1.7 * half, 2 * tall, 2.0, 40)
                rails.append(slab(oval, 1.1 * t, 0.3 * t).rotate((90, 0, 0)).translate((0, mid, 0)))
            else:
                rails.append(bar((0, mid - tall, 0), (0, mid + tall, 0), 2.5 * t, 2.5 * t))
            for x in (-0.45 * half, 0.45 * half):
                rails.append(bar((x, foot, 0), (x, mid - 0.75 * tall, 0), 1.3 * t, 1.3 * t, p.square))
        self.back += [self.bend(one, foot) for one in rails]

    def tub(self, t: float) -> None:
        """A shell round the rear and the sides of the seat, highest at the back."""
        p = self.plan
        reach = 0.5 + 0.25 * (p.bars % 3)  # of a right angle beyond the sides, towards the front
        turn = np.linspace(-np.pi / 2 * (1 + 0.5 * reach), np.pi / 2 * (1 + 0.5 * reach), 48)
        share = np.cos(np.clip(turn / (np.pi * 0.78), -1, 1) * np.pi / 2) ** 0.8
        low = np.full(48, p.height - 0.75 * p.thick)
        high = p.height + 0.06 + (p.rise - 0.06) * share
        w, d = p.width / 2, p.depth / 2
        rings = []
        for a, y0, y1 in zip(turn, low, high, strict=True):
            out = np.array([np.sin(a), -np.cos(a)])
            tall = y1 - y0
            cross = rounded_rectangle(t, tall, 0.45 * t, 4)  # (M, 2) of outwards, up
            y = cross[:, 1] + (y0 + y1) / 2
            grow = 1 + p.lean * (y - y0) / d * 0.8
            r = np.stack([out[0] * (w * 0.98 * grow + cross[:, 0]), y, out[1] * (d * 0.98 * grow + cross[:, 0])], -1)
            rings.append(r)
        self.back.append(loft(rings))

    def make_leg(self) -> None:
        makers = {
            "four": self.corner_legs, "three": self.corner_legs, "star": self.star, "disc": self.disc, "sled": self.sled,
            "cantilever": self.cantilever, "panel": self.panels, "cross": self.crossed, "block": self.block,
        }  # fmt: skip
        makers[self.plan.leg]()

    def corner_legs(self) -> None:
        p, g, out = self.plan, self.gauge, self.plan.splay * self.under
        (fx, fz), (rx, rz) = self.front.tolist(), self.rear.tolist()
        feet = [(fx, fz), (-fx, fz), (rx, rz), (-rx, rz)] if p.leg == "four" else [(fx, fz), (-fx, fz), (0.0, 1.1 * rz)]
        ends = []
        for x, z in feet:
            away = np.array([x, 0.0, z]) / np.hypot(x, z)
            head, foot = np.array([x, self.joint, z]), np.array([x, 0.0, z]) + out * away
            ends.append((head, foot))
            self.leg.append(bar(head, foot, g, max(p.slim * g, 1.1 * self.least), p.square))
        if not p.stretcher:
            return
        share = 0.35 if p.type != "bar stool" else 0.65
        at = [a + (b - a) * share for a, b in ends]
        thin = max(0.6 * g, 1.1 * self.least)
        pairs = [(0, 2), (1, 3)] if p.leg == "four" else [(0, 1), (1, 2), (2, 0)]
        self.leg += [bar(at[a], at[b], thin, thin, p.square) for a, b in pairs]
        if p.leg == "four":
            self.leg.append(bar((at[0] + at[2]) / 2, (at[1] + at[3]) / 2, thin, thin, p.square))

    def disc(self) -> None:
        """A round foot that flows into its column."""
        joint, t, n = self.joint, 1.2 * self.least, 0.55 * self.gauge
        r = 0.425 * min(self.plan.width, self.plan.depth)
        s = np.linspace(0, 1, 12)
        bell = np.stack([n + (r - n) * (1 - s) ** 4, t + (joint - t) * 0.7 * s], -1)
        head = [[n, 0.8 * joint], [2.2 * n, joint], [0, joint]]
        self.leg.append(lathe([[0, 0], [r, 0], [r, 0.6 * t], *bell.tolist(), *head], 40))

    def star(self) -> None:
        """A column on four or five arms with castors."""
        p, n, joint = self.plan, 0.5 * self.gauge, self.joint
        r = 0.525 * min(p.width, p.depth)
        hub = max(0.14, 0.28 * self.under)
        column = [[n, hub + 0.02], [n, joint - 0.05], [0.1, joint - 0.01], [0.1, joint], [0, joint]]
        self.leg.append(lathe([[0, 0.05], [0.045, 0.06], [0.045, hub], *column], 24))
        tyre = [[0.022, -0.016], [0.028, -0.008], [0.028, 0.008], [0.022, 0.016]]
        wheel = lathe([[0, -0.016], *tyre, [0, 0.016]], 18).rotate((0, 0, 90))
        count = 5 if p.bars % 2 else 4
        for k in range(count):
            turn = np.pi / 2 + (k + (0.5 if count == 4 else 0.0)) * 2 * np.pi / count
            far = np.array([np.cos(turn), 0, np.sin(turn)])
            self.leg.append(bar((0, 0.1, 0), far * r + [0, 0.055, 0], 0.042, max(0.03, 1.2 * self.least)))
            at = far * (r - 0.005) + [0, 0.03, 0]
            self.leg.append(wheel.rotate((0, 90 - float(np.degrees(turn)), 0)).translate(at.tolist()))

    def sled(self) -> None:
        g, x, z, out = self.gauge, self.x, self.z, 0.5 * self.plan.splay * self.under
        for side in (-1, 1):
            path = [[side * x, self.joint, z], [side * (x + out), 0.5 * g, z + 1.2 * out],
                    [side * (x + out), 0.5 * g, -z - 1.2 * out], [side * x, self.joint, -z]]  # fmt: skip
            self.leg.append(tube(rounded_path(path, 0.06), 0.5 * g))
        y = self.joint - 0.3 * g
        self.leg.append(tube([[-x, y, 0], [x, y, 0]], 0.45 * g))

    def cantilever(self) -> None:
        """One bent tube: from the rear of the seat to its front, down, back along the floor, and round."""
        x, z, y, r = self.x, self.z, self.joint - 0.01, 0.5 * self.gauge
        side = [[x, y, -z], [x, y, z + 0.03], [x, r, z + 0.03], [x, r, -z]]
        path = side + [[-a, b, c] for a, b, c in reversed(side)]
        self.leg.append(tube(rounded_path(path, 0.07, 8), r))

    def panels(self) -> None:
        g, x, z, joint = self.gauge, self.x, self.z, self.joint
        self.leg += both(box((g, joint, 2 * z + g), 0.3 * g, (x, joint / 2, 0)))
        self.leg.append(box((2 * x, 2.0 * g, g), 0.25 * g, (0, joint - 1.1 * g, -0.3 * z)))

    def crossed(self) -> None:
        g, x, z, joint, out = self.gauge, self.x, self.z, self.joint, 0.3 * self.plan.splay * self.under
        for side in (-1, 1):
            self.leg.append(bar((side * x, 0, z + out), (side * x, joint, -z), g, g, True))
            self.leg.append(bar((side * x, 0, -z - out), (side * x, joint, z), g, g, True))
        self.leg.append(bar((-x, joint / 2, 0), (x, joint / 2, 0), 0.8 * g, 0.8 * g))

    def block(self) -> None:
        self.leg.append(slab(self.outline(-0.07), self.joint, 0.01).translate((0, self.joint / 2, 0)))

    def make_arm(self) -> None:
        p, t = self.plan, max(self.least, 0.022)
        if p.arm == "none":
            return
        y = p.height + min(p.lift, 0.75 * p.rise)
        x, z = p.width / 2 - 0.005, p.depth / 2
        joint = self.beside(y)
        if p.arm == "block":
            thick = max(0.09, 0.16 * p.width)
            low = self.under - 0.02
            edge = rounded_rectangle(thick, 2 * z + 0.02, 0.04, 6)
            if p.bars % 2:  # a rolled arm
                roll = lathe(
                    [
                        [0, -z - 0.01],
                        [0.5 * thick, -z - 0.01],
                        [0.62 * thick, -z + 0.01],
                        [0.62 * thick, z - 0.01],
                        [0.5 * thick, z + 0.01],
                        [0, z + 0.01],
                    ],
                    28,
                )
                self.arm += both(roll.rotate((90, 0, 0)).translate((x + 0.3 * thick, y - 0.4 * thick, 0)))
            self.arm += both(slab(edge, y - low, 0.025).translate((x + 0.25 * thick, (y + low) / 2, 0)))
            if p.type == "wing chair":
                tall, deep = 0.6 * p.rise, 0.32 * p.depth
                wing = slab(rounded_rectangle(tall, deep, 0.08, 8), 0.06, 0.025).rotate((0, 0, 90))
                wing = wing.translate((self.half - 0.02, p.height + p.rise - 0.5 * tall - 0.03, 0.4 * deep))
                self.back += both(self.bend(wing, p.height - 0.5 * p.thick))
        elif p.arm == "post":
            rest = rounded_path(
                [joint, [x, y, min(joint[2] + 0.16, 0.0)], [x, y + 0.01, 0.3 * z], [x * 1.02, y, 0.75 * z]], 0.1
            )
            self.arm += both(sweep(rest, rounded_rectangle(2.4 * t, 1.3 * t, 0.6 * t, 3), up=(0, 1, 0)))
            foot = (self.inside(0.35 * z) - 0.9 * t, p.height - 0.5 * p.thick, 0.35 * z)
            self.arm += both(bar(foot, (x, y, 0.5 * z), 1.5 * t, 1.2 * t, p.square))
        else:
            low, at = p.height - 0.5 * p.thick, (0.3 if p.seat in ("round", "rounded") else 0.55) * z
            path = [[self.inside(at) - 0.8 * t, low, at], [x, y, 0.7 * z], [x, y, min(joint[2] + 0.16, 0.0)], joint]
            self.arm += both(tube(rounded_path(path, 0.09, 8), 0.75 * t))

    def inside(self, z: float) -> float:
        """x of the seat's edge at z."""
        edge = self.outline()
        side = edge[edge[:, 0] > 0]
        order = np.argsort(side[:, 1])
        return float(np.interp(z, side[order, 1], side[order, 0]))

    def beside(self, y: float) -> list[float]:
        """A point in the side of the back at height y, where an arm ends."""
        p, half = self.plan, self.half
        high = (y - p.height) / p.rise
        if p.back == "oval":
            half *= 0.85 * np.sqrt(max(1 - ((high - 0.62) / 0.4) ** 2, 0.0)) if high > 0.3 else 0.45 / 0.85
        elif p.back == "hoop":
            half *= 0.96 * np.cos(np.arcsin(min(high, 1.0) ** (1 / 0.6)))
        else:
            half -= 0.5 * self.least
        z = float(self.behind(np.array([half]))[0])
        return [half * (1 + (p.flare - 1) * high), y, z - p.lean * (y - p.height + 0.5 * p.thick)]


def build(plan: Plan) -> dict[str, list[Manifold]]:
    chair = Chair(plan)
    chair.make_seat()
    chair.make_back()
    chair.make_leg()
    chair.make_arm()
    legs = standing(chair.leg, plan.height - 0.25 * plan.thick)
    return {"back": chair.back, "seat": chair.seat, "leg": legs, "arm": chair.arm}
