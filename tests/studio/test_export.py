"""What the window says of exports beforehand and afterwards is what the engine does."""

import shlex
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import engine
from engine.commands import files
from engine.commands.common import cli
from engine.exporting import _names
from engine.jobs import ExportJob, Format, SamplesJob
from engine.project import Project
from engine.protocol import Finished
from engine.settings import ExportOptions
from studio.models.export import outcome_of
from studio.models.export_command import command_of
from studio.models.export_presets import FORMATS, PRESETS, file_names

JOBS = (
    ExportJob(shapes=("a/0", "b/1"), out="/x/my files"),
    ExportJob(shapes=("a/0",), out="/x", format="3mf", resolution=96, crumbs=0.25, overwrite=True, health=True),
    ExportJob(
        shapes=("a/0",),
        out="/x",
        device="cpu",
        options=ExportOptions(
            pieces="union", faces=5000, smooth=0.02, smoothing=3, normals="flat", uvs=True, size_mm=12.5, axes="unreal"
        ),
    ),
    *(msgspec.structs.replace(one.start, shapes=("a/0",), out="/x", format=one.format) for one in PRESETS),
)


@pytest.mark.parametrize("job", JOBS)
def test_a_copied_command_is_the_same_job(job: ExportJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.create(tmp_path / "p").close()
    found: list[Any] = []

    def follow(options: object, job: ExportJob) -> dict[str, Any]:
        found.append(job)
        return {"files": []}

    monkeypatch.setattr(files, "_follow", follow)
    cli(shlex.split(command_of(job, tmp_path / "p"))[3:], standalone_mode=False)
    assert found == [job]


@pytest.mark.parametrize("format_", get_args(Format))
def test_files_have_the_names_that_the_engine_gives_them(format_: str) -> None:
    assert file_names("generate-0001/0002", format_) == _names("generate-0001/0002", format_)


def test_presets_can_be_written_and_are_told_truly(tmp_path: Path) -> None:
    """A real item by each preset and format: every one is taken, and the outcome has what was written."""
    with Project.create(tmp_path / "p") as project:
        list(engine.run(SamplesJob(category="chair", count=1), project))
        (item,) = project.catalogue.items()
        wanted = [(one.format, one.start) for one in PRESETS]
        wanted += [(name, PRESETS[0].start) for name in ("ply", "xyz")]
        assert {name for name, _ in wanted} <= set(FORMATS)
        for number, (format_, start) in enumerate(wanted):
            changes: dict[str, Any] = {"shapes": (item.id,), "out": str(tmp_path / str(number)), "format": format_}
            *_, last = engine.run(msgspec.structs.replace(start, **changes), project)
            assert isinstance(last, Finished)
            job = msgspec.structs.replace(start, **changes)
            (one,) = outcome_of(job, last.result).files
            assert one.path.name == file_names(item.id, format_)[-1] and one.path.is_file()
            assert one.closed is (None if format_ == "xyz" else True) and one.size.count("×") == 2
            assert one.size.endswith("mm") == (format_ == "3mf")
            assert (one.faces > 0) == (format_ != "xyz")
