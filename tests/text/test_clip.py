"""CLIP's text tower on small random weights in its layout, against the paper by hand; byte pairs on awkward text."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.errors import InputError
from engine.text import clip
from engine.text.bpe import END, START, WORD_END, BytePairs, letters_of_bytes, split
from engine.text.clip import ClipTextEncoder
from tests.text.by_hand import Weights, clip_sentence

MERGES = ["#version: 0.2", "a r", "c h", "ch a", "ar m</w>", "cha i", "chai r</w>", "t a", "i l</w>", "ta il</w>", ""]
JOINED = [line.replace(" ", "") for line in MERGES[1:] if line]
VOCABULARY = {
    token: i
    for i, token in enumerate(
        [*letters_of_bytes(), *(one + WORD_END for one in letters_of_bytes()), *JOINED, START, END]
    )
}
TEXT = {
    "model_type": "clip_text_model", "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2,
    "intermediate_size": 20, "vocab_size": len(VOCABULARY), "max_position_embeddings": 9, "hidden_act": "quick_gelu",
}  # fmt: skip
TEXTS = ["a chair", "Armchair, t-tail!", "", "café 椅", "chair " * 20]


def random_weights() -> Weights:
    rng = np.random.default_rng(0)
    shapes = clip._shapes(12, 20, 2, len(VOCABULARY), 9, 8)
    return {
        name: rng.normal(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def folder_of(tmp_path: Path, config: dict[str, object], weights: Weights | None = None) -> Path:
    vision = {
        "vision_model.embeddings.class_embedding": np.zeros(4, np.float32),
        "logit_scale": np.zeros(1, np.float32),
    }
    save_file((weights or random_weights()) | vision, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(config))
    (tmp_path / "vocab.json").write_bytes(msgspec.json.encode(VOCABULARY))
    (tmp_path / "merges.txt").write_text("\n".join(MERGES), "utf-8")
    return tmp_path


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_the_forward_is_clip_by_hand(tmp_path: Path, activation: str, whole: bool) -> None:
    text = TEXT | {"hidden_act": activation}
    config = {"model_type": "clip", "projection_dim": 8, "text_config": text} if whole else text | {"projection_dim": 8}
    encoder = ClipTextEncoder(folder_of(tmp_path, config))
    double = {name: tensor.astype(float) for name, tensor in random_weights().items()}
    ids = [BytePairs(VOCABULARY, MERGES).ids(text, 9) for text in TEXTS]
    expected = np.stack([clip_sentence(double, row, 2, 3, activation == "quick_gelu") for row in ids])
    np.testing.assert_allclose(encoder.encode(TEXTS).numpy(), expected, atol=2e-6)
    assert encoder.id.startswith("clip-") and encoder.dim == 8
    tokens, there = encoder.encode_tokens(TEXTS)
    assert tokens.shape == (5, 9, 12) and there.sum(1).tolist() == [len(row) for row in ids]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_hidden_layers": 3}, "layers.2.*there is none"),
        ({"projection_dim": 16}, "text_projection"),
        ({"hidden_act": "relu"}, "relu"),
        ({"model_type": "bert"}, "bert"),
        ({"num_attention_heads": 5}, "5 heads"),
        ({"vocab_size": 10}, "vocab.json has numbers"),
    ],
)
def test_a_folder_that_does_not_fit_together_says_so(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ClipTextEncoder(folder_of(tmp_path, TEXT | {"projection_dim": 8} | change))


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model.safetensors"):
        ClipTextEncoder(tmp_path)
    (folder_of(tmp_path, TEXT | {"projection_dim": 8}) / "merges.txt").unlink()
    with pytest.raises(InputError, match="merges.txt"):
        ClipTextEncoder(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Armchair", ["ar", "m", "chair</w>"]),
        ("chairs", ["chai", "r", "s</w>"]),
        ("arm TAIL", ["arm</w>", "tail</w>"]),
        ("é", [letters_of_bytes()[0xC3], letters_of_bytes()[0xA9] + WORD_END]),
        ("e\u0301", [letters_of_bytes()[0xC3], letters_of_bytes()[0xA9] + WORD_END]),
        ("a\n 12", ["a</w>", "1</w>", "2</w>"]),
        ("\ud800", ["?</w>"]),
    ],
)
def test_byte_pairs_of_awkward_text(text: str, expected: list[str]) -> None:
    ids = BytePairs(VOCABULARY, MERGES).ids(text, 77)
    assert ids == [VOCABULARY[one] for one in [START, *expected, END]]


def test_every_byte_has_a_letter_of_its_own() -> None:
    letters = letters_of_bytes()
    assert len(set(letters)) == 256 and all(one.isprintable() and not one.isspace() for one in letters)
    assert letters[ord("a")] == "a" and letters[ord(" ")] == "Ġ" and letters[ord("\n")] == "Ċ"


def test_words_are_parted_as_published() -> None:
    assert split("It's 42nd-rate!'ll  ok’s") == ["it", "'s", "4", "2", "nd", "-", "rate", "!'", "ll", "ok", "’", "s"]
    assert split("we'll _a_ ½x") == ["we", "'ll", "_", "a", "_", "½", "x"]


def test_files_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="endoftext"):
        BytePairs({START: 0}, MERGES)
    with pytest.raises(InputError, match="not a pair"):
        BytePairs(VOCABULARY, ["a b c"])
    few = {token: i for token, i in VOCABULARY.items() if token != "arm</w>"}
    with pytest.raises(InputError, match="arm</w>"):
        BytePairs(few, MERGES).ids("arm", 9)
