"""Mesh files as bytes, in every format and dialect that the readers' tests need."""

import io
import json
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Drawn:
    """A mesh to write: vertices (V, 3), polygons of vertex numbers, and a name for each polygon ("" for none)."""

    vertices: NDArray[np.float64]
    polygons: Sequence[Sequence[int]]
    names: Sequence[str] = field(default=())

    def runs(self) -> list[tuple[str, list[Sequence[int]]]]:
        """Polygons in runs of the same name."""
        pairs = zip(self.names or [""] * len(self.polygons), self.polygons, strict=True)
        return [(name, [polygon for _, polygon in run]) for name, run in groupby(pairs, key=lambda pair: pair[0])]


def row(values: Sequence[object] | NDArray[np.float64]) -> str:
    """Values with spaces between them, exact."""
    return " ".join(repr(float(v)) if isinstance(v, (float, np.floating)) else str(v) for v in values)


def obj(mesh: Drawn, style: str = "v", relative: bool = False, end: str = "\n", word: str = "g") -> bytes:
    """style : "v", "v/t", "v//n" or "v/t/n". relative : negative numbers. word : o, g or usemtl for the names."""
    lines = ["# a comment", "vt 0 0", "vn 0 0 1", *(f"v {row(vertex)}" for vertex in mesh.vertices)]
    for name, polygons in mesh.runs():
        lines.append(f"{word} {name}")
        for polygon in polygons:
            numbers = [v - len(mesh.vertices) if relative else v + 1 for v in polygon]
            lines.append(
                "f " + " ".join(style.replace("v", str(n)).replace("t", "1").replace("n", "1") for n in numbers)
            )
    return end.join(lines).encode()


def off(
    mesh: Drawn, magic: str = "OFF\n", extra: str = "", colour: str = "", end: str = "\n", apart: bool = False
) -> bytes:
    """extra : more numbers of each vertex. colour : of each face. apart : one number a line."""
    records = [f"{row(vertex)}{extra}" for vertex in mesh.vertices]
    records += [f"{len(polygon)} {row(polygon)}{colour}" for polygon in mesh.polygons]
    if apart:
        records = [number for record in records for number in (*record.split(), "", "# remark")]
    return (magic + f"{len(mesh.vertices)} {len(mesh.polygons)} 0" + end + end.join(records)).encode()


def stl_text(mesh: Drawn, upper: bool = False) -> bytes:
    """Solids by runs of names."""
    lines = []
    for name, polygons in mesh.runs():
        lines.append(f"solid {name}")
        for polygon in polygons:
            corners = [f"vertex {row(mesh.vertices[v])}" for v in polygon]
            lines += ["facet normal 0 0 1", "outer loop", *corners, "endloop", "endfacet"]
        lines.append(f"endsolid {name}")
    text = "\n".join(lines)
    return (text.upper() if upper else text).encode()


def stl_binary(mesh: Drawn, header: bytes = b"binary") -> bytes:
    """Triangles only."""
    body = b"".join(
        struct.pack("<12fH", 0, 0, 1, *mesh.vertices[list(polygon)].ravel(), 7) for polygon in mesh.polygons
    )
    return header.ljust(80)[:80] + struct.pack("<I", len(mesh.polygons)) + body


TYPES = {"float": "f", "double": "d", "uchar": "B", "char": "b", "short": "h", "ushort": "H", "int": "i", "uint": "I"}


def ply(
    mesh: Drawn,
    form: str = "ascii",
    number: str = "double",
    count: str = "uchar",
    index: str = "int",
    extras: bool = False,
) -> bytes:
    """form : ascii, binary_little_endian or binary_big_endian. extras : elements and properties that are to be skipped."""
    head = ["ply", f"format {form} 1.0", "comment made by a test"]
    head += ["element note 2", "property list uchar short words"] if extras else []
    head += [f"element vertex {len(mesh.vertices)}", *["property uchar red"] * extras]
    head += [f"property {number} {axis}" for axis in "xyz"]
    head += [f"element face {len(mesh.polygons)}", *["property float quality"] * extras]
    head += [
        f"property list {count} {index} vertex_indices",
        *["property list uchar float texcoord"] * extras,
        "end_header",
    ]
    records: list[list[tuple[str, object]]] = []
    if extras:
        records += [[("uchar", 2), ("short", -1), ("short", 5)], [("uchar", 0)]]
    for vertex in mesh.vertices:
        records.append([*[("uchar", 9)] * extras, *((number, float(x)) for x in vertex)])
    for polygon in mesh.polygons:
        texture = [("uchar", len(polygon) % 3), *[("float", 0.5)] * (len(polygon) % 3)] if extras else []
        corners = [(count, len(polygon)), *((index, int(v)) for v in polygon)]
        records.append([*[("float", 0.25)] * extras, *corners, *texture])
    if form == "ascii":
        return "\n".join([*head, *(row([value for _, value in record]) for record in records), ""]).encode()
    order = "<" if "little" in form else ">"
    body = b"".join(struct.pack(order + TYPES[kind], value) for record in records for kind, value in record)
    return ("\n".join(head) + "\n").encode() + body


def gltf_parts(mesh: Drawn, scheme: str = "node") -> tuple[dict, bytes]:
    """Document without buffers, and the binary data. A run of a name is a node, or a primitive with a material."""
    points, data = mesh.vertices.astype("<f4").tobytes(), b""
    views, accessors, primitives = [{"buffer": 0, "byteLength": len(points)}], [], []
    accessors.append({"bufferView": 0, "componentType": 5126, "count": len(mesh.vertices), "type": "VEC3"})
    for name, polygons in mesh.runs():
        index = np.array(polygons, "<u4").tobytes()
        views.append({"buffer": 0, "byteOffset": len(points) + len(data), "byteLength": len(index)})
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": 5125, "count": 3 * len(polygons), "type": "SCALAR"}
        )
        data += index
        primitives.append((name, {"attributes": {"POSITION": 0}, "indices": len(accessors) - 1}))
    document: dict = {"asset": {"version": "2.0"}, "bufferViews": views, "accessors": accessors}
    if scheme == "node":
        document["meshes"] = [{"primitives": [primitive]} for _, primitive in primitives]
        document["nodes"] = [{"name": name, "mesh": place} for place, (name, _) in enumerate(primitives)]
    else:
        document["materials"] = [{"name": name} for name, _ in primitives]
        document["meshes"] = [{"primitives": [{**item, "material": at} for at, (_, item) in enumerate(primitives)]}]
        document["nodes"] = [{"mesh": 0}]
    return document, points + data


def skinned(mesh: Drawn, upper: NDArray[np.bool_]) -> tuple[dict, bytes]:
    """The mesh hung on two joints, at (1, 0, 0) and (1, 4, 1): ``upper`` vertices on the second, the others on both.

    The bind matrix of the second one moves by (0, 0, -1). The node of the mesh has a transform that must not count.
    """
    document, data = gltf_parts(Drawn(mesh.vertices, mesh.polygons))
    count = len(mesh.vertices)
    joints = np.zeros((count, 4), np.uint8)
    joints[:, 1] = 1
    weights = np.zeros((count, 4), np.uint8)
    weights[upper], weights[~upper] = [0, 255, 0, 0], [51, 51, 0, 0]  # below half of each, not summing up to one
    bind = np.tile(np.eye(4), (2, 1, 1))
    bind[1, :3, 3] = [0, 0, -1]
    parts = [joints.tobytes(), weights.tobytes(), bind.swapaxes(1, 2).astype("<f4").tobytes()]
    tables = [(5121, count, "VEC4", False), (5121, count, "VEC4", True), (5126, 2, "MAT4", False)]
    for part, (kind, size, shape, normalised) in zip(parts, tables, strict=True):
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part)})
        accessor = {"componentType": kind, "count": size, "type": shape, "normalized": normalised}
        document["accessors"].append({"bufferView": len(document["bufferViews"]) - 1, **accessor})
        data += part
    attributes = {"POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3}
    document["meshes"] = [{"primitives": [{"attributes": attributes, "indices": 1}]}]
    document["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [100, 0, 0], "scale": [-1, 1, 1]},
        {"children": [2], "translation": [1, 0, 0]},
        {"translation": [0, 4, 1]},
    ]
    document["skins"] = [{"joints": [1, 2], "inverseBindMatrices": 4}]
    return document, data


def glb(document: dict, data: bytes) -> bytes:
    """A GLB file of a document and its binary data."""
    text = json.dumps({**document, "buffers": [{"byteLength": len(data)}]}).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def threemf(mesh: Drawn, scheme: str = "node") -> bytes:
    """Names as objects, or as base materials of one object."""
    vertices = "".join('<vertex x="{!r}" y="{!r}" z="{!r}"/>'.format(*map(float, v)) for v in mesh.vertices)
    objects, items = "", ""
    names = list(dict.fromkeys(name for name, _ in mesh.runs()))
    base = "".join(f'<base name="{name}" displaycolor="#FFFFFF"/>' for name in names)
    for place, (name, polygons) in enumerate(mesh.runs() if scheme == "node" else [("", list(mesh.polygons))]):
        triangles = ""
        for number, (a, b, c) in enumerate(polygons):
            own = f' pid="99" p1="{names.index((mesh.names or [""] * len(polygons))[number])}"' * (scheme == "material")
            triangles += f'<triangle v1="{a}" v2="{b}" v3="{c}"{own}/>'
        objects += f'<object id="{place}" name="{name}"><mesh><vertices>{vertices}</vertices>'
        objects += f"<triangles>{triangles}</triangles></mesh></object>"
        items += f'<item objectid="{place}"/>'
    return zipped(
        f'<resources><basematerials id="99">{base}</basematerials>{objects}</resources><build>{items}</build>'
    )


def zipped(inside: str, **others: str) -> bytes:
    """A 3MF archive around the inside of a model, and other models by name."""
    frame = '<?xml version="1.0"?><model xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02" '
    frame += 'xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06">{}</model>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", frame.format(inside))
        for name, text in others.items():
            archive.writestr(f"3D/Objects/{name}.model", frame.format(text))
    return out.getvalue()


def dae(mesh: Drawn, kind: str = "polylist", scheme: str = "node", nodes: str = "") -> bytes:
    """kind : polylist, polygons or triangles. nodes : the scene, when it is not one node for each run."""
    geometries, scene, materials = "", "", ""
    runs = mesh.runs() if scheme == "node" else [("", mesh.polygons)]
    for place, (name, polygons) in enumerate(runs):
        inner = Drawn(mesh.vertices, polygons, mesh.names if scheme == "material" else ())
        lists = ""
        for symbol, some in inner.runs():
            texts = [" ".join(f"{v} 0" for v in polygon) for polygon in some]
            ps = "".join(f"<p>{text}</p>" for text in texts) if kind == "polygons" else f"<p>{' '.join(texts)}</p>"
            counts = f"<vcount>{row([len(polygon) for polygon in some])}</vcount>" * (kind == "polylist")
            lists += f'<{kind} count="{len(some)}" material="{symbol}">'
            lists += f'<input semantic="VERTEX" source="#v{place}" offset="0"/>'
            lists += f'<input semantic="NORMAL" source="#none" offset="1"/>{counts}{ps}</{kind}>'
        geometries += f'<geometry id="g{place}"><mesh><source id="s{place}"><float_array>{row(mesh.vertices.ravel())}'
        geometries += '</float_array><technique_common><accessor stride="3"/></technique_common></source>'
        geometries += f'<vertices id="v{place}"><input semantic="POSITION" source="#s{place}"/></vertices>'
        geometries += f"{lists}</mesh></geometry>"
        scene += f'<node name="{name}"><instance_geometry url="#g{place}"/></node>'
    text = f"""<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
    <library_materials>{materials}</library_materials><library_geometries>{geometries}</library_geometries>
    <library_visual_scenes><visual_scene id="scene">{nodes or scene}</visual_scene></library_visual_scenes>
    <scene><instance_visual_scene url="#scene"/></scene></COLLADA>"""
    return text.encode()
