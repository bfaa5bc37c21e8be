"""Weights of trained networks. They are not opened here."""

import os
import re

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import ALIASES
from engine.datasets.source import Source

FIELD = re.compile(r"(?:occ_)?(.+?)(?:_jitter_\d+)?(?:_model_(?:final|current))?", re.IGNORECASE)
BAD = "listed as bad by the data set"
WORDS = {**ALIASES, "airplane": "airplane", "car": "car", "chair": "chair"}


def recognise(findings: Findings) -> None:
    """``.pth`` and ``.pt`` are one field each, ``.ckpt`` a denoiser. A name is the folder's and the shape's id."""
    for folder in list(findings.tree.folders.values()):
        for name in findings.tree.free(folder):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() not in (".pth", ".pt", ".ckpt"):
                continue
            match = FIELD.fullmatch(stem)
            ident = match[1] if match else stem
            home = os.path.basename(folder.above) if folder.name == "checkpoints" else folder.name
            bad = findings.lists.is_bad(ident, folder.path, folder.above)
            source = Source(
                kind="denoiser" if suffix.lower() == ".ckpt" else "network",
                name=f"{home}-{ident}",
                files=(folder.file(name),),
                dataset="network",
                category=next((WORDS[word] for word in home.lower().split("_") if word in WORDS), ""),
                split=findings.lists.split(folder.name, ident, folder.path, folder.above),
                refused=BAD if bad else "",
            )
            findings.add(folder, source)
