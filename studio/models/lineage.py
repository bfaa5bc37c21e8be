"""Where a shape comes from: the shapes that gave its parts, and theirs, down to models and meshes that were brought in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import Signal

from engine.card import Card as Record
from engine.errors import StudioError
from engine.jobs import GenerateJob, Job, RerollJob
from engine.project import Project
from engine.rows import ItemRow, ShapeRow
from engine.shipped import is_shipped
from engine.text.asking import prompt_of
from studio.models.library import Card
from studio.models.opened import OpenProject, ProjectModel

MOST = 400  # origins that are told of one shape
PARTS_NAMED = 4


@dataclass(frozen=True)
class Origin:
    """One thing in the family of a shape.

    name : of a shape, an item or a model, as the engine calls it; gives : parts that the younger one has of it, () = all
    words : how it came to be, in a sentence without its end; parents : what it was made from; () also where it is told
    already, higher up or further left
    """

    name: str
    words: str
    gives: tuple[str, ...] = ()
    parents: tuple["Origin", ...] = ()


class Lineage(ProjectModel):
    """``wanted(name)``: somebody asked for the family of a card; ``told(name, origin)`` after `read`, when it is known."""

    wanted = Signal(str)
    told = Signal(str, object)

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)

    def ask(self, name: str) -> None:
        """Show the family of a card."""
        self.wanted.emit(name)

    def card(self, name: str) -> Card | None:
        """The card of an origin."""
        return self._opened.library.card(name)

    def title(self, name: str) -> str:
        """What people call an origin."""
        if is_shipped(name):
            return f"{name.partition(':')[2].partition('@')[0].capitalize()} model"
        card = self.card(name)
        return card.title if card and card.kind in ("shape", "item") else name

    def go_to(self, name: str) -> None:
        """Choose an origin in the library, and look at it."""
        if (card := self.card(name)) is None:
            return
        self._opened.current.choose((name,))
        if card.kind in ("shape", "item"):
            self._opened.current.show(name)

    def read(self, name: str) -> None:
        """Find the family out, in the background."""
        folder = self._opened.folder
        self._opened.background.do(
            lambda: read_lineage(folder, name),
            lambda origin: self.told.emit(name, origin),
            self._opened.troubles.tell_error,
        )


def read_lineage(folder: Path, name: str) -> Origin:
    """The family of a shape or an item. For a thread: opens the project anew."""
    with Project(folder) as project:
        return _Reader(project).origin(name)


class _Made(msgspec.Struct):
    """One shape in the result of a SplitJob."""

    shape: str
    start: str
    lent: dict[str, str] = {}


class _Split(msgspec.Struct):
    made: tuple[_Made, ...]


class _Reader:
    """Every origin with its parents once; told again, it is told without them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._shapes = {shape.id: shape for shape in project.catalogue.shapes()}
        self._items = {item.id: item for item in project.catalogue.items()}
        self._told: set[str] = set()

    def origin(self, name: str, gives: tuple[str, ...] = ()) -> Origin:
        if (item := self._items.get(name)) is not None:
            return Origin(name, _of_item(item), gives)
        if (shape := self._shapes.get(name)) is None:
            return Origin(name, "comes with the program" if is_shipped(name) else _of_model(name), gives)
        record, job = self._record(shape), self._job(shape.run)
        again = name in self._told or len(self._told) >= MOST
        self._told.add(name)
        parents = () if again else tuple(self.origin(*one) for one in _parents(shape, record, job).items())
        words = _of_shape(shape, record, job) + (self._begun(shape) if shape.kind == "split" else "")
        return Origin(name, words, gives, parents)

    def _begun(self, shape: ShapeRow) -> str:
        """Which training shape was pulled to a cloud, and which others lent it parts."""
        try:
            result = (self._project.run_folder(shape.run) / "result.json").read_bytes()
            made = {one.shape: one for one in msgspec.json.decode(result, type=_Split).made}
        except (OSError, msgspec.DecodeError):
            return ""  # of an older version
        if (own := made.get(shape.id)) is None:
            return ""
        lent = _listed(tuple(f"{part} from {name}" for part, name in own.lent.items()))
        return f"; begun from training shape {own.start}" + (f", {lent}" if lent else "")

    def _record(self, shape: ShapeRow) -> Record | None:
        """What was kept with a derived shape, or with one that was put into order after it was drawn."""
        name = shape.id.removeprefix(f"{shape.run}/")
        try:
            data = (self._project.run_folder(shape.run) / "cards" / f"{name}.json").read_bytes()
            return msgspec.json.decode(data, type=Record)
        except (OSError, msgspec.DecodeError):
            return None  # the catalogue still tells the parents

    def _job(self, run: str) -> Job | None:
        try:
            return self._project.job(run)
        except (StudioError, OSError):
            return None


def _parents(shape: ShapeRow, record: Record | None, job: Job | None) -> Mapping[str, tuple[str, ...]]:
    """Parent -> the parts that are from it, () where it is behind the whole."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(shape.parents, ())
    if record is not None:
        found = dict.fromkeys(record.made_of, ())
        for part, parent in record.parents.items():
            found[parent] = (*found[parent], part)
        if len(found) == 1:
            found = dict.fromkeys(found, ())
        if record.model:
            found[record.model] = tuple(job.parts) if isinstance(job, RerollJob) else ()
    return {name: parts for name, parts in found.items() if name and name != shape.id}


def _of_shape(shape: ShapeRow, record: Record | None, job: Job | None) -> str:
    match shape.kind:
        case "generated":
            asked = _asked(job) if isinstance(job, GenerateJob) else ""
            return f"drawn{asked}{_moved(record)}"
        case "fitted":
            quality = "" if shape.quality is None else f"; IoU {shape.quality:.2f}"
            return f"a mesh as a neural field{quality}"
        case "mixed":
            return f"mixed{_moved(record)}"
        case "healed":
            held = f"; {_listed(record.held)} held" if record and record.held else ""
            return f"healed{held}{_moved(record)}"
        case "rerolled":
            parts = _listed(job.parts) if isinstance(job, RerollJob) else "parts"
            return f"{parts} drawn anew" + (f"; seed {record.seed}" if record and record.seed is not None else "")
        case "interpolated":
            alpha = record.measured.get("alpha") if record else None
            return "on the way between shapes" + ("" if alpha is None else f"; at {alpha:.0%}")
        case "split":
            return f"parts found in a cloud{_moved(record)}"
    return shape.kind


def _asked(job: GenerateJob) -> str:
    asked = [*(f"with {part}" for part in job.with_parts), *(f"without {part}" for part in job.without)]
    asked += [f"{name} {value}" for name, value in job.attributes.items()]
    asked += [f"“{prompt}”"] if (prompt := prompt_of(job.changes)) else []
    return "".join(f"; {one}" for one in (*asked, f"seed {job.seed}"))


def _moved(record: Record | None) -> str:
    parts = tuple(dict.fromkeys(move.part for move in record.moves)) if record else ()
    return f"; {_listed(parts)} moved" if parts else ""


def _listed(parts: tuple[str, ...]) -> str:
    left = len(parts) - PARTS_NAMED
    return ", ".join(parts[:PARTS_NAMED]) + (f" and {left} more" if left > 0 else "")


def _of_item(item: ItemRow) -> str:
    made = "made by the program" if item.kind == "procedural" else f"brought in from {Path(item.path).name}"
    return "".join(
        (made, f"; {item.origin}" if item.origin else "", f"; licence {item.licence}" if item.licence else "")
    )


def _of_model(name: str) -> str:
    return "trained in this project" if name.startswith("train-") else "a model" if name else ""
