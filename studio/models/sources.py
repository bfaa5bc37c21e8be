"""Models that shapes can be drawn from: those that come with the program, and those trained in the project."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open

from engine import shipped
from engine.asking import Askable
from engine.conditions import Classes, Seen
from engine.errors import StudioError
from engine.methods import MethodSettings, name_of
from engine.project import Project
from engine.settings import SamplerSettings
from studio.models.train_methods import METHODS

CLOUDS, MATCH = "clouds", "match"  # roles of what is trained on clouds: it draws them, or tells which go with a prompt


@dataclass(frozen=True)
class Source:
    """A model. ``name`` is what a GenerateJob takes; ``sampler`` its own settings of drawing; ``about`` a few words.

    reads : it comes with the program and is asked in words
    ranks : there is a model that tells which of its clouds go best with a prompt
    """

    name: str
    title: str
    about: str
    askable: Askable
    sampler: SamplerSettings
    own: bool
    reads: bool = False
    ranks: bool = False

    @property
    def categories(self) -> tuple[str, ...]:
        """What a person chooses from, where there is a choice."""
        return tuple(name for name in self.askable.categories if name)


class _About(msgspec.Struct):
    """What a form needs of a model file's header."""

    settings: MethodSettings
    vocabulary: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    conditions: Classes = {}
    seen: Seen = {}


class _Header(msgspec.Struct):
    about: _About


def shipped_sources() -> list[Source]:
    """The models that come with the program; those whose files are damaged are left out."""
    found = []
    for name in shipped.names():
        model = shipped.PREFIX + name
        try:
            card, about = shipped.shipped_card(model), read_about(shipped.shipped_file(model))
        except StudioError:
            continue
        words = f"{card.training:,} training shapes, comes with the program"
        source = _source(model, card.title or name.capitalize(), words, about, own=False)
        found.append(replace(source, reads=card.reads_words, ranks=shipped.has_file(model, shipped.MATCH)))
    return found


def own_sources(project: Project) -> list[Source]:
    """The models that were trained or imported in a project, newest first."""
    found: list[Source] = []
    matched: set[str] = set()  # fits whose clouds can be ranked
    for run in reversed(project.catalogue.runs()):
        path = project.run_folder(run.id) / "model.safetensors"
        if run.state == "finished" and path.is_file():
            try:
                about = read_about(path)
            except StudioError:
                continue
            role = getattr(getattr(about.settings, "denoiser", None), "role", CLOUDS)
            if role == MATCH:
                matched.add(project.fit_of(run.id))
            if role != CLOUDS:
                continue  # it draws nothing by itself
            what = ", ".join(name for name in about.categories if name) or "shapes"
            title = f"{what.capitalize()} ({run.id})"
            found.append(
                _source(run.id, title, f"{METHODS[name_of(about.settings)][0]}, trained here", about, own=True)
            )
    return [replace(source, ranks=bool(fit := project.fit_of(source.name)) and fit in matched) for source in found]


def read_about(path: Path) -> _About:
    """What a model file says of itself. Raises StudioError when it says nothing that this version understands."""
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("shape_studio", "")
        return msgspec.json.decode(text, type=_Header).about
    except (OSError, SafetensorError, msgspec.DecodeError) as error:
        raise StudioError(f"{path} is no model that this version can use ({error})") from error


def _source(name: str, title: str, words: str, about: _About, own: bool) -> Source:
    askable = Askable(about.categories, about.vocabulary, about.conditions, about.seen)
    return Source(name, title, words, askable, about.settings.sampler, own)
