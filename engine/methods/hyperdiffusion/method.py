"""``hyperdiffusion``: one occupancy MLP per shape, a transformer that denoises its weights (facts: Erkoc et al. 2023)."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.diffusion.denoiser import Denoiser
from engine.diffusion.sample import draw
from engine.fields.augment import augment
from engine.fields.representation import WeightRepresentation
from engine.layout import Layout
from engine.method import Batch, LatentSet, Look, Representation, Shapes
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.protocol import Stage
from engine.settings import SamplerSettings


class WeightDiffusion:
    """A method whose latents are network weights: everything but the vocabulary is common to the two that are."""

    def representation(
        self, settings: HyperdiffusionSettings | SemanticSettings, vocabulary: tuple[str, ...]
    ) -> WeightRepresentation:
        """One network for the whole shape; the vocabulary is not used."""
        return WeightRepresentation(settings, {})

    def trainee(
        self, settings: HyperdiffusionSettings | SemanticSettings, layout: Layout, conditions: Mapping[str, int]
    ) -> Denoiser:
        """The transformer over weight tokens."""
        return Denoiser(layout, settings.denoiser, conditions)

    def prepare(self, trainee: nn.Module, latents: LatentSet) -> None:
        """Store the statistics of the training rows."""
        assert isinstance(trainee, Denoiser)
        pieces = torch.arange(len(latents)).split(256)
        generator = torch.Generator()
        trainee.fit_statistics(latents.batch(index, generator).target for index in pieces)

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: HyperdiffusionSettings | SemanticSettings,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        """The denoising loss on (augmented) weights."""
        assert isinstance(trainee, Denoiser)
        assert isinstance(representation, WeightRepresentation)
        target = augment(batch.target, representation.layout, settings.train, generator)
        return trainee.loss(replace(batch, target=target), generator, settings.train.condition_drop)

    def sample(
        self,
        trainee: nn.Module,
        representation: Representation,
        count: int,
        settings: SamplerSettings,
        seed: int,
        condition: Mapping[str, int],
        look: Look | None = None,
    ) -> Stage[Shapes]:
        """Weights of new shapes; which parts they have is read from the weights."""
        assert isinstance(trainee, Denoiser)
        assert isinstance(representation, WeightRepresentation)
        latent = yield from draw(trainee, count, settings, seed, condition, look)
        return Shapes(latent, representation.present(latent))


METHOD = WeightDiffusion()
