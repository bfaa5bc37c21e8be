"""Lamps: what to build; ``lamp_parts`` builds it. Standing lamps start at y = 0, hanging ones end at their ceiling."""

from dataclasses import dataclass

from numpy.random import Generator


@dataclass(frozen=True)
class Plan:
    """A lamp in units of about its height."""

    type: str  # floor lamp | table lamp | desk lamp | pendant lamp | arc lamp | chandelier | wall lamp
    height: float  # of the shade's fitting
    base: str  # disc | square | dome | tripod | vase | block | clamp | cross | none
    spread: float  # radius of the base
    rise: float  # height of the base
    pole: str  # straight | articulated | arc | gooseneck | turned | double | none
    gauge: float  # thickness of the pole
    shade: str  # drum | cone | empire | dome | bell | globe | tube | disc | square
    top: float  # radius of the shade's upper rim
    foot: float  # of its lower rim
    tall: float
    arms: int = 1  # number of shades
    tilt: float = 0.0  # of the shade, degrees
    bend: float = 0.5
    wave: float = 0.0


def draw(rng: Generator) -> Plan:
    u = rng.uniform

    def one(*options: str) -> str:
        return str(rng.choice(options))

    type_ = str(
        rng.choice(
            ["floor lamp", "table lamp", "desk lamp", "pendant lamp", "arc lamp", "chandelier"],
            p=[0.2, 0.28, 0.19, 0.15, 0.09, 0.09],
        )
    )
    shade = one("drum", "cone", "empire", "dome", "bell", "globe", "square")
    gauge = u(0.022, 0.035)

    def rims(size: float) -> tuple[float, float, float]:
        """Upper and lower radius and height of a shade of about this radius."""
        big, tall = size * u(0.85, 1.2), size * u(0.9, 1.9)
        upper = {"drum": u(0.85, 1.0), "cone": u(0.12, 0.35), "empire": u(0.45, 0.75), "dome": 0.2, "bell": u(0.25, 0.5),
                 "globe": 0.3, "square": u(0.5, 1.0)}.get(shade, 0.5)  # fmt: skip
        tall = {"dome": size * u(0.6, 1.0), "globe": 2 * big * u(0.85, 1.2), "cone": size * u(0.7, 1.5)}.get(
            shade, tall
        )
        return big * upper, big, tall

    if type_ == "floor lamp":
        base = one("disc", "disc", "square", "tripod", "cross", "dome")
        pole = one("straight", "straight", "turned", "double", "gooseneck")
        arms = 1 if pole == "gooseneck" else int(rng.choice([1, 1, 1, 1, 2, 3]))
        return Plan(type_, 1.0, base, u(0.11, 0.19), u(0.02, 0.05), pole, gauge, shade, *rims(u(0.1, 0.21)), arms=arms,
                    bend=u(0.3, 0.8), wave=u(0, 1))  # fmt: skip
    if type_ == "table lamp":
        base = one("vase", "vase", "vase", "disc", "block", "dome", "square", "tripod")
        wide = u(0.13, 0.26)
        rise = u(0.28, 0.5) if base in ("vase", "block") else u(0.03, 0.06)
        return Plan(
            type_, u(0.5, 0.75), base, wide, rise, one("straight", "turned", "double"), gauge * 1.1, shade,
            *rims(u(0.2, 0.36)), bend=u(0.2, 0.8), wave=u(0, 1),
        )  # fmt: skip
    if type_ == "desk lamp":
        shade = one("cone", "dome", "bell", "drum", "tube")
        base, pole = one("disc", "square", "dome", "clamp"), one("articulated", "articulated", "gooseneck")
        return Plan(
            type_, u(0.6, 0.9), base, u(0.13, 0.2), u(0.03, 0.06), pole, gauge, shade,
            *rims(u(0.11, 0.19)), tilt=u(-10, 55), bend=u(0.15, 0.9), wave=u(0, 1),
        )  # fmt: skip
    if type_ == "pendant lamp":
        return Plan(type_, u(0.25, 0.8), "none", u(0.07, 0.13), u(0.025, 0.06), "straight", gauge, shade, *rims(u(0.2, 0.42)),
                    arms=int(rng.choice([1, 1, 1, 3])), wave=u(0, 1))  # fmt: skip
    if type_ == "arc lamp":
        shade = one("dome", "drum", "globe", "bell", "cone")
        base = one("disc", "square", "block")
        return Plan(
            type_, u(0.85, 1.0), base, u(0.12, 0.17), u(0.04, 0.09), "arc", gauge, shade,
            *rims(u(0.11, 0.2)), bend=u(0.3, 0.85),
        )  # fmt: skip
    shade = one("cone", "bell", "globe", "drum", "empire", "dome")
    return Plan(type_, u(0.3, 0.6), "none", u(0.07, 0.1), u(0.03, 0.05), "straight", gauge, shade, *rims(u(0.08, 0.125)),
                arms=int(rng.integers(3, 7)), bend=u(0.24, 0.42), wave=u(0, 1))  # fmt: skip


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    pole = plan.pole
    if pole == "double" and (plan.arms > 1 or plan.base in ("tripod", "vase", "cross")):
        pole = "straight"
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "base": plan.base,
        "pole": pole,
        "shade": plan.shade,
        "shades": plan.arms,
        "hanging": plan.base == "none",
    }
    numbers = ("", "a", "two", "three", "four", "five", "six")
    shade = {
        "drum": "drum",
        "cone": "cone",
        "empire": "tapered",
        "dome": "dome",
        "bell": "bell-shaped",
        "globe": "globe",
        "tube": "tube",
        "square": "square",
    }[plan.shade]
    phrases = [f"{numbers[plan.arms]} {shade} shade{'s' * (plan.arms > 1)}"]
    bases = {
        "disc": "a round base",
        "square": "a square base",
        "dome": "a domed base",
        "tripod": "a tripod",
        "vase": "a vase-shaped base",
        "block": "a block base",
        "clamp": "a small square base",
        "cross": "a cross-shaped foot",
        "none": "a ceiling canopy",
    }
    poles = {
        "straight": "a straight pole",
        "articulated": "a jointed arm",
        "arc": "an arched pole",
        "gooseneck": "a gooseneck",
        "turned": "a turned pole",
        "double": "two poles",
    }
    if plan.base != "none":
        stand = poles[pole]
    elif plan.type == "pendant lamp":
        stand = "a straight cord" if plan.arms == 1 else f"{numbers[plan.arms]} cords"
    else:
        stand = f"{numbers[plan.arms]} arms"
    phrases += [bases[plan.base], stand]
    wide = "slim" if plan.foot < 0.11 and plan.arms == 1 else "wide-shaded" if plan.foot > 0.3 else ""
    return attributes, [wide] if wide else [], phrases
