"""The project that the pictures show: shapes of both models that come with the program, and a little of everything else."""

from pathlib import Path
from typing import Any

import msgspec

import engine
from engine.jobs import EvaluateJob, FitJob, GenerateJob, HealJob, Job, MixJob, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.protocol import Finished
from engine.settings import PROTOCOLS, override

SETTINGS = ("fit.steps=300", "train.steps=400", "train.watch_every=100")
MEASURED = {"points": 512, "emd_points": 128, "grid": 48}
PLANES = tuple(f"generate-0002/{i:04d}" for i in range(6))
HEALED = "heal-0001/0000"
CHAIRS = tuple(f"generate-0003/{i:04d}" for i in range(8))


def make_project(folder: Path) -> None:
    """Meshes with their fits, a model that learned a little from them, an evaluation; aeroplanes, chairs, a healed mix."""
    with Project.create(folder) as project:
        run(project, SamplesJob(category="chair", count=24, seed=1))
        settings = override(preset("basis", "tiny"), SETTINGS)
        fit = run(project, FitJob(settings=settings))["run"]
        train = run(project, TrainJob(settings=settings, fit=fit))["run"]
        drawn = run(project, GenerateJob(model=train, count=4, seed=3, picture=False, whole=False))["run"]
        protocol = msgspec.convert({**msgspec.to_builtins(PROTOCOLS["ours"]), **MEASURED}, type(PROTOCOLS["ours"]))
        run(project, EvaluateJob(names=(drawn,), protocol=protocol))
        for name, shapes, seed in (("airplane", PLANES, 2), ("chair", CHAIRS, 5)):
            job = GenerateJob(model=f"shipped:{name}", count=len(shapes), seed=seed, picture=False, whole=True)
            assert tuple(run(project, job)["shapes"]) == shapes
        (mixed,) = run(project, MixJob(base=PLANES[0], parts={"wing": PLANES[3], "tail": PLANES[4]}))["shapes"]
        assert tuple(run(project, HealJob(shape=mixed))["shapes"]) == (HEALED,)


def run(project: Project, job: Job) -> dict[str, Any]:
    """Do a job at once; returns its result."""
    *_, last = engine.run(project.submit(job), project)
    assert isinstance(last, Finished)
    return last.result
