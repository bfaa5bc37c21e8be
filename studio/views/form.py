"""A form for a settings struct: groups that fold, search, marks at what was changed, and a sentence where it is wrong."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.form import Form
from studio.models.form_fields import Field, Group
from studio.models.form_text import format_value
from studio.views.form_editors import editor_for, flat_button
from studio.widgets.tall_area import TallArea

PATIENCE_MS = 700  # while a person types, before the form says that something is wrong
INDENT = 10  # of the fields in a group; their controls stand in one column all the same
RESET_WIDTH = 30


class FormView(QWidget):
    """All fields of a `Form`. The form itself says what the settings are, and which changes they have."""

    def __init__(self, form: Form, open_groups: tuple[str, ...] = (), parent: QWidget | None = None) -> None:
        """open_groups : keys of the groups that are open at first; fields outside all groups always show"""
        super().__init__(parent)
        self.form = form
        self.setProperty("role", "panel")
        titles = [
            self.fontMetrics().horizontalAdvance(field.title) + INDENT * (len(field.path) - 1)
            for field in form.fields.values()
        ]
        self._title_width = min(max(titles, default=80) + 8, 180)
        self.rows: dict[str, FieldRow] = {}
        self.sections: dict[str, Section] = {}
        inside = QWidget()
        self._body = QVBoxLayout(inside)
        self._body.setContentsMargins(12, 4, 12, 12)
        self._body.setSpacing(2)
        self._fill(form.group, self._body, set(open_groups))
        self._none = QLabel("No setting has these words.")
        self._none.setProperty("role", "dim")
        self._none.hide()
        self._body.addWidget(self._none)
        self._body.addStretch(1)
        self._scroll = TallArea(inside)
        self._wrong = QLabel()
        self._wrong.setWordWrap(True)
        self._wrong.setProperty("role", "bad")
        self._wrong.setContentsMargins(12, 4, 12, 8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(self._scroll, 1)
        column.addWidget(self._wrong)
        form.changed.connect(self._refresh)
        self._refresh("")

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 10, 12, 6)
        row.setSpacing(6)
        self.presets = QComboBox()
        self.presets.setAccessibleName("Preset")
        self.presets.setToolTip("Settings to start from")
        self.presets.addItems(list(self.form.presets))
        self.presets.setCurrentText(self.form.preset)
        self.presets.textActivated.connect(self.form.use_preset)
        self.presets.setVisible(len(self.form.presets) > 1)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search settings")
        self.search.setAccessibleName("Search settings")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", "dim"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._filter)
        self.only_changed = flat_button("Show only what differs from the preset")
        self.only_changed.setText("Changed")
        self.only_changed.setCheckable(True)
        self.only_changed.toggled.connect(self._filter)
        self.reset = flat_button("Set everything back", "retry")
        self.reset.clicked.connect(self.form.reset_all)
        row.addWidget(self.presets)
        row.addWidget(self.search, 1)
        row.addWidget(self.only_changed)
        row.addWidget(self.reset)
        return row

    def _fill(self, group: Group, layout: QVBoxLayout, opened: set[str]) -> None:
        for field in group.fields:
            width = self._title_width - INDENT * len(group.path)
            self.rows[field.key] = FieldRow(self.form, field, width)
            layout.addWidget(self.rows[field.key])
        for inner in group.groups:
            section = Section(self.form, inner, inner.key in opened)
            self.sections[inner.key] = section
            self._fill(inner, section.body, opened)
            layout.addWidget(section)

    def _refresh(self, key: str) -> None:
        for one in [key] if key in self.rows else self.rows:
            self.rows[one].refresh()
        for section in self.sections.values():
            section.refresh()
        self.presets.setCurrentText(self.form.preset)
        any_changed = any(self.form.is_changed(one) for one in self.form.fields)
        self.reset.setEnabled(any_changed)
        self.only_changed.setEnabled(any_changed or self.only_changed.isChecked())
        self._wrong.setText(self.form.error(""))
        self._wrong.setVisible(bool(self.form.error("")))

    def _filter(self) -> None:
        """Show what is searched for, in open groups; all of it again when nothing is."""
        found = self.form.matches(self.search.text())
        if self.only_changed.isChecked():
            found = {key for key in found if self.form.is_changed(key)}
        searching = bool(self.search.text().strip()) or self.only_changed.isChecked()
        for key, row in self.rows.items():
            row.setVisible(key in found)
        for key, section in self.sections.items():
            section.setVisible(any(one.startswith(f"{key}.") for one in found))
            section.force_open(searching)
        self._none.setVisible(not found)


class Section(QWidget):
    """A group of fields under a heading that folds them away."""

    def __init__(self, form: Form, group: Group, opened: bool) -> None:
        super().__init__()
        self._form, self._group, self._opened, self._forced = form, group, opened, False
        self.heading = flat_button(group.title)
        self.heading.setText(f" {group.title}")
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setToolTip(f"<p>{group.help}</p>")
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.heading.clicked.connect(self._toggle)
        self._count = QLabel()
        self._count.setProperty("role", "dim")
        self._reset = flat_button(f"Set all of {group.title} back", "retry")
        self._reset.clicked.connect(lambda: form.reset(group.key))
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        row = QHBoxLayout()
        row.setContentsMargins(0, 4, 0, 0)
        row.addWidget(self.heading)
        row.addStretch(1)
        row.addWidget(self._count)
        row.addWidget(self._reset)
        self._inside = QWidget()
        self.body = QVBoxLayout(self._inside)
        self.body.setContentsMargins(INDENT, 0, 0, 6)
        self.body.setSpacing(2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._inside)
        self._show()

    def refresh(self) -> None:
        """Say how many fields differ from the preset."""
        inside = [key for key in self._form.fields if key.startswith(f"{self._group.key}.")]
        changed = sum(self._form.is_changed(key) for key in inside)
        wrong = any(self._form.error(key) for key in inside)
        self._count.setText("needs a look" if wrong else f"{changed} changed" if changed else "")
        role = "bad" if wrong else "dim"
        if self._count.property("role") != role:
            self._count.setProperty("role", role)
            self._count.style().polish(self._count)
        self._reset.setVisible(bool(changed))

    def force_open(self, forced: bool) -> None:
        """Open as long as something is searched for, whatever a person had folded away."""
        self._forced = forced
        self._show()

    def _toggle(self) -> None:
        self._opened = not self._opened
        self._show()

    def _show(self) -> None:
        shown = self._opened or self._forced
        self._inside.setVisible(shown)
        self.heading.setIcon(icon("chevron-down" if shown else "chevron-right", "dim"))


class FieldRow(QWidget):
    """One field: a mark where it was changed, its title, the control, its unit, a button that sets it back."""

    def __init__(self, form: Form, field: Field, title_width: int) -> None:
        super().__init__()
        self._form, self._field, self._typing = form, field, False
        self._title = QLabel(field.title)
        self._title.setFixedWidth(title_width)
        self._title.setWordWrap(True)
        self.editor = editor_for(field)
        self.editor.setAccessibleName(field.title)
        self.editor.setAccessibleDescription(field.help)
        self._title.setBuddy(self.editor)
        self.editor.edited.connect(self._edit)
        self.editor.refused.connect(self._refuse)
        self.reset = flat_button(f"Set {field.title} back", "retry")
        self.reset.setFixedWidth(RESET_WIDTH)
        self.reset.clicked.connect(lambda: form.reset(field.key))
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setProperty("role", "bad")
        self._said.setContentsMargins(title_width + 14, 0, RESET_WIDTH, 4)
        self._said.hide()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._say)
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._title)
        row.addWidget(self.editor, 0 if field.kind == "switch" else 1)
        if field.kind == "switch":
            row.addStretch(1)
        if field.unit:
            unit = QLabel(field.unit)
            unit.setProperty("role", "dim")
            row.addWidget(unit)
        row.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 1, 0, 1)
        column.setSpacing(1)
        column.addLayout(row)
        column.addWidget(self._said)

    def refresh(self) -> None:
        """Show the value; say what is wrong, at once, or while a person types after a while."""
        key = self._field.key
        if not self._typing and key not in self._form.refused:
            self.editor.show_value(self._form.value(key))
        changed = self._form.is_changed(key)
        self.reset.setVisible(changed)
        default = format_value(self._field, self._form.default(key)) or "none"
        self.reset.setToolTip(f"Set back to {default}")
        tip = f"<p><b>{self._field.title}</b> &nbsp;<code>{key}</code></p>"
        tip += f"<p>{self._field.help}</p>" if self._field.help else ""
        tip += f"<p>Takes {self._field.needs}; the preset has {default}.</p>"
        self._title.setToolTip(tip)
        self.editor.setToolTip(tip)
        if self._form.error(key) and self._typing:
            self._patience.start()
        else:
            self._say()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A bar at the left of what differs from the preset."""
        if self._form.is_changed(self._field.key):
            painter = QPainter(self)
            painter.fillRect(0, 3, 3, self.height() - 6, self.palette().accent())
            painter.end()

    def _edit(self, value: object) -> None:
        self._typing = True
        self._form.put(self._field.key, value)
        self._typing = False

    def _refuse(self, text: str) -> None:
        self._typing = True
        self._form.refuse(self._field.key, text)
        self._typing = False

    def _say(self) -> None:
        text = self._form.error(self._field.key)
        self._said.setText(text)
        self._said.setVisible(bool(text))
