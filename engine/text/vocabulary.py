"""The words that an encoder knows by number, frozen with a model."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.storage import digest
from engine.text.prompts import words_of
from engine.text.settings import MOST_WORDS
from engine.text.spelling import recognised

PADDING, UNKNOWN, FIRST = 0, 1, 2  # numbers of no word, of a word that is not in the vocabulary, of its first word


class Vocabulary(msgspec.Struct, frozen=True):
    """Words in the order of their numbers; goes into the header of a model, whose encoder is of no use without it."""

    words: tuple[str, ...]

    @staticmethod
    def of(texts: Iterable[str]) -> "Vocabulary":
        """All words of some texts, in alphabetical order. Raises InputError when there is none."""
        found = sorted({word for text in texts for word in words_of(text)})
        if not found:
            raise InputError("the captions have no words; give the shapes a category or captions")
        return Vocabulary(tuple(found))

    def __len__(self) -> int:
        """How many numbers there are, with those of padding and of unknown words."""
        return FIRST + len(self.words)

    @property
    def hash(self) -> str:
        """What tells two vocabularies apart."""
        return digest("\n".join(self.words).encode())

    def ids(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(B, MOST_WORDS) numbers of the words of each text, PADDING behind them; a text without a word is one UNKNOWN.

        A word that is only known with an s more or less gets that word's number.
        """
        number = {word: FIRST + i for i, word in enumerate(self.words)}
        ids = np.full((len(texts), MOST_WORDS), PADDING, np.int64)
        for row, text in zip(ids, texts, strict=True):
            found = [number.get(recognised(word, number) or "", UNKNOWN) for word in words_of(text)[:MOST_WORDS]]
            row[: max(len(found), 1)] = found or [UNKNOWN]
        return ids

    def unknown(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Words of the texts that are not in the vocabulary, each once."""
        known = frozenset(self.words)
        said = (word for text in texts for word in words_of(text))
        return tuple(dict.fromkeys(word for word in said if recognised(word, known) is None))
