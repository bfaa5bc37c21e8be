"""Mixes as other programs see them: parts stand where they were moved to, copies under their own names, none is a crumb."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from engine import Project
from engine.card import MirrorMove, Move, ScaleMove, ShiftMove, TurnMove
from engine.device import choose
from engine.frames import decoded_frame, open_sources
from engine.jobs import ExportJob
from engine.method import Workspace
from engine.parts.pose import apply, inverse, places_of
from engine.stages import ended
from tests.hearing import finished
from tests.mixed import A, B, make_project, mixed, opened, pose_of
from tests.parts.projects import AIRPLANES, Solids, keep_samples
from tests.parts.toys import NAMES, PARTS, drive, exact


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with make_project(tmp_path_factory.mktemp("mixing") / "project") as made:
        yield made


def exported(
    project: Project, name: str, folder: Path, resolution: int, crumbs: float = 0
) -> dict[str, trimesh.Trimesh]:
    """The parts of a shape as another program reads them from its GLB."""
    job = ExportJob(shapes=(name,), out=str(folder), resolution=resolution, crumbs=crumbs)
    (file,) = finished(job, project)["files"]
    scene = trimesh.load_scene(file["path"])
    found = {}
    for node in scene.graph.nodes_geometry:
        matrix, geometry = scene.graph[node]
        found[node] = scene.geometry[geometry].copy().apply_transform(matrix)
        found[node].merge_vertices(merge_norm=True, merge_tex=True)
    assert set(found) == set(file["parts"])
    return found


def test_a_moved_part_is_exported_where_it_was_moved(project: Project, tmp_path: Path) -> None:
    step = 1 / 47  # moved by whole grid steps, so that vertices can be compared one by one
    name = mixed(project, moves=(ShiftMove(part="wing", by=(-3 * step, 4 * step, step)),))
    before, after = (exported(project, one, tmp_path, 48) for one in (A, name))
    assert set(before) == set(after) == set(NAMES)
    for part in NAMES:
        shift = (-3 * step, 4 * step, step) if part == "wing" else (0, 0, 0)
        expected = torch.from_numpy(np.asarray(before[part].vertices + shift))
        found = torch.from_numpy(np.asarray(after[part].vertices))
        assert len(found) == len(expected)
        assert torch.cdist(expected, found).amin(1).max() < 1e-5


def test_turned_scaled_and_mirrored_parts_are_watertight_with_normals_outwards(
    project: Project, tmp_path: Path
) -> None:
    moves: tuple[Move, ...] = (
        ScaleMove(part="wing", factors=(0.7, 0.7, 0.7)),
        TurnMove(part="wing", axis="y", degrees=25),
        MirrorMove(part="wing", axis="x", middle=True),
    )
    name = mixed(project, moves=moves)
    before, after = (exported(project, one, tmp_path, 96)["wing"] for one in (A, name))
    assert after.is_watertight and after.is_winding_consistent
    assert after.volume == pytest.approx(0.7**3 * before.volume, rel=0.02)
    back = apply(inverse(pose_of(project, name, "wing")), torch.from_numpy(np.asarray(after.vertices)))
    assert exact(back, AIRPLANES["a"]["wing"]).abs().max() < 0.01


def test_copies_stand_beside_their_part_under_their_own_name(project: Project, tmp_path: Path) -> None:
    notes: list[str] = []
    first = mixed(project, copies={"tail.2": "tail"}, moves=(ShiftMove(part="tail.2", by=(0.2, 0, 0)),))
    found = exported(project, first, tmp_path, 51)
    assert set(found) == {*NAMES, "tail.2"}
    assert found["tail.2"].volume == pytest.approx(found["tail"].volume, rel=1e-3)
    np.testing.assert_allclose(found["tail.2"].bounds, found["tail"].bounds + [0.2, 0, 0], atol=1e-5)
    (copy,) = opened(project, first).card.copies
    assert (copy.name, copy.part) == ("tail.2", "tail") and opened(project, first).shape.copies == ((copy,),)
    # a tail that is taken brings its copies, another one's are gone, and each can be left out again
    second = mixed(project, base=B, parts={"tail": first}, copies={"wing.2": "wing", "tail.3": "tail.2"})
    assert set(places_of(opened(project, second).shape, PARTS)) == {*NAMES, "tail.2", "wing.2", "tail.3"}
    third = mixed(project, notes, base=second, parts={"tail": A}, removed=("wing.2",))
    assert opened(project, third).shape.copies == () and opened(project, third).decoded().parts == NAMES
    fourth = mixed(project, base=second, removed=("tail",))
    assert set(places_of(opened(project, fourth).shape, PARTS)) == {"body", "wing", "wing.2"}
    assert not notes


def test_a_small_copy_that_stands_alone_is_no_crumb(project: Project, tmp_path: Path) -> None:
    moves = (ScaleMove(part="tail.2", factors=(0.6, 0.6, 0.6)), ShiftMove(part="tail.2", by=(-0.3, 0, 0.3)))
    name = mixed(project, copies={"tail.2": "tail"}, moves=moves)
    found = exported(project, name, tmp_path, 64, crumbs=0.03)
    assert found["tail.2"].volume < 0.03 * sum(part.volume for part in found.values())


def test_a_part_that_stands_alone_is_no_crumb(project: Project, tmp_path: Path) -> None:
    """A small tail beside the body is in exports and frames of what a model made, as a named part and in the union."""
    alone: Solids = {"body": ((0, 0, 0), 0.2), "tail": ((0.3, 0.3, 0.3), 0.054)}
    (name,) = keep_samples(project, "alone", {"0": alone})
    assert set(exported(project, name, tmp_path, 64, crumbs=0.03)) == {"body", "tail"}
    job = ExportJob(shapes=(name,), out=str(tmp_path), format="stl", resolution=64, crumbs=0.03)
    assert finished(job, project)["files"][0]["health"]["shells"] == 2
    sources = drive(open_sources([name], project, Workspace(project.folder, choose("cpu"))))
    assert set(ended(decoded_frame(sources[0], 64, 0.03)).solids) == {"body", "tail"}
