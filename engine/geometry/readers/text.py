"""Text of mesh files as arrays: encodings, line ends, tokens of lines, numbers."""

import codecs
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import MeshError

BLOCK = 4 * 2**20  # bytes of text that are split at a time, so that memory stays a small multiple of the file
SPACE = np.zeros(256, bool)
SPACE[[9, 10, 11, 12, 13, 32]] = True  # as bytes.split() has it
NEWLINE, HASH = 10, 35

_MARKS = (  # the longer mark first: the one of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, ""),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTINUED = re.compile(rb"(?m)^([^#\n]*)\\\n")


def plain(data: bytes) -> bytes:
    """Text without byte order mark, UTF-16 and UTF-32 turned into UTF-8, every line end (CRLF, CR) a newline."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if encoding:
                data = data.decode(encoding, errors="replace").encode("utf-8", errors="replace")
            break
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def join_continued(text: bytes) -> bytes:
    """Lines that end with a backslash joined with the next one; comments end with their line."""
    return _CONTINUED.sub(rb"\1 ", text) if b"\\\n" in text else text


def decode(name: bytes) -> str:
    """A name in a file as one line: UTF-8 or else Latin-1, spaces collapsed, no control characters."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    return one_line(text)


def one_line(text: str) -> str:
    """A name without control characters, spaces collapsed, at most 200 characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def blocks(text: bytes, size: int = BLOCK) -> Iterator[bytes]:
    """The text in pieces of whole lines of about ``size`` bytes."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start + size)
        end = len(text) if end < 0 else end + 1
        yield text[start:end]
        start = end


@dataclass(frozen=True)
class Lines:
    """Where lines and tokens of a text are.

    data : (B,) uint8, the text
    starts : (L + 1,) byte where each line starts, and the end of the text
    tokens : (T,) byte where each token starts
    first : (L + 1,) number of the first token of each line, and T
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """(L,) number of tokens of each line."""
        return np.diff(self.first)

    def keyword(self, line: int) -> bytes:
        """First token of a line, b"" when it is blank."""
        words = self.words(line, 1)
        return words[0] if words else b""

    def words(self, line: int, most: int = -1) -> list[bytes]:
        """Tokens of a line; with ``most``, that many and the rest of the line."""
        return self.data[self.starts[line] : self.starts[line + 1]].tobytes().split(None, most)

    def begin_with(self, word: bytes, fold: bool = False) -> NDArray[np.bool_]:
        """(L,) True for lines whose first token is ``word``; ``fold`` ignores the case of (lower-case) ``word``."""
        found = self.counts > 0
        at = self.tokens[self.first[:-1][found]]
        same = at + len(word) <= len(self.data)
        for place, letter in enumerate(word):
            byte = self.data[np.minimum(at + place, len(self.data) - 1)]
            same &= ((byte | 32) if fold else byte) == letter
        after = at + len(word)
        inside = after < len(self.data)
        same[inside] &= SPACE[self.data[after[inside]]]
        found[found] = same
        return found

    def pick(self, chosen: NDArray[np.bool_], skip: int = 0) -> bytes:
        """Text of the ``chosen`` lines, ``skip`` bytes of their first token blanked."""
        data = self.data
        if skip:
            data = data.copy()
            at = self.tokens[self.first[:-1][chosen]]
            for place in range(skip):
                data[at + place] = 32
        return data[np.repeat(chosen, np.diff(self.starts))].tobytes()


def split(text: bytes, comments: bool = False) -> Lines:
    """Lines and tokens of a text. With ``comments``, what follows a # in a line is blanked first."""
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == NEWLINE) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends])
    if comments and b"#" in text:
        data = _without_comments(data, starts)
    space = SPACE[data]
    tokens = np.flatnonzero(~space & np.concatenate([[True], space[:-1]])) if len(data) else np.zeros(0, np.int64)
    return Lines(data, starts, tokens, np.searchsorted(tokens, starts))


def _without_comments(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.uint8]:
    hashes = np.flatnonzero(data == HASH)
    line = np.searchsorted(starts, hashes, "right") - 1
    line, first = np.unique(line, return_index=True)
    change = np.zeros(len(data) + 1, np.int8)
    change[hashes[first]] += 1
    change[starts[line + 1]] -= 1
    comment = np.cumsum(change[:-1], dtype=np.int8).view(bool)
    return np.where(comment & (data != NEWLINE), np.uint8(32), data)


def numbers(text: bytes) -> NDArray[np.float64]:
    """(T,) value of every token of a text; NaN for a token that is not a number."""
    if not text.strip():
        return np.zeros(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # numpy before 2.4 warns where it now raises
            return np.fromstring(text, np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        return np.array([number(token) for token in text.split()], np.float64)


def number(token: bytes) -> float:
    """Value of one token; NaN when it is not a number."""
    try:
        return float(token) if b"_" not in token else np.nan
    except ValueError:
        return np.nan


def doubles(values: NDArray) -> NDArray[np.float64]:
    """Stored numbers as float64; NaN of every kind is let through."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def integers(values: NDArray[np.float64], other: int) -> NDArray[np.int64]:
    """Whole numbers below 2^53 as integers; ``other`` for everything else."""
    with np.errstate(invalid="ignore"):
        whole = (np.abs(values) < 2.0**53) & (np.floor(values) == values)
    return np.where(whole, values, other).astype(np.int64)


def no_text(data: bytes, form: str) -> None:
    """Raises MeshError when a file that should be text of a ``form`` is empty."""
    if not data.strip():
        raise MeshError(f"the file is empty; save the {form} file anew")
