"""What lies in the files and folders that a person named: the field's data sets, published networks, loose meshes."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from engine.datasets.found import (
    hyperdiffusion,
    loose,
    modelnet,
    networks,
    occnet,
    partnet,
    psb,
    shapenet,
    shapenetpart,
)
from engine.datasets.found.findings import Findings
from engine.datasets.found.tree import Tree, shown, walk
from engine.datasets.source import Source
from engine.errors import InputError
from engine.protocol import Note, Progress

MESHES = (".obj", ".off", ".stl", ".ply", ".glb", ".gltf", ".3mf", ".dae")

# Layout -> what it looks like and how it is recognised, the surest signs first.
LAYOUTS: dict[str, tuple[str, Callable[[Findings], None]]] = {
    "shapenet-v2": ("ShapeNetCore v2: <offset>/<id>/models/model_normalized.obj", shapenet.recognise_v2),
    "partnet": (
        "PartNet: <Category>/<id>/leaf_part_obj/<k>.obj, or <id>/objs/*.obj with result.json",
        partnet.recognise,
    ),
    "psb": ("Princeton Segmentation Benchmark: off/<N>.off with seg/Benchmark/<N>/<N>_<k>.seg", psb.recognise),
    "modelnet": ("ModelNet10 or 40: <class>/<train|test>/<class>_<NNNN>.off", modelnet.recognise),
    "modelnet-resampled": (
        "ModelNet40 resampled: clouds <class>/<class>_<NNNN>.txt, comma separated",
        modelnet.recognise_resampled,
    ),
    "shapenetpart": (
        "ShapeNetPart: <offset>/points/<id>.pts with <offset>/points_label/<id>.seg",
        shapenetpart.recognise,
    ),
    "shapenetpart-normal": (
        "ShapeNetPart with normals: <offset>/<id>.txt of seven columns, the last one the label",
        shapenetpart.recognise_normal,
    ),
    "occnet": ("Occupancy Networks: <offset>/<id>/pointcloud.npz or points.npz", occnet.recognise),
    "hyperdiffusion": (
        "HyperDiffusion: <set>_<n>_pc_occ*/<id>.obj.npy or <set>_2048_pc/<id>.obj.npy",
        hyperdiffusion.recognise,
    ),
    "shapenet-v1": ("ShapeNetCore v1: <offset>/<id>/model.obj", shapenet.recognise_v1),
    "network": ("Published networks: .pth or .pt of one field, .ckpt of a denoiser", networks.recognise),
    "mesh": ("Mesh files in any folders, whatever the folders are named", loose.recognise),
}
KINDS: dict[str, str] = {name: sentence for name, (sentence, _) in LAYOUTS.items()}

# Files that hold shapes, or look as if they did, and are passed over when no layout claims them.
SHAPES = (
    ".fbx", ".blend", ".usd", ".usdz", ".step", ".stp", ".iges", ".x3d", ".wrl", ".3ds", ".max", ".ma", ".mb", ".c4d",
    ".npz", ".npy", ".pts", ".pcd", ".xyz", ".las", ".ply2", ".vtk", ".h5", ".hdf5", ".mat", ".binvox",
)  # fmt: skip
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")


def find(
    paths: Sequence[Path], kind: str = "", meshes: tuple[str, ...] = MESHES
) -> Generator[Progress | Note, None, list[Source]]:
    """Everything that can be imported from files and folders, in order of path; nothing is opened but small text files.

    A data set is recognised at any depth, by its top folder, one category, one model or a folder that holds several data
    sets. ``kind`` is a key of KINDS and allows that layout alone; ``meshes`` are the lower-case suffixes of mesh files.
    Raises InputError: no such path, no such kind, or nothing that fits the kind.
    """
    if kind and kind not in LAYOUTS:
        raise InputError(f"there is no kind {kind!r}; known: {', '.join(KINDS)}")
    tree = yield from walk(paths)
    findings = Findings(tree, meshes, forced=bool(kind))
    for name, (sentence, recognise) in LAYOUTS.items():
        if kind in ("", name):
            before = len(findings.sources)
            recognise(findings)
            found = len(findings.sources) - before
            yield Progress(stage="look", done=len(tree.folders), total=len(tree.folders))
            if found and name != "mesh":
                yield Note(text=f"{sentence.split(':')[0]}: {found} {'item' if found == 1 else 'items'}")
    if kind and not findings.sources:
        named = ", ".join(shown(str(path)) for path in paths)
        raise InputError(f"{named}: nothing here is laid out as {kind}; it needs {KINDS[kind]}")
    findings.lists.finish()
    yield from findings.notes
    yield from _left(tree, kind, meshes, paths)
    return sorted(findings.sources, key=lambda source: source.files[0])


def _left(tree: Tree, kind: str, meshes: tuple[str, ...], paths: Sequence[Path]) -> Generator[Note, None, None]:
    """Say which files were passed over although a person may count on them."""
    named = {os.path.abspath(path) for path in paths}
    shapes: Counter[str] = Counter()
    archives: Counter[str] = Counter()
    for folder in tree.folders.values():
        for name in tree.free(folder):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in ARCHIVES:
                archives[suffix] += 1
            elif suffix in SHAPES or suffix in meshes or folder.file(name) in named:
                shapes[suffix or shown(name)] += 1
    if shapes:
        reason = f"not laid out as {kind}" if kind else "nothing tells how to read them"
        advice = "leave the kind away to find all" if kind else "convert what you need to GLB, OBJ, STL or PLY"
        yield Note(text=f"left out, since {reason}: {_listed(shapes)}; {advice}", warning=True)
    if archives:
        yield Note(text=f"archives in folders are not opened: {_listed(archives)}; unpack what you need", warning=True)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {suffix}" for suffix, number in sorted(counts.items()))
