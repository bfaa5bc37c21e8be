"""The real pipeline in the engine process: however a training is interrupted, it ends as if it had not been."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from safetensors.numpy import load_file

from engine.client import EngineProcess
from engine.jobs import FitJob, Job, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.protocol import TERMINAL, Cancel, Cancelled, Event, Failed, Finished, Note, Progress, Saved, Submit
from engine.settings import override

SMALL = override(
    preset("hyperdiffusion", "tiny"),
    [
        *("samples.uniform=500", "samples.near=500", "samples.held_out=1024", "field.hidden=[8,8]"),
        *("fit.steps=20", "fit.anchor_steps=20", "fit.accept=0", "fit.accept_part=0"),
        *("denoiser.width=16", "denoiser.layers=1", "denoiser.heads=2"),
        *("train.steps=200", "train.save_every=20", "train.batch=4"),
    ],
)


def drive(engine: EngineProcess, job: Job, meddle: Callable[[Event], None] = lambda _: None) -> list[Event]:
    """Run a job to its last event; ``meddle`` sees each event as it comes."""
    engine.send(Submit(job=job))
    events = []
    for event in engine.events():
        events.append(event)
        meddle(event)
    assert not isinstance(events[-1], Failed), events[-1]
    return events


def test_a_training_that_was_cancelled_and_killed_equals_the_straight_one(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project, EngineProcess(project.folder) as engine:
        drive(engine, project.submit(SamplesJob(category="chair", count=6)))
        fit = project.submit(FitJob(settings=SMALL))
        drive(engine, fit)
        straight = project.submit(TrainJob(settings=SMALL, fit=fit.run))
        assert isinstance(drive(engine, straight)[-1], Finished)

        broken = project.submit(TrainJob(settings=SMALL, fit=fit.run))

        def cancel(event: Event) -> None:
            if isinstance(event, Progress) and event.stage == "train" and event.done > 30:
                engine.send(Cancel())

        assert drive(engine, broken, cancel)[-1] == Cancelled()
        assert project.catalogue.run(broken.run).state == "cancelled"

        first = engine.pid

        def kill(event: Event) -> None:
            if isinstance(event, Saved) and event.kind == "checkpoint" and engine.pid == first:
                os.kill(first or 0, signal.SIGKILL)

        events = drive(engine, broken, kill)
        assert engine.pid != first and any(isinstance(event, Note) and event.warning for event in events)
        assert isinstance(events[-1], Finished)

        one, other = (load_file(project.run_folder(job.run) / "model.safetensors") for job in (straight, broken))
        assert one.keys() == other.keys() and len(one) > 10
        assert all(one[name].tobytes() == other[name].tobytes() for name in one), "bit for bit"
        assert {run.state for run in project.catalogue.runs()} == {"finished"}
        again = drive(engine, broken)  # a finished job returns at once
        assert again == [events[-1]] and [event for event in events if isinstance(event, TERMINAL)] == events[-1:]


def test_closing_on_an_engine_that_has_just_died_leaves_its_run_stopped(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        job = project.submit(SamplesJob(category="chair", count=500))
        with EngineProcess(project.folder) as engine:
            engine.send(Submit(job=job))
            assert any(isinstance(event, Progress) for event in engine.events())
            os.kill(engine.pid or 0, signal.SIGKILL)
        row = project.catalogue.run(job.run)
        assert (row.state, row.lease_pid) == ("cancelled", None) and job.run in project.catalogue.waiting()
