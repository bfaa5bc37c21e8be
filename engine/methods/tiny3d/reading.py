"""Prompts as the denoiser is told them: words put right, and what the model cannot know said."""

import torch
from torch import Tensor

from engine.clouds.representation import CloudRepresentation
from engine.methods.tiny3d.denoiser import PointDenoiser
from engine.protocol import Note, Stage
from engine.text.encoder import require
from engine.text.kinds import kind_said, told_strange, words_heard
from engine.text.opening import mark_from_bytes, opening
from engine.text.prompts import words_of
from engine.text.settings import MOST_WORDS
from engine.text.spelling import check


def read_prompt(
    prompt: str, trainee: PointDenoiser, clouds: CloudRepresentation, folder: str = ""
) -> Stage[Tensor | None]:
    """(1, dim) that tell the denoiser a prompt; None for clouds of anything, which is said where words were meant.

    Words that no caption had, or none of the category that the prompt names, are left out where the model has an encoder of
    its own: there they have learned nothing. So are those that say nothing of a shape, see `words_heard`. An encoder from
    elsewhere reads them all. folder : of that one's weights, when not where training found them. Raises InputError for
    another encoder than the model was trained with.
    """
    if not prompt.strip():
        return None
    own = clouds.settings.text.encoder == "words"
    encoder = None if own else (yield from opening(clouds.settings.text, folder))
    if encoder:
        require(mark_from_bytes(clouds.encoder), encoder)
    checked = check(prompt, clouds.vocabulary.words, encoder.spelled if encoder else ())
    if said := checked.said():
        guess = ", so what they mean is guessed" if checked.unknown and not own else ""
        yield Note(text=said + guess, warning=bool(checked.unknown))
    known, strange = words_heard(checked.known, clouds.vocabulary.words) if own else ("", ())
    if strange:
        yield Note(text=told_strange(strange))
    if own and len(words_of(known)) > MOST_WORDS:
        yield Note(text=f"only the first {MOST_WORDS} words of the prompt are read", warning=True)
    if not (known if own else words_of(checked.text)):
        yield Note(text="the prompt has no word that the model knows, so clouds of anything come", warning=True)
        return None
    numbers = encoder.encode([checked.text]) if encoder else torch.from_numpy(clouds.vocabulary.ids([known]))
    with torch.no_grad():
        return trainee.read(numbers.to(trainee.device))


def read_kind(
    prompt: str, trainee: PointDenoiser, clouds: CloudRepresentation, folder: str = ""
) -> Stage[Tensor | None]:
    """(1, dim) that tell the denoiser the bare kind of thing that a prompt names, see `kind_said`; None where it names none
    that captions had. The rest as `read_prompt`."""
    vocabulary = clouds.vocabulary
    if not (kind := kind_said(check(prompt, vocabulary.words).text, vocabulary.words)):
        return None
    return (yield from read_prompt(kind, trainee, clouds, folder))
