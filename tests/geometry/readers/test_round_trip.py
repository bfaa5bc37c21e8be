"""Written then read is the same mesh, for every format and dialect."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.geometry.raw import Raw
from engine.geometry.readers import FORMATS, read_raw
from tests.geometry.readers import write
from tests.geometry.readers.write import Drawn

NAMES = ("", "wing", "a b", "f 1 2 3", "tür", "v", "usemtl x")

Writer = Callable[[Drawn], bytes]

POLYGONS: dict[str, tuple[str, Writer]] = {
    "obj": (".obj", write.obj),
    "obj texture": (".obj", lambda m: write.obj(m, "v/t")),
    "obj normal": (".obj", lambda m: write.obj(m, "v//n")),
    "obj both": (".OBJ", lambda m: write.obj(m, "v/t/n", end="\r\n", word="o")),
    "obj relative": (".obj", lambda m: write.obj(m, "v/t/n", relative=True, word="usemtl")),
    "obj old mac": (".obj", lambda m: write.obj(m, end="\r")),
    "obj utf-16": (".obj", lambda m: write.obj(m).decode().encode("utf-16")),
    "off": (".off", write.off),
    "off glued": (".off", lambda m: write.off(m, "OFF")),
    "off no magic": (".off", lambda m: write.off(m, "")),
    "off comments": (".off", lambda m: write.off(m, "# 1 2 3\n OFF # 8\n\n", end=" # end\r\n")),
    "off colours": (".off", lambda m: write.off(m, colour=" 0.5 0.5 0.5 1")),
    "off colour": (".off", lambda m: write.off(m, colour=" 3")),
    "off apart": (".off", lambda m: write.off(m, apart=True)),
    "off apart normals": (".off", lambda m: write.off(m, "NOFF\n", " 0 0 1", apart=True)),
    "off everything": (".off", lambda m: write.off(m, "STCNOFF\n", " 0 0 1 9 9 9 9 0.1 0.2", " 1 2 3", end="\n\n")),
    "off 4": (".off", lambda m: write.off(Drawn(m.vertices * 2, m.polygons), "4OFF ", " 2")),
    "off n": (".off", lambda m: write.off(m, "nOFF 3\n")),
    "ply": (".ply", write.ply),
    "ply extras": (".ply", lambda m: write.ply(m, extras=True)),
    "ply little": (".ply", lambda m: write.ply(m, "binary_little_endian", count="int", index="ushort")),
    "ply big": (".ply", lambda m: write.ply(m, "binary_big_endian", index="uint")),
    "ply little extras": (".ply", lambda m: write.ply(m, "binary_little_endian", extras=True)),
    "ply big extras": (".ply", lambda m: write.ply(m, "binary_big_endian", count="short", index="ushort", extras=True)),
    "dae polylist": (".dae", write.dae),
    "dae polygons": (".dae", lambda m: write.dae(m, "polygons")),
}
TRIANGLES: dict[str, tuple[str, Writer]] = {
    "stl text": (".stl", write.stl_text),
    "stl upper": (".stl", lambda m: write.stl_text(m, upper=True)),
    "stl binary": (".stl", write.stl_binary),
    "stl solid": (".STL", lambda m: write.stl_binary(m, b"solid of facets")),
    "glb": (".glb", lambda m: write.glb(*write.gltf_parts(m))),
    "3mf": (".3mf", write.threemf),
    "dae triangles": (".dae", lambda m: write.dae(m, "triangles")),
}
LABELLED: dict[str, tuple[str, str, Writer]] = {
    "obj group": (".obj", "group", write.obj),
    "obj object": (".obj", "object", lambda m: write.obj(m, word="o")),
    "obj material": (".obj", "material", lambda m: write.obj(m, "v//n", True, "\r\n", "usemtl")),
    "glb node": (".glb", "node", lambda m: write.glb(*write.gltf_parts(m))),
    "glb material": (".glb", "material", lambda m: write.glb(*write.gltf_parts(m, "material"))),
    "3mf node": (".3mf", "node", write.threemf),
    "3mf material": (".3mf", "material", lambda m: write.threemf(m, "material")),
    "dae node": (".dae", "node", write.dae),
    "dae material": (".dae", "material", lambda m: write.dae(m, scheme="material")),
}


@st.composite
def drawn(draw: st.DrawFn, most: int = 7) -> Drawn:
    """Any polygons over up to 12 vertices, none of them with a corner twice."""
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(3, 12))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e6]))
    vertices = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32) * scale
    sizes = st.integers(3, min(most, count))
    polygon = sizes.flatmap(lambda n: st.lists(st.integers(0, count - 1), min_size=n, max_size=n, unique=True))
    polygons = draw(st.lists(polygon, min_size=1, max_size=8))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=len(polygons), max_size=len(polygons)))
    return Drawn(vertices.astype(np.float32).astype(np.float64), polygons, names)


def outline(triangles: np.ndarray) -> Counter[tuple[int, int]]:
    """Directed edges that no other triangle passes the other way."""
    edges = Counter((int(t[i]), int(t[(i + 1) % 3])) for t in triangles for i in range(3))
    edges.subtract({(b, a): count for (a, b), count in edges.items()})
    return +edges


def check_polygons(mesh: Drawn, raw: Raw) -> None:
    """Every polygon has n - 2 triangles in its place whose outline it is."""
    sizes = np.array([len(polygon) for polygon in mesh.polygons])
    assert raw.polygon.dtype == np.int32 and np.array_equal(raw.polygon, np.repeat(np.arange(len(sizes)), sizes - 2))
    for number, polygon in enumerate(mesh.polygons):
        edges = Counter(zip(polygon, (*polygon[1:], polygon[0]), strict=True))
        assert outline(raw.mesh.faces[raw.polygon == number]) == edges


@pytest.mark.parametrize("kind", POLYGONS)
@given(mesh=drawn())
@settings(max_examples=25, deadline=None)
def test_polygons(kind: str, mesh: Drawn) -> None:
    suffix, writer = POLYGONS[kind]
    raw = read_raw(Path(f"a{suffix}"), writer(Drawn(mesh.vertices, mesh.polygons)))
    assert np.array_equal(raw.mesh.vertices, mesh.vertices) and raw.mesh.faces.dtype == np.int32
    check_polygons(mesh, raw)
    assert not raw.notes and not raw.labels


@pytest.mark.parametrize("kind", TRIANGLES)
@given(mesh=drawn(3))
@settings(max_examples=25, deadline=None)
def test_triangles(kind: str, mesh: Drawn) -> None:
    suffix, writer = TRIANGLES[kind]
    raw = read_raw(Path(f"a{suffix}"), writer(Drawn(mesh.vertices, mesh.polygons)))
    assert np.array_equal(raw.mesh.triangles, mesh.vertices[np.array(mesh.polygons)])
    assert np.array_equal(raw.polygon, np.arange(len(mesh.polygons))) and not raw.notes


@pytest.mark.parametrize("kind", LABELLED)
@given(mesh=drawn(3))
@settings(max_examples=25, deadline=None)
def test_labels(kind: str, mesh: Drawn) -> None:
    suffix, scheme, writer = LABELLED[kind]
    raw = read_raw(Path(f"a{suffix}"), writer(mesh))
    labels = raw.labels.get(scheme)
    found = [labels.names[i] if i >= 0 else "" for i in labels.index] if labels else [""] * len(mesh.names)
    if kind == "glb node":  # nodes and materials without a name get one of their number
        found = ["" if name.startswith("node ") else name for name in found]
    if kind == "glb material":
        found = ["" if name.startswith("material ") else name for name in found]
    if kind == "3mf node":
        found = ["" if name.startswith("object ") else name for name in found]
    assert found == list(mesh.names)
    if labels and not kind.startswith(("glb", "3mf")):
        assert labels.names == tuple(dict.fromkeys(filter(None, mesh.names)))


def test_every_format_is_tested() -> None:
    tested = {suffix.lower() for suffix, _ in (*POLYGONS.values(), *TRIANGLES.values())}
    assert tested | {".gltf"} == set(FORMATS)
