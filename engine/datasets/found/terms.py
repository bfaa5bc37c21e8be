"""Where an item comes from and under which terms, as the nearest file that says so states it."""

import json
import os
import re
from dataclasses import dataclass, field

from engine.datasets.found.tree import Folder, Tree

READ = 64 * 1024  # bytes of a file that are looked at
SHOWN = 200  # characters kept of a sentence

# What is known of a data set: its title, and its terms where nothing in its folders states any.
SHAPENET = "ShapeNet: research and education, non-commercial, by the data set's terms"
KNOWN = {
    "shapenet-v2": ("ShapeNetCore v2", SHAPENET),
    "shapenet-v1": ("ShapeNetCore v1", SHAPENET),
    "shapenetpart": ("ShapeNetPart", SHAPENET),
    "shapenetpart-normal": ("ShapeNetPart with normals", SHAPENET),
    "occnet": ("Occupancy Networks' ShapeNet", SHAPENET),
    "hyperdiffusion": ("HyperDiffusion's ShapeNet", SHAPENET),
    "modelnet": ("ModelNet", "ModelNet: academic use only, by the data set's terms"),
    "modelnet-resampled": ("ModelNet, resampled", "ModelNet: academic use only, by the data set's terms"),
    "partnet": ("PartNet", "PartNet: research only, by the data set's terms"),
    "psb": ("Princeton Segmentation Benchmark", "Princeton Segmentation Benchmark: research, by the data set's terms"),
}

# First lines of common licences -> their short name.
LICENCES = (
    (r"mit license|permission is hereby granted, free of charge", "MIT"),
    (r"apache license\s+version 2\.0", "Apache-2.0"),
    (r"gnu affero general public license", "AGPL"),
    (r"gnu lesser general public license", "LGPL"),
    (r"gnu general public license\s+version 3", "GPL-3.0"),
    (r"gnu general public license\s+version 2", "GPL-2.0"),
    (r"mozilla public license,?\s+version 2\.0", "MPL-2.0"),
    (r"bsd 3-clause|neither the name of", "BSD-3-Clause"),
    (r"bsd 2-clause|redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"cc0 1\.0 universal|creative commons zero", "CC0-1.0"),
    (r"this is free and unencumbered software", "Unlicense"),
)
DEEDS = (
    ("NC-SA", "noncommercial-sharealike"), ("NC-ND", "noncommercial-noderiv"), ("NC", "noncommercial"),
    ("SA", "sharealike"), ("ND", "noderiv"),
)  # fmt: skip
TOLD = re.compile(r"(source\.md$)|(licen[cs]e|copying)|(readme)|(metadata\.json$|datapackage\.json$)", re.IGNORECASE)
STATED = re.compile(r"^[^\w\n]*licen[cs]e(?: as stated)?[^\w\n]*:[^\w\n]*(.+)$", re.IGNORECASE | re.MULTILINE)
HEADING = re.compile(r"^#{1,6}[^\n]{0,100}?licen[cs]e[^\n]{0,100}\n+([^\n#]+)", re.IGNORECASE | re.MULTILINE)
UNDER = re.compile(r"([^\n.]{0,200}\b(?:licen[cs]ed|released|distributed) under [^\n]+)", re.IGNORECASE)
UNSTATED = re.compile(r"(?:none|not|no licen[cs]e) stated\W*", re.IGNORECASE)


@dataclass
class Terms:
    """Origin and licence by folder; every folder is looked at once."""

    _stated: dict[str, tuple[str, str]] = field(default_factory=dict)

    def of(self, tree: Tree, path: str, dataset: str, root: str = "") -> tuple[str, str]:
        """Origin and licence of an item in the folder ``path``, "" where nothing is known.

        Looks upwards as far as the folder that was named, or the data set's top folder ``root``, whichever is higher.
        """
        top = min((place for place in (tree.limits.get(path, path), root) if place), key=len)
        origin = licence = ""
        while not (origin and licence):
            stated = self._in(tree.look(path))
            origin, licence = origin or stated[0], licence or stated[1]
            if path == top or len(path) <= len(top):
                break
            path = os.path.dirname(path)
        title, terms = KNOWN.get(dataset, ("", ""))
        if terms and UNSTATED.fullmatch(licence):
            licence = ""
        return origin or title, licence or terms

    def _in(self, folder: Folder) -> tuple[str, str]:
        if folder.path not in self._stated:
            origin = licence = ""
            for name in sorted(filter(TOLD.match, folder.files), key=_weight):
                said = _statement(name, _head(folder.file(name)))
                origin, licence = origin or said[0], licence or said[1]
            self._stated[folder.path] = (origin, licence)
        return self._stated[folder.path]


def _weight(name: str) -> int:
    """How well a file of this name is believed: the lower the better."""
    match = TOLD.match(name)
    return match.lastindex - 1 if match and match.lastindex else 4


def _statement(name: str, text: str) -> tuple[str, str]:
    """(origin, licence) as one file states them."""
    kind = _weight(name)
    if kind == 0:
        return _first_sentence(text), _stated(STATED.search(text))
    if kind == 1:
        return "", licence_name(text)
    if kind == 2:
        return "", _stated(STATED.search(text) or HEADING.search(text) or UNDER.search(text))
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return "", ""
    said = held.get("licence", held.get("license", "")) if isinstance(held, dict) else ""
    return "", _short(said) if isinstance(said, str) else ""


def _stated(match: re.Match[str] | None) -> str:
    return _short(match[1]) if match else ""


def licence_name(text: str) -> str:
    """Short name of a licence by how its text begins; otherwise its first line."""
    start = " ".join(text[:4000].lower().split())
    if "attribution" in start[:300] and (version := re.search(r"\b([1-4]\.0)\b", start)):
        squeezed = re.sub(r"[\s-]", "", start[:300])
        kind = next((f"-{short}" for short, words in DEEDS if words.replace("-", "") in squeezed), "")
        return f"CC BY{kind} {version[1]}"
    known = next((name for pattern, name in LICENCES if re.search(pattern, start)), "")
    return known or _short(next((line for line in text.splitlines() if line.strip()), ""))


def _first_sentence(text: str) -> str:
    """First line of a page that is neither heading nor list."""
    lines = (line.strip() for line in text.splitlines())
    return _short(next((line for line in lines if line and line[0] not in "#-*|>"), ""))


def _short(text: str) -> str:
    text = " ".join(text.split()).strip("*_ ").rstrip(".")
    return text if len(text) <= SHOWN else text[: SHOWN - 3].rstrip() + "..."


def _head(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(READ).decode("utf-8", errors="replace")
    except OSError:  # a file that cannot be opened states nothing
        return ""
