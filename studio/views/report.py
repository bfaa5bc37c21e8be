"""The figures of evaluations, as tables under a few sentences, and the way to the page that the engine wrote."""

from PySide6.QtCore import QEvent, Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QFont, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from studio.models.opened import OpenProject
from studio.models.report import Report
from studio.models.report_result import Table, in_words, tables_of
from studio.panel import Panel
from studio.theme import palette_of
from studio.widgets.words import Ground, button, label

WHOLE = Qt.ItemDataRole.UserRole  # the words of a cell on one line
SIDES = 32  # pixels beside the tables
NONE_YET = (
    "Evaluations tell how like real shapes yours are, and how new. Choose shapes on the right and press Evaluate."
)


class ReportView(Ground):
    """Bound to a `Report`: what is chosen in its list."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self.report = opened.model(Report)
        self.words = label(NONE_YET, wrap=True)
        self.tables: list[QTableWidget] = []
        self.page = button("Open the report", self._open_page, tip="In the browser: figures with pictures and settings")
        self.folder = button("Open folder", self._open_folder, "flat", "folder", "Tables for papers and spreadsheets")
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 12, 0)
        head.setSpacing(8)
        head.addWidget(self.words, 1)
        head.addWidget(self.folder, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.page, 0, Qt.AlignmentFlag.AlignTop)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(head)
        outer.addWidget(self._scroll, 1)
        self.report.shown.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        found = self.report.evaluations
        self.words.setText("\n".join(filter(None, map(in_words, found))) or NONE_YET)
        for one in (self.page, self.folder):
            one.setVisible(self.report.page is not None)
        ground = Ground()
        column = QVBoxLayout(ground)
        column.setContentsMargins(16, 8, 16, 12)
        column.setSpacing(6)
        self.tables = []
        for table in tables_of(found):
            self.tables.append(_filled(table))
            column.addWidget(label(table.title, "heading"))
            column.addWidget(label(table.note, "dim", wrap=True))
            column.addWidget(self.tables[-1])
            column.addSpacing(10)
        column.addStretch(1)
        self._scroll.setWidget(ground)
        ground.show()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Intervals stand below their values where there is no room beside them."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - SIDES - self._scroll.verticalScrollBar().sizeHint().width()
        for table in self.tables:
            _lay_out(table, room)

    def changeEvent(self, event: QEvent) -> None:
        """Another theme: colours of real shapes are set cell by cell."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            for table in self.tables:
                _dim_real(table)

    def _open_page(self) -> None:
        if page := self.report.page:
            self._open(str(page), "pages")

    def _open_folder(self) -> None:
        if page := self.report.page:
            self._open(str(page.parent), "folders")

    def _open(self, path: str, what: str) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            self._opened.troubles.tell(f"No program opens {what} here; it is {path}", note=True)


def _filled(table: Table) -> QTableWidget:
    """All rows in sight; those of real shapes in italics."""
    found = QTableWidget(len(table.rows), len(table.header))
    found.setHorizontalHeaderLabels(list(table.header))
    found.setAccessibleName(table.title)
    found.verticalHeader().hide()
    found.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    found.setShowGrid(False)
    found.setTabKeyNavigation(False)
    found.setStyleSheet("QTableView::item { padding: 0 5px; }")  # as the header's
    found.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    head = found.horizontalHeader()
    head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    head.setHighlightSections(False)
    italic = QFont(found.font())
    italic.setItalic(True)
    for row, cells in enumerate(table.rows):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setData(WHOLE, text)
            item.setToolTip(text)
            if row in table.real:
                item.setFont(italic)
            found.setItem(row, column, item)
    _dim_real(found)
    head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    head.setStretchLastSection(True)
    return found


def _lay_out(table: QTableWidget, room: int) -> None:
    """All columns in ``room`` pixels, on one line where that is enough, else on two; then as high as its rows."""
    for broken in (False, True):
        for row in range(table.rowCount()):
            for column in range(table.columnCount()):
                if (item := table.item(row, column)) is not None:
                    text = str(item.data(WHOLE))
                    item.setText(text.replace(" (", "\n(") if broken else text)
        table.resizeColumnsToContents()
        wide = sum(table.sizeHintForColumn(column) + 1 for column in range(table.columnCount()))
        if wide <= room:
            break
    table.resizeRowsToContents()
    bar = table.horizontalScrollBar().sizeHint().height() if wide > room else 0
    height = sum(map(table.rowHeight, range(table.rowCount())))
    table.setFixedHeight(table.horizontalHeader().sizeHint().height() + height + bar + 2)


def _dim_real(table: QTableWidget) -> None:
    """Rows in italics in the colour of words that explain."""
    colour = QColor(palette_of(QApplication.palette()).dim)
    for row in range(table.rowCount()):
        for column in range(table.columnCount()):
            if (item := table.item(row, column)) is not None and item.font().italic():
                item.setForeground(colour)


PANEL = Panel("report", "Report", "centre", ReportView, workspaces=("Report",), share=6)
"""The figures; beside it stands the panel of `report_choice`."""
