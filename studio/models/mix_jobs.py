"""What is kept of a mixture: the jobs that make it, those that work on what was kept, and who waits for their shapes."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import StudioError
from engine.jobs import Job
from engine.live_requests import job_to_keep
from engine.project import Project
from studio.models.mix_state import MixState
from studio.models.troubles import Troubles

Then = Callable[[tuple[str, ...]], None]  # gets the shapes that came of a job


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
            self.waiting = self._submit(make(shape))
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return
        self._after[self.waiting] = [then]

    def ended(self, run: str, shapes: tuple[str, ...]) -> bool:
        """A job ended; ``shapes`` are what it made, none where it failed. Whether anybody waited for it."""
        if run not in self._after:
            return False
        waited = self._after.pop(run)
        if run == self.waiting:
            self.waiting = ""
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
