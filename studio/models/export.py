"""The export of shapes: which, how and where; the job; and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Signal

from engine.errors import StudioError
from engine.jobs import ExportJob, Format
from engine.project import Project
from studio.models.export_command import command_of
from studio.models.export_estimate import Estimate, byte_words
from studio.models.export_presets import FORMATS, LEFT_OUT, PRESETS, Preset, file_names
from studio.models.form import Form
from studio.models.opened import OpenProject, ProjectModel
from studio.models.preferences import place_for_projects
from studio.models.titles import counted


@dataclass(frozen=True)
class Written:
    """A file that was made, in words. ``closed`` is None where there are no faces."""

    name: str
    path: Path
    faces: int
    size: str
    weight: str
    closed: bool | None
    health: str


@dataclass(frozen=True)
class Outcome:
    """What an export has made, and why some of it was not: name of a shape -> reason."""

    run: str
    folder: Path
    files: tuple[Written, ...]
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """One line."""
        text = f"{counted(len(self.files), 'shape')} exported to {self.folder}"
        return text + (f"; {len(self.refused)} refused" if self.refused else "")


class Export(ProjectModel):
    """What is about to be exported. The form holds all that stands behind *More*.

    wanted() : a person asks for the dialogue; changed() : anything of the choice changed; ended() : ``outcome`` is another
    """

    wanted = Signal()
    changed = Signal()
    ended = Signal()

    def __init__(self, opened: OpenProject) -> None:
        super().__init__(opened)
        self.shapes: tuple[str, ...] = ()
        self.items: tuple[str, ...] = ()  # those of the shapes that are meshes as they came in
        self.folder = place_for_projects() / "Exports"
        self.format: Format = PRESETS[0].format
        self.outcome: Outcome | None = None
        self._clicked = ""
        self.estimate = opened.model(Estimate)
        self._take(PRESETS[0].format, PRESETS[0].start)
        opened.queue.ended.connect(self._look)

    # what is chosen --------------------------------------------------------------------------------------------------
    def ask(self) -> None:
        """Begin anew with what is chosen now and with the settings of the last export, and open the dialogue."""
        self.choose(self._names())
        if (last := _last(self._opened.project)) is not None:
            self.folder = Path(last.out)
            plain = msgspec.structs.replace(last, run="", shapes=(), out="", format="glb", overwrite=False)
            self._take(last.format, plain)
        self.wanted.emit()

    def choose(self, names: tuple[str, ...]) -> None:
        """Export these shapes and items."""
        cards = [self._opened.library.card(name) for name in names]
        self.shapes = names
        self.items = tuple(card.name for card in cards if card and card.kind == "item")
        self.estimate.begin(tuple(name for name in names if name not in self.items), self.items)
        self.changed.emit()

    def use(self, preset: str) -> None:
        """Take format and all settings of a preset. Raises KeyError for an unknown one."""
        found = {one.name: one for one in PRESETS}[preset]
        self._clicked = preset
        self.format = found.format
        self.form.use_preset(preset)

    def set_format(self, name: Format) -> None:
        """Write files of this kind."""
        self.format = name
        self.changed.emit()

    def set_folder(self, folder: Path) -> None:
        """Write files there; the folder is made where there is none."""
        self.folder = folder
        self.changed.emit()

    @property
    def preset(self) -> Preset | None:
        """The preset that has all that is set now; of several the one that was taken."""
        same = [one for one in PRESETS if one.format == self.format and one.start == self.form.settings]
        return next((one for one in same if one.name == self._clicked), same[0] if same else None)

    @property
    def title(self) -> str:
        """What is exported, in a few words."""
        if len(self.shapes) != 1:
            return f"Export {counted(len(self.shapes), 'shape')}"
        card = self._opened.library.card(self.shapes[0])
        return f"Export {card.title if card else self.shapes[0]}"

    @property
    def hindrance(self) -> str:
        """Why nothing can be exported as it is; "" when nothing stands in the way."""
        if not self.shapes:
            return "Choose shapes in the library first, or look at one."
        if self.form.settings is None:
            return "A setting is not valid; look behind More."
        if not self.folder.is_absolute():
            return "Choose a folder for the files."
        if self.folder.exists() and not self.folder.is_dir():
            return "This is a file; choose a folder."
        return ""

    @property
    def job(self) -> ExportJob | None:
        """What would be put into the queue; None while something stands in the way."""
        if self.hindrance:
            return None
        changes: dict[str, Any] = {"shapes": self.shapes, "out": str(self.folder), "format": self.format}
        found: ExportJob = msgspec.structs.replace(self.form.settings, **changes)
        return found

    @property
    def expected(self) -> str:
        """Faces and size of the files, as far as they are known."""
        return self.estimate.words(self.job, self.items) if self.job else ""

    @property
    def command(self) -> str:
        """The command that does the same; "" while something stands in the way."""
        return command_of(self.job, self._opened.folder) if self.job else ""

    def in_the_way(self) -> list[Path]:
        """Files that the export would replace."""
        names = [name for shape in self.shapes for name in file_names(shape, self.format)]
        return [path for name in names if (path := self.folder / name).exists()]

    # doing it --------------------------------------------------------------------------------------------------------
    def submit(self, overwrite: bool = False) -> str:
        """Put the job into the queue; returns its run, "" when that failed, which is told."""
        if (job := self.job) is None:
            return ""
        return self._opened.submit(msgspec.structs.replace(job, overwrite=overwrite))

    def forget(self) -> None:
        """The outcome was seen."""
        self.outcome = None
        self.ended.emit()

    # inside ----------------------------------------------------------------------------------------------------------
    def _take(self, format_: Format, settings: ExportJob) -> None:
        """A new form that starts with these settings."""
        self.format = format_ if format_ in FORMATS else PRESETS[0].format
        self.form = Form(settings, {one.name: one.start for one in PRESETS}, LEFT_OUT)
        self._clicked = ""
        self.form.settings_changed.connect(self.changed)

    def _names(self) -> tuple[str, ...]:
        """Shapes and meshes that are chosen, all shapes of chosen runs; else the one in the centre."""
        library, names = self._opened.library, []
        for name in self._opened.current.chosen:
            card = library.card(name)
            if card and card.kind == "run":
                names += [one.name for one in library.cards if one.kind == "shape" and one.run == card.run]
            elif card and (card.kind == "shape" or (card.kind == "item" and card.mood != "bad")):
                names.append(name)
        shown = self._opened.current.shape
        return tuple(dict.fromkeys(names)) or ((shown,) if library.card(shown) else ())

    def _look(self, run: str) -> None:
        """Keep what an export has made, from whatever panel it was asked for."""
        task = self._opened.queue.task(run)
        if task and isinstance(task.job, ExportJob) and task.state == "finished":
            self.outcome = outcome_of(task.job, task.result, self._title)
            self.ended.emit()

    def _title(self, name: str) -> str:
        card = self._opened.library.card(name)
        return card.title if card else name


def outcome_of(job: ExportJob, result: dict[str, Any], title: Any = str) -> Outcome:
    """The result of an ExportJob in words; ``title`` gives what people call a shape."""
    files = tuple(_written(one, title(one["shape"])) for one in result.get("files", ()))
    refused = {title(name): str(text) for name, text in result.get("refused", {}).items()}
    refused |= {title(name): "it is empty: there is nothing to write" for name in result.get("empty", ())}
    return Outcome(job.run, Path(job.out), files, refused)


def _written(info: dict[str, Any], title: str) -> Written:
    path, faces = Path(info["path"]), int(info.get("faces", 0))
    sides = " × ".join(f"{side:.3g}" for side in info.get("size", ()))
    return Written(
        name=title,
        path=path,
        faces=faces,
        size=f"{sides} {info['unit']}" if sides else "",
        weight=byte_words(path.stat().st_size) if path.is_file() else "gone",
        closed=bool(info.get("watertight")) if faces else None,
        health=" ".join(info.get("health", {}).get("words", ())),
    )


def _last(project: Project) -> ExportJob | None:
    """The newest export of the project, whose settings the next one starts with."""
    for run in reversed(project.catalogue.runs()):
        if run.kind == "export":
            try:
                job = project.job(run.id)
            except StudioError:
                continue
            return job if isinstance(job, ExportJob) else None
    return None
