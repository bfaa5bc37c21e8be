"""Asking a model in words: what it knows, what it makes of a prompt, and the jobs that draw it. No torch: for the window.

A prompt is a sampler setting of a job that draws; of a list of prompts each becomes a job of its own, so every result knows
what was asked.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open

from engine.errors import DamagedFileError, InputError
from engine.jobs import GenerateJob
from engine.shipped import MODEL, is_shipped, shipped_file
from engine.text.captions import article
from engine.text.kinds import told_strange, words_heard
from engine.text.phrases import Category, phrases
from engine.text.prompts import prompts_of, words_of
from engine.text.spelling import POLITE, Checked, check, nearest_prompt, recognised

SETTING = "sampler.prompt="
WORDS = "representation.words"  # tensor of a model that reads words: they as JSON, see clouds.representation
ENCODER = "representation.encoder"  # of one whose encoder of captions learned elsewhere
EXAMPLES = (
    "a swept-wing aeroplane with two engines", "a chair with arms", "a round table with a pedestal base", "a pickup",
    "a mug with two handles", "a floor lamp with a tripod", "a biplane", "a stool with three legs", "a desk with drawers",
    "a bus", "a cup without a handle", "a chandelier", "an airliner with four engines", "an office chair", "a coffee table",
    "a sports car", "a beer mug", "a table lamp",
)  # fmt: skip


class Known(msgspec.Struct, frozen=True):
    """What a model that reads words knows: the words of its captions, its categories, and some of the captions.

    about : the category of each of ``prompts``
    reads_all : words that no caption had are read too, by an encoder that learned elsewhere, and are not taken for slips
    """

    words: tuple[str, ...]
    categories: tuple[str, ...]
    prompts: tuple[str, ...]
    about: tuple[str, ...] = ()
    reads_all: bool = False


class Look(msgspec.Struct, frozen=True):
    """What a model makes of a prompt.

    text : with slips corrected; corrected : (as typed, as meant); unknown : words that no caption had; strange : that no
        caption of the kind of thing has which it names, so they are left out
    nearest : the caption most like it, and how like, 0 to 1; category : the one it names, "" = none
    """

    text: str
    corrected: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]
    nearest: str
    likeness: float
    category: str
    strange: tuple[str, ...] = ()

    def said(self) -> str:
        """What to tell a person about its words; "" when all is well."""
        checked = Checked(self.text, self.corrected, self.unknown).said()
        return "; ".join(one for one in (checked, told_strange(self.strange)) if one)


def change_of(prompt: str) -> str:
    """A prompt as an entry of ``GenerateJob.changes``."""
    return SETTING + msgspec.json.encode(prompt).decode()


def prompt_of(changes: Sequence[str]) -> str:
    """The prompt among the changes of a job, as it was meant; "" where there is none."""
    found = [one.removeprefix(SETTING) for one in changes if one.startswith(SETTING)]
    if not found:
        return ""
    try:
        return msgspec.json.decode(found[-1], type=str)
    except msgspec.DecodeError:  # typed by hand, without quotation marks
        return found[-1]


def jobs_of(text: str, like: GenerateJob) -> tuple[GenerateJob, ...]:
    """A job for each prompt of a list, one per line, see `prompts_of`; all else as in ``like``. Raises InputError."""
    others = tuple(one for one in like.changes if not one.startswith(SETTING))
    return tuple(
        msgspec.structs.replace(like, run="", changes=(*others, change_of(prompt))) for prompt in prompts_of(text)
    )


def known_of(model: str, project: Path) -> Known | None:
    """What a model knows, by training run, file or ``shipped:NAME``; None where it reads no words.

    project : folder of the project. Raises InputError where there is no such model, DamagedFileError.
    """
    if is_shipped(model):
        path = shipped_file(model, MODEL, project)
    else:
        path = Path(model) if model.endswith(MODEL) else project / "runs" / model / "model.safetensors"
    if not path.is_file():
        raise InputError(f"run {model} has no model; it must be a finished training run")
    state = path.stat()
    return _known(path, state.st_mtime_ns, state.st_size)


def look(prompt: str, known: Known) -> Look:
    """What a model makes of a prompt."""
    checked = check(prompt, known.words, words_of(prompt) if known.reads_all else ())
    category = category_of(checked.text, known.categories)
    of = known.about or ("",) * len(known.prompts)
    own = [one for one, about in zip(known.prompts, of, strict=True) if category in ("", about)]
    captions = {_plain(one): one for one in (*own, *_composed(words_of(checked.text), category))}
    told = _plain(checked.text)
    nearest, likeness = nearest_prompt(told, tuple(captions)) if told and captions else ("", 0.0)
    nearest = captions[nearest] if likeness else ""
    strange = () if known.reads_all else words_heard(checked.known, known.words)[1]
    return Look(checked.text, checked.corrected, checked.unknown, nearest, likeness, category, strange)


def examples(known: Known, count: int = 8) -> tuple[str, ...]:
    """Prompts of words that the model knows, of categories in turn; always the same ones."""
    words = frozenset(known.words)
    fit = [one for one in EXAMPLES if all(recognised(word, words) for word in words_of(one))]
    fit = [one for one in fit if category_of(one, known.categories)]
    return tuple(dict.fromkeys((*fit, *known.prompts)))[:count]


def category_of(prompt: str, categories: Sequence[str] = ()) -> str:
    """The category (of these; none: any that captions are made of) that a prompt names, "" where it names none.

    The longest noun decides ("a table lamp" is a lamp), of equal ones the first that is said.
    """
    said_words, best = words_of(prompt), (0, 0, "")
    for category in categories or tuple(phrases()):
        for noun in _nouns(category):
            place = _place(noun, said_words)
            if place is not None:
                best = max(best, (len(noun), -place, category))
    return best[2]


@lru_cache(4096)
def _plain(text: str) -> str:
    """The words of a text that say something of a shape, in the singular."""
    return " ".join(word.removesuffix("s") for word in words_of(text) if word not in POLITE)


@lru_cache(64)
def _nouns(category: str) -> tuple[tuple[str, ...], ...]:
    """What a category and its types are called, each as words."""
    found = [category]
    if category in phrases():
        own = phrases()[category]
        types = own.attributes.get("type", {}).values()
        found += [*own.noun, *own.held.noun, *(noun for one in types for noun in (*one.noun, *one.held.noun))]
    return tuple(dict.fromkeys(tuple(words_of(noun)) for noun in found if words_of(noun)))


def _place(noun: Sequence[str], words: Sequence[str]) -> int | None:
    """Where a noun of some words is first said, also as plural."""
    spots = range(len(words) - len(noun) + 1)
    return next((i for i in spots if all(recognised(words[i + j], (noun[j],)) for j in range(len(noun)))), None)


@lru_cache(16)
def _known(path: Path, age: int, size: int) -> Known | None:
    """What the model in a file of this age and size knows."""
    try:
        with safe_open(path, framework="numpy") as file:
            if WORDS not in file.keys():  # noqa: SIM118, a handle and no dict
                return None
            reads_all = ENCODER in file.keys()  # noqa: SIM118
            text = file.get_tensor(WORDS).tobytes().rstrip(b"\0")
            about = msgspec.json.decode((file.metadata() or {}).get("shape_studio", "{}"), type=_Header).about
        words = msgspec.json.decode(text, type=tuple[str, ...])
    except (SafetensorError, OSError, msgspec.DecodeError) as error:
        raise DamagedFileError(f"{path} is damaged or not a model of this program ({error})") from error
    prompts = _captions(words, about.categories)
    return Known(words, about.categories, tuple(prompts), tuple(prompts.values()), reads_all)


class _About(msgspec.Struct, frozen=True):
    categories: tuple[str, ...] = ()


class _Header(msgspec.Struct, frozen=True):
    """What counts here of `checkpoint.Model`, which needs torch to be read."""

    about: _About = _About()


def _captions(words: Sequence[str], categories: Sequence[str]) -> dict[str, str]:
    """Captions of shapes, each with a fact at most, of known words alone -> the category of each."""
    found: dict[str, str] = {}
    for category in categories:
        own = phrases().get(category, Category((category.replace("_", " "),), {}))
        said = [_sentence(noun) for noun in own.noun]
        for name, values in own.attributes.items():
            for value in values.values():
                if name == "type":
                    said += [_sentence(noun) for noun in value.noun]
                else:
                    said += [_sentence(own.noun[0], **{_argument(kind): [phrase]}) for kind, phrase in value.ways]
        found = dict.fromkeys(said, category) | found
    known = frozenset(words)
    return {text: about for text, about in found.items() if all(recognised(word, known) for word in words_of(text))}


def _argument(kind: str) -> str:
    """What `_sentence` calls a kind of phrase."""
    return "with_" if kind == "with" else kind


def _composed(words: Sequence[str], category: str) -> list[str]:
    """The caption that says all facts of a category that some words say; none where they say none."""
    if category not in phrases():
        return []
    own = phrases()[category]
    types = [noun for value in own.attributes.get("type", {}).values() for noun in value.noun]
    nouns = [noun for noun in (*own.noun, *types) if _place(words_of(noun), words) is not None]
    noun = max(nouns, key=len, default=own.noun[0])
    before = words[: _place(words_of(noun), words) or 0]
    ways: dict[str, list[str]] = {"adjective": [], "with_": [], "without": []}
    for values in own.attributes.values():
        said = [way for value in values.values() for way in value.ways if _is_said(way[0], way[1], words)]
        if said:
            kind, phrase = max(
                said, key=lambda way: (way[0] == "adjective" and _is_said(way[0], way[1], before), len(way[1]))
            )
            ways[_argument(kind)].append(phrase)
    return [_sentence(noun, **ways)]


def _is_said(kind: str, phrase: str, words: Sequence[str]) -> bool:
    """Whether words say a phrase in this way: "arms" is not said by "without arms", but "without" is."""
    own = words_of(phrase)
    place = _place(own, words) if own else None
    if place is None:
        return False
    joints = [word for word in words[:place] if word in ("with", "without", "no", "has", "but")]
    return (bool(joints) and joints[-1] in ("without", "no")) == (kind == "without")


def _sentence(noun: str, adjective: Sequence[str] = (), with_: Sequence[str] = (), without: Sequence[str] = ()) -> str:
    """A caption in the plainest pattern."""
    thing = " ".join([*adjective, noun])
    having = f" with {' and '.join(with_)}" if with_ else ""
    lacking = f" without {' or '.join(without)}" if without else ""
    return f"{article(thing)} {thing}{having}{lacking}"
