"""Whatever goes wrong with an export job: one clear line, every file as it was, and nothing lost for the next try."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch

from engine import Project, exporting, run
from engine.abreast import abreast
from engine.errors import DamagedFileError, EmptyShapeError, InputError, MeshError, StudioError
from engine.jobs import ExportJob, Job
from engine.latents import Latents, write_latents
from engine.protocol import Progress, Stage
from engine.settings import ExportOptions
from tests.hearing import finished
from tests.parts.projects import AIRPLANES, Solids, keep_fit

A, B, C = (f"fit/fit-{name}" for name in "abc")
GRID = 32


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    nothing: Solids = {}
    with Project.create(tmp_path / "project") as made:
        keep_fit(made, "fit", {**AIRPLANES, "empty": nothing, "broken": AIRPLANES["a"]})
        spoil(made, 4)
        yield made


def spoil(project: Project, row: int) -> None:
    """Numbers that are none in a stored row, as after a fit that diverged in another version."""
    path = project.run_folder("fit") / "latents.safetensors"
    latents = Latents(path)
    shapes = latents.shapes(range(len(latents)))
    assert shapes.present is not None
    shapes.latent[row] = torch.nan
    zeros = np.zeros(len(latents), np.int64)
    write_latents(path, shapes.latent.numpy(), shapes.present.numpy(), zeros, latents.file)


def job(out: Path, *names: str, **more: Any) -> ExportJob:
    return ExportJob(**{"shapes": names or (A,), "out": str(out), "resolution": GRID, "device": "cpu", **more})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(error: type[StudioError], asked: Job, project: Project) -> str:
    """The one line that a job ends with."""
    with pytest.raises(error) as caught:
        finished(asked, project)
    assert "\n" not in str(caught.value) and ".tmp" not in str(caught.value) and "staged" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("format_", ["glb", "obj", "stl", "3mf", "pth"])
def test_files_that_are_there_stay_unless_asked_otherwise(project: Project, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / f"fit-fit-b.{'mtl' if format_ == 'obj' else format_}").write_bytes(b"mine")
    before, runs = contents(out), [row.id for row in project.catalogue.runs()]
    words = refused(InputError, job(out, A, B, format=format_), project)
    assert "fit-fit-b" in words and "exists" in words and "--overwrite" in words
    assert contents(out) == before and [row.id for row in project.catalogue.runs()] == runs
    result = finished(job(out, A, B, format=format_, overwrite=True), project)
    assert len(result["files"]) == 2 and b"mine" not in contents(out).values()
    assert not list(project.folder.rglob("staged/*"))


@pytest.mark.parametrize("there", [b"mine", None])
def test_a_full_disk(project: Project, tmp_path: Path, there: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails in the middle of a file; once there is room, the same run puts there what it has made."""
    out = tmp_path / "out"
    if there:
        out.mkdir()
        (out / "fit-fit-a.obj").write_bytes(there)
    before = contents(tmp_path / "out")

    def half(source: IO[bytes], target: IO[bytes]) -> None:
        target.write(source.read(100))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asked = project.submit(job(out, format="obj", overwrite=bool(there)))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", half)
        assert "the disk is full" in refused(InputError, asked, project)
    assert contents(tmp_path / "out") == before and out.exists() == bool(there)
    assert project.catalogue.run(asked.run).state == "failed"
    events = list(run(asked, project))
    assert not any(isinstance(event, Progress) and event.stage == "extract" for event in events)
    assert sorted(path.name for path in out.iterdir()) == ["fit-fit-a.mtl", "fit-fit-a.obj"]
    assert project.catalogue.run(asked.run).state == "finished"


def test_a_disk_that_is_full_for_the_project_too(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(data: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("engine.geometry.export.place.os.fsync", full)
        with pytest.raises((InputError, OSError), match="disk is full|No space"):
            finished(job(tmp_path / "out"), project)
    assert contents(tmp_path / "out") == {}


def test_a_folder_that_cannot_be_written(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [row.id for row in project.catalogue.runs()]
    (tmp_path / "file").write_bytes(b"")
    for out, words in ((tmp_path / "file" / "out", "a file stands where"), (tmp_path / ("a" * 300), "too long")):
        assert words in refused(InputError, job(out), project)
    true = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK and true(path, mode))
    assert "cannot be written to" in refused(InputError, job(tmp_path / "out"), project)
    assert [row.id for row in project.catalogue.runs()] == runs and not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind this user")
def test_a_read_only_folder(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    assert "cannot be written to" in refused(InputError, job(out), project)


def test_broken_and_empty_fields(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert refused(MeshError, job(out, "fit/fit-broken"), project).startswith("fit/fit-broken: the field gives NaN")
    assert refused(EmptyShapeError, job(out, "fit/fit-empty"), project).startswith("fit/fit-empty is empty")
    assert not out.exists()
    notes: list[str] = []
    result = finished(job(out, "fit/fit-empty", A, "fit/fit-broken"), project, notes)
    assert [file["shape"] for file in result["files"]] == [A] and result["empty"] == ["fit/fit-empty"]
    assert list(result["refused"]) == ["fit/fit-broken"] and "NaN" in result["refused"]["fit/fit-broken"]
    assert any("fit/fit-empty is empty" in note for note in notes) and any("NaN" in note for note in notes)
    assert list(contents(out)) == ["fit-fit-a.glb"]
    words = refused(EmptyShapeError, job(tmp_path / "none", "fit/fit-empty", "fit/fit-broken"), project)
    assert "none of 2" in words and not (tmp_path / "none").exists()


def test_a_damaged_store(project: Project, tmp_path: Path) -> None:
    path = project.run_folder("fit") / "latents.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short" in refused(DamagedFileError, job(tmp_path / "out"), project)
    assert not (tmp_path / "out").exists()


def test_a_budget_that_one_shape_cannot_meet(project: Project, tmp_path: Path) -> None:
    options = ExportOptions(faces=5)
    words = refused(MeshError, job(tmp_path / "out", A, C, options=options), project)
    assert "a budget of 5 faces is too small" in words and not (tmp_path / "out").exists()
    result = finished(job(tmp_path / "out", A, C, options=ExportOptions(faces=9)), project)  # A has three parts, C two
    assert [file["shape"] for file in result["files"]] == [C] and list(result["refused"]) == [A]


def test_items_without_a_surface_do_not_keep_the_others(project: Project, tmp_path: Path) -> None:
    result = finished(job(tmp_path / "out", "fit-a", A), project)  # an item that is known by name alone
    assert [file["shape"] for file in result["files"]] == [A] and "no surface" in result["refused"]["fit-a"]
    assert "no weights yet" in refused(InputError, job(tmp_path / "w", A, "fit-a", format="pth"), project)
    assert not (tmp_path / "w").exists()


def test_numbers_take_no_options_of_surfaces(project: Project, tmp_path: Path) -> None:
    for more in ({"options": ExportOptions(faces=100)}, {"health": True}):
        assert "no surface" in refused(InputError, job(tmp_path / "out", format="pth", **more), project)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("3mf", {"normals": "smooth"}),
        ("stl", {"uvs": True}),
        ("glb", {"points": 100}),
        ("ply", {"points": 9, "faces": 9}),
    ],
)
def test_what_a_format_cannot_hold_is_told_before_anything_is_done(
    project: Project, tmp_path: Path, format_: str, options: dict[str, Any]
) -> None:
    runs = [row.id for row in project.catalogue.runs()]
    words = refused(InputError, job(tmp_path / "out", format=format_, options=ExportOptions(**options)), project)
    assert words.startswith(f"{A}.{format_}: ")
    assert [row.id for row in project.catalogue.runs()] == runs and not (tmp_path / "out").exists()


class Killed(BaseException):
    """What ends a process from outside."""


def test_an_export_that_was_killed_goes_on(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after a file got its name and before that was noted: the file is its own, and stays as it is."""
    out = tmp_path / "out"
    asked = project.submit(job(out, A, B, C, format="obj"))

    def die(path: Path, value: object) -> None:
        if path.name == "delivered.json" and value and B in value:  # type: ignore[operator]
            raise Killed
        true(path, value)

    from engine import delivery

    true = delivery.write_json
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(delivery, "write_json", die)
        finished(asked, project)
    (out / ".fit-fit-c.obj.999999999.abcd.tmp").write_bytes(b"left by a process that is gone")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.obj")}
    assert len(before) == 2
    result = finished(asked, project)
    assert [file["shape"] for file in result["files"]] == [A, B, C]
    assert {path: path.stat().st_mtime_ns for path in before}[out / "fit-fit-a.obj"] == before[out / "fit-fit-a.obj"]
    assert sorted(path.suffix for path in out.iterdir()) == [".mtl"] * 3 + [".obj"] * 3


def test_a_file_that_came_while_it_was_stopped_stays(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    asked = project.submit(job(out, A))

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("engine.delivery.put", die)
        finished(asked, project)
    out.mkdir()
    (out / "fit-fit-a.glb").write_bytes(b"somebody's")
    assert "exists" in refused(InputError, asked, project)
    assert contents(out) == {"fit-fit-a.glb": b"somebody's"}
    (out / "fit-fit-a.glb").unlink()
    assert len(finished(asked, project)["files"]) == 1


def test_two_shapes_of_one_file_name(project: Project, tmp_path: Path) -> None:
    keep_fit(project, "t", {"t-t-x": AIRPLANES["a"]})
    keep_fit(project, "t-t", {"x": AIRPLANES["a"]})
    words = refused(InputError, job(tmp_path / "out", "t/t-t-t-x", "t-t/t-t-x"), project)
    assert "two folders" in words and not (tmp_path / "out").exists()


def test_thin_walls_are_told_of_in_millimetres(project: Project, tmp_path: Path) -> None:
    notes: list[str] = []
    small = finished(
        job(tmp_path / "s", A, format="stl", options=ExportOptions(size_mm=2, axes="slicer")), project, notes
    )
    assert small["files"][0]["health"]["thin"] > 0.2 and any("0.8 mm that printers need" in note for note in notes)
    notes.clear()
    large = finished(job(tmp_path / "l", A, format="3mf", options=ExportOptions(size_mm=500)), project, notes)
    health = large["files"][0]["health"]
    assert (
        health["thin"] < 0.02
        and health["shells"] == 1
        and health["volume"] > 0
        and health["self_intersections"] is None
    )
    full = finished(job(tmp_path / "f", A, format="3mf", health=True), project)["files"][0]["health"]
    assert full["self_intersections"] == 0
    plain, asked = (
        finished(job(tmp_path / str(health), A, health=health), project)["files"][0]["health"]
        for health in (False, True)
    )
    assert plain["thinnest_wall"] is None and asked["thinnest_wall"] > 0, "in no unit of length, so only when asked"


def test_large_surfaces_are_made_one_at_a_time(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def watched(stages: list[Stage[Any]], at_once: int) -> Any:
        asked.append(at_once)
        return abreast(stages, at_once)

    monkeypatch.setattr(exporting, "side_by_side", lambda device: 3)
    monkeypatch.setattr(exporting, "abreast", watched)
    finished(job(tmp_path / "small", A, B), project)
    monkeypatch.setattr(exporting, "FINE", GRID - 1)
    finished(job(tmp_path / "large", A, B), project)
    assert asked == [3, 1, 1]


@pytest.mark.parametrize("many", [2, 3])
def test_files_are_the_same_however_many_are_made_at_once(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Also what is told of them, in the order that was asked for, and what one that cannot be made keeps: nothing."""
    names, told = (C, "fit/fit-broken", A, "fit/fit-empty", B), []
    for at_once in (1, many):
        monkeypatch.setattr(exporting, "side_by_side", lambda device, at_once=at_once: at_once)
        notes: list[str] = []
        result = finished(job(tmp_path / "out", *names, overwrite=True), project, notes)
        said = sorted(note for note in notes if "fit-" in note)
        told.append((result, said, contents(tmp_path / "out")))
    assert told[0] == told[1] and [file["shape"] for file in told[0][0]["files"]] == [C, A, B]
    assert not [one for one in threading.enumerate() if one.name.startswith("abreast")]


def test_a_damaged_store_keeps_no_shape_before_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "side_by_side", lambda device: 2)
    keep_fit(project, "other", {"x": AIRPLANES["a"]})
    path = project.run_folder("other") / "latents.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    out = tmp_path / "out"
    words = refused(DamagedFileError, job(out, A, B, "other/other-x", C), project)
    assert "cut short" in words and sorted(contents(out)) == ["fit-fit-a.glb", "fit-fit-b.glb"]
