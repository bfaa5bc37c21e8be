"""COLLADA 1.4 and 1.5 (DAE): triangles and polygons of all nodes of the scene, with their transforms applied."""

from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.raw import Raw
from engine.geometry.readers.limits import Limits
from engine.geometry.readers.scene import Scene, is_mirror
from engine.geometry.readers.text import integers, no_text, numbers

DEPTH, COPIES = 64, 100_000  # nodes within nodes; nodes placed in all
LISTS = ("triangles", "polylist", "polygons", "tristrips", "trifans")
TRANSFORMS = {"matrix": 16, "translate": 3, "rotate": 4, "scale": 3, "lookat": 9, "skew": 7}

Element = ElementTree.Element


def read(data: bytes, limits: Limits) -> Raw:
    """Mesh of a COLLADA file; nodes and materials become labels "node" and "material". Raises MeshError."""
    no_text(data, "DAE")
    try:
        root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Tree()))
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the latter two of odd encodings
        raise MeshError(f"the DAE file is damaged ({str(error)[:200]}); get it again or save it anew") from error
    return _Reader(root, limits).read()


class _Tree(ElementTree.TreeBuilder):
    """A tree of a document that declares nothing: declared entities could blow it up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse the declaration."""
        raise MeshError("the DAE file declares entities, which no mesh needs; it was not read")


def _kind(element: Element) -> str:
    """Name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _children(element: Element | None, *kinds: str) -> Iterator[Element]:
    return (child for child in (() if element is None else element) if _kind(child) in kinds)


def _child(element: Element | None, *path: str) -> Element | None:
    """First element at a path of kinds."""
    for kind in path:
        element = next(_children(element, kind), None)
    return element


def _values(element: Element | None) -> NDArray[np.float64]:
    """Numbers in the text of an element."""
    text = None if element is None else element.text
    return numbers((text or "").encode("utf-8", "replace"))


class _Reader:
    """One document and what has been read of it."""

    def __init__(self, root: Element, limits: Limits) -> None:
        self.root = root
        self.scene = Scene(limits)
        self.known = {element.get("id", ""): element for element in root.iter() if element.get("id")}
        self.meshes: dict[str, tuple[NDArray[np.float64], list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]]] = {}
        self.placed = 0

    def read(self) -> Raw:
        up = _child(self.root, "asset", "up_axis")
        if up is not None and (up.text or "").strip() in ("X_UP", "Z_UP"):
            self.scene.note(f"the file says that {(up.text or '').strip()[0]} is up")
        scene = self._target(_child(self.root, "scene", "instance_visual_scene"))
        if scene is None:
            scene = _child(self.root, "library_visual_scenes", "visual_scene")
        for node in _children(scene, "node"):
            self._node(node, np.eye(4), "", 0)
        if scene is None:
            self.scene.note("the file has no scene; all its meshes were read as they are")
            for geometry in _children(_child(self.root, "library_geometries"), "geometry"):
                self._geometry(geometry, np.eye(4), geometry.get("name") or geometry.get("id") or "", {})
        return self.scene.raw()

    def _target(self, link: Element | None, key: str = "url") -> Element | None:
        """What an element points to; only links within the file are followed."""
        url = "" if link is None else link.get(key, "")
        return self.known.get(url[1:]) if url.startswith("#") else None

    def _node(self, node: Element, matrix: NDArray[np.float64], name: str, depth: int) -> None:
        self.placed += 1
        if depth > DEPTH or self.placed > COPIES:
            raise MeshError("the DAE file places nodes within nodes without end; save it anew as one mesh")
        name = node.get("name") or node.get("id") or name
        for element in node:
            kind = _kind(element)
            if kind in TRANSFORMS:
                with np.errstate(all="ignore"):
                    matrix = matrix @ _matrix(kind, _values(element))
            elif kind == "node":
                self._node(element, matrix, name, depth + 1)
            elif kind == "instance_node":
                target = self._target(element)
                if target is not None and _kind(target) == "node":
                    self._node(target, matrix, name, depth + 1)
            elif kind in ("instance_geometry", "instance_controller"):
                geometry = self._target(element)
                if kind == "instance_controller":
                    self.scene.note(
                        "the model has a skeleton, which was left out: its skin is in the pose in which it was made"
                    )
                    geometry = self._target(_child(geometry, "skin"), "source")
                if geometry is not None:
                    self._geometry(geometry, matrix, name or geometry.get("name", ""), self._materials(element))

    def _materials(self, instance: Element) -> dict[str, str]:
        """Names of materials by the symbols that the faces use."""
        names = {}
        for link in _children(_child(instance, "bind_material", "technique_common"), "instance_material"):
            material = self._target(link, "target")
            name = None if material is None else material.get("name") or material.get("id")
            names[link.get("symbol", "")] = name or link.get("target", "").lstrip("#")
        return names

    def _geometry(self, geometry: Element, matrix: NDArray[np.float64], name: str, materials: dict[str, str]) -> None:
        key = geometry.get("id", "")
        if key not in self.meshes or self.known.get(key) is not geometry:
            self.meshes[key] = self._mesh(_child(geometry, "mesh"))
        vertices, polygons = self.meshes[key]
        first = self.scene.place(vertices, matrix)
        for symbol, sizes, corners in polygons:
            names: dict[str, list[str] | str] = {"node": name, "material": materials.get(symbol, symbol)}
            self.scene.add(first, len(vertices), sizes, corners, is_mirror(matrix), names)

    def _mesh(self, mesh: Element | None) -> tuple[NDArray, list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]]:
        """Vertices, and for each list of faces its material symbol, sizes and corners."""
        links = [link for link in _children(_child(mesh, "vertices"), "input") if link.get("semantic") == "POSITION"]
        vertices = self._source(self._target(links[0], "source")) if links else np.zeros((0, 3))
        return vertices, [(faces.get("material", ""), *self._faces(faces)) for faces in _children(mesh, *LISTS)]

    def _source(self, source: Element | None) -> NDArray[np.float64]:
        """(V, 3) the first three numbers of each record of a source."""
        values = _values(_child(source, "float_array"))
        accessor = _child(source, "technique_common", "accessor")
        stride, offset = (_whole(accessor, key, other) for key, other in (("stride", 3), ("offset", 0)))
        if stride < 3:
            raise MeshError("the positions in the DAE file do not have three coordinates; save it anew")
        values = values[offset:]
        if len(values) % stride >= 3:  # the last record may lack what is not a coordinate
            values = np.append(values, np.zeros(stride - len(values) % stride))
        return values[: len(values) // stride * stride].reshape(-1, stride)[:, :3]

    def _faces(self, faces: Element) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sizes and corners of the polygons of one list."""
        links = list(_children(faces, "input"))
        offsets = [_whole(link, "offset", 0) for link in links]
        step = max(offsets, default=0) + 1
        own = next((at for at, link in zip(offsets, links, strict=True) if link.get("semantic") == "VERTEX"), 0)
        runs = [integers(_values(p), -1)[own::step] for p in faces.iter() if _kind(p) == "p"]
        if any(_kind(child) == "ph" for child in faces):
            self.scene.note("holes in polygons were filled")
        kind = _kind(faces)
        if kind == "polylist":
            return _cut_at(integers(_values(_child(faces, "vcount")), -1), runs[0] if runs else np.zeros(0, np.int64))
        if kind == "triangles":
            runs = [run[: len(run) // 3 * 3].reshape(-1, 3) for run in runs]
        elif kind != "polygons":
            runs = [_strip(run, kind == "trifans") for run in runs]
        else:
            sizes = np.array([len(run) for run in runs], np.int64)
            return sizes, np.concatenate([np.zeros(0, np.int64), *runs])
        corners = np.concatenate([np.zeros((0, 3), np.int64), *runs])
        return np.full(len(corners), 3), corners.ravel()


def _whole(element: Element | None, key: str, other: int) -> int:
    """A whole number below 100,000 in an attribute."""
    text = "" if element is None else element.get(key, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else other


def _cut_at(sizes: NDArray[np.int64], corners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if (sizes < 0).any() or sizes.sum() != len(corners) or (sizes > len(corners)).any():
        raise MeshError(
            f"the polygons in the DAE file need {max(0, int(np.maximum(sizes, 0).sum())):,} corners, but it holds "
            f"{len(corners):,}; get it again or save it anew"
        )
    return sizes, corners


def _strip(run: NDArray[np.int64], fan: bool) -> NDArray[np.int64]:
    """(F, 3) triangles of a strip or fan."""
    if len(run) < 3:
        return np.zeros((0, 3), np.int64)
    if fan:
        return np.stack([np.full(len(run) - 2, run[0]), run[1:-1], run[2:]], 1)
    triangles = np.stack([run[:-2], run[1:-1], run[2:]], 1)
    triangles[1::2] = triangles[1::2, [1, 0, 2]]
    return triangles


def _matrix(kind: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) of one transform element; angles are in degrees."""
    if len(values) != TRANSFORMS[kind] or kind in ("lookat", "skew"):
        raise MeshError(f"a transform <{kind}> in the DAE file cannot be read; apply the transforms and save it anew")
    matrix = np.eye(4)
    if kind == "matrix":
        return values.reshape(4, 4)
    if kind == "translate":
        matrix[:3, 3] = values
    elif kind == "scale":
        matrix[:3, :3] = np.diag(values)
    else:
        matrix[:3, :3] = _turn(values[:3], np.radians(values[3]))
    return matrix


def _turn(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """(3, 3) rotation about an axis (Rodrigues' formula)."""
    x, y, z = axis / (np.linalg.norm(axis) or 1.0)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
