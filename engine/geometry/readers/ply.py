"""PLY (Turk 1994), text and binary of either byte order: polygons, triangle strips and the colours of vertices; all else is
skipped."""

import re

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import OnlyPointsError, Raw
from engine.geometry.readers.coloured import Colours, OnlyColouredPointsError, coloured, told
from engine.geometry.readers.limits import Limits, check_claim, check_faces, check_vertices
from engine.geometry.readers.ply_body import Binary, Column, Element, Property, Text
from engine.geometry.readers.polygons import assemble
from engine.geometry.readers.text import decode, integers, no_text, plain

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CORNERS = ("vertex_indices", "vertex_index")
COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
LONGEST_HEADER = 2**20
_END = re.compile(rb"(?:^|(?<=[\n\r]))[ \t]*end_header[ \t]*(\r\n|\n|\r|$)")


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of a PLY file. Raises MeshError: a point cloud, a damaged header, fewer records than it claims."""
    no_text(data, "PLY")
    order, elements, start = _read_header(data)
    for element in elements:
        check_claim(f"records of {element.name!r}", element.count if element.properties else 0, len(data) - start)
        (check_vertices if element.name == "vertex" else check_faces)(element.count, limits)
    body = Text(data[start:]) if not order else Binary(data, start, order)
    tables, colours = {}, None
    for element in elements:
        table = body.table(element)
        if element.name in ("vertex", "face", "tristrips"):
            tables[element.name] = table
        if element.name == "vertex":
            colours = _colours(element, table)
    return _mesh(tables, colours, limits)


def _read_header(data: bytes) -> tuple[str, list[Element], int]:
    """Byte order ("" for text), elements, and where the body starts."""
    if data[:3] != b"ply":
        raise MeshError("this is not a PLY file: it does not begin with 'ply'")
    end = _END.search(data, 0, LONGEST_HEADER)
    if not end:
        raise MeshError("the header of the PLY file has no end; it is cut short or damaged: get it again")
    order: str | None = None
    elements: list[Element] = []
    for line in plain(data[: end.start()]).split(b"\n"):
        words = decode(line).split()
        if words[:1] == ["format"] and len(words) > 1:
            order = ORDERS.get(words[1])
        elif words[:1] == ["element"]:
            elements.append(_element(words))
        elif words[:1] == ["property"]:
            if not elements:
                raise MeshError("the header of the PLY file names a property before any element; save it anew")
            elements[-1].properties.append(_property(words))
    if order is None:
        raise MeshError(f"the header of the PLY file names no format that is read: {', '.join(ORDERS)}; save it anew")
    return order, elements, end.end()


def _element(words: list[str]) -> Element:
    if len(words) != 3 or not words[2].isascii() or not words[2].isdigit() or len(words[2]) > 18:
        raise MeshError(f"the header of the PLY file has an element without a count: {' '.join(words)!r}; save it anew")
    return Element(words[1], int(words[2]))


def _property(words: list[str]) -> Property:
    types = [TYPES.get(word, "") for word in words[1:-1]]
    if words[1:2] == ["list"] and len(words) == 5 and all(types[1:]) and types[1][0] != "f":
        return Property(words[-1], types[2], types[1])
    if len(words) == 3 and all(types):
        return Property(words[-1], types[0])
    raise MeshError(
        f"the header of the PLY file has a property that is not understood: {' '.join(words)!r}; save it anew"
    )


def _colours(vertex: Element, table: dict[str, Column]) -> Colours | None:
    """(V, 3) sRGB of the vertices; None where the file has none, (0, 3) where what it calls so is none."""
    types = {item.name: "" if item.count_type else item.type for item in vertex.properties}
    names = next((names for names in COLOURS if all(types.get(name) for name in names)), None)
    if names is None:
        return None
    return told(np.stack([table[name].values for name in names], 1), types[names[0]])


def _mesh(tables: dict[str, dict[str, Column]], colours: Colours | None, limits: Limits) -> Raw:
    vertex = tables.get("vertex", {})
    axes = [vertex[axis] for axis in "xyz" if axis in vertex]
    if len(axes) < 3 or any((axis.sizes != 1).any() for axis in axes):
        raise MeshError("the PLY file has no vertices with x, y and z; save it anew as a mesh")
    vertices = np.stack([axis.values for axis in axes], 1)
    found = [_polygons(tables), _strips(tables)]
    sizes, corners = (np.concatenate(part) for part in zip(*found, strict=True))
    if not len(sizes):
        text = f"the PLY file holds {len(vertices):,} points and no faces: it is a point cloud; make a mesh of it first"
        raise OnlyPointsError(text, vertices) if colours is None else OnlyColouredPointsError(text, vertices, colours)
    return coloured(assemble(vertices, sizes, corners, limits), colours)


def _polygons(tables: dict[str, dict[str, Column]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    faces = tables.get("face", {})
    column = next((faces[name] for name in CORNERS if name in faces), None)
    if column is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return column.sizes, integers(column.values, -1)


def _strips(tables: dict[str, dict[str, Column]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles of strips: every second one is turned round; -1 ends a strip within its list."""
    strips = tables.get("tristrips", {})
    column = next((strips[name] for name in CORNERS if name in strips), None)
    if column is None or not len(column.values):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    index = integers(column.values, -2)
    begins = np.zeros(len(index) + 1, bool)  # where a strip begins: with a list, and after -1
    begins[np.cumsum(column.sizes) - column.sizes] = True
    begins[1:] |= index == -1
    place = np.arange(len(index))
    within = place - np.maximum.accumulate(np.where(begins[:-1], place, 0))
    last = np.flatnonzero((within >= 2) & (index != -1))
    triangles = np.stack([index[last - 2], index[last - 1], index[last]], 1)
    turned = within[last] % 2 == 1
    triangles[turned] = triangles[turned][:, [1, 0, 2]]
    return np.full(len(triangles), 3), triangles.ravel()
