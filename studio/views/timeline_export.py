"""What a morph can be exported as: files and folders, with the questions where they should be."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from engine.jobs import FilmFormat
from studio.models.timeline import Timeline

FILES: tuple[tuple[str, str, str], ...] = (  # of one file: what it is, its ending, what the dialogue calls it
    ("Moving picture (GIF)…", ".gif", "GIF (*.gif)"),
    ("Film (MP4)…", ".mp4", "MP4 (*.mp4)"),
    ("One mesh that moves (GLB)…", ".glb", "glTF with morph targets (*.glb)"),
)
FOLDERS: tuple[tuple[str, FilmFormat], ...] = (
    ("A mesh for each frame (GLB)…", "glb"),
    ("A mesh for each frame (OBJ)…", "obj"),
    ("A picture for each frame (PNG)…", "png"),
)


class ExportMenu(QMenu):
    """Bound to a `Timeline`. Each line asks for a place and makes the jobs."""

    def __init__(self, timeline: Timeline, parent: QWidget) -> None:
        super().__init__(parent)
        self._timeline = timeline
        for words, suffix, kind in FILES:
            if suffix != ".mp4" or timeline.can_film:
                self.addAction(words, self._writer(suffix, kind))
        self.addSeparator()
        for words, form in FOLDERS:
            self.addAction(words, self._folder_writer(form))

    def _writer(self, suffix: str, kind: str) -> Callable[[], None]:
        def write() -> None:
            name, _ = QFileDialog.getSaveFileName(
                self.parentWidget(), "Export the morph", str(Path.home() / f"morph{suffix}"), kind
            )
            if name:
                out = Path(name) if Path(name).suffix.lower() == suffix else Path(name + suffix)
                self._timeline.export(out, overwrite=out == Path(name))  # the dialogue has asked

        return write

    def _folder_writer(self, form: FilmFormat) -> Callable[[], None]:
        def write() -> None:
            name = QFileDialog.getExistingDirectory(self.parentWidget(), "Export the frames into a new folder in")
            if name:
                self._timeline.export(free_folder_in(Path(name)), form)

        return write


def free_folder_in(folder: Path) -> Path:
    """A name for a new folder in another one."""
    number, found = 1, folder / "morph"
    while found.exists():
        number += 1
        found = folder / f"morph {number}"
    return found
