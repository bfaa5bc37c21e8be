"""Evaluations of a project: those that are finished, what they found, and what can be evaluated next."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal

from engine.jobs import EvaluateJob, ReportJob
from engine.settings import PROTOCOLS
from studio.models.form import Form
from studio.models.library import Card
from studio.models.opened import OpenProject, ProjectModel
from studio.models.report_known import ALL, SPLITS, UNSEEN, Entry, Known, read_known
from studio.models.report_result import Evaluation, read_evaluation
from studio.models.titles import counted

RESULT = "evaluation.json"
CHOSEN = ""  # the subject that stands for the shapes chosen in the library
FEWEST = 2  # real shapes that something can be compared with
MEASURED = ("generated", "fitted", "mixed", "healed", "rerolled", "interpolated", "imported", "split")


class Report(ProjectModel):
    """State of the workspace. changed() : what can be evaluated, or which evaluations there are; shown() : figures came."""

    changed = Signal()
    shown = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self._known = Known()
        self.chosen: tuple[str, ...] = ()  # runs of entries
        self.evaluations: list[Evaluation] = []
        self.subject = CHOSEN
        self._against = ""  # "" until somebody chooses
        self._runs: tuple[list[Card], list[tuple[str, str]]] = ([], [])  # of which cards, and (words, run) of theirs
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
        if self._runs[0] is not self._opened.library.cards:  # there may be thousands, and this is asked for often
            self._runs = self._opened.library.cards, _runs_of(self._opened.library.cards)
        chosen = self._chosen_shapes()
        return [*([(f"{counted(len(chosen), 'chosen shape')}", CHOSEN)] if chosen else []), *self._runs[1]]

    def take(self, subject: str) -> None:
        """Evaluate this run, or the chosen shapes. What other kinds were held against is no choice for these."""
        before = self.kinds
        self.subject = subject
        if self.kinds != before:
            self._against = ""
        self.changed.emit()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Categories of what would be evaluated; () where that of some shape is not known."""
        names = set(self.names)
        shapes = (card for card in self._opened.library.cards if card.kind == "shape")
        found = {card.category for card in shapes if card.run in names or card.name in names}
        return () if "" in found else tuple(sorted(found))

    def opponents(self) -> list[tuple[str, str]]:
        """(words, name) of real shapes to compare with, with their number; those of the same kinds come first."""
        kinds, known = self.kinds, self._known
        what = ", ".join(kinds) or "shapes"
        splits = [(f"{words} {what} ({len(known.names(name, kinds)):,})", name) for name, words in SPLITS.items()]
        others = sorted({category for split, category in known.real if split in ("val", "test")} - {"", *kinds})
        unseen = [(f"Unseen {name} ({len(known.names(name, ())):,})", name) for name in others]
        all_ = f"All {what}" if kinds else "All"
        return [*splits, *unseen, (f"{all_}, learned ones too ({len(known.names(ALL, kinds)):,})", ALL)]

    @property
    def against(self) -> str:
        """What is compared with: what was chosen, or the first of the same kinds that has shapes enough."""
        offered, kinds = [name for _, name in self.opponents()], self.kinds
        fitting = [name for name in offered if not kinds or name in (*SPLITS, ALL)]
        enough = (name for name in fitting if self._real(name) >= FEWEST)
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
        if (count := self._real(self.against)) < FEWEST:
            other = ", or compare with all" if self._real(ALL) >= FEWEST else ""
            few = f"{counted(count, f'real {self._kind}')} to compare with {'is' if count == 1 else 'are'} too few"
            return f"{few}; bring in more{other}."
        if self.form.settings is None:
            return "A setting is not valid; look behind More."
        return ""

    @property
    def advice(self) -> str:
        """What would make the result better; "" when there is nothing to say."""
        if self.hindrance:
            return ""
        against, kinds = self.against, self.kinds
        if kinds and against not in (*SPLITS, ALL):
            return f"These are {', '.join(kinds)} shapes, held against {against} shapes: the scores say how far they differ."
        if against == ALL:
            return (
                "The model may have learned from these very shapes, so good scores say little of how new its own are."
            )
        names, real = self.names, self._real(against)
        cards = [card for card in self._opened.library.cards if card.kind == "shape"]
        own = [card for card in cards if card.run == names[0] or card.name in names]
        if any(card.operation == "fitted" for card in own) or len(own) >= real:
            return ""
        return f"{counted(len(own), 'shape')} beside up to {real:,} real ones: with as many the scores say most."

    def evaluate(self) -> str:
        """Put the evaluation into the queue; returns its run, "" when that failed, which is told."""
        if self.hindrance:
            return ""
        return self._opened.submit(EvaluateJob(names=self.names, against=self._named(), protocol=self.form.settings))

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
    @property
    def _kind(self) -> str:
        """What one of the shapes is called."""
        return self.kinds[0] if len(self.kinds) == 1 else "shape"

    def _real(self, choice: str) -> int:
        """How many real shapes are meant by a choice."""
        return len(self._known.names(choice, self.kinds))

    def _named(self) -> tuple[str, ...]:
        """The same as a job has it: in words where these mean the same shapes to the engine, else one by one."""
        against, kinds = self.against, self.kinds
        if against == UNSEEN:
            return kinds
        names = self._known.names(against, kinds)
        by_word = against != ALL and len(names) == len(self._known.names(against, ()))
        return (against,) if by_word else names

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


def _runs_of(cards: Sequence[Card]) -> list[tuple[str, str]]:
    """(words, run) of each run whose shapes can be evaluated."""
    cards = [card for card in cards if card.kind == "shape" and card.operation in MEASURED]
    counts = Counter((card.run, card.operation) for card in cards)
    titles = {(card.run, card.operation): _title_of_run(card) for card in reversed(cards)}
    runs = sorted(counts, key=lambda one: (one[1] != "generated", -counts[one]))  # equal ones stay newest first
    return [(_words_of_run(titles[one], one[1], counts[one]), one[0]) for one in runs]


def _title_of_run(card: Card) -> str:
    """What people call the run of a card: "Chair 2" where its shapes are "Chair 2.1" and so on, else its name."""
    title, _, number = card.title.rpartition(".")
    return title if title and number == str(card.row + 1) else card.run


def _words_of_run(title: str, kind: str, count: int) -> str:
    return f"{title}: {counted(count, 'shape' if kind in title.lower() else f'{kind} shape')}"
