"""A project: a folder with items, runs and a catalogue. The one place that knows its paths. Torch-free."""

import time
from pathlib import Path
from typing import Self

import msgspec

from engine.catalogue import Catalogue
from engine.errors import InputError
from engine.jobs import FitJob, Job, TrainJob, kind_of
from engine.methods import name_of
from engine.storage import write_json

VERSION = 1


class ProjectFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contents of project.json."""

    version: int = VERSION
    created: float = 0.0


class Project:
    """An open project. Safe to open in several processes at once."""

    def __init__(self, folder: Path | str) -> None:
        """Open an existing project. Raises InputError when ``folder`` is none."""
        self.folder = Path(folder).resolve()
        marker = self.folder / "project.json"
        if not marker.is_file():
            raise InputError(f"{folder} is not a project (it has no project.json); make one with `new {folder}`")
        found = msgspec.json.decode(marker.read_bytes(), type=ProjectFile)
        if found.version > VERSION:
            raise InputError(f"{folder} was made by a newer version (format {found.version}); update Shape Studio to open it")
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

    def samples_path(self, item: str, key: str) -> Path:
        """Cached labelled points of an item; ``key`` is a hash of everything they depend on."""
        return self.folder / "cache" / "samples" / item / f"{key}.safetensors"

    def run_folder(self, run: str) -> Path:
        """Folder of a run: job.json, events.jsonl, result.json, checkpoints and what the job makes."""
        return self.folder / "runs" / run

    def job(self, run: str) -> Job:
        """The job of a run. Raises InputError for an unknown run."""
        path = self.run_folder(run) / "job.json"
        if not path.is_file():
            raise InputError(f"there is no run {run!r} in this project; `list runs` shows what there is")
        job: Job = msgspec.json.decode(path.read_bytes(), type=Job)
        return job

    def submit(self, job: Job) -> Job:
        """Give the job a run (unless it names one), keep it as job.json, and return it.

        A named run that exists must hold the same job; more training steps are allowed ("train longer").
        """
        method = name_of(job.settings) if isinstance(job, FitJob | TrainJob) else ""
        job = msgspec.structs.replace(job, run=self.catalogue.new_run(kind_of(job), method, job.run))
        path = self.run_folder(job.run) / "job.json"
        if path.exists() and self.job(job.run) != job:
            raise InputError(f"run {job.run} exists with other settings; leave its name out to start a new one")
        write_json(path, job)
        return job

    def replace_job(self, job: Job) -> None:
        """Change the job of a run that is not being worked on (train longer)."""
        write_json(self.run_folder(job.run) / "job.json", job)
