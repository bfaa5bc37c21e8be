"""Cars: how a plan becomes solids. Length about 1, front at z = +0.5, the road at y = 0."""

import numpy as np
from manifold3d import Manifold

from engine.datasets.procedural.car import Plan
from engine.datasets.procedural.solids import Array, bar, both, box, ellipsoid, lathe, loft, rounded_rectangle, union


def top(plan: Plan, z: Array) -> Array:
    """y (S,) of the lower body's upper edge, its corners rounded a little."""
    at = np.array(plan.profile)[::-1]
    near = np.linspace(-0.02, 0.02, 7)
    y = np.interp(z[:, None] + near, at[:, 0], at[:, 1]).mean(1)
    for axle in plan.wheels:  # the wings rise over wheels that are taller than the body
        y = np.maximum(y, 2.18 * plan.radius + 0.014 - 0.35 * (z - axle) ** 2 / plan.radius)
    return y


def breadth(plan: Plan, z: Array) -> Array:
    """Half width (S,) of the body: rounded nose and tail, a little narrower at both."""
    end = np.clip((0.5 - np.abs(z)) / plan.plan_round, 0, 1)
    return plan.width / 2 * (0.8 + 0.2 * np.sqrt(1 - (1 - end) ** 2)) * (1 - 0.06 * (2 * z) ** 2)


def lower(plan: Plan) -> Manifold:
    z = np.concatenate(
        [
            0.5 - 0.06 * np.linspace(0, 1, 7) ** 2,
            np.linspace(0.42, -0.42, 36),
            -0.44 - 0.06 * (1 - np.linspace(1, 0, 7) ** 2),
        ]
    )
    y, w = top(plan, z), breadth(plan, z)
    shrink = np.ones(len(z))
    shrink[[0, -1]], shrink[[1, -2]] = 0.86, 0.96
    rings = []
    for at, high, half, size in zip(z, y, w, shrink, strict=True):
        tall = (high - plan.floor) * size
        cross = rounded_rectangle(2 * half * size, tall, min(plan.edge, 0.4 * tall), 5)
        middle = (high + plan.floor) / 2
        rings.append(np.stack([cross[:, 0], cross[:, 1] + middle, np.full(len(cross), at)], -1))
    return loft(rings)


def greenhouse(plan: Plan, cabin: tuple[float, float, float, float], inset: float) -> Manifold:
    """The upper car from below the belt line to the roof, made smaller all round by ``inset``."""
    foot_front, roof_front, roof_rear, foot_rear = cabin
    low, high = plan.belt - 0.05, plan.roof - inset
    levels = np.concatenate(
        [
            np.linspace(low, plan.belt, 3),
            np.linspace(plan.belt, high - 0.03, 7)[1:],
            high - 0.03 + 0.03 * np.array([0.4, 0.75, 0.95, 1.0]),
        ]
    )
    rings = []
    half = plan.width / 2 * 0.965
    for y in levels:
        s = np.clip((y - plan.belt) / (plan.roof - plan.belt), -0.2, 1)
        curl = 0.03 * (1 - np.sqrt(max(1 - (max(y - (high - 0.03), 0) / 0.0305) ** 2, 0)))  # the roof's rounded rim
        front = foot_front + (roof_front - foot_front) * (0.75 * s + 0.25 * s * abs(s)) - inset - curl
        rear = foot_rear + (roof_rear - foot_rear) * (0.75 * s + 0.25 * s * abs(s)) + inset + curl
        w = half * (1 - plan.lean * max(s, 0) ** 1.2) - inset - curl
        ring = rounded_rectangle(2 * w, front - rear, 0.05, 6)
        rings.append(np.stack([ring[:, 0], np.full(len(ring), y), ring[:, 1] + (front + rear) / 2], -1))
    return loft(rings)


def glazed(plan: Plan, cabin: tuple[float, float, float, float]) -> Manifold:
    """The greenhouse with sunk windows: full size where there are pillars and roof, smaller where there is glass."""
    shell, glass = greenhouse(plan, cabin, 0.0), greenhouse(plan, cabin, 0.013)
    tall = plan.roof - plan.belt
    low, high = plan.belt + 0.12 * tall, plan.roof - max(0.2 * tall, 0.03)
    start, stop = cabin[1] + 0.45 * (cabin[0] - cabin[1]) - 0.03, cabin[2] - 0.4 * (cabin[2] - cabin[3]) + 0.03
    if plan.type == "van" and plan.windows < 3:
        stop = start - 0.14 * plan.windows
    edges = np.linspace(start, stop, plan.windows + 1)
    cuts = [box((1.0, high - low, a - b - 0.024), 0.01, (0, (low + high) / 2, (a + b) / 2))
            for a, b in zip(edges[:-1], edges[1:], strict=True)]  # fmt: skip
    screen = plan.width * (1 - plan.lean) - 0.075
    cuts.append(box((screen, high - low + 0.3 * tall, 0.5), 0.01, (0, (low + high) / 2, cabin[1] + 0.28)))
    if plan.type != "lorry":
        cuts.append(box((screen, high - low, 0.5), 0.01, (0, (low + high) / 2, cabin[2] - 0.28)))
    return (shell - union(cuts)) + glass


def wheel(plan: Plan, z: float, thick: float) -> Manifold:
    """One wheel on the right, its outer face level with the body."""
    r = plan.radius
    rim = 0.62 * r
    shape = [[0, -thick], [0.86 * r, -thick], [r, -0.85 * thick], [r, -0.14 * thick], [0.86 * r, 0.0], [rim, 0.0],
             [0.92 * rim, -0.16 * thick], [0.35 * rim, -0.1 * thick], [0.22 * rim, 0.0], [0, 0.0]]  # fmt: skip
    half = float(breadth(plan, np.array([z]))[0])
    return lathe(shape, 32).rotate((0, 0, -90)).translate((half - 0.002, r, z))


def build(plan: Plan) -> dict[str, list[Manifold]]:
    thick, half = max(0.055, 0.75 * plan.radius), plan.width / 2
    wheels: list[Manifold] = []
    arches: list[Manifold] = []
    solid = [lower(plan), *furniture(plan, half)]
    for z in plan.wheels:
        edge = float(breadth(plan, np.array([z]))[0])
        wheels += both(wheel(plan, z, thick))
        hole = lathe([[0, 0], [1.16 * plan.radius, 0], [1.16 * plan.radius, 0.3], [0, 0.3]], 36).rotate((0, 0, -90))
        arches += both(hole.translate((edge - 0.75 * thick, plan.radius, z)))
        if "fenders" in plan.extras:
            guard = ellipsoid((0.085, 1.42 * plan.radius, 2.0 * plan.radius), (edge - 0.06, plan.radius, z), 32)
            solid += both(guard.trim_by_plane((0, 1, 0), 0.6 * plan.radius))
    if 1.5 * plan.radius < plan.floor + 0.02:  # small wheels under a high body need a frame
        solid.append(box((2 * half - 2 * thick, 0.05, 0.9), 0.01, (0, plan.floor, 0)))
    cut = list(arches)
    if "bed" in plan.extras:
        cut += bed(plan, half, thick)
    roof: list[Manifold] = []
    if "open" in plan.extras:
        hollow, seats = cockpit(plan, half)
        body = union([union(solid) - union([*cut, hollow]), *seats, windscreen(plan)])
    else:
        body = union(solid) - union(cut)
        roof = [glazed(plan, plan.cabin), *rack(plan)]
    hood = [bonnet(plan) - union(arches)] if plan.hood else []
    return {"wheel": wheels, "roof": roof, "hood": hood, "body": [body]}


def bed(plan: Plan, half: float, thick: float) -> list[Manifold]:
    """What is taken away for a pickup's load: deep between the wheels, shallow above them."""
    rear, floor = plan.cabin[3] - 0.03, plan.belt - 0.11
    made = []
    for wide, low in ((2 * half - 2.3 * thick, floor), (2 * half - 0.07, max(floor, 2.25 * plan.radius))):
        if low < plan.belt - 0.02:
            made.append(box((wide, 0.3, rear + 0.465), 0.01, (0, low + 0.15, (rear - 0.465) / 2)))
    return made


def cockpit(plan: Plan, half: float) -> tuple[Manifold, list[Manifold]]:
    """What is taken away for an open car's seats, and what of them stands out of the body."""
    front, rear = plan.cabin[0] - 0.05, max(plan.cabin[3], plan.cabin[0] - 0.42)
    hollow = box((2 * half - 0.1, 0.3, front - rear), 0.04, (0, plan.belt + 0.07, (front + rear) / 2))
    backs = both(box((0.3 * plan.width, 0.14, 0.035), 0.015, (0.22 * plan.width, plan.belt - 0.005, rear + 0.008)))
    return hollow, backs


def rack(plan: Plan) -> list[Manifold]:
    if "rack" not in plan.extras:
        return []
    front, rear, wide = plan.cabin[1], plan.cabin[2], 0.8 * plan.width * (1 - plan.lean)
    y = plan.roof + 0.004
    made = [box((wide, 0.022, 0.022), 0.006, (0, y, float(z))) for z in np.linspace(front - 0.05, rear + 0.05, 3)]
    return made + both(box((0.022, 0.022, front - rear - 0.06), 0.006, (wide / 2 - 0.02, y, (front + rear) / 2)))


def windscreen(plan: Plan) -> Manifold:
    """The frame and pane in front of an open cockpit."""
    z, wide, tall = plan.cabin[0] - 0.02, 0.8 * plan.width, plan.roof - plan.belt + 0.02
    pane = box((wide, tall, 0.02), 0.008, (0, 0, 0)).rotate((-38, 0, 0))
    return pane.translate((0, plan.belt + 0.36 * tall, z - 0.3 * tall))


def bonnet(plan: Plan) -> Manifold:
    """A panel that stands a little above the body, from the windscreen to the nose."""
    assert plan.hood
    z = np.linspace(plan.hood[1], plan.hood[0] + 0.012, 14)
    y, w = top(plan, z), breadth(plan, z) * (0.6 if "fenders" in plan.extras else 0.86)
    round_ = np.sqrt(np.clip(1 - (1 - np.linspace(0, 1, 14) / 0.2) ** 2, 0, 1)) * (np.linspace(0, 1, 14) < 0.2) + (
        np.linspace(0, 1, 14) >= 0.2
    )
    w = w * (0.8 + 0.2 * round_)
    rings = []
    for at, high, half in zip(z, y, w, strict=True):
        cross = rounded_rectangle(2 * half, 0.05, 0.018, 4)
        crown = 0.012 * (1 - (cross[:, 0] / half) ** 2)
        rings.append(np.stack([cross[:, 0], cross[:, 1] + high - 0.013 + crown, np.full(len(cross), at)], -1))
    return loft(rings)


def furniture(plan: Plan, half: float) -> list[Manifold]:
    """Lamps, bumpers, mirrors, spoiler, spare wheel and load: all of them part of the body."""
    made: list[Manifold] = []
    nose = float(top(plan, np.array([0.47]))[0])
    side = float(breadth(plan, np.array([0.47]))[0])
    lamp = 0.022 if plan.type not in ("bus", "lorry") else 0.016
    made += both(ellipsoid((1.4 * lamp, lamp, 0.02), (side * 0.76, plan.floor + 0.64 * (nose - plan.floor), 0.488), 18))
    for z in (0.485, -0.485):
        wide = 2 * float(breadth(plan, np.array([z]))[0])
        made.append(box((0.98 * wide, 0.03, 0.045), 0.012, (0, plan.floor + 0.035, z)))
    if plan.type != "bus" and "open" not in plan.extras:
        x = 0.965 * half + 0.008
        made += both(
            box(
                (0.055, 0.03, 0.02),
                0.008,
                (x, plan.belt + 0.012, plan.cabin[0] - 0.1 if plan.type != "lorry" else plan.cabin[1] - 0.03),
            )
        )
    if "spoiler" in plan.extras:
        y = float(top(plan, np.array([-0.44]))[0])
        made += both(bar((0.6 * half, y - 0.03, -0.43), (0.6 * half, y + 0.04, -0.46), 0.022, 0.022))
        made.append(box((1.75 * half, 0.02, 0.075), 0.008, (0, y + 0.04, -0.465)))
    if "spare" in plan.extras:
        disc = lathe(
            [
                [0, 0],
                [0.8 * plan.radius, 0],
                [plan.radius, 0.02],
                [plan.radius, 0.05],
                [0.8 * plan.radius, 0.07],
                [0, 0.07],
            ],
            30,
        )
        made.append(disc.rotate((-90, 0, 0)).translate((0.0, 0.72 * plan.belt, -0.485)))
    rear, front, high = plan.box
    if "box" in plan.extras:
        made.append(box((plan.width, high - 0.1, front - rear), 0.015, (0, 0.05 + high / 2, (front + rear) / 2)))
    elif "tank" in plan.extras:
        tall = 0.75 * (high - 0.1)
        shape = [
            [0, rear],
            [0.42 * plan.width, rear],
            [0.48 * plan.width, rear + 0.03],
            [0.48 * plan.width, front - 0.03],
            [0.42 * plan.width, front],
            [0, front],
        ]
        made.append(
            lathe(shape, 36)
            .rotate((90, 0, 0))
            .scale((1, tall / plan.width / 0.96, 1))
            .translate((0, 0.1 + tall / 2, 0))
        )
    elif "flatbed" in plan.extras:
        made.append(box((plan.width, 0.03, front - rear), 0.01, (0, 0.13, (front + rear) / 2)))
        made.append(box((plan.width, 0.09, 0.025), 0.01, (0, 0.165, front - 0.012)))
    return made
