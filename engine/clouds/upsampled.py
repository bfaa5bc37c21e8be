"""The last step of drawing clouds with more points than their model draws: new ones between those that are there."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampling import RATIO, filling
from engine.errors import InputError
from engine.method import Shapes, Workspace
from engine.methods.tiny3d.reading import read_prompt
from engine.methods.tiny3d.upsampler import Upsampler
from engine.methods.tiny3d.upsampler_drawing import upsampled
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.settings import SamplerSettings
from engine.stages import noting
from engine.storage import seed_of

STEPS = SamplerSettings(sampler="ddim", steps=2, spacing="even", batch=1)  # more of them scatter the points


def open_refiner(name: str, project: Project, work: Workspace) -> Stage[Model]:
    """The model, by training run or file. Raises InputError where it does not put points into clouds."""
    model = yield from open_model(name, project, work)
    if not isinstance(model.trainee, Upsampler):
        raise InputError(
            f"{name} draws shapes, it puts no points into clouds; train one that does with "
            "--set denoiser.role=details, or leave --refine out"
        )
    return model


def with_points(
    clouds: Shapes, points: int, seed: int, refiner: Model | None = None, prompt: str = "", folder: str = ""
) -> Stage[Shapes]:
    """Clouds with new points between theirs up to ``points``, which come after the old ones; those with enough stay.

    refiner : the upsampler that draws the new points, told the prompt; None: they lie midway between neighbours
    folder : where weights of its encoder of prompts are, when not where its training found them
    """
    known = clouds.latent.unflatten(1, (-1, 3))
    if known.shape[1] >= points:
        return clouds
    text: Tensor | None = None
    if refiner:
        assert isinstance(refiner.trainee, Upsampler)
        assert isinstance(refiner.representation, CloudRepresentation)
        reading = read_prompt(prompt, refiner.trainee, refiner.representation, folder)
        text = yield from noting(reading, [])  # which say again what was said before
    found = []
    for number, cloud in enumerate(known.split(1)):
        yield Progress(stage="clouds", done=number, total=len(known))
        if refiner is None:
            found.append((yield from _midway(cloud, points)))
        else:
            assert isinstance(refiner.trainee, Upsampler)
            own = seed_of(seed, "points", number)
            found.append((yield from upsampled(refiner.trainee, cloud, points, STEPS, own, text)))
    yield Progress(stage="clouds", done=len(known), total=len(known))
    return replace(clouds, latent=torch.cat(found).flatten(1))


def _midway(cloud: Tensor, points: int) -> Stage[Tensor]:
    """(1, points, 3): ``RATIO`` times as many at a time."""
    while cloud.shape[1] < points:
        count = min(points - cloud.shape[1], (RATIO - 1) * cloud.shape[1])
        cloud = torch.cat([cloud, (yield from filling(cloud, count))], 1)
    return cloud
