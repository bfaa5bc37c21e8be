"""Pages of the menu Help, in windows of their own beside the main one: diagnostics and licences."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QFontDatabase
from PySide6.QtWidgets import QApplication, QHBoxLayout, QListWidget, QPlainTextEdit, QWidget

from studio.models.background import Background
from studio.models.diagnostics import report
from studio.models.licences import Licence, licences
from studio.widgets.page import Page
from studio.widgets.words import button, label

READING = "Reading…"


class HelpPage(Page):
    """Text that is put together in the background."""

    def __init__(self, parent: QWidget, title: str, words: str) -> None:
        super().__init__(parent, title, 760, 560)
        self.text = QPlainTextEdit(READING, readOnly=True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(title)
        self.row = QHBoxLayout()
        self.row.setSpacing(12)
        self.row.addWidget(self.text, 1)
        self.column.addWidget(label(words, "dim", wrap=True))
        self.column.addLayout(self.row, 1)
        self._background = Background()

    def read(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        """Do ``work`` in a thread and show what came of it by ``then``."""
        self._background.do(work, then, lambda error: self.text.setPlainText(f"This could not be read: {error}"))

    def closeEvent(self, event: QCloseEvent) -> None:
        """What is still being read is wanted no more."""
        self._background.close()
        super().closeEvent(event)


class Diagnostics(HelpPage):
    """Versions, machine and the last words of the engines, to be copied into a question."""

    def __init__(self, parent: QWidget, folder: Path | None, pids: list[int]) -> None:
        words = "What helps others to help. Nothing of it leaves this machine unless you send it."
        super().__init__(parent, "Diagnostics", words)
        self.copy = button("Copy report", self._copy, "primary")
        self.copy.setEnabled(False)
        self.column.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        self.read(lambda: report(folder, pids), self._fill)

    def _fill(self, text: object) -> None:
        self.text.setPlainText(str(text))
        self.copy.setEnabled(True)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.text.toPlainText())
        self.copy.setText("Copied")


class Licences(HelpPage):
    """Every package with the text of its licence."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Licences", "Shape Studio comes under the MIT licence. It is built on these packages.")
        self.list = QListWidget()
        self.list.setAccessibleName("Packages")
        self.list.setFixedWidth(280)
        self.list.setSpacing(4)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.row.insertWidget(0, self.list)
        self._found: list[Licence] = []
        self.list.currentRowChanged.connect(self._show)
        self.read(licences, self._fill)

    def _fill(self, found: object) -> None:
        assert isinstance(found, list)
        self._found = found
        self.list.addItems([f"{one.package} {one.version}\n{one.kind}" for one in found])
        self.list.setCurrentRow(0)

    def _show(self, row: int) -> None:
        if row >= 0:
            self.text.setPlainText(self._found[row].text)
