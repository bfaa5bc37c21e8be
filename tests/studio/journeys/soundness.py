"""Whether a project is sound: what its catalogue names is there, every file is whole, nothing is half done."""

import sqlite3
from pathlib import Path

import msgspec

from engine.checkpoint import verify
from engine.errors import StudioError
from engine.events import read_events
from engine.project import Project
from engine.storage import read_tensors
from studio.models.queue import FILE, QueueFile

CHECKED = ("model.safetensors", "representation.safetensors")


def check_project(folder: Path, models: bool = True, closed: bool = True) -> None:
    """Raises AssertionError, or the error of what cannot be read.

    models : whether models are compared with their hashes, which those that tests make up have not
    closed : no window and no engine works on it, so that no run is held and no temporary file is left
    """
    with sqlite3.connect(folder / "catalogue.sqlite", timeout=30) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT id FROM shapes WHERE run NOT IN (SELECT id FROM runs)").fetchall() == []
    for path in folder.rglob("[!.]*.safetensors"):
        read_tensors(path)
        if models and (path.parent.name == "checkpoints" or path.name in CHECKED):
            verify(path)
    for path in folder.rglob("[!.]*.json"):
        msgspec.json.decode(path.read_bytes())
    for path in folder.rglob("events.jsonl"):
        read_events(path)
    with Project(folder) as project:
        project.catalogue.items(), project.catalogue.shapes(), project.catalogue.edits()  # each row can be read
        runs = project.catalogue.runs()
        if (folder / FILE).exists():
            kept = msgspec.json.decode((folder / FILE).read_bytes(), type=QueueFile)
            unknown = {*kept.waiting, *kept.ended} - {run.id for run in runs}
            assert not {run for run in unknown if (folder / "runs" / run).exists()}, "runs that the catalogue forgot"
        for run in runs:
            if (folder / "runs" / run.id).exists() and not run.id.startswith("train-0001"):
                try:
                    project.job(run.id)
                except StudioError as error:
                    raise AssertionError(f"{run.id}, {run.state}: {error}") from error
        if closed:
            held = [run.id for run in runs if run.lease_pid is not None and run.state == "running"]
            assert not held, f"{held} are held by processes that are no more"
            assert not list(folder.rglob(".*.tmp"))
