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
        fit=FitSettings(steps=800, batch=1024),
        denoiser=DenoiserSettings(width=192, layers=6, heads=6, predict="x0", schedule="cosine"),
        train=TrainSettings(steps=4_000, batch=16, lr=5e-4, warmup=100, save_every=250),
    ),
}
