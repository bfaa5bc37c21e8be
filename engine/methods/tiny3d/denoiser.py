"""The denoiser of clouds: network, reader of captions, scale of the coordinates, noise schedule and loss."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from engine.device import narrow
from engine.diffusion.schedule import Schedule, make_schedule, target_of, to_x0
from engine.errors import InputError
from engine.layout import Layout, Slot
from engine.methods.tiny3d.network import network_of
from engine.methods.tiny3d.settings import PointDenoiserSettings
from engine.text.word_encoder import WordNetwork

HALF = 0.475  # cube units, half the longest side of every shape: what the published scale makes 1
AXES = 3
AT_ONCE = 1024  # points whose attention a CPU's cache holds


class PointDenoiser(nn.Module):
    """Predicts clean clouds from noised ones and captions. It learns with the ``reader`` of the captions.

    reader : numbers of captions (B, ...) -> (B, dim) of unit norm. Clouds go in and out as rows (B, C P) of any number of
    points of C ``channels``, see `CloudSettings.width`; ``normalise`` and ``restore`` change between canonical coordinates
    and those of the network. Mean and scale are buffers, so they are saved with the weights. Raises InputError for settings
    that cannot work.
    """

    mean: Tensor
    scale: Tensor  # (), or (C,) where places and colours have one each
    weight: Tensor  # (T,)

    def __init__(self, settings: PointDenoiserSettings, reader: nn.Module, dim: int, channels: int = AXES) -> None:
        super().__init__()
        self.settings, self.reader, self.dim, self.channels = settings, reader, dim, channels
        self.schedule = make_schedule(settings.schedule, settings.timesteps)
        self.schedule.check(settings.predict)
        self.network = network_of(settings, dim, channels)
        self.nothing = nn.Parameter(torch.zeros(dim))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.tensor(HALF) if channels == AXES else torch.full((channels,), HALF))
        self.register_buffer("weight", weights(self.schedule, settings).float(), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean.device

    @torch.no_grad()
    def fit_statistics(self, batches: Iterable[Tensor]) -> None:
        """Set the middle of all points of clouds (B, C P), and their deviation over all axes, that of colours over red, green
        and blue; nothing as published."""
        if not self.settings.spread:
            return
        count, total = 0, torch.zeros(self.channels, dtype=torch.float64)
        kinds = [slice(start, start + AXES) for start in range(0, self.channels, AXES)]  # places, colours
        squares = [0.0] * len(kinds)
        for rows in batches:
            points = rows.double().cpu().view(-1, self.channels)
            count, total = count + len(points), total + points.sum(0)
            for number, kind in enumerate(kinds):
                squares[number] += float(points[:, kind].square().sum())
        if not count:
            raise InputError("there are no clouds to train on")
        mean = total / count
        self.mean.copy_(mean)
        for kind, square in zip(kinds, squares, strict=True):
            variance = (square / count - float(mean[kind].square().sum())) / AXES
            own = self.scale if self.scale.ndim == 0 else self.scale[kind]
            own.copy_(torch.tensor(math.sqrt(max(variance, 1e-6))))

    def normalise(self, rows: Tensor) -> Tensor:
        """Canonical coordinates (B, C P) -> those of the network."""
        return ((rows.unflatten(1, (-1, self.channels)) - self.mean) / self.scale).flatten(1)

    def restore(self, x: Tensor) -> Tensor:
        """Coordinates of the network (B, C P) -> canonical ones."""
        return (x.unflatten(1, (-1, self.channels)) * self.scale + self.mean).flatten(1)

    def read(self, captions: Tensor, kept: Tensor | None = None) -> Tensor:
        """Numbers of captions (B, ...) -> (B, dim) of about unit variance; the learned nothing where ``kept`` (B,) is
        False, and for captions without a word."""
        return self._told(self.reader(captions), captions, kept)

    def taught(self, captions: Tensor, kept: Tensor, facts: Tensor | None) -> tuple[Tensor, Tensor]:
        """As `read`, and how badly the reader tells the facts of the shapes, see `WordNetwork.misread`: a scalar, 0 where it
        learns none."""
        vectors = self.reader(captions)
        text = self._told(vectors, captions, kept)
        if facts is None or not isinstance(self.reader, WordNetwork):
            return text, vectors.new_zeros(())
        return text, self.reader.misread(vectors, facts)

    def _told(self, vectors: Tensor, captions: Tensor, kept: Tensor | None) -> Tensor:
        said = captions.flatten(1).ne(0).any(1)
        found = math.sqrt(self.dim) * vectors
        return torch.where((said if kept is None else said & kept)[:, None], found.float(), self.nothing)

    def forward(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """What the settings predict. x (B, C P), t (B,) int64, text (B, dim) of `read` -> (B, C P)."""
        with narrow(x.device):
            out: Tensor = self.network(x.unflatten(1, (-1, self.channels)), t, text)
        return out.float().flatten(1)

    def x0(
        self,
        x: Tensor,
        t: Tensor,
        text: Tensor | None,
        guidance_scale: float = 1.0,
        kind: Tensor | None = None,
        emphasis: float = 1.0,
    ) -> Tensor:
        """Clean guess (B, C P), with classifier-free guidance (Ho and Salimans 2022) in one pass unless the scale is 1.

        text : (B, dim), None for clouds of anything; kind : (B, dim), the same without what it says of its kind. What it
        says is then guided ``emphasis`` times as strongly as its kind, as Brooks et al. 2023 guide by two conditions.
        """
        free = self.nothing.expand(len(x), -1)
        said = guidance_scale if kind is None else guidance_scale * emphasis
        told = [(free, 1.0)] if text is None else [(free, 1 - guidance_scale), (text, said)]
        if text is not None and kind is not None:
            told.append((kind, guidance_scale - said))
        told = [(one, share) for one, share in told if share]
        many, vectors = len(told), torch.cat([one for one, _ in told])
        found = self._answers(x.repeat(many, 1), t.repeat(many), vectors).chunk(many)
        output = torch.stack([share * one for one, (_, share) in zip(found, told, strict=True)]).sum(0)
        return to_x0(self.settings.predict, output, x, *self.schedule.coefficients(t, x))

    def _answers(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """As `forward`; a CPU takes a few clouds at a time, whose attention its cache holds: four guided ones of 1,024 points
        were drawn in 10.9 instead of 15.8 s."""
        rows = max(1, AT_ONCE * self.channels // x.shape[1]) if x.device.type == "cpu" else len(x)
        return torch.cat([self(*piece) for piece in zip(x.split(rows), t.split(rows), text.split(rows), strict=True)])

    def loss(
        self, rows: Tensor, captions: Tensor, generator: torch.Generator, drop: float, facts: Tensor | None = None
    ) -> Tensor:
        """Weighted squared error of the prediction for clouds (B, C P) at random noise steps, and of what is told of facts.

        facts : (B, F) of the shapes, see `WordNetwork.misread`

        All randomness is drawn where the generator lives, so it is the same on every device.
        """
        count, settings = len(rows), self.settings
        t = noisy(settings, count, generator).to(self.device)
        eps = torch.randn(rows.shape, generator=generator).to(self.device)
        rolls = torch.rand(count if settings.drop == "sample" else 1, generator=generator)
        text, misread = self.taught(captions, (rolls >= drop).expand(count).to(self.device), facts)
        x0 = self.normalise(rows.to(self.device))
        signal, noise = self.schedule.coefficients(t, x0)
        output = self(signal * x0 + noise * eps, t, text)
        error = (output - target_of(settings.predict, x0, eps, signal, noise)).square().mean(1)
        return (self.weight[t] * error).mean() + misread


def noisy(settings: PointDenoiserSettings, count: int, generator: torch.Generator) -> Tensor:
    """(B,) noise steps to learn. ``late`` times the odds u / (1 - u) of each share u of the way, as Esser et al. 2024 shift
    the steps of large pictures: many points tell what a shape is through noise that hides each of them."""
    if settings.late == 1:
        return torch.randint(settings.timesteps, (count,), generator=generator)
    u = torch.rand(count, generator=generator)
    u = settings.late * u / (1 + (settings.late - 1) * u)
    return (u * settings.timesteps).long().clamp(max=settings.timesteps - 1)


def weights(schedule: Schedule, settings: PointDenoiserSettings) -> Tensor:
    """(T,) weight of each noise step: min-SNR (Hang et al. 2023) so that an error of x0 counts min(snr, gamma), and where
    v or eps is predicted its error min(snr, gamma) / snr, as the original has it. All 1 where it is off.

    For v that is a weight of min(snr, gamma) (1 + 1 / snr) on x0: the noisiest steps, which decide what becomes of a
    cloud, still count, where Hang's factor for v would fade with the signal.
    """
    snr = (schedule.signal / schedule.noise).square()
    if not settings.min_snr:
        return torch.ones_like(snr)
    share = snr.clamp(max=settings.min_snr)
    return share if settings.predict == "x0" else share / snr.clamp(min=1e-12)


class Prompted:
    """The denoiser of clouds of so many points of one caption, as `engine.diffusion.sample.draw` asks denoisers."""

    def __init__(
        self,
        denoiser: PointDenoiser,
        points: int,
        text: Tensor | None,
        kind: Tensor | None = None,
        emphasis: float = 1.0,
    ) -> None:
        """text : (1, dim) of `PointDenoiser.read`, None for clouds of anything; kind, emphasis : see `PointDenoiser.x0`."""
        self._denoiser, self._text, self._kind, self._emphasis = denoiser, text, kind, emphasis
        self.layout = Layout((Slot("points", (points, denoiser.channels)),))
        self.conditions: Mapping[str, int] = {}
        self.schedule, self.device, self.restore = denoiser.schedule, denoiser.device, denoiser.restore
        self.eval, self.train = denoiser.eval, denoiser.train

    @property
    def training(self) -> bool:
        """Whether the network is being trained."""
        return self._denoiser.training

    def x0(self, x: Tensor, t: Tensor, condition: object, guidance_scale: float) -> Tensor:
        """As `PointDenoiser.x0`; there is no other condition than the caption."""
        text, kind = (None if one is None else one.expand(len(x), -1) for one in (self._text, self._kind))
        return self._denoiser.x0(x, t, text, guidance_scale, kind, self._emphasis)
