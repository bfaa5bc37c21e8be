"""The matcher: it learns to tell facts from clouds, and generations keep the best of several candidates by it."""

import math
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine import Project, methods, run
from engine.clouds import matching
from engine.clouds.told import Facts
from engine.errors import InputError
from engine.generating import model_to_draw_with
from engine.jobs import FitJob, GenerateJob, TrainJob
from engine.method import Workspace
from engine.methods.tiny3d.matcher import POINTS, Matcher
from engine.methods.tiny3d.settings import PointDenoiserSettings
from engine.protocol import Progress
from engine.settings import override
from engine.storage import read_tensors
from engine.text.settings import WordSettings
from engine.text.word_encoder import WordNetwork
from studio.models.sources import own_sources
from tests.hearing import finished
from tests.tiny3d.conftest import trained_for

pytestmark = pytest.mark.usefixtures("exact")


KINDS = ("ball", "stick", "plate", "pair")
FACTS = [(("", ""), kind) for kind in KINDS] + [(("ball", "size"), "large"), (("ball", "size"), "small")]


def made(channels: int = 3) -> Matcher:
    torch.manual_seed(0)
    reader = WordNetwork(WordSettings(dim=8, width=8, layers=0, heads=1, facts=8))
    return Matcher(PointDenoiserSettings(role="match", width=24), reader, 8, channels)


def kinds(count: int, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """(N, 3 P) balls, sticks, plates and pairs of balls of all sizes, and their facts (N, 6)."""
    generator = torch.Generator().manual_seed(seed)
    ways = nn.functional.normalize(torch.randn(count, points, 3, generator=generator), dim=2)
    kind = torch.arange(count) % 4
    shape = torch.tensor([[1.0, 1, 1], [0.1, 1, 0.1], [1, 0.1, 1], [0.4, 0.4, 0.4]])[kind]
    size = 0.2 + 0.25 * torch.rand(count, generator=generator)
    clouds = ways * shape[:, None] * size[:, None, None]
    clouds[kind == 3, ::2, 0] += 0.3
    large = torch.where(kind == 0, (size > 0.325).long(), -1)
    small = torch.where(kind == 0, (size <= 0.325).long(), -1)
    return clouds.flatten(1), torch.stack([*((kind == k).long() for k in range(4)), large, small], 1)


def told(**likely: float) -> Tensor:
    """(6,) probabilities of facts that a text tells; of the others as likely as they are."""
    names = [*KINDS, "large", "small"]
    return torch.tensor([likely.get(name, 0.25 if name in KINDS else 0.5) for name in names])


def only(name: str) -> Tensor:
    return told(**{kind: float(kind == name) for kind in KINDS})


@pytest.fixture(scope="module")
def learned() -> Matcher:
    """One that has learned what balls, sticks, plates and pairs are, in seconds."""
    found, generator = made(), torch.Generator().manual_seed(0)
    found.name(Facts(tuple(FACTS), kinds(400, 1, 0)[1]))
    optimiser = torch.optim.Adam(found.parameters(), 3e-3)
    for step in range(80):
        rows, facts = kinds(16, 64, 100 + step)
        loss = found.loss(rows, torch.zeros(16, 1, dtype=torch.int64), generator, 0.1, facts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found.requires_grad_(False)


def test_clouds_go_best_with_what_they_are(learned: Matcher) -> None:
    rows, facts = kinds(80, 64, 7)
    alike = torch.stack([learned.match(rows, only(kind)) for kind in KINDS], 1)
    kind = facts[:, :4].argmax(1)
    assert (alike.argmax(1) == kind).float().mean() > 0.9
    own = alike[torch.arange(80), kind]
    assert 0.5 < own.median() < math.log(4) + 0.1  # of four kinds that are equally likely
    assert learned.match(rows, told()).abs().max() < 0.1  # a text that tells nothing


def test_what_a_text_says_of_a_kind_counts_for_that_kind(learned: Matcher) -> None:
    rows, facts = kinds(80, 64, 8)
    asked = [torch.cat([only("ball")[:4], torch.tensor(ends)]) for ends in ([0.99, 0.01], [0.01, 0.99])]
    more = learned.match(rows, asked[0]) - learned.match(rows, asked[1])  # large rather than small
    large, small = facts[:, 4] == 1, facts[:, 4] == 0
    assert ((more[large][:, None] - more[small]) > 0).float().mean() > 0.9
    assert more[facts[:, 1] == 1].abs().median() < 0.1 * more[large | small].abs().median()  # sticks are neither


def test_it_asks_neither_for_order_nor_for_number_nor_for_colours(learned: Matcher) -> None:
    rows, _ = kinds(4, 90, 1)
    clouds = rows.unflatten(1, (-1, 3))
    plain = learned.match(rows, only("ball"))
    assert torch.allclose(plain, learned.match(clouds.flip(1).flatten(1), only("ball")), atol=1e-4)
    many = clouds.repeat(1, 20, 1)
    assert many.shape[1] > POINTS and learned.match(many.flatten(1), only("ball")).shape == (4,)
    coloured = made(channels=6)
    coloured.clouds, coloured.names, coloured.rates = learned.clouds, learned.names, learned.rates
    rows = torch.cat([clouds, torch.rand(clouds.shape)], 2).flatten(1)
    assert coloured.match(rows, only("ball")).equal(plain)


def test_facts_are_needed(learned: Matcher) -> None:
    assert learned.known == FACTS
    settings = PointDenoiserSettings(role="match", width=24)
    with pytest.raises(InputError, match=r"text\.facts=384"):
        Matcher(settings, WordNetwork(WordSettings(dim=8, width=8, heads=1)), 8)
    with pytest.raises(InputError, match="differ in no fact"):
        made().name(None)
    with pytest.raises(InputError, match="too long"):
        made().name(Facts(((("chair", "x" * 1000), "yes"),), torch.zeros(4, 1)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str, str]]:
    """A base and a matcher, which have learned nothing yet to speak of."""
    with trained_for(("clouds", "match"), SMALL, tmp_path_factory.mktemp("matcher") / "p") as found:
        yield found


SMALL = ["fit.points=64", "fit.pool=2", "train.steps=3", "text.facts=64", "sampler.steps=2", "sampler.points=64"]
ROUND = ("sampler.prompt=a round table",)


def drawn(project: Project, name: str, **asked: Any) -> tuple[np.ndarray, list[float]]:
    done = finished(GenerateJob(picture=False, run=name, **asked), project)
    rows: np.ndarray = read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]
    return rows, [one["match"] for one in done["matches"]]


def test_the_best_candidates_are_kept_the_best_first(trained: tuple[Project, str, str]) -> None:
    project, base, _ = trained
    plain, first = drawn(project, "plain", model=base, changes=ROUND, count=2)
    rows, matches = drawn(project, "best", model=base, changes=ROUND, count=2, candidates=3)
    assert rows.shape == plain.shape and first == [] and len(matches) == 2
    assert matches == sorted(matches, reverse=True)
    again, same = drawn(project, "again", model=base, changes=ROUND, count=2, candidates=3)
    assert np.array_equal(rows, again) and same == matches
    more, _ = drawn(project, "more", model=base, changes=ROUND, count=2, candidates=3, points=150)
    assert np.array_equal(more[:, : rows.shape[1]], rows)
    notes: list[str] = []
    finished(GenerateJob(model=base, changes=ROUND, count=1, candidates=2, picture=False), project, notes)
    assert any("1 of 2 candidates are kept" in note for note in notes)
    assert len(notes) == len(set(notes))  # what a draw says is said once
    assert drawn(project, "anything", model=base, count=1)[1] == []  # without a prompt there is nothing to match


def test_a_prompt_of_unknown_words_has_no_candidates(trained: tuple[Project, str, str]) -> None:
    project, base, _ = trained
    notes: list[str] = []
    job = GenerateJob(model=base, changes=("sampler.prompt=zzqx",), count=2, candidates=3, picture=False)
    done = finished(job, project, notes)
    assert len(done["shapes"]) == 2 and done["matches"] == []
    assert any("no candidates are drawn" in note for note in notes)


def test_a_stop_keeps_the_best_so_far(trained: tuple[Project, str, str]) -> None:
    """Stopped while later candidates are drawn: what is kept is what was seen, the best of the first draws."""
    project, base, _ = trained
    job = GenerateJob(model=base, changes=ROUND, count=2, candidates=3, picture=False, previews=True, run="stopped")
    events, two = cast(Generator[Any, None, None], run(job, project)), 0
    for event in events:
        two += isinstance(event, Progress) and event.stage == "match"
        if two == 2:  # the third draws were ranked
            break
    events.close()
    kept = read_tensors(project.run_folder("stopped") / "latents.safetensors")[0]["latent"]
    best = drawn(project, "two", model=base, changes=ROUND, count=2, candidates=2)[0]
    assert np.array_equal(kept, best)


def test_the_window_knows_whose_clouds_can_be_ranked(trained: tuple[Project, str, str]) -> None:
    project, base, match = trained
    found = {source.name: source.ranks for source in own_sources(project)}
    assert found[base] and match not in found  # it draws nothing


def test_what_cannot_be_ranked_says_why(trained: tuple[Project, str, str]) -> None:
    project, base, match = trained
    asked = [
        (GenerateJob(model=match, count=1, changes=ROUND), "tells how well clouds go"),
        (GenerateJob(model=base, count=1, candidates=2), "give one"),
        (GenerateJob(model="shipped:chair", count=1, candidates=2), "in no words"),
    ]
    for job, words in asked:
        with pytest.raises(InputError, match=words):
            finished(job, project)
    assert model_to_draw_with(project, words=True) == base  # although the other is newer
    other = finished(FitJob(settings=override(methods.preset("tiny3d", "smoke"), SMALL)), project)["run"]
    apart = finished(TrainJob(settings=override(methods.preset("tiny3d", "smoke"), SMALL), fit=other), project)["run"]
    with pytest.raises(InputError, match="on its fit"):
        finished(GenerateJob(model=apart, count=1, candidates=2, changes=ROUND), project)
    assert not next(source for source in own_sources(project) if source.name == apart).ranks


def test_a_shipped_model_whose_matcher_is_gone_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(model: str, suffix: str, project: Path) -> Path:
        raise InputError(f"this installation lacks {suffix}; install it again")

    monkeypatch.setattr(matching, "shipped_file", gone)
    with (
        Project.create(tmp_path / "p") as project,
        pytest.raises(InputError, match=r"clouds of shipped:tiny3d.*lacks.*install it again.*--candidates"),
    ):
        matching._at_hand("shipped:tiny3d", project, Workspace(tmp_path, torch.device("cpu")))
