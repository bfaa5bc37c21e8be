"""What the window asks of prompts: what a model knows by its file, what it makes of a prompt, lists of prompts as jobs."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.datasets.procedural import CATEGORIES
from engine.errors import DamagedFileError, InputError
from engine.jobs import GenerateJob
from engine.text.asking import Known, _captions, category_of, change_of, examples, jobs_of, known_of, look, prompt_of
from engine.text.captions import vocabulary_of_captions
from engine.text.phrases import phrases
from engine.text.prompts import words_of
from engine.text.spelling import check

WORDS = vocabulary_of_captions().words
PROMPTS = _captions(WORDS, CATEGORIES)
KNOWN = Known(WORDS, CATEGORIES, tuple(PROMPTS), tuple(PROMPTS.values()))


def model_file(path: Path, words: bytes, header: str) -> Path:
    save_file({"representation.words": np.frombuffer(words.ljust(64, b"\0"), np.uint8)}, path, {"shape_studio": header})
    return path


def test_a_prompt_goes_into_a_job_and_comes_out() -> None:
    for prompt in ("a chair", 'a "round" table', "ein Stuhl = café\\", "null", ""):
        job = GenerateJob(model="m", count=1, changes=("sampler.steps=3", change_of(prompt)))
        assert prompt_of(job.changes) == prompt
    assert prompt_of(("sampler.prompt=a chair",)) == "a chair"
    assert prompt_of(("sampler.steps=3",)) == ""


def test_a_list_is_a_job_for_each_line() -> None:
    like = GenerateJob(model="m", count=3, seed=5, changes=(change_of("old"), "sampler.steps=3"), run="taken")
    made = jobs_of("a chair\n\n# not this\n a  mug ", like)
    assert [prompt_of(job.changes) for job in made] == ["a chair", "a mug"]
    assert {(job.count, job.seed, job.run, job.changes[0]) for job in made} == {(3, 5, "", "sampler.steps=3")}
    with pytest.raises(InputError, match="line 3: '!' has no word"):
        jobs_of("a chair\n\n!", like)


def test_what_a_model_knows_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "runs" / "train-1").mkdir(parents=True)
    about = '{"type":"model","about":{"categories":["chair"],"settings":{}},"sha256":"","version":1}'
    model_file(tmp_path / "runs/train-1/model.safetensors", b'["a","arms","chair","with"]', about)
    known = known_of("train-1", tmp_path)
    assert known == Known(("a", "arms", "chair", "with"), ("chair",), ("a chair", "a chair with arms"), ("chair",) * 2)
    assert examples(known) == ("a chair with arms", "a chair")
    assert known_of("shipped:chair", tmp_path) is None  # a model that reads no words
    with pytest.raises(InputError, match="finished training"):
        known_of("train-2", tmp_path)
    with pytest.raises(DamagedFileError):
        known_of(str(model_file(tmp_path / "bad.safetensors", b"[", about)), tmp_path)


def test_examples_are_of_known_words_and_of_all_categories() -> None:
    made = examples(KNOWN, 12)
    assert len(set(made)) == 12
    assert {category_of(one) for one in made} == set(CATEGORIES)
    assert all(check(one, WORDS).said() == "" for one in made)


@pytest.mark.parametrize(
    ("prompt", "category"),
    [
        ("a table lamp", "lamp"),
        ("a lamp for tables", "lamp"),
        ("two coffee tables", "table"),
        ("a light aircraft", "airplane"),
        ("a light", "lamp"),
        ("cup for tea", "mug"),
        ("something nice", ""),
        ("", ""),
    ],
)
def test_the_longest_noun_names_the_category(prompt: str, category: str) -> None:
    assert category_of(prompt) == category
    assert category_of(prompt, ("sofa_bed",)) == ""
    assert category_of(f"{prompt} sofa bed", ("sofa_bed",)) == "sofa_bed"


def test_every_noun_names_its_category() -> None:
    for category, own in phrases().items():
        for noun in (*own.noun, *(noun for value in own.attributes["type"].values() for noun in value.noun)):
            assert category_of(f"a {noun}") == category, noun


def test_a_look_tells_slips_the_category_and_the_nearest_caption() -> None:
    found = look("please make me a stol with 3 leggs and a flux", KNOWN)
    assert found.corrected == (("stol", "stool"), ("leggs", "legs"))
    assert (found.category, found.unknown) == ("chair", ("flux",))
    assert found.nearest == "a stool with three legs" and 0.5 < found.likeness < 1
    assert look("a stool with three legs", KNOWN).likeness == pytest.approx(1)
    assert look("zyzzyva", KNOWN).nearest == "" and look("zyzzyva", KNOWN).likeness == 0
    assert look("", KNOWN).said() == ""
    assert look("a classic chair", KNOWN).said() == "classic left out, as no caption of such a thing has it"


def test_words_are_no_slips_where_all_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    words = np.frombuffer(b'["chair"]', np.uint8)
    save_file({"representation.words": words, "representation.encoder": words}, path, {"shape_studio": "{}"})
    known = known_of(str(path), tmp_path)
    assert known is not None and known.reads_all
    found = look("a chairt", known)
    assert (found.text, found.corrected, found.unknown) == ("a chairt", (), ("chairt",))
    assert look("a chairt", Known(("chair",), (), ())).text == "a chair"


def test_what_is_denied_is_not_taken_for_said() -> None:
    assert look("a chair without arms", KNOWN).nearest == "a chair without arms"
    assert look("a chair with arms", KNOWN).nearest == "a chair with arms"


def test_several_facts_that_it_knows_are_known_together() -> None:
    found = look("a swept-wing aeroplane with two engines", KNOWN)
    assert {"swept", "wing", "two", "engines"} <= set(words_of(found.nearest))
    assert found.likeness > 0.9


def test_it_keeps_up_with_typing() -> None:
    begun = time.process_time()
    for end in range(1, 30):
        look("a swept-wing aeroplane with two engines"[:end], KNOWN)
    assert time.process_time() - begun < 29 * 0.05


def test_the_window_may_import_it() -> None:
    code = (
        "import sys, engine.text.asking; sys.exit(any(name in sys.modules for name in ('torch', 'trimesh', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
