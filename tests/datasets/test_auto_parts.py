"""Parts of items that name none: found over a data set, renamed everywhere at once, and fitted."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
import trimesh

from engine import pipeline
from engine.datasets.marks import Mark, Painting
from engine.datasets.parts import WHOLE, colour, in_order, is_named, still_named, vocabulary
from engine.datasets.reading import Order, read_source
from engine.datasets.source import Source
from engine.errors import InputError
from engine.geometry.canonical import LONGEST_SIDE
from engine.geometry.carry import solids_of
from engine.geometry.file import load_geometry
from engine.geometry.mesh import Geometry, volume
from engine.jobs import ImportJob, PartsJob, RenameJob, SamplesJob
from engine.project import Project
from engine.rows import ItemRow
from tests.hearing import finished


def chair(k: int, back: bool = True) -> trimesh.Trimesh:
    """A chair of boxes that reach into each other: seat, four legs and mostly a back."""

    def box(size: tuple[float, float, float], middle: tuple[float, float, float]) -> trimesh.Trimesh:
        return trimesh.creation.box(size, trimesh.transformations.translation_matrix(middle))

    wide, high = 0.5 + 0.05 * k, 0.4 + 0.04 * k
    legs = [box((0.05, high, 0.05), (x * wide / 2.4, -high / 2, z * 0.2)) for x in (-1, 1) for z in (-1, 1)]
    rest = [box((wide, 0.06, 0.5), (0, 0, 0))] + [box((wide, 0.5, 0.05), (0, 0.26, -0.2))] * back
    whole = trimesh.util.concatenate([*legs, *rest])
    assert isinstance(whole, trimesh.Trimesh)
    return whole


def geometry(project: Project, item: ItemRow) -> Geometry:
    return load_geometry(project.geometry_path(item.id))


@pytest.fixture(scope="module")
def chairs(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Six chairs in files without names, one without a back; an import was stopped half-way and went on."""
    folder = tmp_path_factory.mktemp("chairs")
    for k in range(6):
        chair(k, back=k != 5).export(folder / f"chair{k}.obj")
    project = Project.create(folder / "project")
    job = project.submit(ImportJob(paths=(str(folder),), category="chair", auto_parts=True))
    for event in (stage := pipeline.run(job, project)):
        if getattr(event, "stage", "") == "name parts" and getattr(event, "done", 0) == 2:
            stage.close()
            break
    finished(job, project)
    return project


def test_solids_that_overlap_are_the_same_parts_of_all_items(chairs: Project) -> None:
    """Seat, back and legs get a number each, the largest first; what has no back has not got its number either."""
    items = chairs.catalogue.items()
    assert sorted(Counter(part for item in items for part in item.parts).values()) == [5, 6, 6]
    for item in items:
        shape = geometry(chairs, item)
        legs = shape.parts["part 3"]
        assert len(solids_of(legs)) == 4 and np.isclose(legs.bounds[0, 1], shape.surface.bounds[0, 1])
    assert all(chairs.picture_path(item.id).is_file() for item in items)
    assert len({colour(f"part {k}") for k in range(1, 9)}) == 8


def test_a_part_is_renamed_everywhere_and_back(chairs: Project) -> None:
    """Names change, shapes do not; the log holds the job that undoes it; a fit that began before is told."""
    before = chairs.catalogue.items()
    solids = [geometry(chairs, item).parts["part 3"] for item in before]
    assert finished(RenameJob(old="part 3", new="leg", category="chair"), chairs)["renamed"] == 6
    after = chairs.catalogue.items()
    assert vocabulary(after) == ("leg", "part 1", "part 2")
    for item, solid in zip(after, solids, strict=True):
        again = geometry(chairs, item).parts["leg"]
        assert (again.vertices == solid.vertices).all() and (again.faces == solid.faces).all()
    with pytest.raises(InputError, match="have other names since this fit began"):
        still_named(after, ("part 1", "part 3"))
    back = msgspec.convert(chairs.catalogue.edits()[-1].inverse["job"], RenameJob | PartsJob)
    finished(back, chairs)
    assert [item.parts for item in chairs.catalogue.items()] == [item.parts for item in before]
    assert [item.hash for item in chairs.catalogue.items()] == [item.hash for item in before]


def test_renaming_is_refused_where_it_would_lose_something(chairs: Project) -> None:
    runs = len(chairs.catalogue.runs())
    for job, words in [
        (RenameJob(old="wing", new="fin"), "there are part 1, part 2, part 3"),
        (RenameJob(old="part 1", new="part 3"), "--merge"),
        (RenameJob(old="part 1", new=" \n"), "one line"),
    ]:
        with pytest.raises(InputError, match=words):
            finished(job, chairs)
    with pytest.raises(InputError, match="no item is without named parts"):
        finished(PartsJob(), chairs)
    assert len(chairs.catalogue.runs()) == runs


def test_found_again_they_can_be_fewer_or_the_whole(chairs: Project) -> None:
    """A whole has the volume of the item; its solids can be found in it no more where they were united."""
    items = chairs.catalogue.items()
    finished(PartsJob(items=(items[0].id,), count=1, again=True), chairs)
    one = chairs.catalogue.item(items[0].id)
    whole = geometry(chairs, one)
    assert one.parts == (WHOLE,) and np.isclose(volume(whole.parts[WHOLE]), volume(whole.surface))
    assert finished(PartsJob(items=(items[1].id, items[2].id), count=2, again=True), chairs)["parts"] == {
        "part 4": 2,
        "part 5": 2,
    }


def test_items_of_one_solid_are_wholes_and_named_ones_are_left_alone(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    for k in range(2):
        trimesh.creation.icosphere(2, 1 + k).apply_scale((1, 2 + k, 1)).export(tmp_path / f"ball{k}.obj")
    result = finished(ImportJob(paths=(str(tmp_path),)), project)
    assert any("parts --auto" in line for line in result["summary"])
    finished(SamplesJob(category="mug", count=1), project)
    named = project.catalogue.items("mug")
    found = finished(PartsJob(), project)
    assert found["parts"] == {WHOLE: 2} and project.catalogue.items("mug") == named
    assert vocabulary(project.catalogue.items()) == ("body", "handle", WHOLE)


def test_a_line_that_a_killed_process_tore_is_dropped_each_time(tmp_path: Path) -> None:
    """Stopped twice while it looked, each time within a line: it goes on, and every item gets its part."""
    project = Project.create(tmp_path / "project")
    for k in range(3):
        trimesh.creation.icosphere(2, 1 + k).apply_scale((1, 2 + k, 1)).export(tmp_path / f"ball{k}.obj")
    finished(ImportJob(paths=(str(tmp_path),)), project)
    job = project.submit(PartsJob())
    kept = project.run_folder(job.run) / "pieces.jsonl"
    for looked in (1, 2):
        for event in (stage := pipeline.run(job, project)):
            if getattr(event, "stage", "") == "look for parts" and getattr(event, "done", 0) == looked:
                stage.close()
                break
        assert len(kept.read_bytes().splitlines()) == looked
        with kept.open("ab") as file:
            file.write(b'{"item":"ba')
    assert finished(job, project)["parts"] == {WHOLE: 3}


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("mesh1_mesh1-geometry", "Mesh12"), False),
        (("material_0_1_8", "solid 2", "rest"), False),
        ((), False),
        (("mesh1", "leg"), True),
        (("part 1",), True),
        (("metal",), True),
    ],
)
def test_names_that_only_count_are_none(names: tuple[str, ...], named: bool) -> None:
    row = ItemRow(id="a", kind="mesh", category="", path="", hash="", verdict="", reason="", split="", parts=names)
    assert is_named(row) == named


def test_a_solid_that_would_lose_its_frame_is_told_by_labels(test_data: Path, tmp_path: Path) -> None:
    """Of this chair's two-sided frame nothing is left when it is closed by itself; legs and all must stay."""
    path = test_data / "shapenet_v2/03001627/5b43111740009e719159f4cd32e8e02d/models/model_normalized.obj"
    source = Source(kind="mesh", name="chair", files=(str(path),))
    found = read_source(Order(source=source, project=str(tmp_path), solids=True))
    shape = load_geometry(tmp_path / "items" / found.id / "geometry.safetensors")
    assert found.parts == ("solid 1", "solid 2", "solid 3") and shape.regions is not None
    assert np.isclose(np.ptp(shape.surface.bounds, axis=0).max(), LONGEST_SIDE, atol=0.01)


def test_numbers_in_names_count() -> None:
    assert in_order(["part 10", "part 2", "leg", "2", "part"]) == ["2", "leg", "part", "part 2", "part 10"]


DIES = """
import os, sys, msgspec
from engine import pipeline
from engine.jobs import Job
from engine.project import Project
Project.finish = lambda *_: os.kill(os.getpid(), 9)
list(pipeline.run(msgspec.json.decode(sys.argv[2], type=Job), Project(sys.argv[1])))
"""


def test_killed_before_they_are_marked_as_done_they_are_logged_once(chairs: Project) -> None:
    """Parts are painted, found and named in processes that die where they would keep the result; here the jobs go on."""
    some = [item.id for item in chairs.catalogue.items()[3:5]]
    before = len(chairs.catalogue.edits())
    painting = Painting(some[0], (Mark("top", ((0.0, 0.4, 0.0),), 0.02), Mark("foot", ((0.0, -0.4, 0.0),), 0.02)))
    for job in (
        PartsJob(painted=(painting,)),
        PartsJob(items=tuple(some), count=1, again=True),
        RenameJob(old=WHOLE, new="all", items=tuple(some)),
    ):
        begun = chairs.submit(job)
        words = (str(chairs.folder), msgspec.json.encode(begun).decode())
        ended = subprocess.run([sys.executable, "-c", DIES, *words], capture_output=True, text=True)
        assert ended.returncode == -9, ended.stderr
        finished(begun, chairs)
        assert chairs.catalogue.edits()[-1].action["run"] == begun.run
    assert len(chairs.catalogue.edits()) == before + 3
    for item in map(chairs.catalogue.item, some):
        assert item.parts == ("all",) == tuple(geometry(chairs, item).parts)
