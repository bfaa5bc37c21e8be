"""Painting parts, in step 1 of the Train panel: which part the brush paints, how large it is, and what becomes of it."""

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLineEdit,
    QSlider,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.datasets.marks import FINEST
from studio.models.bring import Bring
from studio.models.titles import counted
from studio.models.train_paint import Paint
from studio.views.train_step import in_row, in_rows, say
from studio.widgets.words import button, label

ROW = 24  # pixels of a row of the list
MOST_ROWS = 7  # that show without scrolling
FINE = 1000  # steps of the slider for a canonical unit
LARGEST = 0.15  # radius that the slider comes to
WIPE = "Wipe off"
PART = Qt.ItemDataRole.UserRole


class PaintBox(QWidget):
    """Bound to a `Paint`; the items are those of a `Bring`. Empty until ``begin``, which stands elsewhere, is pressed."""

    def __init__(self, paint: Paint, bring: Bring) -> None:
        super().__init__()
        self._paint, self._bring = paint, bring
        self._told: object = None
        self.begin = button(
            "Paint parts", self._begin, tip="Mark the parts of the shape that is shown with a brush, in the 3D view"
        )
        self.title = label(role="heading", wrap=True)
        self.parts = QTreeWidget(columnCount=2)
        self.name = QLineEdit(placeholderText="name of a part")
        self.more = button("Add", self._add, tip="One more part to paint")
        self.radius = QSlider(Qt.Orientation.Horizontal)
        self.mirror = QCheckBox("Mirror")
        self.hint = label(role="dim", wrap=True)
        self.go = button(
            "Give it these parts", paint.apply, "primary", tip="Makes a job of it; it can be painted again"
        )
        self.clear = button("Clear", paint.clear, tip="Take all marks off; without any it gets back the parts it had")
        self.done = button("Done", paint.end, tip="Put the brush away; the marks stay")
        self.inside = QWidget()
        self._build()
        self.parts.itemSelectionChanged.connect(self._choose)
        self.parts.itemChanged.connect(self._rename)
        self.name.returnPressed.connect(self._add)
        self.radius.valueChanged.connect(lambda value: paint.set_radius(value / FINE))
        self.mirror.toggled.connect(paint.set_mirror)
        paint.changed.connect(self.draw)
        bring.changed.connect(self.draw)
        self.draw()

    def _build(self) -> None:
        self.parts.setHeaderHidden(True)
        self.parts.setRootIsDecorated(False)
        self.parts.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.parts.header().setStretchLastSection(False)
        self.parts.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.parts.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.parts.setToolTip("What the brush paints; double-click to rename")
        self.radius.setRange(round(FINE * FINEST), round(FINE * LARGEST))
        self.radius.setValue(round(FINE * self._paint.radius))
        self.mirror.setToolTip("Each mark stands on the other side, too")
        for name, widget in (
            ("Part that the brush paints", self.parts),
            ("Name of a part", self.name),
            ("Size of the brush", self.radius),
            ("Mirror the marks", self.mirror),
        ):
            widget.setAccessibleName(name)
        self.radius.setToolTip("Size of the brush")
        self.name.setToolTip("Parts of one name are one part of a model (Enter adds it)")
        inner = QVBoxLayout(self.inside)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(self.title)
        inner.addWidget(self.parts)
        inner.addLayout(in_row(self.name, self.more))
        inner.addLayout(in_row(label("Brush", "dim"), self.radius, self.mirror))
        inner.addWidget(self.hint)
        inner.addLayout(in_rows(self.go, self.clear, self.done))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.inside)

    def draw(self) -> None:
        """Show what the model holds."""
        paint = self._paint
        self.setVisible(bool(paint.item))
        self.begin.setVisible(not paint.item and bool(self._bring.paintable))
        if not paint.item:
            return
        self.title.setText(f"Painting {paint.title}")
        self._fill()
        with QSignalBlocker(self.mirror):
            self.mirror.setChecked(paint.painting.mirror)
        self.mirror.setEnabled(paint.symmetric)
        self.mirror.setToolTip(
            "Each mark stands on the other side, too" if paint.symmetric else "This shape is not symmetric"
        )
        hint = "Name the first part." if paint.ready and not paint.names else paint.obstacle
        say(self.hint, hint or f"{counted(len(paint.painting.marks), 'stroke')}; Undo takes back the last.", "dim")
        self.go.setText(
            "Give it these parts" if paint.painting.marks or not paint.applied.marks else "Restore its parts"
        )
        self.go.setEnabled(not paint.obstacle and not self._bring.busy)
        self.clear.setEnabled(bool(paint.painting.marks))

    def _fill(self) -> None:
        paint = self._paint
        wanted = [*paint.names, *([""] if paint.painting.marks else [])]
        state = [(part, paint.count(part), paint.colours.get(part)) for part in wanted]
        with QSignalBlocker(self.parts):
            if state != self._told:
                self._told = state
                self.parts.clear()
                self.parts.addTopLevelItems([self._row(part) for part in wanted])
            chosen = self.parts.topLevelItem(wanted.index(paint.part)) if paint.part in wanted else None
            if chosen is not None:
                self.parts.setCurrentItem(chosen)
        self.parts.setFixedHeight(ROW * min(max(len(wanted), 1), MOST_ROWS) + 4)
        self.parts.setVisible(bool(wanted))

    def _row(self, part: str) -> QTreeWidgetItem:
        row = QTreeWidgetItem([part or WIPE, f"{self._paint.count(part) or ''}"])
        row.setData(0, PART, part)
        row.setSizeHint(0, QSize(0, ROW))
        row.setToolTip(0, "Double-click to rename" if part else "Takes marks off")
        row.setToolTip(1, "Strokes")
        row.setIcon(0, _swatch(self._paint.colours.get(part)))
        if part:
            row.setFlags(row.flags() | Qt.ItemFlag.ItemIsEditable)
        return row

    def _begin(self) -> None:
        self._paint.begin_with(self._bring.paintable)

    def _choose(self) -> None:
        chosen = self.parts.currentItem()
        if chosen is not None and chosen.data(0, PART) != self._paint.part:
            self._paint.choose(chosen.data(0, PART))

    def _rename(self, row: QTreeWidgetItem) -> None:
        """Once the list is done with the row: it is filled anew then."""
        old, new = row.data(0, PART), row.text(0)
        self._told = None
        QTimer.singleShot(0, self, lambda: self._paint.rename(old, new))

    def _add(self) -> None:
        self._paint.add(self.name.text())
        self.name.clear()


def _swatch(colour: tuple[float, float, float] | None) -> QIcon:
    """A part's colour (linear RGB) as a round spot."""
    pixmap = QPixmap(28, 28)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    if colour is not None:
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        red, green, blue = (min(max(value, 0.0), 1.0) ** (1 / 2.2) for value in colour)
        painter.setBrush(QColor.fromRgbF(red, green, blue))
        painter.drawEllipse(1, 1, 12, 12)
        painter.end()
    return QIcon(pixmap)
