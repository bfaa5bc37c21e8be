"""Cars: a plan of what to build, and the solids it becomes. Length about 1, front at z = +0.5, the road at y = 0."""

from dataclasses import dataclass, field

import numpy as np
from manifold3d import Manifold
from numpy.random import Generator

from engine.datasets.procedural.solids import Array, bar, both, box, ellipsoid, lathe, loft, rounded_rectangle, union


@dataclass(frozen=True)
class Plan:
    """A car in units of its length."""

    type: str
    width: float
    floor: float  # y of the underside
    profile: tuple[tuple[float, float], ...]  # (z, y) of the lower body's upper edge, from the nose to the tail
    cabin: tuple[float, float, float, float] | None  # z of windscreen foot, roof front, roof rear, rear window foot
    roof: float  # y
    belt: float  # y where the glass starts
    wheels: tuple[float, ...]  # z of the axles
    radius: float  # of the wheels
    edge: float = 0.06  # rounding of the body
    plan_round: float = 0.1  # rounding of nose and tail seen from above
    lean: float = 0.12  # how far the sides lean in, of the cabin's width
    windows: int = 2  # on each side
    hood: tuple[float, float] | None = None  # z of the bonnet's rear and front
    extras: tuple[str, ...] = ()  # spoiler | bed | box | rack | open | fenders | spare
    box: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))  # z rear, z front and top of a lorry's load


def draw(rng: Generator) -> Plan:
    u = rng.uniform
    kinds = ["saloon", "hatchback", "estate car", "sports car", "off-roader", "pickup", "van", "bus", "lorry", "convertible",
             "rounded classic", "limousine"]  # fmt: skip
    type_ = str(rng.choice(kinds, p=[0.14, 0.12, 0.08, 0.13, 0.1, 0.1, 0.09, 0.06, 0.07, 0.06, 0.03, 0.02]))
    r, width, floor = u(0.065, 0.1), u(0.34, 0.5), u(0.03, 0.08)
    front, rear = u(0.26, 0.37), -u(0.24, 0.37)
    lean, edge = u(0.05, 0.26), u(0.025, 0.09)
    extras: list[str] = []
    if type_ in ("saloon", "limousine", "rounded classic"):
        belt, roof, nose = u(0.17, 0.26), u(0.29, 0.41), u(0.13, 0.22)
        cowl, boot = u(0.1, 0.27), -u(0.2, 0.38)
        if type_ == "limousine":
            width, r, belt, roof = u(0.27, 0.32), u(0.05, 0.06), u(0.13, 0.16), u(0.21, 0.25)
            cowl, boot, nose = u(0.24, 0.3), -u(0.32, 0.38), belt * 0.8
        if type_ == "rounded classic":
            width, belt, roof, lean, edge = u(0.38, 0.44), u(0.2, 0.24), u(0.37, 0.43), u(0.18, 0.26), 0.09
            boot, nose = -u(0.4, 0.46), belt * u(0.7, 0.85)
            extras.append("fenders")
        cabin = (cowl, cowl - u(0.1, 0.18), boot + u(0.08, 0.18), boot)
        profile = ((0.5, nose - 0.04), (0.46, nose), (cowl, belt), (boot, belt), (-0.47, belt * u(0.86, 1.0)), (-0.5, belt - 0.05))
        windows, hood = (int(rng.integers(4, 6)) if type_ == "limousine" else 2), (cowl, 0.46)
    elif type_ in ("hatchback", "estate car"):
        belt, roof = u(0.2, 0.32), u(0.36, 0.6)
        roof = max(roof, belt + 0.13)
        cowl = u(0.16, 0.38)
        cabin = (cowl, cowl - u(0.1, 0.18), -u(0.3, 0.42), -u(0.44, 0.49))
        profile = ((0.5, 0.12), (0.46, u(0.15, 0.2)), (cowl, belt), (-0.46, belt), (-0.5, belt - 0.04))
        windows, hood = (2 if type_ == "hatchback" else 3), (cowl, 0.46)
        if type_ == "estate car":
            cabin, roof = (cowl, cowl - 0.13, -u(0.42, 0.46), -0.48), max(u(0.29, 0.4), belt + 0.1)
            extras += ["rack"] * (rng.random() < 0.5)
        else:
            width = u(0.4, 0.58)
    elif type_ in ("sports car", "convertible"):
        belt, roof, width, floor = u(0.14, 0.21), u(0.24, 0.32), u(0.38, 0.54), u(0.03, 0.05)
        middle = rng.random() < 0.35 and type_ == "sports car"  # engine behind the driver
        cowl = u(0.22, 0.3) if middle else u(0.06, 0.16)
        tail = -u(0.28, 0.46)
        cabin = (cowl, cowl - u(0.14, 0.2), min(tail + u(0.1, 0.25), cowl - 0.25), tail)
        profile = ((0.5, 0.08), (0.45, u(0.11, 0.14)), (0.32, belt * 0.95), (cowl, belt), (tail, belt * u(0.98, 1.1)), (-0.47, belt * u(0.9, 1.08)), (-0.5, belt - 0.04))
        windows, hood = 1, (cowl, 0.44)
        if type_ == "convertible":
            extras.append("open")
        elif rng.random() < 0.6:
            extras.append("spoiler")
    elif type_ == "off-roader":
        r, floor, belt, roof, edge = u(0.085, 0.13), u(0.07, 0.14), u(0.25, 0.34), u(0.42, 0.6), u(0.02, 0.06)
        width, lean, cowl = u(0.4, 0.58), u(0.0, 0.16), u(0.06, 0.28)
        cabin = (cowl, cowl - u(0.04, 0.1), -0.46, -0.48)
        profile = ((0.5, belt * 0.8), (0.46, belt * 0.92), (cowl, belt), (-0.5, belt))
        windows, hood = int(rng.integers(2, 4)), (cowl, 0.47)
        extras += ["spare"] * (rng.random() < 0.5) + ["rack"] * (rng.random() < 0.4)
    elif type_ == "pickup":
        r, floor, belt, roof = u(0.07, 0.115), u(0.05, 0.12), u(0.2, 0.29), u(0.33, 0.45)
        width, cowl = u(0.33, 0.5), u(0.14, 0.34)
        back = cowl - u(0.24, 0.46)
        cabin = (cowl, cowl - u(0.07, 0.12), back + 0.02, back)
        profile = ((0.5, belt * 0.8), (0.46, belt * 0.9), (cowl, belt), (-0.5, belt))
        windows, hood = (1 if cowl - back < 0.36 else 2), (cowl, 0.47)
        extras.append("bed")
    elif type_ == "van":
        r, belt, roof, width = u(0.06, 0.09), u(0.2, 0.3), u(0.38, 0.62), u(0.34, 0.5)
        short = rng.random() < 0.5
        cowl = u(0.46, 0.48) if short else u(0.34, 0.4)
        cabin = (cowl, cowl - u(0.12, 0.2), -0.47, -0.485)
        profile = ((0.5, belt * 0.75), (cowl, belt * 0.98), (-0.5, belt))
        windows, hood, lean = int(rng.integers(1, 5)), None if short else (cowl, 0.475), u(0.03, 0.12)
    elif type_ == "bus":
        r, belt, roof, width, edge = u(0.042, 0.06), u(0.13, 0.22), u(0.27, 0.5), u(0.2, 0.32), u(0.02, 0.06)
        cabin = (0.49, 0.47, -0.48, -0.49)
        profile = ((0.5, belt), (-0.5, belt))
        windows, hood, lean, floor = int(rng.integers(5, 9)), None, u(0.01, 0.06), u(0.025, 0.04)
    else:
        r, belt, roof, width, edge = u(0.05, 0.075), u(0.16, 0.24), u(0.3, 0.44), u(0.22, 0.38), u(0.02, 0.05)
        nosed = rng.random() < 0.5
        cowl = u(0.28, 0.34) if nosed else 0.485
        cabin = (cowl, cowl - u(0.02, 0.06), cowl - u(0.16, 0.22), cowl - u(0.22, 0.24))
        profile = ((0.5, belt * 0.9), (cowl, belt), (cabin[3] - 0.01, belt), (cabin[3] - 0.03, 0.12), (-0.5, 0.12))
        windows, hood, lean, floor = 1, (cowl, 0.48) if nosed else None, u(0.02, 0.08), u(0.05, 0.06)
        extras.append(str(rng.choice(["box", "box", "tank", "flatbed"])))
    under = min(np.interp(z, *np.array(profile)[::-1].T) for z in (front, rear))
    if type_ not in ("lorry", "bus", "off-roader"):
        r = max(0.058, min(r, (under - 0.014) / 2.18))
    wheels: tuple[float, ...] = (front, rear)
    if type_ == "lorry":
        wheels = (0.36, rear, rear - 2.2 * r) if rng.random() < 0.6 else (0.36, -u(0.3, 0.36))
        wheels = tuple(max(z, -0.44) for z in wheels)
    if type_ in ("bus", "limousine"):
        wheels = (u(0.3, 0.36), -u(0.28, 0.34))
    load = (-0.5, cabin[3] - 0.04, u(0.3, 0.58)) if type_ == "lorry" else (0.0, 0.0, 0.0)
    return Plan(
        type_, width, floor, profile, cabin, roof, belt, wheels, r, edge, u(0.05, 0.16) if type_ not in ("bus", "lorry") else 0.03,
        lean, windows, hood, tuple(extras), load,
    )  # fmt: skip


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
    z = np.concatenate([0.5 - 0.06 * np.linspace(0, 1, 7) ** 2, np.linspace(0.42, -0.42, 36), -0.44 - 0.06 * (1 - np.linspace(1, 0, 7) ** 2)])
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
    levels = np.concatenate([np.linspace(low, plan.belt, 3), np.linspace(plan.belt, high - 0.03, 7)[1:], high - 0.03 + 0.03 * np.array([0.4, 0.75, 0.95, 1.0])])
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
    body, thick = lower(plan), max(0.055, 0.75 * plan.radius)
    half = plan.width / 2
    wheels: list[Manifold] = []
    solid, cut = [], []
    for z in plan.wheels:
        edge = float(breadth(plan, np.array([z]))[0])
        wheels += both(wheel(plan, z, thick))
        arch = lathe([[0, 0], [1.16 * plan.radius, 0], [1.16 * plan.radius, 0.3], [0, 0.3]], 36).rotate((0, 0, -90))
        cut += both(arch.translate((edge - 0.75 * thick, plan.radius, z)))
        if "fenders" in plan.extras:
            guard = ellipsoid((0.085, 1.42 * plan.radius, 2.0 * plan.radius), (edge - 0.06, plan.radius, z), 32)
            solid += both(guard.trim_by_plane((0, 1, 0), 0.6 * plan.radius))
    if plan.radius + 0.5 * plan.radius < plan.floor + 0.02:
        solid.append(box((2 * half - 2 * thick, 0.05, 0.9), 0.01, (0, plan.floor, 0)))
    solid += furniture(plan, half)
    if "bed" in plan.extras and plan.cabin:
        rear = plan.cabin[3] - 0.03
        floor = plan.belt - 0.11
        for wide, low in ((2 * half - 2.3 * thick, floor), (2 * half - 0.07, max(floor, 2.25 * plan.radius))):
            if low < plan.belt - 0.02:  # between the wheels, and above them
                cut.append(box((wide, 0.3, rear + 0.465), 0.01, (0, low + 0.15, (rear - 0.465) / 2)))
    roof: list[Manifold] = []
    if plan.cabin:
        if "open" in plan.extras:
            front, rear = plan.cabin[0] - 0.05, max(plan.cabin[3], plan.cabin[0] - 0.42)
            cut.append(box((2 * half - 0.1, 0.3, front - rear), 0.04, (0, plan.belt - 0.08 + 0.15, (front + rear) / 2)))
            for x in (-0.24 * plan.width, 0.24 * plan.width):  # seats
                solid.append(box((0.3 * plan.width, 0.11, 0.035), 0.015, (x, plan.belt - 0.02, rear + 0.1)))
                solid.append(box((0.3 * plan.width, 0.04, 0.14), 0.015, (x, plan.belt - 0.075, rear + 0.16)))
        else:
            roof.append(glazed(plan, plan.cabin))
            if "rack" in plan.extras:
                for z in np.linspace(plan.cabin[1] - 0.05, plan.cabin[2] + 0.05, 3):
                    wide = 0.8 * plan.width * (1 - plan.lean)
                    roof.append(box((wide, 0.022, 0.022), 0.006, (0, plan.roof + 0.004, float(z))))
                roof += both(box((0.022, 0.022, plan.cabin[1] - plan.cabin[2] - 0.06), 0.006, (wide / 2 - 0.02, plan.roof + 0.004, (plan.cabin[1] + plan.cabin[2]) / 2)))
    whole = (union([body, *solid]) - union(cut)) + windscreen(plan) if "open" in plan.extras else union([body, *solid]) - union(cut)
    hood = [bonnet(plan)] if plan.hood else []
    arches = union(cut[: 2 * len(plan.wheels)]) if cut else None
    return {"wheel": wheels, "roof": roof, "hood": [h - arches for h in hood] if arches else hood, "body": [whole]}


def windscreen(plan: Plan) -> Manifold:
    """The frame and pane in front of an open cockpit."""
    assert plan.cabin
    z, wide, tall = plan.cabin[0] - 0.02, 0.8 * plan.width, plan.roof - plan.belt + 0.02
    pane = box((wide, tall, 0.02), 0.008, (0, 0, 0)).rotate((-38, 0, 0))
    return pane.translate((0, plan.belt + 0.36 * tall, z - 0.3 * tall))


def bonnet(plan: Plan) -> Manifold:
    """A panel that stands a little above the body, from the windscreen to the nose."""
    assert plan.hood
    z = np.linspace(plan.hood[1], plan.hood[0] + 0.012, 14)
    y, w = top(plan, z), breadth(plan, z) * (0.6 if "fenders" in plan.extras else 0.86)
    round_ = np.sqrt(np.clip(1 - (1 - np.linspace(0, 1, 14) / 0.2) ** 2, 0, 1)) * (np.linspace(0, 1, 14) < 0.2) + (np.linspace(0, 1, 14) >= 0.2)
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
    if plan.cabin and plan.type != "bus" and "open" not in plan.extras:
        x = 0.965 * half + 0.008
        made += both(box((0.055, 0.03, 0.02), 0.008, (x, plan.belt + 0.012, plan.cabin[0] - 0.1 if plan.type != "lorry" else plan.cabin[1] - 0.03)))
    if "spoiler" in plan.extras:
        y = float(top(plan, np.array([-0.44]))[0])
        made += both(bar((0.6 * half, y - 0.03, -0.43), (0.6 * half, y + 0.04, -0.46), 0.022, 0.022))
        made.append(box((1.75 * half, 0.02, 0.075), 0.008, (0, y + 0.04, -0.465)))
    if "spare" in plan.extras:
        disc = lathe([[0, 0], [0.8 * plan.radius, 0], [plan.radius, 0.02], [plan.radius, 0.05], [0.8 * plan.radius, 0.07], [0, 0.07]], 30)
        made.append(disc.rotate((-90, 0, 0)).translate((0.0, 0.72 * plan.belt, -0.485)))
    rear, front, high = plan.box
    if "box" in plan.extras:
        made.append(box((plan.width, high - 0.1, front - rear), 0.015, (0, 0.05 + high / 2, (front + rear) / 2)))
    elif "tank" in plan.extras:
        tall = 0.75 * (high - 0.1)
        shape = [[0, rear], [0.42 * plan.width, rear], [0.48 * plan.width, rear + 0.03], [0.48 * plan.width, front - 0.03], [0.42 * plan.width, front], [0, front]]
        made.append(lathe(shape, 36).rotate((90, 0, 0)).scale((1, tall / plan.width / 0.96, 1)).translate((0, 0.1 + tall / 2, 0)))
    elif "flatbed" in plan.extras:
        made.append(box((plan.width, 0.03, front - rear), 0.01, (0, 0.13, (front + rear) / 2)))
        made.append(box((plan.width, 0.09, 0.025), 0.01, (0, 0.165, front - 0.012)))
    return made


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    load = next((e for e in plan.extras if e in ("box", "tank", "flatbed", "bed")), "none")
    open_ = "open" in plan.extras
    attributes: dict[str, str | int | bool] = {
        "type": plan.type, "wheels": 2 * len(plan.wheels), "bonnet": plan.hood is not None, "roof": not open_,
        "windows": 0 if open_ else plan.windows, "load": load, "spoiler": "spoiler" in plan.extras,
        "roof_rack": "rack" in plan.extras, "spare_wheel": "spare" in plan.extras,
    }  # fmt: skip
    phrases = [f"{('four', 'six')[len(plan.wheels) - 2]} wheels", "a bonnet" if plan.hood else "a flat front"]
    if open_:
        phrases.append("an open top")
    else:
        count = ("one window", "two windows", "three windows", "four windows", "five windows", "six windows", "seven windows", "eight windows")
        phrases.append(f"{count[plan.windows - 1]} on each side")
    phrases += {"box": ["a box body"], "tank": ["a tank"], "flatbed": ["a flat bed"], "bed": ["an open load bed"], "none": []}[load]
    phrases += ["a rear spoiler"] * ("spoiler" in plan.extras) + ["a roof rack"] * ("rack" in plan.extras)
    phrases += ["a spare wheel at the back"] * ("spare" in plan.extras)
    tall = "tall" if plan.roof > 0.44 else "flat" if plan.roof < 0.25 and plan.type not in ("limousine",) and not open_ else ""
    wide = "narrow" if plan.width < 0.25 and plan.type != "limousine" else "wide" if plan.width > 0.47 else ""
    return attributes, [w for w in (tall, wide) if w], phrases
