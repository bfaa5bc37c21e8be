"""The last step of drawing clouds with more points than their model draws: new ones between those that are there."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampling import CHOICE, RATIO, fewer, midpoints
from engine.errors import InputError
from engine.method import Shapes, Workspace
from engine.methods.tiny3d.reading import read_prompt
from engine.methods.tiny3d.upsampler import Upsampler
from engine.methods.tiny3d.upsampler_drawing import upsampled
from engine.opened import Model, open_model
from engine.project import Project
from engine.protocol import Progress, Stage
from engine.settings import SamplerSettings

STEPS = SamplerSettings(
    sampler="ddim", steps=2, spacing="even", batch=1
)  # more make it no better, see `bench upsampler`


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
    clouds: Shapes, points: int, seed: int, refiner: Model | None = None, prompt: str = ""
) -> Stage[Shapes]:
    """Clouds with new points between theirs up to ``points``, which come after the old ones; those with enough stay.

    refiner : the upsampler that draws the new points, told the prompt; None: they lie midway between neighbours
    """
    known = clouds.latent.unflatten(1, (-1, 3))
    if known.shape[1] >= points:
        return clouds
    if refiner is None:
        known = yield from _midway(known, points)
    else:
        upsampler, representation = refiner.trainee, refiner.representation
        assert isinstance(upsampler, Upsampler)
        assert isinstance(representation, CloudRepresentation)
        text: Tensor | None = None
        if representation.settings.text.encoder == "words":
            text = yield from _quietly(read_prompt(prompt, upsampler, representation))
        known = yield from upsampled(upsampler, known, points, STEPS, seed, text)
    return replace(clouds, latent=known.flatten(1))


def _midway(known: Tensor, points: int) -> Stage[Tensor]:
    """As `filled` has it, cloud by cloud and ``RATIO`` times as many at a time, in steps that are heard of."""
    found = []
    for number, cloud in enumerate(known.split(1)):
        while cloud.shape[1] < points:
            count = min(points - cloud.shape[1], (RATIO - 1) * cloud.shape[1])
            beat = Progress(stage="points", done=number, total=len(known))
            yield beat
            some = midpoints(cloud, count)
            yield beat
            more = midpoints(torch.cat([cloud, some], 1), (CHOICE - 1) * count)
            yield beat
            cloud = torch.cat([cloud, fewer(torch.cat([some, more], 1), cloud, count)], 1)
        found.append(cloud)
    yield Progress(stage="points", done=len(known), total=len(known))
    return torch.cat(found)


def _quietly(stage: Stage[Tensor | None]) -> Stage[Tensor | None]:
    """The result of a stage that says again what was said before."""
    yield from ()
    while True:
        try:
            next(stage)
        except StopIteration as end:
            found: Tensor | None = end.value
            return found
