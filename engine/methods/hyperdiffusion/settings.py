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
        samples=SampleSettings(uniform=20_000, near=40_000, held_out=20_000),
        field=FieldSettings(hidden=(48, 48, 48)),
        fit=FitSettings(steps=800, batch=1024),
        denoiser=DenoiserSettings(width=192, layers=6, heads=6, predict="x0", schedule="cosine"),
        train=TrainSettings(steps=4_000, batch=16, lr=5e-4, warmup=100, save_every=250),
    ),
}
