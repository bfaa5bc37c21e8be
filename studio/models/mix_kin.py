"""Which shapes parts can be exchanged with: those whose latents mean the same, as they come from the same fit or model."""

import msgspec

from engine.errors import StudioError
from engine.jobs import FitJob, GenerateJob, HealJob, InterpolateJob, MixJob, RerollJob, SplitJob, TrainJob
from engine.project import Project
from engine.shipped import is_shipped

MODEL = "model.json"  # of a run that found parts


class Kin:
    """Where the shapes of each run come from in the end, read from the jobs and remembered: they never change."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, str] = {}

    def root(self, run: str) -> str:
        """The fit (or the model from elsewhere) that gives the shapes of a run their meaning; the run itself if unknown.

        Versions of a model that comes with the program count as one here: the engine tells them apart.
        """
        run = run.partition("@")[0] if is_shipped(run) else run
        if run not in self._known:
            self._known[run] = run  # so that a circle of jobs, which only a broken project has, ends
            self._known[run] = self._look(run)
        return self._known[run]

    def _look(self, run: str) -> str:
        try:
            job = self._project.job(run)
        except (StudioError, OSError):  # a run that was imported, or whose folder is gone
            return run
        match job:
            case FitJob(model=model):
                return self.root(model) if model else run
            case TrainJob(fit=fit):
                return self.root(fit)
            case GenerateJob(model=model):
                return self.root(model)
            case MixJob(base=shape) | HealJob(shape=shape) | RerollJob(shape=shape):
                return self.root(shape.partition("/")[0])
            case InterpolateJob(shapes=shapes):
                return self.root(shapes[0].partition("/")[0])
            case SplitJob():
                return self.root(self._model_of(run)) if self._model_of(run) else run
        return run

    def _model_of(self, run: str) -> str:
        """The model that knew the parts which a run found in clouds; "" where that is not known."""
        try:
            told = msgspec.json.decode((self._project.run_folder(run) / MODEL).read_bytes(), type=_Told)
        except (OSError, msgspec.DecodeError):
            return ""
        return told.model


class _Told(msgspec.Struct):
    """What the run says of it."""

    model: str = ""
