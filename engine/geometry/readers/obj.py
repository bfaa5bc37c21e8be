"""Wavefront OBJ: vertices with their colours, polygons and the names they stand under (o, g, usemtl). Material files are
not read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers.coloured import coloured, told
from engine.geometry.readers.limits import Limits, check_faces, check_vertices
from engine.geometry.readers.polygons import assemble, spans
from engine.geometry.readers.text import (
    SPACE,
    Lines,
    blocks,
    decode,
    integers,
    join_continued,
    no_text,
    number,
    numbers,
    plain,
    split,
)

SCHEMES = {b"o": "object", b"g": "group", b"usemtl": "material"}
SLASH = ord("/")


@dataclass(frozen=True)
class _Block:
    """Some lines of a file.

    vertices : (V, 3) float64; coordinates that cannot be read are NaN
    colours : (V, 3) float64, as written behind the coordinates; None where there are none, (0, 3) where some have none
    flat : how many vertices had no third coordinate, which is 0 then
    sizes : (P,) corners of each polygon
    corners : (sum of sizes,) numbers as written: from 1, from -1 backwards, 0 where there is none
    seen : (P,) vertices of the block before each polygon
    names : (scheme, polygons of the block before it, name)
    """

    vertices: NDArray[np.float64]
    colours: NDArray[np.float64] | None
    flat: int
    sizes: NDArray[np.int64]
    corners: NDArray[np.int64]
    seen: NDArray[np.int64]
    names: list[tuple[str, int, str]]


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of an OBJ file. A face may come before its vertices. Raises MeshError when no face can be used."""
    no_text(data, "OBJ")
    found: list[_Block] = []
    starts: dict[str, list[tuple[int, str]]] = {scheme: [] for scheme in SCHEMES.values()}
    corners: list[NDArray[np.int64]] = []
    vertex = polygon = 0
    for text in blocks(join_continued(plain(data))):
        block = _read_block(text)
        found.append(block)
        before = np.repeat(block.seen + vertex, block.sizes)
        corners.append(np.where(block.corners > 0, block.corners - 1, before + block.corners))
        corners[-1][block.corners == 0] = -1
        for scheme, start, name in block.names:
            starts[scheme].append((polygon + start, name))
        vertex += len(block.vertices)
        polygon += len(block.sizes)
        check_vertices(vertex, limits)
        check_faces(polygon, limits)
    if not polygon:
        raise MeshError(_no_faces(vertex))
    flat = sum(block.flat for block in found)
    vertices = "vertex has" if flat == 1 else "vertices have"
    raw = assemble(
        np.concatenate([block.vertices for block in found]),
        np.concatenate([block.sizes for block in found]),
        np.concatenate(corners),
        limits,
        {scheme: spans(names, polygon) for scheme, names in starts.items()},
        [f"{flat:,} {vertices} no third coordinate; it was taken as 0"] if flat else [],
    )
    colours = [one.colours for one in found if one.colours is not None]
    if not colours:
        return raw
    every = np.concatenate(colours)
    return coloured(raw, told(every if len(every) == vertex else every[:0]))


def _no_faces(vertices: int) -> str:
    if vertices:
        return f"the file holds {vertices:,} vertices but no faces: it is a point cloud or a drawing; save it as a mesh"
    return "the file holds neither vertices nor faces; is it an OBJ file, and complete?"


def _read_block(text: bytes) -> _Block:
    lines = split(text, comments=True)
    is_vertex, is_face = lines.begin_with(b"v"), lines.begin_with(b"f")
    vertices, colours, flat = _vertices(lines, is_vertex)
    seen = np.cumsum(is_vertex, dtype=np.int64)[is_face]
    names = _names(text, lines, np.cumsum(is_face, dtype=np.int64))
    return _Block(vertices, colours, flat, lines.counts[is_face] - 1, _corners(lines.pick(is_face, 1)), seen, names)


def _vertices(lines: Lines, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, int]:
    """The first three numbers of each chosen line, three more where all have just these: a colour, (0, 3) where only some
    have; else a weight follows; and how many lines have but two."""
    counts = lines.counts[chosen] - 1
    values = numbers(lines.pick(chosen, 1))
    if len(values) == 3 * len(counts) and (counts == 3).all():
        return values.reshape(-1, 3), None, 0
    if len(values) == 6 * len(counts) and (counts == 6).all():
        table = values.reshape(-1, 6)
        return np.ascontiguousarray(table[:, :3]), table[:, 3:], 0
    first = np.cumsum(counts) - counts
    values = np.append(values, np.nan)
    columns = [np.where(counts > axis, values[np.where(counts > axis, first + axis, -1)], np.nan) for axis in range(3)]
    vertices = np.stack(columns, 1)
    vertices[counts == 2, 2] = 0
    partly = np.zeros((0, 3)) if (counts == 6).any() else None  # told of where they are put together
    return vertices, partly, int((counts == 2).sum())


def _corners(text: bytes) -> NDArray[np.int64]:
    """Vertex number of every corner as written; texture and normal numbers after a slash are dropped."""
    if b"/" not in text:
        return integers(numbers(text), 0)
    data = np.frombuffer(text, np.uint8)
    place = np.arange(len(data), dtype=np.int32)
    last_space = np.maximum.accumulate(np.where(SPACE[data], place, -1))
    last_slash = np.maximum.accumulate(np.where(data == SLASH, place, -1))
    if (data[1:][SPACE[data[:-1]]] == SLASH).any():  # a corner without a vertex: slow but sure
        return integers(np.array([number(token.split(b"/")[0]) for token in text.split()]), 0)
    return integers(numbers(data[last_slash <= last_space].tobytes()), 0)


def _names(text: bytes, lines: Lines, before: NDArray[np.int64]) -> list[tuple[str, int, str]]:
    """Lines that name what follows: scheme, polygons before it, name (several groups on a line are one name)."""
    found = []
    for word, scheme in SCHEMES.items():
        named = np.flatnonzero(lines.begin_with(word))
        counts = before[named]
        last = np.append(counts[1:] != counts[:-1], True)[: len(named)]  # of several before the same polygon
        for line in named[last].tolist():
            rest = text[lines.starts[line] : lines.starts[line + 1]].split(None, 1)[1:]
            found.append((scheme, int(before[line]), decode(rest[0]) if rest else ""))
    return found
