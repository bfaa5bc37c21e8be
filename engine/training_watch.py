"""Running scores of a denoiser while it trains, paid for out of a share of the training's own time.

The watch saves up: each second that the training takes gives it ``train.watch_share`` of a second, by the processor's
clock on the CPU. What it saved it spends between the training's events, a few milliseconds at a time: first on decoding
what samples are held against; then, at every ``train.watch_every``-th step for which there is enough, on a handful of
samples of the averaged weights. So it does not slow the loop by more than its share, on whatever machine; a short training
is looked at less often.

The training's result is the same with and without it, bit for bit: a step takes its randomness from its own seed alone, and
the averaged weights are exchanged with the raw ones and back. Only which steps are looked at depends on the machine's speed.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace
from torch import nn

from engine.errors import StudioError
from engine.latents import Chosen
from engine.method import LatentSet, Method, Representation, Shapes
from engine.metrics.running import FEWEST, FEWEST_TRAINING
from engine.optimise import Due, Preview
from engine.protocol import Metric, Note, Progress, Stage
from engine.running_scores import RunningScores
from engine.settings import TrainSettings
from engine.storage import seed_of
from engine.watch_curve import WatchCurve

HEARTBEAT = 0.2  # seconds between events while the watch works
FORWARD = (
    0.5  # training steps that one evaluation of a sampler takes: a third, and some room; used until it was measured
)
SLICE = 0.03  # seconds of work at least between two looks at the clock
PREFIX = "watch/"  # of the names of its Metric events

T = TypeVar("T")


class Watch:
    """Looks at one training: its loop goes through `beside`, and calls `look` every so often with the average in place.

    What the loop took is taken from ``clock`` while its generator runs; what the watch took is left out of it. A fault of
    the watch's own work ends the watch, which a Note says, and not the training.
    """

    def __init__(self, method: Method, trainee: nn.Module, settings: Any, scores: RunningScores, folder: Path) -> None:
        """settings : the training run's, of its method; folder : the run's, where watch.csv is kept."""
        self.method, self.trainee, self.settings, self.scores = method, trainee, settings, scores
        self.train: TrainSettings = settings.train
        self.count = len(scores.unseen)
        self.curve = WatchCurve(folder / "watch.csv")
        self.clock: Callable[[], float] = time.monotonic
        if next(trainee.parameters()).device.type == "cpu":
            self.clock = time.process_time
        self.credit = 0.0  # seconds that may be spent
        self.trained, self.steps = 0.0, 0  # seconds and steps of the loop in this session
        self.aside = 0.0  # seconds that `look` took while the loop's generator was running
        self.spent = 0.0  # seconds of the work at hand
        self.prepared: float | None = None  # seconds that the preparation took
        self.price: float | None = None  # seconds that the last reading took
        self.work: Stage[None] | None = scores.prepare()
        self.beat = Progress(stage="train", done=0, total=self.train.steps)  # the loop's latest

    def beside(self, loop: Stage[T]) -> Stage[T]:
        """The ``loop``'s events and result, and the watch's own work in between. Closing it closes the loop first."""
        first: int | None = None
        try:
            while True:
                start, aside = self.clock(), self.aside
                try:
                    event = next(loop)
                except StopIteration as end:
                    result: T = end.value
                    return result
                took = self.clock() - start - (self.aside - aside)
                self.trained += took
                self.credit += took * self.train.watch_share
                if isinstance(event, Progress) and event.stage == self.beat.stage:
                    first = event.done if first is None else first
                    self.beat, self.steps = event, event.done - first
                    self.curve.cut(event.done)
                yield event
                yield from self._spend()
        finally:
            loop.close()
            if self.work is not None:
                self.work.close()

    def due(self, step: int) -> bool:
        """Whether a step is one to look at, and the whole of a reading can be afforded."""
        if step % self.train.watch_every or self.work is not None or self.scores.stick is None or self.curve.has(step):
            return False
        return self.credit >= self._expected()

    def look(self, step: int) -> Stage[None]:
        """Draw samples with the averaged weights in place, at a step that is due."""
        seed = seed_of(self.settings.seed, "watch")  # one for all, so that a curve shows the denoiser's changes alone
        drawing = self.method.sample(
            self.trainee, self.scores.representation, self.count, self.settings.sampler, seed, {}
        )
        self.spent = 0.0
        drawn: list[Shapes] = []
        while not drawn:
            try:
                with self._aside():
                    drawn = _advanced(drawing, HEARTBEAT)[1]
            except StudioError as error:
                yield self._given_up(error)
                return
            yield self.beat
        self.work = self._read(step, drawn[0])

    def _spend(self) -> Stage[None]:
        """Go on with the work at hand while there is credit."""
        told = time.monotonic()
        while self.work is not None and self.credit > 0:
            start = self.clock()
            try:
                events, ended = _advanced(self.work, SLICE)
            except StudioError as error:
                yield self._given_up(error)
                return
            took = self.clock() - start
            self.spent += took
            self.credit -= took
            if ended:
                self.work = None
                if self.prepared is None:
                    self.prepared = self.spent
                else:
                    self.price = self.spent
            yield from events
            if time.monotonic() - told > HEARTBEAT:
                told = time.monotonic()
                yield self.beat

    def _given_up(self, error: StudioError) -> Note:
        """No more looks at this training, which goes on; what says so."""
        self.work, self.scores.stick = None, None
        return Note(text=f"no longer watched: {error}", warning=True)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """What is done inside is the watch's, though the loop's generator is running."""
        start = self.clock()
        try:
            yield
        finally:
            took = self.clock() - start
            self.aside += took
            self.spent += took
            self.credit -= took

    def _expected(self) -> float:
        """Seconds that a reading will take: as the last one; before that by the steps and the preparation so far."""
        if self.price is not None:
            return self.price
        step = self.trained / max(1, self.steps)
        batches = max(1.0, self.count / min(self.train.batch, len(self.scores.training)))
        decoding = (self.prepared or 0.0) / (self.count + len(self.scores.clouds))
        return float(self.settings.sampler.steps * FORWARD * step * batches + self.count * decoding)

    def _read(self, step: int, shapes: Shapes) -> Stage[None]:
        """Score the samples of a step; keep and tell the scores, beside those of shapes that need no denoiser."""
        stick = self.scores.stick
        assert stick is not None
        found = yield from self.scores.read(shapes)
        real = {"one_nna_real": stick.one_nna, "coverage_real": stick.coverage, "copies_real": stick.copies}
        values = found.values() | real
        self.curve.add(step, values)
        for name, value in values.items():
            if math.isfinite(value):
                yield Metric(name=PREFIX + name, step=step, value=value)


def _advanced(work: Stage[T], seconds: float) -> tuple[list[Metric | Note], list[T]]:
    """Run ``work`` for about so long: what it had to tell but for progress, and its result once it is through, else [].

    Many small pieces at once, since the processor's clock, which the caller reads, can be slow to read.
    """
    told: list[Metric | Note] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            event = next(work)
        except StopIteration as end:
            return told, [end.value]
        if isinstance(event, Metric | Note):
            told.append(event)
    return told, []


def watch_of(
    method: Method,
    representation: Representation,
    trainee: nn.Module,
    settings: Any,
    latents: LatentSet,
    rows: Sequence[int],
    unseen: Sequence[int],
    folder: Path,
) -> Watch | str:
    """A watch of a training on ``rows`` of ``latents``, held against rows ``unseen``; or why there is none ("": unasked)."""
    if not 0 < settings.train.watch_every <= settings.train.steps:
        return ""
    if representation.learns_with_denoiser:
        return "not watched: what samples would be held against changes in this training"
    if len(unseen) < FEWEST:
        return f"not watched: of unseen items there are {len(unseen)} accepted fits, and {FEWEST} are needed"
    if len(rows) < FEWEST_TRAINING:
        return f"not watched: there are {len(rows)} training fits, and {FEWEST_TRAINING} are needed"
    scores = RunningScores(representation, Chosen(latents, rows), Chosen(latents, unseen))
    return Watch(method, trainee, settings, scores, folder)


def in_turn(train: TrainSettings, preview: Preview, watch: Watch | str) -> tuple[TrainSettings, Preview, Due]:
    """Settings, preview and its steps for `optimise`, which knows one kind of look: a sheet of pictures and the watch.

    What the settings say of the watch is left out, since it may change when a run goes on.
    """

    def drawn(step: int) -> bool:
        return train.preview_every > 0 and step % train.preview_every == 0

    def watched(step: int) -> bool:
        return isinstance(watch, Watch) and watch.due(step)

    def look(step: int) -> Stage[None]:
        if drawn(step):
            yield from preview(step)
        if isinstance(watch, Watch) and watch.due(step):
            yield from watch.look(step)

    plain = TrainSettings()
    train_only = replace(train, watch_every=plain.watch_every, watch_share=plain.watch_share)
    return train_only, look, lambda step: drawn(step) or watched(step)
