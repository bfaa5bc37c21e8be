"""Clouds become items with a surface, which is exported and told of as that of any item."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cloud_settings import CloudMeshSettings
from engine.errors import InputError, MeshError
from engine.geometry.file import load_geometry
from engine.geometry.mesh import volume
from engine.jobs import ExportJob, MeshJob, SamplesJob
from engine.project import Project
from engine.rows import MADE
from tests.clouds.drawn import keep_clouds
from tests.hearing import finished

SETTINGS = CloudMeshSettings(resolution=64)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def ball(seed: int) -> NDArray[np.float64]:
    points = np.random.default_rng(seed).normal(size=(300, 3))
    found: NDArray[np.float64] = 0.4 * points / np.linalg.norm(points, axis=1, keepdims=True)
    return found


def test_a_cloud_becomes_an_item_with_its_surface(project: Project, tmp_path: Path) -> None:
    """And one that bounds nothing is refused by itself. The item says what was asked for, and counts as no real shape."""
    flat = ball(1) * [1, 1, 0]
    round_, plane = keep_clouds(project, [ball(0), flat], "a red mug, please")
    found = finished(MeshJob(shapes=(round_, plane), settings=SETTINGS), project)
    (told,) = found["items"]
    assert told["shape"] == round_ and told["watertight"] and told["shells"] == 1
    assert list(found["refused"]) == [plane] and "one plane" in found["refused"][plane]
    item = project.catalogue.item(told["id"])
    assert (item.category, item.captions, item.split) == ("mug", ("a red mug, please",), MADE) and item.usable
    surface = load_geometry(project.geometry_path(item.id)).surface
    assert volume(surface) == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.12)
    written = finished(ExportJob(shapes=(item.id,), out=str(tmp_path / "out"), format="stl"), project)["files"][0]
    assert written["watertight"] and written["faces"] == told["faces"]
    again = finished(MeshJob(shapes=(round_,), settings=SETTINGS), project)
    assert again["items"] == found["items"] and len(project.catalogue.items()) == 1


def test_what_is_no_cloud_says_so(project: Project) -> None:
    (item,) = finished(SamplesJob(category="mug", count=1), project)["items"]
    with pytest.raises(InputError, match="is an item"):
        finished(MeshJob(shapes=(item["id"],)), project)
    (plane,) = keep_clouds(project, [ball(0) * [1, 1, 0]])
    with pytest.raises(MeshError, match="one plane"):
        finished(MeshJob(shapes=(plane,)), project)
