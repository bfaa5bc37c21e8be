"""Evaluations of fitted and generated shapes through the pipeline: scores, files, refusals, going on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import methods, pipeline
from engine.card import ShiftMove
from engine.errors import InputError
from engine.geometry.mesh import Mesh
from engine.jobs import (
    EvaluateJob,
    ExportJob,
    FitJob,
    GenerateJob,
    ImportJob,
    Job,
    MixJob,
    ReportJob,
    SamplesJob,
    TrainJob,
)
from engine.metrics.measured import Asked
from engine.metrics.result import read_evaluation
from engine.opened import Opened
from engine.project import Project
from engine.protocol import Note, Progress, Stage
from engine.settings import PROTOCOLS, ProtocolSettings, override
from tests.hearing import finished, heard

SETTINGS = override(
    methods.preset("semantic", "tiny"),
    [
        *("samples.uniform=2000", "samples.near=2000", "samples.per_part=300", "samples.held_out=1024"),
        *("field.hidden=[16,16]", "fit.steps=150", "fit.anchor_steps=100", "fit.accept=0", "fit.accept_part=0"),
        *("denoiser.width=16", "denoiser.layers=1", "denoiser.heads=2", "train.steps=30", "sampler.steps=4"),
    ],
)
QUICK = ProtocolSettings(points=1024, part_points=64, emd_points=32, grid=32, resamples=5)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Sixteen aeroplanes, fitted in a hurry, and six drawn."""
    with Project.create(tmp_path_factory.mktemp("evaluating") / "p") as made:
        jobs: list[Job] = [SamplesJob(category="airplane", count=16, seed=2), FitJob(settings=SETTINGS)]
        for job in [
            *jobs,
            TrainJob(settings=SETTINGS, fit="fit-0001"),
            GenerateJob(model="train-0001", count=6, seed=1, whole=False),
        ]:
            finished(job, made)
        yield made


def test_generated_shapes(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result, events = heard(pipeline.run(EvaluateJob(names=("generate-0001",), protocol=QUICK, out=str(out)), project))
    splits = [item.split for item in project.catalogue.items()]
    unseen = sum(split != "train" for split in splits)
    assert (
        {Path(path).name for path in result["files"]}
        == {path.name for path in out.iterdir()}
        == {
            "report.html",
            "scores.csv",
            "table.tex",
            "verdicts.csv",
            "evaluation.json",
        }
    )
    made = read_evaluation(out / "evaluation.json")
    assert {(row.name, row.measure) for row in made.rows} == {
        (name, measure)
        for name in ("samples", "training shapes")
        for measure in ("chamfer", "emd-32-seed-0", "p-chamfer")
    }
    assert all(row.reference == unseen and row.generated <= unseen for row in made.rows)
    for measure in ("chamfer", "p-chamfer", "emd-32-seed-0"):  # real shapes beside as many samples
        assert len({row.generated for row in made.rows if row.measure == measure}) == 1
    assert made.novelty is not None and len(made.novelty.samples) + sum(n.count("/") for n in _empty(events)) == 6
    assert sum(result["verdicts"].values()) == pytest.approx(1)
    assert sum(result["verdicts_on_unseen_real_shapes"].values()) == pytest.approx(1)
    assert {part.part for part in made.parts} <= {"body", "wing", "tail", "engine"} and made.parts
    assert {row.name for row in made.frechet} == {"samples", "training shapes"}
    assert len(made.training_names) == splits.count("train") and made.hashes["model"] and made.hashes["representation"]
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") >= 2 and "wing" in page


def _empty(events: list[Any]) -> list[str]:
    """Names of empty shapes that were told."""
    return [event.text.partition(": ")[2] for event in events if isinstance(event, Note) and "are empty" in event.text]


def test_nothing_is_done_twice(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finished(EvaluateJob(names=("generate-0001",), protocol=QUICK), project)

    def refused(*_: Any) -> Any:
        raise AssertionError("decoded or measured again")

    monkeypatch.setattr("engine.metrics.decoding.extract", refused)
    monkeypatch.setattr("engine.metrics.pool.Pool.mean_squared", refused)
    monkeypatch.setattr("engine.metrics.measures.matched", refused)
    again = finished(EvaluateJob(names=("generate-0001",), protocol=QUICK), project)
    assert again["run"] != first["run"]
    assert {key: again[key] for key in ("scores", "verdicts")} == {key: first[key] for key in ("scores", "verdicts")}


def test_a_stopped_evaluation_goes_on_with_what_it_began_with(project: Project) -> None:
    job = EvaluateJob(names=("generate-0001",), protocol=override(QUICK, ["seed=3", "emd_points=0"]))
    stage = pipeline.run(job, project)
    while not (isinstance(event := next(stage), Progress) and event.stage == "chamfer"):
        pass
    stage.close()
    name = project.catalogue.runs("evaluate")[-1].id
    assert project.catalogue.run(name).state == "cancelled"
    added = finished(SamplesJob(category="airplane", count=2, seed=77), project)["items"]
    result = finished(project.job(name), project)
    made = read_evaluation(project.run_folder(result["run"]) / "evaluation.json")
    assert made.settings["number.references"] + made.settings["number.training"] == 16 and len(added) == 2


def test_fitted_shapes_are_held_against_their_items(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.metrics.rebuilt.POINTS", 4000)
    monkeypatch.setattr("engine.metrics.rebuilt.INSIDE", 8000)
    result = finished(EvaluateJob(names=("fit-0001",), protocol=QUICK), project)
    made = read_evaluation(project.run_folder(result["run"]) / "evaluation.json")
    assert made.novelty is None and 12 <= len(made.reconstructions) <= 16
    assert {row.kind for row in made.rows} == {"reconstructed", "real"}
    good = [one for one in made.reconstructions if one.iou is not None and one.iou > 0.3]
    assert good and all(one.f_score > 0.02 and one.normal_consistency > 0.5 and one.chamfer < 0.1 for one in good)
    assert set(result["reconstructions"]) == {"chamfer", "f_score", "iou", "normal_consistency"}


def test_several_evaluations_in_one_report(project: Project, tmp_path: Path) -> None:
    some = [
        finished(EvaluateJob(names=names, protocol=override(QUICK, ["emd_points=0"])), project)["run"]
        for names in (("generate-0001",), ("generate-0001/0000", "generate-0001/0001", "generate-0001/0002"))
    ]
    result = finished(ReportJob(runs=tuple(some), out=str(tmp_path / "both")), project)
    page = (tmp_path / "both" / "report.html").read_text()
    assert all(name in page for name in some) and {Path(path).name for path in result["files"]} == {
        "report.html",
        "scores.csv",
        "table.tex",
    }


def test_a_category_without_scores_says_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six shapes the last two are asked to be gliders, and are empty."""
    unseen = [item for item in project.catalogue.items() if item.split in ("val", "test")]
    project.catalogue.add_items([msgspec.structs.replace(unseen[0], category="glider")])
    kinds = {f"generate-0001/{i:04d}": "airplane" if i < 4 else "glider" for i in range(6)}
    monkeypatch.setattr("engine.metrics.subjects._categories", lambda *_: kinds)
    solids = Asked.solids

    def without_gliders(asked: Asked, shape: Opened) -> Stage[dict[str, Mesh]]:
        return {} if kinds.get(shape.row.id) == "glider" else (yield from solids(asked, shape))

    monkeypatch.setattr(Asked, "solids", without_gliders)
    try:
        job = EvaluateJob(names=("generate-0001",), protocol=override(QUICK, ["emd_points=0"]))
        result, events = heard(pipeline.run(job, project))
    finally:
        project.catalogue.add_items([unseen[0]])
    told = [event.text for event in events if isinstance(event, Note)]
    assert "no scores of glider alone: all 2 shapes of it are empty" in told
    assert {row["category"] for row in result["scores"]} <= {"all", "airplane"}


def test_the_protocol_reaches_the_shapes(project: Project) -> None:
    quirks = override(PROTOCOLS["paper"], ["points=512", "grid=32", "emd_points=0", "resamples=5", "level=0.52"])
    result = finished(EvaluateJob(names=("generate-0001",), against=("test", "val"), protocol=quirks), project)
    made = read_evaluation(project.run_folder(result["run"]) / "evaluation.json")
    assert not made.frechet  # of too few points
    assert "normalised" in made.units["chamfer"] and made.settings["protocol.level"] == 0.52
    unseen = sum(item.split != "train" for item in project.catalogue.items())
    assert made.settings["number.references"] == made.settings["number.unseen"] == unseen
    plain = finished(EvaluateJob(names=("generate-0001",), against=("test", "val"), protocol=QUICK), project)
    assert plain["scores"][0]["mmd"] < result["scores"][0]["mmd"]  # unit deviation is larger than an aeroplane


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (EvaluateJob(names=("train-0001",)), "generate --model train-0001 --count"),
        (EvaluateJob(names=("samples-0001",)), "has no shapes"),
        (EvaluateJob(names=("nobody",)), "no shape 'nobody'"),
        (EvaluateJob(names=("fit-0001", "generate-0001")), "apart"),
        (EvaluateJob(names=("generate-0001",), against=("mars",)), "--against mars"),
        (EvaluateJob(names=("generate-0001",), features="no.pth"), "no.pth"),
        (ReportJob(runs=("generate-0001",)), "generate-0001 is no finished evaluation"),
    ],
)
def test_slips_leave_nothing_behind(project: Project, job: Job, says: str) -> None:
    before = [row.id for row in project.catalogue.runs()]
    with pytest.raises(InputError, match=says):
        finished(job, project)
    assert [row.id for row in project.catalogue.runs()] == before


def test_a_report_of_others_stays(project: Project, tmp_path: Path) -> None:
    for name in ("scores.csv", "table.tex", "verdicts.csv", "evaluation.json", "report.html"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match=f"{name} exists.*--overwrite"):
            finished(EvaluateJob(names=("generate-0001",), protocol=QUICK, out=str(tmp_path)), project)
        assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_files_are_replaced_when_asked_and_a_place_that_cannot_be_is_told_at_once(
    project: Project, tmp_path: Path
) -> None:
    first = finished(EvaluateJob(names=("generate-0001",), protocol=QUICK), project)["run"]
    (tmp_path / "scores.csv").write_text("mine")
    finished(ReportJob(runs=(first,), out=str(tmp_path), overwrite=True), project)
    assert (tmp_path / "scores.csv").read_bytes() == (project.run_folder(first) / "scores.csv").read_bytes()
    before = [row.id for row in project.catalogue.runs()]
    for job in (EvaluateJob(names=("generate-0001",), protocol=QUICK), ReportJob(runs=(first,))):
        with pytest.raises(InputError, match="a file stands where a folder is needed"):
            finished(msgspec.structs.replace(job, out=str(tmp_path / "scores.csv" / "x")), project)
    assert [row.id for row in project.catalogue.runs()] == before


def test_shapes_that_came_back_are_measured_as_they_were(project: Project, tmp_path: Path) -> None:
    """Exported and imported again, also when mixed with others, they have the verdicts of those that they were."""
    quick = override(QUICK, ["emd_points=0"])
    names = tuple(f"generate-0001/{i:04d}" for i in range(3))
    job = ExportJob(shapes=names, out=str(tmp_path), resolution=32)
    paths = tuple(file["path"] for file in finished(job, project)["files"])
    back = tuple(finished(ImportJob(paths=paths), project)["shapes"])
    shift = ShiftMove(part=project.catalogue.shape(back[0]).present[0], by=(0, 0.02, 0))
    mixed = finished(MixJob(base=back[0], moves=(shift,)), project)["shapes"]
    assert {item.split for item in project.catalogue.items() if item.path in paths} == {"made"}
    before, after, both = (
        finished(EvaluateJob(names=some, protocol=quick), project) for some in (names, back, (*mixed, *names))
    )
    assert before["verdicts"] == after["verdicts"] and sum(both["verdicts"].values()) == pytest.approx(1)
    measured = [read_evaluation(project.run_folder(one["run"]) / "evaluation.json") for one in (before, after)]
    keys = ("number.references", "number.unseen", "number.training", "fit")
    assert len({tuple(one.settings[key] for key in keys) for one in measured}) == 1 and measured[0].settings["fit"]
