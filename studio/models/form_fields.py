"""What a form shows of a settings struct: its fields with kind, bounds, unit, title and help. No widgets, no state.

All of it is read from the struct itself: types and ``Meta`` by msgspec, order of choices from the annotation, help from
``Meta(description=)`` or from a line ``name : help`` of the struct's docstring. A unit is ``Meta(extra={"unit": ...})``
or the end of a name such as ``size_mm``. ``Meta(extra={"most": ...})`` is the largest number that is offered, where jobs of
earlier versions may have larger ones.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

Kind = Literal["switch", "choice", "integer", "number", "text", "list", "table"]
Path = tuple[str, ...]

WORDS = {
    "lr": "learning rate",
    "ema": "EMA",
    "emd": "EMD",
    "uvs": "UVs",
    "csv": "CSV file",
    "mm": "",
    "fps": "frames/s",
}
TITLES = {"text.encoder": "What reads words", "denoiser.role": "It learns to"}  # where the name says too little
CHOICES: Mapping[str, Mapping[object, str]] = {  # key of a field -> value -> what people call it
    "text.encoder": {"words": "learned along with it", "minilm": "MiniLM", "clip": "CLIP"},
    "denoiser.role": {
        "clouds": "draw clouds",
        "details": "put points between others",
        "match": "rank clouds by a prompt",
    },
}
UNITS = {"mm": "mm", "s": "s", "fps": "1/s"}


@dataclass(frozen=True)
class Field:
    """One setting.

    path : names from the outermost struct inwards
    low, high : bounds, None where there is none; ``open_low``, ``open_high``: the bound itself is not allowed
    choices : of a ``choice``, in the order in which they are declared
    item : of a ``list``, each entry; of a ``table``, each value (keys are text)
    lengths : fewest and most entries of a ``list``, most None where there is no limit
    optional : may be None, which an empty editor stands for
    """

    path: Path
    kind: Kind
    title: str
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    choices: tuple[Any, ...] = ()
    item: "Field | None" = None
    lengths: tuple[int, int | None] = (0, None)
    optional: bool = False

    @property
    def key(self) -> str:
        """The path with dots, as ``--set`` takes it."""
        return ".".join(self.path)

    def said(self, choice: object) -> str:
        """What people call one of the choices."""
        return CHOICES.get(self.key, {}).get(choice, str(choice)) or "automatic"

    @property
    def needs(self) -> str:
        """What a value must be, in words: "a whole number from 1 to 100"."""
        match self.kind:
            case "integer" | "number":
                noun = "a whole number" if self.kind == "integer" else "a number"
                return f"{noun}{_range(self)}"
            case "list" if self.item:
                least, most = self.lengths
                count = f"{least} entries" if least == most else f"{least} entries or more" if least > 1 else "entries"
                none = "" if least else " (or none)"
                each = self.item.needs.removeprefix("a ").replace("number", "numbers", 1)
                text = "names" if self.item.kind == "text" else each
                return f"{text}, with commas between them{none}" + (f", {count}" if least > 1 else "")
            case "table" if self.item:
                return f"name: {self.item.needs}, one entry after the other with ; between them"
            case "choice":
                return "one of " + ", ".join(self.said(choice) for choice in self.choices)
            case _:
                return "text" if self.kind == "text" else "yes or no"


@dataclass(frozen=True)
class Group:
    """A struct: its own fields, and the structs in it. The outermost has an empty path."""

    path: Path
    title: str
    help: str
    fields: tuple[Field, ...]
    groups: tuple["Group", ...]

    @property
    def key(self) -> str:
        """The path with dots."""
        return ".".join(self.path)

    def all_fields(self) -> Iterator[Field]:
        """Fields of this group and of all groups in it, in order."""
        yield from self.fields
        for group in self.groups:
            yield from group.all_fields()


def describe(settings: msgspec.Struct, leave_out: tuple[str, ...] = (), path: Path = ()) -> Group:
    """The fields of a struct and of the structs in it. Raises TypeError for a field that no editor is made for.

    leave_out : keys of fields that the form shall not show, such as ``seed`` where the panel has a control for it
    """
    info = type_info(type(settings))
    assert isinstance(info, StructType)
    hints = get_type_hints(type(settings), include_extras=True)
    told = _told(type(settings))
    fields: list[Field] = []
    groups: list[Group] = []
    for field in info.fields:
        here = (*path, field.name)
        if ".".join(here) in leave_out:
            continue
        value = getattr(settings, field.name)
        if isinstance(value, msgspec.Struct):
            groups.append(describe(value, leave_out, here))
        else:
            fields.append(_field(here, field.type, hints[field.name], told.get(field.name, "")))
    title = title_of(path[-1]) if path else ""
    return Group(path, title, _first_paragraph(type(settings)), tuple(fields), tuple(groups))


def title_of(name: str) -> str:
    """A field's name in words: ``code_lr`` is "Code learning rate"."""
    words = " ".join(filter(None, (WORDS.get(word, word) for word in name.split("_"))))
    return words[:1].upper() + words[1:]


def _field(path: Path, kind: Type, hint: Any, told: str) -> Field:
    about: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    if isinstance(kind, Metadata):
        about, extra, kind = kind.extra_json_schema or {}, kind.extra or {}, kind.type
    optional = False
    if isinstance(kind, UnionType):
        others = [one for one in kind.types if not isinstance(one, NoneType)]
        optional = len(others) < len(kind.types)
        if len(others) != 1:
            raise TypeError(f"no editor for {'.'.join(path)}: it may be {len(others)} kinds of things")
        kind = others[0]
    name = path[-1]
    about_it = Field(
        path=path,
        kind="text",
        title=about.get("title") or TITLES.get(".".join(path)) or title_of(name),
        help=_sentence(about.get("description") or told),
        unit=extra.get("unit") or UNITS.get(name.rpartition("_")[2], ""),
        optional=optional,
    )
    found = _of_kind(about_it, kind, hint)
    return replace(found, high=extra["most"]) if "most" in extra else found


def _of_kind(field: Field, kind: Type, hint: Any) -> Field:
    """``field`` with what its type says."""
    more: dict[str, Any]
    match kind:
        case BoolType():
            more = {"kind": "switch"}
        case LiteralType():
            more = {"kind": "choice", "choices": _choices(hint) or kind.values}
        case IntType() | FloatType():
            more = {"kind": "integer" if isinstance(kind, IntType) else "number"} | _bounds(kind)
        case StrType():
            more = {"kind": "text"}
        case VarTupleType():
            item = _field(field.path, kind.item_type, None, "")
            more = {"kind": "list", "item": item, "lengths": (kind.min_length or 0, kind.max_length)}
        case TupleType() if len({repr(one) for one in kind.item_types}) == 1:
            count = len(kind.item_types)
            more = {
                "kind": "list",
                "item": _field(field.path, kind.item_types[0], None, ""),
                "lengths": (count, count),
            }
        case DictType(key_type=StrType()):
            more = {"kind": "table", "item": _field(field.path, kind.value_type, None, "")}
        case _:
            raise TypeError(f"no editor for {field.key}: {kind}; leave it out of the form")
    return Field(**{name: getattr(field, name) for name in field.__dataclass_fields__} | more)


def _bounds(kind: IntType | FloatType) -> dict[str, Any]:
    return {
        "low": kind.ge if kind.ge is not None else kind.gt,
        "high": kind.le if kind.le is not None else kind.lt,
        "open_low": kind.gt is not None,
        "open_high": kind.lt is not None,
    }


def _range(field: Field) -> str:
    low, high = field.low, field.high
    if low is not None and high is not None and not field.open_low and not field.open_high:
        return f" from {_count(low)} to {_count(high)}"
    least = "" if low is None else f"{'above' if field.open_low else 'at least'} {_count(low)}"
    most = "" if high is None else f"{'below' if field.open_high else 'at most'} {_count(high)}"
    limits = " and ".join(filter(None, (least, most)))
    return f", {limits}" if limits else ""


def _count(bound: float) -> str:
    return f"{bound:,.0f}" if abs(bound) >= 1000 else f"{bound:g}"


def _choices(hint: Any) -> tuple[Any, ...]:
    """Values of a Literal in their own order; msgspec sorts them."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return get_args(hint) if get_origin(hint) is Literal else ()


def _told(struct: type) -> dict[str, str]:
    """Help for fields from lines ``name : help`` of a docstring, with the deeper lines that follow."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(struct.__doc__ or "").splitlines():
        head = re.fullmatch(r"(\w+(?:, \w+)*) : (.*)", line)
        if head:
            name = head[1]
            found |= dict.fromkeys(name.split(", "), head[2])
        elif name and line.startswith("    "):
            for one in name.split(", "):
                found[one] += " " + line.strip()
        else:
            name = ""
    return found


def _first_paragraph(struct: type) -> str:
    return inspect.cleandoc(struct.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?" else ".")
