"""What is kept of a mixture: the jobs that make it, those that work on what was kept, and who waits for their shapes.

The run that is waited for stands in the project's mix.json, so that a later window waits for it too.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import StudioError
from engine.jobs import Job
from engine.live_requests import job_to_keep
from engine.project import Project
from engine.storage import write_json
from studio.models.mix_state import MixState
from studio.models.troubles import Troubles

FILE = "mix.json"
VERSION = 1
Then = Callable[[tuple[str, ...]], None]  # gets the shapes that came of a job


class MixFile(msgspec.Struct, frozen=True, kw_only=True):
    """mix.json: the run that heals the mixture or draws a part of it anew, "" = none."""

    waiting: str = ""
    version: int = VERSION


class MixJobs:
    """``waiting`` is the run that must end before the next one can be asked for, "" = none."""

    def __init__(self, project: Project, submit: Callable[[Job], str], troubles: Troubles) -> None:
        self._project, self._submit, self._troubles = project, submit, troubles
        self.waiting = ""
        self._after: dict[str, list[Then]] = {}
        self._kept: tuple[MixState, str] | None = None  # what was kept last, and as which run

    def is_kept(self, state: MixState) -> bool:
        """Whether this very mixture is a shape already, or about to be one."""
        return self._kept is not None and self._kept[0] == state

    def keep(self, state: MixState, then: Then) -> str:
        """Make the mixture a shape, once; returns its name, "" where it is the base itself, or that failed, which is told."""
        if not state.mixture.changed:
            return ""
        if self._kept and self.is_kept(state):
            run = self._kept[1]
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
        self._kept = state, run
        self._after[run] = [then]
        return f"{run}/0000"

    def work(self, state: MixState, make: Callable[[str], Job], then: Then) -> None:
        """Do a job on what the mixture is kept as."""
        shape = state.mixture.base
        if state.mixture.changed and not (shape := self.keep(state, lambda shapes: None)):
            return
        try:
            run = self._submit(make(shape))
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return
        self._after[run] = [then]
        self._wait(run)

    def restore(self, state_of: Callable[[str], str], then_of: Callable[[Job], Then]) -> str:
        """Wait again as an earlier window did; what has ended meanwhile is taken at once. Returns that run, or "".

        state_of : how a run of the queue stands, "" where it is not there; then_of : what a job of this kind is done for
        """
        try:
            run = msgspec.json.decode((self._project.folder / FILE).read_bytes(), type=MixFile).waiting
            state = state_of(run) if run else ""
            if not state:
                return ""
            then = then_of(self._project.job(run))
        except (OSError, msgspec.DecodeError, StudioError):  # nothing is lost: its shapes come into the library
            return ""
        self._after[run] = [then]
        self.waiting = run
        if state in ("finished", "failed", "cancelled"):
            self.ended(run, shapes_of(self._project, run) if state == "finished" else ())
        return run

    def _wait(self, run: str) -> None:
        self.waiting = run
        try:
            write_json(self._project.folder / FILE, MixFile(waiting=run))
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
        elif self._kept and self._kept[1] == run:
            self._kept = None
        return True


def shapes_of(project: Project, run: str) -> tuple[str, ...]:
    """Shapes that a finished run made; none where it only counts them, as a film does."""
    path: Path = project.run_folder(run) / "result.json"
    if not path.is_file():
        return ()
    shapes = msgspec.json.decode(path.read_bytes()).get("shapes", ())
    return tuple(one if isinstance(one, str) else one["id"] for one in shapes) if isinstance(shapes, list) else ()
