"""Shipped models: packed small, drawn from where there is no project, healed and told of without what they came with."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine import Project, methods, shipped
from engine.__main__ import cli
from engine.cards import card_of
from engine.checkpoint import load_model, save_model
from engine.datasets import procedural
from engine.diffusion.denoiser import Denoiser
from engine.errors import InputError
from engine.generating import model_to_draw_with
from engine.geometry.read import read
from engine.jobs import FitJob, GenerateJob, HealJob, MixJob, SamplesJob, TrainJob
from engine.joining import usual_of
from engine.known import nearness, read_known_file
from engine.latents import Latents
from engine.method import Workspace
from engine.metrics.measures import CHAMFER
from engine.opened import open_model
from engine.settings import override
from engine.shapes import hash_of_file, model_path, read_model_about
from engine.shipped import CARD, KNOWN, MODEL, Closed, ModelCard, Score
from engine.shipping.pack import SAME, drift, pack_known, pack_model, representation_of
from engine.shipping.page import page
from engine.shipping.recipe import RECIPES
from engine.stages import ended
from engine.storage import write_json
from tests.fields.test_basis_jobs import CHANGES
from tests.hearing import finished

COUNT = 6
FEW = [*CHANGES, "fit.most_shapes=6", "train.steps=60", "train.watch_every=0", "sampler.steps=6"]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project in which a small model of aeroplanes was trained."""
    torch.set_num_threads(1)
    made = Project.create(tmp_path_factory.mktemp("workshop") / "p")
    finished(SamplesJob(category="airplane", count=COUNT), made)
    settings = override(methods.preset("basis", "tiny"), FEW)
    finished(FitJob(run="fit", settings=settings), made)
    finished(TrainJob(run="train", settings=settings, fit="fit"), made)
    ended(usual_of("fit", made, Workspace(made.folder, torch.device("cpu"))))
    return made


@pytest.fixture(scope="module")
def folder(workshop: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, packed: its file, what it knows, and a card."""
    place = tmp_path_factory.mktemp("models") / "airplane.safetensors"
    source, rows = workshop.run_folder("train") / "model.safetensors", training_rows(workshop)
    latents = Latents(workshop.run_folder("fit") / "latents.safetensors")
    ended(pack_model(source, place))
    joints = workshop.run_folder("fit") / "joints.safetensors"
    ended(pack_known(place.with_name(f"airplane{KNOWN}"), place, latents, rows, joints))
    write_json(place.with_name(f"airplane{CARD}"), card(place))
    return place.parent


@pytest.fixture
def models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The program brings this model along."""
    monkeypatch.setenv(shipped.ELSEWHERE, str(folder))
    yield folder


def training_rows(workshop: Project) -> list[int]:
    rows: list[int] = msgspec.json.decode((workshop.run_folder("train") / "rows.json").read_bytes())
    return rows


def card(model: Path) -> ModelCard:
    best = (0.5, 0.45, 0.55)
    row = Score(
        kind="generated", measure="chamfer", mmd=best, coverage=best, one_nna=best, shapes=24, references=24
    )  # fmt: skip
    about = read_model_about(model)
    return ModelCard(
        name="airplane", title="Airplane", method="basis", categories=("airplane",), parts=about.vocabulary,
        conditions={"attribute:engines": ("2", "4")}, data="procedural generator, version 1", generator=1, training=6,
        unseen=24, settings=msgspec.to_builtins(about.settings), command="python -m engine models --category airplane",
        device="CPU", seconds={"fit": 100.0}, scores=(row, msgspec.structs.replace(row, kind="real")),
        verdicts={"copy": 0.25, "new": 0.75}, verdicts_unseen={"copy": 0.0, "new": 1.0},
        closed=Closed(shapes=8, watertight=8, one_shell=6), closed_real=Closed(shapes=4, watertight=4, one_shell=4),
        drawn_again=3,
        tried="Wider experts gave **nothing**.", origin="made here", licence="CC0-1.0", hash=hash_of_file(model),
        hashes={}, size=1,
    )  # fmt: skip


def test_packing_makes_the_file_smaller_and_changes_no_shape(workshop: Project, folder: Path) -> None:
    """The denoiser takes half the room and draws the same; what decodes is as it was, so latents keep their meaning."""
    source, place = workshop.run_folder("train") / "model.safetensors", folder / f"airplane{MODEL}"
    assert place.stat().st_size < source.stat().st_size
    before, after = read_model_about(source), read_model_about(place)
    assert before.items and after == msgspec.structs.replace(before, items=())
    assert representation_of(source).meaning() == representation_of(place).meaning()
    assert 0 < ended(drift(source, place)) < SAME and ended(drift(source, source)) == 0


def test_statistics_of_latents_stay_exact(workshop: Project, folder: Path) -> None:
    """Means and deviations, by which every sample is scaled, are rows and not matrices: they keep full precision."""
    about = read_model_about(folder / f"airplane{MODEL}")
    found = []
    for path in (workshop.run_folder("train") / "model.safetensors", folder / f"airplane{MODEL}"):
        trainee = methods.load(about.settings).trainee(about.settings, about.layout, about.sizes)
        load_model(path, {"trainee": trainee})
        assert isinstance(trainee, Denoiser)
        found.append((trainee.mean, trainee.std))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def test_a_known_shape_is_a_copy_and_a_far_one_is_not(folder: Path) -> None:
    known = read_known_file(folder / f"airplane{KNOWN}")
    rows = known.shapes.latent.numpy()
    same = ended(nearness([str(i) for i in range(len(rows))], rows, known))
    assert [one.nearest for one in same] == list(known.about.items) and all(one.percentile == 0 for one in same)
    far = ended(nearness(["far"], rows[:1] + 100 * rows.std(0), known))
    assert far[0].percentile == 100


def test_an_empty_folder_becomes_a_project_that_draws(models: Path, tmp_path: Path) -> None:
    """Drawn and written in one go; the run says which model drew, the files read back with named parts."""
    place = tmp_path / "new"
    words = ["generate", "--category", "airplane", "--count", "2", "--seed", "3"]
    words += ["--out", str(tmp_path / "glb"), "--resolution", "48", "--as-drawn", "--project", str(place), "--json"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    result = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert result["model"] == "shipped:airplane"
    written = [Path(file["path"]) for file in result["files"]]
    assert written and not result["refused"] and len(written) + len(result["empty"]) == 2
    assert all(set(read(path).parts) <= set(procedural.PARTS["airplane"]) for path in written)
    with Project(place) as project:
        job = project.job(result["run"])
        assert isinstance(job, GenerateJob) and (job.seed, job.count, job.picture) == (3, 2, False)


def test_shapes_outlive_the_model_that_drew_them(
    models: Path, tmp_path: Path, workshop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mixed, healed and told of after the program has come to bring along nothing; joints judged as in the workshop."""
    with Project.create(tmp_path / "p") as project:
        drawn = finished(GenerateJob(model="shipped:airplane", count=3, seed=1, picture=False, whole=False), project)
        assert [one["shape"] for one in drawn["nearest"]] == drawn["shapes"]
        space = Workspace(project.folder, torch.device("cpu"))
        model = ended(open_model("shipped:airplane", project, space))
        monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "nothing"))
        (kept,) = (project.folder / shipped.VERSIONS).rglob(f"*{CARD}")
        kept.write_text('{"origin": "made here", "licence": "CC0-1.0", "version": 9}')  # cards come to say other things
        with pytest.raises(InputError, match="no model called"):
            ended(open_model("shipped:airplane", project, space))
        version = f"shipped:airplane@{model.hash}"
        usual, own = ended(usual_of(version, project, space)), ended(usual_of("fit", workshop, space))
        assert usual.limits == own.limits and usual.meaning == model.representation.meaning()
        assert np.allclose(usual.points, own.points, atol=1e-3)
        base, other = drawn["shapes"][:2]
        part = next(
            name for name in project.catalogue.shape(base).present if name in project.catalogue.shape(other).present
        )
        mixed = finished(MixJob(base=base, parts={part: other}), project)
        healed = finished(HealJob(shape=mixed["shapes"][0]), project)
        assert healed["joint score after"] <= healed["joint score before"]
        told = card_of(project.catalogue.shape(healed["shapes"][0]), project)
        assert [(one.origin, one.licence) for one in told.sources] == [("made here", "CC0-1.0")]
        assert len(msgspec.json.encode(told)) < 5_000


def test_a_mesh_fitted_with_a_shipped_model_is_healed_as_its_shapes_are(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the joints and the denoiser of the version that it was fitted with, also when that is no longer brought along."""
    with Project.create(tmp_path / "p") as project:
        (item,) = finished(SamplesJob(category="airplane", count=1, seed=5), project)["items"]
        settings = read_model_about(models / f"airplane{MODEL}").settings
        fitted = finished(FitJob(settings=settings, items=(item["id"],), model="shipped:airplane"), project)
        monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "nothing"))
        healed = finished(HealJob(shape=fitted["shapes"][0]["id"]), project)
        assert healed["joint score after"] <= healed["joint score before"]


def test_another_version_of_a_model_does_not_stand_in(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="brings along another airplane model"):
        shipped.shipped_file("shipped:airplane@0123456789abcdef", project=tmp_path)


def test_the_model_of_the_project_draws_before_the_shipped_one(models: Path, tmp_path: Path, workshop: Project) -> None:
    assert model_to_draw_with(workshop, "airplane") == model_to_draw_with(workshop) == "train"
    assert model_to_draw_with(None, "airplane") == "shipped:airplane"
    with pytest.raises(InputError, match="airplane"):
        model_to_draw_with(None)
    with pytest.raises(InputError, match="that knows chair"):
        model_to_draw_with(workshop, "chair")
    with pytest.raises(InputError, match="of semantic"):
        model_to_draw_with(workshop, "airplane", "semantic")


def test_a_model_of_an_older_version_is_passed_over(models: Path, workshop: Project, tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        for name, about in {"good": None, "old": {"settings": {"method": "basis"}}}.items():
            project.catalogue.new_run("train", "basis", name)
            path = project.run_folder(name) / "model.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            if about is None:
                shutil.copyfile(model_path("train", workshop), path)
            else:
                save_model(path, {"trainee": torch.nn.Linear(1, 1)}, about)
            project.catalogue.end_run(name, "finished")
            assert model_to_draw_with(project, "airplane") == model_to_draw_with(project) == "good"
        project.forget("good")
        assert model_to_draw_with(project, "airplane") == "shipped:airplane"
        with pytest.raises(InputError, match="old.*train again if it is one of an older version"):
            model_to_draw_with(project)


def test_a_broken_card_says_so(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(models, tmp_path / "m")
    (tmp_path / "m" / f"airplane{CARD}").write_text("{}")
    monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "m"))
    with pytest.raises(Exception, match="install the program again"):
        shipped.shipped_cards()


def test_a_page_says_what_the_card_says(folder: Path) -> None:
    (found,) = [card(folder / f"airplane{MODEL}")]
    text = page(found)
    for words in ("6 shapes", "`python -m engine models", "50.0% [45.0%, 55.0%]", "real, training", "25.0% are copy"):
        assert words in text, words
    assert "75.0% are so in one shell" in text and "engines (2, 4)" in text and "**nothing**" in text
    assert "shifted" not in text and "in 5 shapes a part was shifted" in page(msgspec.structs.replace(found, moved=5))


def test_models_are_listed_by_the_chamfer_distance_of_their_own_shapes(folder: Path) -> None:
    """Not by whichever of the distances and rows is best."""
    found = card(folder / f"airplane{MODEL}")
    (row,) = [one for one in found.scores if one.kind == "generated"]
    other = msgspec.structs.replace(row, measure="emd-256-seed-0", one_nna=(0.4, 0.3, 0.5))
    real = msgspec.structs.replace(row, kind="real", one_nna=(0.3, 0.2, 0.4))
    worse = msgspec.structs.replace(row, one_nna=(0.7, 0.6, 0.8))
    assert msgspec.structs.replace(found, scores=(other, real, worse)).one_nna == 0.7
    assert msgspec.structs.replace(found, scores=(other, real)).one_nna is None
    assert CHAMFER.name == shipped.CHAMFER


def test_every_category_of_the_generator_has_a_recipe() -> None:
    assert tuple(RECIPES) == procedural.CATEGORIES
    for recipe in RECIPES.values():
        assert recipe.settings and 0.8 * recipe.made > recipe.training and 0.2 * recipe.made > recipe.unseen


def test_shipped_models_are_whole() -> None:
    """What lies in the checkout: every file as its card says, loadable, of this generator, 20 MB together."""
    total = 0
    for one in shipped.shipped_cards():
        total += one.size
        assert one.generator == procedural.VERSION
        for name, wanted in one.hashes.items():
            data = (shipped.folder() / name).read_bytes()
            assert sha256(data).hexdigest() == wanted, name
        about = read_model_about(shipped.shipped_file(f"shipped:{one.name}"))
        assert about.categories == one.categories and about.vocabulary == one.parts
        if not one.reads_words:
            known = read_known_file(shipped.shipped_file(f"shipped:{one.name}", KNOWN))
            assert known.about.of == one.training
    assert total <= 20_000_000
