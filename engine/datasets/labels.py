"""The file in which a project settles what found part names are called: ``part_names.json``, made to be edited by hand."""

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from engine.datasets.procedural import PARTS
from engine.errors import InputError
from engine.storage import write_json

FILE = "part_names.json"
VERSION = 1
ANY = "*"  # names that hold for every category without one of its own
NO_CATEGORY = "(no category)"
UNNAMED = "part"  # what a part is called whose name is empty
ADVICE = "correct it in a text editor, or delete the file and import again to get a new one"

_BREAK = re.compile(r"[\s_]+")
_NUMBER = re.compile(r"(?<=[^\s_.\-\d])[\s_.\-\d]*\d$")


class PartNames(msgspec.Struct, frozen=True):
    """Contents of the file. ``names`` : category or "*" -> found name -> the project's name, "" to leave the part out."""

    version: int = VERSION
    names: dict[str, dict[str, str]] = {}


def load_mapping(folder: Path) -> PartNames:
    """The file in a project's folder, empty when there is none. Raises InputError that names line and remedy."""
    path = folder / FILE
    if not path.exists():
        return PartNames()
    try:
        text = path.read_text("utf-8-sig")
        held: Any = json.loads(text, object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg.lower()}; {ADVICE}") from error
    except _Twice as error:
        name = str(error)
        raise InputError(f"{path}, line {_line(text, name, last=True)}: {name!r} stands twice; {ADVICE}") from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as text in JSON ({type(error).__name__}); {ADVICE}") from error
    if not isinstance(held, dict) or not isinstance(held.get("version"), int):
        raise InputError(f'{path}, line 1: no "version" where the file should begin; {ADVICE}')
    if held["version"] != VERSION:
        line = _line(text, "version")
        raise InputError(
            f"{path}, line {line}: version {held['version']} is not known here, only {VERSION}; "
            f"update Shape Studio, or {ADVICE}"
        )
    if odd := sorted(held.keys() - {"version", "names"}):
        raise InputError(f"{path}, line {_line(text, odd[0])}: {odd[0]!r} is not known here; {ADVICE}")
    names = held.get("names", {})
    if not isinstance(names, dict):
        raise InputError(f'{path}, line {_line(text, "names")}: "names" holds no categories; {ADVICE}')
    for category, table in names.items():
        if not isinstance(table, dict):
            raise InputError(f"{path}, line {_line(text, category)}: {category!r} holds no names; {ADVICE}")
        for found, wanted in table.items():
            if not isinstance(wanted, str):
                raise InputError(f"{path}, line {_line(text, found)}: {found!r} needs a name in quotes; {ADVICE}")
            if any("\ud800" <= letter <= "\udfff" for letter in category + found + wanted):
                raise InputError(f"{path}: a name at {found!a} has half a character (\\ud800 to \\udfff); {ADVICE}")
    return PartNames(VERSION, names)


def save_mapping(folder: Path, mapping: PartNames) -> None:
    """Write the file, atomically and laid out for reading."""
    write_json(folder / FILE, mapping)


def map_names(mapping: PartNames, category: str, names: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """Found names -> the project's names, "" for parts to leave out.

    What the file says of the category comes first, then what it says of "*". For names that it lacks, case, spaces,
    underscores and trailing numbers are overlooked where that leads to a name that the file or the project's vocabulary
    knows: "Leg_01" is "leg" when there is a "leg". Other names stay as they are.

    known : further names that the project has, beside the category's own
    """
    tables = [mapping.names.get(category or NO_CATEGORY, {}), mapping.names.get(ANY, {})]
    vocabulary = [
        *PARTS.get(category, ()),
        *known,
        *(wanted for table in tables for wanted in table.values() if wanted),
    ]
    settled = {**tables[1], **tables[0]}
    mapped = {name: _plain(settled[name]) if name in settled else None for name in names}
    alike = _alike(tables, vocabulary) if None in mapped.values() else {}
    return {name: _guessed(name, alike) if word is None else word for name, word in mapped.items()}


def note_names(folder: Path, category: str, names: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """What ``names`` of the category are called in the project (see ``map_names``); new ones are added to its file.

    What the file says already is kept. Raises InputError when the file cannot be used; it is left as it is then.
    """
    mapping = load_mapping(folder)
    wanted = map_names(mapping, category, names, known)
    key = category or NO_CATEGORY
    table = mapping.names.get(key, {})
    settled = table.keys() | mapping.names.get(ANY, {}).keys()
    if fresh := {name: word for name, word in wanted.items() if name not in settled}:
        save_mapping(folder, PartNames(VERSION, {**mapping.names, key: {**table, **fresh}}))
    return wanted


def rename_in_mapping(folder: Path, category: str, old: str, new: str) -> None:
    """Let all that the file calls ``old`` (in one category, or "" for all) be called ``new``, so that what is imported later
    is named alike. A file that says nothing of ``old`` stays as it is. Raises InputError when the file cannot be used."""
    mapping = load_mapping(folder)
    names = {
        key: {found: new if word == old else word for found, word in table.items()} if category in ("", key) else table
        for key, table in mapping.names.items()
    }
    if names != mapping.names:
        save_mapping(folder, PartNames(VERSION, names))


def _alike(tables: list[dict[str, str]], vocabulary: Iterable[str]) -> dict[str, str]:
    """Form of a name -> what it is called: by the first table that has it, or else as the vocabulary spells it."""
    pairs = [(found, _plain(wanted)) for table in tables for found, wanted in table.items()]
    alike: dict[str, str] = {}
    for found, wanted in [*pairs, *((word, word) for word in vocabulary)]:
        alike.setdefault(_form(found), wanted)
    return alike


def _guessed(name: str, alike: dict[str, str]) -> str:
    """What a name that no table has is called; the last part of a path such as "chair/base/leg 1" counts too."""
    forms = (_form(name), _without_number(name), _without_number(name.rsplit("/", 1)[-1]))
    return next((alike[form] for form in forms if form in alike), _plain(name) or UNNAMED)


def _plain(name: str) -> str:
    """A name as one line of text that can be written to any file."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


@lru_cache(maxsize=65_536)
def _form(name: str) -> str:
    """The name without regard to case, spaces and underscores."""
    return _BREAK.sub(" ", name).strip().casefold()


def _without_number(name: str) -> str:
    """The same without numbers at the end: "Leg_01", "leg.002" -> "leg"."""
    return _NUMBER.sub("", _form(name))


class _Twice(ValueError):
    """A name that stands twice in one table."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return held


def _line(text: str, name: str, last: bool = False) -> int:
    """Line on which ``name`` stands as a key, counted from 1; the first one where it cannot be told."""
    found = list(re.finditer(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:", text))
    return text.count("\n", 0, found[-1 if last else 0].start()) + 1 if found else 1
