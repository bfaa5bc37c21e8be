"""What a training sees of the runs of a project: fits with their shapes, trainings with their previews, and their times.

Times and memory are those that earlier runs of this project took, never guessed: `Speeds` says None where there was no
such run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from engine.errors import StudioError
from engine.footprint import footprint_of
from engine.jobs import FitJob, GenerateJob, TrainJob
from engine.methods import MethodSettings, name_of
from engine.project import Project
from engine.rows import ItemRow, RunRow, ShapeRow

STARTED = b'"text":"fitting '  # what a fit says each time it is started
RECENT = 8  # runs of a kind that a speed is taken from

Told = dict[tuple[str, float | None], "Pace | None"]  # (run, its end) -> what it told of itself


class Pace(NamedTuple):
    """What an ended run told. key : what it depends on; seconds : per unit of work; memory : bytes at most, 0 = not known;
    still : seconds per shape, however much work is done on it"""

    key: str
    seconds: float
    memory: int = 0
    still: float = 0.0


class Cost(NamedTuple):
    """What a run will take. seconds, memory : None where no run has told; memory in bytes, where most of it is needed"""

    seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Fitted:
    """A fit. shapes : in the order of their rows, none before it is finished."""

    run: str
    job: FitJob
    state: str
    reason: str
    shapes: tuple[ShapeRow, ...] = ()

    @property
    def accepted(self) -> list[ShapeRow]:
        """Those that passed the gate."""
        return [shape for shape in self.shapes if shape.verdict == "accepted"]

    @property
    def set_aside(self) -> list[ShapeRow]:
        """Those that did not."""
        return [shape for shape in self.shapes if shape.verdict != "accepted"]


@dataclass(frozen=True)
class Training:
    """A training. previews : sheets of samples, oldest first; model : whether there is a model to draw from."""

    run: str
    job: TrainJob
    state: str
    reason: str
    model: bool
    forkable: bool
    previews: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Speeds:
    """Seconds per unit of work and memory, by what they depend on."""

    known: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    still: Mapping[str, float] = field(default_factory=dict)  # seconds per shape beside those

    def samples(self, category: str, count: int) -> float | None:
        """Seconds for so many procedural items."""
        return self._times(f"samples {category}", count)

    def fit(self, settings: MethodSettings, shapes: int, parts: int) -> Cost:
        """A fit of so many shapes with so many parts."""
        key = fit_key(settings)
        return self._cost(key, fit_work(settings, shapes, parts), self.still.get(key, 0.0) * shapes)

    def train(self, settings: MethodSettings, steps: int) -> Cost:
        """So many steps."""
        return self._cost(train_key(settings), steps)

    def draw(self, model: str, count: int) -> float | None:
        """Seconds for so many shapes of a model."""
        return self._times(f"draw {model}", count)

    def _cost(self, key: str, work: float, still: float = 0.0) -> Cost:
        seconds = self._times(key, work)
        return Cost(None if seconds is None else seconds + still, self.memory.get(key))

    def _times(self, key: str, work: float) -> float | None:
        return self.known[key] * work if key in self.known else None


@dataclass(frozen=True)
class Runs:
    """All of them, newest first."""

    fits: tuple[Fitted, ...] = ()
    trainings: tuple[Training, ...] = ()
    speeds: Speeds = Speeds()


def read_runs(folder: Path, known: Told) -> Runs:
    """Fits, trainings and speeds of a project. For a thread: opens the project anew.

    known : what ended runs told of their speed, filled in here, so that each is read once
    """
    with Project(folder) as project:
        rows = list(reversed(project.catalogue.runs()))
        items = project.catalogue.items()
        fits = [fit for row in rows if row.kind == "fit" and (fit := _fitted(project, row))]
        trainings = [one for row in rows if row.kind == "train" and (one := _training(project, row))]
        speeds = _speeds(project, rows, items, known)
    return Runs(tuple(fits), tuple(trainings), speeds)


def fit_key(settings: MethodSettings) -> str:
    """What the seconds per unit of work of a fit depend on: all of its settings but the number of steps."""
    data = msgspec.to_builtins(settings)
    kept = {name: data[name] for name in data if name not in ("seed", "denoiser", "train", "sampler")}
    kept["fit"] = {name: value for name, value in kept["fit"].items() if name not in ("steps", "accept", "accept_part")}
    return "fit " + msgspec.json.encode(kept).decode()


def fit_work(settings: MethodSettings, shapes: int, parts: int) -> float:
    """Units of work: a basis learns all shapes together, part by part; the others fit shape after shape."""
    return settings.fit.steps * float(max(parts, 1) if name_of(settings) == "basis" else shapes)


def train_key(settings: MethodSettings) -> str:
    """What the seconds per step of a training depend on."""
    data = msgspec.to_builtins(settings)
    watch = data["train"]["watch_every"], data["train"]["watch_share"], data["train"]["preview_every"]
    return "train " + msgspec.json.encode([data["type"], data["denoiser"], data["train"]["batch"], watch]).decode()


def _fitted(project: Project, row: RunRow) -> Fitted | None:
    try:
        job = project.job(row.id)
    except StudioError:
        return None  # its folder was removed
    if not isinstance(job, FitJob):
        return None
    return Fitted(row.id, job, row.state, row.reason, tuple(project.catalogue.shapes(row.id)))


def _training(project: Project, row: RunRow) -> Training | None:
    try:
        job = project.job(row.id)
    except StudioError:
        return None
    if not isinstance(job, TrainJob):
        return None
    folder = project.run_folder(row.id)
    model = row.state == "finished" and (folder / "model.safetensors").is_file()
    forkable = any((folder / "checkpoints").glob("step-*.safetensors"))
    previews = tuple(sorted((folder / "previews").glob("*.png")))
    return Training(row.id, job, row.state, row.reason, model, forkable, previews)


def _speeds(project: Project, rows: list[RunRow], items: list[ItemRow], known: Told) -> Speeds:
    """The median of what the newest runs took per unit of work."""
    found: dict[str, list[float]] = {}
    memory: dict[str, list[int]] = {}
    still: dict[str, list[float]] = {}
    for row in rows:
        if row.state == "finished":
            if (row.id, row.ended) not in known:
                known[row.id, row.ended] = _pace(project, row)
            if told := known[row.id, row.ended]:
                found.setdefault(told.key, []).append(told.seconds)
                memory.setdefault(told.key, []).extend([told.memory] * bool(told.memory))
                still.setdefault(told.key, []).append(told.still)
    made: dict[str, list[float]] = {}
    for item in items:
        if item.kind == "procedural":
            made.setdefault(item.category, []).append(item.added)
    for category, times in made.items():
        times.sort()
        if gaps := [after - before for before, after in zip(times, times[1:], strict=False)]:
            found[f"samples {category}"] = [median(gaps)]
    most = {key: max(values[:RECENT]) for key, values in memory.items() if values}
    speeds, rest = ({key: median(some[:RECENT]) for key, some in both.items()} for both in (found, still))
    return Speeds(speeds, most, rest)


def _pace(project: Project, row: RunRow) -> Pace | None:
    """What a run tells; None where it does not."""
    folder = project.run_folder(row.id)
    try:
        job = project.job(row.id)
        result: dict[str, Any] = msgspec.json.decode((folder / "result.json").read_bytes())
        if isinstance(job, TrainJob) and result["steps"]:
            return Pace(train_key(job.settings), result["seconds"] / result["steps"], _memory(folder))
        if isinstance(job, GenerateJob) and job.count:
            return Pace(f"draw {job.model}", result["seconds"] / job.count)
        if isinstance(job, FitJob) and not job.model and row.ended:
            log = (folder / "events.jsonl").read_bytes()
            settled = msgspec.json.decode((folder / "items.json").read_bytes())
            shapes = len(settled["items"])
            work = fit_work(job.settings, shapes, len(settled["vocabulary"]))
            if log.count(STARTED) == 1:  # one that was stopped in between does not say how long it worked
                whole = row.ended - _first(log)
                steps = (
                    min(_learning(log, job.settings.fit.steps), whole) if name_of(job.settings) == "basis" else whole
                )
                return Pace(fit_key(job.settings), steps / work, _memory(folder), (whole - steps) / shapes)
    except (StudioError, OSError, msgspec.DecodeError, KeyError):
        return None  # a run of an older version, or one whose files were taken away: it tells of no time
    return None


def _memory(folder: Path) -> int:
    """Bytes of the GPU where one was used, else of the engine."""
    found = footprint_of(folder)
    return found.gpu or found.ram


def _first(log: bytes) -> float:
    """When a run said its first word."""
    at: float = msgspec.json.decode(log[: log.index(b"\n")])["at"]
    return at


def _learning(log: bytes, steps: int) -> float:
    """Seconds that so many steps took, by the first curve that a run drew; all of it (infinite) where it drew none."""
    drawn: list[tuple[float, float]] = []  # when, which step
    for line in log.splitlines():
        if b'"type":"metric"' in line:
            told = msgspec.json.decode(line)
            if drawn and told["event"]["step"] < drawn[-1][1]:
                break  # the next stage
            drawn.append((told["at"], told["event"]["step"]))
    if len(drawn) < 2 or drawn[-1][1] == drawn[0][1]:
        return math.inf
    return (drawn[-1][0] - drawn[0][0]) / (drawn[-1][1] - drawn[0][1]) * steps
