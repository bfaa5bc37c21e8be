"""The upsampler: new points for clouds, in Point-E's way (Nichol et al. 2022). The given points are kept and are tokens of
an input layer of their own; only new ones are diffused, by the blocks of the base.

Where Point-E diffuses places, this diffuses steps: each new point starts midway between neighbours (see
`engine.clouds.upsampling.midpoints`) and what is noise at first is how far it goes from there, in units of the spacing
around it. So clouds of any size and density are alike to it, and without a word of the network there are midpoints.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from engine.clouds.upsampling import NEIGHBOURS, RATIO, around, between, continued, nearest
from engine.device import narrow
from engine.diffusion.schedule import target_of
from engine.errors import InputError
from engine.methods.tiny3d.denoiser import AXES, PointDenoiser
from engine.methods.tiny3d.network import EXTRA, FEATURES, PointTransformer, modulated, step_features
from engine.methods.tiny3d.settings import PointDenoiserSettings

SPREAD = 0.3  # deviation of the steps from midpoints to the surface, in units of the spacing
SPACING = 0.05  # cube units, a usual one
ROUGHEST = 0.3  # deviation of the noise on given points in training, at most, in units of their spacing
DENSER = 8  # points of a training cloud for each given one, so that the nearest is near
SEEN = AXES * NEIGHBOURS + AXES + 1  # numbers of what is around a point: neighbours, place, spacing


@dataclass(frozen=True)
class Surroundings:
    """What new points start from: given points (B, N, 3) as tokens, and for each new one where it starts.

    start : (B, K, 3); spacing : (B, K); given, new : (B, N | K, SEEN); level : (B,) noise on the given points, in units of
    their spacing
    """

    start: Tensor
    spacing: Tensor
    given: Tensor
    new: Tensor
    level: Tensor

    def places(self, x: Tensor) -> Tensor:
        """Steps (B, 3 K) as the network has them -> places (B, K, 3)."""
        return self.start + x.unflatten(1, (-1, AXES)) * (SPREAD * self.spacing[:, :, None])

    def steps(self, places: Tensor) -> Tensor:
        """The way back: (B, K, 3) -> (B, 3 K)."""
        return ((places - self.start) / (SPREAD * self.spacing[:, :, None])).flatten(1)

    def rows(self, index: Tensor) -> "Surroundings":
        """Those of some clouds."""
        return Surroundings(*(getattr(self, field.name)[index] for field in fields(self)))


class DetailTransformer(nn.Module):
    """`PointTransformer` with input layers for given and for new points; only the new ones come out."""

    def __init__(self, settings: PointDenoiserSettings, text: int) -> None:
        super().__init__()
        width = settings.width
        self.core = PointTransformer(settings, text)
        self.given, self.around = _layers(SEEN, width), _layers(SEEN, width)
        self.level = nn.Linear(FEATURES, width)

    def forward(self, x: Tensor, t: Tensor, text: Tensor, near: Surroundings) -> Tensor:
        """Noised steps (B, K, 3), noise steps (B,), captions (B, text) -> (B, K, 3)."""
        core = self.core
        step = core.step(step_features(core.scale * t, FEATURES)) + self.level(
            step_features(1000 * near.level, FEATURES)
        )
        caption = core.caption(text)
        new = core.enter(x) + self.around(near.new)
        h = torch.cat([step[:, None], caption[:, None], self.given(near.given), new], 1)
        told = nn.functional.silu(step + caption)
        for block in core.blocks:
            h = block(h, told)
        shift, scale = core.modulation(told).chunk(2, 1)
        out: Tensor = core.leave(modulated(core.norm(h[:, EXTRA + near.given.shape[1] :]), shift, scale))
        return out


def _layers(numbers: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(numbers, width), nn.GELU("tanh"), nn.Linear(width, width))


class Upsampler(PointDenoiser):
    """Puts new points between those of clouds. It learns from training clouds of ``DENSER`` N points alone."""

    def __init__(self, settings: PointDenoiserSettings, reader: nn.Module, dim: int) -> None:
        super().__init__(settings, reader, dim)
        del self.network
        self.details = DetailTransformer(settings, dim)

    def surroundings(self, given: Tensor, start: Tensor, level: Tensor) -> Surroundings:
        """What there is around given points (B, N, 3) and the starts of new ones (B, K, 3); level : (B,)."""
        steps, spacing = around(start, given)
        beside, apart = around(given, given, own=True)

        def told(at: Tensor, steps: Tensor, spacing: Tensor) -> Tensor:
            place, width = (at - self.mean) / self.scale, (spacing / SPACING).log()
            return torch.cat([steps.flatten(2), place, width[:, :, None]], 2)

        return Surroundings(start, spacing, told(given, beside, apart), told(start, steps, spacing), level)

    def between(self, x: Tensor, t: Tensor, text: Tensor, near: Surroundings) -> Tensor:
        """What the settings predict for noised steps x (B, 3 K) -> (B, 3 K)."""
        with narrow(x.device):
            out: Tensor = self.details(x.unflatten(1, (-1, AXES)), t, text, near)
        return out.float().flatten(1)

    def loss(
        self, rows: Tensor, captions: Tensor, generator: torch.Generator, drop: float, facts: Tensor | None = None
    ) -> Tensor:
        """Weighted squared error of the steps to points that would make clouds (B, 3 P) even; P / DENSER are given."""
        count, settings = len(rows), self.settings
        given, level, start, end = (
            one.to(self.device) for one in lesson(rows.cpu().unflatten(1, (-1, AXES)), generator)
        )
        near = self.surroundings(given, start, level)
        x0 = near.steps(end)
        t = torch.randint(settings.timesteps, (count,), generator=generator).to(self.device)
        eps = torch.randn(x0.shape, generator=generator).to(self.device)
        kept = (torch.rand(count, generator=generator) >= drop).to(self.device)
        text, misread = self.taught(captions, kept, facts)
        signal, noise = self.schedule.coefficients(t, x0)
        output = self.between(signal * x0 + noise * eps, t, text, near)
        error = (output - target_of(settings.predict, x0, eps, signal, noise)).square().mean(1)
        return (self.weight[t] * error).mean() + misread


def lesson(clouds: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Given points (B, N, 3), their noise (B,) in units of spacing, and new points: start and end, (B, 3 N, 3).

    clouds : (B, DENSER N, 3), in any order. What is given is a true subset, from as even as can be to as it comes, and
    rough to a degree (conditioning augmentation, Ho et al. 2021), so that it is like what the base draws. New points go to
    the nearest point of the cloud. Raises InputError where too few are left to be given.
    """
    few = clouds.shape[1] // DENSER
    if few <= NEIGHBOURS:
        raise InputError(
            f"clouds of {clouds.shape[1]} points are too sparse to learn details from; fit with fit.points=1024"
        )
    some = max(few, round(few * DENSER ** float(torch.rand(1, generator=generator))))
    first, others = clouds[:, :1], clouds[:, 1:some]
    every = torch.arange(len(clouds))[:, None]
    given = torch.cat([first, others[every, continued(first, others, few - 1)]], 1)
    level = ROUGHEST * torch.rand(len(clouds), generator=generator)
    _, spacing = around(given, given, own=True)
    rough = given + torch.randn(given.shape, generator=generator) * (level[:, None] * spacing)[:, :, None]
    start = between(rough, (RATIO - 1) * few, generator)
    return rough, level, start, clouds[every, nearest(start, clouds)]
