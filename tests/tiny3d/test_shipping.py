"""A model of clouds made, packed and told of as the one that comes with the program; found by words, and by words alone."""

from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine import Project, shipped
from engine.__main__ import cli
from engine.clouds.practice import Practice
from engine.errors import InputError
from engine.generating import model_to_draw_with
from engine.metrics.obedience_prompts import PLANS, attributes_of
from engine.rows import ItemRow
from engine.shapes import read_model_about
from engine.shipped import ModelCard
from engine.shipping.cloud_card import cloud_page
from engine.shipping.clouds import files_of
from engine.shipping.make import make_models
from engine.shipping.recipe import CLOUDS, CloudRecipe
from engine.stages import ended
from engine.storage import read_tensors
from engine.text.captions import vocabulary_of_captions
from engine.text.spelling import check

EMPTY: dict[str, Any] = dict.fromkeys(("id", "path", "hash", "verdict", "reason", "split"), "") | {"kind": "procedural"}
SMALL = CloudRecipe(
    name="words",
    preset="smoke",
    changes=("fit.points=32", "fit.pool=2", "train.steps=4", "train.batch=2", "sampler.steps=2", "sampler.points=64")
    + ("text.facts=128",),
    later=(("train.steps=2",), ("train.steps=2", "denoiser.min_snr=0", 'denoiser.practice=["mug.handles"]')),
    averaged=2,
    match=("denoiser.role=match", "train.steps=2"),
    drawing=("guidance_scale=3",),
    categories=("table", "mug"),
    items=12,
    unseen=2,
    prompts=25,
    asked_points=256,
    points=64,
    fresh=2,
    resamples=5,
    shown=("a round table", "a mug"),
)


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model, made in two sessions."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("brought")
    stopped = make_models([SMALL], place / "models", place / "work", "cpu", "python -m engine models")
    list(islice(stopped, 20))
    stopped.close()
    assert not (place / "models").exists()
    made = ended(make_models([SMALL], place / "models", place / "work", "cpu", "python -m engine models"))
    assert made["models"][0]["name"] == "words"
    return place / "models"


@pytest.fixture
def models(brought: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program brings this model along, and no other."""
    monkeypatch.setenv(shipped.ELSEWHERE, str(brought))
    return brought


def card_of(models: Path) -> ModelCard:
    (card,) = shipped.shipped_cards()
    return card


def test_its_card_tells_what_was_measured_and_how_it_draws(models: Path) -> None:
    card = card_of(models)
    assert {path.name for path in models.iterdir()} == {f"words{suffix}" for suffix in files_of(SMALL)}
    assert {(row.category, row.kind) for row in card.scores} == {
        (category, kind) for category in ("table", "mug") for kind in ("generated", "real")
    }
    assert sum(one.yes_of + one.no_of for one in card.obedience) == 25 and 0 <= (card.obeyed or -1) <= 1
    assert card.fresh and card.fresh.clouds == 4 and card.fresh.unseen > 0
    assert card.settings["sampler"]["guidance_scale"] == 3 and card.reads_words and card.closed is None
    assert card.training + card.unseen <= 24 and min(card.seconds.values()) > 0
    assert card.categories == read_model_about(models / "words.safetensors").categories == ("mug", "table")
    assert list(card.seconds) == ["samples", "fit", "train-1", "train-2", "train-3", "match"]
    assert card.settings["denoiser"]["min_snr"] == 0
    (work,) = (models.parent / "work").iterdir()
    with Project(work) as project:
        jobs = [project.job(f"train-{number}") for number in (1, 2, 3)]
    assert [getattr(job, "fork", None) for job in jobs] == ["", "train-1", "train-2"]
    text = cloud_page(card)
    for words in (f"{card.obeyed:.1%}", "chance is 50 %", "| table | real, training |", card.hash):
        assert words in text, words


def test_its_weights_are_the_mean_of_those_of_its_last_trainings(models: Path) -> None:
    (work,) = (models.parent / "work").iterdir()
    shipped_, *trained = (
        read_tensors(path)[0]
        for path in (
            models / "words.safetensors",
            *(work / "runs" / f"train-{k}" / "model.safetensors" for k in (2, 3)),
        )
    )
    name = "trainee.network.leave.weight"
    first, second = (one[name] for one in trained)
    assert shipped_[name].dtype == np.float16 and not np.array_equal(first, second)
    np.testing.assert_allclose(shipped_[name], (first + second) / 2, atol=1e-3 * np.abs(first).max())
    assert np.array_equal(shipped_["representation.words"], trained[1]["representation.words"])


def test_words_find_it_and_a_category_does_not(models: Path) -> None:
    """Who asks for a category wants a shape with parts; a model of clouds is taken for a prompt or for its method."""
    assert model_to_draw_with(None, words=True) == model_to_draw_with(None, method="tiny3d") == "shipped:words"
    assert model_to_draw_with(None, "mug", "tiny3d", words=True) == "shipped:words"
    assert shipped.shipped_for("mug") == shipped.shipped_for() == shipped.shipped_for("chair", words=True) == ""
    with pytest.raises(InputError, match="no trained model that knows mug; run"):
        model_to_draw_with(None, "mug")


def test_a_prompt_draws_clouds_where_there_is_no_project(models: Path, tmp_path: Path) -> None:
    words = [
        "generate",
        "--method",
        "tiny3d",
        "--prompt",
        "a round table",
        "--count",
        "2",
        "--project",
        str(tmp_path / "p"),
    ]
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    result = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert result["model"] == "shipped:words" and len(result["shapes"]) == 2
    assert "is not told" not in done.stderr + done.stdout, "it looked for training latents that clouds do not have"
    with Project(tmp_path / "p") as project:
        latent: Any = read_tensors(project.run_folder(result["run"]) / "latents.safetensors")[0]["latent"]
        assert latent.shape == (2, 3 * 64)
        (kept,) = (project.folder / shipped.VERSIONS).rglob("words.safetensors")
        assert kept.parent.name == card_of(models).hash


def test_the_recipe_asks_in_words_that_it_learns() -> None:
    for recipe in CLOUDS.values():
        known = vocabulary_of_captions(recipe.categories).words
        assert len(recipe.shown) == 20 and not any(check(prompt, known).said() for prompt in recipe.shown)
        assert recipe.settings.train.conditions == "none" and 0.2 * recipe.items > recipe.unseen
        rows = [
            ItemRow(category=name, attributes=attributes_of(name, k), **EMPTY) for name in PLANS for k in range(1500)
        ]
        practised = {name for settings in recipe.trainings for name in getattr(settings.denoiser, "practice", ())}
        assert practised and Practice(sorted(practised), rows, range(len(rows)))


def test_no_more_trainings_are_averaged_than_there_are() -> None:
    with pytest.raises(InputError, match="the mean of 4 trainings, and there are 3"):
        msgspec.structs.replace(SMALL, averaged=4)
