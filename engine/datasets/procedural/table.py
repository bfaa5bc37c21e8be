"""Tables: what to build; ``table_parts`` builds it. The floor is y = 0; lengths are about metres."""

from dataclasses import dataclass

from numpy.random import Generator


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

    type_ = str(rng.choice(["dining table", "coffee table", "side table", "desk", "console table", "bar table",
    "nightstand", "bench table"],
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
        leg = {"panel": "drum", "sled": "cross", "trestle": "twin pedestal" if top == "oval" else "pedestal"}.get(
            leg, leg
        )
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


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    count = plan.drawers
    if plan.type == "desk" and plan.drawers > 2:
        count = (plan.drawers - 1) * (2 if plan.square else 1)
    turned = plan.leg in ("four", "three") and plan.curl > 0.8 and plan.splay == 0
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "top": plan.top,
        "legs": plan.leg,
        "drawers": count,
        "stretcher": plan.stretcher,
        "apron": plan.apron,
        "turned": turned,
    }
    legs = {
        "four": "four legs",
        "three": "three legs",
        "pedestal": "a pedestal",
        "twin pedestal": "two pedestals",
        "trestle": "trestle legs",
        "sled": "sled legs",
        "panel": "solid side panels",
        "hairpin": "hairpin legs",
        "cross": "crossed legs",
        "drum": "a drum base",
        "cabinet": "short feet",
    }[plan.leg]
    if turned or (plan.leg in ("four", "three") and plan.splay > 0.12):
        legs = f"{plan.leg} {'turned' if turned else 'splayed'} legs"
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
    phrases = [f"a {plan.top} top" if plan.top != "oval" else "an oval top", legs]
    phrases += [f"{numbers[count]} drawer{'s' * (count > 1)}"] * (count > 0)
    phrases += {"none": [], "sides": ["stretchers"], "H": ["an H-shaped stretcher"], "shelf": ["a shelf below"]}[
        plan.stretcher
    ]
    low = "low" if plan.height < 0.36 * max(plan.width, 0.9) else "tall" if plan.height > 1.35 * plan.width else ""
    return attributes, [low] if low else [], phrases
