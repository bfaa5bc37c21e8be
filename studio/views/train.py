"""The Train panel: four steps from meshes to a model, of which the next one is open; and curves and previews beside it."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QImageReader, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QTabBar, QVBoxLayout, QWidget

from studio.models.curves import Curves
from studio.models.form import Form
from studio.models.opened import OpenProject
from studio.models.train import Train
from studio.models.train_paint import Paint
from studio.models.train_turn import Turn
from studio.panel import in_menu
from studio.views.train_bring import BringStep
from studio.views.train_fit import FitStep
from studio.views.train_paint import PaintBox
from studio.views.train_run import DrawStep, TrainStep
from studio.views.train_turn import TurnBox
from studio.widgets.tall_area import TallArea
from studio.widgets.words import Ground, label

PICTURE_HEIGHT = 150
WIDTH = 344


class TrainView(Ground):
    """The steps. ``form_view`` makes the widget of a form."""

    def __init__(self, opened: OpenProject, form_view: Callable[[Form], QWidget]) -> None:
        super().__init__()
        self._train = opened.model(Train)
        self.bring = BringStep(self._train, form_view)
        self.paint = PaintBox(opened.model(Paint), self._train.bring)
        self.turn = TurnBox(opened.model(Turn), self._train.bring, opened.queue)
        for box in (self.turn, self.paint):
            self.bring.ways.addWidget(box.begin)
            self.bring.body.addWidget(box)
        self.fit = FitStep(self._train, form_view)
        self.train = TrainStep(self._train, form_view)
        self.draw = DrawStep(opened, self._train)
        self.steps = (self.bring, self.fit, self.train, self.draw)
        self._next = -1  # the step that was opened by itself
        ground = Ground()
        column = QVBoxLayout(ground)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(8)
        for step in self.steps:
            column.addWidget(step)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(TallArea(ground))
        self.draw.asked.connect(self._go_to_make)
        self._train.changed.connect(self._lead)
        for text, work in (("Fit shapes", self.fit.go), ("Train a model", self.train.go)):
            action = QAction(text, self)
            action.triggered.connect(work.click)
            self.addAction(in_menu(action, "Model"))
        self._painting, self._turning = QAction("Paint parts", self), QAction("Turn upright…", self)
        for action, begin in ((self._turning, self.turn.begin), (self._painting, self.paint.begin)):
            action.triggered.connect(lambda _=False, begin=begin: self._press(begin))
            self.addAction(in_menu(action, "Shape"))
        self._lead()

    def minimumSizeHint(self) -> QSize:
        """As wide as the steps need, and not less than they look well in."""
        return super().minimumSizeHint().expandedTo(QSize(WIDTH, 0))

    def _press(self, begin: QPushButton) -> None:
        """As a person would in step 1."""
        self.bring.unfold(True)
        begin.click()

    def _lead(self) -> None:
        """Open the first step that is not done, when it is another one than before."""
        train = self._train
        self._painting.setEnabled(bool(train.bring.paintable))
        self._turning.setEnabled(self.turn.can_begin)
        if not (train.ready and train.bring.ready):
            return
        fitted = train.fit is not None and bool(train.fit.accepted) and not train.fit.job.model  # those are mixed next
        done = (len(train.taken) >= 2, fitted, train.model is not None, False)
        if (first := done.index(False)) != self._next:
            self._next = first
            for i, step in enumerate(self.steps):
                step.unfold(i == first or (step is self.bring and first == 1 and train.bring.has_news))

    def _go_to_make(self) -> None:
        """The tab of the workspace Make, where the frame has one."""
        for tabs in self.window().findChildren(QTabBar):
            names = [tabs.tabText(i) for i in range(tabs.count())]
            if "Make" in names and "Train" in names:
                tabs.setCurrentIndex(names.index("Make"))


class TrainProgress(Ground):
    """Curves of fits and trainings, and pictures of what a training draws on its way. The plot is made when first shown."""

    def __init__(self, opened: OpenProject, curves_view: Callable[[Curves], QWidget]) -> None:
        super().__init__()
        self._train, self._curves_view = opened.model(Train), curves_view
        self.plot: QWidget | None = None
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumWidth(1)
        self.words = label(role="dim")
        self.which = QSlider(Qt.Orientation.Horizontal)
        self.which.setFixedWidth(160)
        self.which.setAccessibleName("Preview")
        self.which.setToolTip("Earlier and later samples of the same seeds")
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(self.which)
        self.strip = QWidget()
        inside = QVBoxLayout(self.strip)
        inside.setContentsMargins(12, 0, 12, 8)
        inside.addLayout(head)
        inside.addWidget(self.picture)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.strip)
        self.which.valueChanged.connect(self._draw)
        self._train.pictured.connect(self._arrive)
        self._arrive()

    def _arrive(self) -> None:
        """There are other previews; the newest is shown unless an earlier one is looked at."""
        count = len(self._train.previews)
        newest = self.which.value() >= self.which.maximum()
        self.which.setRange(0, max(0, count - 1))
        self.which.setVisible(count > 1)
        self.strip.setVisible(count > 0)
        if newest:
            self.which.setValue(count - 1)
        self._draw()

    def _draw(self, *_: object) -> None:
        if not self._train.previews or not self.isVisible():
            return
        path = self._train.previews[min(self.which.value(), len(self._train.previews) - 1)]
        step = path.stem.rpartition("-")[2]
        self.words.setText(f"Samples after {int(step):,} steps" if step.isdigit() else "Samples")
        reader = QImageReader(str(path))
        scale = self.devicePixelRatioF()
        room = QSize(max(self.width() - 24, 100), PICTURE_HEIGHT)
        reader.setScaledSize(reader.size().scaled(room * scale, Qt.AspectRatioMode.KeepAspectRatio))
        pixmap = QPixmap.fromImage(reader.read())
        pixmap.setDevicePixelRatio(scale)
        self.picture.setPixmap(pixmap)

    def showEvent(self, event: QShowEvent) -> None:
        """Make the plot, a moment after the rest is there: what it is made with takes a while to load."""
        super().showEvent(event)
        if self.plot is None:
            QTimer.singleShot(0, self._make_plot)
        self._draw()

    def _make_plot(self) -> None:
        if self.plot is None:
            self.plot = self._curves_view(self._train.curves)
            self._column.insertWidget(0, self.plot, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As large as there is room."""
        super().resizeEvent(event)
        self._draw()
