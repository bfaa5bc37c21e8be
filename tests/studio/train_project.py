"""A project with items, fits and trainings as their files and rows have them, and a queue that only writes jobs down."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.jobs import FitJob, Job, TrainJob
from engine.methods import MethodSettings, preset
from engine.project import Project
from engine.rows import ItemRow, ShapeRow
from studio.models.opened import OpenProject
from studio.models.troubles import Trouble, Troubles
from tests.studio.conftest import write_model

TINY = preset("basis", "tiny")


def item(number: int, **changes: object) -> ItemRow:
    """A chair that is closed and has named parts, for training."""
    row = ItemRow(
        id=f"chair-0-{number:05d}",
        kind="procedural",
        category="chair",
        path=f"chair{number}.obj",
        hash=str(number),
        verdict="watertight",
        reason="",
        split="train",
        name=f"chair {number}",
        parts=("seat", "leg"),
        added=100.0 + 2 * number,
    )
    return replace(row, **changes)


def add_fit(project: Project, verdicts: dict[str, str], seconds: float = 60, settings: MethodSettings = TINY) -> str:
    """A finished fit; verdicts : item -> why it was set aside, "" for one that was accepted."""
    run = project.submit(FitJob(settings=settings)).run
    project.catalogue.acquire(run)
    rows = [
        ShapeRow(
            id=f"{run}/{name}",
            run=run,
            row=i,
            kind="fitted",
            item=name,
            quality=0.5 if why else 0.9 + i / 1000,
            verdict="quarantined" if why else "accepted",
            reason=why,
        )
        for i, (name, why) in enumerate(verdicts.items())
    ]
    project.catalogue.add_shapes(rows)
    project.catalogue.end_run(run, "finished")
    ended = project.catalogue.run(run).ended or 0.0
    folder = project.run_folder(run)
    line = {"at": ended - seconds, "event": {"type": "note", "text": "fitting 3 items on the CPU", "warning": False}}
    (folder / "events.jsonl").write_bytes(msgspec.json.encode(line) + b"\n")
    (folder / "items.json").write_bytes(msgspec.json.encode({"items": [*verdicts], "vocabulary": ["seat", "leg"]}))
    project.finish(run, {"run": run})
    return run


def add_training(project: Project, fit: str, seconds: float = 20) -> str:
    """A finished training with its model and a checkpoint; each of its steps took ``seconds`` / steps."""
    job = project.submit(TrainJob(settings=TINY, fit=fit))
    folder = project.run_folder(job.run)
    project.catalogue.acquire(job.run)
    project.catalogue.end_run(job.run, "finished")
    write_model(folder / "model.safetensors")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step-000004000.safetensors").touch()
    project.finish(job.run, {"run": job.run, "steps": TINY.train.steps, "seconds": seconds})
    return job.run


class Written:
    """An open project whose jobs are written down and not run."""

    def __init__(self, folder: Path) -> None:
        self.troubles = Troubles()
        self.told: list[Trouble] = []
        self.troubles.told.connect(self.told.append)
        self.opened = OpenProject(folder, self.troubles)
        self.jobs: list[Job] = []
        self.opened.queue.submit = self._submit  # type: ignore[method-assign]

    def _submit(self, job: Job, first: bool = False) -> str:
        self.jobs.append(self.opened.project.submit(job))
        return self.jobs[-1].run

    def close(self) -> None:
        """Let go of the project; no engine was started."""
        self.opened.session.close()
        self.opened.live.close()
        self.opened.background.close()
        self.opened.project.close()
