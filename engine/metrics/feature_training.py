"""How the shipped feature network was made: it learns to say what procedural shapes are, and forgets the answers.

Asked are the category, its attributes (wing sweep, number of engines, kind of legs ...), which parts are there, their boxes,
and how noisy the points are. What is shipped are the numbers that the answers are read from, not the answers.
"""

from pathlib import Path
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional

from engine.checkpoint import save_model
from engine.datasets.procedural import CATEGORIES, VERSION
from engine.metrics.feature_lessons import LEARNED, NAMES, UNSEEN, Lesson, Lessons, Values, lesson, lessons
from engine.metrics.feature_net import WIDTH, FeatureNet
from engine.optimise import optimise
from engine.protocol import Progress, Stage
from engine.settings import Count, Settings, TrainSettings
from engine.storage import digest, seed_of, write_json

COMMAND = "python -m engine features"
NAME = "procedural"


class FeatureSettings(Settings, frozen=True):
    """The recipe of the feature network."""

    seed: int = 0
    shapes: Count = 320  # of each category
    unseen: Count = 60
    points: Annotated[
        int, Meta(ge=16, description="of a cloud that is measured; lessons have a quarter of it to all")
    ] = 1024
    train: TrainSettings = TrainSettings(
        steps=2_000, batch=32, lr=2e-3, warmup=100, ema=0.995, weight_decay=0.02, save_every=200, check_every=50
    )


QUICK = FeatureSettings(shapes=3, unseen=3, points=128, train=TrainSettings(steps=10, batch=6, lr=1e-3, warmup=2))


class Answers(nn.Module):
    """Linear readings of the features: one for each question of `Lesson`."""

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.sizes = [len(choices) for choices in values.values()]
        self.category = nn.Linear(WIDTH, len(CATEGORIES))
        self.present = nn.Linear(WIDTH, len(NAMES))
        self.boxes = nn.Linear(WIDTH, 6 * len(NAMES))
        self.attributes = nn.Linear(WIDTH, sum(self.sizes))
        self.noise = nn.Linear(WIDTH, 1)

    def loss(self, features: Tensor, right: Lesson) -> Tensor:
        """Sum of the questions' losses; boxes are weighed so that 0.03 cube units count about as much as a guess."""
        boxes = self.boxes(features).view(right.boxes.shape)
        asked = right.present[..., None].expand_as(boxes)
        found = functional.cross_entropy(self.category(features), right.category)
        found = found + functional.binary_cross_entropy_with_logits(self.present(features), right.present.float())
        found = found + 20 * functional.smooth_l1_loss(boxes[asked], right.boxes[asked], beta=0.05)
        found = found + functional.mse_loss(self.noise(features)[:, 0], right.noise)
        for logits, answer in zip(self._split(features), right.attributes.T, strict=True):
            known = answer >= 0  # a sum over the few that have it, so that rare questions do not shout
            found = found + functional.cross_entropy(logits[known], answer[known], reduction="sum") / len(answer)
        return found

    def scores(self, features: Tensor, right: Lesson) -> dict[str, float]:
        """Shares of right answers (attributes beside the share of their commonest value), mean errors of the others."""
        boxes = self.boxes(features).view(right.boxes.shape)
        hits, common, asked = 0, 0, 0
        for logits, answer in zip(self._split(features), right.attributes.T, strict=True):
            known = answer >= 0
            hits += int((logits[known].argmax(1) == answer[known]).sum())
            common += int(answer[known].bincount().max()) if known.any() else 0
            asked += int(known.sum())
        return {
            "category": float((self.category(features).argmax(1) == right.category).float().mean()),
            "parts": float(((self.present(features) > 0) == right.present).float().mean()),
            "attributes": hits / asked,
            "attributes_by_guessing": common / asked,
            "box_error": float((boxes - right.boxes).abs()[right.present].mean()),
            "noise_error": float((self.noise(features)[:, 0] - right.noise).abs().mean()),
        }

    def _split(self, features: Tensor) -> tuple[Tensor, ...]:
        return self.attributes(features).split(self.sizes, 1)


def train_features(settings: FeatureSettings, work: Path, out: Path) -> Stage[dict[str, Any]]:
    """Make lessons, train, measure on unseen shapes -> the card, which lies as JSON beside the network in ``out``.

    ``work`` keeps shapes and checkpoints, so that a stopped training goes on.
    """
    source, values = yield from lessons(settings.shapes, LEARNED, work / "shapes")
    unseen, _ = yield from lessons(settings.unseen, UNSEEN, work / "shapes", values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(settings.seed, "feature network"))
        net, answers = FeatureNet(), Answers(values)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        index = torch.randint(len(source), (settings.train.batch,), generator=generator)
        share = 0.25 ** torch.rand((), generator=generator).item()
        asked = lesson(source, index, int(settings.points * share), generator)
        return answers.loss(net(asked.clouds), asked)

    modules = {"net": net, "answers": answers}
    run = work / f"run-{digest(repr(settings).encode())}"
    done = yield from optimise(modules, loss, settings.train, seed=settings.seed, folder=run, stage="features")
    done.ema.exchange()
    right, features = yield from _all(net, source, settings, settings.seed)
    net.centre, net.spread = features.mean(0), features.std(0)
    answered, features = yield from _all(net, unseen, settings, settings.seed)
    raw = features * net.spread + net.centre
    with torch.no_grad():
        measured = {name: round(value, 4) for name, value in answers.scores(raw, answered).items()}
    card = {
        "label": "FPD (ours)",
        "what": f"features of point clouds for a Frechet distance: {WIDTH} numbers per cloud, canonical space",
        "trained_on": f"procedural shapes, version {VERSION}: {len(source)} of {', '.join(CATEGORIES)}",
        "licence": "MIT, as the program; the shapes are its own (CC0-1.0)",
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "unseen_shapes": len(unseen),
        "measured_on_unseen_shapes": measured,
        "limits": "noise of the points below about 0.015 cube units is not seen; use more shapes than there are features",
        "settings": settings,
        "command": COMMAND,
    }
    save_model(out / f"{NAME}.safetensors", {"net": net}, {"card": f"{NAME}.json", "points": settings.points})
    write_json(out / f"{NAME}.json", card)
    return card


def _all(net: FeatureNet, source: Lessons, settings: FeatureSettings, seed: int) -> Stage[tuple[Lesson, Tensor]]:
    """One lesson of every shape, and its features (N, WIDTH)."""
    generator = torch.Generator().manual_seed(seed_of(seed, "feature measurement"))
    parts: list[tuple[Lesson, Tensor]] = []
    for index in torch.arange(len(source)).split(32):
        asked = lesson(source, index, settings.points, generator)
        with torch.no_grad():
            parts.append((asked, net(asked.clouds)))
        yield Progress(stage="measure features", done=int(index[-1]) + 1, total=len(source))
    fields = Lesson.__dataclass_fields__
    joined = Lesson(**{name: torch.cat([getattr(one, name) for one, _ in parts]) for name in fields})
    return joined, torch.cat([features for _, features in parts])
