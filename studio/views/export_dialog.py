"""The export dialogue: for which program, in which format, where to; all else behind More."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.export import Export
from studio.models.export_presets import FORMATS, PRESETS
from studio.models.form import Form
from studio.models.titles import counted
from studio.models.troubles import Troubles
from studio.widgets.rows import Rows
from studio.widgets.words import button, label, line, tool

WIDTH, MORE_HEIGHT = 560, 300

MakeForm = Callable[[Form], QWidget]


class ExportDialog(QDialog):
    """Bound to an `Export`. It asks before files are replaced, and closes when the job is in the queue."""

    def __init__(self, export: Export, troubles: Troubles, make_form: MakeForm, parent: QWidget) -> None:
        super().__init__(parent)
        self._export, self._troubles, self._make_form = export, troubles, make_form
        self.setWindowTitle("Export")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH)
        self.title, self.about = label(export.title, "title", wrap=True), label(role="dim", wrap=True)
        self.presets = QTabBar(expanding=True, drawBase=False, usesScrollButtons=False)
        self.presets.setObjectName("workspaces")
        self.presets.setAccessibleName("Program that the files are for")
        for preset in PRESETS:
            self.presets.addTab(preset.name)
        self.presets.addTab("Own")
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        for name, words in FORMATS.items():
            self.format.addItem(words, name)
        self.folder = QLineEdit(str(export.folder))
        self.folder.setAccessibleName("Folder")
        self.browse = tool("folder", "Choose a folder", self._browse)
        self.expected, self.hindrance = label(role="dim", wrap=True), label(role="bad", wrap=True)
        self.more = button("More", self._unfold, "flat", "chevron-right", "Everything that can be set")
        self.more.setCheckable(True)
        self.form: QWidget | None = None
        self.copy = button("Copy as command", self._copy, "flat", "copy", "The command that does the same")
        self.cancel = button("Cancel", self.reject)
        self.go = button("Export", self._go, "primary", tip="Put it into the queue (Enter)")
        self.go.setDefault(True)
        for other in (self.more, self.copy, self.cancel):
            other.setAutoDefault(False)
        self._build()
        self.presets.currentChanged.connect(lambda i: export.use(PRESETS[i].name) if i < len(PRESETS) else None)
        self.format.activated.connect(lambda i: export.set_format(self.format.itemData(i)))
        self.folder.textChanged.connect(lambda text: export.set_folder(Path(text.strip())))
        export.changed.connect(self._draw)
        export.estimate.changed.connect(self._draw)
        self.finished.connect(lambda _: export.estimate.end())
        self._draw()
        self.go.setFocus()

    def _build(self) -> None:
        place = QWidget()
        row = QHBoxLayout(place)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        form = Rows()
        form.row("Format", self.format)
        form.row("Folder", place)
        foot = QHBoxLayout()
        foot.addWidget(self.copy)
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.go)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 18, 20, 16)
        self._column.setSpacing(10)
        self._column.addWidget(self.title)
        self._column.addWidget(self.presets)
        self._column.addWidget(self.about)
        self._column.addLayout(form)
        self._column.addWidget(self.expected)
        self._column.addWidget(self.hindrance)
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self._more_at = self._column.count()
        self._column.addWidget(line())
        self._column.addLayout(foot)

    def _draw(self) -> None:
        export, preset = self._export, self._export.preset
        with QSignalBlocker(self.presets):
            self.presets.setTabVisible(len(PRESETS), preset is None)
            self.presets.setCurrentIndex(PRESETS.index(preset) if preset else len(PRESETS))
        self.about.setText(preset.about if preset else "Settings of your own.")
        self.format.setCurrentIndex(self.format.findData(export.format))
        self.expected.setText(export.expected)
        self.hindrance.setText(export.hindrance)
        self.expected.setVisible(not export.hindrance)
        self.hindrance.setVisible(bool(export.hindrance))
        self.go.setEnabled(not export.hindrance)
        self.copy.setEnabled(not export.hindrance)

    def _unfold(self) -> None:
        if self.form is None:
            self.form = self._make_form(self._export.form)
            self.form.setMinimumHeight(MORE_HEIGHT)
            self._column.insertWidget(self._more_at, self.form, 1)
        self.form.setVisible(self.more.isChecked())
        self.more.setIcon(icon("chevron-down" if self.more.isChecked() else "chevron-right"))
        self.adjustSize()

    def _browse(self) -> None:
        start = next((one for one in (self._export.folder, *self._export.folder.parents) if one.is_dir()), Path.home())
        if folder := QFileDialog.getExistingDirectory(self, "Folder for the files", str(start)):
            self.folder.setText(folder)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self._export.command)
        self._troubles.tell("The command is on the clipboard", note=True)

    def _go(self) -> None:
        there = self._export.in_the_way()
        if not there:
            self._submit(False)
            return
        told = f"{there[0].name} is" if len(there) == 1 else f"{counted(len(there), 'file')} are"
        box = QMessageBox(QMessageBox.Icon.Warning, "Export", f"{told} there already.", parent=self)
        box.setInformativeText("Replaced files are gone for good. You can also choose another folder.")
        replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Choose another folder", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        replace.clicked.connect(lambda: self._submit(True))
        box.open()

    def _submit(self, overwrite: bool) -> None:
        if self._export.submit(overwrite):
            self.accept()
