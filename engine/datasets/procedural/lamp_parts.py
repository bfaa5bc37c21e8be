"""Lamps: how a plan becomes solids. Standing lamps start at y = 0, hanging ones end at their ceiling."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.lamp import Plan
from engine.datasets.procedural.solids import (
    Array,
    bar,
    both,
    box,
    ellipsoid,
    lathe,
    rounded_path,
    superellipse,
    sweep,
    tube,
    union,
)


class Lamp:
    """The solids of one plan, gathered part by part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        long = max(1.05, plan.height + plan.tall)
        if plan.type == "chandelier":
            long = max(long, 2.2 * (plan.bend + plan.foot))
        elif plan.type == "pendant lamp" and plan.arms > 1:
            long = max(plan.height + plan.tall + 0.3, 4.4 * plan.foot)
        self.least = 0.019 * long
        self.gauge = max(plan.gauge, 1.1 * self.least)
        self.base: list[Manifold] = []
        self.pole: list[Manifold] = []
        self.shade: list[Manifold] = []
        self.canopy: list[Manifold] = []

    def lampshade(self) -> Manifold:
        """An open shell whose fitting is the origin, opening downwards, with the bar that holds it."""
        p, t = self.plan, 1.05 * self.least
        count, rows = (44, 18) if p.arms == 1 else (28, 10)
        s = np.linspace(0, 1, rows)
        if p.shade == "globe":
            ball = ellipsoid((p.foot, p.tall / 2, p.foot), (0, 0, 0), 40 if p.arms == 1 else 24)
            return ball.translate((0, p.tall * 0.44 if p.type in ("floor lamp", "table lamp") else -p.tall * 0.44, 0))
        if p.shade == "tube":
            long = 2.2 * p.foot
            bar_ = superellipse(0.11, 0.075, 3.0, 28)
            return sweep(
                [[-long, 0, 0], [-long * 0.98, 0, 0], [0, 0, 0], [long * 0.98, 0, 0], [long, 0, 0]],
                bar_,
                [0.8, 1, 1, 1, 0.8],
                up=(0, 1, 0),
            )
        curve = {"dome": np.sin(s * np.pi / 2) ** 0.8, "bell": 0.55 * s**2.4 + 0.45 * np.sin(s * np.pi / 2)}.get(
            p.shade, s
        )
        radius = p.top + (p.foot - p.top) * curve
        outer = np.stack([radius, -p.tall * s], -1)
        along = np.gradient(outer, axis=0)
        across = np.stack([along[:, 1], -along[:, 0]], -1) / np.linalg.norm(along, axis=1, keepdims=True)
        inner = outer + t * across
        inner[:, 0] = np.maximum(inner[:, 0], 0.3 * t)
        if p.shade in ("dome", "bell", "cone"):  # closed at the top
            cap = t * 1.2
            inside = inner[inner[:, 1] < -cap]
            shape = [
                [0, 0],
                [p.top * 0.85, 0],
                *(outer + [0, -0.004]).tolist(),
                *inside[::-1].tolist(),
                [0, float(inside[0, 1])],
            ]
            return lathe(shape, count)
        exponent = 5.0 if p.shade == "square" else 2.0
        shell = lathe([*outer.tolist(), *inner[::-1].tolist()], count, exponent, ring=True)
        drop = 0.25 * p.tall if p.type in ("floor lamp", "table lamp") else 0.1 * p.tall
        reach = float(np.interp(drop / p.tall, s, radius)) - 0.4 * t
        spokes = [
            bar((0, -drop, 0), (reach * np.cos(a), -drop, reach * np.sin(a)), 1.05 * t, 1.05 * t)
            for a in (0.0, 2 * np.pi / 3, 4 * np.pi / 3)
        ]
        hub = lathe([[0, -drop - 0.7 * t], [1.2 * t, -drop - 0.7 * t], [1.2 * t, 0.0], [0, 0.0]], 20)
        return union([shell, hub, *spokes])

    def put_shade(self, at: Array, tilt: float = 0.0, turn: float = 0.0) -> None:
        made = self.lampshade()
        if tilt:
            made = made.rotate((-tilt, 0, 0))
        self.shade.append(made.rotate((0, turn, 0)).translate(np.asarray(at).tolist()))

    def foot(self) -> float:
        """Make the base; the height at which the pole starts in it."""
        p, t = self.plan, max(self.plan.rise, 1.2 * self.least)
        r = p.spread
        if p.base == "disc":
            self.base.append(
                lathe(
                    [
                        [0, 0],
                        [r, 0],
                        [r, 0.7 * t],
                        [0.95 * r, t],
                        [1.2 * self.gauge, 1.1 * t],
                        [self.gauge, 1.6 * t],
                        [0, 1.6 * t],
                    ],
                    44,
                )
            )
            return 0.6 * t
        if p.base == "dome":
            s = np.linspace(0, np.pi / 2, 12)[:-1]
            self.base.append(
                lathe(
                    [
                        [0, 0],
                        [r, 0],
                        *np.stack([r * np.cos(s), 0.3 * t + 0.55 * r * np.sin(s)], -1).tolist(),
                        [0, 0.3 * t + 0.55 * r],
                    ],
                    44,
                )
            )
            return 0.3 * r
        if p.base in ("square", "clamp"):
            deep = 1.8 * r if p.base == "square" else 0.9 * r
            self.base.append(box((1.8 * r if p.base == "square" else 1.1 * r, t, deep), 0.3 * t, (0, t / 2, 0)))
            self.base.append(
                lathe([[0, 0.5 * t], [1.2 * self.gauge, 0.5 * t], [0.9 * self.gauge, 1.8 * t], [0, 1.8 * t]], 24)
            )
            return 0.5 * t
        if p.base == "block":
            wide = 1.3 * r
            tall = max(t, 0.5 * wide) if p.type == "arc lamp" else t
            self.base.append(
                lathe(
                    [[0, 0], [wide * 0.62, 0], [wide * 0.62, tall - 0.02], [wide * 0.58, tall], [0, tall]],
                    48,
                    5.0 if p.wave < 0.6 else 2.0,
                )
            )
            return 0.7 * tall
        if p.base == "vase":
            s = np.linspace(0, 1, 30)
            forms = [
                np.array([0.55, 0.75, 1.0, 0.95, 0.55, 0.25, 0.22]), np.array([0.9, 1.0, 0.85, 0.6, 0.42, 0.3, 0.25]),
                np.array([0.6, 0.4, 0.5, 0.9, 1.0, 0.6, 0.25]), np.array([0.75, 0.95, 0.6, 0.9, 0.55, 0.7, 0.25]),
                np.array([1.0, 0.55, 0.35, 0.3, 0.3, 0.34, 0.4]), np.array([0.5, 0.9, 1.0, 1.0, 1.0, 0.85, 0.3]),
            ]  # fmt: skip
            form = forms[int(p.wave * 5.999)]
            radius = r * np.interp(s, np.linspace(0, 1, 7), form)
            radius = np.convolve(
                np.pad(radius, 3, mode="edge"), np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum(), "valid"
            )
            self.base.append(
                lathe([[0, 0], *np.stack([radius, t * s], -1).tolist(), [0, t]], 48, 2.0 if p.bend < 0.65 else 4.0)
            )
            return 0.85 * t
        legs = 3 if p.base == "tripod" else 4
        high = (0.62 if p.wave > 0.5 else 0.2) * p.height if p.base == "tripod" else 1.3 * self.gauge
        thin = max(0.85 * self.gauge, 1.15 * self.least)
        for k in range(legs):
            a = np.pi / 2 + (k + (0.5 if legs == 4 else 0)) * 2 * np.pi / legs
            far = (1.25 if p.base == "tripod" else 1.0) * r
            self.base.append(bar((0, high, 0), (far * np.cos(a), thin / 2, far * np.sin(a)), 1.15 * thin, thin))
        self.base.append(
            lathe(
                [[0, high - 0.03], [1.3 * self.gauge, high - 0.03], [1.3 * self.gauge, high + 0.03], [0, high + 0.03]],
                24,
            )
        )
        return high - 0.01

    def standing(self) -> None:
        p, g = self.plan, self.gauge
        low = self.foot()
        top = max(p.height, low + 0.06)
        if p.pole in ("straight", "turned", "double") and p.shade != "globe":
            top = max(top, p.tall + p.rise + 0.1)  # some of the pole shows
        hang = 0.25 * p.tall if p.shade in ("drum", "empire", "square") else 1.3 * self.least
        if p.pole == "arc":
            reach = 0.35 + 0.4 * p.bend
            s = np.linspace(0, 1, 40)
            path = np.stack(
                [
                    np.zeros(40),
                    low + (top - low) * np.sin(np.pi * 0.62 * s) / np.sin(np.pi * 0.5),
                    reach * (1 - np.cos(np.pi * 0.62 * s)) / 1.37,
                ],
                -1,
            )
            self.pole.append(tube(path, 0.55 * g))
            self.pole.append(bar(path[-1].tolist(), (path[-1] - [0, 0.06, 0]).tolist(), g, g))
            self.put_shade(path[-1] - [0, 0.05, 0])
            return
        if p.pole == "articulated":
            elbow = np.array([0, low + 0.58 * (top - low), -0.1 - 0.2 * p.bend])
            wrist = elbow + np.array([0, 0.42 * (top - low) * (1.4 - 1.3 * p.bend), 0.25 + 0.3 * p.bend])
            self.pole += [bar((0, low, 0), elbow.tolist(), 1.05 * g, g), bar(elbow.tolist(), wrist.tolist(), g, g)]
            knuckle = lathe([[0, -g], [0.9 * g, -g], [0.9 * g, g], [0, g]], 22).rotate((0, 0, 90))
            self.pole += [
                knuckle.translate(elbow.tolist()),
                knuckle.translate(wrist.tolist()),
                knuckle.translate((0, low + 0.03, 0)),
            ]
            self.put_shade(wrist + [0, 0.2 * g, 0], tilt=p.tilt if p.shade != "tube" else 0.0)
            return
        if p.pole == "gooseneck":
            reach = 0.16 + 0.25 * p.bend
            path = rounded_path(
                [[0, low, 0], [0, top + 0.06, 0], [0, top + 0.06, reach], [0, top - 0.08, reach + 0.02]], 0.18, 12
            )
            self.pole.append(tube(path, 0.52 * g))
            self.put_shade(path[-1] + [0, 0.35 * g, 0], tilt=0.4 * p.tilt if p.shade != "tube" else 0.0)
            return
        many = p.arms > 1
        if p.pole == "turned":
            s = np.linspace(0, 1, 40)
            radius = 0.5 * g * (1.15 + 0.45 * np.sin(np.pi * s * (2 + int(4 * p.wave))) ** 2)
            self.pole.append(lathe([[0, low], *np.stack([radius, low + (top - low) * s], -1).tolist(), [0, top]], 24))
        elif p.pole == "double" and not many and p.base not in ("tripod", "vase", "cross"):
            x = 0.35 * p.spread
            self.pole += both(bar((x, 0.4 * low, 0), (x, top - 0.04, 0), g, g))
            self.pole.append(bar((-x, top - 0.04, 0), (x, top - 0.04, 0), 1.1 * g, 1.1 * g))
            self.pole.append(bar((0, top - 0.05, 0), (0, top, 0), g, g))
        else:
            self.pole.append(bar((0, low, 0), (0, top, 0), 1.1 * g, g))
        if not many:
            self.put_shade(np.array([0, top + (hang - 0.5 * self.least if p.shade != "globe" else -0.02), 0]))
            return
        for k in range(p.arms):
            a = np.pi / 2 + 2 * np.pi * k / p.arms + (0.0 if p.arms == 3 else np.pi / 2)
            far = np.array([np.cos(a), 0, np.sin(a)]) * (0.1 + 1.05 * p.foot)
            high = top - 0.02 - (0.12 * k if p.wave > 0.5 else 0.0)
            path = rounded_path([[0, high - 0.16, 0], far + [0, high - 0.12, 0], far + [0, high, 0]], 0.08, 8)
            self.pole.append(tube(path, 0.58 * self.least))
            self.put_shade(far + [0, high + (hang - 0.5 * self.least if p.shade != "globe" else -0.02), 0])

    def hanging(self) -> None:
        p, g = self.plan, self.gauge
        r, t = p.spread, max(p.rise, 1.2 * self.least)
        top = p.height
        one_by_one = p.type == "pendant lamp"
        wide = r if p.arms == 1 or not one_by_one else r + 0.9 * p.foot
        self.canopy.append(
            lathe([[0, top], [wide, top], [wide, top - 0.35 * t], [0.6 * wide, top - t], [0, top - t]], 40)
        )
        if one_by_one:
            for k in range(p.arms):
                a = 2 * np.pi * k / 3 + np.pi / 2
                out = np.array([np.cos(a), 0, np.sin(a)]) * (1.16 * p.foot if p.arms > 1 else 0.0)
                low = -0.14 * k * (p.arms > 1)
                start = np.array([0, top - 0.6 * t, 0]) + out * min(1.0, 0.6 * wide / (1.16 * p.foot))
                cord = [start, out + [0, top - t - 0.1 * (p.arms > 1), 0], out + [0, low - 0.6 * self.least, 0]]
                self.pole.append(tube(cord, 0.55 * g))
                self.put_shade(out + [0, low, 0])
            return
        hub = -0.12 - 0.1 * p.wave
        self.pole.append(bar((0, top - 0.5 * t, 0), (0, hub, 0), g, g))
        self.pole.append(ellipsoid((1.6 * g, 2.2 * g, 1.6 * g), (0, hub, 0), 24))
        upward = p.shade in ("globe",) or p.wave > 0.5
        for k in range(p.arms):
            a = np.pi / 2 + 2 * np.pi * k / p.arms
            far = np.array([np.cos(a), 0, np.sin(a)]) * max(p.bend, 1.25 * p.foot / np.sin(np.pi / p.arms))
            rise = 0.02 if upward else 0.0
            path = rounded_path(
                [[0, hub, 0], 0.55 * far + [0, hub - 0.12, 0], far + [0, hub - 0.06, 0], far + [0, rise + 0.01, 0]],
                0.12,
                8,
            )
            self.pole.append(tube(path, 0.58 * self.least))
            if upward:
                before = len(self.shade)
                self.put_shade(np.zeros(3))
                self.shade[before] = (
                    self.shade[before].mirror((0, 1, 0)).translate((far + [0, rise - 0.3 * self.least, 0]).tolist())
                )
            else:
                self.put_shade(far)


def build(plan: Plan) -> dict[str, list[Manifold]]:
    lamp = Lamp(plan)
    if plan.base == "none":
        lamp.hanging()
    else:
        lamp.standing()
    return {"base": lamp.base, "pole": lamp.pole, "shade": lamp.shade, "canopy": lamp.canopy}
