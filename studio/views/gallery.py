"""The gallery: what was generated last, larger than in the library, and from the first moment on."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStackedLayout, QToolButton, QVBoxLayout

from studio.models.gallery import Gallery
from studio.models.offers import offers, remove
from studio.models.opened import OpenProject
from studio.panel import Panel, in_menu
from studio.widgets.card_list import CardList
from studio.widgets.card_menu import card_menu
from studio.widgets.elided import Elided
from studio.widgets.waits import Waits
from studio.widgets.words import Ground, button, label

BESIDE_KEYS = "N"


class GalleryView(Ground):
    """Cards of the newest generation under one line on it."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self._gallery = opened.model(Gallery)
        self.list = CardList(self._gallery.cards, side=148)
        self.list.setAccessibleName("Generated shapes")
        self.words = Elided()
        self.progress = QProgressBar(textVisible=False)
        self.progress.setFixedWidth(120)
        self.progress.setAccessibleName("How far it is")
        self.stop = button("Stop", self._gallery.stop, "", "stop", "Make no more: what is finished is kept")
        self.go_on = button("Make the rest", self._gallery.go_on, "", "retry", "Go on with what was stopped")
        self.beside = QToolButton()
        self.beside.setText("Nearest beside it")
        self.beside.setCheckable(True)
        self.beside.setProperty("role", "flat")
        self.beside.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._empty = label(role="dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        for widget in (self.progress, self.stop, self.go_on, self.beside):
            head.addWidget(widget)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(Waits(opened.queue, lambda: self._gallery.run))
        column.addLayout(self._stack, 1)
        self.list.chosen.connect(self._choose)
        self.list.clicked.connect(lambda _: self._choose(self.list.names))
        self.list.opened.connect(self._gallery.look_at)
        self.list.asked.connect(self._menu)
        self.list.unwanted.connect(lambda names: remove(opened, names))
        self.beside.toggled.connect(self._gallery.set_beside)
        self._gallery.changed.connect(self._draw)
        opened.current.shape_changed.connect(lambda _: self._draw())
        self._action = QAction("Nearest training shape beside it", self)
        self._action.setShortcut(QKeySequence(BESIDE_KEYS))
        self._action.triggered.connect(self.beside.toggle)
        self.addAction(in_menu(self._action, "Shape"))
        self._draw()

    def _draw(self) -> None:
        gallery, share = self._gallery, self._gallery.share
        self.words.setText(gallery.words)
        self.words.setToolTip(gallery.details or gallery.words)
        self.progress.setVisible(share is not None)
        if share is not None:
            self.progress.setValue(round(100 * share))
        self.stop.setVisible(gallery.can_stop)
        self.stop.setText(gallery.stop_words)
        self.go_on.setVisible(gallery.can_go_on)
        self.go_on.setText(gallery.go_on_words)
        self.beside.setChecked(gallery.beside)
        self.beside.setVisible(gallery.has_nearest)
        self._action.setEnabled(gallery.has_nearest)
        known = gallery.nearest_words
        self.beside.setToolTip(
            f"Show the nearest training shape beside it ({BESIDE_KEYS})\n{known}"
            if known
            else "Of the shape that is looked at no training shapes are known here"
        )
        self._empty.setText(gallery.hint)
        self._stack.setCurrentIndex(0 if gallery.cards.rowCount() else 1)

    def _menu(self, names: tuple[str, ...], place: QPoint) -> None:
        if groups := offers(self._opened, names):
            card_menu(self, groups).popup(place)

    def _choose(self, names: tuple[str, ...]) -> None:
        if names:
            self._opened.current.choose(names)
            self._gallery.look_at(names[-1])


PANEL = Panel("gallery", "Gallery", "centre", GalleryView, workspaces=("Make",), share=3)
