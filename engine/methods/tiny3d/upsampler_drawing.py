"""New points for clouds, drawn by the upsampler."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from engine.clouds.upsampling import RATIO, continued, filling
from engine.diffusion.denoiser import Condition, Denoiser
from engine.diffusion.sample import draw
from engine.diffusion.schedule import to_x0
from engine.layout import Layout, Slot
from engine.methods.tiny3d.denoiser import AXES
from engine.methods.tiny3d.upsampler import Upsampler
from engine.protocol import Stage
from engine.settings import SamplerSettings

DRAWN = 0.2  # how rough clouds are that a model drew, as a share of their spacing
MORE = 1.5  # times as many are drawn as are kept, the farthest from one another
TOGETHER = 1024  # new points at a time; each goes its own way


def upsampled(
    denoiser: Upsampler,
    given: Tensor,
    points: int,
    settings: SamplerSettings,
    seed: int,
    text: Tensor | None = None,
    level: float = DRAWN,
) -> Stage[Tensor]:
    """Clouds (N, P, 3) with new points up to ``points``, (N, points, 3); the given ones stay, and stay first.

    text : (1 | N, dim) of `PointDenoiser.read`, None for clouds of anything
    level : noise that the given points are taken to have, as a share of their spacing; 0: they lie on the surface
    """
    known, told = given, (denoiser.nothing[None] if text is None else text).expand(len(given), -1)
    while known.shape[1] < points:
        count = min(points - known.shape[1], (RATIO - 1) * known.shape[1])
        pieces = -(-round(MORE * count) // TOGETHER)
        start = yield from filling(known, pieces * -(-round(MORE * count) // pieces))
        start = start.unflatten(1, (-1, pieces)).transpose(1, 2).flatten(0, 1)  # (N pieces, at most TOGETHER, 3)
        asked = _Between(denoiser, known.to(denoiser.device), start.to(denoiser.device), told, level)
        numbers = torch.arange(asked.conditions["piece"])
        steps = yield from draw(cast(Denoiser, asked), len(numbers), settings, seed, {"piece": numbers})
        new = asked.near.places(steps.to(denoiser.device)).cpu()
        new = new.unflatten(0, (len(given), -1)).flatten(1, 2)  # (N, at least MORE count, 3)
        known = torch.cat([known, new[torch.arange(len(new))[:, None], continued(known, new, count)]], 1)
    return known


class _Between:
    """The upsampler of pieces of clouds, as `engine.diffusion.sample.draw` asks denoisers; each is a class of its own.

    A piece has all given points of a cloud, and of the new ones every so many.
    """

    def __init__(self, denoiser: Upsampler, given: Tensor, start: Tensor, text: Tensor, level: float) -> None:
        """given : (N, P, 3); start : (N pieces, K, 3), cloud by cloud; text : (N, dim)."""
        pieces = len(start) // len(given)
        self._denoiser, self._text = denoiser, text.repeat_interleave(pieces, 0)
        levels = torch.full((len(start),), level, device=given.device)
        self.near = denoiser.surroundings(given.repeat_interleave(pieces, 0), start, levels)
        self.layout = Layout((Slot("points", (start.shape[1], AXES)),))
        self.conditions: Mapping[str, int] = {"piece": len(start)}
        self.schedule, self.device = denoiser.schedule, denoiser.device
        self.eval, self.train = denoiser.eval, denoiser.train

    @property
    def training(self) -> bool:
        """Whether the network is being trained."""
        return self._denoiser.training

    def restore(self, x: Tensor) -> Tensor:
        """Steps stay as they are: whose they are is not known here."""
        return x

    def x0(self, x: Tensor, t: Tensor, condition: Condition, guidance_scale: float) -> Tensor:
        """Clean guess (B, 3 K) of the steps; guidance is off, as in Point-E."""
        denoiser, piece = self._denoiser, condition["piece"]
        signal, noise = denoiser.schedule.coefficients(t, x)
        out = denoiser.between(x, t, self._text[piece], self.near.rows(piece))
        return to_x0(denoiser.settings.predict, out, x, signal, noise)
