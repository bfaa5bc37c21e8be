"""Exports that take long: they yield, can be stopped, and write what export_mesh writes."""

import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import MeshError
from engine.geometry.export import ExportOptions, export_mesh
from engine.geometry.export.slowly import export_slowly
from engine.geometry.mesh import Mesh
from engine.stages import ended
from tests.geometry.shapes import box, sphere

BALL = sphere(0.3, 5)  # 20,480 faces
PARTS = {"body": BALL, "box": box()}
OPTIONS = ExportOptions(uvs=True)


@pytest.mark.parametrize("options", [ExportOptions(faces=4000, smoothing=3), ExportOptions(faces=3000, pieces="union")])
def test_it_writes_what_export_mesh_writes(tmp_path: Path, options: ExportOptions) -> None:
    one, two = tmp_path / "one" / "a.glb", tmp_path / "two" / "a.glb"
    colours, recipe = {"body": (0.1, 0.2, 0.3)}, {"shape": "run/0"}
    first = export_mesh(one, None, PARTS, colours, recipe, options)
    second = ended(export_slowly(two, None, PARTS, colours, recipe, options))
    assert one.read_bytes() == two.read_bytes()
    assert {**vars(first), "path": two} == vars(second)


def test_it_yields_and_can_be_stopped(tmp_path: Path) -> None:
    stage, last, gaps = export_slowly(tmp_path / "a.glb", BALL, {}, {}, {}, OPTIONS), time.monotonic(), list[float]()
    for _ in range(12):
        next(stage)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    stage.close()
    assert max(gaps) < 0.5 and not list(tmp_path.iterdir())


def test_errors_are_those_of_export_mesh(tmp_path: Path) -> None:
    open_ball = Mesh(BALL.vertices, BALL.faces[1:])
    with pytest.raises(MeshError, match="is not closed"):
        ended(export_slowly(tmp_path / "a.glb", open_ball, {}, {}, {}, ExportOptions(faces=4000)))
    bad = Mesh(np.where(np.arange(len(BALL.vertices))[:, None] == 3, np.nan, BALL.vertices), BALL.faces)
    with pytest.raises(MeshError, match="1 vertices of 'shape' are not finite"):
        ended(export_slowly(tmp_path / "a.glb", bad, {}, {}, {}, OPTIONS))
    assert not list(tmp_path.iterdir())
