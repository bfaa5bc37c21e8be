"""Exported files before judges that are not ours: the Khronos glTF validator, Blender, trimesh and manifold3d.

    build/judges/venv/bin/python tests/judges/judge.py build/judges

First every judge must refuse a file that was spoiled on purpose; then none may refuse an export. Exit status 1 otherwise.
This runs in its own environment and shares no code with the engine. Verdicts go to stderr; Blender fills stdout.
"""

import json
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import bpy  # type: ignore[import-not-found]  # in its own environment alone
import manifold3d
import numpy as np
import trimesh

HERE = Path(__file__).parent
CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"
TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)  # canonical +Y up, front +Z -> +Z up, front -Y
IMPORT = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    ".ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    ".stl": lambda path: bpy.ops.wm.stl_import(filepath=path),
    ".usda": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
}
NEAR, ROUGH = 2e-4, 0.02  # of a piece's size: what its box may be off; where a union or fewer faces move the surface


class Refused(Exception):
    """A judge says no, and why."""


def say(*words: str) -> None:
    """A line for whoever asked; standard output is Blender's."""
    print(*words, file=sys.stderr)


def want(true: object, words: str) -> None:
    """Raise Refused with ``words`` unless true."""
    if not true:
        raise Refused(words)


def boxes_of(case: dict[str, Any], turn: np.ndarray) -> dict[str, np.ndarray]:
    """(2, 3) corners of each piece as they must come out, in metres: the whole is called "" where pieces are one."""
    found = {name: np.array(box) for name, box in case["boxes"].items()}
    whole = np.stack([np.min([b[0] for b in found.values()], 0), np.max([b[1] for b in found.values()], 0)])
    scale = case["size_mm"] / 1000 / np.ptp(whole, axis=0).max() if case["size_mm"] else 1.0
    chosen = found if case["apart"] else {"": whole}
    return {name: np.sort(scale * box @ turn.T, axis=0) for name, box in chosen.items()}


def khronos(path: Path) -> None:
    """No errors and no warnings of the glTF validator."""
    done = subprocess.run(["node", HERE / "validate.cjs", path], capture_output=True, text=True, check=False)
    want(done.returncode == 0, f"the validator ends with {done.stderr[-300:]}")
    issues = json.loads(done.stdout)["issues"]
    told = [message["message"] for message in issues["messages"] if message["severity"] < 2]
    want(not issues["numErrors"] and not issues["numWarnings"], f"glTF validator: {told[:3]}")


def blender(path: Path, case: dict[str, Any]) -> None:
    """Opened with its import settings untouched: names, size in metres, up and front."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        IMPORT[path.suffix](str(path))
    except RuntimeError as error:
        raise Refused(f"Blender does not read it: {error}") from error
    bpy.context.view_layer.update()
    unit = bpy.context.scene.unit_settings.scale_length
    found = {}
    for thing in bpy.data.objects:
        if thing.type == "MESH":
            points = np.array([vertex.co for vertex in thing.data.vertices])
            matrix = np.array(thing.matrix_world)
            world = points @ matrix[:3, :3].T + matrix[:3, 3]
            found[thing.name if case["apart"] else ""] = unit * np.stack([world.min(0), world.max(0)])
    expected = boxes_of(case, TO_BLENDER)
    want(set(found) == set(expected), f"Blender finds {sorted(found)} instead of {sorted(expected)}")
    for name, box in expected.items():
        off = np.abs(found[name] - box).max() / np.ptp(box, axis=0).max()
        allowed = ROUGH if case["faces"] or not case["apart"] else NEAR
        want(off < allowed, f"Blender has {name!r} at {found[name].round(4).tolist()}, not {box.round(4).tolist()}")


def printer(mesh: trimesh.Trimesh, case: dict[str, Any]) -> None:
    """On the bed, upright, in millimetres."""
    (box,) = boxes_of(case | {"apart": False}, TO_BLENDER).values()
    size = 1000 * np.ptp(box, axis=0)
    want(np.abs(mesh.bounds[0]).max() < 1e-3, f"its lowest corner is {mesh.bounds[0]}, not the origin")
    want(np.abs(mesh.extents - size).max() < 0.02 * size.max(), f"it is {mesh.extents} mm, not {size}")
    want(abs(mesh.extents.max() - case["size_mm"]) < 1e-2, f"its longest side is {mesh.extents.max()} mm")


def manifold(mesh: trimesh.Trimesh) -> None:
    """manifold3d takes it for a closed solid."""
    faces = np.asarray(mesh.faces, np.uint32)
    solid = manifold3d.Manifold(manifold3d.Mesh(np.asarray(mesh.vertices, np.float32), faces))
    want(solid.status() == manifold3d.Error.NoError, f"manifold3d: {solid.status()}")
    want(not solid.is_empty() and solid.volume() > 0, "manifold3d: nothing inside")


def threemf(path: Path, case: dict[str, Any]) -> None:
    """The XML by itself, and as trimesh reads it: millimetres, every piece, closed."""
    with zipfile.ZipFile(path) as archive:
        want(archive.testzip() is None, "the zip is damaged")
        want({"[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model"} <= set(archive.namelist()), "a part is missing")
        root = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
    want(root.tag == f"{CORE}model" and root.get("unit") == "millimeter", f"its unit is {root.get('unit')}")
    meshes = [thing for thing in root.iter(f"{CORE}object") if thing.find(f"{CORE}mesh") is not None]
    expected = set(case["boxes"]) if case["apart"] else {"shape"}
    want({thing.get("name") for thing in meshes} == expected, f"it has {[thing.get('name') for thing in meshes]}")
    scene = trimesh.load_scene(path)
    want(scene.units in ("millimeter", "millimeters", "mm"), f"trimesh takes its unit for {scene.units}")
    want(len(scene.geometry) == len(expected), f"trimesh finds {list(scene.geometry)}")
    for piece in scene.geometry.values():
        manifold(piece)
    printer(scene.to_mesh(), case)


def stl(path: Path, case: dict[str, Any]) -> None:
    """Closed once equal points are merged; for printers also the size."""
    mesh = trimesh.load_mesh(path)
    mesh.merge_vertices()
    manifold(mesh)
    if case["axes"] == "slicer":
        printer(mesh, case)


def judge(path: Path, case: dict[str, Any]) -> int:
    """Bring a file before all judges of its format -> how many there were. Raises Refused."""
    judges = []
    if path.suffix == ".glb":
        judges.append(lambda: khronos(path))
    if path.suffix in IMPORT and (case["axes"] == "blender" or path.suffix in (".glb", ".usda", ".usdc")):
        judges.append(lambda: blender(path, case))
    if path.suffix == ".stl":
        judges.append(lambda: stl(path, case))
    if path.suffix == ".3mf":
        judges.append(lambda: threemf(path, case))
    for one in judges:
        one()
    return len(judges)


def spoiled(path: Path, case: dict[str, Any], folder: Path) -> list[tuple[str, Path, dict[str, Any]]]:
    """Wrong files and wrong expectations made of a right one: (what is wrong, file, case)."""
    found = []
    data = path.read_bytes()
    first = next(iter(case["boxes"]))
    moved = {name: (np.array(box)[:, [0, 2, 1]]).tolist() for name, box in case["boxes"].items()}
    if path.suffix in IMPORT and case["axes"] == "blender":
        found.append(("lies on its side", path, case | {"boxes": moved}))
        found.append(("has another size", path, case | {"size_mm": (case["size_mm"] or 950) * 1.05}))
    if case["apart"]:
        names = {name if name != first else "else": box for name, box in case["boxes"].items()}
        found.append(("has another part", path, case | {"boxes": names}))
    wrong = folder / path.name
    if path.suffix == ".glb":
        length = struct.unpack("<I", data[12:16])[0]
        tree = json.loads(data[20 : 20 + length])
        tree["accessors"][0]["max"][0] += 1.0
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        head = struct.pack("<4sIIII", b"glTF", 2, len(data) - length + len(text), len(text), 0x4E4F534A)
        wrong.write_bytes(head + text + data[20 + length :])
        found.append(("has a bound that is wrong", wrong, case))
    if path.suffix == ".stl":
        wrong.write_bytes(data[:80] + struct.pack("<I", struct.unpack("<I", data[80:84])[0] - 1) + data[84:-50])
        found.append(("has a hole", wrong, case))
    if path.suffix == ".3mf":
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(wrong, "w") as other:
            for name in archive.namelist():
                other.writestr(name, archive.read(name).replace(b'unit="millimeter"', b'unit="inch"'))
        found.append(("is in inches", wrong, case))
    return found


def main(folder: Path) -> int:
    """Judge all files -> exit status."""
    cases = {folder / case["path"]: case for case in json.loads((folder / "expected.json").read_text())}
    faults = judged = caught = 0
    with tempfile.TemporaryDirectory() as scratch:
        seen = set()
        for path, case in cases.items():
            kind = path.suffix, case["apart"], case["axes"]
            for words, wrong, other in spoiled(path, case, Path(scratch)) if kind not in seen else ():
                try:
                    judge(wrong, other)
                except Refused:
                    caught += 1
                    continue
                faults += 1
                say(f"NOT CAUGHT  a {path.suffix} that {words}: {path.relative_to(folder)}")
            seen.add(kind)
    for path, case in cases.items():
        try:
            judged += judge(path, case)
        except Refused as error:
            faults += 1
            say(f"REFUSED  {path.relative_to(folder)}: {error}")
    say(f"{len(cases)} files, {judged} judgements, {caught} spoiled files caught, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
