"""Commands that work with the named parts of shapes: mix, card."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, cast

import click
import msgspec

from engine import console
from engine.card import (
    LEAST_FACTOR,
    MOST_FACTOR,
    WHOLE,
    Axis,
    Card,
    MirrorMove,
    Move,
    ScaleMove,
    ShiftMove,
    Three,
    TurnMove,
)
from engine.commands.common import Options, cli, common, run_job
from engine.errors import InputError
from engine.jobs import MixJob
from engine.parts.settings import Blend, Way

AXES = ("x", "y", "z")


@cli.command()
@click.option("--base", required=True, metavar="SHAPE", help="The shape whose parts stay unless another is named.")
@click.option("--part", "parts", multiple=True, metavar="PART=SHAPE", help="Take a part from another shape.")
@click.option("--blend", "blends", multiple=True, metavar="PART=ALPHA:SHAPE,SHAPE", help="Put a part between shapes.")
@click.option("--arc", "arcs", multiple=True, metavar="PART=ALPHA:SHAPE,SHAPE", help="The same, along an arc.")
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Leave out a part, or a copy of one.")
@click.option("--duplicate", "copies", multiple=True, metavar="PART=NAME", help="Let a part stand a second time.")
@click.option("--scale", "scales", multiple=True, metavar="NAME=F", help="Larger (1.2) or smaller; or F,F,F per axis.")
@click.option("--turn", "turns", multiple=True, metavar="NAME=AXIS:DEG", help="Turn about x, y or z, in degrees.")
@click.option("--mirror", "mirrors", multiple=True, metavar="NAME=AXIS", help="Mirror in place; x:middle in x = 0.")
@click.option("--move", "shifts", multiple=True, metavar="NAME=X,Y,Z", help="Shift, in canonical units.")
@click.option("--hold", "held", multiple=True, metavar="PART", help="Keep a part of the base as it is when healing.")
@click.option("--free", multiple=True, metavar="PART", help="Let healing change a part that was taken.")
@common("device")
def mix(options: Options, base: str, free: tuple[str, ...], **given: tuple[str, ...]) -> None:
    """Make a shape of parts of others: any number of parents, fitted, generated, imported or mixed.

    All options but --base can be given several times. Parts are scaled first, then turned, mirrored and moved, each
    about the centre of the part's box. Canonical units: the longest side of a shape is 0.95; +x is the shape's left, +y
    up, +z its front. Copies have a name of their own (engine.2) and are moved by it.

    --blend wing=0.25:a,b is the wing a quarter of the way from shape a to b; of three shapes 0.5 is the second's.

    A second pair of engines, further out: --duplicate engine=engine.2 --scale engine.2=1.6,1,1
    """
    job = MixJob(
        base=base,
        parts=_pairs("--part", given["parts"]),
        blends=_blends(given),
        removed=given["removed"],
        copies={name: part for part, name in _several("--duplicate", given["copies"])},
        moves=_moves(given),
        held=given["held"],
        free=free,
        device=options.device,
    )
    run_job(options, job)


@cli.command()
@click.argument("shape")
@common()
def card(options: Options, shape: str) -> None:
    """Show how SHAPE came to be: what its parts are from, operation, seed, model, licences. --json has all of it."""
    from engine.cards import card_of

    with options.open() as project:
        found = card_of(project.catalogue.shape(shape), project)
    console.show(msgspec.to_builtins(found) if options.json else _readable(found), options.json)


def _readable(found: Card) -> dict[str, Any]:
    """A card as a person wants it; what it has not is left out."""
    parts = [
        {
            "part": name or "whole",
            "from": found.parents.get(name, found.parents.get(WHOLE)),
            "hash": value,
            "numbers": "held" if name in found.held else "",
        }
        for name, value in found.hashes.items()
    ]
    return {
        "shape": found.shape,
        "operation": found.operation,
        "run": found.job.get("run", ""),
        "parts": parts or [{"part": "whole", "from": found.parents.get(WHOLE)}],
        "copies": [f"{copy.name} of {copy.part}" for copy in found.copies],
        "moves": [_told(move) for move in found.moves],
        "model": f"{found.model} ({found.model_hash})" if found.model_hash else found.model,
        "seed": "" if found.seed is None else found.seed,
        "sources": [{"origin": one.origin or "unknown", "licence": one.licence or "unknown"} for one in found.sources],
        "measured": found.measured,
    }


def _told(move: Move) -> str:
    match move:
        case ShiftMove():
            return f"{move.part} moved by {_numbers(move.by)}"
        case TurnMove():
            return f"{move.part} turned by {move.degrees:g} degrees about {move.axis}"
        case ScaleMove():
            return f"{move.part} scaled by {_numbers(move.factors)}"
        case MirrorMove():
            return f"{move.part} mirrored along {move.axis}{' in the middle plane' if move.middle else ''}"


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def _blends(given: Mapping[str, tuple[str, ...]]) -> dict[str, Blend]:
    """Faders by part. Raises InputError for what is none, and for a part that has two."""
    straight, arcs = _pairs("--blend", given["blends"]), _pairs("--arc", given["arcs"])
    if twice := sorted(straight.keys() & arcs.keys()):
        raise InputError(f"--blend and --arc both name {', '.join(twice)}; give each part once")
    found = {part: _blend("--blend", part, text, "linear") for part, text in straight.items()}
    return found | {part: _blend("--arc", part, text, "spherical") for part, text in arcs.items()}


def _blend(option: str, part: str, text: str, way: Way) -> Blend:
    alpha, _, names = text.partition(":")
    shapes = tuple(names.split(","))
    if len(shapes) < 2 or not all(shapes) or not 0 <= _number(option, alpha) <= 1:
        raise InputError(f"{option} {part}={text}: give a number from 0 to 1 and shapes, as in {part}=0.25:a,b")
    return Blend(shapes=shapes, alpha=_number(option, alpha), way=way)


def _moves(given: Mapping[str, tuple[str, ...]]) -> tuple[Move, ...]:
    """Motions in the order in which they act."""
    moves: list[Move] = []
    for part, text in _several("--scale", given["scales"]):
        factors = _three("--scale", text, alone=True)
        if not LEAST_FACTOR <= min(factors) <= max(factors) <= MOST_FACTOR:
            limits = f"from {LEAST_FACTOR:g} to {MOST_FACTOR:g}"
            raise InputError(f"--scale {part}={text}: give factors above 0, {limits}; --mirror turns a part over")
        moves.append(ScaleMove(part=part, factors=factors))
    for part, text in _several("--turn", given["turns"]):
        axis, colon, degrees = text.partition(":")
        if not colon:
            raise InputError(f"--turn {part}={text}: give the axis and the degrees, as in {part}=y:15")
        moves.append(TurnMove(part=part, axis=_axis("--turn", axis), degrees=_number("--turn", degrees)))
    for part, text in _several("--mirror", given["mirrors"]):
        axis, colon, where = text.partition(":")
        if colon and where != "middle":
            raise InputError(f"--mirror {part}={text}: give {part}=x, or {part}=x:middle for the plane x = 0")
        moves.append(MirrorMove(part=part, axis=_axis("--mirror", axis), middle=bool(colon)))
    for part, text in _several("--move", given["shifts"]):
        moves.append(ShiftMove(part=part, by=_three("--move", text)))
    return tuple(moves)


def _several(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """NAME=VALUE texts of an option. Raises InputError for a text without either."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"{option} {name}{equals}{value}: give it as NAME=VALUE; `mix --help` shows how")
    return [(name, value) for name, _, value in pairs]


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """The same by name. Raises InputError for a name given twice."""
    pairs = _several(option, texts)
    twice = sorted({name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1})
    if twice:
        raise InputError(f"{option} names {', '.join(twice)} twice; give each part once")
    return dict(pairs)


def _axis(option: str, text: str) -> Axis:
    if text not in AXES:
        raise InputError(f"{option}: {text!r} is no axis; choose x, y or z")
    return cast(Axis, text)


def _three(option: str, text: str, alone: bool = False) -> Three:
    """Three numbers with commas between them; with ``alone`` also one number for all three."""
    numbers = [_number(option, piece) for piece in text.split(",")]
    if len(numbers) == 1 and alone:
        numbers *= 3
    if len(numbers) != 3:
        raise InputError(f"{option}: {text!r} should be three numbers, as in 0,0.02,0")
    return (numbers[0], numbers[1], numbers[2])


def _number(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise InputError(f"{option}: {text!r} is not a number") from error
    if not isfinite(number):
        raise InputError(f"{option}: {text!r} is not a finite number")
    return number
