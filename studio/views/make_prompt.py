"""The prompt of the Make panel: a line to type into, what the model makes of it, and examples to click."""

import re
from functools import partial

from PySide6.QtCore import QMimeData, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QShowEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from engine.text.prompts import words_of
from studio.models.prompting import Prompting
from studio.theme import palette_of
from studio.widgets.flow import Flow
from studio.widgets.words import button, label

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
FEWEST, LINES = 2, 5  # that are shown of a list
HINT = "What should it be? Press Enter to make it"
TIP = (
    "What should be made, in words. Enter makes it, arrows bring earlier prompts back, "
    "several lines (Shift+Enter, or pasted) are made one after the other"
)


class PromptLine(QPlainTextEdit):
    """As high as what stands in it. ``entered``: Enter was pressed; ``stepped(by)``: an arrow key beyond its lines."""

    entered = Signal()
    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setPlaceholderText(HINT)
        self.setAccessibleName("Prompt")
        self.setToolTip(TIP)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.blockCountChanged.connect(lambda _: self._fit())
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """What the style puts around the words is known by now."""
        super().showEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter asks, with Shift it begins another line; arrows go to earlier prompts from the first and last line."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self._at_end(event.key() == Qt.Key.Key_Up):
            self.stepped.emit(1 if event.key() == Qt.Key.Key_Up else -1)
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Words alone, whatever they come from."""
        self.insertPlainText(source.text().strip("\n"))

    def mark(self, strange: frozenset[str]) -> None:
        """Underline these words."""
        marks = []
        for found in WORD.finditer(self.toPlainText()):
            if "".join(words_of(found[0])) in strange:
                cursor, look = self.textCursor(), QTextCharFormat()
                cursor.setPosition(found.start())
                cursor.setPosition(found.end(), QTextCursor.MoveMode.KeepAnchor)
                look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
                look.setUnderlineColor(QColor(palette_of(self.palette()).warn))
                mark = QTextEdit.ExtraSelection()
                mark.cursor, mark.format = cursor, look
                marks.append(mark)
        self.setExtraSelections(marks)

    def replace(self, text: str) -> None:
        """Let another text stand there; Ctrl+Z brings back what stood there before."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)
        self.setTextCursor(cursor)
        self._fit()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(120, self.maximumHeight())

    def _at_end(self, top: bool) -> bool:
        cursor = self.textCursor()
        return not cursor.movePosition(QTextCursor.MoveOperation.Up if top else QTextCursor.MoveOperation.Down)

    def _fit(self) -> None:
        lines = min(max(self.blockCount(), FEWEST), LINES)
        around = self.height() - self.viewport().height() + 2 * self.document().documentMargin()
        self.setFixedHeight(round(lines * self.fontMetrics().lineSpacing() + around) + 1)


class PromptBox(QWidget):
    """Bound to a `Prompting`. ``entered``: what is typed is asked for."""

    entered = Signal()

    def __init__(self, prompting: Prompting) -> None:
        super().__init__()
        self._prompting = prompting
        self.line = PromptLine()
        self.warning, self.nearest = label(role="warn", wrap=True), label(role="dim", wrap=True)
        self.mend = button("Correct it", self._mend, "flat", tip="Take the words that were meant")
        self._offered = QWidget()
        self._examples = Flow(4)
        self._offered.setLayout(self._examples)
        self._offered.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.examples: list[QWidget] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.line, self.warning):
            column.addWidget(widget)
        column.addWidget(self.mend, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.nearest)
        column.addWidget(self._offered)
        self.setFocusProxy(self.line)
        self.line.textChanged.connect(lambda: prompting.write(self.line.toPlainText()))
        self.line.entered.connect(self.entered)
        self.line.stepped.connect(prompting.step)
        prompting.changed.connect(self._draw)
        prompting.wanted.connect(lambda: QTimer.singleShot(0, self.line, self.line.setFocus))
        self._draw()

    def _draw(self) -> None:
        prompting = self._prompting
        if self.line.toPlainText() != prompting.text:
            with QSignalBlocker(self.line):
                self.line.replace(prompting.text)
        for words, text in ((self.warning, prompting.warning), (self.nearest, prompting.nearest)):
            words.setText(text)
            words.setVisible(bool(text))
        self.mend.setVisible(prompting.mended != prompting.text and not prompting.fault and bool(prompting.warning))
        if [one.accessibleName() for one in self.examples] != list(prompting.examples):
            self._offer()
        self._offered.setVisible(bool(self.examples) and not prompting.text)
        self.line.mark(prompting.strange)

    def _offer(self) -> None:
        for old in self.examples:
            self._examples.removeWidget(old)
            old.deleteLater()
        self.examples = []
        for words in self._prompting.examples:
            one = button(words, partial(self._take, words), "flat", tip=f"Make {words}")
            one.setAccessibleName(words)
            self._examples.addWidget(one)
            self.examples.append(one)

    def _take(self, words: str) -> None:
        self._prompting.write(words)
        self.entered.emit()

    def _mend(self) -> None:
        self._prompting.write(self._prompting.mended)
        self.line.setFocus()
