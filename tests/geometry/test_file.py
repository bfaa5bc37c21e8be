from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError
from engine.geometry.file import load_geometry, save_geometry
from engine.geometry.mesh import Geometry
from engine.geometry.regions import Regions
from engine.storage import read_tensors, write_tensors
from tests.geometry.shapes import box, sphere

REGIONS = Regions(np.eye(3, dtype=np.float32), np.array([0, 1, 0], np.int16), ("Räder", "a\nb"), 0.1)
SOLIDS = Geometry(box(), {"ball": sphere(0.2, 1), "box": box((0.1, 0.1, 0.1))}, np.diag([2.0, 2, 2, 1]), notes=("x",))


@pytest.mark.parametrize(
    "geometry",
    [Geometry(box(), closed=False), SOLIDS, replace(SOLIDS, complete=False), Geometry(box(), regions=REGIONS)],
)
def test_a_geometry_comes_back_as_it_was_saved(tmp_path: Path, geometry: Geometry) -> None:
    path = tmp_path / "geometry.safetensors"
    save_geometry(path, geometry)
    back = load_geometry(path)
    for one, other in zip(
        (geometry.surface, *geometry.parts.values()), (back.surface, *back.parts.values()), strict=True
    ):
        assert np.array_equal(one.vertices, other.vertices) and np.array_equal(one.faces, other.faces)
    assert list(back.parts) == list(geometry.parts) and np.array_equal(back.to_source, geometry.to_source)
    assert (back.closed, back.notes, back.complete) == (geometry.closed, geometry.notes, geometry.complete)
    assert (back.regions is None) == (geometry.regions is None)
    if back.regions and geometry.regions:
        assert np.array_equal(back.regions.points, REGIONS.points) and back.regions.points.dtype == np.float32
        assert np.array_equal(back.regions.label, REGIONS.label) and back.regions.label.dtype == np.int16
        assert (back.regions.names, back.regions.unlabelled) == (REGIONS.names, REGIONS.unlabelled)


def test_files_of_the_first_version_are_read(tmp_path: Path) -> None:
    path = tmp_path / "geometry.safetensors"
    save_geometry(path, SOLIDS)
    arrays, header = read_tensors(path)
    old = {name: header[name] for name in ("closed", "parts", "notes")}
    write_tensors(path, arrays, old | {"version": "1"})
    back = load_geometry(path)
    assert list(back.parts) == ["ball", "box"] and back.complete and back.regions is None
    write_tensors(path, arrays, header | {"version": "3"})
    with pytest.raises(InputError, match="newer version"):
        load_geometry(path)
