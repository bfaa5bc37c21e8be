"""The denoiser of latent rows: network, statistics of the latents and noise schedule. It knows layouts, not fields."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from engine.conditions import CATEGORY
from engine.diffusion.schedule import make_schedule, target_of, to_x0
from engine.diffusion.tokens import TokenProjections, cut
from engine.diffusion.transformer import Transformer, start_small
from engine.errors import InputError
from engine.layout import Layout
from engine.method import Batch
from engine.settings import DenoiserSettings

Condition = Mapping[str, Tensor]
NONE = -1  # class id of "not said": the learned null

TIME_BANDS = 128  # 257 features of the noise step: sine and cosine of each band, and the step itself


class TimeFeatures(nn.Module):
    """Noise step (B,) int64 -> (B, 257) float32."""

    frequencies: Tensor

    def __init__(self, settings: DenoiserSettings) -> None:
        super().__init__()
        if settings.time == "published":  # acts as a hash of t: the top bands are beyond float32's phase precision
            frequencies = 2 ** torch.linspace(0, 20, TIME_BANDS)
        else:  # Vaswani et al. 2017, on a scale of 0 to 1000 whatever T
            frequencies = 10_000 ** -(torch.arange(TIME_BANDS) / TIME_BANDS) * 1000 / settings.timesteps
        self.register_buffer("frequencies", frequencies)
        self.scale = 1.0 if settings.time == "published" else 1 / settings.timesteps

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, 257)."""
        phase = t[:, None].float() * self.frequencies
        return torch.cat([phase.sin(), phase.cos(), t[:, None].float() * self.scale], 1)


class Denoiser(nn.Module):
    """Predicts clean latents from noised ones. ``conditions``: name -> number of classes, all of them together one token.

    The token is the sum of one learned row per condition: that of the class asked for, or of "not said". So the cost does
    not grow with the number of conditions, and any of them can be asked for alone or together.

    Rows go in and out normalised; ``normalise`` and ``restore`` change between the latents' own units and these. The
    statistics are buffers, so they are saved with the weights. Raises InputError for settings that cannot work.
    """

    mean: Tensor
    std: Tensor
    token_of: Tensor
    first_class: Tensor

    def __init__(self, layout: Layout, settings: DenoiserSettings, conditions: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.layout, self.settings, self.conditions = layout, settings, dict(conditions or {})
        self.schedule = make_schedule(settings.schedule, settings.timesteps)
        self.schedule.check(settings.predict)
        self.tokens = cut(layout, settings)
        width = settings.width
        shared = settings.tokens == "chunk" and settings.projection == "shared"
        self.projections = TokenProjections(self.tokens, width, shared)
        self.time_features = TimeFeatures(settings)
        self.time = nn.Linear(2 * TIME_BANDS + 1, width, bias=False)
        starts = list(
            accumulate((classes + 1 for classes in self.conditions.values()), initial=0)
        )  # of nulls, and the end
        self.classes = nn.Embedding(starts[-1], width) if self.conditions else None
        self.register_buffer("first_class", torch.tensor(starts[:-1], dtype=torch.int64) + 1, persistent=False)
        count = len(self.tokens) + 1 + bool(self.conditions)
        self.transformer = Transformer(count, width, settings.layers, settings.heads, settings.dropout)
        # v and eps hold much of x itself, which the norms inside hide: a gain per token and step hands it on
        self.skip = nn.Linear(2 * TIME_BANDS, len(self.tokens)) if settings.predict != "x0" else None
        token_of = torch.tensor([i for i, token in enumerate(self.tokens) for _ in range(token.size)])  # (D,)
        self.register_buffer("token_of", token_of, persistent=False)
        self.register_buffer("mean", torch.zeros(layout.size))
        self.register_buffer("std", torch.ones(layout.size))
        self.apply(start_small)
        if self.skip is not None:  # no gain at first, so that the first loss is that of predicting nothing
            nn.init.zeros_(self.skip.weight)
        if self.classes is not None:  # at first only what is said counts, however much is not said
            with torch.no_grad():
                self.classes.weight[self.first_class + NONE] = 0.0

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean.device

    def normalise(self, rows: Tensor) -> Tensor:
        """Latents (B, D) in their own units -> normalised."""
        return (rows - self.mean) / self.std

    def restore(self, x: Tensor) -> Tensor:
        """Normalised (B, D) -> latents in their own units."""
        return x * self.std + self.mean

    @torch.no_grad()
    def fit_statistics(self, batches: Iterable[Tensor]) -> None:
        """Set mean and deviation from latents ``(B, D)``, all of them once; nothing with ``normalise=none``.

        The mean is per number; the deviation per number or the root mean square over each token. Deviations have a
        floor of 1 % of the overall one, so that numbers which hardly ever change do not become pure noise.
        """
        if self.settings.normalise == "none":
            return
        count = 0
        shift, total, squares = torch.zeros(3, self.layout.size, dtype=torch.float64)
        for rows in batches:
            if count == 0:
                shift = rows[0].double().cpu()  # about this row, the sums lose no precision to a large mean
            rows = rows.double().cpu() - shift
            count, total, squares = count + len(rows), total + rows.sum(0), squares + rows.pow(2).sum(0)
        if count == 0:
            raise InputError("there are no latents to train on")
        mean = total / count
        variance = (squares / count - mean**2).clamp(min=0)
        if self.settings.normalise == "token":
            for token in self.tokens:
                variance[token.span] = variance[token.span].mean()
        floor = 0.01 * variance.mean().sqrt().clamp(min=1e-6)
        self.mean.copy_(mean + shift)
        self.std.copy_(variance.sqrt().clamp(min=floor))

    def forward(self, x: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
        """What the settings predict. x (B, D) normalised, t (B,) int64, condition name -> (B,) int64 or absent."""
        features = self.time_features(t)
        tokens = [self.projections.read(x), self.time(features)[:, None]]
        if self.classes is not None:
            tokens.append(self.classes(self.ids(t, condition) + self.first_class).sum(1, keepdim=True))
        h = self.transformer(torch.cat(tokens, 1))  # (B, T + 1 or 2, width)
        output = self.projections.write(h[:, : len(self.tokens)])
        return output if self.skip is None else output + self.skip(features[:, :-1])[:, self.token_of] * x

    def ids(self, like: Tensor, condition: Condition | None) -> Tensor:
        """(B, C) class ids in the order of ``conditions``, NONE for those not said. like : (B,) int64 on the device."""
        nothing = torch.full_like(like, NONE)
        given = condition or {}
        return torch.stack([given[name].to(like) if name in given else nothing for name in self.conditions], 1)

    def x0(self, x: Tensor, t: Tensor, condition: Condition | None = None, guidance_scale: float = 1.0) -> Tensor:
        """Clean guess (B, D), normalised, with classifier-free guidance (Ho and Salimans 2022) unless the scale is 1.

        guidance_scale: 0 ignores the condition, 1 is the plain conditional guess, more goes beyond it.
        """
        signal, noise = self.schedule.coefficients(t, x)
        predict = self.settings.predict
        if not condition or guidance_scale == 1.0:
            return to_x0(predict, self(x, t, condition), x, signal, noise)
        nothing = {name: torch.full_like(ids, NONE) for name, ids in condition.items()}
        both = {name: torch.cat([ids, nothing[name]]) for name, ids in condition.items()}
        asked, free = self(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
        output = free + guidance_scale * (asked - free)
        return to_x0(predict, output, x, signal, noise)  # linear in the output, so guiding it is guiding x0

    def loss(self, batch: Batch, generator: torch.Generator, condition_drop: float = 0.0) -> Tensor:
        """Mean squared error of the prediction at random noise steps. ``batch.target`` is in the latents' own units.

        What each item is told of itself is drawn anew, see `told`. Randomness is the generator's, drawn where the
        generator lives, so it is the same on every device.
        """
        rows = batch.target.to(self.device)
        count = len(rows)

        def uniform() -> Tensor:
            return torch.rand(count, generator=generator, device=generator.device)

        t = (uniform() * self.settings.timesteps).long().clamp(max=self.settings.timesteps - 1).to(self.device)
        eps = torch.randn(rows.shape, generator=generator, device=generator.device).to(self.device)
        condition: dict[str, Tensor] = {}
        if self.conditions:
            kept = told(count, tuple(self.conditions), condition_drop, generator).to(self.device)
            ids = self.ids(t, batch.condition)
            condition = dict(zip(self.conditions, torch.where(kept, ids, NONE).unbind(1), strict=True))
        x0 = self.normalise(rows)
        signal, noise = self.schedule.coefficients(t, x0)
        output = self(signal * x0 + noise * eps, t, condition)
        return (output - target_of(self.settings.predict, x0, eps, signal, noise)).pow(2).mean()

    def about(self) -> dict[str, Any]:
        """Plain data from which ``build`` makes the same network."""
        return {
            "layout": msgspec.to_builtins(self.layout),
            "denoiser": msgspec.to_builtins(self.settings),
            "conditions": dict(self.conditions),
        }


def told(count: int, names: Sequence[str], drop: float, generator: torch.Generator) -> Tensor:
    """Which conditions each training item is told, (B, C) bool, so that every question is learned, from none to all.

    An item is told nothing with probability ``drop``. Otherwise it is told its category with probability 1 - ``drop``, and
    each other condition with a probability of its own, u^2 of a uniform u: people ask for few things at once, and with an
    even rate questions of one thing would be as rare as those of any other number of things. With the category alone
    there is only the first draw.
    """
    rolls = torch.rand(count, len(names) + 2, generator=generator, device=generator.device)
    forgotten, rate, rolls = rolls[:, :1] < drop, rolls[:, 1:2] ** 2, rolls[:, 2:]
    if len(names) == 1:
        return ~forgotten
    always = torch.full_like(rate, 1.0 - drop)
    return ~forgotten & (rolls < torch.cat([always if name == CATEGORY else rate for name in names], 1))


def build(about: Mapping[str, Any]) -> Denoiser:
    """An untrained denoiser from ``Denoiser.about``. Raises InputError when the description is not one."""
    try:
        layout = msgspec.convert(about["layout"], Layout)
        settings = msgspec.convert(about["denoiser"], DenoiserSettings)
        conditions = msgspec.convert(about["conditions"], dict[str, int])
    except (KeyError, msgspec.ValidationError) as error:
        raise InputError(f"the model file does not describe a denoiser ({error})") from error
    return Denoiser(layout, settings, conditions)


def parameters_of(layout: Layout, settings: DenoiserSettings, conditions: Mapping[str, int] | None = None) -> int:
    """Number of trained parameters, counted without memory for them."""
    with torch.device("meta"):
        denoiser = Denoiser(layout, settings, conditions)
    return sum(math.prod(parameter.shape) for parameter in denoiser.parameters())
