"""The matcher: how well a cloud goes with a prompt, so that the best of several candidates can be kept.

A PointNet (Qi et al. 2017) of two levels learns to tell the facts of shapes from their clouds, as the reader of captions
learns to tell them from words. Text and cloud are held against each other fact by fact: of an attribute with the values v,

    log Σ_v p(v | text) p(v | cloud) / p(v)

is the log-likelihood ratio of "they are of one shape" and "they are of two", where v tells all that they have in common. What
a text does not say has p(v | text) = p(v), and adds nothing.
"""

import math

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from engine.clouds.told import Fact, Facts
from engine.device import narrow
from engine.errors import InputError
from engine.methods.tiny3d.denoiser import AXES, PointDenoiser
from engine.methods.tiny3d.settings import PointDenoiserSettings
from engine.text.word_encoder import WordNetwork

POINTS = 512  # of a cloud that is judged, at most: facts are told from these
WAVES = 3  # octaves of each coordinate, which thin parts are told by
ROUGHEST = 0.02  # deviation of the noise on training points in canonical units, at most: drawn clouds are rough
NAME = 48  # bytes for a fact's name, on average
LEAST = 1e-3  # of a likelihood ratio, so that one fact that is misread does not decide all


class CloudReader(nn.Module):
    """Clouds in any order of their points (B, P, 3), canonical -> (B, count)."""

    waves: Tensor

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.register_buffer("waves", math.pi * 2.0 ** torch.arange(1, WAVES + 1), persistent=False)
        first, then = AXES * (1 + 2 * WAVES), 2 * width
        self.each = nn.Sequential(nn.Linear(first, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.beside = nn.Sequential(nn.Linear(then, then), nn.GELU(), nn.Linear(then, 2 * then))
        self.leave = nn.Sequential(nn.LayerNorm(4 * then), nn.Linear(4 * then, then), nn.GELU(), nn.Linear(then, count))

    def forward(self, clouds: Tensor) -> Tensor:
        phase = (clouds[..., None] * self.waves).flatten(2)
        with narrow(clouds.device):
            h = self.each(torch.cat([2 * clouds, phase.sin(), phase.cos()], 2))
            h = self.beside(torch.cat([h, h.amax(1, keepdim=True).expand_as(h)], 2))
            out: Tensor = self.leave(torch.cat([h.amax(1), h.mean(1)], 1))
        return out.float()


class Matcher(PointDenoiser):
    """Tells the facts of shapes from their clouds. It learns from the same fit as a denoiser, and draws none.

    Raises InputError where no facts are learned, by which clouds and words could be compared.
    """

    names: Tensor  # of the facts as JSON, (NAME * F,) uint8
    rates: Tensor  # (F,) how likely each is, where it means something

    def __init__(self, settings: PointDenoiserSettings, reader: nn.Module, dim: int, channels: int = AXES) -> None:
        facts = reader.settings.facts if isinstance(reader, WordNetwork) else 0
        if not facts:
            raise InputError(
                "clouds and prompts are matched by facts of shapes, and none are learned; fit and train with text.facts=384"
            )
        super().__init__(settings, nn.Identity(), dim, channels)
        del self.network
        self.clouds = CloudReader(settings.width, facts)
        self._named = False
        self.register_buffer("names", torch.zeros(NAME * facts, dtype=torch.uint8))
        self.register_buffer("rates", torch.full((facts,), 0.5))

    @property
    def known(self) -> list[Fact]:
        """The facts, in their order."""
        text = bytes(self.names.cpu().tolist()).rstrip(b"\0")
        return msgspec.json.decode(text, type=list[Fact]) if text else []

    @torch.no_grad()
    def name(self, facts: Facts | None) -> None:
        """Which facts the items of the fit have, told once. Raises InputError for none, or names too long to be kept."""
        if self._named:
            return
        if facts is None or not facts.names:
            raise InputError("the shapes of this fit differ in no fact, so clouds and prompts cannot be matched")
        text = msgspec.json.encode(facts.names)
        if len(text) > len(self.names):
            raise InputError("the names of the facts are too long to be kept; set a larger text.facts")
        self.names.zero_()
        self.names[: len(text)] = torch.tensor(list(text), dtype=torch.uint8)
        there, true = (facts.table >= 0).sum(0), (facts.table == 1).sum(0)
        self.rates[: len(facts.names)] = ((true + 1) / (there + 2)).to(self.rates)
        self._named = True

    def match(self, rows: Tensor, told: Tensor) -> Tensor:
        """(B,) log-likelihood ratios of clouds (B, C P), canonical, and a text that tells facts (F,) so probably."""
        places = rows.unflatten(1, (-1, self.channels))[:, :, :AXES]
        step = -(-places.shape[1] // POINTS)
        seen = self.clouds(places[:, ::step].to(self.device)).sigmoid()
        known, told = self.known, told.to(self.device)
        values: dict[tuple[str, str], list[int]] = {}
        for number, (attribute, _) in enumerate(known):
            values.setdefault(attribute, []).append(number)
        kinds = values.get(("", ""), [])
        kind = {known[number][1]: _shares(seen[:, kinds])[:, place] for place, number in enumerate(kinds)}
        total = seen.new_zeros(len(seen))
        for (category, _), numbers in values.items():
            text, cloud, rate = (_shares(one) for one in (told[numbers], seen[:, numbers], self.rates[numbers]))
            ratio = (text * cloud / rate).sum(1).clamp_min(LEAST).log()
            total = total + ratio * kind.get(category, 1.0)  # what a shape of another category could not be counts less
        return total

    def loss(
        self, rows: Tensor, captions: Tensor, generator: torch.Generator, drop: float, facts: Tensor | None = None
    ) -> Tensor:
        """Binary cross-entropy of the facts (B, F), summed for each cloud (B, C P) of rough points; captions are not read."""
        assert facts is not None  # `name` has seen to it
        places = rows.unflatten(1, (-1, self.channels))[:, :, :AXES]
        rough = ROUGHEST * torch.rand(len(rows), 1, 1, generator=generator)
        places = places.to(self.device) + (rough * torch.randn(places.shape, generator=generator)).to(self.device)
        guess, facts = self.clouds(places)[:, : facts.shape[1]], facts.to(self.device)
        known = (facts >= 0).to(guess)
        error = binary_cross_entropy_with_logits(guess, facts.clamp(min=0).to(guess), known, reduction="sum")
        return error / len(rows)


def _shares(likely: Tensor) -> Tensor:
    """The same, summing to 1 over the values of an attribute."""
    return likely / likely.sum(-1, keepdim=True)
