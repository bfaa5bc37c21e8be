"""OFF as a stream of tokens (Geomview): prefixes, counts on the magic line, comments, records spread over lines."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers.limits import Limits, check_claim, check_faces, check_vertices
from engine.geometry.readers.polygons import assemble, faces_in_words
from engine.geometry.readers.text import Lines, integers, no_text, number, numbers, plain, split

_MAGIC = re.compile(rb"\s*((?:ST|C|N|4|n)*)(?:OFF|off)(\s+BINARY\b)?")
_PREFIX = re.compile(rb"ST|C|N|4|n")
_CUT = "it is cut short or damaged: get it again or save it anew"


@dataclass(frozen=True)
class _Header:
    """Counts, numbers that a vertex may have by the magic word, and how to take its position from them."""

    vertices: int
    faces: int
    dimension: int
    weighted: bool
    widths: tuple[int, ...]


@dataclass(frozen=True)
class _Body:
    """Tokens after the header, and the token with which each line begins."""

    values: NDArray[np.float64]
    line: NDArray[np.int64]

    def tail(self, first: int) -> "_Body":
        """The tokens from ``first`` on, which begin a line of their own."""
        later = self.line[self.line > first] - first
        return _Body(self.values[first:], np.concatenate([[0], later]) if first < len(self.values) else later)


@dataclass(frozen=True)
class _Faces:
    """Sizes (F,) and corners (sum of sizes,) of faces, and the token after the last of them."""

    sizes: NDArray[np.int64]
    corners: NDArray[np.int64]
    end: int


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of an OFF file. Raises MeshError: fewer records than the header claims, binary, not three-dimensional."""
    no_text(data, "OFF")
    header, body = _read_header(split(plain(data), comments=True))
    check_claim("vertices", header.vertices, len(body.values) // header.dimension)
    check_claim("faces", header.faces, len(body.values))
    check_vertices(header.vertices, limits)
    check_faces(header.faces, limits)
    if not header.faces:
        raise MeshError(f"the file holds {header.vertices:,} vertices and no faces; save it as a mesh")
    table, rest = _vertex_table(header, body)
    faces = _faces(rest, header.faces)
    notes = []
    if faces.end < len(rest.values):
        notes.append(
            f"the file goes on after the {faces_in_words(header.faces)} that its header claims; left out the rest"
        )
    return assemble(_positions(table, header), faces.sizes, faces.corners, limits, notes=notes)


def _read_header(lines: Lines) -> tuple[_Header, _Body]:
    text = lines.data.tobytes()
    magic = _MAGIC.match(text)
    if magic and magic[2]:
        raise MeshError("this is a binary OFF file, which is not read; save it as text")
    if magic:  # counts may follow at once; the word is blanked, so that only numbers are left
        text = b" " * magic.end() + text[magic.end() :]
        lines = split(text)
    prefixes = _PREFIX.findall(magic[1]) if magic else []
    texture, colour, normal, weight, dimensions = (prefix in prefixes for prefix in (b"ST", b"C", b"N", b"4", b"n"))
    head = [number(word) for word in text[: lines.tokens[4] if len(lines.tokens) > 4 else None].split()]
    counts = integers(np.array(head), -1).tolist()
    dimension = counts.pop(0) if dimensions and counts else 3
    if len(counts) < 2 or min(counts[:2]) < 0:
        raise MeshError("the header of the OFF file names no numbers of vertices and faces; is it an OFF file?")
    if not 2 <= dimension <= 3:
        raise MeshError(f"the vertices have {dimension} dimensions; only meshes in 2 or 3 dimensions are read")
    used = int(dimensions) + 2
    line = np.searchsorted(lines.first, used - 1, "right") - 1
    alone = lines.first[line + 1] == used and lines.counts[line] > 1  # "3 4" on a line of its own: no number of edges
    if not alone and len(counts) > 2 and counts[2] >= 0:
        used += 1
    own = dimension + weight + 3 * normal + 2 * texture
    widths = tuple(own + more for more in ((4, 3) if colour else (0,)))
    body = text[lines.tokens[used] :] if used < len(lines.tokens) else b""
    starts = np.unique(np.maximum(lines.first[:-1][lines.counts > 0] - used, 0))
    values = numbers(body)
    return _Header(counts[0], counts[1], dimension, weight, widths), _Body(values, starts[starts < len(values)])


def _vertex_table(header: _Header, body: _Body) -> tuple[NDArray[np.float64], _Body]:
    """(V, width) numbers of the vertices, and the tokens after them.

    Where every vertex has a line of its own and all have equally many numbers, that is the width, whatever the magic
    word says. Otherwise it is the width of the magic word with which the faces come out.
    """
    ends = np.append(body.line, len(body.values))
    if 0 < header.vertices < len(ends):
        length = np.diff(ends[: header.vertices + 1])
        if length[0] >= header.dimension and (length == length[0]).all():
            return _table(header, body, int(length[0]))
    for width in header.widths:
        if header.vertices * width > len(body.values):
            continue
        table, rest = _table(header, body, width)
        faces = _stream(rest.values, header.faces)
        if width == header.widths[-1] or (len(faces.sizes) == header.faces and faces.end == len(rest.values)):
            return table, rest
    held = len(body.values) // header.widths[-1]
    raise MeshError(f"the header claims {header.vertices:,} vertices, but the file holds {held:,}; {_CUT}")


def _table(header: _Header, body: _Body, width: int) -> tuple[NDArray[np.float64], _Body]:
    end = header.vertices * width
    return body.values[:end].reshape(header.vertices, width), body.tail(end)


def _positions(table: NDArray[np.float64], header: _Header) -> NDArray[np.float64]:
    """(V, 3) coordinates; homogeneous ones are divided by their weight, a missing third one is 0."""
    points = np.zeros((len(table), 3))
    points[:, : header.dimension] = table[:, : header.dimension]
    if header.weighted and table.shape[1] > header.dimension:
        with np.errstate(all="ignore"):
            points /= table[:, header.dimension, None]
    return points


def _faces(body: _Body, count: int) -> _Faces:
    """``count`` faces.

    Numbers after the last corner are colours, up to the end of the line. A file may also spread a face over lines or
    have several on one: then there are no colours, and the stream of numbers comes out even.
    """
    found = _one_a_line(body, count)
    if found is None:
        found = _stream(body.values, count)
        if len(found.sizes) < count or found.end < len(body.values):
            coloured = _stream(body.values, count, body.line)
            found = coloured if len(coloured.sizes) >= len(found.sizes) else found
    if len(found.sizes) < count:
        raise MeshError(f"the header claims {count:,} faces, but the file holds {len(found.sizes):,}; {_CUT}")
    return found


def _one_a_line(body: _Body, count: int) -> _Faces | None:
    """The faces when each of the first ``count`` lines holds a whole one."""
    if len(body.line) < count:
        return None
    ends = np.append(body.line, len(body.values))[: count + 1]
    start = ends[:-1]
    sizes = integers(body.values[start], -1)
    if (sizes < 0).any() or (sizes >= np.diff(ends)).any():
        return None
    return _Faces(sizes, integers(_gather(body.values, start + 1, sizes), -1), int(ends[-1]))


def _gather(values: NDArray, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray:
    """The runs of ``sizes`` values from ``starts`` on, one after the other."""
    first = np.cumsum(sizes) - sizes
    return values[np.repeat(starts - first, sizes) + np.arange(sizes.sum())]


def _stream(values: NDArray[np.float64], count: int, lines: NDArray[np.int64] | None = None) -> _Faces:
    """Up to ``count`` faces one after the other.

    With ``lines``, the tokens at which lines begin, the rest of the line in which a face ends is skipped.
    """
    whole = integers(values, -1)
    if lines is None and len(values) and len(values) % count == 0 and whole[0] + 1 == len(values) // count:
        table = whole.reshape(count, -1)
        if (table[:, 0] == table[0, 0]).all():
            return _Faces(table[:, 0], table[:, 1:].ravel(), len(values))
    tokens = whole.tolist()
    skip: list[int] = []  # for every token, where the next line begins
    if lines is not None:
        skip = np.append(lines, len(values))[np.searchsorted(lines, np.arange(len(values)), "right")].tolist()
    starts: list[int] = []
    end = 0
    while len(starts) < count and end < len(tokens):
        size = tokens[end]
        if size < 0 or end + size >= len(tokens):
            break
        starts.append(end)
        end = skip[end + size] if skip else end + size + 1
    place = np.array(starts, np.int64)
    sizes = whole[place]
    return _Faces(sizes, _gather(whole, place + 1, sizes), end)
