"""Items keep the colours that their files tell, also when they are mended or turned."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine import Project
from engine.datasets.axes import Stated
from engine.datasets.paint import FILE, TONES, load_paint, shares, tones
from engine.datasets.pictures import Gallery
from engine.datasets.reading import Order, items, read_source
from engine.datasets.source import Source
from engine.datasets.stored import Stored
from engine.datasets.turning import Turn, answer
from engine.geometry.export import export_cloud
from engine.geometry.export.scene import to_linear, to_srgb
from engine.geometry.file import load_geometry
from engine.geometry.mesh import is_watertight
from engine.geometry.occupancy import surface_samples
from engine.geometry.readers.coloured import LEFT_OUT
from engine.live_answers import LiveAnswers
from engine.live_requests import Picture, Thumbnail
from engine.stages import ended
from studio.models.looking import read_item
from tests.tiny3d import coloured
from tests.tiny3d.coloured import SEAM, Halves, bring


def brought(path: Path, data: bytes) -> tuple[Path, str]:
    """The folder of the item that a file becomes, and what is said of it."""
    path.write_bytes(data)
    found = read_source(Order(source=Source(kind="mesh", name="a", files=(str(path),)), project=str(path.parent)))
    return items(path.parent) / found.id, found.reason


def turned(folder: Path, up: str) -> None:
    answer(msgspec.msgpack.encode(Turn(folder=str(folder), axes=Stated(up, "+z"))))


def sides(points: NDArray[np.floating], colours: NDArray[np.floating], axis: int = 0) -> None:
    """Assert that what is surely on the one side is red, and on the other blue."""
    along = points[:, axis]
    for side, colour in ((along < -SEAM, coloured.RED), (along > SEAM, coloured.BLUE)):
        assert side.sum() > 0.3 * len(points)
        assert np.abs(colours[side] - colour).max() < 0.01


@pytest.mark.parametrize("shape", [coloured.box, coloured.ball])
@pytest.mark.parametrize("form", [coloured.ply, coloured.obj])
def test_the_surface_of_a_mesh_has_the_colours_of_its_vertices(
    tmp_path: Path, shape: Callable[[], Halves], form: Callable[[Halves], bytes]
) -> None:
    folder, _ = brought(tmp_path / f"a.{form.__name__}", form(shape()))
    for up, axis in (("", 0), ("+x", 1)):
        if up:
            turned(folder, "+x")
        geometry = load_geometry(folder / "geometry.safetensors")
        assert geometry.closed and is_watertight(geometry.surface)  # the two halves were joined
        points, _ = surface_samples(geometry.surface, 500, np.random.default_rng(0))
        sides(points, load_paint(folder / FILE, geometry.to_source).at(points), axis)


def test_a_cloud_keeps_its_colours(tmp_path: Path) -> None:
    """Also those of an exported one."""
    mesh, _ = coloured.ball()
    points, _ = surface_samples(mesh, 400, np.random.default_rng(0))
    colours = np.where(points[:, :1] < 0, coloured.RED, coloured.BLUE)
    export_cloud(tmp_path / "a.ply", points, None, colours)
    folder, said = brought(tmp_path / "a.ply", (tmp_path / "a.ply").read_bytes())
    assert "with colours" in said
    kept = Stored.load(folder / "points.safetensors")
    assert kept.colours.dtype == np.uint8
    sides(kept.points, kept.colours / 255)
    turned(folder, "-x")
    kept = Stored.load(folder / "points.safetensors")
    sides(-kept.points, kept.colours / 255, axis=1)


def test_colours_that_are_none_are_told_of(tmp_path: Path) -> None:
    """Of a mesh, and of points."""
    data = coloured.ply(coloured.ball()).replace(b"property uchar", b"property float").replace(b" 255 ", b" nan ")
    folder, said = brought(tmp_path / "a.ply", data)
    assert LEFT_OUT in said.lower() and not (folder / FILE).exists()
    head = data[: data.index(b"element face")] + b"end_header"
    folder, said = brought(tmp_path / "b.ply", head + data[data.index(b"end_header") + 10 :])
    assert LEFT_OUT in said and not len(Stored.load(folder / "points.safetensors").colours)


def test_files_without_colours_are_kept_as_they_were(tmp_path: Path) -> None:
    mesh, _ = coloured.box()
    plain = "\n".join(
        [*(f"v {x} {y} {z}" for x, y, z in mesh.vertices), *(f"f {a} {b} {c}" for a, b, c in mesh.faces + 1)]
    )
    folder, _ = brought(tmp_path / "a.obj", plain.encode())
    assert (folder / "geometry.safetensors").is_file() and not (folder / FILE).exists()
    stored = Stored(np.zeros((2, 3), np.float32), np.zeros(0, bool), np.zeros(0, np.int16), (), 0, np.eye(4))
    stored.save(tmp_path / "points.safetensors")
    assert b"colours" not in (tmp_path / "points.safetensors").read_bytes()
    assert not len(Stored.load(tmp_path / "points.safetensors").colours)


@pytest.mark.parametrize("faces", [True, False])
def test_the_picture_of_an_item_is_in_its_colours(tmp_path: Path, faces: bool) -> None:
    """That of its import, and that of the window: red to the left, blue to the right."""
    data = coloured.ply(coloured.ball())
    if not faces:
        mesh, _ = coloured.ball()
        points, _ = surface_samples(mesh, 2000, np.random.default_rng(0))
        export_cloud(tmp_path / "b.ply", points, None, np.where(points[:, :1] < 0, coloured.RED, coloured.BLUE))
        data = (tmp_path / "b.ply").read_bytes()
    with Project.create(tmp_path / "p") as project:
        row = bring(project, "ball", data)
        with Gallery() as gallery:
            gallery.take(project, row)
        assert not gallery.trouble
        answers = LiveAnswers(project.folder)
        seen = ended(answers.answer(Thumbnail(name=row.id, size=256))).content
        answers.close()
        assert isinstance(seen, Picture)
        for path in (project.picture_path(row.id), Path(seen.path)):
            with Image.open(path) as picture:
                red, _, blue = np.asarray(picture.convert("RGB")).astype(int).transpose(2, 0, 1)
            left, right = np.argwhere(red > blue + 60)[:, 1], np.argwhere(blue > red + 60)[:, 1]
            assert len(left) > 1000 and len(right) > 1000 and left.mean() + 20 < right.mean()


def test_pictures_tell_few_tones_of_which_each_is_near_the_colour() -> None:
    """Every colour has one; grey is grey, and what is pure stays so."""
    colours = np.vstack(
        [np.random.default_rng(0).random((500, 3)), np.full((2, 3), 0.5), [coloured.RED, coloured.BLUE]]
    )
    found = tones(to_linear(colours))
    assert np.array_equal(np.sort(np.concatenate([some for some, _ in found])), np.arange(len(colours)))
    shown = np.zeros_like(colours)
    for some, tone in found:
        shown[some] = to_srgb(np.array(tone))
    assert np.abs(shown - colours).max() <= 0.5 / (TONES - 1) + 1e-9
    assert np.allclose(shown[500:], colours[500:])


def test_the_window_shows_an_item_in_its_colours(tmp_path: Path) -> None:
    """Where it has no parts; also when it was turned."""
    folder, _ = brought(tmp_path / "a.ply", coloured.ply(coloured.ball()))
    for axis in (0, 1):
        (part,) = read_item(folder / "geometry.safetensors", "a", "A").parts
        assert part.colours is not None and len(part.colours) == len(part.vertices)
        sides(part.vertices, part.colours, axis)
        turned(folder, "+x")


def test_shares_of_corners_put_a_point_together() -> None:
    mesh, _ = coloured.ball(4)
    points, face = surface_samples(mesh, 100, np.random.default_rng(1))
    found = shares(mesh, face, points)
    assert np.allclose(np.einsum("pc,pcd->pd", found, mesh.triangles[face]), points)
    assert np.allclose(found.sum(1), 1) and found.min() >= 0
