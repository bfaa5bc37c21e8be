"""``tiny3d`` (Tiny 3D Diffusion): clouds from words, any number of points, seen while they form."""

from collections.abc import Mapping
from typing import cast

import msgspec
import torch
from torch import Tensor, nn

from engine.clouds.representation import CloudRepresentation
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.sample import draw
from engine.errors import InputError
from engine.layout import Layout
from engine.method import Batch, LatentSet, Look, Representation, Shapes
from engine.methods.tiny3d.denoiser import PointDenoiser, Prompted
from engine.methods.tiny3d.matcher import Matcher
from engine.methods.tiny3d.reading import read_kind, read_prompt
from engine.methods.tiny3d.settings import PromptSettings, Tiny3dSettings
from engine.methods.tiny3d.upsampler import Upsampler
from engine.protocol import Stage
from engine.settings import SamplerSettings
from engine.text.word_encoder import WordNetwork

MEASURED = 2048  # training clouds that tell the scale of all


class Tiny3d:
    """Point clouds, denoised by a transformer that reads captions."""

    def representation(self, settings: Tiny3dSettings, vocabulary: tuple[str, ...]) -> CloudRepresentation:
        """Clouds have no parts; the vocabulary is not used."""
        return CloudRepresentation(settings)

    def trainee(self, settings: Tiny3dSettings, layout: Layout, conditions: Mapping[str, int]) -> PointDenoiser:
        """The denoiser, and the network that reads captions unless they come as vectors.

        Raises InputError for conditions other than these, and for settings that do not go together.
        """
        if conditions:
            raise InputError(
                f"clouds are asked for in words, not by {', '.join(conditions)}; set train.conditions=none"
            )
        if settings.denoiser.points > settings.fit.points:
            raise InputError(
                f"the fit gives {settings.fit.points} points of a cloud, denoiser.points asks for more; fit with more, or"
                f" set it to {settings.fit.points} at most"
            )
        own, practice = settings.text.encoder == "words", settings.denoiser.practice
        if practice and not (own and settings.denoiser.role == "clouds" and settings.train.recipe == "ours"):
            raise InputError(
                "denoiser.practice is for what draws clouds, by our recipe and with text.encoder=words: captions that were "
                "encoded before cannot be told what to name, and what ranks clouds learns how common things are; leave it out"
            )
        reader, width = WordNetwork(settings.text) if own else nn.Identity(), settings.fit.width
        if settings.denoiser.role != "clouds" and settings.train.preview_every:
            raise InputError("it draws nothing that could be seen while it learns; set train.preview_every=0")
        if settings.denoiser.role == "match":
            return Matcher(settings.learned, reader, settings.text.dim, width)
        if settings.denoiser.role != "details":
            return PointDenoiser(settings.learned, reader, settings.text.dim, width)
        if settings.fit.colours:
            raise InputError(
                "what puts points into clouds learns of places alone, and new points take the colours around them; fit "
                "without fit.colours"
            )
        return Upsampler(settings.learned, reader, settings.text.dim)

    def prepare(self, trainee: nn.Module, latents: LatentSet) -> None:
        """Measure the training clouds. Raises InputError for settings that mean nothing to what is trained."""
        assert isinstance(trainee, PointDenoiser)
        if isinstance(trainee, Upsampler) and trainee.settings.late != 1:
            raise InputError(
                "what puts points into clouds learns from all noises alike, it has no later ones; set denoiser.late=1"
            )
        generator = torch.Generator().manual_seed(0)
        some = torch.arange(0, len(latents), -(-len(latents) // MEASURED))  # no more: nothing is heard meanwhile
        pieces = some.split(256)
        trainee.fit_statistics(latents.batch(index, generator).target for index in pieces)

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: Tiny3dSettings,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        """The denoising loss on clouds that are told their captions; rows hold points in any order."""
        assert isinstance(trainee, PointDenoiser)
        drop, facts = settings.train.condition_drop, batch.extras.get("facts")
        if isinstance(trainee, Matcher):
            assert isinstance(representation, CloudRepresentation)
            trainee.name(representation.facts)
        some = settings.fit.width * settings.denoiser.points
        rows = batch.target[:, :some] if some else batch.target
        return trainee.loss(rows, batch.extras["caption"], generator, drop, facts)

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
        """Clouds of ``settings.points`` points as ``settings.prompt`` says; what was made of its words is told."""
        assert isinstance(trainee, PointDenoiser)
        assert isinstance(representation, CloudRepresentation)
        if isinstance(trainee, Upsampler | Matcher):
            refines = isinstance(trainee, Upsampler)
            what = "puts points into clouds" if refines else "tells how well clouds go with prompts"
            how = "--refine with it" if refines else "ask for --candidates"
            raise InputError(f"this model {what}, it draws none; draw with another, and {how}")
        asked = msgspec.convert(msgspec.to_builtins(settings), PromptSettings)
        text = yield from read_prompt(asked.prompt, trainee, representation, asked.encoder_folder)
        kind = None
        if text is not None and asked.emphasis != 1:
            kind = yield from read_kind(asked.prompt, trainee, representation, asked.encoder_folder)
        points = asked.points or representation.settings.fit.points
        denoiser = cast(Denoiser, Prompted(trainee, points, text, kind, asked.emphasis))  # all of it that drawing uses
        return Shapes((yield from draw(denoiser, count, settings, seed, {}, look)))


METHOD = Tiny3d()
