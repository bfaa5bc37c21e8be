"""The project that the pictures show: shapes of both models that come with the program, and a little of everything else."""

from pathlib import Path

import msgspec

from engine.jobs import EvaluateJob, FitJob, GenerateJob, HealJob, MixJob, SamplesJob, TrainJob
from engine.methods import preset
from engine.project import Project
from engine.settings import PROTOCOLS, override
from tests.hearing import finished

SETTINGS = ("fit.steps=300", "train.steps=400", "train.watch_every=100")
MEASURED = {"points": 512, "emd_points": 128, "grid": 48}
PLANES = tuple(f"generate-0002/{i:04d}" for i in range(6))
HEALED = "heal-0001/0000"
CHAIRS = tuple(f"generate-0003/{i:04d}" for i in range(8))


def make_project(folder: Path) -> None:
    """Meshes with their fits, a model that learned a little from them, an evaluation; aeroplanes, chairs, a healed mix."""
    with Project.create(folder) as project:
        finished(SamplesJob(category="chair", count=24, seed=1), project)
        settings = override(preset("basis", "tiny"), SETTINGS)
        fit = finished(FitJob(settings=settings), project)["run"]
        train = finished(TrainJob(settings=settings, fit=fit), project)["run"]
        drawn = finished(GenerateJob(model=train, count=4, seed=3, picture=False, whole=False), project)["run"]
        protocol = msgspec.convert({**msgspec.to_builtins(PROTOCOLS["ours"]), **MEASURED}, type(PROTOCOLS["ours"]))
        finished(EvaluateJob(names=(drawn,), protocol=protocol), project)
        for name, shapes, seed in (("airplane", PLANES, 2), ("chair", CHAIRS, 5)):
            job = GenerateJob(model=f"shipped:{name}", count=len(shapes), seed=seed, picture=False, whole=True)
            assert tuple(finished(job, project)["shapes"]) == shapes
        (mixed,) = finished(MixJob(base=PLANES[0], parts={"wing": PLANES[3], "tail": PLANES[4]}), project)["shapes"]
        assert tuple(finished(HealJob(shape=mixed), project)["shapes"]) == (HEALED,)
