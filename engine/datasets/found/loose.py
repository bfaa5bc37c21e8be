"""Mesh files that belong to no data set."""

import os

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import NAMES
from engine.datasets.source import Source


def recognise(findings: Findings) -> None:
    """Every mesh file that nothing else has claimed; splits by lists in its folder or above, up to the named one.

    A folder named by a WordNet offset, as in people's repaired copies of ShapeNet, tells the category.
    """
    for folder in list(findings.tree.folders.values()):
        names = [name for name in findings.tree.free(folder) if name.lower().endswith(findings.meshes)]
        places = _upwards(folder.path, findings.tree.limits[folder.path]) if names else ()
        for name in names:
            stem = os.path.splitext(name)[0]
            split = findings.lists.split(folder.name, stem, *places)
            word = NAMES.get(folder.name, "")
            findings.add(folder, Source(kind="mesh", name=stem, files=(folder.file(name),), category=word, split=split))


def _upwards(path: str, limit: str) -> tuple[str, ...]:
    places = [path]
    while path != limit and len(path) > len(limit):
        path = os.path.dirname(path)
        places.append(path)
    return tuple(places)
