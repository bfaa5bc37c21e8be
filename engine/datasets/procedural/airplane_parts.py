"""Aeroplanes: how a plan becomes solids; the engines, and all parts together."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.airframe import Airframe, foil
from engine.datasets.procedural.airplane import Plan
from engine.datasets.procedural.solids import both, lathe, superellipse, sweep

# share of the half span at which the engines of a pair hang
SHARES = {2: (0.36,), 3: (0.36,), 4: (0.34, 0.62)}


def build(plan: Plan) -> dict[str, list[Manifold]]:
    frame = Airframe(plan)
    frame.make_body()
    frame.make_wing()
    frame.make_tail()
    return {"body": frame.body, "wing": frame.wing, "tail": frame.tail, "engine": engines(frame)}


def engines(frame: Airframe) -> list[Manifold]:
    p = frame.plan
    if not p.engines:
        return []
    if p.place == "nose":
        return nose(frame)
    if p.place == "body":
        return tailpipes(frame)
    if p.engines == 1:
        return above_the_middle(frame)
    made: list[Manifold] = []
    if p.place == "rear":
        made += both_of(rear(frame))
    else:
        for share in (0.45,) if p.type == "flying wing" and p.engines == 2 else SHARES[p.engines]:
            made += both_of(on_the_wing(frame, share))
    if p.engines == 3:
        y, _, h = frame.at(-0.3)
        made.append(nacelle(frame, 0.0, y + h + 0.4 * p.size, -0.32))
    return made


def both_of(solids: list[Manifold]) -> list[Manifold]:
    return [side for one in solids for side in both(one)]


def nose(frame: Airframe) -> list[Manifold]:
    y, w, _ = frame.at(0.5 - 0.3 * frame.plan.nose)
    made = [propeller(frame, 0.0, frame.at(0.5)[0], 0.5, 0.55 * w)]
    if frame.plan.type == "biplane":  # a radial engine's ring
        front = [[0, 0.47], [0.6 * w, 0.5], [0.98 * w, 0.49], [1.06 * w, 0.46]]
        ring = lathe([*front, [1.04 * w, 0.42], [0.9 * w, 0.39], [0, 0.39]])
        made.append(ring.rotate((90, 0, 0)).translate((0, y, 0)))
    return made


def tailpipes(frame: Airframe) -> list[Manifold]:
    """A fighter's nozzles, at the end of its body."""
    p = frame.plan
    y, w, h = frame.at(-0.46)
    r = max(min(h, w) * (1.0 if p.engines == 1 else 0.72), p.size)
    hole = max(0.85 * r - 0.85 * frame.least, 0.2 * r)
    outside = [[0, -0.4], [r, -0.42], [0.98 * r, -0.5], [0.85 * r, -0.56]]
    pipe = lathe([*outside, [hole, -0.56], [0.95 * hole, -0.52], [0, -0.51]], 28).rotate((90, 0, 0))
    return [pipe.translate((x, y, 0)) for x in ([0.0] if p.engines == 1 else [-0.55 * w, 0.55 * w])]


def above_the_middle(frame: Airframe) -> list[Manifold]:
    """A flying boat's one engine, on a pylon over the wing."""
    p = frame.plan
    y, z = float(frame.wing_line(np.zeros(1))[0][0, 1]) + 1.9 * p.size, p.wing_at - 0.02
    root = np.array([[0, y - 2.4 * p.size, z], [0, y, z]])
    pylon = foil(root, np.full(2, 0.12), np.full(2, 1.2 * frame.least), np.full(2, np.pi / 2))
    return [*pod(frame, 0.0, y, z + 0.04, 0.2), pylon]


def rear(frame: Airframe) -> list[Manifold]:
    """The right one of two jet engines beside the rear of the body."""
    p, z = frame.plan, -0.2
    y, w, h = frame.at(z - 0.05)
    x, y = w + 1.35 * p.size, y + 0.35 * h
    pylon = np.array([[0.3 * w, y, z], [x, y, z]])
    arm = foil(pylon, np.full(2, 0.1), np.full(2, frame.least), np.zeros(2))
    return [nacelle(frame, x, y, z + 0.03, 1.1), arm]


def on_the_wing(frame: Airframe, share: float) -> list[Manifold]:
    """The right one of two engines in, under or over the wing."""
    p = frame.plan
    x = max(share * p.span / 2, frame.booms if frame.boom else p.width / 2 + 1.6 * p.size)
    edge, chord = frame.wing_line(np.array([x]))
    y, z, c = float(edge[0, 1]), float(edge[0, 2]), float(chord[0])
    if p.kind == "propeller":
        return pod(frame, x, y + (0.6 if p.type == "flying boat" else 0.3) * p.size, z + 0.06, 0.06 + 0.75 * c)
    above = p.place == "over wing"
    drop = (1.35 if above else -1.45) * p.size
    ahead = (-0.35 * c - 0.02) if above else 0.55 * p.size + 0.03
    if p.type == "delta airliner":
        ahead, drop = -0.5 * c, -0.9 * p.size
    back = z + min(ahead, 0) - 0.6 * p.size
    root = np.array([[x, y + min(drop, 0), back], [x, y + max(drop, 0), back]])
    wide = min(2.4 * p.size + 0.03, c)
    arm = foil(root, np.full(2, wide), np.full(2, frame.least), np.full(2, np.pi / 2))
    return [nacelle(frame, x, y + drop, z + ahead), arm]


def nacelle(frame: Airframe, x: float, y: float, z: float, slim: float = 1.0) -> Manifold:
    """A jet engine with an open mouth at z."""
    r, n = frame.plan.size, frame.plan.size * 3.6 * slim
    mouth = max(1.05 * r - 0.85 * frame.least, 0.35 * r)
    inside = [[0, -0.24 * n], [0.35 * mouth, -0.3 * n], [0.92 * mouth, -0.3 * n], [mouth, -0.08 * n]]
    lip = [[mouth + 0.06 * r, -0.01 * n], [0.93 * r, 0.0], [1.05 * r, -0.07 * n]]
    cowl = [[1.1 * r, -0.25 * n], [1.08 * r, -0.5 * n], [0.92 * r, -0.8 * n], [0.78 * r, -0.92 * n]]
    cone = [[0.5 * r, -0.93 * n], [0.36 * r, -1.0 * n], [0, -1.1 * n]]
    return lathe([*inside, *lip, *cowl, *cone], 28).rotate((90, 0, 0)).translate((x, y, z))


def pod(frame: Airframe, x: float, y: float, z: float, length: float) -> list[Manifold]:
    """A piston engine from z backwards with its propeller in front."""
    r = frame.plan.size
    s = np.linspace(0, 1, 14)
    front, back = 1 - np.clip(s / 0.2, 0, 1), np.clip((s - 0.35) / 0.65, 0, 1)
    size = np.maximum((1 - front**2) ** 0.5 * (1 - back**2) ** 0.7, 0.3 * (s < 0.1) + 0.08)
    path = np.stack([np.full(14, x), np.full(14, y), z - length * s], -1)
    body = sweep(path, superellipse(2 * r, 2 * r, 2.2, 24), size, up=(0, 1, 0))
    return [body, propeller(frame, x, y, z, 0.5 * r)]


def propeller(frame: Airframe, x: float, y: float, z: float, hub: float) -> Manifold:
    p, t = frame.plan, frame.least
    tip = np.linspace(0, 1, 7)
    profile = np.stack([hub * np.sqrt(1 - tip**2), 0.3 * t + 1.6 * hub * tip], -1)
    made = lathe([[0, -t], [hub, -t], *profile.tolist()], 20).rotate((90, 0, 0))
    reach = min(2.6 * p.size + 0.03, 0.13) if x else p.size * 3.0 + 0.03
    if x:  # clear of the body and of the next propeller
        reach = min(reach, 0.92 * (x - p.width / 2), 0.066 * p.span if p.engines == 4 else 1.0)
    s = np.linspace(0.0, 1.0, 8)
    shape = np.stack([np.ones(8), np.sqrt(np.clip(1.02 - (2 * s - 1) ** 6, 0.02, 1))], -1)
    path = np.stack([np.zeros(8), reach * s, np.zeros(8)], -1)
    blade = sweep(path, superellipse(t, 1.5 * t, 2.4, 14), shape, up=(1, 0, 0))
    turn = 45.0 if p.blades == 4 else 0.0
    for k in range(p.blades):
        made = made + blade.rotate((0, 0, turn + 360 * k / p.blades))
    return made.translate((x, y, z))
