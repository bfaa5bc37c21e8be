"""An open project with all its models; and the projects of a person: open, new, recent."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, cast

from PySide6.QtCore import QLockFile, QObject, Signal

from engine.errors import BusyError, InputError, StudioError
from engine.jobs import Job
from engine.live_client import Answer
from engine.live_requests import Picture, Thumbnail
from engine.live_worker import ANSWERS
from engine.project import Project
from engine.worker import RUNNER
from studio.models.background import Background
from studio.models.current import Current
from studio.models.history import History
from studio.models.library import Library
from studio.models.live import Live
from studio.models.machine import let_use
from studio.models.outgoing import Outgoing
from studio.models.preferences import Preferences, free_folder
from studio.models.queue import Queue
from studio.models.session import Session
from studio.models.thumbnails import Thumbnails, Told
from studio.models.troubles import Troubles

LOCK = "window.lock"


@dataclass(frozen=True)
class Engines:
    """What the engine's processes run, as "module:name"; tests put something quicker in its place."""

    runner: str = RUNNER
    answers: str = ANSWERS


ENGINES = Engines()


class Model(Protocol):
    """A model of a panel: made from the open project when it is first asked for."""

    @classmethod
    def of(cls, opened: "OpenProject") -> Self: ...


M = TypeVar("M", bound=Model)


class OpenProject(QObject):
    """What the panels are given. One window per project: a second one is refused.

    ``model(Kind)`` gives the one ``Kind`` of this project, made by ``Kind.of(opened)`` when first asked for, so that panels
    share their models without knowing one another. A model's ``close()``, if it has one, is called before the engine ends.
    """

    def __init__(self, folder: Path, troubles: Troubles, engines: Engines = ENGINES) -> None:
        """Open an existing project. Raises StudioError; nothing is started yet."""
        super().__init__()
        with ExitStack() as ends:  # what has begun ends, the last first, also where the rest cannot begin or end
            self.project = Project(folder)
            ends.callback(self.project.close)
            self.folder = self.project.folder
            self._lock = QLockFile(str(self.folder / LOCK))
            self._lock.setStaleLockTime(0)
            if not self._lock.tryLock(0):
                raise BusyError(f"{self.name} is open in another window; use that one")
            ends.callback(self._lock.unlock)
            self.troubles = troubles
            self.background = Background()
            ends.callback(self.background.close)
            self.session = Session(self.project, engines.runner)
            ends.callback(self.session.close)
            self.live = Live(self.folder, engines.answers)
            ends.callback(self._end_engines)
            self.queue = Queue(self.project, self.session, troubles)
            self.history = History(self.project.catalogue)
            self.library = Library(self.project, self.background, self.history, troubles)
            self.library.carry = Outgoing(self.folder, self.live).data
            self.thumbnails = Thumbnails(self.background, self._picture, self._draw, self._mark)
            self.live.restarted.connect(self.thumbnails.try_again)
            self.current = Current()
            self._models: dict[type, Any] = {}
            self.queue.ended.connect(lambda _: self.library.refresh())
            self.queue.staged.connect(lambda _: self.library.refresh())  # results are kept the moment they exist
            self.session.restarted.connect(lambda _, text: troubles.tell(text))
            self.library.refresh()
            self._ends = ends.pop_all()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.folder.name

    @property
    def pids(self) -> list[int]:
        """Processes of the engine."""
        return [pid for pid in (self.session.pid, self.live.pid) if pid]

    def model(self, kind: type[M]) -> M:
        """The one model of this kind."""
        if kind not in self._models:
            made = self._models[kind] = kind.of(self)
            if callable(close := getattr(made, "close", None)):
                self._ends.callback(close)
        return cast(M, self._models[kind])

    def start(self) -> None:
        """Start the engines and begin with the queue."""
        self.live.start()
        self.session.start()
        self.queue.open()

    def submit(self, job: Job, first: bool = False) -> str:
        """Put a job into the queue; what is wrong with it is told. Returns its run, or ""."""
        try:
            return self.queue.submit(job, first)
        except (StudioError, OSError) as error:
            self.troubles.tell_error(error)
            return ""

    def close(self) -> None:
        """End the engine (a running job is saved and goes on the next time) and let go of everything."""
        self._ends.callback(self.queue.close)
        self._ends.close()

    def _end_engines(self) -> None:
        """Both at once, since each may take a while to save and to end."""
        self.live.stop()
        with ThreadPoolExecutor(1) as other:
            ended = other.submit(self.live.close)
            self.session.close()
        ended.result()

    def _draw(self, name: str, then: Told) -> None:
        """Let the live engine draw a picture when nothing more urgent is asked."""

        def answered(answer: Answer) -> None:
            if answer.state != "going":
                then(Path(answer.content.path) if isinstance(answer.content, Picture) else None, answer.text)

        self.live.ask(Thumbnail(name=name), f"picture of {name}", "later", answered)

    def _picture(self, name: str) -> Path | None:
        """A picture that exists already."""
        shape = "/" in name
        path = self.project.thumbnail_path(name) if shape else self.project.picture_path(name)
        return path if path.is_file() else None

    def _mark(self, name: str) -> int:
        """When what a shape or an item is drawn from was written, in ns; 0 where there is nothing."""
        run, _, shape = name.partition("/")
        path = self.project.run_folder(run) / "latents.safetensors" if shape else self.project.geometry_path(name)
        try:
            return path.stat().st_mtime_ns
        except OSError:
            return 0


class ProjectModel(QObject):
    """A `Model` that needs nothing but the project."""

    @classmethod
    def of(cls, opened: OpenProject) -> Self:
        """The model of an open project."""
        return cls(opened)

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened


class Projects(QObject):
    """The one open project, and the way to others. ``opened(OpenProject)``, ``closing()`` before its models go."""

    opened = Signal(object)
    closing = Signal()

    def __init__(self, preferences: Preferences, troubles: Troubles, engines: Engines = ENGINES) -> None:
        super().__init__()
        self._preferences, self._troubles, self._engines = preferences, troubles, engines
        self.current: OpenProject | None = None

    def open(self, folder: Path) -> bool:
        """Open a project instead of the one that is open; whether it worked. Why not is told."""
        if self.current and self.current.folder == folder.resolve():
            return True
        try:
            let_use(self._preferences.kept.cores)
            found = OpenProject(folder, self._troubles, self._engines)
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return False
        self.close()
        self.current = found
        self._preferences.used(found.folder)
        self.opened.emit(found)
        return True

    def create(self, folder: Path) -> bool:
        """Make a project in a new or empty folder and open it."""
        try:
            Project.create(folder).close()
        except (InputError, OSError) as error:
            self._troubles.tell_error(error)
            return False
        return self.open(folder)

    def create_somewhere(self, name: str) -> bool:
        """Make a project among the person's documents, without a question."""
        return self.create(free_folder(name, self._preferences.place))

    def close(self) -> None:
        """Close the open project."""
        if self.current:
            self.closing.emit()
            closed, self.current = self.current, None
            closed.close()
