"""What is kept of a mixture: the jobs that make it, those that work on what was kept, and who waits for their shapes.

The run that is waited for stands in the project's mix.json, so that a later window waits for it too, and what was kept last,
so that it is not kept twice. What is made only because a job needs a shape to work on is a draft of the library.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import StudioError
from engine.jobs import Job
from engine.live_requests import job_to_keep
from engine.project import Project
from engine.storage import write_json
from studio.models.library import Library
from studio.models.mix_state import MixState
from studio.models.task import ENDED
from studio.models.troubles import Troubles

FILE = "mix.json"
VERSION = 1
Then = Callable[[tuple[str, ...]], None]  # gets the shapes that came of a job


class MixFile(msgspec.Struct, frozen=True, kw_only=True):
    """mix.json: the run that heals the mixture or draws a part of it anew, "" = none; the mixture that was made a shape
    last, and the run that does, or did."""

    waiting: str = ""
    made: MixState | None = None
    run: str = ""
    version: int = VERSION


class MixJobs:
    """``waiting`` is the run that must end before the next one can be asked for, "" = none."""

    def __init__(self, project: Project, submit: Callable[[Job], str], troubles: Troubles, library: Library) -> None:
        self._project, self._submit, self._troubles, self._library = project, submit, troubles, library
        self.waiting = ""
        self._after: dict[str, list[Then]] = {}
        self._made: tuple[MixState, str] | None = None  # what was made a shape last, and by which run

    def is_kept(self, state: MixState) -> bool:
        """Whether this very mixture is kept as a shape, or about to be."""
        shape = self.shape_of(state)
        return bool(shape) and self._library.place(shape) == "kept"

    def shape_of(self, state: MixState) -> str:
        """The shape that this very mixture is, or is about to be; "" where it was made none."""
        if not state.mixture.changed:
            return state.mixture.base
        return f"{self._made[1]}/0000" if self._made and self._made[0] == state else ""

    def keep(self, state: MixState, then: Then) -> None:
        """Make the mixture a shape, once, and let it be kept; that it failed is told."""
        if shape := self._make(state, then) if state.mixture.changed else state.mixture.base:
            self._library.keep([shape])
            if not state.mixture.changed:
                then((shape,))

    def _make(self, state: MixState, then: Then) -> str:
        """Make the mixture a shape, once; returns its name, "" where that failed, which is told."""
        if self._made and self._made[0] == state:
            run = self._made[1]
            if run in self._after:
                self._after[run].append(then)
            else:
                then((f"{run}/0000",))
            return f"{run}/0000"
        try:
            run = self._submit(job_to_keep(state.mixture, state.held, state.free))
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return ""
        self._made = state, run
        self._after[run] = [then]
        self._write()
        return f"{run}/0000"

    def work(self, state: MixState, make: Callable[[str], Job], then: Then) -> None:
        """Do a job on what the mixture is kept as."""
        shape = state.mixture.base
        if state.mixture.changed:
            before = self._made
            if not (shape := self._make(state, lambda shapes: None)):
                return
            if before is None or before[0] != state:
                self._library.draft(shape.partition("/")[0])
        try:
            run = self._submit(make(shape))
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return
        self._library.draft(run)
        self._after[run] = [then]
        self._wait(run)

    def restore(self, state_of: Callable[[str], str], then_of: Callable[[Job], Then]) -> str:
        """Wait again as an earlier window did; what has ended meanwhile is taken at once. Returns that run, or "".

        state_of : how a run of the queue stands, "" where it is not there; then_of : what a job of this kind is done for
        """
        try:
            kept = msgspec.json.decode((self._project.folder / FILE).read_bytes(), type=MixFile)
            self._recall(kept, state_of)
            run = kept.waiting
            state = state_of(run) if run else ""
            if not state:
                return ""
            then = then_of(self._project.job(run))
        except (OSError, msgspec.DecodeError, StudioError):  # nothing is lost: its shapes come into the library
            return ""
        self._after[run] = [then]
        self.waiting = run
        if state in ENDED:
            self.ended(run, shapes_of(self._project, run) if state == "finished" else ())
        return run

    def _recall(self, kept: MixFile, state_of: Callable[[str], str]) -> None:
        """What was made a shape last, if it is one, or is about to be."""
        coming = state_of(kept.run) not in ("", *ENDED)
        if kept.made is not None and (coming or shapes_of(self._project, kept.run)):
            self._made = kept.made, kept.run
            if coming:
                self._after[kept.run] = []

    def _wait(self, run: str) -> None:
        self.waiting = run
        self._write()

    def _write(self) -> None:
        made, run = self._made or (None, "")
        try:
            write_json(self._project.folder / FILE, MixFile(waiting=self.waiting, made=made, run=run))
        except OSError as error:  # a full disk must not stop what runs
            self._troubles.tell_error(error)

    def ended(self, run: str, shapes: tuple[str, ...]) -> bool:
        """A job ended; ``shapes`` are what it made, none where it failed. Whether anybody waited for it."""
        if run not in self._after:
            return False
        waited = self._after.pop(run)
        if run == self.waiting:
            self._wait("")
        if shapes:
            for then in waited:
                then(shapes)
        elif self._made and self._made[1] == run:
            self._made = None
            self._write()
        return True


def shapes_of(project: Project, run: str) -> tuple[str, ...]:
    """Shapes that a finished run made; none where it only counts them, as a film does."""
    path: Path = project.run_folder(run) / "result.json"
    if not path.is_file():
        return ()
    shapes = msgspec.json.decode(path.read_bytes()).get("shapes", ())
    return tuple(one if isinstance(one, str) else one["id"] for one in shapes) if isinstance(shapes, list) else ()
