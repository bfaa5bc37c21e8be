"""Curves of runs: loss, IoU, running scores with their bands. Fed by live events, or from the events.jsonl of a run.

A curve that goes on from a checkpoint repeats the steps since then: what comes again takes the place of what was there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from engine.errors import explain
from engine.events import read_events
from engine.protocol import Metric
from studio.models.curves_series import Numbers, Series, beside

LOW, HIGH = "_low", "_high"  # ends of the names of the curves between which a band lies
REAL = "_real"  # end of the name of what shapes have that need no denoiser: what a curve can come to
WATCH = "watch/"


@dataclass(frozen=True)
class Shown:
    """What a plot draws of one curve, at the same steps (N,).

    low, high : of the band, or None; NaN where there is none
    real : what shapes have that need no denoiser, or None
    """

    run: str
    name: str
    steps: Numbers
    values: Numbers
    smooth: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    real: Numbers | None = None


class Curves(QObject):
    """Curves of some runs, and which of them are looked at.

    grown : there are new readings; drawing them may wait a little. arranged : other runs, curves, or ways to look at them
    failed : a run's file cannot be read, one sentence
    """

    grown = Signal()
    arranged = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._series: dict[str, dict[str, Series]] = {}
        self._titles: dict[str, str] = {}
        self._colours: dict[str, int] = {}
        self._hidden: set[str] = set()
        self._reading: dict[str, _Reading] = {}
        self.metric = ""
        self.smoothing = 0.0
        self.log = False

    # what is there ---------------------------------------------------------------------------------------------------
    @property
    def runs(self) -> tuple[str, ...]:
        """Runs in the order in which they came."""
        return tuple(self._series)

    def colour(self, run: str) -> int:
        """Number of a run's colour; it stays the run's own as long as the run is here."""
        return self._colours[run]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of curves that any run has; those that bound a band go with the curve between them."""
        names = dict.fromkeys(name for one in self._series.values() for name in one)
        return tuple(name for name in names if not _bounds(name, names))

    def title(self, run: str) -> str:
        """What the legend calls a run."""
        return self._titles.get(run, run)

    def is_hidden(self, run: str) -> bool:
        """Whether a run is left out of the plot."""
        return run in self._hidden

    def series(self, run: str, name: str) -> Series | None:
        """One curve of a run."""
        return self._series.get(run, {}).get(name)

    def shown(self) -> list[Shown]:
        """The curves of the chosen metric that are to be drawn."""
        found = []
        for run, own in self._series.items():
            series = own.get(self.metric)
            if series is None or not len(series) or run in self._hidden:
                continue
            low, high, real = (beside(series, own.get(self.metric + end)) for end in (LOW, HIGH, REAL))
            smooth = series.smooth(self.smoothing)
            found.append(Shown(run, self.metric, series.steps, series.values, smooth, low, high, real))
        return found

    # filling ---------------------------------------------------------------------------------------------------------
    def add(self, run: str, event: object) -> None:
        """Take a live event of a run; whatever is no `Metric` is none of ours."""
        if isinstance(event, Metric):
            self.add_all(run, [event])

    def add_all(self, run: str, metrics: Iterable[Metric]) -> None:
        """Take readings, oldest first; one signal for all."""
        new = self._enter(run)
        own = self._series[run]
        known = len(own)
        for one in metrics:
            own.setdefault(one.name, Series()).add(one.step, one.value)
        self._choose_one()
        self.grown.emit()
        if new or known != len(own):
            self.arranged.emit()

    def read(self, run: str, path: Path, title: str = "") -> None:
        """Fetch the curves of a run from its events.jsonl, beside the window's work; live readings may come meanwhile."""
        self._enter(run)
        self._titles[run] = title or run
        reading = self._reading[run] = _Reading(run, path)
        reading.signals.done.connect(self._take, Qt.ConnectionType.QueuedConnection)
        reading.signals.failed.connect(self._give_up, Qt.ConnectionType.QueuedConnection)
        QThreadPool.globalInstance().start(reading)

    def remove(self, run: str) -> None:
        """Forget a run."""
        self._reading.pop(run, None)
        self._hidden.discard(run)
        if self._series.pop(run, None) is not None:
            del self._colours[run]
            self.arranged.emit()

    # looking ---------------------------------------------------------------------------------------------------------
    def choose(self, metric: str) -> None:
        """Look at another curve."""
        self.metric = metric
        self.arranged.emit()

    def set_smoothing(self, weight: float) -> None:
        """0 as measured, to below 1."""
        self.smoothing = min(max(weight, 0.0), 0.999)
        self.grown.emit()

    def set_log(self, log: bool) -> None:
        """Whether values stand on a logarithmic axis."""
        self.log = log
        self.arranged.emit()

    def hide(self, run: str, hidden: bool) -> None:
        """Leave a run out of the plot, or show it again."""
        (self._hidden.add if hidden else self._hidden.discard)(run)
        self.arranged.emit()

    def readings_at(self, step: float) -> list[tuple[str, float, float]]:
        """(run, step, smoothed value) of each curve that is shown, at its reading nearest to ``step``."""
        found = []
        for one in self.shown():
            series = self._series[one.run][one.name]
            place = series.at(step)
            found.append((one.run, float(one.steps[place]), float(one.smooth[place])))
        return found

    # inside ----------------------------------------------------------------------------------------------------------
    def _choose_one(self) -> None:
        if not self.metric and self.metrics:
            self.metric = self.metrics[0]

    def _enter(self, run: str) -> bool:
        """Make room for a run, with the first colour that is free; whether it is a new one."""
        if run in self._series:
            return False
        self._series[run] = {}
        self._colours[run] = next(i for i in range(len(self._series)) if i not in self._colours.values())
        return True

    @Slot(str, object)
    def _take(self, run: str, found: dict[str, Series]) -> None:
        """What was read, before what came live since; the newest word on a step counts."""
        if self._reading.pop(run, None) is None:
            return
        live, self._series[run] = self._series[run], found
        for name, one in live.items():
            for step, value in zip(one.steps.tolist(), one.values.tolist(), strict=True):
                found.setdefault(name, Series()).add(step, value)
        self._choose_one()
        self.arranged.emit()

    @Slot(str, str)
    def _give_up(self, run: str, text: str) -> None:
        if self._reading.pop(run, None) is not None:
            self.failed.emit(text)


class _Signals(QObject):
    done = Signal(str, object)
    failed = Signal(str, str)


class _Reading(QRunnable):
    """Reads one file in a thread of its own."""

    def __init__(self, run: str, path: Path) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self.signals = _Signals()
        self._run, self._path = run, path

    def run(self) -> None:
        """Read, and say what was found."""
        found: dict[str, Series] = {}
        try:
            for _, event in read_events(self._path):
                if isinstance(event, Metric):
                    found.setdefault(event.name, Series()).add(event.step, event.value)
        except (OSError, ValueError) as error:  # ValueError: a line that is no event
            self.signals.failed.emit(self._run, f"the curves of {self._run} cannot be shown: {explain(error)}")
        else:
            self.signals.done.emit(self._run, found)


def name_for_people(metric: str) -> str:
    """ "loss" -> "Loss", "watch/one_nna" -> "1-NNA of samples"."""
    words = metric.removeprefix(WATCH).replace("one_nna", "1-NNA").replace("_", " ")
    words = "IoU" if words == "iou" else words[:1].upper() + words[1:]
    return f"{words} of samples" if metric.startswith(WATCH) else words


def _bounds(name: str, names: Iterable[str]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in names for end in (LOW, HIGH, REAL))
