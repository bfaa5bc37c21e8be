"""PartNet: one mesh file per leaf part, and where there is one, the hierarchy that names them."""

import json
import os
from collections import Counter
from typing import Any

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import category
from engine.datasets.found.text import read_text
from engine.datasets.found.tree import Folder, shown
from engine.datasets.source import Source

LEAVES = ("leaf_part_obj", "leaf_part_obj_normalized")  # the same parts twice; the first is in the original units
RELEASED = "objs"  # as in the released data set, always with a result.json
HIERARCHY = ("result.json", "result_after_merging.json")


def recognise(findings: Findings) -> None:
    """``<Category>/<id>/leaf_part_obj/<k>.obj`` or ``<id>/objs/*.obj`` with ``result.json``; +Y up, front +Z."""
    for folder in list(findings.tree.folders.values()):
        if folder.name not in LEAVES and folder.name != RELEASED:
            continue
        model = findings.tree.look(folder.above)
        files = sorted((name for name in findings.tree.free(folder) if name.lower().endswith(".obj")), key=_number)
        hierarchy = next((name for name in HIERARCHY if name in model.files), "")
        if not files or (folder.name == RELEASED and not hierarchy):
            continue
        names = _names(findings, model.file(hierarchy)) if hierarchy else {}
        source = Source(
            kind="parts",
            name=model.name,
            files=tuple(folder.file(name) for name in files),
            dataset="partnet",
            category=_category(findings, model),
            split=findings.lists.split(os.path.basename(model.above), model.name, model.above),
            axes="partnet",
            part_names=unique([names.get(name[:-4], f"part {name[:-4]}") for name in files]),
        )
        findings.add(folder, source, os.path.dirname(model.above))
        for twin in LEAVES:
            if other := findings.tree.folders.get(model.file(twin)):
                findings.tree.take(other)
        findings.take_rest(model.path)


def unique(names: list[str]) -> tuple[str, ...]:
    """The names with a number after those that occur several times: leg 1, leg 2, seat."""
    total, used, made = Counter(names), set(names), []
    for i, name in enumerate(names):
        if total[name] > 1:
            number = names[:i].count(name) + 1
            while f"{name} {number}" in used:
                number += 1
            name = f"{name} {number}"
            used.add(name)
        made.append(name)
    return tuple(made)


def _names(findings: Findings, path: str) -> dict[str, str]:
    """File stem (or leaf id) -> path of names through the hierarchy, such as "chair/base/leg"."""
    text = read_text(path, findings.notes)
    try:
        held: Any = json.loads(text) if text else []
    except (ValueError, RecursionError):
        findings.notes.say(f"{shown(path)} is not valid JSON, so its parts keep their numbers", warning=True)
        return {}
    found: dict[str, str] = {}
    waiting = [(node, "") for node in (held if isinstance(held, list) else [held])]
    while waiting:
        node, above = waiting.pop()
        if not isinstance(node, dict):
            continue
        word = str(node.get("name") or node.get("text") or "part").strip().lower()
        place = f"{above}/{word}" if above else word
        children = node.get("children")
        if isinstance(children, list) and children:
            waiting.extend((child, place) for child in children)
            continue
        objects = node.get("objs")
        for stem in objects if isinstance(objects, list) else [node.get("id")]:
            found.setdefault(str(stem), place)
    return found


def _category(findings: Findings, model: Folder) -> str:
    """The released data set says it in ``meta.json``; otherwise it is the folder above."""
    if "meta.json" in model.files:
        try:
            held = json.loads(read_text(model.file("meta.json"), findings.notes))
        except (ValueError, RecursionError):
            held = None
        if isinstance(held, dict) and isinstance(held.get("model_cat"), str):
            return category(held["model_cat"])
    return category(os.path.basename(model.above))


def _number(name: str) -> tuple[int, str]:
    stem = name[:-4]
    return (int(stem), "") if stem.isascii() and stem.isdigit() else (2**62, stem)
