"""Occupancy Networks' preprocessed ShapeNet (also Convolutional Occupancy Networks, DVR): ``.npz`` files per model."""

import json
import os
import re

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import category, is_offset
from engine.datasets.found.text import read_text
from engine.datasets.source import Kind, Source

FILES: tuple[tuple[str, Kind], ...] = (("pointcloud.npz", "cloud"), ("points.npz", "occupancy"))
TABLE = "metadata.yaml"
BLOCK = re.compile(r"^['\"]?(\w+)['\"]?:\s*$")
ENTRY = re.compile(r"^\s+['\"]?name['\"]?:\s*['\"]?([^'\"]*)")


def recognise(findings: Findings) -> None:
    """``<offset>/<id>/pointcloud.npz`` and ``points.npz``, ``train.lst`` in each offset's folder; ShapeNet v1 axes."""
    names: dict[str, dict[str, str]] = {}
    for folder in list(findings.tree.folders.values()):
        here = [name for name, _ in FILES if name in folder.files and folder.file(name) not in findings.tree.taken]
        if not here:
            continue
        root, group = os.path.split(folder.above)
        if root not in names:
            names[root] = _table(findings, root)
        if not (is_offset(group) or group in names[root] or findings.forced):
            continue
        for name, kind in FILES:
            if name in here:
                source = Source(
                    kind=kind,
                    name=folder.name,
                    files=(folder.file(name),),
                    dataset="occnet",
                    category=category(names[root].get(group, group)),
                    split=findings.lists.split(group, folder.name, folder.above, root),
                    axes="shapenet-v1" if is_offset(group) else "",
                )
                findings.add(folder, source, root)
        findings.take_rest(folder.path)


def _table(findings: Findings, root: str) -> dict[str, str]:
    """Folder -> first of its names by ``metadata.yaml``, which is JSON or YAML of two levels."""
    if TABLE not in findings.tree.look(root).files:
        return {}
    text = read_text(os.path.join(root, TABLE), findings.notes)
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return _yaml(text)
    rows = held.items() if isinstance(held, dict) else ()
    return {
        key: row["name"].split(",")[0]
        for key, row in rows
        if isinstance(row, dict) and isinstance(row.get("name"), str)
    }


def _yaml(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    block = ""
    for line in text.splitlines():
        if start := BLOCK.match(line):
            block = start[1]
        elif block and (entry := ENTRY.match(line)):
            found.setdefault(block, entry[1].split(",")[0].strip())
    return found
