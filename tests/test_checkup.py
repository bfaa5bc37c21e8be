"""Health of files, items and shapes: by the job, and by the command line as a person asks."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine import Project
from engine.checkup import check_surfaces
from engine.errors import InputError, MeshError
from engine.geometry.file import save_geometry
from engine.geometry.mesh import Geometry
from engine.jobs import HealthJob
from tests.command_line import call
from tests.geometry.shapes import box
from tests.hearing import finished
from tests.parts.projects import keep_fit
from tests.parts.toys import drive


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    trimesh.creation.box((0.8, 0.02, 0.5)).export(tmp_path / "plate.stl")
    return tmp_path / "plate.stl"


def test_a_shape_an_item_and_a_file(tmp_path: Path, plate: Path) -> None:
    with Project.create(tmp_path / "project") as project:
        keep_fit(project, "fit")
        save_geometry(project.geometry_path("fit-a"), Geometry(box((0.2, 0.3, 0.4)), {}))
        names = ("fit/fit-a", "fit-a", str(plate))
        shape, item, file = finished(HealthJob(names=names, resolution=32, device="cpu"), project)["checked"]
        for name in ("nothing", "fit-b"):  # no such thing; an item without a surface
            with pytest.raises(InputError, match=name):
                finished(HealthJob(names=(name,)), project)
    assert (shape["unit"], item["unit"], file["unit"]) == ("canonical", "canonical", "of the file")
    assert shape["watertight"] and shape["self_intersections"] == 0 and shape["shells"] == 1
    body, wing, tail = (4 / 3 * radius**3 for radius in (0.2, 0.15, 0.1))  # octahedra that overlap
    assert max(body, wing, tail) < shape["volume"] < body + wing + tail
    assert item["volume"] == pytest.approx(0.024, rel=1e-4) and item["thinnest_wall"] == pytest.approx(0.2, rel=1e-3)
    assert file["sound"] and file["thinnest_wall"] == pytest.approx(0.02, rel=1e-3)


def test_files_alone_need_no_project_and_can_be_given_a_size(plate: Path, tmp_path: Path) -> None:
    (found,) = call("health", str(plate), "--size-mm", "20", "--json").answer["checked"]
    assert found["unit"] == "mm" and found["thinnest_wall"] == pytest.approx(0.5, rel=1e-3) and found["thin"] > 0.9
    assert "thinner than 0.8" in found["words"][0] and not found["sound"]
    missing = call("health", str(tmp_path / "none.stl"), "--project", str(tmp_path), status=2)
    assert missing.stderr.count("\n") == 1


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("not a mesh")
    with pytest.raises(MeshError, match=r"a\.obj"):
        drive(check_surfaces(HealthJob(names=(str(tmp_path / "a.obj"),))))
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
    trimesh.Trimesh(corners, [[0, 1, 2]]).export(tmp_path / "sheet.ply")
    (found,) = drive(check_surfaces(HealthJob(names=(str(tmp_path / "sheet.ply"),))))["checked"]
    assert not found["watertight"] and list(found["words"]) == ["The surface is not closed: 3 edges have one face."]
