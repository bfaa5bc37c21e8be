"""What the methods promise: settings reach the loss, and semantic fits are good."""

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine import Project, methods, run
from engine.diffusion.denoiser import Denoiser
from engine.fields.representation import WeightRepresentation
from engine.fields.weights import field_layout
from engine.jobs import FitJob, SamplesJob
from engine.latents import Latents
from engine.method import Batch
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.protocol import Finished
from engine.settings import override

SMALL = ["denoiser.width=24", "denoiser.layers=1", "denoiser.heads=2", "field.hidden=[8]", "train.batch=8"]


@pytest.mark.parametrize(
    "change", ["train.condition_drop=0.9", "train.permute=1.0", "train.jitter=0.5", "train.interpolate=1.0"]
)
def test_training_settings_reach_the_loss(change: str) -> None:
    """The loss follows the training run's settings, not those that the representation was fitted with."""
    before = override(methods.preset("semantic", "tiny"), [*SMALL, "train.condition_drop=0.0"])
    after = override(before, [change])
    method = methods.load(before)
    torch.manual_seed(0)
    representation = method.representation(before, ("body", "wing"))
    assert isinstance(representation, WeightRepresentation)
    trainee = method.trainee(before, representation.layout, {"category": 3})
    assert isinstance(trainee, Denoiser)
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(8, representation.layout.size, generator=generator)
    batch = Batch(target, {"category": torch.arange(8) % 3})
    assert trainee.classes is not None
    for parameter in trainee.classes.parameters():
        torch.nn.init.normal_(parameter)
    losses = [
        method.loss(trainee, representation, settings, batch, torch.Generator().manual_seed(2)).item()
        for settings in (before, before, after)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("method", "change", "dimensions", "denoiser", "field"),
    [
        ("hyperdiffusion", [], 3, 1_407_225_600, 36_737),  # aeroplane, chair
        ("hyperdiffusion", ["denoiser.width=1920"], 3, 672_729_600, 36_737),  # car
        ("hyperdiffusion", ["denoiser.width=1440"], 4, 408_332_160, 37_889),  # animated animals
        ("semantic", [], 3, 75_092_992, 4 * 9_061),
    ],
)
def test_the_paper_presets_are_the_published_networks(
    method: str, change: list[str], dimensions: int, denoiser: int, field: int
) -> None:
    """Parameters, counted on the meta device; the figures are those of the published networks (facts pages)."""
    settings = override(methods.preset(method, "paper"), change)
    names = ("body", "wing", "tail", "engine") if method == "semantic" else ()
    assert isinstance(settings, HyperdiffusionSettings | SemanticSettings)
    layout = field_layout(settings.field, names, dimensions)
    with torch.device("meta"):
        trainee = methods.load(settings).trainee(settings, layout, {})
    assert layout.size == field
    assert sum(parameter.numel() for parameter in trainee.parameters()) == denoiser


@pytest.mark.slow
def test_semantic_tiny_fits_aeroplanes(tmp_path: Path) -> None:
    """64 procedural aeroplanes: held-out IoU 0.93 on the whole and 0.85 for each part kind, on average."""
    with Project.create(tmp_path / "p") as project:
        *_, made = run(SamplesJob(category="airplane", count=64), project)
        settings = methods.preset("semantic", "tiny")
        *_, last = run(FitJob(settings=replace(settings)), project)
        assert isinstance(made, Finished) and isinstance(last, Finished)
        records = Latents(project.run_folder(last.result["run"]) / "latents.safetensors").records
    assert np.mean([record.iou for record in records]) >= 0.93
    for part in ("body", "wing", "tail", "engine"):
        assert np.mean([record.part_iou[part] for record in records if part in record.part_iou]) >= 0.85, part
