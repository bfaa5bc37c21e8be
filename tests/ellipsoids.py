"""A training whose samples are what a test says: ellipsoids, and a clock that only goes where work is done."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.layout import Layout, Slot
from engine.method import Batch, Encoded, Representation, Shapes
from engine.methods.hyperdiffusion.settings import HyperdiffusionSettings
from engine.optimise import Outcome, optimise
from engine.protocol import Progress, Stage
from engine.settings import SamplerSettings, TrainSettings
from engine.training_watch import Watch, in_turn, watch_of

TRAINING, UNSEEN = range(40), range(40, 60)


def balls(seed: int, count: int) -> Tensor:
    """(count, 8) centre and radii of an ellipsoid, and numbers that change nothing."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(count, 8, generator=generator)
    return torch.cat([0.2 * random[:, :3] - 0.1, 0.1 + 0.25 * random[:, 3:6], random[:, 6:]], 1)


class Balls:
    """A LatentSet of ellipsoids."""

    categories: Sequence[str] = ()
    layout = Layout((Slot("ball", (8,)),))

    def __init__(self) -> None:
        self.target = balls(0, 60)
        self.records = [Encoded(str(i), None, 0.0, "accepted", "") for i in range(60)]

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        return Batch(self.target[index])


class Clock:
    """Time that only passes where work is done: a step takes 0.1 s, a decoded shape and a sampler's step 0.01 s."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Decoder(Representation):
    """Latents to ellipsoids."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def decode(self, shapes: Shapes) -> Sequence[Callable[[Tensor], Tensor]]:
        return [partial(self.ellipsoid, row) for row in shapes.latent]

    def ellipsoid(self, row: Tensor, points: Tensor) -> Tensor:
        self.clock.now += 0.01 * len(points) / 14**3
        return 1 - ((points - row[:3]) / row[3:6]).norm(dim=1)


Drawn = Callable[[int], Tensor]


class Fake:
    """A method whose samples are what the test says. It draws with the global generator, as a careless one would."""

    def __init__(self, drawn: Drawn, clock: Clock) -> None:
        self.drawn, self.clock = drawn, clock
        self.weights: list[Tensor] = []

    def representation(self, settings: Any, vocabulary: tuple[str, ...]) -> Representation:
        return Decoder(self.clock)

    def trainee(self, settings: Any, layout: Layout, conditions: Mapping[str, int]) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Tanh(), nn.Linear(16, 8))

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
        noise = torch.randn(batch.target.shape, generator=generator)
        return (trainee(batch.target + noise) - batch.target).square().mean()

    def sample(
        self,
        trainee: nn.Module,
        representation: Representation,
        count: int,
        settings: Any,
        seed: int,
        condition: Any,
        look: Any = None,
    ) -> Stage[Shapes]:
        self.weights.append(next(trainee.parameters()).detach().clone())
        torch.manual_seed(seed + len(self.weights))
        torch.rand(17)
        for i in range(settings.steps):
            self.clock.now += 0.01
            yield Progress(stage="sample", done=i, total=settings.steps)
        return Shapes(self.drawn(count))


SETTINGS = HyperdiffusionSettings(
    train=TrainSettings(
        steps=120, batch=8, lr=1e-2, warmup=5, ema=0.9, check_every=10, save_every=50, watch_every=10, watch_share=1.0
    ),
    sampler=SamplerSettings(steps=3),
)


def training(
    folder: Path,
    settings: HyperdiffusionSettings = SETTINGS,
    drawn: Drawn | None = None,
    rows: Sequence[int] = TRAINING,
    hollow: Sequence[int] = (),
) -> tuple[Stage[Outcome], nn.Module, Fake, Watch | str]:
    """The loop as the pipeline has it, but for its clock."""
    clock = Clock()
    method, latents, decoder = Fake(drawn or (lambda count: balls(1, count)), clock), Balls(), Decoder(clock)
    latents.target[list(hollow), :3] = 9.0  # outside the cube: no surface
    trainee = method.trainee(settings, latents.layout, {})

    def loss(step: int, generator: torch.Generator) -> Tensor:
        clock.now += 0.1
        index = torch.randint(len(TRAINING), (8,), generator=generator)
        return method.loss(trainee, decoder, settings, latents.batch(index, generator), generator)

    def preview(step: int) -> Stage[None]:
        yield Progress(stage="picture", done=1, total=10**9)  # of another stage: tells nothing of the step

    watch = watch_of(method, decoder, trainee, settings, latents, rows, UNSEEN, folder)
    if isinstance(watch, Watch):
        watch.clock = clock
    plain, look, due = in_turn(settings.train, preview, watch)
    loop = optimise({"trainee": trainee}, loss, plain, seed=0, folder=folder, preview=look, due=due)
    return (watch.beside(loop) if isinstance(watch, Watch) else loop), trainee, method, watch
