"""A window in a process of its own, which somebody uses for a moment: ``python -m tests.studio.journeys.visit``.

    visit PROJECT MOMENT ENGINES

MOMENT says what is done, see ``MOMENTS``; ENGINES: "real" or "fake". It prints "ready" when the moment has come. Moments
that end with "closed" close the window as its frame does; after the others it stays until somebody ends it.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE_S, LATE = 300.0, 3
Deeds = Iterator[Callable[[], bool]]  # each is waited for before the next


def main() -> int:
    """Open the window and do the deeds of a moment."""
    from PySide6.QtCore import QTimer

    from studio.app import application, build, run
    from studio.models.opened import ENGINES
    from studio.models.preferences import Preferences
    from tests.studio.conftest import FAKES
    from tests.studio.journeys.moments import MOMENTS, Visit

    project, moment, engines = sys.argv[1:4]
    app = application(sys.argv[:1])
    window, projects = build(app, Preferences(), ENGINES if engines == "real" else FAKES)
    deeds = MOMENTS[moment](Visit(window, projects, Path(project)))
    waiting: list[Callable[[], bool]] = []

    began = time.monotonic()

    def go_on() -> None:
        if waiting and not waiting[-1]():
            if time.monotonic() - began > PATIENCE_S:
                os._exit(LATE)  # whoever waits for the moment is told so, and not left waiting
            return
        timer.stop()  # a deed lets the window work, and the next one waits for it
        try:
            waiting[:] = [deed] if (deed := next(deeds, None)) else []
        except AssertionError:
            traceback.print_exc()
            os._exit(LATE)
        if waiting:
            timer.start()

    timer = QTimer(interval=10)
    timer.timeout.connect(go_on)
    timer.start()
    return run(app, window, projects, Path(project))


if __name__ == "__main__":
    sys.exit(main())
