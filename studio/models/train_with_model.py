"""Meshes that someone wants to mix now: they become shapes of a model that is there, in seconds, and nothing is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Signal

from engine.errors import StudioError
from engine.jobs import FitJob
from engine.methods import MethodSettings, name_of
from engine.rows import ItemRow
from engine.shipped import is_shipped, shipped_file
from studio.models.make import Make
from studio.models.opened import OpenProject, ProjectModel
from studio.models.sources import Source, read_about
from studio.models.titles import counted
from studio.models.train_methods import METHODS

TITLE = "With a model that is there"
ABOUT = "The way to mix shapes of your own now: they become shapes of a model, and nothing has to be trained."
METHOD = "basis"  # whose models take new shapes in seconds
TUNE = 300  # steps
WAYS: Mapping[int, tuple[str, str]] = {  # steps of fine-tuning -> (words, a sentence)
    0: ("Stays as it is", "Takes seconds for each. They mix with all other shapes of the model."),
    TUNE: (
        "Learns them, too",
        "Takes minutes and comes nearer to your shapes. They mix with one another then, no longer with others of the model.",
    ),
}
NO_MODEL = f"No model here can take new shapes: train one first, by the method “{METHODS[METHOD][0]}”."


class WithModel(ProjectModel):
    """Which models can take new shapes, and the jobs that let them. ``changed`` when there are others.

    fine_tune : steps, one of WAYS
    """

    changed = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._make = opened.model(Make)
        self._methods: dict[str, str] = {}  # of models; "" where that cannot be read
        self._chosen = ""
        self.fine_tune = 0
        self._asked: set[str] = set()  # runs whose shapes are shown once they are there
        self._made: tuple[str, ...] = ()
        self._known = self.sources
        self._make.changed.connect(self._see)
        opened.queue.ended.connect(self._end)
        opened.library.changed.connect(self._show)

    @property
    def sources(self) -> list[Source]:
        """Models that can, those of the project first."""
        return [one for one in self._make.sources if one.askable.parts and self._method(one.name) == METHOD]

    def source(self, items: Sequence[ItemRow]) -> Source | None:
        """The chosen model, else the first that knows what most of the items are, else the first; None without any."""
        found = self.sources
        if chosen := next((one for one in found if one.name == self._chosen), None):
            return chosen
        most = Counter(item.category for item in items).most_common(1)
        knowing = (one for one in found if most and most[0][0] in one.askable.categories)
        return next(knowing, found[0] if found else None)

    def choose(self, model: str) -> None:
        """Take a model."""
        self._chosen = model
        self.changed.emit()

    def choose_way(self, fine_tune: int) -> None:
        """Leave the model as it is, or let it learn."""
        self.fine_tune = fine_tune
        self.changed.emit()

    def advice(self, items: Sequence[ItemRow], nameless: int) -> str:
        """What will become of these items that one might not expect; "" = nothing."""
        source = self.source(items)
        known = source.categories if source else ()
        others = sorted({item.category for item in items if item.category and item.category not in known})
        if others and known:
            words = (
                f"This model knows {_listed(known)}, but no {_listed(others)}: such shapes may come out far from yours."
            )
            return words
        if nameless:
            return f"{nameless:,} without named parts get those of the most alike shape that the model has learned."
        return ""

    def job(self, model: str, items: Sequence[str] = (), category: str = "", fine_tune: int = 0) -> FitJob | None:
        """The fit of some items, or of a category, "" = all; None, which is told, where the model cannot be read."""
        try:
            settings = read_about(self._path(model)).settings
        except StudioError as error:
            self._opened.troubles.tell_error(error)
            return None
        return FitJob(settings=settings, items=tuple(items), category=category, model=model, fine_tune=fine_tune)

    def fit(self, items: Sequence[str], model: str) -> str:
        """Put a fit of items by codes alone into the queue, and show them once they are shapes; returns the run, "" when
        that failed."""
        job = self.job(model, items)
        run = self._opened.submit(job) if job else ""
        if run:
            self._asked.add(run)
            self._opened.troubles.tell(f"{counted(len(items), 'shape')}: it is in the queue", note=True)
        return run

    # inside ----------------------------------------------------------------------------------------------------------
    def _path(self, model: str) -> Path:
        return (
            shipped_file(model) if is_shipped(model) else self._opened.project.run_folder(model) / "model.safetensors"
        )

    def _method(self, model: str) -> str:
        if model not in self._methods:
            try:
                settings: MethodSettings = read_about(self._path(model)).settings
            except StudioError:
                return ""
            self._methods[model] = name_of(settings)
        return self._methods[model]

    def _see(self) -> None:
        """The panel Make tells of much more than of other models."""
        if (found := self.sources) != self._known:
            self._known = found
            self.changed.emit()

    def _end(self, run: str) -> None:
        task = self._opened.queue.task(run)
        if run not in self._asked or task is None:
            return
        self._asked.discard(run)
        refused, shapes = task.result.get("refused"), task.result.get("shapes")
        if isinstance(refused, list) and refused:
            self._opened.troubles.tell("; ".join(str(one["reason"]) for one in refused))
        if isinstance(shapes, list) and shapes:
            self._made = tuple(str(one["id"]) for one in shapes)
            self._show()

    def _show(self) -> None:
        """Choose the new shapes, of which the last is looked at."""
        if self._made and all(self._opened.library.card(name) for name in self._made):
            names, self._made = self._made, ()
            self._opened.current.choose(names)
            self._opened.current.show(names[-1])


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
