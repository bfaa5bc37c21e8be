"""Cards that are dragged out of the window: other programs get a file of each shape, made when they ask for it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep

from PySide6.QtCore import QByteArray, QMimeData, QUrl

from engine.live_client import Answer
from engine.live_requests import File, Filed
from studio.models.live import Live

PROJECT = "application/x-shape-studio-project"  # the folder of the project whose cards these are
FILES = "text/uri-list"
PATIENCE_S = 20.0  # other programs wait about as long for what was dropped on them


class Carried(QMimeData):
    """Files that are made by ``make`` when they are asked for the first time, which is when they are dropped."""

    def __init__(self, project: Path, make: Callable[[], list[Path]]) -> None:
        super().__init__()
        self._make, self._made = make, list[QUrl]()
        self.setData(PROJECT, QByteArray(str(project).encode()))

    def formats(self) -> list[str]:
        """Files beside what was set."""
        return [*super().formats(), FILES]

    def hasFormat(self, mimetype: str) -> bool:
        """As `formats` has it."""
        return mimetype in self.formats()

    def retrieveData(self, mimetype: str, preferred: object) -> object:
        """The files' addresses, or what was set."""
        if mimetype != FILES:
            return super().retrieveData(mimetype, preferred)  # type: ignore[arg-type]
        if not self._made:
            self._made = [QUrl.fromLocalFile(str(path)) for path in self._make()]
        return self._made


class Outgoing:
    """What goes along with cards that are dragged."""

    def __init__(self, project: Path, live: Live) -> None:
        self._project, self._live = project, live

    def data(self, names: Sequence[str]) -> Carried:
        """For these shapes and items; more can be set in it."""
        return Carried(self._project, lambda: self._files(names))

    def _files(self, names: Sequence[str]) -> list[Path]:
        """Let the live engine make the files, and wait: the drop has been let go of, and the other program waits too."""
        found: dict[str, Path | None] = {}

        def answered(answer: Answer) -> None:
            if answer.state != "going" and isinstance(answer.ask.request, File):
                filed = answer.content
                found[answer.ask.request.name] = Path(filed.path) if isinstance(filed, Filed) else None

        for name in names:
            self._live.ask(File(name=name), f"file of {name}", then=answered)
        end = monotonic() + PATIENCE_S
        while len(found) < len(set(names)) and monotonic() < end:
            self._live.listen()
            sleep(0.01)
        return [path for path in found.values() if path]
