"""Decodes what the running scores of a training compare: a few samples, and the fits that they are held against."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import MeshError
from engine.geometry.occupancy import surface_points
from engine.geometry.surface import extract
from engine.latents import Chosen
from engine.method import LatentSet, Representation, Shapes
from engine.metrics.running import (
    FEWEST,
    FEWEST_TRAINING,
    Reading,
    Yardstick,
    coordinates,
    nearest_latents,
    reading,
    yardstick,
)
from engine.protocol import Note, Progress, Stage
from engine.storage import seed_of

UNSEEN = 32  # unseen shapes that samples are held against, at most
LOOKED_AT = 32  # training shapes that tell what a copy is, at most
GRID, FIRST = 32, 16  # grid points per side of a decoded shape, and of the first look at it: 20 ms of one core each
POINTS = 1024  # of a cloud; with fewer, two clouds of one shape lie too far apart to tell a copy

Clouds = NDArray[np.float64]


class RunningScores:
    """Scores of samples against the fits of one training, in their own coarse decoding.

    ``stick`` is there once `prepare` is through, unless too few fits have a surface.
    """

    def __init__(self, representation: Representation, training: LatentSet, unseen: LatentSet) -> None:
        """training, unseen : fits that the denoiser learns from, and that it does not."""
        self.representation, self.training = representation, training
        self.unseen = Chosen(unseen, _spread(len(unseen), UNSEEN))
        self.columns = torch.from_numpy(coordinates(training.layout.size))
        self.clouds: dict[int, Clouds | None] = {}  # of training fits, by row; None for one without a surface
        self.stick: Yardstick | None = None

    def prepare(self) -> Stage[None]:
        """Decode what samples are held against, and measure what needs no samples."""
        generator = torch.Generator()
        pieces = []
        for index in torch.arange(len(self.training)).split(64):
            pieces.append(self._columns(self.training.batch(index, generator).target))
            yield Progress(stage="watch", done=int(index[-1]) + 1, total=len(self.training))
        latents = np.concatenate(pieces)
        others = self.unseen.batch(torch.arange(len(self.unseen)), generator)
        shapes = Shapes(others.target, others.present)
        if not callable(self.representation.decode(shapes)[0]):
            yield Note(text="not watched: what this method makes has no inside, so there are no surfaces to compare")
            return
        there, unseen = yield from self._decoded(shapes, "unseen")
        if len(there) < FEWEST:
            yield Note(text=f"not watched: only {len(there)} fits of unseen items have a surface", warning=True)
            return
        some = yield from self._training(_spread(len(self.training), LOOKED_AT))
        rows, distance = yield from nearest_latents(latents, self._columns(others.target[there]))
        nearest = yield from self._training(rows.tolist())
        solid = [cloud for cloud in some if cloud is not None]
        if len(solid) < FEWEST_TRAINING:
            yield Note(text=f"not watched: only {len(solid)} fits of training items have a surface", warning=True)
            return
        self.stick = yield from yardstick(unseen, np.stack(solid), latents, nearest, distance)

    def read(self, shapes: Shapes) -> Stage[Reading]:
        """Scores of samples."""
        assert self.stick is not None
        there, clouds = yield from self._decoded(shapes, "samples")
        rows, distance = np.zeros(0, np.int64), np.zeros(0)
        if there:
            latents = self._columns(shapes.latent[there])
            rows, distance = yield from nearest_latents(self.stick.latents, latents)
        nearest = yield from self._training(rows.tolist())
        return (yield from reading(self.stick, clouds, nearest, distance, len(shapes.latent)))

    def _columns(self, latents: torch.Tensor) -> NDArray[np.float64]:
        """(N, D) -> (N, C), what of latents is compared."""
        return latents[:, self.columns].double().cpu().numpy()

    def _training(self, rows: Sequence[int]) -> Stage[list[Clouds | None]]:
        """Clouds of training fits, each decoded once."""
        missing = sorted(set(rows) - set(self.clouds))
        batch = self.training.batch(torch.tensor(missing, dtype=torch.int64), torch.Generator())
        there, clouds = yield from self._decoded(Shapes(batch.target, batch.present), "training")
        self.clouds |= dict.fromkeys(missing)
        self.clouds |= {missing[place]: cloud for place, cloud in zip(there, clouds, strict=True)}
        return [self.clouds[row] for row in rows]

    def _decoded(self, shapes: Shapes, name: str) -> Stage[tuple[list[int], Clouds]]:
        """Rows of the shapes that have a surface, and (len(rows), POINTS, 3) points on these."""
        there, clouds = [], []
        for i, field in enumerate(self.representation.decode(shapes) if len(shapes.latent) else ()):
            try:
                mesh = yield from extract(field, GRID, coarse=FIRST)
                cloud = surface_points(mesh, POINTS, np.random.default_rng(seed_of("watch", name, i)))
            except MeshError:  # no surface, or numbers that are not finite: counted as empty
                continue
            there.append(i)
            clouds.append(cloud)
        return there, np.stack(clouds) if clouds else np.zeros((0, POINTS, 3))


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` rows, spread evenly."""
    rows: list[int] = np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()
    return rows
