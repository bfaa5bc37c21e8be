"""Aeroplanes: what to build. A plan is drawn for one of ten types; ``airplane_parts`` builds it."""

from dataclasses import dataclass, replace

from numpy.random import Generator

TYPES: dict[str, float] = {
    "airliner": 0.17, "business jet": 0.1, "light aircraft": 0.16, "glider": 0.06, "fighter": 0.15, "biplane": 0.12,
    "flying boat": 0.08, "flying wing": 0.05, "transport": 0.08, "delta airliner": 0.03,
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """An aeroplane in units of its fuselage length; z from +0.5 (nose) to -0.5 (tail)."""

    type: str
    width: float = 0.1  # of the fuselage
    height: float = 0.1
    exponent: float = 2.0  # of its cross-section: 2 round, 3 boxy
    nose: float = 0.15  # length of the nose, of the tail cone
    tail: float = 0.4
    point: float = 2.0  # 2 a round nose, 1.2 a pointed one
    droop: float = 0.2  # how far the nose sinks, of half the height
    upsweep: float = 0.6  # how far the tail rises
    thin: float = 0.2  # size of the tail's end, of the fuselage
    canopy: float = 0.0  # length of a cockpit bubble
    canopy_at: float = 0.2
    wing: str = "swept"  # swept | straight | delta | elliptical | forward-swept
    span: float = 1.0
    chord: float = 0.16  # at the root
    taper: float = 0.3
    sweep: float = 0.5  # tangent of the leading edge's angle
    crank: float = 0.0  # extra chord at the root of an airliner's wing
    dihedral: float = 0.08
    wing_at: float = 0.12  # z of the root's leading edge
    level: str = "low"  # low | mid | high
    thickness: float = 0.12
    winglet: float = 0.0
    biplane: bool = False
    gap: float = 0.15  # between the wings of a biplane
    stagger: float = 0.03  # how far its upper wing lies in front
    lower: float = 1.0  # span of its lower wing, of the upper one's
    canard: float = 0.0  # span
    engines: int = 2
    kind: str = "jet"  # jet | propeller
    place: str = "wing"  # wing | rear | nose | over wing | body | none
    size: float = 0.03  # radius of an engine
    blades: int = 3
    finish: str = (
        "conventional"  # tail: conventional | T-tail | V-tail | twin fins | cruciform | twin boom | single fin | none
    )
    fin: float = 0.16  # height
    fin_chord: float = 0.15
    fin_sweep: float = 0.7
    tailplane: float = 0.36  # span
    gear: str = "none"  # none | wheels | floats
    tanks: bool = False


def draw(rng: Generator) -> Plan:
    """A random aeroplane that could fly, more or less."""
    type_ = str(rng.choice(list(TYPES), p=list(TYPES.values())))
    u = rng.uniform

    def one(*options: str) -> str:
        return str(rng.choice(options))

    if type_ == "airliner":
        engines = int(rng.choice([2, 2, 2, 3, 4]))
        place = "rear" if engines == 3 else one("wing", "wing", "wing", "rear")
        w = u(0.065, 0.155)
        plan = Plan(
            type_, w, w * u(0.95, 1.3), u(2, 2.4), u(0.1, 0.2), u(0.25, 0.45), u(1.7, 2.3), u(0.1, 0.4), u(0.4, 0.8),
            span=u(0.7, 1.3), chord=u(0.12, 0.23), taper=u(0.18, 0.5), sweep=u(0.25, 0.9), crank=u(0.0, 0.13),
            dihedral=u(0.0, 0.19), winglet=u(0.03, 0.1) if rng.random() < 0.4 else 0.0, engines=engines, place=place,
            size=u(0.024, 0.05) * (0.8 if engines == 4 else 1), fin=u(0.11, 0.23), fin_chord=u(0.13, 0.21),
            fin_sweep=u(0.5, 0.95), tailplane=u(0.27, 0.5), wing_at=u(0.03, 0.24) - (0.1 if place == "rear" else 0),
            finish="T-tail" if place == "rear" else one("conventional", "conventional", "cruciform"),
        )  # fmt: skip
    elif type_ == "business jet":
        w = u(0.075, 0.15)
        plan = Plan(
            type_, w, w * u(1, 1.15), u(2, 2.2), u(0.2, 0.3), u(0.35, 0.5), u(1.4, 1.9), u(0.2, 0.5), u(0.2, 0.7),
            span=u(0.7, 1.4), chord=u(0.12, 0.23), taper=u(0.22, 0.6), sweep=u(0.1, 0.75), dihedral=u(0.0, 0.15),
            wing=one("swept", "swept", "straight", "forward-swept"), winglet=u(0.04,
            0.1) if rng.random() < 0.5 else 0.0, wing_at=u(-0.06, 0.12),
            engines=2, place=one("rear", "rear", "over wing"), size=u(0.028, 0.048), fin=u(0.13, 0.25),
            fin_sweep=u(0.6, 1.0), tailplane=u(0.28, 0.42), finish=one("T-tail", "T-tail", "cruciform", "V-tail"),
            tanks=rng.random() < 0.25,
        )  # fmt: skip
    elif type_ == "light aircraft":
        engines = int(rng.choice([1, 1, 2]))
        w = u(0.1, 0.19)
        plan = Plan(
            type_, w, w * u(1.0, 1.5), u(2.2, 3.2), u(0.12, 0.22), u(0.5, 0.62), u(1.8, 2.6), u(0.0, 0.4), u(0.2, 0.6),
            u(0.18, 0.35), canopy=u(0.28, 0.42), canopy_at=u(0.02, 0.12), wing=one("straight", "straight", "elliptical"),
            span=u(0.9, 1.75), chord=u(0.15, 0.3), taper=u(0.35, 1.0), sweep=u(0.0, 0.12), dihedral=u(0.0, 0.14),
            wing_at=u(0.06, 0.23), level=one("low", "high", "mid"), engines=engines, kind="propeller",
            place="nose" if engines == 1 else "wing", size=u(0.035, 0.05), blades=int(rng.choice([2, 3])),
            finish=one("conventional", "conventional", "T-tail", "V-tail", "cruciform", "twin boom"), fin=u(0.13, 0.27),
            fin_chord=u(0.12, 0.2), fin_sweep=u(0.2, 0.9), tailplane=u(0.32, 0.6),
            gear=one("wheels", "wheels", "none", "floats"),
        )  # fmt: skip
    elif type_ == "glider":
        w = u(0.075, 0.13)
        plan = Plan(
            type_, w, w * u(1.1, 1.4), 2.0, u(0.2, 0.3), u(0.55, 0.7), u(1.5, 2.0), u(0.2, 0.6), u(0.1, 0.5), u(0.2, 0.3),
            canopy=u(0.22, 0.32), canopy_at=u(0.22, 0.3), wing=one("straight", "elliptical", "forward-swept"),
            span=u(1.4, 2.5), chord=u(0.11, 0.2), taper=u(0.3, 0.8), sweep=u(0.0, 0.1), dihedral=u(0.0, 0.16),
            wing_at=u(0.04, 0.24), level=one("mid", "high"), winglet=u(0.05, 0.1) if rng.random() < 0.4 else 0.0,
            engines=0, place="none", finish=one("T-tail", "T-tail", "V-tail", "conventional"), fin=u(0.16, 0.3),
            fin_chord=u(0.12, 0.19), fin_sweep=u(0.1, 0.6), tailplane=u(0.32, 0.6), thickness=0.13,
        )  # fmt: skip
    elif type_ == "fighter":
        w = u(0.08, 0.17)
        wing = one("delta", "delta", "swept", "swept", "straight", "forward-swept")
        plan = Plan(
            type_, w, w * u(0.75, 1.0), u(2.2, 3.5), u(0.3, 0.45), u(0.2, 0.35), u(1.15, 1.5), u(0.0, 0.4), u(-0.1, 0.2),
            u(0.55, 0.8), canopy=u(0.2, 0.3), canopy_at=u(0.16, 0.24), wing=wing, span=u(0.48, 0.95),
            chord=u(0.38, 0.66) if wing == "delta" else u(0.17, 0.37), taper=u(0.05,
            0.2) if wing == "delta" else u(0.25, 0.5),
            sweep=u(0.8, 1.7) if wing == "delta" else u(0.3, 1.1), dihedral=u(-0.15, 0.1), wing_at=u(-0.04, 0.16),
            level=one("low", "mid", "high"), engines=int(rng.choice([1, 2])), place="body", size=u(0.03, 0.042),
            finish=one("conventional", "conventional", "twin fins", "single fin" if wing == "delta" else "T-tail"),
            fin=u(0.11, 0.25), fin_chord=u(0.14, 0.26), fin_sweep=u(0.5, 1.3), tailplane=u(0.28, 0.5), thickness=0.07,
            canard=u(0.26, 0.36) if rng.random() < 0.35 else 0.0, tanks=rng.random() < 0.2,
        )  # fmt: skip
        if plan.wing == "delta":
            plan = replace(plan, wing_at=u(0.1, 0.2))
    elif type_ == "biplane":
        w = u(0.1, 0.19)
        plan = Plan(
            type_, w, w * u(1.0, 1.4), u(2.0, 3.2), u(0.06, 0.14), u(0.6, 0.75), u(2.2, 3.0), 0.0, u(0.1, 0.6), u(0.2, 0.4),
            canopy=u(0.1, 0.16), canopy_at=u(-0.06, 0.04), wing=one("straight", "straight", "elliptical", "swept"),
            span=u(0.8, 1.7),
            chord=u(0.13, 0.27), taper=u(0.75, 1.0), sweep=u(0.15, 0.3), dihedral=u(0.0, 0.11), wing_at=u(0.14,
            0.3), level="low", biplane=True,
            gap=u(0.11, 0.26), stagger=u(-0.06, 0.1), lower=u(0.5, 1.0), engines=int(rng.choice([1, 1, 1, 2])),
            kind="propeller", place="nose", size=u(0.04, 0.055),
            blades=int(rng.choice([2, 2, 4])), finish=one("conventional", "conventional", "cruciform"), fin=u(0.13, 0.2),
            fin_chord=u(0.12, 0.18), fin_sweep=u(0.1, 0.7), tailplane=u(0.34, 0.5), gear=one("wheels", "wheels", "floats"),
        )  # fmt: skip
        if plan.engines == 2:
            plan = replace(plan, place="wing", size=u(0.032, 0.04), span=u(1.2, 1.6))
    elif type_ == "flying boat":
        w = u(0.1, 0.18)
        plan = Plan(
            type_, w, w * u(1.2, 1.6), u(2.2, 3.0), u(0.15, 0.3), u(0.45, 0.6), u(1.5, 2.2), u(-0.3, 0.2), u(0.6, 1.0),
            u(0.2, 0.3), wing=one("straight", "elliptical"), span=u(1.0, 1.8), chord=u(0.14, 0.26), taper=u(0.35, 1.0),
            sweep=u(0.0, 0.15), dihedral=u(-0.02, 0.12), wing_at=u(0.06, 0.22), level="high",
            engines=int(rng.choice([1, 2, 2, 4])), kind="propeller", size=u(0.032, 0.045), blades=int(rng.choice([3, 4])),
            place="wing", finish=one("conventional", "T-tail", "cruciform", "twin fins"), fin=u(0.18, 0.26),
            fin_chord=u(0.14, 0.2), fin_sweep=u(0.3, 0.8), tailplane=u(0.38, 0.52), gear="floats",
        )  # fmt: skip
        if plan.engines == 1:
            plan = replace(plan, place="over wing")
    elif type_ == "flying wing":
        w = u(0.22, 0.32)
        plan = Plan(
            type_, w, w * u(0.38, 0.55), 2.0, 0.4, 0.5, u(1.5, 2.2), 0.0, 0.0, 0.3, wing=one("swept", "swept", "delta"),
            span=u(1.4, 2.8), chord=u(0.5, 0.95), taper=u(0.1, 0.5), sweep=u(0.3, 0.95), dihedral=u(-0.04, 0.12),
            wing_at=u(0.28, 0.36), level="mid", thickness=0.11, winglet=u(0.1, 0.2) if rng.random() < 0.4 else 0.0,
            engines=int(rng.choice([0, 2, 2, 4])), place="over wing", size=u(0.04, 0.055), finish="none",
        )  # fmt: skip
        if plan.engines == 0:
            plan = replace(plan, place="none")
    elif type_ == "transport":
        kind = one("propeller", "propeller", "jet")
        w = u(0.115, 0.2)
        plan = Plan(
            type_, w, w * u(0.95, 1.2), u(2.1, 2.8), u(0.12, 0.2), u(0.4, 0.5), u(1.9, 2.5), u(0.0, 0.4), u(0.6, 0.95),
            span=u(0.9, 1.5), chord=u(0.14, 0.25), taper=u(0.25, 0.75), wing="straight" if kind == "propeller" else "swept",
            sweep=u(0.02, 0.12) if kind == "propeller" else u(0.35, 0.55), dihedral=u(-0.13, 0.08), level="high",
            wing_at=u(0.1, 0.2), engines=int(rng.choice([2, 4])), kind=kind, size=u(0.03, 0.038),
            blades=int(rng.choice([3, 4])), finish=one("T-tail", "conventional", "conventional", "twin fins"),
            fin=u(0.17, 0.25), fin_chord=u(0.16, 0.22), fin_sweep=u(0.4, 0.8), tailplane=u(0.4, 0.55),
        )  # fmt: skip
    else:
        w = u(0.055, 0.075)
        plan = Plan(
            type_, w, w * u(1.0, 1.1), 2.0, u(0.25, 0.35), u(0.25, 0.35), u(1.2, 1.4), u(0.3, 0.8), 0.2, 0.3, wing="delta",
            span=u(0.42, 0.6), chord=u(0.5, 0.65), taper=u(0.08, 0.16), sweep=u(1.5, 2.2), dihedral=u(-0.03, 0.03),
            wing_at=u(0.16, 0.24), thickness=0.04, engines=int(rng.choice([2, 4])), size=u(0.022, 0.027),
            finish="single fin", tailplane=0.0, fin=u(0.12, 0.17), fin_chord=u(0.22, 0.28),
            fin_sweep=u(0.9, 1.3),
        )  # fmt: skip
    if plan.tanks:
        plan = replace(plan, winglet=0.0)  # a wing's tip has one or the other
    if plan.wing in ("straight", "elliptical"):
        plan = replace(plan, sweep=min(plan.sweep, 0.12), crank=0.0)
    return plan


def words(plan: Plan) -> tuple[dict[str, str | int | bool], list[str], list[str]]:
    """What a plan is: attributes, adjectives for the front of a caption, phrases for its end."""
    attributes: dict[str, str | int | bool] = {
        "type": plan.type,
        "engines": plan.engines,
        "engine": plan.kind if plan.engines else "none",
        "engine_place": plan.place,
        "wing": plan.wing,
        "wing_level": "two wings" if plan.biplane else plan.level,
        "biplane": plan.biplane,
        "tail": plan.finish,
        "canard": plan.canard > 0,
        "winglets": plan.winglet > 0,
        "gear": plan.gear,
        "tip_tanks": plan.tanks,
    }
    number = ("no", "one", "two", "three", "four")[plan.engines]
    engine = {"jet": "jet engine", "propeller": "propeller"}[plan.kind] + ("s" if plan.engines != 1 else "")
    places = {
        "wing": "on the wings",
        "rear": "at the rear",
        "nose": "on the nose",
        "over wing": "above the wing",
        "body": "in the body",
        "none": "",
    }
    phrases = [f"{number} {engine} {places[plan.place]}" if plan.engines else "no engines"]
    if not plan.biplane:
        phrases.append(
            f"{plan.wing} wings" if plan.type == "flying wing" else f"{plan.level}-mounted {plan.wing} wings"
        )
    else:
        phrases.append(f"two pairs of {plan.wing} wings")
    phrases.append(
        {
            "conventional": "a conventional tail",
            "T-tail": "a T-tail",
            "V-tail": "a V-tail",
            "twin fins": "twin fins",
            "cruciform": "a cross-shaped tail",
            "twin boom": "a twin-boom tail",
            "single fin": "a single fin",
            "none": "no tail",
        }[plan.finish]
    )
    phrases += ["canards"] * (plan.canard > 0) + ["winglets"] * (plan.winglet > 0)
    phrases += {"wheels": ["fixed wheels"], "floats": ["floats"], "none": []}[plan.gear]
    phrases += ["tip tanks"] * plan.tanks
    slim = "slender" if plan.width < 0.085 else "stout" if plan.width > 0.13 and plan.type != "flying wing" else ""
    broad = "long-winged" if plan.span > 1.5 else "short-winged" if plan.span < 0.65 else ""
    return attributes, [w for w in (slim, broad) if w], phrases
