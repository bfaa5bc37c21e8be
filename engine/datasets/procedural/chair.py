"""Chairs: what to build; ``chair_parts`` builds it. A sitting person looks along +Z; the floor is y = 0."""

from dataclasses import dataclass

from numpy.random import Generator


@dataclass(frozen=True)
class Plan:
    """A chair; lengths in units of about one metre."""

    type: str
    width: float
    depth: float
    height: float  # of the seat's upper face
    seat: str = "square"  # square | round | rounded | tapered
    thick: float = 0.05  # of the seat
    belly: float = 0.0
    back: str = "panel"  # panel | slats | ladder | hoop | oval | frame | tub | cushion | low rail | none
    rise: float = 0.45  # of the back over the seat
    lean: float = 0.15  # tangent of the back's angle
    curve: float = 0.0  # how far the back's middle lies behind its edges
    flare: float = 1.0  # width of the back's top, of its foot
    bars: int = 4
    leg: str = "four"  # four | three | star | disc | sled | cantilever | panel | cross | block
    gauge: float = 0.04  # thickness of legs
    square: bool = False
    splay: float = 0.0
    slim: float = 0.7  # a leg's thickness at the floor, of that at the seat
    stretcher: bool = False
    arm: str = "none"  # none | post | loop | block
    lift: float = 0.2  # of the arms over the seat


def draw(rng: Generator) -> Plan:
    u = rng.uniform

    def one(*options: str) -> str:
        return str(rng.choice(options))

    kinds = ["dining chair", "armchair", "office chair", "stool", "bar stool", "lounge chair", "cantilever chair",
             "tub chair", "side chair", "wing chair"]  # fmt: skip
    kind = str(rng.choice(kinds, p=[0.2, 0.12, 0.12, 0.07, 0.07, 0.1, 0.09, 0.07, 0.1, 0.06]))
    backs = one("panel", "slats", "ladder", "hoop", "oval", "frame", "low rail")
    gauge = u(0.026, 0.05)
    curve, bars, square = u(0.0, 0.08), int(rng.integers(2, 7)), bool(rng.random() < 0.5)
    if kind in ("dining chair", "side chair"):
        return Plan(
            kind, u(0.38, 0.54), u(0.38, 0.5), u(0.42, 0.5), one("square", "rounded", "tapered", "round"), u(0.03, 0.08),
            u(0, 0.02), backs, u(0.3, 0.65), u(0.05, 0.25), flare=u(0.75, 1.15), gauge=gauge,
            leg="four" if kind == "dining chair" else one("three", "cross", "sled", "panel", "four", "disc"),
            splay=u(0, 0.25) if rng.random() < 0.6 else 0.0, slim=u(0.5, 1.0), stretcher=bool(rng.random() < 0.35),
            arm=one("none", "none", "none", "post", "loop"), lift=u(0.17, 0.26), curve=curve, bars=bars, square=square,
        )  # fmt: skip
    if kind == "armchair":
        return Plan(
            kind, u(0.55, 0.85), u(0.5, 0.7), u(0.34, 0.46), one("square", "rounded"), u(0.1, 0.24), u(0.01, 0.04), "cushion",
            u(0.32, 0.6), u(0.1, 0.3), flare=u(0.9, 1.1), gauge=u(0.04, 0.07), leg=one("four", "four", "block", "sled"),
            splay=u(0, 0.3), slim=u(0.5, 0.9), arm=one("block", "block", "post", "loop"), lift=u(0.12, 0.26),
            curve=curve, bars=bars, square=square,
        )  # fmt: skip
    if kind == "office chair":
        return Plan(
            kind, u(0.44, 0.58), u(0.44, 0.54), u(0.42, 0.56), one("rounded", "round", "square"), u(0.05, 0.1), u(0.01, 0.03),
            one("panel", "cushion", "oval", "ladder", "slats"), u(0.4, 0.8), u(0.05, 0.25), flare=u(0.7, 1.05), leg="star",
            gauge=u(0.035, 0.05), arm=one("none", "post", "loop", "loop"), lift=u(0.18, 0.26), curve=curve,
            bars=bars, square=square,
        )  # fmt: skip
    if kind in ("stool", "bar stool"):
        tall = kind == "bar stool"
        back = "none" if rng.random() < (0.6 if tall else 1.0) else one("low rail", "panel", "hoop", "tub")
        return Plan(
            kind, u(0.32, 0.46), u(0.32, 0.42), u(0.62, 0.85) if tall else u(0.34, 0.5), one("round", "square", "rounded"),
            u(0.03, 0.12), u(0, 0.025), back, u(0.15, 0.32), u(0.05, 0.15),
            leg=one("four", "four", "three", "disc", "sled", "star"), gauge=gauge, splay=u(0.05, 0.25),
            slim=u(0.6, 1.0), stretcher=bool(tall or rng.random() < 0.5),
            curve=curve, bars=bars, square=square,
        )  # fmt: skip
    if kind == "lounge chair":
        return Plan(
            kind, u(0.55, 0.75), u(0.55, 0.75), u(0.3, 0.4), one("square", "rounded"), u(0.05, 0.14), u(0, 0.03),
            one("panel", "slats", "ladder", "cushion", "frame"), u(0.4, 0.65), u(0.35, 0.7), flare=u(0.8, 1.05), gauge=gauge,
            leg=one("four", "sled", "cross", "star", "panel"), splay=u(0, 0.35), slim=u(0.6, 1.0),
            arm=one("none", "post", "loop"), lift=u(0.14, 0.22), curve=curve, bars=bars, square=square,
        )  # fmt: skip
    if kind == "cantilever chair":
        return Plan(
            kind, u(0.42, 0.56), u(0.42, 0.52), u(0.42, 0.5), one("square", "rounded"), u(0.03, 0.06), u(0, 0.012),
            one("panel", "ladder", "frame", "slats"), u(0.35, 0.6), u(0.05, 0.3), leg="cantilever", gauge=u(0.026, 0.036),
            arm=one("none", "loop", "post"), lift=u(0.18, 0.24), curve=curve, bars=bars, square=square,
        )  # fmt: skip
    if kind == "tub chair":
        return Plan(
            kind, u(0.5, 0.72), u(0.46, 0.6), u(0.36, 0.48), "round", u(0.06, 0.14), u(0.01, 0.03), "tub", u(0.2, 0.5),
            u(0.05, 0.2), leg=one("four", "disc", "star", "three"), gauge=gauge, splay=u(0, 0.3), slim=u(0.5, 0.9),
            curve=curve, bars=bars, square=square,
        )  # fmt: skip
    return Plan(
        kind, u(0.55, 0.75), u(0.5, 0.65), u(0.38, 0.46), "square", u(0.08, 0.18), u(0.01, 0.03), "cushion", u(0.6, 0.85),
        u(0.08, 0.25), flare=u(0.85, 1.05), gauge=u(0.04, 0.055), splay=u(0, 0.2), slim=u(0.5, 0.8), arm="block",
        lift=u(0.18, 0.26), curve=curve, bars=bars, square=square,
    )  # fmt: skip


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "seat": plan.seat,
        "back": plan.back,
        "legs": plan.leg,
        "arms": plan.arm != "none",
        "arm": plan.arm,
        "stretcher": plan.stretcher and plan.leg in ("four", "three"),
    }
    legs = {
        "four": "four legs",
        "three": "three legs",
        "star": "a star base on castors",
        "disc": "a pedestal foot",
        "sled": "sled legs",
        "cantilever": "a cantilever frame",
        "panel": "solid side panels",
        "cross": "crossed legs",
        "block": "a solid base",
    }
    backs = {
        "panel": "a solid back",
        "slats": f"a back of {plan.bars} slats",
        "ladder": "a ladder back",
        "hoop": "a hoop back",
        "oval": "an oval back",
        "frame": "a framed back",
        "tub": "a wrap-around back",
        "cushion": "a cushioned back",
        "low rail": "an open back",
        "none": "no back",
    }
    arms = {"none": "no arms", "post": "armrests", "loop": "looped arms", "block": "solid arms"}
    splayed = plan.leg in ("four", "three") and plan.splay > 0.15
    phrases = [
        ("splayed " if splayed else "") + legs[plan.leg] if not splayed else f"{plan.leg} splayed legs",
        backs[plan.back],
    ]
    phrases += [arms[plan.arm], f"a {plan.seat} seat"]
    phrases += ["stretchers"] * bool(attributes["stretcher"])
    build_ = plan.height + plan.rise * (plan.back != "none")
    tall = "tall" if build_ > 1.1 else "low" if build_ < 0.72 and plan.type != "stool" else ""
    return attributes, [tall] if tall else [], phrases
