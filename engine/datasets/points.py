"""Clouds and occupancy samples of data sets in: text, numpy and PCD files. Nothing is unpickled, claims are checked first.

Coordinates keep the data set's own axes and scale: the caller turns them (``engine.datasets.axes``) and scales them.
"""

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.datasets.arrays import read_npy, read_npz
from engine.datasets.source import Source
from engine.errors import InputError, MeshError
from engine.geometry.readers.coloured import srgb, told

LARGEST_TEXT = 2**28  # bytes of text, which takes several times as much to read
TEXT = (".pts", ".txt", ".xyz", ".csv")
COLUMNS = {
    3: "x y z",
    4: "x y z label",
    6: "x y z and a normal or a colour",
    7: "x y z, a normal or a colour, and a label",
}

Floats = NDArray[np.float64]
Box = tuple[Floats, float]


@dataclass(frozen=True)
class Cloud:
    """Points of a surface, in the data set's own coordinates.

    points : (P, 3) float64, finite
    labels : (P,) int64, or None where there are none; ``str(label)`` is a key of the source's ``label_names``
    normals : (P, 3) float64, or None
    box : centre (3,) and longest side of the shape's bounding box where the file states them
    colours : (P, 3) float64 sRGB 0..1, or None; (0, 3) where what the file calls so is none
    """

    points: Floats
    labels: NDArray[np.int64] | None = None
    normals: Floats | None = None
    box: Box | None = None
    colours: Floats | None = None


@dataclass(frozen=True)
class Occupancy:
    """Points with inside flags, in the data set's own coordinates.

    points : (P, 3) float32, finite
    inside : (P,) bool
    sections : "near" and "uniform" -> (start, stop) where the layout says how points were drawn. Occupancy Networks:
        all uniform in the unit cube padded to 1.1. HyperDiffusion: first half near the surface (jitter 0.01), second half
        uniform in [-0.5, 0.5]^3
    box : as of a cloud
    """

    points: NDArray[np.float32]
    inside: NDArray[np.bool_]
    sections: dict[str, tuple[int, int]]
    box: Box | None = None


def read_cloud(source: Source) -> Cloud:
    """Points of a source of kind "cloud". Raises MeshError: unreadable, wrong columns or counts, not finite, empty."""
    path = source.files[0]
    suffix = Path(path).suffix.lower()
    if suffix in TEXT:
        cloud = _of_columns(path, _text(path))
    elif suffix == ".npy":
        cloud = _of_array(path, read_npy(path))
    elif suffix == ".npz":
        cloud = _of_archive(path)
    elif suffix == ".pcd":
        cloud = _of_pcd(path)
    else:
        raise InputError(f"{path}: not a point file; known formats: {', '.join((*TEXT, '.npy', '.npz', '.pcd'))}")
    labels = cloud.labels
    if source.labels:
        labels = read_labels(source.labels)
        if len(labels) != len(cloud.points):
            raise MeshError(f"{source.labels}: {len(labels)} labels for the {len(cloud.points)} points of {path}")
    return replace(cloud, points=finite(path, cloud.points), labels=labels)


def read_occupancy(source: Source) -> Occupancy:
    """Points and inside flags of a source of kind "occupancy". Raises MeshError; InputError when it is a cloud."""
    path = source.files[0]
    suffix = Path(path).suffix.lower()
    box = None
    if suffix == ".npy":
        rows = read_npy(path)
        if rows.ndim != 2 or rows.shape[1] != 4:
            raise InputError(
                f"{path}: an array of shape {rows.shape} where rows of x y z and an inside flag are needed; "
                "if it is a cloud to measure by, it cannot be trained on"
            )
        points, flags = rows[:, :3], rows[:, 3]
    elif suffix == ".npz":
        held = read_npz(path, ("points", "occupancies"), ("loc", "scale"))
        points, box = _placed(path, held)
        flags = _unpacked(path, held["occupancies"], len(points))
    else:
        raise InputError(f"{path}: not a file of points with inside flags; known formats: .npy, .npz")
    if not np.isin(flags, (0, 1)).all():
        raise InputError(f"{path}: its inside flags are not 0 and 1; if it is a cloud, it cannot be trained on")
    count = len(points)
    sections = {}
    if source.dataset == "occnet":
        sections = {"uniform": (0, count)}
    elif source.dataset == "hyperdiffusion" and count % 2 == 0:
        sections = {"near": (0, count // 2), "uniform": (count // 2, count)}
    return Occupancy(finite(path, points).astype(np.float32), flags.astype(bool), sections, box)


def read_labels(path: str) -> NDArray[np.int64]:
    """Labels (N,) of a file with one whole number per line, also written as 48.000000. Raises MeshError."""
    rows = _text(path)
    if rows.shape[1] != 1:
        raise MeshError(f"{path}: {rows.shape[1]} columns where one label per line is needed")
    return _whole(path, rows[:, 0])


def _of_columns(path: str, rows: Floats) -> Cloud:
    count = rows.shape[1]
    if count not in COLUMNS:
        known = "; ".join(f"{number}: {words}" for number, words in COLUMNS.items())
        raise MeshError(f"{path}: {count} columns; known are {known}")
    labels = _whole(path, rows[:, -1]) if count in (4, 7) else None
    return _told(Cloud(rows[:, :3], labels), rows[:, 3:6]) if count > 4 else Cloud(rows[:, :3], labels)


def _of_array(path: str, rows: NDArray) -> Cloud:
    if rows.ndim != 2 or rows.shape[1] < 3:
        raise MeshError(f"{path}: an array of shape {rows.shape} where rows of x y z are needed")
    if rows.shape[1] == 4 and len(rows) and np.isin(rows[:, 3], (0, 1)).all():
        raise InputError(
            f"{path}: its fourth column is nothing but 0 and 1: these are points with inside flags, no cloud"
        )
    cloud = Cloud(rows[:, :3].astype(np.float64))
    return _told(cloud, rows[:, 3:]) if rows.shape[1] == 6 else cloud


def _of_archive(path: str) -> Cloud:
    held = read_npz(path, ("points",), ("normals", "colors", "loc", "scale"))
    points, box = _placed(path, held)
    normals, colours = held.get("normals"), held.get("colors")
    if colours is not None and colours.shape == (len(points), 4):  # with an alpha
        colours = colours[:, :3]
    for name, array in (("normals", normals), ("colors", colours)):
        if array is not None and array.shape != points.shape:
            raise MeshError(f"{path}: {array.shape} {name} for {points.shape} points")
    shades = None if colours is None else told(colours, colours.dtype.str[1:])
    return Cloud(points, None, None if normals is None else normals.astype(np.float64), box, shades)


def _of_pcd(path: str) -> Cloud:
    """Point Cloud Library's text form: ``FIELDS x y z ...``, ``COUNT``, ``POINTS``, ``DATA ascii``."""
    lines = _lines(path)
    head: dict[str, list[str]] = {}
    start = next((i for i, line in enumerate(lines) if line.upper().startswith("DATA")), len(lines) - 1) + 1
    for line in lines[:start]:
        word, *rest = line.split()
        head[word.upper()] = rest
    if head.get("DATA") != ["ascii"]:
        raise MeshError(f"{path}: a PCD file of another form than text (DATA ascii); save it as text")
    fields = head.get("FIELDS", [])
    counts = head.get("COUNT", ["1"] * len(fields))
    if len(counts) != len(fields) or not all(word.isdigit() and len(word) < 6 for word in counts):
        raise MeshError(f"{path}: its COUNT line does not fit its FIELDS")
    names = [name for name, count in zip(fields, counts, strict=True) for _ in range(int(count))]
    rows = _parsed(path, lines[start:])
    if not {"x", "y", "z"} <= set(names) or rows.shape[1] != len(names):
        raise MeshError(f"{path}: {rows.shape[1]} columns for the fields {' '.join(fields) or 'of an empty header'}")
    if head.get("POINTS", [str(len(rows))]) != [str(len(rows))]:
        raise MeshError(f"{path}: {len(rows)} points where its header says {' '.join(head['POINTS'])}")

    def columns(*wanted: str) -> Floats | None:
        return rows[:, [names.index(name) for name in wanted]] if set(wanted) <= set(names) else None

    labels = columns("label")
    name = "rgba" if "rgba" in names else "rgb"
    types = dict(zip(fields, head.get("TYPE", []), strict=False))
    return Cloud(
        rows[:, [names.index(name) for name in "xyz"]],
        None if labels is None else _whole(path, labels[:, 0]),
        columns("normal_x", "normal_y", "normal_z"),
        colours=_packed(packed, types.get(name)) if (packed := columns(name)) is not None else None,
    )


def _placed(path: str, held: dict[str, NDArray]) -> tuple[Floats, Box | None]:
    """Points (P, 3) with the file's ``scale`` and ``loc`` applied, and the box that these tell of: points * scale + loc."""
    points = held["points"]
    if points.ndim != 2 or points.shape[1] != 3:
        raise MeshError(f"{path}: points of shape {points.shape} where (P, 3) is needed")
    scale, loc = held.get("scale", np.ones(())), held.get("loc", np.zeros(3))
    if scale.size != 1 or loc.shape != (3,) or not (np.isfinite(loc).all() and 0 < scale.item() < math.inf):
        raise MeshError(f"{path}: its loc and scale are not a place and a positive size")
    box = (loc.astype(np.float64), float(scale.item())) if {"loc", "scale"} <= held.keys() else None
    return points.astype(np.float64) * float(scale.item()) + loc.astype(np.float64), box


def _unpacked(path: str, flags: NDArray, count: int) -> NDArray:
    """One flag for each point; eight to a byte (np.packbits) when there are too few."""
    if flags.shape == (count,):
        return flags
    if flags.dtype == np.uint8 and flags.shape == (-(-count // 8),):
        return np.unpackbits(flags)[:count]
    raise MeshError(f"{path}: occupancies of shape {flags.shape} for {count} points")


def finite(path: str, points: NDArray) -> Floats:
    """Points (P, 3) of a file, all of them numbers. Raises MeshError."""
    if not len(points):
        raise MeshError(f"{path}: holds no points")
    odd = np.count_nonzero(~np.isfinite(points).all(1))
    if odd:
        raise MeshError(f"{path}: {odd} of {len(points)} points are not finite numbers; leave them out of the file")
    return points.astype(np.float64)


def _whole(path: str, values: Floats) -> NDArray[np.int64]:
    if not (np.isfinite(values).all() and (values == np.round(values)).all() and (np.abs(values) < 2**31).all()):
        raise MeshError(f"{path}: its labels are not whole numbers")
    return values.astype(np.int64)


def _told(cloud: Cloud, columns: NDArray) -> Cloud:
    """The cloud with three more columns as what they are: normals where they are unit vectors that do not all point into
    one corner, as they do nowhere on a closed surface; colours where they can be some, see `srgb`; or else nothing."""
    found = columns.astype(np.float64)
    length = np.linalg.norm(found, axis=1)
    if len(length) and abs(np.median(length) - 1) < 0.05 and (found < 0).any():
        return replace(cloud, normals=found)
    return replace(cloud, colours=srgb(found))


def _packed(column: Floats, kind: str | None) -> Floats:
    """(P, 3) sRGB of PCD's colours (P, 1): three bytes of a whole number, which as kind "F" is told as the float32 with the
    same bits."""
    with np.errstate(all="ignore"):
        bits = column[:, 0].astype("<f4").view("<u4") if kind == "F" else column[:, 0].astype(np.int64) & 0xFFFFFFFF
    return np.stack([bits >> shift & 255 for shift in (16, 8, 0)], 1) / 255


def _text(path: str) -> Floats:
    """Rows of numbers (P, C) split by commas, semicolons or white space; lines that start with # are left out."""
    return _parsed(path, [line for line in _lines(path) if not line.startswith("#")])


def _lines(path: str) -> list[str]:
    try:
        if os.path.getsize(path) > LARGEST_TEXT:
            raise MeshError(f"{path}: more than {LARGEST_TEXT >> 20} MB of text; store it as .npy")
        with open(path, encoding="latin-1") as file:
            return [stripped for line in file if (stripped := line.strip())]
    except OSError as error:
        raise MeshError(f"{path}: cannot be read ({error.strerror})") from error


def _parsed(path: str, lines: list[str]) -> Floats:
    if not lines:
        raise MeshError(f"{path}: holds no numbers")
    mark = next((mark for mark in ",;" if mark in lines[0]), None)
    try:
        return np.loadtxt(lines, delimiter=mark, comments=None, ndmin=2)
    except ValueError as error:
        raise MeshError(f"{path}: not rows of numbers: {str(error).split(';')[0]}") from error
