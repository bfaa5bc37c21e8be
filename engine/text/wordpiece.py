"""WordPiece, the tokens of BERT (Wu et al. 2016; Devlin et al. 2019), for models without capital letters."""

import unicodedata
from collections.abc import Sequence

from engine.errors import InputError

LONGEST = 100  # letters of a word; longer ones are unknown, as published
CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """Text -> numbers of word pieces. ``lines``: the lines of vocab.txt, whose places are the numbers.

    Special tokens written out in a text ("[SEP]") are read as ordinary text.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.number = {piece: i for i, piece in enumerate(lines)}
        missing = [name for name in ("[CLS]", "[SEP]", "[PAD]", "[UNK]") if name not in self.number]
        if missing:
            raise InputError(f"vocab.txt lacks {', '.join(missing)}; it is not the vocabulary of a BERT model")

    def ids(self, text: str, most: int) -> list[int]:
        """[CLS], the pieces of the text, [SEP]; at most ``most`` in all, what is over is cut off before [SEP]."""
        pieces = [piece for word in split(text) for piece in self._pieces(word)]
        return [self.number["[CLS]"], *pieces[: most - 2], self.number["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        """The longest known piece from the left, again and again; one unknown when a rest cannot be had."""
        found: list[int] = []
        start = 0
        while start < len(word):
            ends = range(len(word), start, -1) if len(word) <= LONGEST else ()
            marks = (("##" if start else "") + word[start:end] for end in ends)
            piece = next((one for one in marks if one in self.number), None)
            if piece is None:
                return [self.number["[UNK]"]]
            found.append(self.number[piece])
            start += len(piece) - 2 * bool(start)
        return found


def split(text: str) -> list[str]:
    """Words and single marks of punctuation, small, without accents and control characters."""
    plain = unicodedata.normalize("NFD", "".join(_spaced(letter) for letter in text))
    small = "".join(letter for letter in plain if unicodedata.category(letter) != "Mn").lower()
    return "".join(f" {letter} " if _punctuation(letter) else letter for letter in small).split()


def _spaced(letter: str) -> str:
    code = ord(letter)
    if letter in "\t\n\r" or unicodedata.category(letter) == "Zs":
        return " "
    if code in (0, 0xFFFD) or unicodedata.category(letter).startswith("C"):
        return ""
    return f" {letter} " if any(low <= code <= high for low, high in CJK) else letter


def _punctuation(letter: str) -> bool:
    """ASCII's marks, letters of no alphabet, all count, also those that Unicode calls symbols."""
    code = ord(letter)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or unicodedata.category(letter).startswith("P")
