"""Up and front as a person says them: before a file is read, afterwards, and when it is read again."""

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.datasets.axes import AXES, TURNS, Stated, axes_of, rotation_in, stated, stated_in, turn
from engine.datasets.marks import PAINTING, Mark, Painting
from engine.datasets.painted_parts import painting_of
from engine.datasets.stored import Stored
from engine.datasets.turning import turned
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Geometry
from engine.jobs import ImportJob, PartsJob, TurnJob
from engine.project import Project
from tests.hearing import finished

NAMES = ("+x", "-x", "+y", "-y", "+z", "-z")
WAYS = [(up, front) for up, front in permutations(NAMES, 2) if up[1] != front[1]]
SIDES = (0.4, 0.7, 1.3)  # of a box, in the axes of its file


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box with a small one on its +z, so that no two ways of standing look alike."""
    small = trimesh.creation.box((0.1, 0.2, 0.3))
    small.apply_translation((0.1, 0.2, 0.75))
    path = tmp_path / "box.obj"
    trimesh.util.concatenate([trimesh.creation.box(SIDES), small]).export(path)
    return path


def brought(path: Path, project: Project, **said: Any) -> Geometry:
    (item,) = finished(ImportJob(paths=(str(path),), **said), project)["items"]
    return load_geometry(project.geometry_path(item["id"]))


@pytest.mark.parametrize(("up", "front"), WAYS)
def test_what_was_said_points_up_and_to_the_front(up: str, front: str) -> None:
    rotation = Stated(up, front).turn
    ends = {name: np.eye(3)["xyz".index(name[1])] * (1 if name[0] == "+" else -1) for name in NAMES}
    assert np.array_equal(rotation @ ends[up], [0, 1, 0]) and np.array_equal(rotation @ ends[front], [0, 0, 1])
    assert np.linalg.det(rotation) == pytest.approx(1) and axes_of(rotation) == Stated(up, front)


def test_every_data_set_stands_by_two_of_its_axes_and_askew_is_refused() -> None:
    assert all(np.array_equal(axes_of(turn(name)).turn, turn(name)) for name in TURNS)
    assert (
        axes_of(turn("modelnet")) == stated("+z", "") and stated("", "+y") == Stated("+z", "+y") and not stated("", "")
    )
    c = np.sqrt(0.5)
    with pytest.raises(InputError, match="askew"):
        axes_of(np.array([[c, -c, 0], [c, c, 0], [0, 0, 1.0]]))
    with pytest.raises(InputError, match="two different axes"):
        _ = Stated("+z", "-z").turn


def test_turned_afterwards_is_as_if_it_had_been_read_so(tmp_path: Path, box: Path) -> None:
    with Project.create(tmp_path / "a") as one, Project.create(tmp_path / "b") as other:
        said = brought(box, one, up="+z", front="+x")
        (item,) = finished(ImportJob(paths=(str(box),)), other)["items"]
        before = other.catalogue.item(item["id"])
        result = finished(TurnJob(items=(before.id,), up="+z", front="+x"), other)
        after = load_geometry(other.geometry_path(before.id))
        assert result["turned"] == 1 and other.catalogue.item(before.id).hash != before.hash
        assert np.allclose(after.surface.bounds, said.surface.bounds) and np.allclose(after.to_source, said.to_source)
        assert np.ptp(after.surface.bounds[:, 1]) > np.ptp(after.surface.bounds[:, 2]), "its +z, the longest, is up"
        back = after.surface.vertices @ after.to_source[:3, :3].T + after.to_source[:3, 3]
        assert np.allclose([back.min(0), back.max(0)], trimesh.load(box).bounds)
        again = brought(box, other)
        assert np.allclose(again.surface.bounds, after.surface.bounds), "it is remembered when the file is read again"
        assert np.array_equal(turned(after, Stated("+z", "+x").turn).surface.vertices, after.surface.vertices)
        assert np.allclose(turned(after, np.eye(3)).to_source[:3, :3], np.eye(3) * after.to_source.max())
        assert np.array_equal(rotation_in(after.to_source), Stated("+z", "+x").turn)


def test_painted_parts_stay_and_their_strokes_go(tmp_path: Path, box: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        brought(box, project)
        (item,) = project.catalogue.items()
        top = load_geometry(project.geometry_path(item.id)).surface.vertices
        ends = (top[top[:, 2].argmax()], top[top[:, 2].argmin()])
        marks = [Mark(name, ((float(x), float(y), float(z)),), 0.1) for name, (x, y, z) in zip("ab", ends, strict=True)]
        finished(PartsJob(painted=(Painting(item.id, tuple(marks)),)), project)
        before = load_geometry(project.geometry_path(item.id))
        finished(TurnJob(items=(item.id,), up="+x", front="-z"), project)
        after = load_geometry(project.geometry_path(item.id))
        assert before.regions is not None and after.regions is not None
        by = Stated("+x", "-z").turn
        assert np.allclose(after.regions.points, before.regions.points @ by.T)
        assert project.catalogue.item(item.id).parts == ("a", "b") and not painting_of(project, item.id).marks
        assert not project.geometry_path(item.id).with_name(PAINTING).exists()


def test_a_cloud_turns_with_the_mesh_that_has_its_labels(tmp_path: Path) -> None:
    folder = tmp_path / "parts/04379243"
    for name in ("points", "points_label"):
        (folder / name).mkdir(parents=True)
    mesh = trimesh.creation.box((1, 2, 4))
    points = trimesh.sample.sample_surface(mesh, 3000, seed=0)[0]
    np.savetxt(folder / "points/abc.pts", points)
    np.savetxt(folder / "points_label/abc.seg", 1 + (points[:, 1] > 0), fmt="%d")
    model = tmp_path / "v1/04379243/abc/model.obj"
    model.parent.mkdir(parents=True)
    mesh.export(model)
    (tmp_path / "nothing.obj").write_text("nothing")
    paths = tuple(str(tmp_path / name) for name in ("parts", "v1", "nothing.obj"))
    with Project.create(tmp_path / "p") as project:
        finished(ImportJob(paths=paths), project)
        rows = {row.kind if row.usable else row.verdict: row.id for row in project.catalogue.items()}
        before = Stored.load(project.points_path(rows["points"]))
        result = finished(TurnJob(items=(rows["mesh"],), up="+z", front="-y"), project)
        assert set(result["items"]) == {rows["mesh"], rows["points"]}
        after = Stored.load(project.points_path(rows["points"]))
        assert np.allclose(rotation_in(after.to_source), Stated("+z", "-y").turn)
        one, other = (some.points @ some.to_source[:3, :3].T + some.to_source[:3, 3] for some in (before, after))
        assert np.allclose(one, other, atol=1e-5)
        with pytest.raises(InputError, match="nothing to turn"):
            finished(TurnJob(items=(rows["refused"],), up="+z", front="-y"), project)
        with pytest.raises(InputError, match="two different axes"):
            finished(ImportJob(paths=paths, up="+z", front="-z"), project)


def test_a_damaged_file_of_axes_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / AXES).write_bytes(b"{")
    with pytest.raises(InputError, match="damaged"):
        stated_in(tmp_path)
