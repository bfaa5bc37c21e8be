"""Jobs of `bench studio`. Torch-free, as the window's process is."""

from engine.jobs import FitJob, TrainJob
from engine.methods import preset
from engine.settings import override

MODELS = ("chair", "airplane")  # those that come with the program
_SMALL = ["samples.held_out=4000", "fit.accept=0", "fit.accept_part=0", "fit.steps=60", "fit.code_steps=20"]
_SETTINGS = override(preset("basis", "tiny"), _SMALL)

SHORT_FIT = FitJob(run="fit-basis", settings=_SETTINGS, device="cpu")


def training_job() -> TrainJob:
    """A training on the short fit that does not end by itself."""
    return TrainJob(settings=override(_SETTINGS, ["train.steps=1000000"]), fit=SHORT_FIT.run, device="cpu")


def fitting_job() -> FitJob:
    """A fit that does not end by itself."""
    return FitJob(settings=override(_SETTINGS, ["fit.steps=1000000"]), device="cpu")
