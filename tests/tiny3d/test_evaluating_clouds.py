"""Evaluations of drawn clouds: the same files as for surfaces, as many points of real shapes, and what is left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine import Project, methods
from engine.datasets.stored import Stored
from engine.errors import InputError
from engine.geometry.file import load_geometry
from engine.geometry.occupancy import surface_points
from engine.jobs import AnalyseJob, EvaluateJob, FitJob, GenerateJob, SamplesJob, TrainJob
from engine.method import Shapes
from engine.methods.tiny3d.method import Tiny3d
from engine.metrics.result import read_evaluation
from engine.protocol import Stage
from engine.settings import ProtocolSettings, override
from tests.hearing import finished

POINTS = 64
SOME = 6
QUICK = ProtocolSettings(part_points=64, emd_points=512, resamples=5)
DENSE = 2048  # points, as many as the protocol looks at


def learned(project: Project) -> list[str]:
    """Chairs that the model learned from."""
    return [item.id for item in project.catalogue.items("chair") if item.split == "train"][:SOME]


def copies(project: Project) -> Tensor:
    """(SOME, 3 DENSE) other points of training chairs than the evaluation draws."""
    surfaces = [load_geometry(project.geometry_path(name)).surface for name in learned(project)]
    clouds = [surface_points(surface, DENSE, np.random.default_rng(i)) for i, surface in enumerate(surfaces)]
    return torch.from_numpy(np.stack(clouds).astype(np.float32)).flatten(1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Chairs and lamps; what a model that has learned nothing draws, and a run in which it draws training chairs."""
    with Project.create(tmp_path_factory.mktemp("clouds") / "p") as made:
        for category, count in (("chair", 30), ("lamp", 12)):
            finished(SamplesJob(category=category, count=count, seed=3), made)
        settings = override(methods.preset("tiny3d", "smoke"), ["train.steps=2", "sampler.steps=2", "fit.pool=4"])
        fit = finished(FitJob(settings=settings), made)["run"]
        finished(TrainJob(settings=settings, fit=fit, run="model"), made)
        drawn(made, "noise", "a chair")
        drawn(made, "closer", "a chair with arms")
        drawn(made, "any", "")
        with pytest.MonkeyPatch.context() as patched:

            def sample(*_: Any) -> Stage[Shapes]:
                yield from ()
                return Shapes(copies(made))

            patched.setattr(Tiny3d, "sample", sample)
            drawn(made, "copies", "a chair", DENSE)
        yield made


def drawn(project: Project, name: str, prompt: str, points: int = POINTS) -> None:
    changes = (f"sampler.points={points}", f'sampler.prompt="{prompt}"')
    finished(GenerateJob(run=name, model="model", count=SOME, changes=changes, picture=False, whole=False), project)


def test_clouds_are_held_against_clouds_of_as_many_points(project: Project, tmp_path: Path) -> None:
    result = finished(EvaluateJob(names=("noise",), protocol=QUICK, out=str(tmp_path / "out")), project)
    made = read_evaluation(tmp_path / "out" / "evaluation.json")
    unseen = [item for item in project.catalogue.items("chair") if item.split != "train"]
    measures = {"chamfer", f"emd-{POINTS}-seed-0"}
    assert {(row.name, row.measure) for row in made.rows} == {
        (name, one) for name in ("samples", "training shapes") for one in measures
    }
    assert {(row.points, row.reference) for row in made.rows} == {(POINTS, len(unseen))}
    own, real = (next(row for row in made.rows if row.name == name) for name in ("samples", "training shapes"))
    assert own.one_nna.value == 1 and real.one_nna.value < 1 and real.mmd.value < own.mmd.value
    assert made.novelty is not None and made.novelty.shares["new"] == 1
    assert (
        made.settings["left out"] and not made.frechet and made.settings["protocol.points"] == POINTS and not made.parts
    )
    assert {Path(path).name for path in result["files"]} == {path.name for path in (tmp_path / "out").iterdir()}
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png") == 2 * SOME and "no latents to compare" in page and "latent 0" not in page


def test_training_shapes_are_found_out(project: Project) -> None:
    result = finished(EvaluateJob(names=("copies",), protocol=override(QUICK, ["emd_points=0"])), project)
    made = read_evaluation(project.run_folder(result["run"]) / "evaluation.json")
    assert made.novelty is not None and made.novelty.by == "shapes"
    assert [made.training_names[one.shape] for one in made.novelty.samples] == learned(project)
    assert made.novelty.shares["copy"] == 1 and made.novelty.unseen_shares["copy"] < 0.5
    lines = (project.run_folder(result["run"]) / "verdicts.csv").read_text().splitlines()
    assert all(line.endswith(",,,,,") for line in lines[1:])


def test_generations_tell_the_nearest_training_item_of_clouds(project: Project) -> None:
    """By points: other ones of the same surface are a copy, and what is nothing yet is farther than any real chair."""
    told = {}
    for run_id in ("copies", "noise"):
        result = msgspec.json.decode((project.run_folder(run_id) / "result.json").read_bytes())
        told[run_id] = [(one["shape"], one["nearest"], one["percentile"]) for one in result["nearest"]]
    fit = project.job("model").fit  # type: ignore[union-attr]
    assert [one[:2] for one in told["copies"]] == [
        (f"copies/{i:04d}", f"{fit}/{name}") for i, name in enumerate(learned(project))
    ]
    assert all(percent < 10 for _, _, percent in told["copies"])  # of items by few points
    assert [percent for _, _, percent in told["noise"]] == [100.0] * SOME


def points_alone(project: Project, item: str, count: int, inside: bool = False) -> None:
    """The item without its mesh, as if it had come as points."""
    path = project.geometry_path(item)
    points = surface_points(load_geometry(path).surface, count, np.random.default_rng(9)).astype(np.float32)
    none = np.zeros(0, np.int16)
    Stored(points, np.full(count * inside, True), none, (), 0, np.eye(4)).save(project.points_path(item))
    path.rename(path.with_name("kept"))


def test_items_that_are_points_alone_are_compared_with_too(project: Project, tmp_path: Path) -> None:
    """Those that a model could learn from; points that fill a shape are left out, which is told."""
    unseen = [item.id for item in project.catalogue.items("chair") if item.split != "train"]
    bare, filled = [*learned(project)[:2], unseen[0]], unseen[1]
    try:
        for name in bare:
            points_alone(project, name, DENSE - 48)
        points_alone(project, filled, DENSE, inside=True)
        job = EvaluateJob(names=("copies",), protocol=override(QUICK, ["emd_points=0"]))
        notes: list[str] = []
        result = finished(job, project, notes)
    finally:
        for name in (*bare, filled):
            if (path := project.geometry_path(name)).with_name("kept").exists():
                path.with_name("kept").rename(path)
            project.points_path(name).unlink(missing_ok=True)
    folder = project.run_folder(result["run"])
    made = read_evaluation(folder / "evaluation.json")
    assert made.novelty is not None and made.novelty.shares["copy"] == 1
    assert [made.training_names[one.shape] for one in made.novelty.samples] == learned(project)
    assert {row.points for row in made.rows} == {DENSE - 48} and made.settings["number.points alone"] == 3
    assert made.settings["number.references"] == len(unseen) - 1
    assert any(filled in text and "in no score" in text for text in notes)
    assert any("3 of the real shapes are points alone" in text for text in notes)
    assert filled in (folder / "report.html").read_text()


def test_what_few_points_cannot_tell_is_said(project: Project) -> None:
    job = EvaluateJob(names=("noise", "closer"), protocol=override(QUICK, ["emd_points=0"]))
    told: list[str] = []
    finished(job, project, told)
    notes = " ".join(told)
    assert "sampler.points=2048" in notes


@pytest.mark.parametrize(
    ("name", "categories", "closer"),
    [("noise", {"chair"}, False), ("closer", {"chair"}, True), ("any", {"chair", "lamp"}, False)],
)
def test_references_are_of_the_category_of_the_prompt(
    project: Project, name: str, categories: set[str], closer: bool
) -> None:
    job = EvaluateJob(names=(name,), protocol=override(QUICK, ["emd_points=0"]))
    told: list[str] = []
    result = finished(job, project, told)
    made = read_evaluation(project.run_folder(result["run"]) / "evaluation.json")
    unseen = [item for item in project.catalogue.items() if item.split != "train" and item.category in categories]
    assert made.settings["number.references"] == len(unseen)
    notes = " ".join(told)
    assert ("asked for more closely" in notes) == closer


def test_what_cannot_be_measured_is_said(project: Project) -> None:
    with pytest.raises(InputError, match="points of its item"):
        finished(EvaluateJob(names=("fit-0001",), protocol=QUICK), project)
    with pytest.raises(InputError, match="evaluate noise"):
        finished(AnalyseJob(of="noise", kind="nearest"), project)
    with pytest.raises(InputError, match="spread_filter=false"):
        finished(EvaluateJob(names=("noise",), protocol=override(QUICK, ["spread_filter=true"])), project)
