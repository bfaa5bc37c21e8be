"""The command line as a script sees it: JSON on stdout, progress on stderr, exit status."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from tests import command_line
from tests.command_line import Said, spawned

SMALL = [
    *("--set", "samples.uniform=4000", "--set", "samples.near=4000", "--set", "samples.per_part=1000"),
    *("--set", "samples.held_out=2000", "--set", "fit.steps=120", "--set", "fit.anchor_steps=120"),
    *("--set", "field.hidden=[16,16]", "--set", "fit.accept=0", "--set", "fit.accept_part=0"),
]
TRAIN = [
    "--set",
    "denoiser.width=32",
    "--set",
    "denoiser.layers=1",
    "--set",
    "denoiser.heads=2",
    "--set",
    "train.steps=30",
]


def call(*arguments: str, status: int = 0, run: Callable[..., Said] = command_line.call) -> tuple[dict[str, Any], str]:
    """The JSON object of a command and what it wrote on stderr."""
    said = run(*arguments, "--json", status=status)
    return said.answer, said.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A project with fitted, trained and generated shapes, made by the command line alone."""
    folder = str(tmp_path_factory.mktemp("cli") / "project")
    call("new", folder)
    call("samples", "--category", "airplane", "--count", "6", "--seed", "1", "--project", folder)
    call("fit", "--method", "semantic", *SMALL, "--project", folder)
    call("train", "--method", "semantic", *TRAIN, "--project", folder)
    return folder


def test_the_whole_line(project: str, tmp_path: Path) -> None:
    """As a shell runs it, each command in a process of its own."""
    drawn, said = call("generate", "--count", "2", "--seed", "3", "--project", project, run=spawned)
    assert len(drawn["shapes"]) == 2 and "Traceback" not in said
    wrong, said = call("generate", "--model", "no-such-run", "--project", project, status=2, run=spawned)
    assert "no-such-run" in wrong["error"] and said.count("\n") == 1
    fitted = call("list", "shapes", "--project", project)[0]["shapes"][0]
    assert fitted["kind"] == "fitted"
    out = str(tmp_path / "out")
    told, _ = call("export", fitted["id"], "--out", out, "--resolution", "48", "--project", project, run=spawned)
    files = told["files"]
    assert files[0]["watertight"]
    assert set(files[0]["parts"]) <= {"body", "wing", "tail", "engine"}
    scene = trimesh.load_scene(files[0]["path"])
    assert set(scene.graph.nodes_geometry) == set(files[0]["parts"])


def test_the_same_seed_gives_the_same_shapes(project: str) -> None:
    from safetensors.numpy import load_file

    runs = [call("generate", "--count", "1", "--seed", "7", "--project", project)[0]["run"] for _ in range(2)]
    other = call("generate", "--count", "1", "--seed", "8", "--project", project)[0]["run"]
    first, second, third = (
        load_file(Path(project, "runs", run, "latents.safetensors"))["latent"] for run in (*runs, other)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_a_refused_run_does_not_spoil_the_next(tmp_path: Path) -> None:
    """What a refused fit had settled must not reach the run that gets its number."""
    folder = str(tmp_path / "p")
    call("new", folder)
    trimesh.creation.box((1, 2, 3)).export(tmp_path / "box.obj")
    call("import", str(tmp_path / "box.obj"), "--project", folder)
    call("fit", "--method", "semantic", "--project", folder, status=2)  # a box has no parts
    call("samples", "--category", "mug", "--count", "6", "--seed", "1", "--project", folder)
    fitted, _ = call("fit", "--method", "hyperdiffusion", "mug-1-00000", *SMALL, "--project", folder)
    assert [shape["id"] for shape in fitted["shapes"]] == ["fit-0001/mug-1-00000"]
    call("train", "--method", "hyperdiffusion", "--project", folder, status=2)  # one shape is too few
    fitted, _ = call("fit", "--method", "hyperdiffusion", "--category", "mug", *SMALL, "--project", folder)
    trained, _ = call("train", "--method", "hyperdiffusion", *TRAIN, "--project", folder)
    assert trained["run"] == "train-0001"


def test_train_longer_and_resume(project: str) -> None:
    longer, _ = call("resume", "train-0001", "--set", "train.steps=40", "--project", project)
    assert longer["steps"] == 40
    again, _ = call("resume", "train-0001", "--project", project)
    assert again == longer  # finished: returns at once
    wrong, _ = call("resume", "train-0001", "--set", "train.lr=1", "--project", project, status=2)
    assert "fork" in wrong["error"]
    forked, _ = call(
        "train", "--method", "semantic", *TRAIN, "--set", "train.lr=1e-5", "--fork", "train-0001", "--project", project
    )
    assert forked["run"] != "train-0001"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "items", "--project", "/nowhere"], "not a project"),
        (["fit", "--method", "semantic", "--set", "fit.stepz=1"], "fit.stepz"),
        (["fit", "--method", "semantic", "--preset", "huge"], "paper, tiny"),
        (["fit", "--method", "semantic", "no-such-item"], "no-such-item"),
        (["train", "--method", "hyperdiffusion"], "fit"),
        (["generate", "--model", "no-such-run"], "no-such-run"),
        (["generate", "--model", "train-0001", "--category", "chair"], "airplane"),
        (["import", "/no/such/file.obj"], "no such file"),
        (["export", "no-such-shape", "--out", "x"], "no-such-shape"),
        (["fit", "--method", "semantic", "--device", "cuda"], "cuda"),
        (["bench", "nothing"], "no benchmark"),
        (["samples", "--category", "spaceship", "--count", "1"], "spaceship"),
        (["samples", "--category", "mug", "--count", "1", "--preset", "tiny"], "--preset means nothing"),
        (["new", f"{__file__}/x"], "test_cli.py"),
        (["train", "--method", "semantic", "--set", "field.hidden=[4]"], "only denoiser"),
        (["generate", "--model", "train-0001", "--method", "semantic"], "not both"),
        (["generate", "--model", "PROJECT/runs/fit-0001/representation.safetensors"], "is no model"),
        (["fit", "--method", "semantic", "--set", "field.hidden=[-4]"], "field.hidden"),
    ],
)
def test_bad_input_gives_one_clear_line_and_status_2(project: str, arguments: list[str], says: str) -> None:
    if "cuda" in arguments:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has cuda")
    given = [] if "--project" in arguments else ["--project", project]
    runs = len(call("list", "runs", "--project", project)[0]["runs"])
    answer, err = call(*(text.replace("PROJECT", project) for text in arguments), *given, status=2)
    assert len(call("list", "runs", "--project", project)[0]["runs"]) == runs  # bad input leaves nothing behind
    assert says in answer["error"]
    assert "Traceback" not in err


def test_an_item_goes_to_a_printer_in_millimetres(tmp_path: Path) -> None:
    folder = str(tmp_path / "p")
    call("new", folder)
    trimesh.creation.box((1, 2, 4)).export(tmp_path / "box.obj")
    (item,) = call("import", str(tmp_path / "box.obj"), "--project", folder)[0]["items"]
    where = ("--out", str(tmp_path / "out"), "--project", folder)
    (file,) = call("export", item["id"], "--format", "3mf", "--set", "size_mm=50", *where)[0]["files"]
    assert file["watertight"] and file["unit"] == "mm" and max(file["size"]) == pytest.approx(50)
    wrong, _ = call("export", item["id"], "--format", "stl", "--set", "uvs=true", *where, status=2)
    assert "STL" in wrong["error"].upper()
    wrong, _ = call("export", item["id"], "--format", "pth", *where, status=2)
    assert "fit it" in wrong["error"]
