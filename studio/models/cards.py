"""Cards for a list view: those of the library that a filter keeps. Rows are pointers, so thousands cost nothing."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QByteArray, QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal

from studio.models.library import Card, Filter, Library
from studio.models.thumbnails import Thumbnails

CARD = Qt.ItemDataRole.UserRole
STARRED = Qt.ItemDataRole.UserRole + 1
MIME = "application/x-shape-studio-cards"  # names of cards, one a line

Index = QModelIndex | QPersistentModelIndex


class Cards(QAbstractListModel):
    """The cards that ``filter`` keeps. DecorationRole is the picture (QImage or None), CARD the card itself."""

    counted = Signal(int)

    def __init__(self, library: Library, thumbnails: Thumbnails, choice: Filter | None = None) -> None:
        super().__init__()
        self._library, self._thumbnails = library, thumbnails
        self._filter = choice or Filter()
        self._rows: list[Card] = []
        self._place: dict[str, int] = {}
        library.changed.connect(self._read)
        library.starred.connect(self._mark)
        library.tagged.connect(self._sort_again)
        thumbnails.ready.connect(self._picture)
        self._read()

    @property
    def filter(self) -> Filter:
        """What is shown."""
        return self._filter

    def show(self, choice: Filter) -> None:
        """Show other cards."""
        if choice != self._filter:
            self._filter = choice
            self._read()

    def card(self, row: int) -> Card:
        """The card of a row."""
        return self._rows[row]

    def row_of(self, name: str) -> int | None:
        """Where a card stands, if it is shown."""
        return self._place.get(name)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        card = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return card.title
            case Qt.ItemDataRole.DecorationRole:
                return self._thumbnails.image(card.name) if card.kind in ("shape", "item") else None
            case Qt.ItemDataRole.ToolTipRole:
                tags = ", ".join(self._library.tags.get(card.name, ()))
                fault = self._thumbnails.fault(card.name)
                lines = (
                    card.title,
                    card.hint or card.note,
                    ", ".join(card.parts),
                    tags and f"Tags: {tags}",
                    fault and f"No picture: {fault}",
                    card.name,
                )
                return "\n".join(text for text in lines if text)
        if role == CARD:
            return card
        return card.name in self._library.stars if role == STARRED else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override]
        return dragged(self._library, [self._rows[index.row()] for index in indexes])

    def _read(self) -> None:
        self.beginResetModel()
        self._rows = self._found()
        self._place = {card.name: row for row, card in enumerate(self._rows)}
        self.endResetModel()
        self.counted.emit(len(self._rows))

    def _found(self) -> list[Card]:
        """What is shown now."""
        return self._library.shown(self._filter)

    def _mark(self, name: str) -> None:
        if self._filter.starred:
            self._read()
        else:
            self._tell(name, STARRED)

    def _sort_again(self) -> None:
        if self._filter.tag or self._filter.text:
            self._read()

    def _picture(self, name: str) -> None:
        self._tell(name, Qt.ItemDataRole.DecorationRole)

    def _tell(self, name: str, role: int) -> None:
        if (row := self._place.get(name)) is not None:
            index = self.index(row)
            self.dataChanged.emit(index, index, [role])


def dragged(library: Library, cards: Sequence[Card]) -> QMimeData:
    """What is dragged: names of cards for this window, files for others."""
    files = [card.name for card in cards if card.kind == "shape" or (card.kind == "item" and card.mood != "bad")]
    data = library.carry(files) if files and library.carry else QMimeData()
    data.setData(MIME, QByteArray("\n".join(card.name for card in cards).encode()))
    return data
