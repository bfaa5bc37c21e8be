"""tiny3d told by an encoder from elsewhere: captions encoded once, and no other encoder taken than the model names."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from engine import Project, methods
from engine.clouds.encoded import Encoded, encode_captions
from engine.clouds.told import captions_of
from engine.errors import DamagedFileError, InputError
from engine.jobs import FitJob, GenerateJob, SamplesJob, TrainJob
from engine.method import Data
from engine.settings import override
from engine.stages import ended
from engine.storage import map_tensor, read_tensors
from engine.text.encoder import EncoderMark
from engine.text.minilm import MiniLMEncoder
from tests.hearing import finished
from tests.text.test_minilm import folder_of, random_weights


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str, Path]]:
    """A model that learned from captions in vectors of a small encoder of random weights; project, run, its folder."""
    torch.set_num_threads(1)
    weights = tmp_path_factory.mktemp("weights")
    folder_of(weights, random_weights())
    with Project.create(tmp_path_factory.mktemp("encoders") / "p") as project:
        finished(SamplesJob(category="chair", count=4, seed=3), project)
        changes = ["text.encoder=minilm", "text.dim=12", f"text.folder={weights}", "text.captions=5", "train.steps=5"]
        settings = override(methods.preset("tiny3d", "smoke"), changes)
        fitted = finished(FitJob(settings=settings), project)
        yield project, finished(TrainJob(settings=settings, fit=fitted["run"]), project)["run"], weights


def drawn(project: Project, name: str, model: str, *changes: str) -> np.ndarray:
    changes = ("sampler.points=20", "sampler.steps=3", *changes)
    finished(GenerateJob(model=model, count=1, changes=changes, picture=False, run=name, whole=False), project)
    return read_tensors(project.run_folder(name) / "latents.safetensors")[0]["latent"]


def test_each_caption_is_encoded_once_and_found_again(told: tuple[Project, str, Path], tmp_path: Path) -> None:
    project, _, weights = told
    encoder, items = MiniLMEncoder(weights, None), tuple(project.catalogue.items())
    path = tmp_path / "captions.safetensors"
    stopped = encode_captions(Data(project, items), encoder, 5, path)
    for _ in range(2):
        next(stopped)
    stopped.close()
    ended(encode_captions(Data(project, items), encoder, 5, path))
    texts = {text for item in items for text in captions_of(item, 5)}
    assert len(map_tensor(path, "vectors")[0]) == len(texts)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    for key in range(7):
        found = Encoded(path, encoder.mark).told(items, [key] * len(items)).numpy()
        said = [np.resize(np.array(captions_of(item, 5), object), 5)[key % 5] for item in items]
        np.testing.assert_allclose(found, encoder.encode(said).numpy(), atol=1e-3)
    with pytest.raises(DamagedFileError, match="not by clip-0"):
        Encoded(path, EncoderMark("clip", "0", 12))


def test_what_is_said_counts_also_in_words_that_no_caption_had(told: tuple[Project, str, Path]) -> None:
    project, model, _ = told
    asked = {name: f'sampler.prompt="{text}"' for name, text in {"one": "a zyzzyva", "two": "un un", "no": ""}.items()}
    made = {name: drawn(project, name, model, change, "sampler.guidance_scale=4") for name, change in asked.items()}
    assert not np.allclose(made["one"], made["no"], atol=1e-6)
    assert not np.allclose(made["one"], made["two"], atol=1e-6)


def test_another_encoder_is_refused(told: tuple[Project, str, Path], tmp_path: Path) -> None:
    """The right one is taken from wherever it lies now."""
    project, model, weights = told
    prompt = 'sampler.prompt="a chair"'
    folder_of(tmp_path, {name: tensor + 1 for name, tensor in random_weights().items()})
    with pytest.raises(InputError, match=r"trained with MiniLM with other weights .*; install it with"):
        drawn(project, "other", model, prompt, f"sampler.encoder_folder={tmp_path}")
    with pytest.raises(InputError, match=r"cannot be read .*model\.safetensors"):
        drawn(project, "nowhere", model, prompt, f"sampler.encoder_folder={tmp_path / 'none'}")
    save_file(load_file(weights / "model.safetensors"), tmp_path / "model.safetensors")
    moved = drawn(project, "moved", model, prompt, f"sampler.encoder_folder={tmp_path}")
    assert np.array_equal(moved, drawn(project, "stayed", model, prompt))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["text.encoder=minilm"], r"not 32; set text\.dim=12"),
        (["text.encoder=clip", "text.folder="], "name it: --set text.folder=FOLDER"),
        (["text.encoder=clip"], "not of a CLIP model"),
        (["text.encoder=minilm", "text.dim=12", "text.facts=4"], r"taught nothing more; set text\.facts=0, or"),
        (
            ["text.encoder=minilm", "text.dim=12", "text.facts=4", "text.shuffle=0.5"],
            r"text\.facts=0 and text\.shuffle=0",
        ),
    ],
)
def test_an_encoder_that_cannot_be_is_told_at_the_fit(
    told: tuple[Project, str, Path], changes: list[str], words: str
) -> None:
    project, _, weights = told
    settings = override(methods.preset("tiny3d", "smoke"), [f"text.folder={weights}", *changes])
    with pytest.raises(InputError, match=words):
        finished(FitJob(settings=settings), project)
