"""The quality gate of a fit: its shapes, those set aside first; one that is not ticked is not learned."""

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QApplication, QHeaderView, QTreeWidget, QTreeWidgetItem

from engine.rows import ShapeRow
from studio.models.train import Train
from studio.theme import palette_of

ROW, HEAD = 24, 32  # pixels of a row and of the heading
MOST_SHOWN = 7  # rows without scrolling
MOST_ROWS = 300  # the library shows all
SHAPE = Qt.ItemDataRole.UserRole
TICKED, OUT = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class GateList(QTreeWidget):
    """Bound to a `Train`. A click shows a shape beside its mesh; one on its tick, or Space, leaves it out."""

    def __init__(self, train: Train) -> None:
        super().__init__(columnCount=2)
        self._train = train
        self._told: object = None
        self.setRootIsDecorated(False)
        self.setHeaderLabels(["Shape", "Fit"])
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(lambda row, _: train.show(row.data(0, SHAPE)) if _has_shape(row) else None)
        self.itemChanged.connect(self._tick)

    def draw(self, anew: bool = False) -> None:
        """Show the fit that is trained on."""
        train, fit = self._train, self._train.fit
        state = [(shape, train.title(shape)) for shape in fit.shapes] if fit else []
        if anew or state != self._told:
            self._told = state
            self._fill([*fit.set_aside, *fit.accepted] if fit else [])
        with QSignalBlocker(self):
            for i in range(self.topLevelItemCount()):
                row = self.topLevelItem(i)
                if row is not None and _has_shape(row) and row.data(0, SHAPE).verdict == "accepted":
                    row.setCheckState(0, OUT if train.is_left_out(row.data(0, SHAPE)) else TICKED)

    def _fill(self, shapes: list[ShapeRow]) -> None:
        """Shapes that were set aside with their reasons first, then the others, the worst first."""
        shapes = sorted(shapes, key=lambda shape: (shape.verdict == "accepted", shape.quality or 0.0))
        with QSignalBlocker(self):
            self.clear()
            self.addTopLevelItems([self._row(shape) for shape in shapes[:MOST_ROWS]])
            if len(shapes) > MOST_ROWS:
                self.addTopLevelItem(QTreeWidgetItem([f"and {len(shapes) - MOST_ROWS:,} better ones", ""]))
        self.setFixedHeight(HEAD + ROW * min(len(shapes), MOST_SHOWN))
        self.setVisible(bool(shapes))

    def _row(self, shape: ShapeRow) -> QTreeWidgetItem:
        colours = palette_of(QApplication.palette())  # a styled view keeps its old one for a while
        good = shape.verdict == "accepted"
        name = self._train.title(shape)
        quality = "" if shape.quality is None else f"{shape.quality:.3f}"
        row = QTreeWidgetItem([name if good else f"{name}: {shape.reason}", quality])
        row.setData(0, SHAPE, shape)
        row.setSizeHint(0, QSize(0, ROW))
        row.setForeground(1, QBrush(QColor(colours.good if good else colours.warn)))
        words = "learned while it is ticked" if good else f"set aside, {shape.reason}"
        row.setToolTip(0, f"{name}: {words}")
        row.setToolTip(1, "Overlap with the mesh (IoU) at points that were held back; 1 = the same")
        return row

    def _tick(self, row: QTreeWidgetItem) -> None:
        if _has_shape(row):
            self._train.leave_out(row.data(0, SHAPE), row.checkState(0) == OUT)


def _has_shape(row: QTreeWidgetItem | None) -> bool:
    return row is not None and isinstance(row.data(0, SHAPE), ShapeRow)
