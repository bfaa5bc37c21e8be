"""``python -m tests.bench._studio_start PROJECT``: the window as ``shape-studio PROJECT`` opens it, until it can be used.

That is when keys typed into the search have changed what the library shows, and that is on the screen. Prints the seconds
since this process was made, before the first line of Python.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.views.library import LibraryView
    from studio.window import MainWindow

COSTLY = ("torch", "scipy", "trimesh", "vtkmodules", "pyqtgraph")  # what nothing needs before a person asks for it


def main() -> None:
    """Open the window, use it, say when, close it. Imports happen inside: engines import this module again."""
    import json
    import time

    import psutil
    from PySide6.QtCore import QTimer

    from studio import app
    from studio.views.library import LibraryView
    from tests.bench._studio_hand import type_text
    from tests.bench._studio_heart import waited

    build, began = app.build, psutil.Process().create_time()
    found: dict[str, Any] = {}

    def look(window: "MainWindow", timer: QTimer) -> None:
        """Again and again, without holding anything up."""
        library = window.findChild(LibraryView)
        if library is not None and library.cards.rowCount():
            timer.stop()
            type_text(library.search, "air")
            QTimer.singleShot(0, lambda: end(window, library))

    def end(window: "MainWindow", library: "LibraryView") -> None:
        library.list.viewport().repaint()
        found.update(usable_s=time.time() - began, cpu_s=time.process_time(), waited_s=waited())
        found.update(cards=library.cards.rowCount(), loaded=[name for name in COSTLY if name in sys.modules])
        QTimer.singleShot(0, window.close)

    def watched(*arguments: Any, **named: Any) -> Any:
        window, projects = build(*arguments, **named)
        timer = QTimer(window, interval=5)
        timer.timeout.connect(lambda: look(window, timer))
        window.painted.connect(lambda: found.update(painted_s=time.time() - began))
        window.painted.connect(timer.start)
        return window, projects

    app.build = watched
    app.start(["shape-studio", *sys.argv[1:]])
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
