"""Values of settings as a person types them, and what one step up or down makes of a number. No widgets, no state."""

import math
from typing import Any

from engine.errors import InputError
from studio.models.form_fields import Field


def format_value(field: Field, value: Any) -> str:
    """A value as text that ``parse_value`` reads back: ``1e-5``, ``16,000``, ``64, 64``, ``wing: 8, 8; tail: 4``."""
    if value is None:
        return ""
    match field.kind:
        case "integer":
            return f"{value:,}" if abs(value) >= 10_000 and len(field.path) else str(value)
        case "number":
            return _number(float(value))
        case "list" if field.item:
            return ", ".join(_plain(field.item, one) for one in value)
        case "table" if field.item:
            return "; ".join(f"{name}: {format_value(field.item, one)}" for name, one in value.items())
        case _:
            return str(value)


def parse_value(field: Field, text: str) -> Any:
    """What was typed, as plain data. Bounds are not checked here. Raises InputError with one sentence."""
    text = text.strip()
    if field.optional and not text:
        return None
    try:
        return _parsed(field, text)
    except ValueError as error:
        raise InputError(sentence(field)) from error


def sentence(field: Field) -> str:
    """What a person should do about a value that is not right."""
    return f"This needs {field.needs}."


FINEST = 1e-9  # step: smaller ones are nothing that a person means, down to what no number is left of


def stepped(field: Field, value: float, steps: int) -> float:
    """``value`` after so many steps up (or down), within the field's bounds, as a round number.

    Small positive numbers without an upper bound, such as learning rates, go 1, 2, 5, 10; whole numbers and all others
    by one in their second digit; small ranges by a twentieth.
    """
    for _ in range(abs(steps)):
        value = _stepped_once(field, value, 1 if steps > 0 else -1)
    return value


def _stepped_once(field: Field, value: float, way: int) -> float:
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    whole = field.kind == "integer"
    if not whole and low == 0 and high == math.inf and 0 < value < 0.1 + (way < 0) * 1e-9:
        found = _in_sequence(value, way)
    else:
        size = _step_size(value if way > 0 else value * (1 - 1e-9), whole, low, high)
        found = round(value / size + way * (0.5 + 1e-6)) * size
        found = round(found, max(0, 2 - math.floor(math.log10(size))))
    inside = min(max(found, low), high)
    if (field.open_low and inside <= low) or (field.open_high and inside >= high):
        return value
    return int(inside) if whole else float(inside)


def _step_size(value: float, whole: bool, low: float, high: float) -> float:
    if not whole and high - low <= 2:
        return _round_down((high - low) / 20)
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else (1 if whole else 0.1)
    return max(1.0 if whole else FINEST, size)


def _in_sequence(value: float, way: int) -> float:
    """The next of 1, 2, 5, 10 ... times a power of ten."""
    power = math.floor(math.log10(value))
    ladder = [float(f"{digit}e{p}") for p in (power - 1, power, power + 1) for digit in (1, 2, 5)]
    if way > 0:
        return next(one for one in ladder if one > value * (1 + 1e-9))
    return next(one for one in reversed(ladder) if one < value * (1 - 1e-9))


def _round_down(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above ``value``."""
    power = math.floor(math.log10(value))
    return max(one for one in (float(f"{digit}e{power}") for digit in (1, 2, 5)) if one <= value * (1 + 1e-9))


def _parsed(field: Field, text: str) -> Any:
    match field.kind:
        case "integer":
            return int(_without_groups(text))
        case "number":
            found = float(_without_groups(text))
            if not math.isfinite(found):
                raise ValueError(text)
            return found
        case "list" if field.item:
            return [_parsed(field.item, one.strip()) for one in text.split(",")] if text else []
        case "table" if field.item:
            pairs = [one.partition(":") for one in text.split(";") if one.strip()]
            if any(not name.strip() or not colon for name, colon, _ in pairs):
                raise ValueError(text)
            return {name.strip(): _parsed(field.item, rest.strip()) for name, _, rest in pairs}
        case "choice":
            return {str(choice): choice for choice in field.choices}[text] if text in map(str, field.choices) else text
        case _:
            return text


def _without_groups(text: str) -> str:
    """Without the commas (or blanks) between groups of three digits. Raises ValueError for commas elsewhere."""
    head, *groups = text.replace(" ", ",").split(",")
    if any(len(group.partition(".")[0]) != 3 for group in groups):
        raise ValueError(text)
    return "".join((head, *groups))


def _plain(field: Field, value: Any) -> str:
    """An entry of a list, without commas in it."""
    return format_value(field, value).replace(",", "") if field.kind == "integer" else format_value(field, value)


def _number(value: float) -> str:
    short = f"{value:.12g}"
    text = short if float(short) == value else repr(value)
    head, e, power = text.partition("e")
    return f"{head}e{int(power)}" if e else text
