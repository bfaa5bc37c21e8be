"""What is kept of a mixture: the jobs that make it, those that work on what was kept, and who waits for their shapes."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import StudioError
from engine.jobs import Job
from engine.live_requests import jobs_to_keep
from engine.project import Project
from studio.models.mix_state import MixState
from studio.models.troubles import Troubles

Then = Callable[[tuple[str, ...]], None]  # gets the shapes that came of a job


class MixJobs:
    """``waiting`` is the run that must end before the next one can be asked for, "" = none."""

    def __init__(self, project: Project, submit: Callable[[Job], str], troubles: Troubles) -> None:
        self._project, self._submit, self._troubles = project, submit, troubles
        self.waiting = ""
        self._after: dict[str, Then] = {}

    def keep(self, state: MixState, then: Then) -> str:
        """Make the mixture a shape; returns its name, "" where it is the base itself, or that failed, which is told."""
        if not state.mixture.changed:
            return ""
        try:
            submit = lambda job: self._project.job(self._submit(job))  # noqa: E731
            run = jobs_to_keep(state.mixture, submit, state.held, state.free)[-1].run
        except (StudioError, OSError) as error:
            self._troubles.tell_error(error)
            return ""
        self._after[run] = then
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
        self._after[self.waiting] = then

    def ended(self, run: str, shapes: tuple[str, ...]) -> bool:
        """A job ended; ``shapes`` are what it made, none where it failed. Whether anybody waited for it."""
        then = self._after.pop(run, None)
        if then is None:
            return False
        if run == self.waiting:
            self.waiting = ""
        if shapes:
            then(shapes)
        return True


def shapes_of(project: Project, run: str) -> tuple[str, ...]:
    """Shapes that a finished run made."""
    path: Path = project.run_folder(run) / "result.json"
    if not path.is_file():
        return ()
    shapes = msgspec.json.decode(path.read_bytes()).get("shapes", ())
    return tuple(one if isinstance(one, str) else one["id"] for one in shapes)
