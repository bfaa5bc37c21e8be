"""Projects with a model that draws clouds from words, which has learned next to nothing."""

from engine import methods
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.project import Project
from engine.settings import override
from tests.hearing import finished


def keep_cloud_model(project: Project, *changes: str, category: str = "chair", count: int = 2) -> str:
    """The run of a model of `tiny3d` that was trained for a few steps on procedural shapes."""
    settings = override(methods.preset("tiny3d", "smoke"), ["train.steps=2", *changes])
    finished(SamplesJob(category=category, count=count), project)
    fitted = finished(FitJob(settings=settings), project)
    return str(finished(TrainJob(settings=settings, fit=fitted["run"]), project)["run"])
