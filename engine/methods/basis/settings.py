"""Settings of ``basis``: one expert per named part shared by all shapes, and a short code per part and shape."""

from typing import Annotated

from msgspec import Meta

from engine.settings import (
    Count,
    DenoiserSettings,
    Positive,
    SamplerSettings,
    SampleSettings,
    Settings,
    TrainSettings,
)


class LocalSettings(Settings, frozen=True):
    """Points with signed distances in the frame of each part, and what those frames are."""

    near: Annotated[int, Meta(ge=16, description="surface points with jitter, per part")] = 6_144
    even: Annotated[int, Meta(ge=16, description="points spread evenly in the part's box, per part")] = 2_048
    fine: Annotated[float, Meta(gt=0, description="jitter of most near points, in half sides of the box")] = 0.02
    coarse: Annotated[float, Meta(gt=0, description="jitter of the other near points, in half sides of the box")] = 0.08
    mirror: Annotated[
        float,
        Meta(
            ge=0, le=1, description="parts that differ from their mirror image by less are learned as one half; 0 = off"
        ),
    ] = 0.1
    skew: bool = True  # the box of a part leans along with it: swept and lifted wings lie flat in their own frame


class ExpertSettings(Settings, frozen=True):
    """The network of one part, the same for all shapes, and the code that bends it to a shape."""

    hidden: Annotated[tuple[Count, ...], Meta(min_length=1)] = (64, 64, 64)
    bands: Annotated[int, Meta(ge=0, le=10, description="octaves of the encoding of a part's own coordinates")] = 4
    code: Annotated[int, Meta(ge=1, description="numbers per part and shape")] = 24


class BasisFitSettings(Settings, frozen=True):
    """Learning experts and codes together, and codes alone for new shapes."""

    steps: Annotated[int, Meta(ge=1, description="optimiser steps of experts and codes together")] = 16_000
    most_shapes: Annotated[
        int, Meta(ge=1, description="shapes that the experts learn from; the others get codes only")
    ] = 4_096
    shapes: Annotated[int, Meta(ge=1, description="shapes per part and step")] = 16
    pairs: Annotated[
        int, Meta(ge=0, description="parts of shapes per step in all, at least 2 of each part; 0 = as `shapes` says")
    ] = 0
    points: Annotated[int, Meta(ge=16, description="points per part, shape and step")] = 64
    lr: Positive = 3e-3
    matrix_lr: Annotated[float, Meta(gt=0, description="step size of Muon, relative to a matrix of unit norm")] = 0.02
    code_lr: Annotated[float, Meta(gt=0, description="learning rate of codes, times lr")] = 8.0
    warmup: Annotated[int, Meta(ge=0)] = 50
    band: Annotated[
        float, Meta(gt=0, description="half sides over which a target goes from empty to full; small = occupancy alone")
    ] = 0.15
    prior: Annotated[float, Meta(ge=0, description="weight of the squared length of codes in the loss")] = 1e-5
    noise: Annotated[float, Meta(ge=0, description="deviation of the noise added to codes while experts learn")] = 0.0
    code_steps: Annotated[int, Meta(ge=1, description="steps for the codes of new shapes, experts frozen")] = 1_500
    code_points: Annotated[int, Meta(ge=16, description="points per part, shape and step for codes alone")] = 64
    code_shapes: Annotated[int, Meta(ge=1, description="new shapes whose codes are looked for together")] = 32
    save_every: Annotated[int, Meta(ge=1, description="steps between resumable checkpoints")] = 500
    accept: Annotated[float, Meta(ge=0, le=1, description="quality gate: held-out IoU of the whole shape")] = 0.85
    accept_part: Annotated[
        float, Meta(ge=0, le=1, description="quality gate: held-out IoU of each part in its box + 10 %")
    ] = 0.6


class BasisSettings(Settings, frozen=True, tag="basis"):
    """Everything that changes a result of this method."""

    seed: int = 0
    parts: tuple[str, ...] = ()  # part vocabulary; () takes the category's own
    samples: SampleSettings = SampleSettings(held_out=20_000)
    local: LocalSettings = LocalSettings()
    expert: ExpertSettings = ExpertSettings()
    fit: BasisFitSettings = BasisFitSettings()
    denoiser: DenoiserSettings = DenoiserSettings(
        width=128,
        layers=4,
        heads=4,
        tokens="chunk",
        chunk=4096,
        schedule="cosine",
        time="smooth",
        normalise="dimension",
        predict="v",
        dropout=0.1,
    )
    train: TrainSettings = TrainSettings(
        steps=12_000, batch=128, lr=1e-3, weight_decay=0.1, warmup=200, conditions="all"
    )
    code_noise: Annotated[
        float,
        Meta(
            ge=0, description="noise on latents while the denoiser learns, in their own deviations; more, fewer copies"
        ),
    ] = 0.0
    sampler: SamplerSettings = SamplerSettings()


# A denoiser sees one short row per shape: of a few hundred shapes a wide one, or a long training, learns copies.
PRESETS: dict[str, BasisSettings] = {
    "full": BasisSettings(),
    "tiny": BasisSettings(
        fit=BasisFitSettings(steps=6_000),
        denoiser=DenoiserSettings(
            width=64,
            layers=3,
            heads=4,
            tokens="chunk",
            chunk=4096,
            schedule="cosine",
            time="smooth",
            normalise="dimension",
            predict="v",
            dropout=0.1,
        ),
        train=TrainSettings(
            steps=4_000,
            batch=64,
            lr=2e-3,
            weight_decay=0.1,
            warmup=100,
            ema=0.99,
            save_every=250,
            conditions="all",
        ),
    ),
}
