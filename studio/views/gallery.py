"""The gallery: what was generated last, larger than in the library."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStackedLayout, QVBoxLayout

from studio.models.gallery import Gallery
from studio.models.offers import offers
from studio.models.opened import OpenProject
from studio.panel import Panel
from studio.widgets.card_list import CardList
from studio.widgets.card_menu import card_menu
from studio.widgets.words import Ground, label


class GalleryView(Ground):
    """Cards of the newest generation under one line on it."""

    def __init__(self, opened: OpenProject) -> None:
        super().__init__()
        self._opened = opened
        self._gallery = opened.model(Gallery)
        self.list = CardList(self._gallery.cards, side=148)
        self.words = label(role="dim")
        self.progress = QProgressBar(textVisible=False)
        self.progress.setFixedWidth(160)
        self._empty = label(role="dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(self.progress)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 8)
        column.setSpacing(8)
        column.addLayout(head)
        column.addLayout(self._stack, 1)
        self.list.chosen.connect(self._choose)
        self.list.opened.connect(opened.current.show)
        self.list.asked.connect(self._menu)
        self._gallery.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        gallery, share = self._gallery, self._gallery.share
        self.words.setText(gallery.words)
        self.words.setToolTip(gallery.details)
        self.progress.setVisible(share is not None)
        if share is not None:
            self.progress.setValue(round(100 * share))
        self._empty.setText(gallery.hint)
        self._stack.setCurrentIndex(0 if gallery.cards.rowCount() else 1)

    def _menu(self, names: tuple[str, ...], place: QPoint) -> None:
        card_menu(self, offers(self._opened, names)).popup(place)

    def _choose(self, names: tuple[str, ...]) -> None:
        if names:
            self._opened.current.choose(names)
            self._opened.current.show(names[-1])


PANEL = Panel("gallery", "Gallery", "centre", GalleryView, workspaces=("Make",), share=3)
