"""A project folder: made once, opened by many, never mistaken for another version or for something else."""

import json
from pathlib import Path

import msgspec
import pytest

from engine.errors import BusyError, DamagedFileError, InputError
from engine.jobs import ExportJob, FilmJob, FitJob, GenerateJob, ImportJob, Job, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.settings import SMOOTHEST, ExportOptions, override
from engine.storage import write_json

SEMANTIC = preset("semantic", "tiny")
JOBS: list[Job] = [
    ImportJob(paths=("a", "b"), category="chair"),
    SamplesJob(category="chair", count=3, seed=5),
    FitJob(settings=SEMANTIC, items=("x",)),
    TrainJob(settings=preset("hyperdiffusion", "paper"), fit="fit-0001"),
    GenerateJob(model="train-0001", count=2, changes=("steps=3",)),
    ExportJob(shapes=("s",), out="o", format="ply"),
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "p")


def test_a_project_is_made_in_a_new_or_empty_folder_only(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    Project.create(tmp_path / "empty").close()
    Project.create(tmp_path / "deep" / "new").close()
    with pytest.raises(InputError, match="a project already"):
        Project.create(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear aunt")
    with pytest.raises(InputError, match="not an empty folder"):
        Project.create(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    with pytest.raises(InputError, match="not an empty folder"):
        Project.create(tmp_path / "full" / "letter.txt")


def test_what_is_no_project_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make one with `new"):
        Project(tmp_path)
    assert not list(tmp_path.iterdir()), "nothing is left in a folder that is not ours"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": "x"}', "\x00\x00", '{"created": 1}', '{"version":1,"x":2}']
)
def test_a_damaged_project_file_is_told(project: Project, text: str) -> None:
    (project.folder / "project.json").write_text(text)
    with pytest.raises(DamagedFileError, match="project.json cannot be read"):
        Project(project.folder)


def test_a_newer_project_is_refused_whatever_else_it_holds(project: Project) -> None:
    (project.folder / "project.json").write_text('{"version": 2, "created": 1.0, "something_new": true}')
    with pytest.raises(InputError, match="newer version"):
        Project(project.folder)


@pytest.mark.parametrize("job", JOBS)
def test_a_submitted_job_is_kept_and_comes_back(project: Project, job: Job) -> None:
    kept = project.submit(job)
    assert kept.run and kept == project.submit(kept), "a second time changes nothing"
    with Project(project.folder) as again:
        assert again.job(kept.run) == kept
        assert [run.id for run in again.catalogue.runs()] == [kept.run]
        assert again.catalogue.run(kept.run).state == "queued"
    assert project.submit(job).run != kept.run, "without a name it is a new run"


def test_a_run_keeps_its_job(project: Project) -> None:
    kept = project.submit(SamplesJob(category="chair", count=3, run="mine"))
    before = (project.run_folder("mine") / "job.json").read_bytes()
    with pytest.raises(InputError, match="other settings"):
        project.submit(SamplesJob(category="chair", count=4, run="mine"))
    with pytest.raises(InputError, match="other settings"):
        project.submit(FitJob(settings=SEMANTIC, run="mine"))
    assert (project.run_folder("mine") / "job.json").read_bytes() == before and project.job("mine") == kept


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".hidden", "a b", "x" * 101, "ä", "a\n"])
def test_a_run_name_stays_inside_the_project(project: Project, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a run"):
        project.submit(SamplesJob(category="chair", count=1, run=name))
    assert project.catalogue.runs() == []


def test_jobs_that_cannot_be_read_are_told(project: Project) -> None:
    with pytest.raises(InputError, match="there is no run 'fit-0009'"):
        project.job("fit-0009")
    kept = project.submit(SamplesJob(category="chair", count=3))
    path = project.run_folder(kept.run) / "job.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "version": 2, "colour": "red"}))
    with pytest.raises(InputError, match="newer version"):
        project.job(kept.run)
    path.write_text(json.dumps({**data, "count": 0}))
    with pytest.raises(DamagedFileError, match="count"):
        project.job(kept.run)


def test_training_longer_is_the_one_change_of_a_run(project: Project) -> None:
    job = TrainJob(settings=override(SEMANTIC, ["train.steps=100"]), fit="fit-0001")
    kept = project.submit(job)
    assert isinstance(kept, TrainJob)
    project.catalogue.acquire(kept.run)
    project.finish(kept.run, {"steps": 100})
    project.catalogue.end_run(kept.run, "finished")

    def changed(*changes: str) -> TrainJob:
        return TrainJob(settings=override(kept.settings, changes), fit="fit-0001", run=kept.run)

    for change in (["train.steps=50"], ["train.steps=200", "train.lr=1"], ["seed=1", "train.steps=200"]):
        with pytest.raises(InputError, match="train.steps"):
            project.extend(changed(*change))
    assert project.job(kept.run) == kept and (project.run_folder(kept.run) / "result.json").exists()
    longer = project.extend(changed("train.steps=200"))
    assert project.job(kept.run) == longer == project.submit(longer)
    assert not (project.run_folder(kept.run) / "result.json").exists(), "it is not finished any more"
    assert project.catalogue.run(kept.run).lease_pid is None
    samples = project.submit(SamplesJob(category="chair", count=1))
    with pytest.raises(InputError, match="not a training run"):
        project.extend(TrainJob(settings=SEMANTIC, fit="f", run=samples.run))


def test_a_run_that_is_worked_on_is_not_extended(project: Project) -> None:
    kept = project.submit(TrainJob(settings=override(SEMANTIC, ["train.steps=100"]), fit="fit-0001"))
    project.catalogue._db.execute(
        "UPDATE runs SET state = 'running', lease_host = 'elsewhere', lease_pid = 1, lease_beat = 9e18 WHERE id = ?",
        (kept.run,),
    )
    with pytest.raises(BusyError):
        project.extend(TrainJob(settings=override(SEMANTIC, ["train.steps=200"]), fit="fit-0001", run=kept.run))
    assert project.job(kept.run) == kept


def test_smoother_joints_than_are_offered_now_stay_what_they_were(project: Project) -> None:
    """Jobs of earlier versions open and go on; a new one is refused, and leaves no trace."""
    job = ExportJob(shapes=("fit/a",), out="out", options=ExportOptions(smooth=SMOOTHEST))
    smoother = ExportOptions(smooth=0.05)
    old = msgspec.structs.replace(project.submit(job), options=smoother)
    write_json(project.run_folder(old.run) / "job.json", old)
    assert project.job(old.run) == old == project.submit(old)
    for new in (msgspec.structs.replace(old, run=""), FilmJob(shapes=("fit/a",), out="out", options=smoother)):
        with pytest.raises(InputError, match="smooth=0.05.*at most 0.02"):
            project.submit(new)
    assert [run.id for run in project.catalogue.runs()] == [old.run]
