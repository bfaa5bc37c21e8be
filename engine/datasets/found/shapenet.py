"""ShapeNetCore: one folder per WordNet offset, in it one folder per model."""

import os

from engine.datasets.found.findings import Findings
from engine.datasets.found.synsets import category, is_offset
from engine.datasets.found.tree import Folder
from engine.datasets.source import Source

STEM = "model_normalized"
SAME = "model_normalized.ply beside the .obj of the same shape, not read a second time: {}"
VOXELS = "only voxels (.binvox) are here, no mesh; get the model's .obj file from ShapeNet"


def recognise_v2(findings: Findings) -> None:
    """``<offset>/<id>/models/model_normalized.obj``; also without the folder ``models``."""
    for folder in list(findings.tree.folders.values()):
        if folder.name != "models" and not is_offset(os.path.basename(folder.above)) and not findings.forced:
            continue
        model = folder.above if folder.name == "models" else folder.path
        names = [name for name in findings.tree.free(folder) if name.startswith(f"{STEM}.")]
        if not names:
            continue
        found = next((f"{STEM}{suffix}" for suffix in (".obj", ".ply") if f"{STEM}{suffix}" in names), "")
        _add(findings, folder, model, found, names, "shapenet-v2")
        if found.endswith(".obj") and f"{STEM}.ply" in names:
            findings.notes.say(SAME)
        findings.tree.take(folder, names)


def recognise_v1(findings: Findings) -> None:
    """``<offset>/<id>/model.obj``, also the processed copies."""
    for folder in list(findings.tree.folders.values()):
        if is_offset(os.path.basename(folder.above)) or findings.forced:
            names = findings.tree.free(folder)
            found = "model.obj" if "model.obj" in names else ""
            _add(findings, folder, folder.path, found, names, "shapenet-v1")


def _add(findings: Findings, folder: Folder, model: str, found: str, names: list[str], dataset: str) -> None:
    voxels = sorted((name for name in names if name.endswith(".binvox")), key=lambda name: "surface" in name)
    if not found and not voxels:
        return
    synset, name = os.path.split(model)
    root, group = os.path.split(synset)
    source = Source(
        kind="mesh",
        name=name,
        files=(folder.file(found or voxels[0]),),
        dataset=dataset,
        category=category(group),
        split=findings.lists.split(group, name, synset, root),
        axes=dataset,
        refused="" if found else VOXELS,
    )
    findings.add(folder, source, root)
    findings.take_rest(model)
