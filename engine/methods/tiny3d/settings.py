"""Settings of ``tiny3d`` (Tiny 3D Diffusion): clouds of points denoised by a transformer that is told a caption."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from engine.settings import Count, SamplerSettings, Settings, TrainSettings
from engine.text.prompts import LONGEST
from engine.text.settings import TextSettings


class CloudSettings(Settings, frozen=True):
    """What is kept of a shape: a pool of points on its surface, of which each training step draws others."""

    points: Annotated[
        int, Meta(ge=16, le=16_384, description="of a cloud in training; drawing may ask for any number")
    ] = 256
    pool: Annotated[int, Meta(ge=1, le=64, description="points kept of a shape, times `points`")] = 8
    colours: Annotated[
        bool, Meta(description="points have a colour too, as items have that came with some; the others are grey")
    ] = False

    @property
    def width(self) -> int:
        """Numbers of a point: x, y, z, and where it has a colour red, green, blue."""
        return 6 if self.colours else 3

    @property
    def steps(self) -> int:
        """Steps per shape, by which the work of fits is foretold: a pool is drawn in one."""
        return 1


class PointDenoiserSettings(Settings, frozen=True):
    """The transformer over points, its noise schedule and its loss."""

    role: Annotated[
        Literal["clouds", "details", "match"],
        Meta(
            description="details: it learns to put new points between those of a cloud, see `upsampler`; match: it learns "
            "to tell how well clouds go with prompts, see `matcher`"
        ),
    ] = "clouds"
    network: Annotated[
        Literal["ours", "published"],
        Meta(description="published: as the original has it, faults included, for its weights"),
    ] = "ours"
    width: Annotated[int, Meta(ge=8)] = 128
    layers: Count = 4
    heads: Count = 2
    predict: Literal["x0", "v", "eps"] = "v"
    schedule: Literal["linear", "cosine", "linear-zsnr"] = "cosine"
    timesteps: Annotated[int, Meta(ge=2, le=4000)] = 1000
    spread: Annotated[
        bool, Meta(description="coordinates are divided by their deviation; or else they span -1 to 1, as published")
    ] = True
    min_snr: Annotated[
        float,
        Meta(
            ge=0,
            description="signal-to-noise ratio from which steps count alike (as Hang et al. 2023 weigh noise); 0 = off",
        ),
    ] = 5.0
    late: Annotated[
        float,
        Meta(
            ge=0.1,
            description="training noises this many times the odds: what words say of large parts is decided in much noise, "
            "of small ones in little",
        ),
    ] = 1.0
    points: Annotated[
        int,
        Meta(ge=0, le=16_384, description="of a cloud in a training step, so that a step sees more shapes; 0 = all"),
    ] = 0
    practice: Annotated[
        tuple[str, ...],
        Meta(
            description='attributes that half of the draws are about, all values of one as often, as ["mug.handles"] or, of '
            'one type, ["airplane.airliner.engines"]'
        ),
    ] = ()
    drop: Annotated[
        Literal["sample", "batch"], Meta(description="what forgets its caption together; published: the whole batch")
    ] = "sample"


class PromptSettings(SamplerSettings, frozen=True):
    """Drawing clouds that a prompt describes."""

    prompt: Annotated[str, Meta(max_length=LONGEST, description="what to draw, in words; nothing: anything")] = ""
    points: Annotated[int, Meta(ge=0, le=16_384, description="of a cloud; 0 = as many as in training")] = 0
    emphasis: Annotated[
        float,
        Meta(
            ge=1,
            le=10,
            description="how many times as strongly as the kind of thing that a prompt names what it says of it is guided",
        ),
    ] = 1.0
    encoder_folder: Annotated[
        str,
        Meta(max_length=1000, description="of the text encoder's weights, when no longer where training found them"),
    ] = ""
    batch: Annotated[
        int, Meta(ge=1, description="clouds at a time; with more, a step takes long and is not heard of")
    ] = 4


class Tiny3dSettings(Settings, frozen=True, tag="tiny3d"):
    """Everything that changes a result of this method. ``fit`` says what is kept of a shape; nothing is learned there."""

    without_inside: ClassVar[tuple[str, ...]] = ("sheet", "points")  # verdicts of items that it takes all the same
    seed: int = 0
    fit: CloudSettings = CloudSettings()
    text: TextSettings = TextSettings()
    denoiser: PointDenoiserSettings = PointDenoiserSettings()
    train: TrainSettings = TrainSettings(
        steps=6_000, batch=16, lr=1e-3, warmup=100, conditions="none", watch_every=0, condition_drop=0.1
    )
    sampler: PromptSettings = PromptSettings(steps=20, guidance_scale=2.0, points=1024)

    @property
    def learned(self) -> PointDenoiserSettings:
        """The denoiser's settings as its recipe has them: the published one predicts noise on a linear schedule."""
        if self.train.recipe == "ours":
            return self.denoiser
        return msgspec.structs.replace(
            self.denoiser,
            predict="eps",
            schedule="linear",
            timesteps=1000,
            spread=False,
            min_snr=5.0,
            late=1.0,
            drop="batch",
        )


def published(train: TrainSettings) -> TrainSettings:
    """The original's optimiser: Adam at 1e-3 after 1,000 steps of warm-up; no decay, clipping or average.

    Steps and batch stay as they are. AdamW without weight decay is Adam.
    """
    return msgspec.structs.replace(
        train, recipe="ours", lr=1e-3, weight_decay=0.0, warmup=1000, decay="constant", clip=0.0, ema=0.0
    )


def _training(steps: int, batch: int, lr: float, ema: float = 0.999, warmup: int = 100) -> TrainSettings:
    return TrainSettings(
        steps=steps, batch=batch, lr=lr, warmup=warmup, ema=ema, conditions="none", watch_every=0, condition_drop=0.1
    )


PRESETS: dict[str, Tiny3dSettings] = {
    "tiny": Tiny3dSettings(),
    "smoke": Tiny3dSettings(
        fit=CloudSettings(points=64),
        text=TextSettings(dim=32, width=32, layers=1, heads=1, bigrams=64),
        denoiser=PointDenoiserSettings(width=64, layers=2, heads=1),
        train=_training(100, 8, 2e-3, 0.99, 10),
        sampler=PromptSettings(steps=10, guidance_scale=2.0, points=256),
    ),
    "small": Tiny3dSettings(
        fit=CloudSettings(points=512),
        denoiser=PointDenoiserSettings(width=192, layers=6, heads=3),
        train=_training(30_000, 16, 5e-4),
    ),
    "paper": Tiny3dSettings(
        fit=CloudSettings(points=1024, pool=4),
        denoiser=PointDenoiserSettings(width=128, layers=24, heads=2),
        train=_training(200_000, 32, 1e-3, 0.9999, 1000),
    ),
    "point-e": Tiny3dSettings(
        fit=CloudSettings(points=1024, pool=4),
        text=TextSettings(words=4096, dim=384, width=192, layers=4, heads=3, bigrams=4096),
        denoiser=PointDenoiserSettings(width=512, layers=12, heads=8),
        train=_training(300_000, 64, 1e-4, 0.9999, 1000),
    ),
}
