"""Models that come with the program: where they lie, and what their cards say. Torch-free.

A shipped model is named ``shipped:chair`` wherever a training run can be named, or ``shipped:chair@HASH`` where none but
that version of it will do. A project keeps the versions that it has drawn from, so its shapes can be healed and told of
after the program has come to bring along another one. Of each there are, in ``resources/models``:

- ``chair.safetensors``: the denoiser and the representation of its latents, as any model file
- ``chair.known.safetensors``: what it knows of its training shapes, see engine.known; models of clouds have none, but
  ``tiny3d.match.safetensors``: a model that tells how well clouds go with prompts, see engine.clouds.matching
- ``chair.json``: its card; ``chair.md`` says the same to people
- ``chair-shapes.webp`` and ``chair-mixes.webp``: pictures; of clouds ``tiny3d-shapes.webp`` and ``tiny3d-nearest.webp``
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from engine import resources
from engine.errors import DamagedFileError, InputError
from engine.storage import write_atomic

VERSION = 1
PREFIX = "shipped:"
ELSEWHERE = "SHAPESTUDIO_MODELS"  # environment: a folder of models instead of the installation's own
MODEL, KNOWN, MATCH, CARD = ".safetensors", ".known.safetensors", ".match.safetensors", ".json"
CHAMFER = "chamfer"  # the measure of scores by which models are listed
VERSIONS = "shipped"  # the project's folder of versions that it has drawn from

Interval = tuple[float, float, float]  # value, and the bounds of its 95 % bootstrap interval


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of an evaluation: of the model's shapes, or of as many real training shapes, against unseen real ones."""

    kind: str  # generated, real
    measure: str
    mmd: Interval
    coverage: Interval
    one_nna: Interval
    shapes: int
    references: int
    category: str = "all"


class Obedience(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one attribute how many held-out prompts were obeyed, where yes was wanted and where no was; chance is a half."""

    attribute: str
    yes: int
    yes_of: int
    no: int
    no_of: int

    @property
    def share(self) -> float:
        """Prompts obeyed, both kinds counting the same."""
        kinds = [right / of for right, of in ((self.yes, self.yes_of), (self.no, self.no_of)) if of]
        return sum(kinds) / len(kinds) if kinds else float("nan")


class Fresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far clouds are from their nearest training cloud, medians of the Chamfer distance: those that were drawn, and
    real ones that were never seen."""

    drawn: float
    unseen: float
    clouds: int


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Meshes of unions: how many are watertight, and of these how many are one shell."""

    shapes: int
    watertight: int
    one_shell: int


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a shipped model.

    name, title : the file's ("chair"), and for people
    conditions : what it can be asked for, and the values of each
    data, generator : what it learned from, and the version of the procedural generator
    learning : version of the code that it learned with, see engine.shipping.learning; "" where that was not kept
    training, unseen : shapes that it learned from, and that it was measured against
    settings : of its training run, as plain data; command : makes it again
    seconds : of the steps ("fit", "train"), wall clock on ``device``; "sample": per shape, looked at and drawn again
    scores : real rows among them; verdicts : novelty of its shapes, and of unseen real ones by the same rules
    closed, closed_real : watertight unions among its shapes and among unseen real ones; None of clouds, which have no parts
    obedience, fresh : of models that read words; prompts : those of its pictures
    drawn_again : draws that came apart while the measured shapes were drawn, and that are not among them; moved : of a
    model that draws parts in order, how many of these shapes had a part shifted into it, see engine.parts.order
    tried : what was tried and what it gave, in Markdown
    hash : of the model's numbers and settings, as the cards of its shapes show it
    hashes : file name -> SHA-256; size : bytes of all of them
    """

    name: str
    title: str
    method: str
    categories: tuple[str, ...]
    parts: tuple[str, ...]
    conditions: dict[str, tuple[str, ...]]
    data: str
    generator: int
    training: int
    unseen: int
    settings: dict[str, Any]
    command: str
    device: str
    seconds: dict[str, float]
    scores: tuple[Score, ...]
    verdicts: dict[str, float]
    verdicts_unseen: dict[str, float]
    closed: Closed | None = None
    closed_real: Closed | None = None
    obedience: tuple[Obedience, ...] = ()
    fresh: Fresh | None = None
    prompts: tuple[str, ...] = ()
    drawn_again: int
    tried: str
    origin: str
    licence: str
    hash: str
    hashes: dict[str, str]
    size: int
    learning: str = ""
    moved: int | None = None
    version: int = VERSION

    @property
    def one_nna(self) -> float | None:
        """1-NNA of its shapes by Chamfer distance, the mean over categories; None where that was not measured."""
        found = [row.one_nna[0] for row in self.scores if row.kind == "generated" and row.measure == CHAMFER]
        return sum(found) / len(found) if found else None

    @property
    def obeyed(self) -> float | None:
        """Share of held-out prompts obeyed, all attributes counting the same; None where that was not measured."""
        return sum(one.share for one in self.obedience) / len(self.obedience) if self.obedience else None

    @property
    def reads_words(self) -> bool:
        """Whether the model is asked with a prompt."""
        return "prompt" in self.settings.get("sampler", {})


def folder() -> Path:
    """Where shipped models lie."""
    return Path(os.environ.get(ELSEWHERE) or resources.FOLDER / "models").resolve()


def names() -> tuple[str, ...]:
    """The shipped models ("chair"), sorted; () in an installation without any."""
    return tuple(sorted(path.stem for path in folder().glob(f"*{CARD}") if path.with_name(path.stem + MODEL).is_file()))


def is_shipped(model: str) -> bool:
    """Whether a model is named as a shipped one; there may be none of that name."""
    return model.startswith(PREFIX)


def shipped_file(model: str, suffix: str = MODEL, project: Path | None = None) -> Path:
    """A file of the model named ``shipped:NAME`` or ``shipped:NAME@HASH``. Raises InputError that says which there are.

    project : folder of a project that may keep that version
    """
    name, _, version = model.removeprefix(PREFIX).partition("@")
    if version:
        kept = None if project is None else project / VERSIONS / version / f"{name}{suffix}"
        if kept is not None and kept.is_file():
            return kept
        if name not in names() or shipped_card(PREFIX + name).hash != version:
            raise InputError(
                f"this version of the program brings along another {name} model than {version}; name a model"
            )
    return _own_file(name, suffix)


def has_file(model: str, suffix: str) -> bool:
    """Whether a model that comes with the program has such a file."""
    return (folder() / f"{model.removeprefix(PREFIX)}{suffix}").is_file()


def keep_version(model: str, project: Path) -> str:
    """Copy the model named ``shipped:NAME`` into a project, where it is not there yet -> ``shipped:NAME@HASH``."""
    card = shipped_card(model, project)
    for suffix in (MATCH if card.reads_words else KNOWN, CARD, MODEL):
        place = project / VERSIONS / card.hash / f"{card.name}{suffix}"
        here = (
            suffix != MATCH
            or has_file(PREFIX + card.name, MATCH)
            and shipped_card(PREFIX + card.name).hash == card.hash
        )
        if here and not place.is_file():
            write_atomic(place, shipped_file(model, suffix, project).read_bytes())
    return f"{PREFIX}{card.name}@{card.hash}"


def _own_file(name: str, suffix: str) -> Path:
    known = names()
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "this installation has none; train one of your own"
        raise InputError(f"no model called {name!r} comes with the program; {there}")
    path = folder() / f"{name}{suffix}"
    if not path.is_file():
        raise InputError(f"this installation lacks {path}; install the program again")
    return path


def shipped_card(model: str, project: Path | None = None) -> ModelCard:
    """The card of a model that `shipped_file` finds. Raises InputError for an unknown one, DamagedFileError."""
    path = shipped_file(model, CARD, project)
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelCard)
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); install the program again") from error


class Terms(msgspec.Struct, frozen=True):
    """What a card of any version says of where its model comes from; read alone, since a project outlives versions."""

    origin: str
    licence: str


def shipped_terms(model: str, project: Path) -> Terms:
    """Origin and licence of a model that `shipped_file` finds. Raises InputError for an unknown one, DamagedFileError."""
    path = shipped_file(model, CARD, project)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Terms)
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"{path} cannot be read ({error}); put back a copy of it") from error


def shipped_cards() -> list[ModelCard]:
    """The cards of all shipped models."""
    return [shipped_card(PREFIX + name) for name in names()]


def shipped_for(category: str = "", method: str = "", words: bool = False) -> str:
    """``shipped:NAME`` of a model of that method that knows the category, the one named after it first; "" when there is
    none. Models that read ``words`` are taken for those, or for their method, and need no category.
    """
    for name in sorted(names(), key=lambda name: name != category):
        card = shipped_card(PREFIX + name)
        told = words or bool(method) if card.reads_words else bool(category) and not words
        if told and method in ("", card.method) and category in ("", *card.categories):
            return PREFIX + name
    return ""
