"""What the networks of clouds are tried with: captions by number, and sums in float32."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engine import Project, methods
from engine.jobs import FitJob, SamplesJob, TrainJob
from engine.methods.tiny3d import denoiser, matcher, upsampler
from engine.settings import override
from tests.hearing import finished

DIM = 4


class Reader(nn.Module):
    """Captions are numbers of rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(8, DIM)

    def forward(self, ids: Tensor) -> Tensor:
        return nn.functional.normalize(self.table(ids[:, 0]), dim=-1)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, wherever the tests run."""
    for module in (denoiser, matcher, upsampler):
        monkeypatch.setattr(module, "narrow", lambda device: nullcontext())


@contextmanager
def trained_for(roles: tuple[str, str], changes: Sequence[str], place: Path) -> Iterator[tuple[Project, str, str]]:
    """Two trainings of different roles on one fit of some tables, which have learned nothing yet to speak of."""
    torch.set_num_threads(1)
    with Project.create(place) as project:
        finished(SamplesJob(category="table", count=6, seed=3), project)
        settings = override(methods.preset("tiny3d", "smoke"), list(changes))
        fit = finished(FitJob(settings=settings), project)["run"]
        one, other = (
            finished(TrainJob(settings=override(settings, [f"denoiser.role={role}"]), fit=fit), project)["run"]
            for role in roles
        )
        yield project, one, other
