"""What stands under the 3D view of exports: the way to the dialogue, and what the last one has made."""

from PySide6.QtCore import QEvent, Qt, QUrl
from PySide6.QtGui import QAction, QColor, QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.export import Export, Outcome
from studio.models.opened import OpenProject
from studio.panel import in_menu
from studio.theme import palette_of
from studio.views.export_dialog import ExportDialog, MakeForm
from studio.widgets.words import Ground, button, label, tool

KEYS = QKeySequence("Ctrl+E")
COLUMNS = ("Shape", "File", "Faces", "Size", "Weight", "Surface")
ROWS_SHOWN = 5


class ExportStrip(Ground):
    """Hidden until an export has ended. ``make_form`` makes the form of the dialogue's *More*."""

    def __init__(self, opened: OpenProject, make_form: MakeForm) -> None:
        super().__init__()
        self._opened, self._make_form = opened, make_form
        self.export = opened.model(Export)
        self.dialog: ExportDialog | None = None
        self.words = label(wrap=True)
        self.open = button("Open folder", self._open_folder, symbol="folder", tip="Where the files are")
        self.details = button(
            "Details", self._unfold, "flat", "chevron-right", "Each file with its faces, size and surface"
        )
        self.details.setCheckable(True)
        self.dismiss = tool("close", "Take this away", self.export.forget)
        for one in (self.open, self.details):
            one.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves it where it is: the strip goes away again
        self.table = QTableWidget(0, len(COLUMNS))
        self._build()
        action = QAction("Export…", self)
        action.setShortcut(KEYS)
        action.triggered.connect(self.export.ask)
        self.addAction(in_menu(action, "File"))
        self.export.wanted.connect(self._show_dialog)
        self.export.ended.connect(self._draw)
        self._draw()

    def _build(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setAccessibleName("Exported files")
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.setStyleSheet("QTableView::item { padding: 0 5px; }")  # as the header's
        table.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.details)
        row.addWidget(self.open)
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(table)

    def changeEvent(self, event: QEvent) -> None:
        """Another theme: colours of verdicts are set cell by cell."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and (outcome := self.export.outcome):
            self._fill(outcome)

    def _show_dialog(self) -> None:
        parent: QWidget = self.window()
        self.dialog = ExportDialog(self.export, self._opened.troubles, self._make_form, parent)
        self.dialog.finished.connect(self._forget_dialog)
        self.dialog.open()

    def _forget_dialog(self) -> None:
        self.dialog = None

    def _draw(self) -> None:
        outcome = self.export.outcome
        self.setVisible(outcome is not None)
        if outcome is None:
            return
        self.words.setText(outcome.words)
        self._fill(outcome)
        self.details.setChecked(bool(outcome.refused) or not all(one.closed for one in outcome.files))
        self._unfold()

    def _fill(self, outcome: Outcome) -> None:
        table, colours = self.table, palette_of(QApplication.palette())
        table.setRowCount(len(outcome.files) + len(outcome.refused))
        for row, one in enumerate(outcome.files):
            surface = {True: "closed", False: "not closed", None: "points"}[one.closed]
            said = f"{surface}. {one.health}" if one.health else surface
            cells = (one.name, one.path.name, f"{one.faces:,}" if one.faces else "", one.size, one.weight, said)
            self._row(row, cells, colours.good if one.closed and not one.health else colours.warn)
        for row, (name, reason) in enumerate(outcome.refused.items(), len(outcome.files)):
            self._row(row, (name, "not written", "", "", "", reason), colours.bad)
        table.resizeColumnsToContents()
        height = table.horizontalHeader().sizeHint().height() + 4
        table.setFixedHeight(height + min(table.rowCount(), ROWS_SHOWN) * table.rowHeight(0))

    def _row(self, row: int, cells: tuple[str, ...], colour: str) -> None:
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            if column == len(cells) - 1:
                item.setForeground(QColor(colour))
            self.table.setItem(row, column, item)

    def _unfold(self) -> None:
        self.table.setVisible(self.details.isChecked())
        self.details.setIcon(icon("chevron-down" if self.details.isChecked() else "chevron-right"))

    def _open_folder(self) -> None:
        outcome = self.export.outcome
        if outcome and not QDesktopServices.openUrl(QUrl.fromLocalFile(str(outcome.folder))):
            self._opened.troubles.tell(f"No program opens folders here; the files are in {outcome.folder}", note=True)
