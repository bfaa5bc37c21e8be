"""A project: a folder with items, runs and a catalogue. The one place that knows its paths. Torch-free."""

import re
import shutil
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from engine.catalogue import Catalogue
from engine.errors import DamagedFileError, InputError, StudioError
from engine.jobs import VERSION as JOB_VERSION
from engine.jobs import ExportJob, FilmJob, FitJob, Job, TrainJob, kind_of
from engine.methods import name_of
from engine.settings import SMOOTHEST
from engine.storage import write_json

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


class ProjectFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contents of project.json."""

    version: int = VERSION
    created: float = 0.0


class _Version(msgspec.Struct):
    """The one field that files of every version have; read first, since newer ones may have fields unknown here."""

    version: int


def _read(path: Path, kind: Any, newest: int) -> Any:
    """A versioned JSON file. Raises InputError for a newer version, DamagedFileError for something else."""
    data = path.read_bytes()
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > newest:
            raise InputError(f"{path} was made by a newer version (format {version}); update Shape Studio to open it")
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); put back a copy of it") from error


class Project:
    """An open project. Safe to open in several processes at once."""

    def __init__(self, folder: Path | str) -> None:
        """Open an existing project. Raises InputError when ``folder`` is none."""
        self.folder = Path(folder).resolve()
        marker = self.folder / "project.json"
        if not marker.is_file():
            raise InputError(f"{folder} is not a project (it has no project.json); make one with `new {folder}`")
        _read(marker, ProjectFile, VERSION)
        self.catalogue = Catalogue(self.folder / "catalogue.sqlite")

    @classmethod
    def create(cls, folder: Path | str) -> Self:
        """Make a project in a new or empty folder and open it. Raises InputError when something is there already."""
        path = Path(folder)
        if (path / "project.json").exists():
            raise InputError(f"{folder} is a project already; open it with --project {folder}")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{folder} is not an empty folder; choose another name")
        write_json(path / "project.json", ProjectFile(created=time.time()))
        return cls(path)

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def geometry_path(self, item: str) -> Path:
        """Canonical geometry of an item."""
        return self.folder / "items" / item / "geometry.safetensors"

    def points_path(self, item: str) -> Path:
        """Points of an item that came as a cloud or with inside flags."""
        return self.folder / "items" / item / "points.safetensors"

    def picture_path(self, item: str) -> Path:
        """Picture of an item, made when it was imported."""
        return self.folder / "items" / item / "picture.png"

    def thumbnail_path(self, name: str, size: int = 256) -> Path:
        """Small picture of a shape or an item, ``size`` pixels per side, once the live engine has drawn it."""
        return self.folder / "cache" / "thumbnails" / f"{name}-{size}.png"

    def samples_path(self, item: str, key: str) -> Path:
        """Cached labelled points of an item; ``key`` is a hash of everything they depend on."""
        return self.folder / "cache" / "samples" / item / f"{key}.safetensors"

    def run_folder(self, run: str) -> Path:
        """Folder of a run: job.json, events.jsonl, result.json, checkpoints and what the job makes."""
        if not _NAME.fullmatch(run):
            raise InputError(f"{run!r} cannot name a run; use up to 100 letters, digits, '-', '_' and '.'")
        return self.folder / "runs" / run

    def job(self, run: str) -> Job:
        """The job of a run. Raises InputError for an unknown run."""
        path = self.run_folder(run) / "job.json"
        if not path.is_file():
            raise InputError(f"there is no run {run!r} in this project; `list runs` shows what there is")
        job: Job = _read(path, Job, JOB_VERSION)
        return job

    def fit_of(self, run: str) -> str:
        """The fit that a training learned from; "" of models from elsewhere, and where that cannot be read."""
        try:
            job = self.job(run)
        except (StudioError, OSError):
            return ""
        return job.fit if isinstance(job, TrainJob) else ""

    def submit(self, job: Job) -> Job:
        """Give the job a run (unless it names one), keep it as job.json, and return it.

        A named run that exists must hold the same job; ``extend`` is the one way to change it.
        """
        method = name_of(job.settings) if isinstance(job, FitJob | TrainJob) else ""
        try:  # a constructor checks no bounds
            msgspec.json.decode(msgspec.json.encode(job), type=Job)
        except msgspec.ValidationError as error:
            raise InputError(f"this job cannot be run: {error}") from error
        known = bool(job.run) and (self.run_folder(job.run) / "job.json").exists()  # a bad name is refused here
        if not known and isinstance(job, ExportJob | FilmJob) and job.options.smooth > SMOOTHEST:
            asked = f"smooth={job.options.smooth:g}"
            raise InputError(f"this job cannot be run: {asked} tears thin parts; choose at most {SMOOTHEST:g}")
        job = msgspec.structs.replace(job, run=self.catalogue.new_run(kind_of(job), method, job.run))
        path = self.run_folder(job.run) / "job.json"
        if path.exists() and self.job(job.run) != job:
            raise InputError(f"run {job.run} exists with other settings; leave its name out to start a new one")
        try:
            write_json(path, job)
        except OSError:  # a full disk; a run without a job would wait for ever
            if not path.exists():
                self.forget(job.run)
            raise
        return job

    def forget(self, run: str) -> None:
        """Drop a run that never began: its row and its folder, with whatever was settled in it."""
        shutil.rmtree(self.run_folder(run), ignore_errors=True)
        self.catalogue.forget_run(run)

    def finish(self, run: str, result: dict[str, Any]) -> None:
        """Keep the result of a run; from then on running its job again returns it at once."""
        write_json(self.run_folder(run) / "result.json", result)

    def extend(self, job: TrainJob) -> TrainJob:
        """Let a training run go on for more steps: the same job with a larger ``train.steps`` and nothing else changed.

        Raises InputError for any other change, which needs a fork, and BusyError while the run is being worked on.
        """
        old = self.job(job.run)
        if not isinstance(old, TrainJob):
            raise InputError(f"{job.run} is not a training run")
        longer = msgspec.structs.replace(old.settings.train, steps=job.settings.train.steps)
        if job != msgspec.structs.replace(old, settings=msgspec.structs.replace(old.settings, train=longer)):
            raise InputError(
                "a run can be given more train.steps and nothing else; `train --fork RUN` starts a new one from it"
            )
        if job.settings.train.steps < old.settings.train.steps:
            raise InputError(f"{job.run} is set to {old.settings.train.steps} steps already; train.steps can only grow")
        self.catalogue.acquire(job.run)
        (self.run_folder(job.run) / "result.json").unlink(missing_ok=True)
        write_json(self.run_folder(job.run) / "job.json", job)
        self.catalogue.end_run(job.run, "cancelled", "to be trained longer")
        return job
