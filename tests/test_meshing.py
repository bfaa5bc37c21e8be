"""Clouds become items with a surface, which is exported and told of as that of any item."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cloud_settings import CloudMeshSettings
from engine.clouds.pool import MIDDLE
from engine.errors import InputError, MeshError
from engine.geometry.file import load_geometry
from engine.geometry.mesh import volume
from engine.geometry.readers import read_raw
from engine.geometry.readers.coloured import ColouredRaw
from engine.jobs import ExportJob, Format, MeshJob, SamplesJob, TurnJob
from engine.project import Project
from engine.rows import MADE
from tests.clouds.drawn import keep_clouds
from tests.hearing import finished
from tests.tiny3d import coloured

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


def test_the_surface_has_the_colours_of_the_cloud(project: Project, tmp_path: Path) -> None:
    """Also when it has been turned upside down."""
    points = ball(0)
    shades = np.where(points[:, 1:2] > 0, coloured.BLUE, coloured.RED) - MIDDLE
    (name,) = keep_clouds(project, [np.hstack([points, shades])])
    (told,) = finished(MeshJob(shapes=(name,), settings=SETTINGS), project)["items"]

    def upper_and_lower(format: Format) -> list[NDArray[np.floating]]:
        file = finished(ExportJob(shapes=(told["id"],), out=str(tmp_path), format=format), project)["files"][0]
        raw = read_raw(Path(file["path"]))
        assert isinstance(raw, ColouredRaw) and file["watertight"]
        up = raw.mesh.vertices[:, 1] - raw.mesh.vertices[:, 1].mean()
        far = np.abs(up) > 0.4 * np.abs(up).max()
        return [raw.colours[far & (up > 0)], raw.colours[far & (up < 0)]]

    for colours, meant in zip(upper_and_lower("glb"), (coloured.BLUE, coloured.RED), strict=True):
        assert len(colours) > 50 and np.abs(colours - meant).max() < 0.01
    finished(TurnJob(items=(told["id"],), up="-y", front="+z"), project)
    for colours, meant in zip(upper_and_lower("ply"), (coloured.RED, coloured.BLUE), strict=True):
        assert len(colours) > 50 and np.abs(colours - meant).max() < 0.01


def test_what_is_no_cloud_says_so(project: Project) -> None:
    (item,) = finished(SamplesJob(category="mug", count=1), project)["items"]
    with pytest.raises(InputError, match="is an item"):
        finished(MeshJob(shapes=(item["id"],)), project)
    (plane,) = keep_clouds(project, [ball(0) * [1, 1, 0]])
    with pytest.raises(MeshError, match="one plane"):
        finished(MeshJob(shapes=(plane,)), project)
