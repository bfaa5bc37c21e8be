"""What to evaluate, against what; and the evaluations that are finished."""

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from studio.icons import icon
from studio.models.form import Form
from studio.models.opened import OpenProject
from studio.models.report import Report
from studio.panel import in_menu
from studio.widgets.narrow_choice import NarrowChoice
from studio.widgets.rows import Rows
from studio.widgets.words import Ground, button, label, line

RUN = Qt.ItemDataRole.UserRole
WIDTH = 300


class ReportChoice(Ground):
    """Bound to a `Report`. ``make_form`` makes the form behind *More*."""

    def __init__(self, opened: OpenProject, make_form: Callable[[Form], QWidget]) -> None:
        super().__init__()
        self.report, self._make_form = opened.model(Report), make_form
        self.subject, self.against = NarrowChoice(), NarrowChoice()
        for box, name, tip in (
            (self.subject, "Shapes", "What is measured"),
            (self.against, "Against", "Real shapes that it is held against"),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
        self.about = label(role="dim", wrap=True)
        self.more = button("More", self._unfold, "flat", "chevron-right", "How it is measured")
        self.more.setCheckable(True)
        self.form: QWidget | None = None
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setAccessibleName("Finished evaluations")
        self.list.setStyleSheet("QListView::item { padding: 4px 5px; }")
        self.empty = label("Finished evaluations appear here.", "dim", wrap=True)
        self.compare = button("Compare in one report", self.report.compare, tip="Choose several evaluations first")
        self.go = button("Evaluate", self.report.evaluate, "primary", tip="Put it into the queue (Ctrl+Enter)")
        self._build()
        self.subject.activated.connect(lambda i: self.report.take(self.subject.itemData(i)))
        self.against.activated.connect(lambda i: self.report.hold_against(self.against.itemData(i)))
        self.list.itemSelectionChanged.connect(self._choose)
        action = QAction("Evaluate", self)
        action.setShortcut(QKeySequence("Ctrl+Return"))
        action.triggered.connect(self.report.evaluate)
        self.addAction(in_menu(action, "Model"))
        self.report.changed.connect(self._draw)
        self.report.shown.connect(self._mark)
        self._draw()

    def _build(self) -> None:
        form = Rows()
        form.row("Shapes", self.subject)
        form.row("Against", self.against)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(14, 12, 14, 0)
        self._column.setSpacing(10)
        self._column.addLayout(form)
        self._column.addWidget(self.about)
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self._more_at = self._column.count()
        self._column.addWidget(line())
        self._column.addWidget(label("Finished", "heading"))
        self._column.addWidget(self.empty)
        self._column.addWidget(self.list, 1)
        self._column.addWidget(self.compare)
        self._column.addStretch(0)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 10, 14, 12)
        foot.addWidget(self.go, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(self._column, 1)
        outer.addLayout(foot)

    def minimumSizeHint(self) -> QSize:
        """As wide as it needs, and not less than it looks well in."""
        return super().minimumSizeHint().expandedTo(QSize(WIDTH, 0))

    def sizeHint(self) -> QSize:
        """Figures beside it need the room more."""
        return QSize(self.minimumSizeHint().width(), super().sizeHint().height())

    def _draw(self) -> None:
        report = self.report
        subjects = report.subjects()
        offered = [name for _, name in subjects]
        subject = report.subject if report.subject in offered else offered[0] if offered else None
        _fill(self.subject, subjects, subject)
        _fill(self.against, report.opponents(), report.against)
        self.subject.setEnabled(bool(subjects))
        self.about.setText(report.hindrance or report.advice)
        self.about.setVisible(bool(self.about.text()))
        self.go.setEnabled(not report.hindrance)
        entries = [(entry.run, f"{entry.title}\n{entry.note}") for entry in report.entries]
        if [(item.data(RUN), item.text()) for item in self._items()] != entries:
            with QSignalBlocker(self.list):
                self.list.clear()
                for run, words in entries:
                    item = QListWidgetItem(words)
                    item.setData(RUN, run)
                    item.setToolTip(run)
                    self.list.addItem(item)
        self.list.setVisible(bool(entries))
        self.empty.setVisible(not entries)
        self._mark()

    def _mark(self) -> None:
        """Mark what is chosen, whoever chose it."""
        with QSignalBlocker(self.list):
            for item in self._items():
                item.setSelected(item.data(RUN) in self.report.chosen)
        self.compare.setVisible(self.list.count() > 1)
        self.compare.setEnabled(bool(self.report.comparable))

    def _choose(self) -> None:
        self.report.choose(tuple(item.data(RUN) for item in self._items() if item.isSelected()))
        self.compare.setEnabled(bool(self.report.comparable))

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _unfold(self) -> None:
        if self.form is None:
            self.form = self._make_form(self.report.form)
            self.form.setMinimumHeight(240)
            self._column.insertWidget(self._more_at, self.form, 2)
        self.form.setVisible(self.more.isChecked())
        self.more.setIcon(icon("chevron-down" if self.more.isChecked() else "chevron-right"))


def _fill(box: QComboBox, offered: list[tuple[str, str]], chosen: str | None) -> None:
    """Offer (words, data) pairs, unless they are what is offered already, and choose one."""
    with QSignalBlocker(box):
        if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != offered:
            box.clear()
            for words, data in offered:
                box.addItem(words, data)
        box.setCurrentIndex(-1 if chosen is None else box.findData(chosen))
