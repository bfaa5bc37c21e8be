"""Prompts as people type them: cut into words, and several at once. No torch: the window may import this."""

import unicodedata

from engine.errors import InputError

LONGEST = 500  # characters of one prompt
MOST = 1000  # prompts of a list
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DIGITS = frozenset(str(number) for number in range(len(NUMBERS)))


def words_of(text: str) -> list[str]:
    """The words of a text: small letters without accents, and digits; everything else parts them. 2 is the word two.

    >>> words_of("A T-tail, 2 night_stands & café!")
    ['a', 't', 'tail', 'two', 'night', 'stands', 'cafe']
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = (c if c.isalnum() else "" if unicodedata.combining(c) or c in "'\u2019" else " " for c in plain)
    return [NUMBERS[int(word)] if word in DIGITS else word for word in "".join(letters).split()]


def prompts_of(text: str) -> tuple[str, ...]:
    """The prompts of a list, one per line; empty lines and lines that start with # do not count.

    Raises InputError when there is none, for more than MOST, and for a line that is too long or without a word.
    """
    lines = [(number, " ".join(line.split())) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not found:
        raise InputError("there is no prompt; write what the shape should be, one prompt per line")
    if len(found) > MOST:
        raise InputError(f"{len(found)} prompts are more than {MOST}; make several lists of them")
    for number, line in found:
        if len(line) > LONGEST:
            raise InputError(f"line {number}: a prompt of {len(line)} characters; {LONGEST} are the most")
        if not words_of(line):
            raise InputError(f"line {number}: {line!r} has no word; write what the shape should be")
    return tuple(line for _, line in found)
