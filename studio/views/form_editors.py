"""The controls of a generated form, one per kind of field. Each shows a value, and says what a person made of it.

All of them have ``show_value(value)``, which emits nothing, and the signals ``edited(value)`` and ``refused(sentence)``.
"""

from typing import Any

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from engine.errors import InputError
from studio.icons import icon
from studio.models.form_fields import Field
from studio.models.form_text import format_value, parse_value, stepped


class NumberEdit(QAbstractSpinBox):
    """A number with arrows. Anything can be typed; what is no number is refused with a sentence, not thrown away."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self._value: Any = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        self.lineEdit().textEdited.connect(self._typed)
        self.editingFinished.connect(self._tidy)

    def show_value(self, value: Any) -> None:
        """Show a number, or nothing where it may be None. What is being typed stays as it is while it means the same."""
        if self._value == value and self._parsed() == value:
            return
        self._value = value
        self.lineEdit().setText(value if isinstance(value, str) else format_value(self._field, value))

    def stepBy(self, steps: int) -> None:
        """One step of `stepped` for each arrow, wheel click or page key."""
        start = self._value if isinstance(self._value, int | float) else (self._field.low or 0)
        self._value = stepped(self._field, start, steps)
        self.lineEdit().setText(format_value(self._field, self._value))
        self.edited.emit(self._value)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Both ways; at a bound a step does nothing."""
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Everything can be typed; the form says what it needs."""
        return QValidator.State.Acceptable, text, position

    def sizeHint(self) -> QSize:
        """Room for seven digits."""
        width = self.fontMetrics().horizontalAdvance("0,000,000") + 40
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """As narrow as a card needs it."""
        return QSize(64, super().minimumSizeHint().height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling the form must not change what the pointer passes over."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()

    def _parsed(self) -> Any:
        try:
            return parse_value(self._field, self.lineEdit().text())
        except InputError:
            return self.lineEdit().text()

    def _typed(self, text: str) -> None:
        try:
            self._value = parse_value(self._field, text)
        except InputError as error:
            self._value = text
            self.refused.emit(str(error))
        else:
            self.edited.emit(self._value)

    def _tidy(self) -> None:
        if not isinstance(self._value, str):
            self.lineEdit().setText(format_value(self._field, self._value))


class Choice(QComboBox):
    """One of a few words."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for choice in field.choices:
            self.addItem(field.said(choice), choice)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.activated.connect(lambda row: self.edited.emit(self.itemData(row)))

    def show_value(self, value: Any) -> None:
        """Show one of the choices."""
        self.setCurrentIndex(self.findData(value))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling the form must not change what the pointer passes over."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class Switch(QCheckBox):
    """On or off."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, field: Field | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clicked.connect(lambda checked: self.edited.emit(checked))

    def show_value(self, value: Any) -> None:
        """Show a state."""
        with QSignalBlocker(self):
            self.setChecked(bool(value))

    def sizeHint(self) -> QSize:
        """The size of the track, and room for the ring of the focus."""
        return QSize(40, 24)

    def hitButton(self, pos: Any) -> bool:
        """All of it can be clicked."""
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A track with a knob, in the colours of the theme."""
        colours = self.palette()
        on = self.isChecked()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(3, (self.height() - 18) / 2, 34, 18)
        fill = colours.accent().color() if on else colours.mid().color()
        painter.setPen(colours.accent().color() if self.hasFocus() else fill)
        painter.setBrush(fill if self.isEnabled() else colours.mid().color())
        painter.drawRoundedRect(track, 9, 9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.highlightedText().color()) if on else colours.text().color())
        painter.drawEllipse(QRectF(track.right() - 16 if on else track.left() + 2, track.top() + 2, 14, 14))
        painter.end()


class TextEdit(QLineEdit):
    """Text: a name, or entries with commas between them."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.setPlaceholderText("none" if field.kind in ("list", "table") or field.optional else "")
        self.textEdited.connect(self._typed)

    def show_value(self, value: Any) -> None:
        """Show a value; what is being typed stays as it is while it means the same."""
        text = format_value(self._field, value)
        try:
            same = parse_value(self._field, self.text()) == value
        except InputError:
            same = False
        if not same:
            self.setText(text)

    def _typed(self, text: str) -> None:
        try:
            value = parse_value(self._field, text)
        except InputError as error:
            self.refused.emit(str(error))
        else:
            self.edited.emit(value)


class ListEdit(QWidget):
    """Entries with commas between them, and buttons that add one like the last or take the last away."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self._values: list[Any] = []
        self.text = TextEdit(field)
        self.text.edited.connect(self._typed)
        self.text.refused.connect(self.refused)
        self.setFocusProxy(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.text, 1)
        self.less, self.more = (
            self._button("\N{MINUS SIGN}", "Take the last one away"),
            self._button("+", "Add one more"),
        )
        self.less.clicked.connect(lambda: self._give(self._values[:-1]))
        self.more.clicked.connect(lambda: self._give([*self._values, self._values[-1]]))
        for button in (self.less, self.more):
            button.setVisible(field.lengths[0] != field.lengths[1] and field.item is not None)
            row.addWidget(button)

    def show_value(self, value: Any) -> None:
        """Show the entries."""
        self._values = list(value)
        self.text.show_value(self._values)
        self._enable()

    def _button(self, text: str, words: str) -> QToolButton:
        button = flat_button(words)
        button.setText(text)
        return button

    def _typed(self, values: list[Any]) -> None:
        self._values = values
        self._enable()
        self.edited.emit(values)

    def _give(self, values: list[Any]) -> None:
        self.text.setText(format_value(self._field, values))
        self._typed(values)

    def _enable(self) -> None:
        least, most = self._field.lengths
        self.less.setEnabled(len(self._values) > least)
        self.more.setEnabled(bool(self._values) and (most is None or len(self._values) < most))


def flat_button(words: str, name: str = "") -> QToolButton:
    """A button without a frame; ``words`` say what it does to those who point at it or cannot see it."""
    button = QToolButton()
    if name:
        button.setIcon(icon(name, "dim"))
    button.setToolTip(words)
    button.setAccessibleName(words)
    button.setProperty("role", "flat")
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)  # else no row is higher than it
    return button


Editor = NumberEdit | Choice | Switch | TextEdit | ListEdit


def editor_for(field: Field) -> Editor:
    """The control of a field."""
    match field.kind:
        case "integer" | "number":
            return NumberEdit(field)
        case "choice":
            return Choice(field)
        case "switch":
            return Switch(field)
        case "list":
            return ListEdit(field)
        case _:
            return TextEdit(field)
