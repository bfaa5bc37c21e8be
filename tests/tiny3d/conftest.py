"""What the networks of clouds are tried with: captions by number, and sums in float32."""

from contextlib import nullcontext

import pytest
from torch import Tensor, nn

from engine.methods.tiny3d import denoiser, matcher, upsampler

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
