"""Cars: what to build; ``car_parts`` builds it. Length about 1, front at z = +0.5, the road at y = 0."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator


@dataclass(frozen=True)
class Plan:
    """A car in units of its length."""

    type: str
    width: float
    floor: float  # y of the underside
    profile: tuple[tuple[float, float], ...]  # (z, y) of the lower body's upper edge, from the nose to the tail
    cabin: tuple[float, float, float, float]  # z of windscreen foot, roof front, roof rear, rear window foot
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
    profile: tuple[tuple[float, float], ...]
    cabin: tuple[float, float, float, float]
    hood: tuple[float, float] | None
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
        profile = (
            (0.5, nose - 0.04),
            (0.46, nose),
            (cowl, belt),
            (boot, belt),
            (-0.47, belt * u(0.86, 1.0)),
            (-0.5, belt - 0.05),
        )
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
        profile = (
            (0.5, 0.08),
            (0.45, u(0.11, 0.14)),
            (0.32, belt * 0.95),
            (cowl, belt),
            (tail, belt * u(0.98, 1.1)),
            (-0.47, belt * u(0.9, 1.08)),
            (-0.5, belt - 0.04),
        )
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
        r = max(0.045, min(r, (under - 0.014) / 2.18))
    wheels: tuple[float, ...] = (front, rear)
    if type_ == "lorry":
        wheels = (0.36, rear, rear - 2.2 * r) if rng.random() < 0.6 else (0.36, -u(0.3, 0.36))
        wheels = tuple(max(z, -0.44) for z in wheels)
    if type_ in ("bus", "limousine"):
        wheels = (u(0.3, 0.36), -u(0.28, 0.34))
    load = (-0.5, cabin[3] - 0.04, u(0.3, 0.58)) if type_ == "lorry" else (0.0, 0.0, 0.0)
    return Plan(
        type_, width, floor, profile, cabin, roof, belt, wheels, r, edge, u(0.05, 0.16) if type_ not in ("bus",
        "lorry") else 0.03,
        lean, windows, hood, tuple(extras), load,
    )  # fmt: skip


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    load = next((e for e in plan.extras if e in ("box", "tank", "flatbed", "bed")), "none")
    open_ = "open" in plan.extras
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "wheels": 2 * len(plan.wheels),
        "bonnet": plan.hood is not None,
        "roof": not open_,
        "windows": 0 if open_ else plan.windows,
        "load": load,
        "spoiler": "spoiler" in plan.extras,
        "roof_rack": "rack" in plan.extras,
        "spare_wheel": "spare" in plan.extras,
    }
    phrases = [f"{('four', 'six')[len(plan.wheels) - 2]} wheels", "a bonnet" if plan.hood else "a flat front"]
    if open_:
        phrases.append("an open top")
    else:
        count = (
            "one window",
            "two windows",
            "three windows",
            "four windows",
            "five windows",
            "six windows",
            "seven windows",
            "eight windows",
        )
        phrases.append(f"{count[plan.windows - 1]} on each side")
    phrases += {
        "box": ["a box body"],
        "tank": ["a tank"],
        "flatbed": ["a flat bed"],
        "bed": ["an open load bed"],
        "none": [],
    }[load]
    phrases += ["a rear spoiler"] * ("spoiler" in plan.extras) + ["a roof rack"] * ("rack" in plan.extras)
    phrases += ["a spare wheel at the back"] * ("spare" in plan.extras)
    tall = (
        "tall"
        if plan.roof > 0.44
        else "flat"
        if plan.roof < 0.25 and plan.type not in ("limousine",) and not open_
        else ""
    )
    wide = "narrow" if plan.width < 0.25 and plan.type != "limousine" else "wide" if plan.width > 0.47 else ""
    return attributes, [w for w in (tall, wide) if w], phrases
