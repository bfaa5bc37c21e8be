"""3MF (core specification 1.3, and objects in parts of their own): a zip with XML, read as a stream."""

import io
import zipfile
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers.limits import Limits, check_bytes
from engine.geometry.readers.scene import Scene, is_mirror
from engine.geometry.readers.text import number

DEPTH, COPIES = 32, 100_000  # assemblies within assemblies; objects placed in all
PACKED_MOST, PACKED_FREE = 60, 16 * 2**20  # an entry may unpack to so many times its size, or to so many bytes
CHUNK = 2**20

Attributes = dict[str, str]


@dataclass
class _Object:
    """A mesh, or an assembly of copies of others (part of the archive, object, matrix)."""

    name: str = ""
    material: tuple[str, int] = ("", 0)
    coordinates: array = field(default_factory=lambda: array("d"))
    corners: array = field(default_factory=lambda: array("q"))
    materials: list[tuple[str, int] | None] = field(default_factory=list)
    components: list[tuple[str, str, NDArray[np.float64]]] = field(default_factory=list)


@dataclass
class _Part:
    """One XML file of the archive."""

    objects: dict[str, _Object] = field(default_factory=dict)
    materials: dict[str, list[str]] = field(default_factory=dict)
    items: list[tuple[str, str, NDArray[np.float64], str]] = field(default_factory=list)


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of a 3MF file: every object that is to be built, with labels "node" and "material". Raises MeshError."""
    archive = _Archive(data, limits)
    root = archive.root()
    part = archive.part(root)
    scene = Scene(limits)
    items = part.items
    if not items:
        scene.note("the file does not say what is to be built; all its objects were read")
        used = {identity for item in part.objects.values() for _, identity, _ in item.components}
        items = [("", identity, np.eye(4), "") for identity in part.objects if identity not in used]
    placed = 0
    stack = [(where or root, identity, matrix, name, 0) for where, identity, matrix, name in reversed(items)]
    while stack:
        where, identity, matrix, name, depth = stack.pop()
        placed += 1
        item = archive.part(where).objects.get(identity)
        if item is None:
            scene.note("left out objects that do not exist")
            continue
        if depth > DEPTH or placed > COPIES:
            raise MeshError("the 3MF file places objects within objects without end; save it anew as one mesh")
        name = item.name or name
        if item.corners:
            _place(scene, item, archive.part(where), matrix, name or f"object {identity}")
        with np.errstate(all="ignore"):
            inner = [(at or where, other, matrix @ own, name, depth + 1) for at, other, own in item.components]
        stack += reversed(inner)
    return scene.raw()


def _place(scene: Scene, item: _Object, part: _Part, matrix: NDArray[np.float64], name: str) -> None:
    vertices = np.array(item.coordinates).reshape(-1, 3)
    first = scene.place(vertices, matrix)
    names = []
    for own in item.materials:
        group, place = own or item.material
        known = part.materials.get(group, [])
        names.append(known[place] if 0 <= place < len(known) else "")
    sizes = np.full(len(item.corners) // 3, 3)
    scene.add(first, len(vertices), sizes, np.array(item.corners), is_mirror(matrix), {"node": name, "material": names})


class _Archive:
    """The XML files of a 3MF archive, each read once when it is needed."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.limits = limits
        self.parts: dict[str, _Part] = {}
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
            self.names = {name.lower().lstrip("/"): name for name in self.zip.namelist()}
        except Exception as error:  # a broken archive raises anything; the cause is kept and shown
            raise _unreadable(error) from error

    def root(self) -> str:
        """The part that says what is to be built."""
        models = [name for name in self.names if name.endswith(".model")]
        if not models:
            raise MeshError("this is not a 3MF file: the archive holds no 3D model")
        return min(models, key=lambda name: (name != "3d/3dmodel.model", "3dmodel.model" not in name))

    def part(self, name: str) -> _Part:
        """One XML file; an empty part when it does not exist."""
        name = name.lower().lstrip("/")
        if name not in self.parts:
            self.parts[name] = self._parse(self.names[name]) if name in self.names else _Part()
        return self.parts[name]

    def _parse(self, name: str) -> _Part:
        builder = _Builder(_Part())
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = builder.start
        parser.EndElementHandler = builder.end
        parser.StartDoctypeDeclHandler = _no_doctype
        try:
            info = self.zip.getinfo(name)
            free = max(PACKED_MOST * info.compress_size, PACKED_FREE)
            with self.zip.open(info) as stream:
                size = 0
                while chunk := stream.read(CHUNK):
                    size += len(chunk)
                    check_bytes(size, self.limits)
                    if size > free:
                        raise MeshError("the 3MF file unpacks to far more than a mesh would; it was not read")
                    parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except MeshError:
            raise
        except Exception as error:  # a broken archive raises anything; the cause is kept and shown
            raise _unreadable(error) from error
        return builder.part


def _unreadable(error: Exception) -> MeshError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return MeshError(f"the 3MF file is damaged ({reason}); get it again or save it anew")


def _no_doctype(*_: object) -> None:
    raise MeshError("the 3MF file declares entities, which no mesh needs; it was not read")


class _Builder:
    """Takes the XML elements of one part as they come."""

    def __init__(self, part: _Part) -> None:
        self.part = part
        self.item = _Object()
        self.group: list[str] = []
        self.starts: dict[str, Callable[[Attributes], None]] = {
            "vertex": self._vertex,
            "triangle": self._triangle,
            "object": self._object,
            "component": self._component,
            "item": self._item,
            "basematerials": self._materials,
            "base": self._material,
        }
        self.known: dict[str, Callable[[Attributes], None] | None] = {}  # by full name

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins; names of elements and attributes come as "namespace name"."""
        if tag not in self.known:
            self.known[tag] = self.starts.get(tag.rpartition(" ")[2])
        take = self.known[tag]
        if take:
            take(attributes)

    def end(self, tag: str) -> None:
        """An element ends: what follows an object no longer belongs to it."""
        if tag.rpartition(" ")[2] == "object":
            self.item = _Object()

    def _vertex(self, attributes: Attributes) -> None:
        try:
            vertex = float(attributes["x"]), float(attributes["y"]), float(attributes["z"])
        except (KeyError, ValueError):
            vertex = _number(attributes, "x"), _number(attributes, "y"), _number(attributes, "z")
        self.item.coordinates.extend(vertex)

    def _triangle(self, attributes: Attributes) -> None:
        try:
            corners = int(attributes["v1"]), int(attributes["v2"]), int(attributes["v3"])
        except (KeyError, ValueError):
            corners = -1, -1, -1
        if max(corners) >= 2**53 or min(corners) < -1:
            corners = -1, -1, -1
        self.item.corners.extend(corners)
        own = attributes.get("pid")
        self.item.materials.append((own, _index(attributes.get("p1"))) if own is not None else None)

    def _object(self, attributes: Attributes) -> None:
        self.item = _Object(attributes.get("name", ""))
        self.item.material = (attributes.get("pid", ""), _index(attributes.get("pindex", "0")))
        self.part.objects[attributes.get("id", "")] = self.item

    def _component(self, attributes: Attributes) -> None:
        self.item.components.append((_path(attributes), attributes.get("objectid", ""), _matrix(attributes)))

    def _item(self, attributes: Attributes) -> None:
        name = attributes.get("partnumber", "")
        self.part.items.append((_path(attributes), attributes.get("objectid", ""), _matrix(attributes), name))

    def _materials(self, attributes: Attributes) -> None:
        self.group = self.part.materials.setdefault(attributes.get("id", ""), [])

    def _material(self, attributes: Attributes) -> None:
        self.group.append(attributes.get("name", ""))


def _number(attributes: Attributes, name: str) -> float:
    return number(attributes.get(name, "").encode())


def _index(text: str | None) -> int:
    """A number as written; -1, which is no vertex, when it is none."""
    value = number((text or "").encode())
    return int(value) if value.is_integer() and 0 <= value < 2**53 else -1


def _path(attributes: Attributes) -> str:
    """Part of the archive that holds an object; "" for the same one."""
    return next((value for name, value in attributes.items() if name.rpartition(" ")[2] == "path"), "")


def _matrix(attributes: Attributes) -> NDArray[np.float64]:
    """(4, 4) of the 12 numbers of a transform, which are four rows for row vectors."""
    matrix = np.eye(4)
    if "transform" in attributes:
        values = [number(word) for word in attributes["transform"].encode().split()]
        if len(values) != 12:
            raise MeshError("a transform in the 3MF file does not have 12 numbers; save it anew")
        matrix[:3] = np.array(values).reshape(4, 3).T
    return matrix
