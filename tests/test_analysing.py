"""Analyses of fitted and generated shapes through the pipeline: files, tables, refusals, going on."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine import methods, pipeline
from engine.analysis.near import NearestFound
from engine.catalogue import Catalogue
from engine.errors import InputError
from engine.jobs import AnalyseJob, FitJob, GenerateJob, Job, SamplesJob, TrainJob
from engine.project import Project
from engine.protocol import Saved
from engine.settings import override
from engine.stages import ended
from tests.hearing import finished

FIT = [
    *("samples.uniform=1500", "samples.near=1500", "samples.per_part=300", "samples.held_out=1024"),
    *("field.hidden=[8,8]", "fit.steps=40", "fit.anchor_steps=40", "fit.accept=0", "fit.accept_part=0"),
]
SETTINGS = override(
    methods.preset("semantic", "tiny"),
    [
        *FIT,
        *("denoiser.width=16", "denoiser.layers=1", "denoiser.heads=2", "train.steps=3", "sampler.steps=2"),
    ],
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Fourteen aeroplanes, fitted badly, and two drawn."""
    with Project.create(tmp_path_factory.mktemp("analysing") / "p") as made:
        jobs: list[Job] = [SamplesJob(category="airplane", count=14, seed=2), FitJob(settings=SETTINGS)]
        drawn = GenerateJob(model="train-0001", count=2, whole=False)
        for job in [*jobs, TrainJob(settings=SETTINGS, fit="fit-0001"), drawn]:
            ended(pipeline.run(job, made))
        yield made


def test_everything_of_generated_shapes(project: Project, tmp_path: Path) -> None:
    result = finished(AnalyseJob(of="generate-0001", count=2, out=str(tmp_path / "out")), project)
    names = {Path(path).name for path in result["files"]}
    assert {"analysis.html", "nearest.png", "map.png", "map-centred.png", "parts.png", "outliers.png"} <= names
    assert all(Path(path).parent == tmp_path / "out" and Path(path).stat().st_size for path in result["files"])
    assert not result["left_out"] and {row["id"] for row in result["nearest"]} == {
        "generate-0001/0000",
        "generate-0001/0001",
    }
    found = msgspec.json.decode((tmp_path / "out" / "nearest.json").read_bytes(), type=NearestFound)
    trained = {item.id for item in project.catalogue.items() if item.split == "train"}
    assert {one.nearest.rpartition("/")[2] for one in found.neighbours} <= trained
    kinds = {row["asked"] for row in result["parts"]}
    assert kinds == {"fitted", "generated"}
    assert all("chance" in line for line in result["summary"] if line.startswith("Part names"))
    page = (tmp_path / "out" / "analysis.html").read_text()
    assert page.count("<svg") == 4 and page.count("data:image/png") >= 1


def test_one_kind_and_one_part_of_a_fit(project: Project) -> None:
    result = finished(AnalyseJob(of="fit-0001", kind="nearest", part="wing", count=3), project)
    assert {Path(path).name for path in result["files"]} == {"analysis.html", "nearest.png", "nearest.json"}
    assert set(result["nearest"][0]) == {"id", "nearest", "ratio"}
    pictures = project.run_folder(result["run"]) / "pictures"
    assert all(path.name.endswith(".wing.png") for path in pictures.iterdir())


def test_without_parts_the_whole_is_looked_at(project: Project) -> None:
    settings = override(methods.preset("hyperdiffusion", "tiny"), FIT)
    fitted = ended(pipeline.run(FitJob(settings=settings), project))["run"]
    result = finished(AnalyseJob(of=fitted, count=0), project)
    (left,) = result["left_out"]
    assert left.startswith("parts: ") and "two parts" in left
    assert {Path(path).name for path in result["files"]} >= {"map.png", "nearest.json", "outliers.png"}
    assert "map-centred.png" not in {Path(path).name for path in result["files"]}
    with pytest.raises(InputError, match="two parts"):
        finished(AnalyseJob(of=fitted, kind="parts"), project)


def test_files_of_others_stay(project: Project, tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"mine")
    runs = len(project.catalogue.runs())
    with pytest.raises(InputError, match="has map.png already"):
        finished(AnalyseJob(of="fit-0001", kind="parts", out=str(tmp_path)), project)
    assert (tmp_path / "map.png").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1
    assert len(project.catalogue.runs()) == runs


def test_what_was_found_is_not_computed_again(project: Project) -> None:
    """Stopped after its first result, a run goes on from there."""
    stage = pipeline.run(AnalyseJob(run="again", of="fit-0001", count=0), project)
    while not isinstance(event := next(stage), Saved) or not event.path.endswith("map.json"):
        pass
    stage.close()
    folder = project.run_folder("again")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json") if path.stem in ("nearest", "map")}
    assert len(before) == 2
    result = finished(AnalyseJob(run="again", of="fit-0001", count=0), project)
    assert before == {name: (folder / name).stat().st_mtime_ns for name in before}
    assert len(result["summary"]) > 4
    assert finished(AnalyseJob(run="again", of="fit-0001", count=0), project) == result


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (AnalyseJob(of="fit-0009"), "no run 'fit-0009'"),
        (AnalyseJob(of="train-0001"), "has no shapes"),
        (AnalyseJob(of="fit-0001", part="propeller"), "no part named propeller"),
    ],
)
def test_slips_leave_nothing_behind(project: Project, job: AnalyseJob, says: str) -> None:
    runs = len(project.catalogue.runs())
    with pytest.raises(InputError, match=says):
        finished(job, project)
    assert len(project.catalogue.runs()) == runs


def test_a_model_of_elsewhere_has_no_training_shapes_here(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generate run whose training run is not in the project."""
    monkeypatch.setattr(Catalogue, "runs", lambda self, kind="": [])
    with pytest.raises(InputError, match="not trained in this project"):
        finished(AnalyseJob(of="generate-0001"), project)
