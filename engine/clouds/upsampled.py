"""The last step of drawing clouds with more points than their model draws: new ones between those that are there."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.clouds.pool import AXES
from engine.clouds.representation import CloudRepresentation
from engine.clouds.upsampling import RATIO, filling
from engine.errors import InputError
from engine.geometry.from_cloud import colours_at
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
    clouds: Shapes,
    points: int,
    seed: int,
    refiner: Model | None = None,
    width: int = AXES,
    prompt: str = "",
    folder: str = "",
) -> Stage[Shapes]:
    """Clouds with new points between theirs up to ``points``, which come after the old ones; those with enough stay.

    New points have the colours of the old ones around them.

    refiner : the upsampler that draws the new points, told the prompt; None: they lie midway between neighbours
    width : numbers of a point, see `CloudRepresentation`
    folder : where weights of its encoder of prompts are, when not where its training found them
    """
    rows = clouds.latent.unflatten(1, (-1, width))
    if rows.shape[1] >= points:
        return clouds
    known = rows[:, :, :AXES]
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
    every = torch.cat(found)
    if width > AXES:
        every = torch.cat([every, _shades(every, rows)], 2)
    return replace(clouds, latent=every.flatten(1))


def _shades(places: Tensor, rows: Tensor) -> Tensor:
    """(N, K, 3) the colours of old points (N, P, 6) that come first among places (N, K, 3), and of new ones those around."""
    count = rows.shape[1]
    pairs = zip(places[:, count:].cpu().numpy(), rows.cpu().numpy(), strict=True)
    new = [torch.from_numpy(colours_at(new, old[:, :AXES], old[:, AXES:])) for new, old in pairs]
    return torch.cat([rows[:, :, AXES:], torch.stack(new).to(rows)], 1)


def _midway(cloud: Tensor, points: int) -> Stage[Tensor]:
    """(1, points, 3): ``RATIO`` times as many at a time."""
    while cloud.shape[1] < points:
        count = min(points - cloud.shape[1], (RATIO - 1) * cloud.shape[1])
        cloud = torch.cat([cloud, (yield from filling(cloud, count))], 1)
    return cloud
