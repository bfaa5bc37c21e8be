"""Files for the judges: a procedural aeroplane and a fitted one, in every format, exported by jobs as a person would.

    python -m tests.judges.make build/judges

writes files/ and expected.json: for each file the pieces that it must hold, each with its box in metres of canonical space
(right-handed, +Y up, front +Z), and where that matters the program whose axes it was written for.
"""

import itertools
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from engine import Project, console, methods, pipeline
from engine.geometry.export import read_pieces
from engine.jobs import ExportJob, FitJob, Job, SamplesJob
from engine.settings import ExportOptions, override

SIZE_MM = 450.0
BLENDER = ("glb", "obj", "ply", "stl", "usda", "usdc")
SMALL = (
    *("samples.uniform=8000", "samples.near=8000", "samples.per_part=2000", "samples.held_out=2000"),
    *("fit.steps=300", "fit.anchor_steps=300", "field.hidden=[32,32]", "fit.accept=0", "fit.accept_part=0"),
)
OPTIONS = {
    "plain": ExportOptions(axes="blender"),
    "sized": ExportOptions(axes="blender", size_mm=SIZE_MM),
    "union": ExportOptions(axes="blender", pieces="union"),
    "dressed": ExportOptions(axes="blender", normals="flat", uvs=True, faces=1500),
    "printed": ExportOptions(axes="slicer", size_mm=SIZE_MM),
    "parts": ExportOptions(axes="slicer", pieces="parts", size_mm=SIZE_MM),
    "unity": ExportOptions(axes="unity"),
    "unreal": ExportOptions(axes="unreal"),
}
CASES = (
    *itertools.product(("plain", "sized", "union"), BLENDER),
    *itertools.product(("dressed",), ("glb", "obj", "ply", "usdc")),
    *itertools.product(("printed",), ("stl", "3mf", "glb")),
    *itertools.product(("parts",), ("3mf",)),
    *itertools.product(("unity", "unreal"), ("glb", "usdc")),
)


def follow(job: Job, project: Project) -> dict[str, Any]:
    """Run a job -> its result."""
    return console.follow(pipeline.run(job, project))


def shapes(folder: Path) -> tuple[Project, dict[str, str]]:
    """A project, and what is exported of it by a short name."""
    if (folder / "ready").exists():
        project = Project(str(folder))
    else:
        shutil.rmtree(folder, ignore_errors=True)
        project = Project.create(str(folder))
        follow(SamplesJob(category="airplane", count=4, seed=1), project)
        follow(FitJob(settings=override(methods.preset("semantic", "tiny"), SMALL), device="cpu"), project)
        (folder / "ready").touch()
    return project, {"item": "airplane-1-00000", "fitted": "fit-0001/airplane-1-00001"}


def main(folder: Path) -> None:
    """Write all files and what they must hold."""
    project, named = shapes(folder / "project")
    shutil.rmtree(folder / "files", ignore_errors=True)
    expected = []
    with project:
        for short, name in named.items():
            whole = _export(project, name, folder / "files" / short / "reference", "glb", ExportOptions())
            boxes = {part: mesh.bounds.tolist() for part, mesh in read_pieces(whole).items()}
            for case, format_ in CASES:
                options = OPTIONS[case]
                path = _export(project, name, folder / "files" / short / case, format_, options)
                apart = options.pieces == "parts" or options.pieces == "auto" and format_ not in ("stl", "ply", "3mf")
                expected.append(
                    {
                        "path": str(path.relative_to(folder)),
                        "boxes": boxes,
                        "apart": apart,
                        "axes": options.axes,
                        "size_mm": options.size_mm,
                        "faces": options.faces,
                    }
                )
    (folder / "expected.json").write_bytes(msgspec.json.format(msgspec.json.encode(expected)))


def _export(project: Project, name: str, out: Path, format_: Any, options: ExportOptions) -> Path:
    job = ExportJob(
        shapes=(name,), out=str(out.resolve()), format=format_, options=options, resolution=96, device="cpu"
    )
    (file,) = follow(job, project)["files"]
    return Path(file["path"])


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
