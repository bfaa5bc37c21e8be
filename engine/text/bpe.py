"""Byte pair encoding as CLIP uses it (Sennrich et al. 2016; Radford et al. 2021): vocab.json and merges.txt."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from engine.errors import InputError

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


@lru_cache(1)
def letters_of_bytes() -> tuple[str, ...]:
    """A printable letter for each of the 256 bytes: itself where it is one, else the next free one from 256 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte if byte in plain else next(others)) for byte in range(256))


class BytePairs:
    """Text -> numbers of tokens. ``merges``: lines of merges.txt, ``#version`` first, then pairs in the order of merging."""

    def __init__(self, number: Mapping[str, int], merges: Sequence[str]) -> None:
        for name in (START, END):
            if name not in number:
                raise InputError(f"vocab.json lacks {name}; it is not the vocabulary of a CLIP model")
        pairs = [tuple(line.split()) for line in merges if line.strip() and not line.startswith("#version")]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError("merges.txt: a line is not a pair; fetch the folder again")
        self.number, self.rank = number, {pair: i for i, pair in enumerate(pairs)}

    def ids(self, text: str, most: int) -> list[int]:
        """Start, the tokens of the text, end; at most ``most`` in all, what is over is cut off before the end.

        Raises InputError for a token that vocab.json lacks.
        """
        found = [token for word in split(text) for token in self._merged(word)]
        return [self.number[START], *(self._number(token) for token in found[: most - 2]), self.number[END]]

    def _number(self, token: str) -> int:
        if token not in self.number:
            raise InputError(
                f"vocab.json lacks the token {token!r}, which merges.txt makes; they do not belong together"
            )
        return self.number[token]

    def _merged(self, word: str) -> list[str]:
        """The bytes of a word as letters, the pair of lowest rank joined wherever it stands, until none is known."""
        tokens = [letters_of_bytes()[byte] for byte in word.encode("utf-8", "replace")]
        tokens[-1] += WORD_END
        while len(tokens) > 1:
            best = min(zip(tokens, tokens[1:], strict=False), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            joined: list[str] = []
            for token in tokens:
                if joined and (joined[-1], token) == best:
                    joined[-1] += token
                else:
                    joined.append(token)
            tokens = joined
        return tokens


def split(text: str) -> list[str]:
    """Runs of letters, single digits, endings such as 's, and runs of anything else; small letters, no space."""
    small = unicodedata.normalize("NFC", text).lower()
    words: list[str] = []
    i = 0
    while i < len(small):
        kind = _kind(small[i])
        ending = next((one for one in ENDINGS if small.startswith(one, i)), None)
        stop = i + 1
        if ending:
            stop = i + len(ending)
        elif kind in "L*":
            while stop < len(small) and _kind(small[stop]) == kind:
                stop += 1
        if kind != " ":
            words.append(small[i:stop])
        i = stop
    return words


def _kind(letter: str) -> str:
    """L a letter, N a digit, a blank, * anything else."""
    kind = unicodedata.category(letter)[0]
    return " " if letter.isspace() else kind if kind in "LN" else "*"
