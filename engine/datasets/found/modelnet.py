"""ModelNet10 and 40: meshes by class and split, and the clouds that were sampled from them."""

import os
import re

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import category
from engine.datasets.source import Source

NUMBERED = re.compile(r"(.+)_\d+\.(off|txt)", re.IGNORECASE)


def recognise(findings: Findings) -> None:
    """``<class>/<train|test>/<class>_NNNN.off``: the folder is the split."""
    for folder in list(findings.tree.folders.values()):
        if folder.name.lower() not in ("train", "test"):
            continue
        group = os.path.basename(folder.above)
        for name in findings.tree.free(folder):
            if _is_numbered(name, group, "off"):
                source = Source(
                    kind="mesh",
                    name=name[:-4],
                    files=(folder.file(name),),
                    dataset="modelnet",
                    category=category(group),
                    split=folder.name.lower(),
                    axes="modelnet",
                )
                findings.add(folder, source, os.path.dirname(folder.above))


def recognise_resampled(findings: Findings) -> None:
    """``<class>/<class>_NNNN.txt``: clouds with normals, comma separated; splits in ``modelnet40_train.txt``."""
    for folder in list(findings.tree.folders.values()):
        for name in findings.tree.free(folder):
            if _is_numbered(name, folder.name, "txt"):
                source = Source(
                    kind="cloud",
                    name=name[:-4],
                    files=(folder.file(name),),
                    dataset="modelnet-resampled",
                    category=category(folder.name),
                    split=findings.lists.split(folder.name, name[:-4], folder.above),
                    axes="modelnet-resampled",
                )
                findings.add(folder, source, folder.above)


def _is_numbered(name: str, group: str, suffix: str) -> bool:
    match = NUMBERED.fullmatch(name)
    return bool(match and match[1].lower() == group.lower() and match[2].lower() == suffix)
