"""A grid of cards that can be chosen, opened with Enter, and dragged."""

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from studio.models.cards import CARD, Cards
from studio.widgets.card_delegate import CardDelegate


class CardList(QListView):
    """Cards in rows, as many beside one another as there is room for. Thousands cost no more than those in sight.

    chosen(names) : the selection changed by the person; opened(name) : Enter or a double click
    asked(names, place) : the context menu is wanted, at a place on the screen; unwanted(names) : Delete
    """

    chosen = Signal(tuple)
    opened = Signal(str)
    asked = Signal(tuple, QPoint)
    unwanted = Signal(tuple)

    def __init__(self, cards: Cards, side: int = 104, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards = cards
        self._keep: tuple[str, ...] = ()
        self._delegate = CardDelegate(side)
        self._usual = self._least = side
        self.setModel(cards)
        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(500)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragEnabled(True)
        self.setMouseTracking(True)
        self.setIconSize(QSize(side, side))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask)
        self.activated.connect(lambda index: self.opened.emit(index.data(CARD).name))
        self.selectionModel().selectionChanged.connect(self._tell)
        cards.modelAboutToBeReset.connect(self._remember)
        cards.modelReset.connect(self._restore)
        cards.modelReset.connect(self._spread)

    @property
    def names(self) -> tuple[str, ...]:
        """The chosen cards, the one with the focus last."""
        found = [index.data(CARD).name for index in self.selectionModel().selectedIndexes()]
        current = self.currentIndex()
        last = current.data(CARD).name if current.isValid() else ""
        return tuple(sorted(found, key=lambda name: name == last))

    def choose(self, name: str) -> None:
        """Choose this card alone and bring it into sight, if it is shown."""
        row = self._cards.row_of(name)
        if row is not None:
            self.setCurrentIndex(self._cards.index(row))

    def enlarge(self, size: int) -> None:
        """Pictures of so many per cent of their usual side."""
        self._least = self._usual * size // 100
        self._spread()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many cards as there is room for, and as wide as fills it."""
        self._spread()
        super().resizeEvent(event)

    def _spread(self) -> None:
        """Let cards of the least width or more fill each row. Whether there is a bar is told by what the cards need, since
        Qt would leave room for it in any case."""
        whole = self.contentsRect().size()
        rows = -(-self._cards.rowCount() // self._fit(whole.width()))
        scrolls = rows * self._delegate.cell(self.fontMetrics()).height() > whole.height()
        if scrolls:
            self._fit(whole.width() - self.verticalScrollBar().sizeHint().width())
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOn if scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        cell = self._delegate.cell(self.fontMetrics())
        if cell != self.gridSize():
            self.setIconSize(QSize(self._delegate.side, self._delegate.side))
            self.setGridSize(cell)
        if policy != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(policy)

    def _fit(self, room: int) -> int:
        """Make cards so wide that they fill the room; returns how many are beside one another."""
        least, room = self._delegate.width_of(self._least), room - 1  # Qt keeps the last pixel free
        beside = max(1, room // least)
        self._delegate.side = self._delegate.side_in(max(room // beside, least))
        return beside

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens; Qt leaves that to the style."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            if self.currentIndex().isValid():
                self.opened.emit(self.currentIndex().data(CARD).name)
            return
        if event.key() == Qt.Key.Key_Delete and not event.modifiers() and self.names:
            self.unwanted.emit(self.names)
            return
        super().keyPressEvent(event)

    def _tell(self) -> None:
        self.chosen.emit(self.names)

    def _ask(self, place: QPoint) -> None:
        index: QModelIndex = self.indexAt(place)
        if index.isValid():
            self.asked.emit(self.names or (index.data(CARD).name,), self.viewport().mapToGlobal(place))

    def _remember(self) -> None:
        self._keep = self.names

    def _restore(self) -> None:
        """What was chosen stays so when the cards are read anew."""
        selection = self.selectionModel()
        selection.blockSignals(True)
        for name in self._keep:
            if (row := self._cards.row_of(name)) is not None:
                selection.setCurrentIndex(self._cards.index(row), selection.SelectionFlag.Select)
        selection.blockSignals(False)
        if self.names != self._keep:
            self._tell()
