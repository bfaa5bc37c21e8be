"""Aeroplanes: body, wings and tail of a plan. Every thin thing is at least ``Airframe.least`` thick."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.airplane import Plan
from engine.datasets.procedural.solids import Array, both, ellipsoid, lathe, loft, superellipse, sweep, tube

SIDE = 14  # points along each face of an airfoil


def foil(edge: Array, chord: Array, thick: Array, cant: Array, pair: bool = False) -> Manifold:
    """A wing through stations: leading edge (S, 3), chord, thickness and cant (S,), with a rounded tip at its last station.

    cant : angle of the wing's face from the ground, radians; 0 a wing to +x, pi/2 a fin to +y
    pair : with its mirror image at x = 0, where it starts, as one solid
    """
    out = np.array([np.cos(cant[-1]), np.sin(cant[-1]), 0.0])
    slope = (edge[-1] - edge[-2])[2] / max(float((edge[-1] - edge[-2]) @ out), 1e-6)
    for angle in (0.35, 0.7, 0.95):  # quarter of a circle, as fractions of pi / 2
        s, c = np.sin(angle * np.pi / 2), np.cos(angle * np.pi / 2)
        reach = s * thick[len(cant) - 1] * 0.9
        where = edge[len(cant) - 1] + out * reach
        shrink = chord[len(cant) - 1] * (0.7 + 0.3 * c)
        where = where + np.array([0, 0, slope * reach - 0.4 * (chord[len(cant) - 1] - shrink)])
        edge, chord = np.concatenate([edge, where[None]]), np.append(chord, shrink)
        thick = np.append(thick, thick[len(cant) - 1] * max(c, 0.12))
    cant = np.append(cant, [cant[-1]] * (len(chord) - len(cant)))
    t = np.linspace(0, 1, SIDE)
    along = 0.5 - 0.5 * np.cos(np.pi * t)
    # the four-digit curve of Abbott & von Doenhoff, blunt at the back, since a sharp edge is too thin to be learned
    half = 0.5 * (2.969 * np.sqrt(along) - 1.26 * along - 3.516 * along**2 + 2.843 * along**3 - 0.76 * along**4)
    half = np.where(along > 0.3, np.maximum(half, 0.5 - 0.14 * ((along - 0.3) / 0.7) ** 2), half)
    half[-1] *= 0.6
    s = np.concatenate([along, along[::-1][:-1]])  # (M,)
    h = np.concatenate([half, -half[::-1][:-1]])
    up = np.stack([-np.sin(cant), np.cos(cant), np.zeros_like(cant)], -1)
    back = np.array([0.0, 0.0, -1.0])
    rings = edge[:, None] + chord[:, None, None] * s[:, None] * back + (thick[:, None] * h)[..., None] * up[:, None]
    if pair:
        rings[0, :, 0] = 0.0
        rings = np.concatenate([rings[:0:-1] * [-1, 1, 1], rings])
    return loft(rings)


def fuselage(plan: Plan, z: Array) -> tuple[Array, Array, Array]:
    """Centre's y, half width and half height (each (S,)) of the fuselage at z."""
    nose = np.clip((0.5 - z) / plan.nose, 0, 1)
    tail = np.clip((z + 0.5) / plan.tail, 0, 1)
    front = (1 - (1 - nose) ** plan.point) ** (1 / plan.point if plan.point > 1.6 else 0.9)
    rear = plan.thin + (1 - plan.thin) * (1 - (1 - tail) ** 1.8)
    size = np.maximum(front, 0.02) * rear
    rise = plan.upsweep * 0.5 * plan.height * (1 - tail) ** 1.6 * (1 - plan.thin)
    drop = plan.droop * 0.5 * plan.height * (1 - nose) ** 1.5
    return rise - drop, size * plan.width / 2, size * plan.height / 2


class Airframe:
    """The solids of one plan, gathered part by part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.least = 0.0205 * max(1.03 * plan.span, 1.06)  # thinner things vanish in a small field
        self.body: list[Manifold] = []
        self.wing: list[Manifold] = []
        self.tail: list[Manifold] = []
        self.boom = plan.finish == "twin boom"
        self.booms = 0.28 * plan.tailplane + 0.5 * plan.width + 0.03  # x of twin booms

    def at(self, z: float) -> tuple[float, float, float]:
        y, w, h = fuselage(self.plan, np.array([z]))
        return float(y[0]), float(w[0]), float(h[0])

    def wing_line(self, x: Array) -> tuple[Array, Array]:
        """Leading edge (S, 3) and chord (S,) of the lower or only wing at the distances x from the middle."""
        p = self.plan
        share = np.clip(x / (p.span / 2), 0, 1)
        if p.wing == "elliptical":
            chord = p.chord * (0.3 + 0.7 * np.sqrt(np.clip(1 - share**2, 0, 1)))
            lead = 0.3 * (p.chord - chord)
        else:
            chord = p.chord * (1 - share * (1 - p.taper)) + p.crank * np.clip(1 - share / 0.36, 0, 1)
            lead = p.sweep * x
            if p.wing == "forward-swept":
                lead = -np.maximum(p.sweep, 0.12) * 0.6 * x
        half = p.height / 2
        y = {"low": -0.62 * half, "mid": 0.0, "high": 0.8 * half}[p.level] + p.dihedral * x
        if p.type == "flying boat":
            y = y + 0.6 * self.least
        return np.stack([x, y, p.wing_at - lead], -1), chord

    def thick(self, chord: Array, share: float = 0.12) -> Array:
        return np.maximum(share * chord, self.least)

    def make_body(self) -> None:
        p = self.plan
        z = np.concatenate([0.5 - p.nose * np.linspace(0, 1, 14) ** 1.7, np.linspace(0.5 - p.nose, -0.5, 18)[1:]])
        if self.boom:
            z = np.concatenate([z[:14], np.linspace(0.5 - p.nose, -0.2, 14)[1:]])
        y, w, h = fuselage(p, z)
        if self.boom:
            fade = np.sqrt(np.clip(1 - (np.clip((0.05 - z) / 0.26, 0, 1)) ** 2, 0.02, 1))
            w, h = w * fade, h * fade
        flat = superellipse(2, 2, p.exponent, 32)
        rings = np.stack(
            [flat[:, 0] * w[:, None], y[:, None] + flat[:, 1] * h[:, None], np.repeat(z[:, None], 32, 1)], -1
        )
        tip = [0.0, y[0], 0.5 + 0.15 * h[0]]
        self.body.append(loft(rings, tip))
        if p.canopy:
            cy, cw, ch = self.at(p.canopy_at)
            tall = {"light aircraft": 0.75, "biplane": 0.55, "fighter": 0.75, "glider": 0.5}.get(p.type, 0.5)
            wide = 0.85 if p.type != "fighter" else 0.55
            self.body.append(ellipsoid((cw * wide, ch * tall, p.canopy / 2), (0, cy + 0.72 * ch, p.canopy_at), 24))
        if p.type == "flying boat":  # keel with a step
            cy, cw, ch = self.at(0.1)
            keel = loft([[[0.0, cy - ch - d, z], [w, cy - 0.4 * ch, z], [-w, cy - 0.4 * ch, z]]
                         for z, w, d in ((0.42, 0.3 * cw, -0.2 * ch), (0.3, 0.8 * cw, 0.1 * ch), (0.1, cw, 0.25 * ch),
                                         (-0.06, cw, 0.25 * ch))])  # fmt: skip
            self.body.append(keel)
        if p.type == "fighter":
            for side in (-1, 1):
                cy, cw, ch = self.at(0.05)
                path = np.array([[side * cw * 0.95, cy - 0.1 * ch, z] for z in (0.16, 0.0, -0.2, -0.38)])
                duct = superellipse(0.75 * cw, 1.1 * ch, 4.0, 20)
                self.body.append(sweep(path, duct, [1.0, 1.0, 0.85, 0.4], up=(0, 1, 0)))
        if self.boom:
            edge, chord = self.wing_line(np.array([self.booms]))
            r = max(0.022, 0.6 * self.least)
            path = np.array([[self.booms, edge[0, 1], z] for z in np.linspace(edge[0, 2] + 0.02, -0.5, 12)])
            self.body += both(tube(path, r))
        self.make_gear()

    def make_gear(self) -> None:
        p, t = self.plan, self.least
        if p.gear == "wheels":
            r = max(0.034, 1.6 * t)
            cy, cw, ch = self.at(0.18)
            hub = np.array([cw + 0.055, cy - ch - 1.25 * r, 0.2])
            wheel = lathe(
                [[0, -0.6 * t], [0.75 * r, -0.6 * t], [r, -0.3 * t], [r, 0.3 * t], [0.75 * r, 0.6 * t], [0, 0.6 * t]],
                24,
            )
            self.body += both(wheel.rotate((0, 0, 90)).translate(hub.tolist()))
            self.body += both(
                sweep([[0.3 * cw, cy - 0.6 * ch, 0.2], hub], superellipse(1.3 * t, 2 * t, 2, 14), up=(0, 0, 1))
            )
            if p.biplane or (p.canopy_at < 0.06 and not self.boom):
                ty, _, th = self.at(-0.42)
                self.body.append(
                    wheel.scale((0.5, 1.0, 0.5)).rotate((0, 0, 90)).translate((0, ty - th - 0.2 * r, -0.42))
                )
            else:
                ny, _, nh = self.at(0.4)
                low = cy - ch - 1.25 * r
                self.body.append(wheel.scale((0.85, 1, 0.85)).rotate((0, 0, 90)).translate((0, low - 0.1 * r, 0.38)))
                self.body.append(tube([[0, ny - 0.5 * nh, 0.39], [0, low, 0.38]], 0.65 * t))
        elif p.gear == "floats" and p.type != "flying boat":
            cy, cw, ch = self.at(0.1)
            x, y = cw + 0.09, cy - ch - 0.09
            s = np.linspace(0, 1, 14)
            size = np.maximum(np.sin(np.pi * s**0.75) ** 0.55, 0.12)
            path = np.stack([np.full(14, x), y + 0.03 * (1 - s) ** 3, 0.4 - 0.66 * s], -1)
            self.body += both(sweep(path, superellipse(0.07, 0.075, 2.6, 20), size, up=(0, 1, 0)))
            for z in (0.24, -0.02):
                self.body += both(tube([[0.4 * cw, cy - 0.5 * ch, z], [x, y, z + 0.01]], 0.65 * t))

    def make_wing(self) -> None:
        p = self.plan
        x = (
            np.linspace(0, p.span / 2, 12)
            if p.wing == "elliptical"
            else np.array([0, 0.18, 0.36, 0.68, 1.0]) * p.span / 2
        )
        edge, chord = self.wing_line(x)
        thick, cant = self.thick(chord, p.thickness), np.full(len(x), np.arctan(p.dihedral))
        if p.winglet:
            tip, c = edge[-1], chord[-1]
            bend = np.linspace(0.25, 1.0, 5)
            lean = cant[-1] + bend * 1.25
            steps = np.array([0.12, 0.15, 0.15, 0.15, 0.43]) * p.winglet
            offset = np.cumsum(steps[:, None] * np.stack([np.cos(lean), np.sin(lean), np.zeros(5)], -1), 0)
            offset[:, 2] = -np.cumsum(steps) * (0.8 if p.wing != "forward-swept" else 0.4)
            edge, chord = (
                np.concatenate([edge, tip + offset]),
                np.append(chord, c * (1 - 0.45 * np.cumsum(steps) / p.winglet)),
            )
            thick, cant = np.append(thick, np.full(5, self.least)), np.append(cant, lean)
        if p.biplane:
            self.biplane(edge, chord, thick, cant)
        else:
            self.wing.append(foil(edge, chord, thick, cant, pair=True))
        if p.level == "high" and p.type == "light aircraft" and not self.boom:
            low, c = self.wing_line(np.array([0.5 * p.span / 2]))
            y, w, h = self.at(p.wing_at - 0.4 * c[0])
            foot = [0.6 * w, y - 0.6 * h, p.wing_at - 0.4 * c[0]]
            self.wing += both(tube([foot, low[0] + [0, 0, -0.4 * c[0]]], 0.55 * self.least, 10))
        if p.type == "flying boat":
            low, c = self.wing_line(np.array([0.72 * p.span / 2]))
            drop = low[0] + [0, -0.6 * p.height, -0.35 * c[0]]
            self.wing += both(tube([low[0] + [0, 0, -0.35 * c[0]], drop], 0.6 * self.least))
            self.wing += both(ellipsoid((0.028, 0.028, 0.09), drop.tolist(), 20))
        if p.tanks:
            tip, c = self.wing_line(np.array([p.span / 2]))
            self.wing += both(ellipsoid((0.026, 0.026, 0.11), (tip[0] + [0.01, 0, -0.5 * c[0]]).tolist(), 20))
        if p.canard:
            z = p.canopy_at - 0.02
            y, w, h = self.at(z)
            x = np.array([0, 0.5, 1.0]) * p.canard / 2
            edge = np.stack([x, np.full(3, y + 0.2 * h), z - 0.7 * x], -1)
            chord = 0.12 - 0.5 * x
            self.wing.append(foil(edge, chord, self.thick(chord, 0.06), np.zeros(3), pair=True))

    def biplane(self, edge: Array, chord: Array, thick: Array, cant: Array) -> None:
        """Two wings, the lower one smaller by ``plan.lower``, with struts between them and to the body."""
        p, t = self.plan, 0.55 * self.least
        lift = np.array([0.0, p.gap + p.height * 0.2, p.stagger])
        low = edge * [p.lower, 1, 1]
        share = 0.4 + 0.6 * p.lower
        self.wing.append(foil(edge + lift, chord, thick, cant, pair=True))
        self.wing.append(foil(low, chord * share, np.maximum(thick * share, self.least), cant, pair=True))
        where = [0.72] if p.span < 1.2 else [0.45, 0.85]
        for k in where:
            x = k * p.span / 2
            (head, foot), c = (
                self.wing_line(np.array([x * min(1.0, 0.5 + 0.5 * p.lower), x]))[0],
                float(self.wing_line(np.array([x]))[1][0]),
            )
            foot[0] *= p.lower
            for at in (0.22, 0.72):
                self.wing += both(tube([foot - [0, 0, at * c * share], head + lift - [0, 0, at * c]], t, 10))
        y, w, h = self.at(p.wing_at - 0.05)
        top = float(edge[0, 1] + lift[1]) + 0.01
        for back in (0.2 * p.chord, 0.75 * p.chord):
            z = p.wing_at - back
            self.wing += both(tube([[0.45 * w, y + 0.5 * h, z], [0.75 * w, top, z + p.stagger]], t, 10))

    def fin(self, x: float, y: float, z: float, height: float, chord: float, cant: float = np.pi / 2) -> Manifold:
        """A fin that rises from (x, y, z), the root's leading edge."""
        p = self.plan
        up = np.linspace(0, height, 4)
        edge = np.stack([x + up * np.cos(cant), y + up * np.sin(cant), z - p.fin_sweep * up], -1)
        size = chord * np.array([1.3, 0.92, 0.74, 0.58])  # a root that runs forward into the body
        edge[0, 2] += 0.22 * chord
        return foil(edge, size, self.thick(size, 0.1), np.full(4, cant))

    def plane(self, y: float, z: float, cant: float = 0.05) -> Manifold:
        p = self.plan
        x = np.linspace(0, p.tailplane / 2, 4)
        sweep_ = min(p.fin_sweep, 0.3 if p.wing in ("straight", "elliptical") else 0.7)
        size = 0.75 * p.fin_chord * (1 - 0.45 * x / x[-1])
        edge = np.stack([x, y + np.tan(cant) * x, z - sweep_ * x], -1)
        return foil(edge, size, self.thick(size, 0.1), np.full(4, cant), pair=True)

    def make_tail(self) -> None:
        p = self.plan
        if p.finish == "none":
            return
        root = -0.5 + p.fin_chord + 0.02
        y, w, h = self.at(root - 0.5 * p.fin_chord)
        if self.boom:
            edge, _ = self.wing_line(np.array([self.booms]))
            by = float(edge[0, 1])
            self.tail += both(self.fin(self.booms, by - 0.01, root - 0.03, 0.7 * p.fin, p.fin_chord))
            bridge = np.array([[0, by, root - 0.05], [self.booms, by, root - 0.05]])
            self.tail.append(
                foil(bridge, np.full(2, 0.7 * p.fin_chord), np.full(2, self.least), np.zeros(2), pair=True)
            )
        elif p.finish == "V-tail":
            self.tail += both(self.fin(0.0, y, root, 1.15 * p.fin, p.fin_chord, cant=0.78))
        elif p.finish == "twin fins" and p.type == "fighter":
            self.tail += both(self.fin(0.75 * w, y + 0.2 * h, root + 0.03, p.fin, p.fin_chord, cant=1.3))
            self.tail.append(self.plane(y, root - 0.06, 0.0))
        elif p.finish == "twin fins":
            self.tail.append(self.plane(y, root - 0.03))
            x = p.tailplane / 2 - 0.005
            for low in (-0.35, 0.0):
                tip = y + np.tan(0.05) * x
                fin = self.fin(
                    x, tip + low * 0.01, root - 0.01 - 0.2 * p.tailplane * 0.3, (0.75 + low) * p.fin, 0.8 * p.fin_chord
                )
                self.tail += both(
                    fin if low == 0.0 else fin.translate((0, -tip, 0)).mirror((0, 1, 0)).translate((0, tip, 0))
                )
        elif p.finish != "none":
            self.tail.append(self.fin(0.0, y, root, p.fin + h, p.fin_chord))
            share = {"conventional": 0.0, "single fin": 0.0, "T-tail": 1.0, "cruciform": 0.45}[p.finish]
            if p.finish != "single fin":
                lift = h * 0.3 if share == 0 else share * (p.fin + h)
                back = 0.03 if share == 0 else p.fin_sweep * lift + 0.01
                self.tail.append(self.plane(y + lift, root - back, 0.07 * (share == 0)))
