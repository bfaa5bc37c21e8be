"""A mix of a project, and an engine that answers when it is told to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.jobs import GenerateJob, Job
from engine.live_client import Answer
from engine.live_protocol import Ask, Priority
from engine.live_requests import Decode, Meshes, Piece, Request
from engine.project import Project
from engine.rows import ShapeRow
from studio.models.background import Background
from studio.models.history import History
from studio.models.library import Library, read_cards
from studio.models.live import Live
from studio.models.mix import Mix
from studio.models.scene import Scene
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Trouble, Troubles
from tests.studio.test_mix_state import BASE_PARTS, VOCABULARY


class ScriptedLive:
    """Remembers what was asked; the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, str, Callable[[Answer], None] | None]] = []

    def ask(
        self,
        request: Request,
        channel: str = "",
        priority: Priority = "now",
        then: Callable[[Answer], None] | None = None,
    ) -> int:
        self.asked.append((request, channel, then))
        return len(self.asked)

    def last(self, channel: str) -> Request:
        return [request for request, own, _ in self.asked if own == channel][-1]

    def give(self, content: object, channel: str, arrays: dict[str, np.ndarray] | None = None, text: str = "") -> None:
        request, _, then = [one for one in self.asked if one[1] == channel][-1]
        assert then is not None
        ask = Ask(id=1, channel=channel, request=request)
        state = "failed" if text else "done"
        then(Answer(ask, state, content, arrays or {}, text))  # type: ignore[arg-type]

    def show(self, **keys: str) -> None:
        """Answer with a triangle for each name whose key the asker does not have."""
        request = self.last("mix")
        assert isinstance(request, Decode)
        arrays: dict[str, np.ndarray] = {}
        for name, key in keys.items():
            if request.have.get(name) != key:
                arrays[f"vertices/{name}"] = np.eye(3, dtype=np.float32)
                arrays[f"faces/{name}"] = np.array([[0, 1, 2]], np.int32)
        pieces = tuple(Piece(name=name, part=name, key=key, colour=(0.1, 0.2, 0.3)) for name, key in keys.items())
        self.give(Meshes(resolution=64, pieces=pieces), "mix", arrays)


class Bench:
    """A mix of a project with two generations of one model and one of another."""

    def __init__(self, folder: Path) -> None:
        self.project = Project.create(folder)
        for run, model, parts in (
            ("g1", "train-9", BASE_PARTS),
            ("g2", "train-9", VOCABULARY),
            ("h", "other", ("body",)),
        ):
            self.project.submit(GenerateJob(run=run, model=model, count=2))
            self.project.catalogue.add_shapes(
                [ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind="generated", present=parts) for i in range(2)]
            )
        self.live, self.scene, self.troubles = ScriptedLive(), Scene(), Troubles()
        self.told: list[Trouble] = []
        self.jobs: list[Job] = []
        self.troubles.told.connect(self.told.append)
        self.background = Background()
        self.history = History(self.project.catalogue)
        self.library = Library(self.project, self.background, self.history, self.troubles)
        self.mix = self.make()
        self.library._take(read_cards(folder))

    def make(self, history: History | None = None) -> Mix:
        """The model, as at the start of a window."""
        thumbnails = Thumbnails(self.background, lambda name: None)
        live: Live = self.live  # type: ignore[assignment]
        history = history or self.history
        found = Mix(self.project, self.library, thumbnails, history, live, self._submit, self.scene, self.troubles)
        found.wake(True)
        return found

    def _submit(self, job: Job) -> str:
        self.jobs.append(self.project.submit(job))
        return self.jobs[-1].run

    def close(self) -> None:
        self.background.close()
        self.project.close()
