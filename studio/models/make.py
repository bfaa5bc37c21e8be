"""What the Make panel asks for: model, category, attributes, count, seed, steps and guidance; and the job that it makes."""

import random
from collections.abc import Mapping
from typing import Self

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from engine.asking import Asked
from engine.conditions import ABSENT, ATTRIBUTE, PART, PRESENT
from engine.jobs import GenerateJob
from engine.project import Project
from engine.text.asking import change_of, prompt_of
from studio.models.make_kept import Choice, KeptChoice
from studio.models.make_series import Series
from studio.models.opened import OpenProject
from studio.models.prompting import Prompting
from studio.models.queue import Queue
from studio.models.sources import Source, own_sources, shipped_sources
from studio.models.troubles import Troubles

TYPE = ATTRIBUTE + "type"  # what kind of chair, or aeroplane: the first thing that one asks for
MOST_SEED = 2**31 - 1
MOST_COUNT = 256  # more at a time are for the command line
NOTHING_SAID = "Say first what it should be, or take one of the examples"


class Make(QObject):
    """The state of the panel. ``changed`` comes after every change, ``asked(run)`` after a job was put into the queue,
    ``more_asked(run)`` for each further one of a list of prompts: they come one by one, so that the window never waits.

    prompting : what is asked for in words, of models that read them
    """

    changed = Signal()
    asked = Signal(str)
    more_asked = Signal(str)

    @classmethod
    def of(cls, opened: OpenProject) -> Self:
        """The model of an open project."""
        return cls(opened.project, opened.queue, opened.troubles)

    def __init__(self, project: Project, queue: Queue, troubles: Troubles) -> None:
        super().__init__()
        self._project, self._queue, self._troubles = project, queue, troubles
        self.sources: list[Source] = []
        self.source: Source | None = None
        self.category = ""
        self.answers: dict[str, str] = {}  # condition -> class asked for
        self.count = 12
        self.seed = random.randint(0, MOST_SEED)
        self.locked = False
        self.whole = True  # shapes that come apart are drawn again
        self.steps = self.guidance = 0.0
        self.prompting = Prompting(project.folder)
        self.refresh()
        self._kept = KeptChoice(project.folder, troubles)
        if last := self._kept.read():
            self._take(last)
        self._kept.begin(self._choice)
        self._series = Series(queue, troubles)
        self._series.queued.connect(self.more_asked)
        queue.ended.connect(self._look_again)

    def refresh(self) -> None:
        """See which models there are, those of the project first; the chosen one stays chosen."""
        chosen = self.source.name if self.source else ""
        self.sources = [*own_sources(self._project), *shipped_sources()]
        found = next((source for source in self.sources if source.name == chosen), None)
        if found is not None:
            self.source = found
            self.changed.emit()
        else:
            self.choose(self.sources[0].name if self.sources else "")

    def choose(self, name: str) -> None:
        """Take a model, with its own steps and guidance."""
        self.source = next((source for source in self.sources if source.name == name), None)
        self.answers = {}
        self.prompting.read(name if self.source else "")
        if self.source:
            self.category = self.categories[0] if len(self.categories) == 1 else ""
            self.steps, self.guidance = self.source.sampler.steps, self.source.sampler.guidance_scale
        self.changed.emit()

    @property
    def reads(self) -> bool:
        """Whether the chosen model is asked in words."""
        return self.prompting.known is not None

    @property
    def categories(self) -> tuple[str, ...]:
        """What a person chooses from; of a model that reads words, a prompt says it."""
        return () if self.source is None or self.reads else self.source.categories

    def set_category(self, category: str) -> None:
        """Ask for a category; "" = any that the model knows. What shapes of it never have is not asked for any more."""
        self.category = category
        offered = dict(self.questions())
        self.answers = {name: one for name, one in self.answers.items() if one in offered.get(name, ())}
        self.changed.emit()

    def questions(self) -> list[tuple[str, tuple[str, ...]]]:
        """(condition, classes) that can be asked for: parts that may be there or not, and attributes with several values."""
        if self.source is None or self.reads:
            return []
        found = self.source.askable.of(self.category)
        offered = [(name, classes) for name, classes in found.items() if len(classes) > 1]
        kept = [one for one in offered if not self._said_by_part(*one, found)]
        return sorted(kept, key=lambda one: 0 if one[0] == TYPE else 1 if one[0].startswith(PART) else 2)

    def words_of(self, name: str) -> str:
        """What a question is about: "Arm part" whether there is one, "Kind of arm" which, or a property."""
        if name.startswith(PART):
            return f"{name.removeprefix(PART).capitalize()} part"
        words = name.removeprefix(ATTRIBUTE).replace("_", " ")
        classes = dict(self.questions()).get(name, ())
        kind = self._part_in(name) and not all(one.isdecimal() for one in classes)
        return f"Kind of {words}" if kind else words.capitalize()

    def _part_in(self, name: str) -> str:
        """The part that an attribute is named after, in the plural too; "" of others."""
        word = name.removeprefix(ATTRIBUTE)
        known = self.source.askable.parts if self.source else ()
        return next((part for part in (word, word.removesuffix("s")) if part in known), "")

    def _said_by_part(self, name: str, classes: tuple[str, ...], found: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether an attribute says no more than whether a part is there, which is asked for already."""
        return name.startswith(ATTRIBUTE) and set(classes) == {"no", "yes"} and PART + self._part_in(name) in found

    def answer(self, name: str, wanted: str) -> None:
        """Ask for a class of a condition; "" = as it comes."""
        if wanted:
            self.answers[name] = wanted
        else:
            self.answers.pop(name, None)
        self.changed.emit()

    def clear(self) -> None:
        """Ask for nothing in particular."""
        self.answers = {}
        self.changed.emit()

    def set_count(self, count: int) -> None:
        self.count = min(max(count, 1), MOST_COUNT)
        self.changed.emit()

    def set_seed(self, seed: int) -> None:
        self.seed = min(max(seed, 0), MOST_SEED)
        self.changed.emit()

    def roll(self) -> None:
        """Another seed."""
        self.set_seed(random.randint(0, MOST_SEED))

    def lock(self, locked: bool) -> None:
        """Keep the seed for the next time too."""
        self.locked = locked
        self.changed.emit()

    def set_drawing(self, steps: int, guidance: float) -> None:
        """Steps and guidance of the sampler."""
        self.steps, self.guidance = steps, guidance
        self.changed.emit()

    def set_points(self, points: int) -> None:
        """Points of a cloud; 0 = as many as the model draws by itself."""
        self.prompting.points = points
        self.changed.emit()

    def set_candidates(self, candidates: int) -> None:
        """Clouds drawn for each that is kept."""
        self.prompting.candidates = candidates
        self.changed.emit()

    @property
    def ranks(self) -> bool:
        """Whether candidates of the chosen model can be ranked."""
        return self.reads and self.source is not None and self.source.ranks

    def set_whole(self, whole: bool) -> None:
        """Draw shapes again that come apart or are not as asked, or keep them as they are drawn."""
        self.whole = whole
        self.changed.emit()

    @property
    def job(self) -> GenerateJob | None:
        """What would be put into the queue, of several prompts the first; None without a model."""
        if self.source is None:
            return None
        own = self.source.sampler
        changes = [f"steps={int(self.steps)}"] if self.steps != own.steps else []
        changes += [f"guidance_scale={self.guidance:g}"] if self.guidance != own.guidance_scale else []
        if self.reads:
            changes += [change_of(prompt) for prompt in self.prompting.prompts[:1]]
        parts = {name.removeprefix(PART): one for name, one in self.answers.items() if name.startswith(PART)}
        asked = Asked(
            category=self.category if len(self.categories) > 1 else "",
            with_parts=tuple(part for part, one in parts.items() if one == PRESENT),
            without=tuple(part for part, one in parts.items() if one == ABSENT),
            attributes={n.removeprefix(ATTRIBUTE): one for n, one in self.answers.items() if n.startswith(ATTRIBUTE)},
        )
        return GenerateJob(
            model=self.source.name,
            count=self.count,
            seed=self.seed,
            category=asked.category,
            with_parts=asked.with_parts,
            without=asked.without,
            attributes=asked.attributes,
            changes=tuple(changes),
            points=self.prompting.points if self.reads else 0,
            candidates=self.prompting.candidates if self.ranks else 1,
            picture=False,  # the live engine draws each shape
            previews=True,
            whole=self.whole,
        )

    def recall(self, job: GenerateJob) -> bool:
        """Ask for what a job asked for, with its seed; whether its model is still there."""
        source = next((one for one in self.sources if job.model in (one.name, one.name.partition("@")[0])), None)
        if source is None:
            self._troubles.tell("the model that drew it is not in this project any more")
            return False
        self.choose(source.name)
        if job.category in ("", *self.categories):
            self.set_category(job.category or self.category)
        parts = dict.fromkeys(job.with_parts, PRESENT) | dict.fromkeys(job.without, ABSENT)
        wanted = {PART + part: one for part, one in parts.items()}
        wanted |= {ATTRIBUTE + name: one for name, one in job.attributes.items()}
        offered = dict(self.questions())
        self.answers = {name: one for name, one in wanted.items() if one in offered.get(name, ())}
        changes = dict(change.removeprefix("sampler.").split("=", 1) for change in job.changes)
        self.steps = float(changes.pop("steps", self.steps))
        self.guidance = float(changes.pop("guidance_scale", self.guidance))
        self.prompting.points, self.prompting.candidates = job.points, job.candidates
        self.prompting.write(prompt_of(job.changes))
        changes.pop("prompt", "")
        self.whole = job.whole
        self.set_count(job.count)
        self.set_seed(job.seed)
        category = job.category if len(self.categories) > 1 else ""
        if changes or _asked_by(self.job) != _asked_by(replace(job, model=source.name, category=category)):
            self._troubles.tell(
                "not all that was asked for then can be asked for here; “Copy as command” has all of it"
            )
        return True

    def generate(self, first: bool = False) -> str:
        """Put the job into the queue, or one for each prompt, and take another seed unless it is locked; returns the first
        run, "" when that failed."""
        if self.reads and not self.prompting.prompts:
            self._troubles.tell(self.prompting.fault or NOTHING_SAID, note=True)
            self.prompting.ask()
            return ""
        if not (run := self._series.begin(self.jobs, first)):
            return ""
        if not self.locked:
            self.roll()
        self.prompting.remember()
        self.asked.emit(run)
        self._kept.keep(self._choice)
        return run

    @property
    def left(self) -> set[str]:
        """Generations that are to come, also of an earlier window, whose shapes are seen while they form."""
        tasks = self._queue.waiting
        return {task.run for task in tasks if isinstance(task.job, GenerateJob) and task.job.previews}

    @property
    def jobs(self) -> list[GenerateJob]:
        """What would be put into the queue: a job for each prompt."""
        job = self.job
        if job is None or not self.reads or len(self.prompting.prompts) < 2:
            return [job] if job else []
        own = job.changes[:-1]  # without the first prompt
        return [replace(job, changes=(*own, change_of(prompt))) for prompt in self.prompting.prompts]

    def close(self) -> None:
        """The project is closed: keep what was asked for, and what was chosen for the next time."""
        self._series.finish()
        self._kept.keep(self._choice)

    @property
    def _choice(self) -> Choice | None:
        """What is kept for the next time."""
        if self.source is None:
            return None
        words, recent = self.prompting.text, tuple(self.prompting.recent)
        return Choice(model=self.source.name, category=self.category, count=self.count, prompt=words, recent=recent)

    def _take(self, last: Choice) -> None:
        """Choose what was chosen last, as far as it is still there."""
        self.set_count(last.count)
        self.prompting.recent = list(last.recent)
        self.prompting.write(last.prompt)
        found = next((source for source in self.sources if source.name == last.model), None)
        if found is not None:
            self.choose(found.name)
            if last.category in ("", *self.categories):
                self.set_category(last.category)

    def _look_again(self, run: str) -> None:
        task = self._queue.task(run)
        if task and task.state == "finished" and task.job.__struct_config__.tag in ("train", "import"):
            self.refresh()


def _asked_by(job: GenerateJob | None) -> tuple[object, ...]:
    """What a job asks for, in whatever order it was said; how it is drawn is left out."""
    if job is None:
        return ()
    drawn = job.count, job.seed, job.whole, job.candidates
    return job.model, *drawn, job.category, {*job.with_parts}, {*job.without}, job.attributes
