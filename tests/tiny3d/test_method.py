"""tiny3d from items to files: by the command line, with the words of a prompt, and seen while clouds form."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from engine import Project, methods, run, shipped
from engine.clouds.representation import CloudRepresentation
from engine.clouds.told import facts_in
from engine.errors import InputError
from engine.forming import KIND, Forming
from engine.generating import model_to_draw_with
from engine.jobs import FitJob, GenerateJob, InterpolateJob, SamplesJob, TrainJob
from engine.layout import Layout, Slot
from engine.mailbox import Preview
from engine.method import Batch, Data, Workspace
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.opened import open_model, open_shape
from engine.protocol import Note
from engine.settings import override
from engine.stages import ended
from engine.storage import read_tensors
from engine.text.asking import prompt_of
from engine.text.captions import vocabulary_of_captions
from tests.command_line import call
from tests.hearing import finished, heard

SMOKE = methods.preset("tiny3d", "smoke")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str]]:
    """Tables, which are flat and wide, and lamps, learned for some seconds."""
    torch.set_num_threads(1)
    with Project.create(tmp_path_factory.mktemp("tiny3d") / "p") as project:
        for category in ("table", "lamp"):
            finished(SamplesJob(category=category, count=8, seed=3), project)
        settings = override(SMOKE, ["train.steps=150"])
        fitted = finished(FitJob(settings=settings), project)
        yield project, finished(TrainJob(settings=settings, fit=fitted["run"]), project)["run"]


def clouds(project: Project, name: str, model: str, *changes: str, count: int = 4, seed: int = 0) -> np.ndarray:
    finished(GenerateJob(model=model, count=count, seed=seed, changes=changes, picture=False, run=name), project)
    rows = read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]
    return rows.reshape(count, -1, 3)


def test_words_say_what_comes(trained: tuple[Project, str]) -> None:
    """From the same noise, what is asked for as a table is wider than what is asked for as a lamp."""
    project, model = trained
    wide = {
        word: clouds(project, word, model, f"sampler.prompt=a {word}", "sampler.guidance_scale=3", count=8)
        for word in ("table", "lamp")
    }
    spread = {word: points.std(1)[:, [0, 2]].mean() / points.std(1)[:, 1].mean() for word, points in wide.items()}
    assert spread["table"] > 1.15 * spread["lamp"]


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp-2m", "heun"])
def test_any_number_of_points(trained: tuple[Project, str], sampler: str) -> None:
    """Each shape hangs on its seed alone; a cloud of any number of points is a shape that opens again."""
    project, model = trained
    asked = (f"sampler.sampler={sampler}", "sampler.steps=4", "sampler.points=33")
    made = clouds(project, sampler, model, *asked)
    assert made.shape == (4, 33, 3)
    fewer = clouds(project, f"{sampler}-2", model, *asked, count=2)
    assert np.allclose(made[:2], fewer, atol=0.05)  # a batch of another size rounds otherwise
    work = Workspace(project.folder, torch.device("cpu"))
    assert np.array_equal(ended(open_shape(f"{sampler}/0001", project, work)).decoded().points, made[1])


def test_emphasis_counts_where_more_is_said_than_the_kind(trained: tuple[Project, str]) -> None:
    project, model = trained
    made = {}
    for name, prompt in {"more": "a round table", "kind": "a table", "none": "with four legs"}.items():
        for emphasis in (1, 3):
            changes = (f"sampler.prompt={prompt}", f"sampler.emphasis={emphasis}", "sampler.points=20")
            made[name, emphasis] = clouds(project, f"{name}-{emphasis}", model, *changes, count=1)
    assert not np.allclose(made["more", 1], made["more", 3], atol=0.05)
    assert np.allclose(made["kind", 1], made["kind", 3], atol=0.05)
    assert np.array_equal(made["none", 1], made["none", 3])


def test_slips_are_read_and_strange_words_told(trained: tuple[Project, str]) -> None:
    project, model = trained
    job = GenerateJob(model=model, count=1, changes=("sampler.prompt=a tabel made of xylophones",), picture=False)
    told = " ".join(event.text for event in run(job, project) if isinstance(event, Note))
    assert "tabel was read as table" in told
    assert "xylophones" in told


def test_words_that_were_never_learned_say_nothing(trained: tuple[Project, str]) -> None:
    """Neither those of no category nor those of one that the model has not seen; with no other words, anything comes."""
    project, model = trained
    prompts = {"known": "a table", "more": "a zyzzyva table", "none": "zyzzyva fuselage", "nothing": ""}
    made = {
        name: clouds(project, f"words-{name}", model, f'sampler.prompt="{said}"', "sampler.points=20", count=1)
        for name, said in prompts.items()
    }
    assert np.array_equal(made["known"], made["more"])
    assert np.array_equal(made["none"], made["nothing"])
    assert not np.array_equal(made["known"], made["nothing"])


def test_what_a_cloud_cannot_do_is_said(trained: tuple[Project, str]) -> None:
    project, model = trained
    clouds(project, "two", model, "sampler.points=20", count=2)
    with pytest.raises(InputError, match="in no order"):
        finished(InterpolateJob(shapes=("two/0000", "two/0001"), frames=3), project)
    asked = [
        GenerateJob(model=model, count=1, category="table"),
        GenerateJob(model=model, count=1, with_parts=("leg",)),
        GenerateJob(model=model, count=1, attributes={"legs": "four"}),
    ]
    for job in asked:
        with pytest.raises(InputError, match="asked in words"):
            finished(job, project)


def test_prompts_find_a_model_that_reads_them(
    trained: tuple[Project, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing comes with the program, it is not asked by a category."""
    monkeypatch.setenv(shipped.ELSEWHERE, str(tmp_path / "none"))
    project, _ = trained
    assert model_to_draw_with(project, words=True) in {run_.id for run_ in project.catalogue.runs("train")}
    with pytest.raises(InputError, match="no trained model that knows table"):
        model_to_draw_with(project, "table")


def test_clouds_are_seen_at_every_step(trained: tuple[Project, str]) -> None:
    """Previews carry the guess of each step, from a blur to what is kept."""
    project, model = trained
    job = GenerateJob(
        model=model,
        count=2,
        changes=("sampler.points=40", "sampler.steps=10"),
        picture=False,
        previews=True,
        run="seen",
    )
    seen = [
        event.arrays["points"].copy()
        for event in run(job, project)
        if isinstance(event, Preview) and event.kind == KIND and "points" in event.arrays
    ]
    kept = read_tensors(project.run_folder("seen") / "latents.safetensors")[0]["latent"].reshape(2, 40, 3)
    assert len(seen) >= 4
    away = [float(np.abs(points - kept).mean()) for points in seen]
    assert away[-1] < 1e-3
    assert away[0] > 5 * away[-1]


def test_first_guesses_may_lie_anywhere() -> None:
    """Points that no picture and no half-precision number holds are shown at the edge of what can be."""
    torch.manual_seed(0)
    forming = Forming(CloudRepresentation(Tiny3dSettings()), 1, torch.device("cpu"))
    (seen,) = forming.look(range(1), 0.5, 1e6 * torch.randn(1, 30))
    assert isinstance(seen, Preview)
    assert np.isfinite(seen.arrays["points"]).all() and np.abs(seen.arrays["points"]).max() > 1


def test_a_model_says_what_it_was_made_with(trained: tuple[Project, str]) -> None:
    """The words travel with the model's file: it reads prompts without the items that it learned from."""
    project, model = trained
    opened = ended(open_model(model, project, Workspace(project.folder, torch.device("cpu"))))
    assert isinstance(opened.representation, CloudRepresentation) and isinstance(opened.trainee, PointDenoiser)
    words = opened.representation.vocabulary.words
    assert {"table", "lamp"} <= set(words)
    assert set(words) == set(vocabulary_of_captions(("lamp", "table")).words)  # no others, which no training has said
    assert 0 < float(opened.trainee.scale) < 0.5


def test_a_step_learns_as_many_points_as_it_is_told() -> None:
    settings = override(SMOKE, ["denoiser.points=20"])
    method = methods.load(settings)
    trainee = method.trainee(settings, Layout((Slot("points", (64, 3)),)), {})
    assert isinstance(trainee, PointDenoiser)
    seen: list[int] = []
    trainee.network.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    batch = Batch(torch.randn(2, 3 * 64), extras={"caption": torch.ones(2, 4, dtype=torch.int64)})
    method.loss(trainee, method.representation(settings, ()), settings, batch, torch.Generator().manual_seed(0))
    assert seen == [20]


def test_facts_beyond_those_that_are_learned_are_told_of(trained: tuple[Project, str]) -> None:
    """At the fit, by their number."""
    project, _ = trained
    data, work = Data(project, tuple(project.catalogue.items())), Workspace(project.folder, torch.device("cpu"))
    known = len(facts_in(data.items))
    for facts, told in ((0, ""), (known, ""), (known - 1, f"{known - 1} of the {known} facts")):
        made = CloudRepresentation(override(Tiny3dSettings(), [f"text.facts={facts}"]))
        _, events = heard(made.fit(data, work))
        notes = [event.text for event in events if isinstance(event, Note)]
        assert len(notes) == bool(told) and all(text.startswith(told) for text in notes)


def test_the_published_recipe_trains(trained: tuple[Project, str]) -> None:
    """It goes the same way, with noise as the target and coordinates from -1 to 1; its samples are finite."""
    project, _ = trained
    settings = override(SMOKE, ["train.steps=5", "train.recipe=published"])
    fit = next(run_.id for run_ in project.catalogue.runs("fit"))
    model = finished(TrainJob(settings=settings, fit=fit), project)["run"]
    assert np.isfinite(clouds(project, "published", model, "sampler.points=20", count=2)).all()


@pytest.mark.parametrize(
    "changes, words",
    [
        (("train.conditions=category",), "asked for in words"),
        (("fit.points=32",), "only denoiser, train, sampler"),
        (("denoiser.points=65",), "gives 64 points"),
    ],
)
def test_what_cannot_be_trained_says_why(trained: tuple[Project, str], changes: tuple[str, ...], words: str) -> None:
    project, _ = trained
    fit = next(run_.id for run_ in project.catalogue.runs("fit"))
    with pytest.raises(InputError, match=words):
        finished(TrainJob(settings=override(SMOKE, changes), fit=fit), project)


def test_models_without_words_refuse_a_prompt(trained: tuple[Project, str]) -> None:
    project, _ = trained
    with pytest.raises(InputError, match="takes no prompts"):
        finished(GenerateJob(model="shipped:airplane", count=1, changes=('sampler.prompt="a"',)), project)


def test_from_the_command_line_to_files(trained: tuple[Project, str], tmp_path: Path) -> None:
    """A prompt gives clouds as PLY files, as many points as asked for."""
    project, model = trained
    options = ["--project", str(project.folder), "--model", model, "--prompt", 'a "round" table', "--count", "2"]
    out = ["--out", str(tmp_path / "out"), "--format", "ply", "--set", "sampler.points=50", "--json"]
    told = call("generate", *options, *out).answer
    assert [Path(file["path"]).suffix for file in told["files"]] == [".ply", ".ply"]
    for file in told["files"]:
        head, _, body = Path(file["path"]).read_bytes().partition(b"end_header\n")
        assert b"element vertex 50" in head
        points = np.frombuffer(body, "<f4").reshape(50, 3)
        assert np.ptp(points, 0).max() > 0.1
        assert np.abs(points).max() < 2
    job = project.job(told["run"])
    assert isinstance(job, GenerateJob)
    assert msgspec.json.decode(job.changes[-1].partition("=")[2]) == 'a "round" table'


def test_a_list_of_prompts_is_a_run_for_each_line(trained: tuple[Project, str], tmp_path: Path) -> None:
    """Each result knows its prompt; a list that cannot be used is refused with its line before anything is made."""
    project, model = trained
    listed = tmp_path / "list.txt"
    options = ["--project", str(project.folder), "--model", model, "--prompts", str(listed), "--count", "1"]
    options += ["--set", "sampler.points=16", "--set", "sampler.steps=2", "--out", str(tmp_path / "out"), "--json"]
    command = ["generate", *options, "--format", "ply"]
    before = len(project.catalogue.runs("generate"))
    listed.write_text("a table\n?\n", "utf-8")
    assert "list.txt: line 2" in call(*command, status=2).stderr
    assert len(project.catalogue.runs("generate")) == before
    listed.write_text("\ufeffa round table\n\n# none\na lamp\n", "utf-8")
    told = call(*command).answer
    assert [one["prompt"] for one in told["prompts"]] == ["a round table", "a lamp"]
    for one in told["prompts"]:
        job = project.job(one["run"])
        assert isinstance(job, GenerateJob) and prompt_of(job.changes) == one["prompt"]
    assert len(told["files"]) == 2 and all(Path(file["path"]).is_file() for file in told["files"])
