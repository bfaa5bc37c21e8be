"""HyperDiffusion's folders: points with inside flags to fit to, clouds to judge by, split and bad-shape lists."""

import os
import re

import numpy as np

from engine.datasets.arrays import read_npy
from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import category
from engine.datasets.source import Kind, Source
from engine.errors import MeshError

FOLDER = re.compile(r"(?P<set>.+?)_(?:\d+_)?pc(?P<flags>_occ.*)?", re.IGNORECASE)
BAD = "listed as bad by the data set"
METRIC = "files in a folder of training points (_pc_occ) without inside flags, taken as clouds: {}"


def recognise(findings: Findings) -> None:
    """``<set>_<n>_pc_occ*/<id>.obj.npy`` and ``<set>_2048_pc/<id>.obj.npy``; axes of ShapeNet v2."""
    for folder in list(findings.tree.folders.values()):
        match = FOLDER.fullmatch(folder.name)
        names = [name for name in findings.tree.free(folder) if name.endswith(".npy")] if match else []
        if not match or not names:
            continue
        kind = _kind(folder.file(names[0]))
        if match["flags"] and kind == "cloud":
            findings.notes.say(METRIC, len(names), warning=True)
        group = match["set"]
        places = (folder.path, os.path.join(folder.above, group), folder.above)
        for name in names:
            stem = name.removesuffix(".npy").removesuffix(".obj")
            bad = kind == "occupancy" and findings.lists.is_bad(stem, *places)  # the clouds are judged by all the same
            source = Source(
                kind=kind,
                name=stem,
                files=(folder.file(name),),
                dataset="hyperdiffusion",
                category=category(group),
                split=findings.lists.split(group, stem, *places),
                axes="shapenet-v2",
                refused=BAD if bad else "",
            )
            findings.add(folder, source, folder.above)


def _kind(path: str) -> Kind:
    """What a folder's first file holds: a fourth column of nothing but 0 and 1 is inside flags, anything else a cloud."""
    try:
        rows = read_npy(path)
    except MeshError:  # what is wrong with it is said when it is read
        return "occupancy" if "_occ" in os.path.basename(os.path.dirname(path)) else "cloud"
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        return "cloud"
    flags = rows[:: max(1, len(rows) // 4096), 3]
    return "occupancy" if np.isin(flags, (0, 1)).all() else "cloud"
