"""Surfaces in the colours of points that lie on them, in the files that hold some."""

from pathlib import Path

import numpy as np
import pytest

from engine.geometry.export import ExportOptions, export_mesh
from engine.geometry.export.paint import Paint
from engine.geometry.export.slowly import export_slowly
from engine.geometry.occupancy import surface_points
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import ColouredRaw, OnlyColouredPointsError
from engine.stages import ended
from tests.geometry.shapes import sphere
from tests.tiny3d import coloured

SEAM = 0.15  # of the radius, beyond which all points around have one colour
BALL = sphere(1.0, 4)  # 5,120 faces
POINTS = surface_points(BALL, 4_000, np.random.default_rng(0))
PAINT = Paint(POINTS, np.where(POINTS[:, :1] < 0, coloured.RED, coloured.BLUE))


def halves_of(path: Path) -> None:
    """Assert that the left of a file is red and the right is blue, whatever unit it has."""
    raw = read_raw(path)
    assert isinstance(raw, ColouredRaw) and len(raw.mesh.faces)
    across = raw.mesh.vertices[:, 0] / np.abs(raw.mesh.vertices).max()
    for side, colour in ((across < -SEAM, coloured.RED), (across > SEAM, coloured.BLUE)):
        assert side.sum() > 0.3 * len(across)
        assert np.abs(raw.colours[side] - colour).max() < 0.01


@pytest.mark.parametrize("suffix", ["glb", "obj", "ply"])
@pytest.mark.parametrize(
    "options", [ExportOptions(), ExportOptions(normals="flat"), ExportOptions(faces=400, smoothing=2)]
)
def test_vertices_have_the_colours_around_them(tmp_path: Path, suffix: str, options: ExportOptions) -> None:
    """Also those that an option has made."""
    export_mesh(tmp_path / f"a.{suffix}", BALL, {}, {}, {}, options, paint=PAINT)
    halves_of(tmp_path / f"a.{suffix}")


def test_slow_exports_are_painted_too(tmp_path: Path) -> None:
    ended(export_slowly(tmp_path / "a.ply", BALL, {}, {}, {}, ExportOptions(smoothing=1), PAINT))
    halves_of(tmp_path / "a.ply")


def test_a_file_that_holds_no_colours_says_so(tmp_path: Path) -> None:
    info = export_mesh(tmp_path / "a.stl", BALL, {}, {}, paint=PAINT)
    assert any("no colours" in note for note in info.notes)
    export_mesh(tmp_path / "b.stl", BALL, {}, {})
    assert (tmp_path / "a.stl").read_bytes() == (tmp_path / "b.stl").read_bytes()


def test_points_on_a_painted_surface_have_its_colours(tmp_path: Path) -> None:
    export_mesh(tmp_path / "a.ply", BALL, {}, {}, {}, ExportOptions(points=300), paint=PAINT)
    with pytest.raises(OnlyColouredPointsError) as found:
        read_raw(tmp_path / "a.ply")
    left = found.value.points[:, 0] < -SEAM
    assert np.abs(found.value.colours[left] - coloured.RED).max() < 0.01
