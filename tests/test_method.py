"""Two fake methods walk the whole line: one learns everything jointly in its loss, one trains in two stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from engine import Project, methods
from engine.jobs import ExportJob, FitJob, GenerateJob, SamplesJob, TrainJob
from engine.layout import Layout, Slot
from engine.method import Batch, Data, Encoded, Look, Part, Representation, Shapes, Workspace
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.optimise import optimise
from engine.protocol import Progress, Stage
from engine.settings import ExportOptions, SamplerSettings, TrainSettings
from engine.storage import seed_of, write_json
from engine.write import write_shape
from tests.hearing import finished

SIGNAL = torch.linalg.qr(torch.randn(6, 2, generator=torch.Generator().manual_seed(4)))[
    0
]  # (6, 2): where all items lie


def facts(item: str) -> Tensor:
    """(6,) what a "camera" sees of an item: a point of a plane in six dimensions, on a circle of radius 1."""
    angle = torch.tensor(seed_of(item) % 1000 / 1000 * 6.2832)
    return SIGNAL @ torch.stack([angle.cos(), angle.sin()])


@dataclass
class Reading:
    """What the fakes decode to: a kind of thing that the engine has never heard of."""

    values: Tensor


@write_shape.register
def _(
    decoded: Reading,
    path: Path,
    parts: tuple[Part, ...],
    resolution: int,
    recipe: dict[str, Any],
    crumbs: float = 0.0,
    options: ExportOptions | None = None,
    known: Any = None,
) -> Stage[dict[str, Any]]:
    yield Progress(stage="write", done=1, total=1)
    write_json(path, decoded.values.tolist())
    return {"path": str(path), "parts": [], "faces": 0, "watertight": False}


class Rows:
    """A LatentSet in memory; ``views`` are picked anew at every draw."""

    categories: Sequence[str] = ()

    def __init__(self, layout: Layout, items: Sequence[str], target: Tensor) -> None:
        self.layout, self.items, self.target = layout, items, target
        self.records = [Encoded(item, None, 0.0, "accepted", "") for item in items]

    def __len__(self) -> int:
        return len(self.items)

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        views = torch.randperm(6, generator=generator)[:3].expand(len(index), 3)  # three of the six numbers are seen
        seen = torch.stack([facts(self.items[int(i)]) for i in index])
        return Batch(self.target[index], extras={"views": views, "pixels": seen.gather(1, views)})


class Joint(Representation):
    """Learns with the denoiser (as HoloDiffusion's renderer): items are only listed, and the target is empty."""

    learns_with_denoiser = True

    def __init__(self) -> None:
        super().__init__()
        self.renderer = nn.Linear(2, 6)

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        yield Progress(stage="fit", done=1, total=1)

    def encode(self, data: Data, work: Workspace) -> Stage[Rows]:
        yield Progress(stage="encode", done=1, total=1)
        return Rows(Layout((Slot("grid", (2,)),)), [item.id for item in data.items], torch.zeros(len(data.items), 0))

    def decode(self, shapes: Shapes) -> Sequence[Reading]:
        with torch.no_grad():
            return [Reading(row) for row in self.renderer(shapes.latent)]


class JointMethod:
    """A generator of grids from noise, judged by rendered views alone (moment matching); the renderer learns with it."""

    def representation(self, settings: Any, vocabulary: tuple[str, ...]) -> Representation:
        return Joint()

    def trainee(self, settings: Any, layout: Layout, conditions: Mapping[str, int]) -> nn.Module:
        return nn.Linear(2, layout.size)

    def prepare(self, trainee: nn.Module, latents: Any) -> None:
        pass

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: Any,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        assert batch.target.shape[1] == 0
        assert isinstance(representation, Joint)
        made = representation.renderer(trainee(torch.randn(512, 2, generator=generator)))  # (512, 6)
        seen, shown = batch.extras["pixels"], made[:, batch.extras["views"][0]]  # (B, 3), (512, 3)
        moments = [(pixels.T @ pixels / len(pixels), pixels.mean(0)) for pixels in (seen, shown)]
        return sum((a - b).square().sum() for a, b in zip(*moments, strict=True))

    def sample(
        self,
        trainee: nn.Module,
        representation: Representation,
        count: int,
        settings: SamplerSettings,
        seed: int,
        condition: Any,
        look: Look | None = None,
    ) -> Stage[Shapes]:
        yield Progress(stage="sample", done=1, total=1)
        with torch.no_grad():
            return Shapes(trainee(torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))))


class TwoStage(Representation):
    """Trains an auto-encoder first (as DDMI), through the engine's loop, and hands its codes on."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 2), nn.Linear(2, 6)

    def fit(self, data: Data, work: Workspace) -> Stage[None]:
        seen = torch.stack([facts(item.id) for item in data.items])

        def loss(step: int, generator: torch.Generator) -> Tensor:
            noisy = seen + 0.01 * torch.randn(seen.shape, generator=generator)
            return (self.decoder(self.encoder(noisy)) - seen).square().mean()

        settings = TrainSettings(
            steps=400, lr=2e-2, warmup=1, ema=0.0, weight_decay=0.0, check_every=100, save_every=100
        )
        yield from optimise({"vae": self}, loss, settings, seed=0, folder=work.folder / "vae", stage="vae")

    def encode(self, data: Data, work: Workspace) -> Stage[Rows]:
        yield Progress(stage="encode", done=1, total=1)
        with torch.no_grad():
            codes = self.encoder(torch.stack([facts(item.id) for item in data.items]))
        return Rows(
            Layout((Slot("plane.xy", (1, 1)), Slot("plane.xz", (1, 1)))), [item.id for item in data.items], codes
        )

    def decode(self, shapes: Shapes) -> Sequence[Reading]:
        with torch.no_grad():
            return [Reading(row) for row in self.decoder(shapes.latent)]


class TwoStageMethod(JointMethod):
    """A denoiser over the codes, by the plainest diffusion there is: one noise level, one step."""

    def representation(self, settings: Any, vocabulary: tuple[str, ...]) -> Representation:
        return TwoStage()

    def trainee(self, settings: Any, layout: Layout, conditions: Mapping[str, int]) -> nn.Module:
        return nn.Sequential(nn.Linear(layout.size, 32), nn.ReLU(), nn.Linear(32, layout.size))

    def loss(
        self,
        trainee: nn.Module,
        representation: Representation,
        settings: Any,
        batch: Batch,
        generator: torch.Generator,
    ) -> Tensor:
        assert not any(p.requires_grad for p in representation.parameters())
        noise = torch.randn(batch.target.shape, generator=generator)
        return (trainee(0.7 * batch.target + 0.7 * noise) - batch.target).square().mean()


@pytest.mark.parametrize("method", [JointMethod(), TwoStageMethod()], ids=["joint", "two-stage"])
def test_a_fake_method_walks_the_whole_line(
    method: JointMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loops serve methods they know nothing of; generated readings lie in the plane of the items and fill it."""
    monkeypatch.setattr(methods, "load", lambda settings: method)
    train = TrainSettings(
        steps=1500, batch=24, lr=2e-2, ema=0.0, warmup=1, check_every=100, save_every=750, weight_decay=0.0
    )
    settings = HyperdiffusionSettings(train=train)
    with Project.create(tmp_path / "p") as project:
        finished(SamplesJob(category="airplane", count=24, seed=1), project)
        fitted = finished(FitJob(settings=settings), project)
        assert len(fitted["shapes"]) == 24
        trained = finished(TrainJob(settings=settings, fit=fitted["run"]), project)
        assert trained["steps"] == 1500
        drawn = finished(GenerateJob(model=trained["run"], count=64, seed=3), project)
        files = finished(ExportJob(shapes=tuple(drawn["shapes"]), out=str(tmp_path / "out")), project)["files"]
    made = torch.tensor([msgspec.json.decode(Path(file["path"]).read_bytes()) for file in files])  # (64, 6)
    off = (made - made @ SIGNAL @ SIGNAL.T).norm(dim=1)
    along = made @ SIGNAL
    assert off.median() < 0.15 * along.norm(dim=1).median()
    assert torch.linalg.eigvalsh(along.T.cov()).min() > 0.02  # both directions of the plane are used
