"""Bringing shapes in: files and samples, what became of each, and the names of their parts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import Signal

from engine.jobs import ImportJob, Job, PartsJob, RenameJob, SamplesJob, kind_of
from engine.project import Project
from engine.rows import MADE, ItemRow
from studio.models.form import Form
from studio.models.library import Mood
from studio.models.opened import OpenProject, ProjectModel

SAMPLES = ("airplane", "chair", "car", "table", "lamp", "mug")  # what the engine can make
CHANGING = ("import", "samples", "parts", "rename", "turn")  # kinds of jobs that change items
FORM_LEAVES_OUT = ("paths", "run", "version", "device", "kind", "heads")
VERDICTS: Mapping[str, tuple[str, Mood]] = {  # in the order in which they are told
    "watertight": ("closed as they came", "good"),
    "repaired": ("closed after repair", "good"),
    "samples": ("points with inside flags, usable as they are", "good"),
    "open": ("open or thin, usable with reservations", "warn"),
    "sheet": ("sheets without an inside: for clouds only, or bring them in again with a thickness (More)", "warn"),
    "points": ("points without an inside: for clouds only; their labels go to meshes of the same name", "warn"),
    "refused": ("cannot be used", "bad"),
}
FOR_CLOUDS = ("sheet", "points")  # verdicts of what only methods without an inside take
_COUNTED = re.compile(r"solid \d+")  # a piece that was only counted, which is no name


@dataclass(frozen=True)
class Verdict:
    """Items of one verdict. reasons : (name, why) of those that are not simply good, in order."""

    words: str
    mood: Mood
    count: int
    reasons: tuple[tuple[str, str], ...]


class Bring(ProjectModel):
    """The items of a project as a training sees them. ``changed`` after they were read, or a job began or ended; ``began``
    when files were put into the queue."""

    changed = Signal()
    began = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.items: tuple[ItemRow, ...] = ()
        self.ready = False  # whether the items were read
        self.form = Form(ImportJob(paths=()), leave_out=FORM_LEAVES_OUT)
        opened.library.changed.connect(self.refresh)
        opened.queue.changed.connect(self.changed)
        opened.queue.ended.connect(self._see_anew)
        self.refresh()

    def refresh(self) -> None:
        """Read the items anew, in the background."""
        folder = self._opened.folder
        self._opened.background.do(lambda: read_items(folder), self._take, self._opened.troubles.tell_error)

    # what there is ---------------------------------------------------------------------------------------------------
    @property
    def usable(self) -> list[ItemRow]:
        """Items that a fit of all takes, by any method: sound ones that no model made."""
        return self.usable_with()

    def usable_with(self, verdicts: Sequence[str] = ()) -> list[ItemRow]:
        """Those, and such as have one of these verdicts, which only some methods take; points that are but the labels of
        a mesh of the same name are left to it, as in engine.fitting."""
        found = (item for item in self.items if item.usable or item.verdict in verdicts)
        taken = [item for item in found if item.split != MADE]
        meshes = {(item.name, item.category.casefold()) for item in taken if item.usable and item.name}
        meshes |= {(name, "") for name, _ in meshes}
        return [one for one in taken if one.verdict != "points" or (one.name, one.category.casefold()) not in meshes]

    @property
    def nameless(self) -> list[ItemRow]:
        """Usable items none of whose parts has a name."""
        return [item for item in self.usable if not is_named(item)]

    @property
    def paintable(self) -> list[ItemRow]:
        """Usable items that have a surface; those without named parts come first."""
        found = [item for item in self.usable if item.verdict != "samples"]
        return sorted(found, key=lambda item: is_named(item))

    @property
    def parts(self) -> dict[str, int]:
        """Name of a part -> usable items that have it, the most frequent first."""
        return dict(Counter(part for item in self.usable for part in item.parts).most_common())

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of the items, by verdict; verdicts that no item has are left out."""
        found = []
        for verdict, (words, mood) in VERDICTS.items():
            items = [item for item in self.items if item.verdict == verdict]
            told = [] if mood == "good" else items
            reasons = tuple((item.name or Path(item.path).name or item.id, item.reason) for item in told)
            if items:
                found.append(Verdict(words, mood, len(items), reasons))
        return found

    @property
    def has_news(self) -> bool:
        """Whether a person should read on: shapes that are not simply good, or none of whose parts has a name."""
        return bool(self.nameless) or any(verdict.reasons for verdict in self.verdicts)

    @property
    def busy(self) -> bool:
        """Whether a job that changes items runs or waits."""
        queue = self._opened.queue
        return any(kind_of(task.job) in CHANGING for task in (queue.running, *queue.waiting) if task)

    def have_both(self, old: str, new: str) -> int:
        """Items in which renaming a part makes one part of two."""
        return sum(old in item.parts and new in item.parts for item in self.items)

    @property
    def words(self) -> str:
        """What there is, in one line."""
        if not self.items:
            return "no shapes yet" if self.ready else ""
        clouds = len(self.usable_with(FOR_CLOUDS)) - len(self.usable)
        more = f", {clouds:,} more as clouds" if clouds else ""
        return f"{len(self.usable):,} of {len(self.items):,} can be fitted{more}"

    # what a person does ----------------------------------------------------------------------------------------------
    def bring_in(self, paths: Sequence[Path]) -> str:
        """Import files, folders and archives as the form says; returns the run, "" when that failed."""
        settings = self.form.settings
        if not paths:
            return ""
        if settings is None:
            self._opened.troubles.tell(f"look at the import settings: {next(iter(self.form.errors.values()))}")
            return ""
        run = self._opened.submit(replace(settings, paths=tuple(str(path) for path in paths)))
        if run:
            self.began.emit()
        return run

    def make_samples(self, category: str, count: int) -> str:
        """Make procedural items: others than those that there are already."""
        made = {int(item.id.split("-")[-2]) for item in self.items if _is_sample(item, category)}
        return self._opened.submit(SamplesJob(category=category, count=count, seed=max(made, default=-1) + 1))

    def find_parts(self, count: int = 0) -> str:
        """Find parts for all that have no named ones; ``count`` as in `PartsJob`."""
        return self._opened.submit(PartsJob(count=count))

    def rename(self, old: str, new: str, merge: bool = False) -> str:
        """Give a part another name, in all items."""
        job: Job = RenameJob(old=old, new=" ".join(new.split()), merge=merge)
        return self._opened.submit(job)

    def _see_anew(self, run: str) -> None:
        """Items look different when they have other parts: in the lists, and in the view."""
        task = self._opened.queue.task(run)
        if task is None or kind_of(task.job) not in CHANGING:
            return
        found = task.result.get("items", ())
        names = (
            {one if isinstance(one, str) else one["id"] for one in found} if isinstance(found, list | tuple) else set()
        )
        for name in names:
            self._opened.thumbnails.forget(name)
        if self._opened.current.shape in names:
            self._opened.current.look_again()

    def _take(self, items: list[ItemRow]) -> None:
        first = next((item for item in items if item.usable), None)
        if first and not self.items and self.ready and not self._opened.current.shape:
            self._opened.current.show(first.id)  # the view is empty, and now there is something to see
        self.ready = True
        self.items = tuple(items)
        self.changed.emit()


def read_items(folder: Path) -> list[ItemRow]:
    """All items of a project. For a thread: opens the project anew."""
    with Project(folder) as project:
        return project.catalogue.items()


def is_named(item: ItemRow) -> bool:
    """Whether a part of the item has a name that is more than a number of a piece."""
    return any(not _COUNTED.fullmatch(part) for part in item.parts)


def _is_sample(item: ItemRow, category: str) -> bool:
    return item.kind == "procedural" and bool(re.fullmatch(rf"{category}-\d+-\d+", item.id))
