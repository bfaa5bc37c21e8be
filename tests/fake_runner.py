"""Stands in for engine.pipeline in tests of the engine process: jobs that count, crash, hang and lie, without torch.

The job is a SamplesJob: ``category`` says what happens, ``count`` is the number of steps. Like the pipeline it takes the
lease of the run, goes on from what it has saved, and marks the end of the run.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError
from engine.jobs import Job, SamplesJob
from engine.mailbox import Preview
from engine.project import Project
from engine.protocol import Event, Finished, Note, Progress
from engine.storage import write_json

STEP_S = 0.01


def run(job: Job, project: Project) -> Generator[Event | Preview, None, None]:
    """The contract of ``pipeline.run``: lease, events, the last is Finished, state saved when closed."""
    assert isinstance(job, SamplesJob)
    project.catalogue.acquire(job.run)
    folder = project.run_folder(job.run)
    saved = folder / "saved.json"
    done = int(saved.read_text()) if saved.exists() else 0
    started_at = done
    try:
        while done < job.count:
            _act(job.category, done, folder)
            time.sleep(STEP_S)
            done += 1
            write_json(saved, done)
            yield Progress(stage="count", done=done, total=job.count)
            if job.category == "preview":
                yield Preview("step", {"x": np.full(1000, done)})
            if job.category == "large":
                yield Preview("picture", {"x": np.full(100_000, done, np.uint8)})
            if job.category == "unsendable":
                yield Note(text=object())  # type: ignore[arg-type]
    except GeneratorExit:
        write_json(saved, done)
        project.catalogue.end_run(job.run, "cancelled")
        raise
    except InputError as error:
        project.catalogue.end_run(job.run, "failed", str(error))
        raise
    if job.category == "no-result":
        return
    project.catalogue.end_run(job.run, "finished")
    result: dict[str, Any] = {"from": started_at, "to": done}
    yield Finished(result={"x": object()} if job.category == "bad-result" else result)


def _act(category: str, done: int, folder: Path) -> None:
    """What goes wrong at this step."""
    if done == 3 and category == "refuse":
        raise InputError("the cheese is too old; buy another one")
    if done == 3 and category == "fault":
        raise ZeroDivisionError("a slip of ours")
    if done == 3 and category == "memory":
        raise MemoryError
    if done == 3 and category == "torch-memory":
        import torch

        torch.empty(1 << 60, dtype=torch.uint8)
    if done == 3 and category == "exit":
        sys.exit(3)
    if category == "crash-once" and done == 3 and not (folder / "crashed").exists():
        (folder / "crashed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if category == "crash" and done == 3:
        print("the last words", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)  # faulthandler writes where
    if category == "native" and done == 3:
        (folder / "inside").touch()
        ctypes.CDLL(None).sleep(60)
    if category == "locked" and done == 3:  # a native call that keeps Python's lock
        (folder / "inside").touch()
        ctypes.PyDLL(None).sleep(60)
