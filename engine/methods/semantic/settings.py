"""Settings of ``semantic`` (SemanticHyperDiffusion): one expert MLP per named part, union by maximum."""

from engine.settings import (
    DenoiserSettings,
    FieldSettings,
    FitSettings,
    SamplerSettings,
    SampleSettings,
    Settings,
    TrainSettings,
)


class SemanticSettings(Settings, frozen=True, tag="semantic"):
    """Everything that changes a result of this method."""

    seed: int = 0
    parts: tuple[str, ...] = ()  # part vocabulary; () takes the category's own
    samples: SampleSettings = SampleSettings()
    field: FieldSettings = FieldSettings(hidden=(60, 60, 60))
    fit: FitSettings = FitSettings()
    denoiser: DenoiserSettings = DenoiserSettings(width=512)
    train: TrainSettings = TrainSettings()
    sampler: SamplerSettings = SamplerSettings()


PRESETS: dict[str, SemanticSettings] = {
    "paper": SemanticSettings(),
    "tiny": SemanticSettings(
        samples=SampleSettings(uniform=20_000, near=40_000, held_out=20_000),
        field=FieldSettings(hidden=(32, 32, 32)),
        fit=FitSettings(
            steps=600,
            matrix_lr=0.03,
            whiten=0.3,
            keep_near_anchor=0.002,
            anchor_shapes=32,
            anchor_steps=2_000,
        ),
        # one token per part: cheap, and parts are what is learned
        denoiser=DenoiserSettings(
            width=192,
            layers=4,
            heads=6,
            tokens="chunk",
            chunk=4096,
            schedule="cosine",
            time="smooth",
            normalise="token",
        ),
        train=TrainSettings(steps=2_000, lr=1e-3, warmup=100, ema=0.99, save_every=250),
    ),
}
