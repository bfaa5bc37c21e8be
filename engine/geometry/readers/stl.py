"""STL, text and binary. Corners are not merged: every triangle has its own three vertices."""

import re

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import FaceLabels, Raw
from engine.geometry.readers.limits import Limits, check_faces
from engine.geometry.readers.polygons import assemble, spans
from engine.geometry.readers.text import decode, doubles, no_text, number, numbers, plain, split

HEADER = 84  # 80 bytes of anything, then the number of triangles
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_FACET = re.compile(rb"\bfacet\b|\bendsolid\b", re.IGNORECASE)


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of an STL file; several solids of a text file become labels "object". Raises MeshError without a triangle."""
    no_text(data, "STL")
    claimed = int.from_bytes(data[80:HEADER], "little") if len(data) >= HEADER else -1
    if len(data) != HEADER + claimed * RECORD.itemsize:
        text = plain(data)
        if text[:512].lstrip()[:5].lower() == b"solid" and _FACET.search(text[: 2**20]):
            return _read_text(text, limits)
    if claimed < 0:
        raise MeshError(
            "this is neither a text STL (it would begin with 'solid') nor a binary one, which has 84 bytes or more"
        )
    return _read_binary(data, claimed, limits)


def _read_binary(data: bytes, claimed: int, limits: Limits) -> Raw:
    """The triangles that are whole, however many the header claims; after them there may be anything."""
    whole = (len(data) - HEADER) // RECORD.itemsize
    count = min(claimed, whole) if claimed else whole
    check_faces(count, limits)
    if not count:
        more = f"; its header claims {claimed:,}, so it is cut short: get it again" if claimed else ""
        raise MeshError(f"the STL file holds no triangles{more}")
    notes = []
    if claimed != whole:
        notes.append(
            f"the header claims {claimed:,} triangles and the file has room for {whole:,}; {count:,} were read"
        )
    records = np.frombuffer(data, RECORD, count, HEADER)
    vertices = doubles(records["corners"]).reshape(-1, 3)
    return assemble(vertices, np.full(count, 3), np.arange(3 * count), limits, notes=notes)


def _read_text(text: bytes, limits: Limits) -> Raw:
    lines = split(text)
    is_vertex, is_facet = lines.begin_with(b"vertex", fold=True), lines.begin_with(b"facet", fold=True)
    is_solid = lines.begin_with(b"solid", fold=True)
    before = np.searchsorted(np.flatnonzero(is_vertex), np.flatnonzero(is_facet))
    regular = (lines.counts[is_vertex] == 4).all() and (lines.counts[is_facet] <= 5).all()
    if regular and len(before) and before[0] == 0:
        coordinates = numbers(lines.pick(is_vertex, len(b"vertex")))
        facet = np.cumsum(is_facet)[is_solid]
        names = [decode(b"".join(lines.words(line, 1)[1:])) for line in np.flatnonzero(is_solid).tolist()]
        starts = list(zip(facet.tolist(), names, strict=True))
    else:
        coordinates, before, starts = _read_words(text)
    vertices = coordinates.reshape(-1, 3)
    sizes = np.diff(np.append(before, len(vertices)))
    if not len(sizes):
        raise MeshError("the STL file holds no triangles")
    if len(starts) < 2:
        return assemble(vertices, sizes, np.arange(len(vertices)), limits)
    return assemble(vertices, sizes, np.arange(len(vertices)), limits, {"object": _solids(starts, len(sizes))})


def _solids(starts: list[tuple[int, str]], count: int) -> FaceLabels:
    """Solids as labels; one without a name is called by its number in the file."""
    return spans([(start, name or f"solid {place + 1}") for place, (start, name) in enumerate(starts)], count)


def _read_words(text: bytes) -> tuple[NDArray[np.float64], NDArray[np.int64], list[tuple[int, str]]]:
    """Coordinates, vertices before each facet, and solids, of a text whose records are spread over lines at will."""
    coordinates: list[float] = []
    facets: list[int] = []
    solids: list[tuple[int, str]] = []
    wanted = 0  # numbers of the present vertex, which may come in later lines
    for line in text.split(b"\n"):
        words = line.split()
        if words and words[0].lower() == b"solid":
            end = next((place for place, word in enumerate(words) if word.lower() == b"facet"), len(words))
            solids.append((len(facets), decode(b" ".join(words[1:end]))))
            words = words[end:]
        for word in words:
            kind = word.lower()
            if kind == b"facet":
                coordinates += [np.nan] * wanted
                wanted = 0
                facets.append(len(coordinates) // 3)
            elif kind == b"vertex" and facets:
                coordinates += [np.nan] * wanted
                wanted = 3
            elif wanted:
                coordinates.append(number(word))
                wanted -= 1
    return np.array(coordinates + [np.nan] * (-len(coordinates) % 3)), np.array(facets, np.int64), solids
