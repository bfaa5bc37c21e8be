"""What is made of a morph for good: jobs of the queue that make its frames and write them."""

from pathlib import Path

from engine.jobs import FilmFormat, FilmJob, InterpolateJob
from engine.live_requests import Tween
from studio.models.queue import Queue
from studio.models.timeline_state import FPS


class Keeping:
    """Knows the run that keeps the frames of the last export, so that they are made once."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._kept: tuple[Tween, str] | None = None

    def film(self, tween: Tween, out: Path, form: FilmFormat, bounce: bool, overwrite: bool) -> str:
        """``out``, ``form``: as in FilmJob. The film's run. Raises StudioError, OSError."""
        film = FilmJob(
            shapes=(self._frames(tween),),
            out=str(out),
            format=form,
            fps=float(FPS),
            hold=0.0,
            bounce=bounce,
            overwrite=overwrite,
        )
        return self._queue.submit(film)

    def _frames(self, tween: Tween) -> str:
        """The run that keeps the frames: that of the last export, where nothing has changed and it did not fail."""
        if self._kept and self._kept[0] == tween:
            task = self._queue.task(self._kept[1])
            if task is not None and task.state not in ("failed", "cancelled", "stopping"):
                return task.run
        job = InterpolateJob(shapes=tween.shapes, frames=tween.frames, curves=tween.curves, model=tween.model)
        run = self._queue.submit(job)
        self._kept = tween, run
        return run
