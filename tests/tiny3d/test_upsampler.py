"""The upsampler: it keeps what it is given, learns to bring new points to the surface, and is asked for by generations."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import Project, methods
from engine.clouds.upsampling import midpoints, nearest
from engine.errors import InputError
from engine.generating import model_to_draw_with
from engine.jobs import GenerateJob
from engine.layout import Layout, Slot
from engine.method import LatentSet
from engine.methods.tiny3d.settings import PointDenoiserSettings
from engine.methods.tiny3d.upsampler import DENSER, Upsampler, lesson
from engine.methods.tiny3d.upsampler_drawing import upsampled
from engine.settings import SamplerSettings, override
from engine.stages import ended
from engine.storage import read_tensors
from tests.hearing import finished
from tests.tiny3d.conftest import DIM, Reader, trained_for

pytestmark = pytest.mark.usefixtures("exact")
QUICKLY = SamplerSettings(sampler="ddim", steps=2, spacing="even", batch=4)


def made(**changes: Any) -> Upsampler:
    torch.manual_seed(0)
    return Upsampler(PointDenoiserSettings(width=32, layers=2, heads=1, **changes), Reader(), DIM)


def spheres(count: int, points: int, seed: int) -> Tensor:
    """(N, P, 3) points on spheres of several sizes and places."""
    generator = torch.Generator().manual_seed(seed)
    ways = nn.functional.normalize(torch.randn(count, points, 3, generator=generator), dim=2)
    return ways * (0.2 + 0.25 * torch.rand(count, 1, 1, generator=generator))


def test_given_points_are_a_true_subset_and_new_ones_end_on_the_cloud() -> None:
    clouds = spheres(3, DENSER * 20, 1)
    given, level, start, end = lesson(clouds, torch.Generator().manual_seed(0))
    assert given.shape == (3, 20, 3) and start.shape == end.shape == (3, 60, 3)
    every = torch.arange(3)[:, None]
    assert end.equal(clouds[every, nearest(start, clouds)])
    off = (given - clouds[every, nearest(given, clouds)]).norm(dim=2).mean(1)
    assert (level > 0).all() and (off > 1e-3).all()  # noise on what is given, and on nothing else
    with pytest.raises(InputError, match="too sparse"):
        lesson(clouds[:, :32], torch.Generator())


def test_without_a_word_of_the_network_new_points_stay_where_they_start() -> None:
    """Steps go from starts to places and back."""
    found, given = made(), spheres(2, 30, 2)
    start = midpoints(given, 40)
    near = found.surroundings(given, start, torch.zeros(2))
    assert torch.allclose(near.places(torch.zeros(2, 120)), start)
    places = spheres(2, 40, 3)
    assert torch.allclose(near.places(near.steps(places)), places, atol=1e-5)
    assert near.rows(torch.tensor([1])).start.equal(start[1:])


@pytest.mark.parametrize("points", [31, 120, 500])
def test_given_points_are_kept_and_come_first(points: int) -> None:
    found, given = made(), spheres(2, 30, 4)
    with torch.no_grad():
        clouds = ended(upsampled(found, given, points, QUICKLY, 1))
    assert clouds.shape == (2, points, 3)
    assert clouds[:, :30].equal(given)
    assert torch.isfinite(clouds).all()


def test_it_does_not_ask_in_which_order_points_are_given() -> None:
    found, given = made(), spheres(1, 30, 5)
    for parameter in found.parameters():
        nn.init.normal_(parameter, std=0.1)
    start, x, t = spheres(1, 40, 6), torch.randn(1, 120), torch.tensor([500])  # not midpoints: they are as near to two
    with torch.no_grad():
        outs = [
            found.between(x, t, found.nothing[None], found.surroundings(some, start, torch.zeros(1)))
            for some in (given, given.flip(1))
        ]
    assert torch.allclose(outs[0], outs[1], atol=1e-4)
    assert outs[0].std() > 1e-3


def test_it_learns_to_bring_points_to_the_surface() -> None:
    """After seconds of training new points of spheres that it never saw lie nearer to them than midpoints do."""
    found, generator = made(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(found.parameters(), 3e-3)
    for step in range(150):
        rows = spheres(4, DENSER * 16, 100 + step).flatten(1)
        loss = found.loss(rows, torch.ones(4, 1, dtype=torch.int64), generator, 0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    given = spheres(8, 24, 7)
    with torch.no_grad():
        new = ended(upsampled(found, given, 72, QUICKLY, 1, level=0.0))[:, 24:]

    def off(points: Tensor) -> float:
        radius = given.norm(dim=2).mean(1)[:, None]
        return float((points.norm(dim=2) - radius).abs().mean())

    assert off(new) < 0.85 * off(midpoints(given, 48))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str, str]]:
    """A base and an upsampler, which have learned nothing yet to speak of."""
    with trained_for(
        ("clouds", "details"),
        ("fit.points=128", "fit.pool=2", "train.steps=3"),
        tmp_path_factory.mktemp("upsampler") / "p",
    ) as found:
        yield found


def drawn(project: Project, name: str, **asked: Any) -> np.ndarray:
    finished(GenerateJob(count=2, picture=False, run=name, changes=("sampler.points=40",), **asked), project)
    rows: np.ndarray = read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]
    return rows.reshape(2, -1, 3)


def test_a_generation_has_as_many_points_as_asked_for(trained: tuple[Project, str, str]) -> None:
    """More are put between those that the model draws, by either way; fewer are drawn."""
    project, base, details = trained
    plain = drawn(project, "plain", model=base)
    for name, refine in (("midway", ""), ("refined", details)):
        clouds = drawn(project, name, model=base, points=150, refine=refine)
        assert clouds.shape == (2, 150, 3)
        assert np.array_equal(clouds[:, :40], plain)
    assert drawn(project, "fewer", model=base, points=25).shape == (2, 25, 3)


def test_what_cannot_be_refined_says_why(trained: tuple[Project, str, str]) -> None:
    project, base, details = trained
    asked = [
        (GenerateJob(model=details, count=1), "puts points into clouds"),
        (GenerateJob(model=base, count=1, points=99, refine=base), "puts no points into clouds"),
        (GenerateJob(model=base, count=1, refine=details), "--points how many"),
        (GenerateJob(model="shipped:chair", count=1, points=99), "draws no clouds"),
    ]
    for job, words in asked:
        with pytest.raises(InputError, match=words):
            finished(job, project)
    assert model_to_draw_with(project, words=True) == base  # although the other is newer


def test_later_noises_are_refused_where_there_are_none() -> None:
    """When it is to be trained; a model that is there opens."""
    settings = override(methods.preset("tiny3d", "smoke"), ["denoiser.role=details", "denoiser.late=1.5"])
    method, layout = methods.load(settings), Layout((Slot("points", (64, 3)),))
    trainee = method.trainee(settings, layout, {})
    with pytest.raises(InputError, match=r"set denoiser\.late=1"):
        method.prepare(trainee, cast(LatentSet, None))  # before it looks at any
