"""``basis``: a code and a frame per part on experts shared by all shapes, denoised as one token per part."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.basis.representation import BasisRepresentation
from engine.datasets.parts import colour
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.sample import draw
from engine.errors import InputError
from engine.layout import Layout
from engine.method import Batch, LatentSet, Look, Representation, Shapes
from engine.methods.basis.settings import BasisSettings
from engine.protocol import Stage
from engine.settings import SamplerSettings


class Basis:
    """Part codes on a shared field."""

    def representation(self, settings: BasisSettings, vocabulary: tuple[str, ...]) -> BasisRepresentation:
        """One expert per name of the vocabulary. Raises InputError when there is none."""
        if not vocabulary:
            raise InputError(
                "method basis needs items with named parts; find some with `parts --auto`, or use hyperdiffusion"
            )
        return BasisRepresentation(settings, {name: colour(name) for name in vocabulary})

    def trainee(self, settings: BasisSettings, layout: Layout, conditions: Mapping[str, int]) -> Denoiser:
        """The transformer over part tokens."""
        return Denoiser(layout, settings.denoiser, conditions)

    def prepare(self, trainee: nn.Module, latents: LatentSet) -> None:
        """Store the statistics of the training rows."""
        assert isinstance(trainee, Denoiser)
        generator = torch.Generator()
        pieces = torch.arange(len(latents)).split(256)
        trainee.fit_statistics(latents.batch(index, generator).target for index in pieces)

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: BasisSettings,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        """The denoising loss on codes, a little blurred by ``settings.code_noise``."""
        assert isinstance(trainee, Denoiser)
        if settings.code_noise:
            jitter = torch.randn(batch.target.shape, generator=generator).to(batch.target.device)
            batch = replace(batch, target=batch.target + settings.code_noise * trainee.std * jitter)
        return trainee.loss(batch, generator, settings.train.condition_drop)

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
        """Rows of new shapes; which parts they have is read from the rows."""
        assert isinstance(trainee, Denoiser)
        latent = yield from draw(trainee, count, settings, seed, condition, look)
        return Shapes(latent, representation.present(latent))


METHOD = Basis()
