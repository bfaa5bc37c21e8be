"""Evaluations of a project: those that are finished, what they found, and what can be evaluated next."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from PySide6.QtCore import QObject, Signal

from engine.errors import StudioError
from engine.jobs import EvaluateJob, ReportJob
from engine.project import Project
from engine.rows import MADE
from engine.settings import PROTOCOLS
from studio.models.form import Form
from studio.models.library import Card
from studio.models.opened import OpenProject
from studio.models.report_result import Evaluation, read_evaluation
from studio.models.titles import counted

RESULT, PAGE = "evaluation.json", "report.html"
CHOSEN = ""  # the subject that stands for the shapes chosen in the library
UNSEEN, ALL = "unseen", "all"
FEWEST = 2  # real shapes that something can be compared with
SPLITS = {UNSEEN: "Unseen shapes", "test": "Test shapes", "val": "Validation shapes"}
MEASURED = ("generated", "fitted", "mixed", "healed", "rerolled", "interpolated", "imported")


@dataclass(frozen=True)
class Entry:
    """A finished evaluation, or a report of several; ``of`` are the evaluations that it shows."""

    run: str
    title: str
    note: str
    of: tuple[str, ...]
    page: Path


@dataclass(frozen=True)
class Known:
    """What the disk says: finished evaluations, newest first; real shapes to compare with, by split and by category; the
    names of all real shapes, also those that were learned from."""

    entries: tuple[Entry, ...] = ()
    real: Mapping[str, int] = field(default_factory=dict)
    items: tuple[str, ...] = ()


class Report(QObject):
    """State of the workspace. changed() : what can be evaluated, or which evaluations there are; shown() : figures came."""

    changed = Signal()
    shown = Signal()

    @classmethod
    def of(cls, opened: OpenProject) -> Self:
        """The model of an open project."""
        return cls(opened)

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self._known = Known()
        self.chosen: tuple[str, ...] = ()  # runs of entries
        self.evaluations: list[Evaluation] = []
        self.subject = CHOSEN
        self._against = ""  # "" until somebody chooses
        self.form = Form(PROTOCOLS["ours"], PROTOCOLS)
        self.form.settings_changed.connect(self.changed)
        opened.queue.ended.connect(self._look)
        opened.library.changed.connect(self.changed)
        opened.current.chosen_changed.connect(self.changed)
        self.refresh()

    # what can be evaluated -------------------------------------------------------------------------------------------
    def subjects(self) -> list[tuple[str, str]]:
        """(words, run) of everything with shapes; the shapes chosen in the library stand first, then what was generated,
        the most shapes before fewer and the newest before older ones."""
        cards = [card for card in self._opened.library.cards if card.kind == "shape" and card.operation in MEASURED]
        counts = Counter((card.run, card.operation) for card in cards)
        titles = {(card.run, card.operation): _title_of_run(card) for card in reversed(cards)}
        runs = sorted(counts, key=lambda one: (one[1] != "generated", -counts[one]))  # equal ones stay newest first
        found = [(_words_of_run(titles[one], one[1], counts[one]), one[0]) for one in runs]
        chosen = self._chosen_shapes()
        return [*([(f"{counted(len(chosen), 'chosen shape')}", CHOSEN)] if chosen else []), *found]

    def take(self, subject: str) -> None:
        """Evaluate this run, or the chosen shapes."""
        self.subject = subject
        self.changed.emit()

    def opponents(self) -> list[tuple[str, str]]:
        """(words, name) of real shapes to compare with, with their number."""
        real = self._known.real
        splits = [(f"{words} ({real.get(name, 0):,})", name) for name, words in SPLITS.items()]
        unseen = [(f"Unseen {name} ({real[name]:,})", name) for name in sorted(set(real) - {*SPLITS, ALL})]
        return [*splits, *unseen, (f"All, learned ones too ({real.get(ALL, 0):,})", ALL)]

    @property
    def against(self) -> str:
        """What is compared with: what was chosen, or the first that has shapes enough."""
        offered = [name for _, name in self.opponents()]
        enough = (name for name in offered if self._known.real.get(name, 0) >= FEWEST)
        return self._against if self._against in offered else next(enough, UNSEEN)

    def hold_against(self, name: str) -> None:
        """Compare with these."""
        self._against = name
        self.changed.emit()

    @property
    def names(self) -> tuple[str, ...]:
        """What would be evaluated: a run, or shapes."""
        offered = [name for _, name in self.subjects()]
        if self.subject in offered:
            return (self.subject,) if self.subject else self._chosen_shapes()
        return tuple(offered[:1]) if offered and offered[0] else self._chosen_shapes()

    @property
    def hindrance(self) -> str:
        """Why nothing can be evaluated; "" when nothing stands in the way."""
        if not self.names:
            return "Generate or fit shapes first, or choose some in the library."
        if (count := self._known.real.get(self.against, 0)) < FEWEST:
            other = ", or compare with all" if self._known.real.get(ALL, 0) > 1 else ""
            few = f"{counted(count, 'real shape')} to compare with {'is' if count == 1 else 'are'} too few"
            return f"{few}; bring in more{other}."
        if self.form.settings is None:
            return "A setting is not valid; look behind More."
        return ""

    @property
    def advice(self) -> str:
        """What would make the result better; "" when there is nothing to say."""
        if self.hindrance:
            return ""
        if self.against == ALL:
            return (
                "The model may have learned from these very shapes, so good scores say little of how new its own are."
            )
        names, real = self.names, self._known.real[self.against]
        cards = [card for card in self._opened.library.cards if card.kind == "shape"]
        own = [card for card in cards if card.run == names[0] or card.name in names]
        if any(card.operation == "fitted" for card in own) or len(own) >= real:
            return ""
        return f"{counted(len(own), 'shape')} beside up to {real:,} real ones: with as many the scores say most."

    def evaluate(self) -> str:
        """Put the evaluation into the queue; returns its run, "" when that failed, which is told."""
        if self.hindrance:
            return ""
        against = {UNSEEN: (), ALL: self._known.items}.get(self.against, (self.against,))
        return self._opened.submit(EvaluateJob(names=self.names, against=against, protocol=self.form.settings))

    # what was found --------------------------------------------------------------------------------------------------
    @property
    def entries(self) -> tuple[Entry, ...]:
        """Finished evaluations and reports, newest first."""
        return self._known.entries

    @property
    def page(self) -> Path | None:
        """The page of the one entry that is chosen."""
        entry = self._entry(self.chosen[0]) if len(self.chosen) == 1 else None
        return entry.page if entry else None

    @property
    def comparable(self) -> tuple[str, ...]:
        """Evaluations that would stand in a report together: of the chosen entries, where they are several."""
        runs = tuple(dict.fromkeys(run for name in self.chosen if (entry := self._entry(name)) for run in entry.of))
        return runs if len(self.chosen) > 1 and len(runs) > 1 else ()

    def compare(self) -> str:
        """Put a report of the chosen evaluations into the queue."""
        return self._opened.submit(ReportJob(runs=self.comparable)) if self.comparable else ""

    def choose(self, runs: tuple[str, ...]) -> None:
        """Show the figures of these entries, soon."""
        self.chosen = runs
        of = dict.fromkeys(one for run in runs if (entry := self._entry(run)) for one in entry.of)
        paths = [self._opened.project.run_folder(one) / RESULT for one in of]

        def take(found: list[Evaluation]) -> None:
            if self.chosen == runs:
                self.evaluations = found
                self.shown.emit()

        self._opened.background.do(
            lambda: [read_evaluation(path) for path in paths], take, self._opened.troubles.tell_error
        )

    def refresh(self, then: str = "") -> None:
        """Look at the disk again, and choose the entry ``then`` if it is there; at first the newest."""

        def take(known: Known) -> None:
            self._known = known
            self.changed.emit()
            first = known.entries[0].run if known.entries and not self.chosen else ""
            if self._entry(then) or first:
                self.choose((then if self._entry(then) else first,))

        folder = self._opened.folder
        self._opened.background.do(lambda: read_known(folder), take, self._opened.troubles.tell_error)

    # inside ----------------------------------------------------------------------------------------------------------
    def _entry(self, run: str) -> Entry | None:
        return next((entry for entry in self._known.entries if entry.run == run), None)

    def _chosen_shapes(self) -> tuple[str, ...]:
        cards = [self._opened.library.card(name) for name in self._opened.current.chosen]
        names = tuple(card.name for card in cards if card and card.kind == "shape")
        return names if len(names) > 1 else ()  # one alone cannot be compared with a set

    def _look(self, run: str) -> None:
        task = self._opened.queue.task(run)
        if task and task.state == "finished":
            if isinstance(task.job, EvaluateJob | ReportJob):
                self.refresh(then=run)
            elif task.job.__struct_config__.tag in ("import", "samples"):
                self.refresh()


def _title_of_run(card: Card) -> str:
    """What people call the run of a card: "Chair 2" where its shapes are "Chair 2.1" and so on, else its name."""
    title, _, number = card.title.rpartition(".")
    return title if title and number == str(card.row + 1) else card.run


def _words_of_run(title: str, kind: str, count: int) -> str:
    return f"{title}: {counted(count, 'shape' if kind in title.lower() else f'{kind} shape')}"


def _opponent(job: EvaluateJob) -> str:
    """What shapes were held against, in a few words."""
    return counted(len(job.against), "named shape") if len(job.against) > 1 else ", ".join(job.against) or UNSEEN


def read_known(folder: Path) -> Known:
    """What there is in a project. For a thread: opens the project anew."""
    with Project(folder) as project:
        entries = []
        for run in reversed(project.catalogue.runs()):
            page = project.run_folder(run.id) / PAGE
            if run.kind in ("evaluate", "report") and run.state == "finished" and page.is_file():
                try:
                    job = project.job(run.id)
                except StudioError:
                    continue
                when = time.strftime("%d %b %H:%M", time.localtime(run.created))
                match job:
                    case EvaluateJob():
                        title = job.names[0] if len(job.names) == 1 else counted(len(job.names), "shape")
                        note = f"against {_opponent(job)}, {when}"
                        entries.append(Entry(run.id, title, note, (run.id,), page))
                    case ReportJob():
                        title = f"Comparison of {len(job.runs)}"
                        entries.append(Entry(run.id, title, f"{', '.join(job.runs)}, {when}", job.runs, page))
        real: Counter[str] = Counter()
        items = [one for one in project.catalogue.items() if one.split != MADE]
        items = [one for one in items if project.geometry_path(one.id).is_file()]
        for item in items:
            seen = item.split not in ("val", "test")
            real.update([ALL] if seen else [ALL, UNSEEN, item.split, *([item.category] if item.category else [])])
    return Known(tuple(entries), dict(real), tuple(item.id for item in items))
