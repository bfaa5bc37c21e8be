"""What a monkey finds: a project with a few shapes, and files to bring in, good ones and bad ones."""

from pathlib import Path

import trimesh

from engine.project import Project
from tests.parts.projects import keep_fit, keep_samples
from tests.studio.conftest import write_model


def make_project(place: Path, real: bool) -> Path:
    """A project in ``place``; for engines that are fake, with a model that they take for one. Returns its folder."""
    folder = place / "Bananas"
    with Project.create(folder) as project:
        keep_fit(project, "fit")
        keep_samples(project, "samples")
        if not real:
            run = project.catalogue.new_run("train", "basis")
            project.catalogue.end_run(run, "finished")
            write_model(project.run_folder(run) / "model.safetensors")
    make_files(place / "files")
    return folder


def make_files(folder: Path) -> None:
    """Meshes, and what only looks like them."""
    folder.mkdir()
    trimesh.creation.box().export(folder / "box.obj")
    trimesh.creation.icosphere(1).export(folder / "ball.glb")
    (folder / "empty.stl").touch()
    (folder / "garbage.obj").write_bytes(bytes(range(256)) * 20)
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 cheese")
    (folder / "letter.txt").write_text("Dear monkey")
    (folder / "nothing").mkdir()
