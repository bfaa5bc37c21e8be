"""Prompts before they are used: words that were mistyped or are other forms of known ones, words that a model has never seen,
the nearest prompt it knows.

No torch: the window may import this. The known words are those of the model's captions (`vocabulary.Vocabulary`).
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

import msgspec

from engine.errors import InputError
from engine.text.prompts import words_of

SHORTEST = 4  # letters of a word that may have been mistyped; shorter ones resemble too many others
LONG = 10  # letters from which two slips are forgiven
ENDINGS = ("s", "es", "ed", "d", "ing", "y", "ly")  # of forms of one word: engine and engined, seat and seating
SHORT = 6  # letters up to which another first or last letter makes another word: road is no load, room no roof
POLITE = frozenset(
    words_of(
        "a an the this that it its is are be i me my we you us please thanks thank would like want need needs make makes "
        "draw create generate give show for to of which who one some any just very"
    )
)  # they say nothing of a shape, so it does not matter that no caption had them
ORDINARY = frozenset(
    words_of(
        "them then than there their they these those here where when what how why if so as at by on off in out up down over "
        "under above below behind between before after near next beside inside outside all both each every other another "
        "much many more most less least few only also too not never always alone same such own like kind sort type number "
        "first second third last long longer longest short shorter tall taller wide wider narrow deep thick thin thinner big "
        "bigger large larger small smaller tiny huge high higher low lower heavy light full empty open closed old new modern "
        "antique classic simple plain fancy nice good better best cheap red blue green yellow black white brown grey gold "
        "silver colour wood wooden metal steel iron glass plastic leather stone marble road room house home street city "
        "garden kitchen office school bath sea air water fire food drink drinking eat eating sit sitting seating sleep "
        "sleeping read reading write work working play playing drive driving fly flying carry lift piece pieces thing part "
        "parts side sides edge edges end ends top bottom left right front rear back middle centre line circle ring ball "
        "cube machine engine motor furniture freighter truck boat ship train bicycle bike horse dog cat bird fish man woman "
        "child person people king queen hand head face eye ear foot boot shoe book door wall floor roof hair bear pear care "
        "dear fear year star stair scar cart card cat hat bat mat bug hug rug jug dug bus cap cop cut sofa couch bed shelf "
        "bottle vase plate bowl spoon fork knife hammer guitar piano sword gun rocket robot tree flower leaf apple"
    )
)  # right as they are: a word like these is not taken for a known one that is written nearly alike


class Checked(msgspec.Struct, frozen=True):
    """A prompt as it will be used.

    text : with slips corrected; corrected : (as typed, as meant); unknown : words that nothing known resembles
    known : the words of it that a model was trained on, which is all that it can be told; "" = none of them
    """

    text: str
    corrected: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    known: str = ""

    def said(self) -> str:
        """What to tell a person about it; "" when nothing was found."""
        read = [f"{typed} was read as {meant}" for typed, meant in self.corrected]
        lost = [f"the model has never seen {', '.join(self.unknown)}"] if self.unknown else []
        return "; ".join(read + lost)


def check(prompt: str, known: Collection[str], spelled: Collection[str] = ()) -> Checked:
    """Correct the words of a prompt that are a slip or two away from a known one; say which are unknown.

    Only such words change: "a toliet" -> "a toilet", and what is a form of a known one: "a seating" -> "a seat". A known
    word with an s more or less is left alone, and so are words of ``spelled``, which are right though no caption had them.
    """
    words = frozenset(known)
    corrected: dict[str, str] = {}
    unknown: dict[str, None] = {}

    def read(match: re.Match[str]) -> str:
        said = match[0]
        plain = "".join(words_of(said))
        if not plain or plain in POLITE or recognised(plain, words):
            return said
        meant = None
        if not recognised(plain, spelled):
            meant = (None if plain in ORDINARY else nearest_word(plain, words)) or related_word(plain, words)
        if meant is None:
            unknown[plain] = None
            return said
        corrected[plain] = meant
        return meant

    text = re.sub(r"[^\W_]+(?:['\u2019][^\W_]+)*", read, prompt)
    kept = " ".join(word for word in words_of(text) if recognised(word, words))
    return Checked(text, tuple(corrected.items()), tuple(unknown), kept)


def recognised(word: str, known: Collection[str]) -> str | None:
    """The known word that ``word`` is, also as plural or singular of it."""
    forms = (word, word + "s", word.removesuffix("s"), word.removesuffix("es"))
    return next((form for form in forms if form in known), None)


@lru_cache(4096)
def related_word(word: str, known: frozenset[str]) -> str | None:
    """The known word that ``word`` is another form of, the one nearest in length; None without any.

    >>> related_word("seating", frozenset({"seat", "slat"}))
    'seat'
    """
    own = _stems(word)
    found = [(abs(len(one) - len(word)), one) for one in known if own & _stems(one)]
    return min(found)[1] if found else None


@lru_cache(4096)
def _stems(word: str) -> frozenset[str]:
    """A word without each ending that leaves enough of it, with the e that such an ending takes away ("curving", "curve"),
    and circle for circular; none of a short word, which resembles too many others."""
    cut = [word.removesuffix(end) for end in ENDINGS if word.endswith(end)]
    stems = [word, *cut, *(one + "e" for one in cut), *([word[:-4] + "le"] if word.endswith("ular") else [])]
    return frozenset(one for one in stems if len(one) >= SHORTEST)


@lru_cache(4096)
def nearest_word(word: str, known: frozenset[str]) -> str | None:
    """The known word fewest slips away, one of equal first letter before others; None when all are too far."""
    if len(word) < SHORTEST:
        return None
    allowed = 2 if len(word) >= LONG else 1
    near = [one for one in known if len(one) >= SHORTEST - 1 and abs(len(one) - len(word)) <= allowed]
    near = [one for one in near if not _another(word, one)]
    found = [(slips(word, one), one[0] != word[0], one) for one in near]
    best = min(found, default=None)
    return best[2] if best and best[0] <= allowed else None


def _another(word: str, known: str) -> bool:
    """Whether a short word begins or ends with another letter than a known one, and is not it with two letters swapped."""
    changed = len(word) == len(known) <= SHORT and sorted(word) != sorted(known)
    return changed and (word[0] != known[0] or word[-1] != known[-1])


def slips(a: str, b: str) -> int:
    """Letters to add, drop, change or swap with their neighbour to get from a to b, each place touched once.

    Damerau 1964, in the form called optimal string alignment.
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        two, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                cost = min(cost, two[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest_prompt(prompt: str, known: Sequence[str]) -> tuple[str, float]:
    """The known prompt most like this one, and how like, 0 to 1: the cosine of words and pairs of words, rare ones
    counting more. What an encoder makes of the meaning is `nearest.nearest`. Raises InputError without known prompts."""
    if not known:
        raise InputError("no known prompts to compare with; choose a model that was trained on captions")
    weights = _rarity(tuple(known))
    own = _vector(_terms(prompt), weights)
    scores = [_cosine(own, _vector(_terms(one), weights)) for one in known]
    best = max(range(len(known)), key=scores.__getitem__)
    return known[best], scores[best]


def _terms(text: str) -> list[str]:
    words = words_of(text)
    return words + [f"{a} {b}" for a, b in zip(words, words[1:], strict=False)]


@lru_cache(8)
def _rarity(known: tuple[str, ...]) -> dict[str, float]:
    """Term -> its weight, log((1 + N) / (1 + texts with it)) + 1; a term of none of them weighs like one of half a text."""
    counts = Counter(term for text in known for term in set(_terms(text)))
    rare = {term: math.log((1 + len(known)) / (1 + count)) + 1 for term, count in counts.items()}
    return rare | {"": math.log((1 + len(known)) / 1.5) + 1}


def _vector(terms: Iterable[str], weights: dict[str, float]) -> dict[str, float]:
    return {term: count * weights.get(term, weights[""]) for term, count in Counter(terms).items()}


def _cosine(a: dict[str, float], b: dict[str, float]) -> float:
    size = math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    return sum(x * b.get(term, 0.0) for term, x in a.items()) / size if size else 0.0
