"""Settings of ``hyperdiffusion``: one occupancy MLP per shape, a transformer that denoises its weights."""

from engine.settings import (
    DenoiserSettings,
    FieldSettings,
    FitSettings,
    SamplerSettings,
    SampleSettings,
    Settings,
    TrainSettings,
)


class HyperdiffusionSettings(Settings, frozen=True, tag="hyperdiffusion"):
    """Everything that changes a result of this method."""

    seed: int = 0
    samples: SampleSettings = SampleSettings()
    field: FieldSettings = FieldSettings()
    fit: FitSettings = FitSettings()
    denoiser: DenoiserSettings = DenoiserSettings()
    train: TrainSettings = TrainSettings()
    sampler: SamplerSettings = SamplerSettings()


PRESETS: dict[str, HyperdiffusionSettings] = {
    "paper": HyperdiffusionSettings(),
    "tiny": HyperdiffusionSettings(
        samples=SampleSettings(uniform=24_000, near=24_000, jitter=0.02, held_out=20_000),
        field=FieldSettings(hidden=(64, 64, 64)),
        fit=FitSettings(
            optimiser="adam",
            steps=900,
            lr=5e-3,
            near=0.5,
            whiten=0.0,
            keep_near_anchor=0.002,
            anchor_shapes=64,
            anchor_steps=1_500,
            check_every=300,
            accept=0.7,
        ),
        denoiser=DenoiserSettings(width=192, layers=4, heads=6, schedule="cosine", time="smooth", normalise="token"),
        train=TrainSettings(steps=3_000, lr=1e-3, warmup=100, ema=0.99, save_every=250),
    ),
}
